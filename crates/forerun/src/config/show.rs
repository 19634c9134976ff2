//! Prints settings as a `forerun.toml` that reads back to the same, each key under its documentation.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::problem::sections;
use super::written::{Documented, Written};

/// The settings in effect, as a file.
///
/// # Errors
/// When the settings cannot be written as TOML, which would be a bug.
pub fn show(written: &Written) -> Result<String, toml::ser::Error> {
    let table = Table::try_from(written)?;
    let mut text = String::new();
    section(&mut text, "", "", &table, &Written::DOCUMENTED);
    Ok(text)
}

/// Writes the plain keys of a table, then its sections. Writing to a String cannot fail.
fn section(text: &mut String, path: &str, head: &str, table: &Table, about: &Documented) {
    if !head.is_empty() {
        let _ = writeln!(text, "\n# {}\n{head}", about.about.trim());
    }
    let nested = |value: &Value| value.is_table() || value.as_array().is_some_and(|list| list.iter().any(Value::is_table));
    for (key, documentation) in about.keys {
        match table.get(*key) {
            Some(value) if nested(value) => {}
            // Written out, it would forbid to add `[[target]]` below.
            Some(Value::Array(none)) if none.is_empty() && is_list_of_sections(&join(path, key)) => {
                let _ = writeln!(text, "# {}\n# there is no [[{key}]]", documentation.trim());
            }
            Some(value) => {
                let _ = writeln!(text, "# {}\n{key} = {value}", documentation.trim());
            }
            None if is_section(&join(path, key)) => {}
            None => {
                let _ = writeln!(text, "# {}\n# {key} is not set", documentation.trim());
            }
        }
    }
    for (key, _) in about.keys {
        let inner = join(path, key);
        match table.get(*key) {
            Some(Value::Table(entries)) if inner == "load.tier" => {
                for (tier, entry) in entries {
                    let name = format!("[load.tier.{tier}]");
                    if let Some(entry) = entry.as_table() {
                        section(text, &inner, &name, entry, documented("[load.tier.NAME]"));
                    }
                }
            }
            Some(Value::Table(entry)) => {
                section(text, &inner, &format!("[{inner}]"), entry, documented(&format!("[{inner}]")))
            }
            Some(Value::Array(entries)) if nested(&Value::Array(entries.clone())) => {
                for entry in entries.iter().filter_map(Value::as_table) {
                    section(text, &inner, &format!("[[{inner}]]"), entry, documented(&format!("[[{inner}]]")));
                }
            }
            _ => {}
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

fn is_list_of_sections(path: &str) -> bool {
    sections().any(|(name, _)| name == format!("[[{path}]]"))
}

fn is_section(path: &str) -> bool {
    path == "load.tier" || sections().any(|(name, _)| name.trim_matches(['[', ']']) == path)
}

fn documented(name: &str) -> &'static Documented {
    const NONE: Documented = Documented { about: "", keys: &[] };
    sections().find(|(known, _)| *known == name).map_or(&NONE, |(_, section)| section)
}
