//! The token file: one line per token with its role, the SHA-256 of its text, and a name. The text itself is shown once,
//! when it is made, and kept nowhere.

use std::path::{Path, PathBuf};

use serve::{Role, TokenRecord};

/// Why a token file cannot be used.
#[derive(Debug)]
pub enum TokensError {
    /// It cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// A line is not `role sha256 name`.
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

impl std::fmt::Display for TokensError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TokensError::Unreadable { path, .. } => write!(f, "cannot read the token file {}", path.display()),
            TokensError::Line { path, line, message } => write!(f, "{}:{line}: {message}", path.display()),
        }
    }
}

impl std::error::Error for TokensError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TokensError::Unreadable { source, .. } => Some(source),
            TokensError::Line { .. } => None,
        }
    }
}

/// Reads the token file.
///
/// # Errors
/// When it cannot be read, or a line is not `role sha256 name`; the line's hash is not repeated in the message.
pub fn read(path: &Path) -> Result<Vec<TokenRecord>, TokensError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| TokensError::Unreadable { path: path.to_path_buf(), source })?;
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let wrong = |message| TokensError::Line { path: path.to_path_buf(), line: index + 1, message };
            records.push(parse(line).map_err(wrong)?);
        }
    }
    Ok(records)
}

/// The line that stands for a token.
pub fn line(record: &TokenRecord) -> String {
    let hash: String = record.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hash} {}", role_word(record.role), record.name)
}

/// The word for a role.
pub const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Reader => "reader",
        Role::Operator => "operator",
    }
}

fn parse(line: &str) -> Result<TokenRecord, String> {
    let mut words = line.splitn(3, char::is_whitespace);
    let role = match words.next() {
        Some("reader") => Role::Reader,
        Some("operator") => Role::Operator,
        other => return Err(format!("`{}` is no role: reader or operator", other.unwrap_or_default())),
    };
    let hash = words.next().unwrap_or_default();
    let sha256 = unhex(hash).ok_or_else(|| "the second word is not a SHA-256 in hex (64 digits)".to_owned())?;
    match words.next().map(str::trim) {
        Some(name) if !name.is_empty() => Ok(TokenRecord { name: name.into(), role, sha256 }),
        _ => Err("the name is missing: role, SHA-256, name".into()),
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = ((pair[0] as char).to_digit(16)?, (pair[1] as char).to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_from_its_line() {
        let record = serve::Secret::from_text("frn_x").record("grafana on desk", Role::Reader);
        assert_eq!(parse(&line(&record)), Ok(record));
    }

    #[test]
    fn a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let hash = "0".repeat(64);
        let cases = [
            (format!("# x\n\nadmin {hash} a\n"), ":3: `admin` is no role: reader or operator"),
            ("reader 12 a\n".into(), ":1: the second word is not a SHA-256 in hex (64 digits)"),
            (format!("reader {hash}\n"), ":1: the name is missing: role, SHA-256, name"),
        ];
        for (text, expected) in cases {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().to_string(), format!("{}{expected}", path.display()));
        }
        assert!(read(&folder.path().join("absent")).unwrap_err().to_string().contains("cannot read the token file"));
    }
}
