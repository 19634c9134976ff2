//! How a command ends when it cannot do what was asked: what was tried on what, what to do about it, and an exit status that
//! programs can act on.

use std::fmt;
use std::process::ExitCode;

/// The exit statuses, as `forerun --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Tried and failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The daemon cannot be reached.
    Unreachable = 3,
    /// No token, the wrong token, or not allowed.
    Refused = 4,
    /// No such target, decision or file.
    NotFound = 5,
}

/// Why a command could not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What was tried on what, and what came of it.
    pub what: String,
    /// What to do about it; empty when `what` says it.
    pub remedy: String,
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with a remedy.
    pub fn new(status: Status, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Failure { status, what: what.into(), remedy: remedy.into() }
    }

    /// From an error, with its causes joined.
    pub fn of(status: Status, error: &dyn std::error::Error, remedy: impl Into<String>) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            what = format!("{what}: {inner}");
            cause = inner.source();
        }
        Failure::new(status, what, remedy)
    }

    /// Prints the failure to standard error, as JSON when asked for, and returns the exit status.
    pub fn report(&self, json: bool) -> ExitCode {
        if json {
            let document = serde_json::json!({ "error": self.what, "remedy": self.remedy, "status": self.status as u8 });
            eprintln!("{document}");
        } else {
            eprintln!("{self}");
        }
        ExitCode::from(self.status as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  try: {}", self.remedy)?;
        }
        Ok(())
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        let status = match &error {
            crate::config::ConfigError::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Status::NotFound
            }
            _ => Status::Usage,
        };
        Failure::of(status, &error, "`forerun config show` prints all keys with their defaults")
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::new(Status::Failed, format!("{error:#}"), "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_joined_and_the_remedy_follows() {
        let error = crate::config::ConfigError::Unreadable {
            path: "/etc/x.toml".into(),
            source: std::io::Error::from(std::io::ErrorKind::NotFound),
        };
        let failure = Failure::from(error);
        assert_eq!(failure.status, Status::NotFound);
        assert_eq!(
            failure.to_string(),
            "error: cannot read the configuration /etc/x.toml: entity not found\n  try: `forerun config show` prints all keys with their defaults"
        );
    }
}
