//! The arguments of a bench: `--json`, `--quick`, and `NAME=VALUE` settings of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What a bench was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Prints one line of JSON instead of a table.
    pub json: bool,
    /// Smaller inputs, to see that the bench works; its figures are not the promised ones.
    pub quick: bool,
    settings: BTreeMap<String, String>,
}

/// Why the arguments cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentsError {
    /// Neither a flag nor `NAME=VALUE`.
    Unknown(String),
    /// A setting that does not read as what the bench needs.
    Unreadable {
        /// Its name.
        name: String,
        /// What it was given.
        value: String,
    },
}

impl fmt::Display for ArgumentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentsError::Unknown(word) => {
                write!(f, "unknown argument `{word}`; known are --json, --quick and NAME=VALUE")
            }
            ArgumentsError::Unreadable { name, value } => write!(f, "cannot read `{value}` as the value of `{name}`"),
        }
    }
}

impl std::error::Error for ArgumentsError {}

impl Arguments {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// [`ArgumentsError::Unknown`] for a word that is neither a flag nor `NAME=VALUE`.
    pub fn of_process() -> Result<Self, ArgumentsError> {
        Self::read(std::env::args().skip(1))
    }

    /// Reads `words`.
    ///
    /// # Errors
    /// [`ArgumentsError::Unknown`] for a word that is neither a flag nor `NAME=VALUE`.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, ArgumentsError> {
        let mut arguments = Arguments::default();
        for word in words {
            match word.as_str() {
                "--json" => arguments.json = true,
                "--quick" => arguments.quick = true,
                other => match other.split_once('=') {
                    Some((name, value)) if !name.starts_with('-') => {
                        arguments.settings.insert(name.into(), value.into());
                    }
                    _ => return Err(ArgumentsError::Unknown(word)),
                },
            }
        }
        Ok(arguments)
    }

    /// The setting `name`, or `otherwise` when it was not given.
    ///
    /// # Errors
    /// [`ArgumentsError::Unreadable`] when it was given and does not read as a `T`.
    pub fn setting<T: FromStr>(&self, name: &str, otherwise: T) -> Result<T, ArgumentsError> {
        let Some(value) = self.settings.get(name) else { return Ok(otherwise) };
        value.parse().map_err(|_| ArgumentsError::Unreadable { name: name.into(), value: value.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, ArgumentsError> {
        Arguments::read(line.split_whitespace().map(String::from))
    }

    #[test]
    fn flags_and_settings_are_read() {
        let arguments = read("--json targets=500").unwrap();
        assert!(arguments.json && !arguments.quick);
        assert_eq!(arguments.setting("targets", 100_000_u32), Ok(500));
        assert_eq!(arguments.setting("rounds", 3_u32), Ok(3));
        assert_eq!(
            arguments.setting::<bool>("targets", true).unwrap_err().to_string(),
            "cannot read `500` as the value of `targets`"
        );
        assert_eq!(read("--fast").unwrap_err(), ArgumentsError::Unknown("--fast".into()));
    }
}
