//! The tables in `docs/`: every requirement has a row that says where it is and which test shows it, and every promise
//! with a figure names the command that measures it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

/// The states a requirement may be in.
const STATES: [&str; 3] = ["done", "partly", "not yet"];

/// Returns every violation in the two tables.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let read = |name: &str| {
        let path = root.join("docs").join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut broken = features(&read("features.md")?, |path| root.join(path).exists());
    broken.extend(promises(&read("promises.md")?));
    Ok(broken)
}

/// `docs/features.md`: a line `Rows: 1.1 to 1.9, ...` lists the ids, the tables hold one row for each.
fn features(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let name = "docs/features.md";
    let mut broken = Vec::new();
    let Some(listed) = text.lines().find_map(|line| line.strip_prefix("Rows: ")) else {
        return vec![format!("{name}: no line `Rows: ...` that lists the requirements")];
    };
    let mut missing = ids(listed);
    if missing.is_empty() {
        broken.push(format!("{name}: the line `Rows: ...` lists nothing"));
    }
    for (number, cells) in rows(text) {
        let [id, _, place, test, state] = cells.as_slice() else {
            broken.push(format!("{name}:{number}: {} cells instead of id, requirement, where, test, state", cells.len()));
            continue;
        };
        if !missing.remove(id.as_str()) {
            broken.push(format!("{name}:{number}: `{id}` is not in the line `Rows: ...`, or stands here twice"));
        }
        if !STATES.contains(&state.as_str()) {
            broken.push(format!("{name}:{number}: state `{state}` is none of {STATES:?}"));
        }
        if state == "done" && (!place.contains('`') || !test.contains('`')) {
            broken.push(format!("{name}:{number}: `{id}` is done, but names no code or no test"));
        }
        for path in [place, test].into_iter().flat_map(|cell| quoted(cell)).filter(|word| is_path(word)) {
            if !exists(path.split("::").next().unwrap_or(path)) {
                broken.push(format!("{name}:{number}: there is no `{path}`"));
            }
        }
    }
    broken.extend(missing.into_iter().map(|id| format!("{name}: requirement {id} has no row")));
    broken
}

/// `docs/promises.md`: id, promise, asked, measured, holds, command.
fn promises(text: &str) -> Vec<String> {
    let name = "docs/promises.md";
    let mut broken = Vec::new();
    let mut seen = BTreeMap::new();
    for (number, cells) in rows(text) {
        let [id, promise, asked, _, holds, command] = cells.as_slice() else {
            let count = cells.len();
            broken.push(format!("{name}:{number}: {count} cells instead of id, promise, asked, measured, holds, command"));
            continue;
        };
        let has_figure = [promise, asked].into_iter().any(|cell| cell.contains(|letter: char| letter.is_ascii_digit()));
        if has_figure && quoted(command).next().is_none() {
            broken.push(format!("{name}:{number}: `{id}` promises a figure, but names no command that measures it"));
        }
        if !["yes", "no", "pending"].contains(&holds.as_str()) {
            broken.push(format!("{name}:{number}: `{id}` holds `{holds}`: yes, no or pending"));
        }
        if let Some(earlier) = seen.insert(id.clone(), number) {
            broken.push(format!("{name}:{number}: `{id}` stands in line {earlier} already"));
        }
    }
    if seen.is_empty() {
        broken.push(format!("{name}: no promise"));
    }
    broken
}

/// The rows of all tables of a document, headings and rules left out, each with its line number.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("| -") || line.starts_with("|:");
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let heads_a_table = lines.get(index + 1).is_some_and(|next| is_rule(next));
        if line.starts_with('|') && !is_rule(line) && !heads_a_table {
            let inner = line.trim_matches('|');
            found.push((index + 1, inner.split('|').map(|cell| cell.trim().to_owned()).collect()));
        }
    }
    found.into_iter()
}

/// `1.1 to 1.3, 2.4` as the set of four ids.
fn ids(list: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in list.trim_end_matches('.').split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once(" to ").unwrap_or((part, part));
        let split = |id: &str| {
            id.split_once('.').and_then(|(part, row)| Some((part.parse::<u32>().ok()?, row.parse::<u32>().ok()?)))
        };
        if let (Some((chapter, from)), Some((_, until))) = (split(first), split(last)) {
            found.extend((from..=until).map(|row| format!("{chapter}.{row}")));
        }
    }
    found
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    word.contains('/') && !word.contains([' ', '{', '*', '<']) && !word.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Rows: 1.1 to 1.2.\n\n| id | requirement | where | test | state |\n|---|---|---|---|---|\n";

    fn features_of(rows: &str) -> String {
        features(&format!("{HEAD}{rows}"), |path| path == "crates/act").join("\n")
    }

    #[test]
    fn every_requirement_has_one_row() {
        let one = "| 1.1 | x | `crates/act` | `crates/act::undo` | done |\n";
        let cases = [
            ("| 1.2 | y | | | not yet |\n", ""),
            ("", "docs/features.md: requirement 1.2 has no row"),
            ("| 1.2 | y | | | done |\n", "docs/features.md:6: `1.2` is done, but names no code or no test"),
            ("| 1.2 | y | | | soon |\n", "docs/features.md:6: state `soon` is none of [\"done\", \"partly\", \"not yet\"]"),
            ("| 1.2 | y | `crates/gone` | | partly |\n", "docs/features.md:6: there is no `crates/gone`"),
            ("| 1.2 | y | `GET /v1/targets` | | partly |\n", ""),
            (
                "| 1.2 | y | not yet |\n",
                "docs/features.md:6: 3 cells instead of id, requirement, where, test, state\ndocs/features.md: requirement 1.2 has no row",
            ),
            (
                "| 1.2 | y | | | not yet |\n| 1.2 | y | | | not yet |\n",
                "docs/features.md:7: `1.2` is not in the line `Rows: ...`, or stands here twice",
            ),
        ];
        for (row, expected) in cases {
            assert_eq!(features_of(&format!("{one}{row}")), expected);
        }
        assert_eq!(features("", |_| true), ["docs/features.md: no line `Rows: ...` that lists the requirements"]);
    }

    #[test]
    fn a_promise_with_a_figure_names_its_command() {
        let head = "| id | promise | asked | measured | holds | command |\n|---|---|---|---|---|---|\n";
        let cases = [
            ("| a | fast | at most 1 s | | pending | `cargo xtask bench scale` |\n", ""),
            (
                "| a | fast | at most 1 s | | pending | later |\n",
                "docs/promises.md:3: `a` promises a figure, but names no command that measures it",
            ),
            ("| a | says so | always | | pending | |\n", ""),
            ("| a | says so | always | | maybe | |\n", "docs/promises.md:3: `a` holds `maybe`: yes, no or pending"),
            ("", "docs/promises.md: no promise"),
        ];
        for (row, expected) in cases {
            assert_eq!(promises(&format!("{head}{row}")).join("\n"), expected);
        }
    }
}
