//! What is wrong with a configuration, where, and what would be right.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use super::check::Fault;
use super::written::{self, Documented};

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// It says something that cannot be.
    Wrong {
        /// Its name.
        file: String,
        /// Everything that was found.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, when it stands in the file: line and column count from 1.
    pub place: Option<Place>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// In characters, at least 1.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, .. } => write!(f, "cannot read the configuration {}", path.display()),
            ConfigError::Wrong { file, problems } => {
                for (index, problem) in problems.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    write!(f, "{gap}{file}{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Unreadable { source, .. } => Some(source),
            ConfigError::Wrong { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Place { line, column, width, text }) = &self.place else {
            return write!(f, ": {}", self.message);
        };
        let number = line.to_string();
        let (margin, before) = (" ".repeat(number.len()), " ".repeat(column - 1));
        let marks = "^".repeat(*width);
        write!(f, ":{line}:{column}: {}\n {number} | {text}\n {margin} | {before}{marks}", self.message)
    }
}

impl Problem {
    /// From what the TOML reader says.
    pub fn of_reader(text: &str, error: &toml::de::Error) -> Self {
        Problem { place: error.span().map(|span| place(text, span)), message: explain(error.message()) }
    }

    /// From a value that the checks refuse.
    pub fn of_fault(text: &str, fault: &Fault) -> Self {
        let place = span_of(text, &fault.path).map(|span| place(text, span));
        Problem { place, message: format!("{} {}", fault.path, fault.message) }
    }
}

/// Names the nearest known key, or the section that a key belongs to.
fn explain(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((&found, known)) = quoted.split_first() else {
        return in_plain_words(message);
    };
    let is_key = message.starts_with("unknown field");
    if !is_key && !message.starts_with("unknown variant") {
        return in_plain_words(message);
    }
    let what = if is_key { "key" } else { "word" };
    let nearest = nearest(found, known.iter().copied());
    let elsewhere = sections().filter(|_| is_key).find(|(_, section)| section.keys.iter().any(|(key, _)| *key == found));
    match (nearest, elsewhere) {
        (Some(nearest), None) => format!("unknown {what} `{found}`; the nearest known one is `{nearest}`"),
        (_, Some((section, _))) => format!("unknown key `{found}` here; it belongs into {section}"),
        (None, None) => format!("unknown {what} `{found}`; known here are {}", known.join(", ")),
    }
}

/// The known word that is most like `found`, when it is alike at all.
fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.75;
    let scored = known.map(|word| (strsim::jaro_winkler(found, word), word));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, word)| word)
}

/// Every section under the name a user writes.
pub fn sections() -> impl Iterator<Item = (&'static str, &'static Documented)> {
    const ALL: [(&str, &Documented); 11] = [
        ("the top, before any section", &written::Written::DOCUMENTED),
        ("[daemon]", &written::Daemon::DOCUMENTED),
        ("[load]", &written::Load::DOCUMENTED),
        ("[load.bounds]", &written::Bounds::DOCUMENTED),
        ("[load.tier.NAME]", &written::TierSection::DOCUMENTED),
        ("[rails]", &written::Rails::DOCUMENTED),
        ("[store]", &written::Store::DOCUMENTED),
        ("[serve]", &written::Serve::DOCUMENTED),
        ("[import]", &written::Import::DOCUMENTED),
        ("[[target]]", &written::Target::DOCUMENTED),
        ("[target.scrape]", &written::Scrape::DOCUMENTED),
    ];
    ALL.into_iter()
}

/// The words of Rust's types, in a user's words.
fn in_plain_words(message: &str) -> String {
    let words = [
        ("expected f64", "expected a number"),
        ("expected u32", "expected a whole number"),
        ("expected a sequence", "expected a list in [ ]"),
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
    ];
    words.into_iter().fold(message.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Where in `text` the value of `path` stands.
fn span_of(text: &str, path: &str) -> Option<Range<usize>> {
    let table = toml::de::DeTable::parse(text).ok()?;
    let mut steps = path.split('.');
    let (key, value) = table.get_ref().get_key_value(steps.next()?)?;
    let (mut span, mut value) = (key.span(), value);
    for step in steps {
        value = match value.get_ref() {
            toml::de::DeValue::Table(inner) => inner.get(step)?,
            toml::de::DeValue::Array(inner) => inner.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
        span = value.span();
    }
    Some(span)
}

fn place(text: &str, span: Range<usize>) -> Place {
    let at = |byte: usize| (0..=byte.min(text.len())).rev().find(|&byte| text.is_char_boundary(byte)).unwrap_or(0);
    let (start, end) = (at(span.start), at(span.end));
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_text = text[begin..].lines().next().unwrap_or_default();
    let column = text[begin..start].chars().count();
    let width = text[start..end.max(start)].lines().next().unwrap_or_default().chars().count();
    Place { line: text[..start].matches('\n').count() + 1, column: column + 1, width: width.max(1), text: line_text.into() }
}
