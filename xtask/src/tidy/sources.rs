//! How source files look: what each begins with, how long it may be, and blanks that nobody sees.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The longest a source file may be, in lines: beyond that it holds more than one thought.
const LINES_MAX: usize = 600;

/// Folders that hold nothing that people wrote here.
const NOT_OURS: [&str; 5] = ["target", "node_modules", "dist", ".git", "corpus"];

/// File endings whose blanks are checked. Snapshots and traces keep what the program printed.
const TEXT: [&str; 11] = ["rs", "toml", "md", "yml", "yaml", "ts", "tsx", "css", "html", "sh", "service"];

/// Returns every violation below `root`.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for path in files(root)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if TEXT.contains(&ending.as_str()) {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            violations(&shown, &ending, &text, &mut broken);
        }
    }
    Ok(broken)
}

fn violations(path: &str, ending: &str, text: &str, broken: &mut Vec<String>) {
    if ending == "rs" && !text.starts_with("//!") {
        broken.push(format!("{path}:1: does not open with `//!`: say what the file is for"));
    }
    let is_code = matches!(ending, "rs" | "ts" | "tsx");
    let lines = text.lines().count();
    if is_code && lines > LINES_MAX {
        broken.push(format!("{path}: {lines} lines, at most {LINES_MAX}: it holds more than one thought"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        broken.push(format!("{path}:{lines}: no line break at the end"));
    }
    // Written in two parts, or this line would break the rule.
    let unfinished = concat!("todo", "!(");
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.ends_with([' ', '\t', '\r']) {
            broken.push(format!("{path}:{number}: blanks at the end of the line"));
        }
        if line.contains('\t') {
            broken.push(format!("{path}:{number}: a tab; use spaces"));
        }
        if ending == "rs" && line.contains(unfinished) {
            broken.push(format!("{path}:{number}: unfinished code"));
        }
    }
}

/// All files below `root`, sorted, without the folders that are not ours.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let kind = entry.file_type().with_context(|| format!("cannot read {}", entry.path().display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_names_file_and_line() {
        let long = format!("//! x\n{}", "x\n".repeat(LINES_MAX));
        let cases = [
            ("a.rs", "rs", "//! fine\nfn main() {}\n", ""),
            ("a.rs", "rs", "fn main() {}\n", "a.rs:1: does not open with `//!`: say what the file is for"),
            ("a.rs", "rs", "//! x \n", "a.rs:1: blanks at the end of the line"),
            ("a.toml", "toml", "x = 1\n\ty = 2\n", "a.toml:2: a tab; use spaces"),
            ("a.md", "md", "no end", "a.md:1: no line break at the end"),
            ("a.rs", "rs", concat!("//! x\nfn f() { todo", "!() }\n"), "a.rs:2: unfinished code"),
            ("a.rs", "rs", &long, "a.rs: 601 lines, at most 600: it holds more than one thought"),
            ("a.md", "md", &long, ""),
        ];
        for (path, ending, text, expected) in cases {
            let mut broken = Vec::new();
            violations(path, ending, text, &mut broken);
            assert_eq!(broken.join("\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn built_files_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("target")).unwrap();
        std::fs::write(root.path().join("target/made.rs"), "bad").unwrap();
        std::fs::write(root.path().join("own.rs"), "bad\n").unwrap();
        let broken = check(root.path()).unwrap();
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].starts_with("own.rs:1:"));
    }
}
