//! `forerun.toml`, in two steps: what the file says ([`written`]), then [`Settings`]: checked, typed, every default filled in.

mod check;
mod defaults;
mod engine;
mod problem;
mod settings;
mod show;
pub mod tokens;
pub mod units;
pub mod written;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use defaults::Surroundings;
pub use problem::{ConfigError, Problem};
pub use settings::{
    Daemon, Import, Load, Pools as PoolsSettings, Rails, Scrape, Serve, Settings, Store, TargetRule, TierSettings,
    tier_index,
};
pub use units::{Amount, Text, read as read_amount};
pub use written::Written;

/// A configuration in effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Checked and typed.
    pub settings: Settings,
    /// The same as it would be written.
    written: Written,
    /// The file it came from; `None` when there is none and the defaults hold.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// The settings in effect as a `forerun.toml`, each key under its documentation.
    pub fn show(&self) -> String {
        show::show(&self.written).expect("settings that were read as TOML can be written as TOML")
    }

    /// The settings in effect as JSON, with the keys of `forerun.toml`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(&self.written).expect("settings hold nothing but texts, numbers and lists")
    }
}

/// Reads the configuration: `file` when given, otherwise the first default file that exists, otherwise the defaults; then
/// `overrides` (the command line) on top.
///
/// # Errors
/// When the file cannot be read, or says something that cannot be.
pub fn load(file: Option<&Path>, overrides: &Written, surroundings: &Surroundings) -> Result<Loaded, ConfigError> {
    let found = file.map(PathBuf::from).or_else(|| surroundings.config_files().into_iter().find(|path| path.exists()));
    let Some(path) = found else {
        return read("the command line", "", overrides, surroundings);
    };
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
    let loaded = read(&path.display().to_string(), &text, overrides, surroundings)?;
    Ok(Loaded { file: Some(path), ..loaded })
}

/// Reads a configuration from its text; `name` stands in messages for where it came from.
///
/// # Errors
/// When it says something that cannot be.
pub fn read(name: &str, text: &str, overrides: &Written, surroundings: &Surroundings) -> Result<Loaded, ConfigError> {
    let wrong = |problems| ConfigError::Wrong { file: name.to_owned(), problems };
    let own: Written = toml::from_str(text).map_err(|error| wrong(vec![Problem::of_reader(text, &error)]))?;
    let mut table = as_table(&defaults::written(surroundings));
    lay_over(&mut table, as_table(&own));
    lay_over(&mut table, as_table(overrides));
    let written: Written = table.try_into().expect("each part was a valid configuration, so the whole has the same keys");
    let faults = |faults: Vec<check::Fault>| wrong(faults.iter().map(|fault| Problem::of_fault(text, fault)).collect());
    let settings = check::check(written.clone()).map_err(faults)?;
    Ok(Loaded { settings, written, file: None })
}

fn as_table(written: &Written) -> toml::Table {
    toml::Table::try_from(written).expect("settings that were read as TOML can be written as TOML")
}

/// Sections are joined key by key, everything else is replaced.
fn lay_over(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => lay_over(inner, value),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}
