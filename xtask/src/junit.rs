//! Reads what counts from the JUnit file that cargo-nextest writes: how many tests, and which of them say that they
//! skipped something. A scan over the few shapes that nextest writes, not an XML parser.

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that were run.
    pub run: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// What tests said they left out: `test: reason`.
    pub skipped: Vec<String>,
}

impl Counts {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: Counts) {
        self.run += other.run;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }
}

/// Reads a JUnit file.
pub fn read(text: &str) -> Counts {
    let mut counts = Counts::default();
    let mut test = String::new();
    for line in text.lines() {
        for tag in line.split('<').skip(1) {
            if tag.starts_with("testsuites ") {
                counts.run = attribute(tag, "tests").and_then(|count| count.parse().ok()).unwrap_or(0);
                let bad = |name| attribute(tag, name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
                counts.failed = bad("failures") + bad("errors");
            } else if tag.starts_with("testcase ") {
                test = attribute(tag, "name").unwrap_or_default();
            }
        }
        if let Some(reason) = skip_reason(line) {
            counts.skipped.push(format!("{test}: {reason}"));
        }
    }
    counts
}

/// Reads the standard output of `cargo test`, line by line, into `counts`.
pub fn read_line(line: &str, counts: &mut Counts) {
    if let Some(reason) = skip_reason(line) {
        counts.skipped.push(reason);
    }
    let Some(figures) = line.strip_prefix("test result: ") else { return };
    for part in figures.split(['.', ';']) {
        let mut words = part.split_whitespace();
        let (Some(count), Some(what)) = (words.next().and_then(|word| word.parse::<u64>().ok()), words.next()) else {
            continue;
        };
        match what {
            "passed" => counts.run += count,
            "failed" => {
                counts.run += count;
                counts.failed += count;
            }
            _ => {}
        }
    }
}

fn skip_reason(line: &str) -> Option<String> {
    let line = line.trim_start();
    let text = if line.starts_with('<') { line.split_once('>')?.1 } else { line };
    let reason = text.strip_prefix("skipped: ")?;
    let reason = reason.split_once("</").map_or(reason, |(reason, _)| reason);
    Some(
        reason
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_skips_are_read_from_junit() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" uuid="x" time="0.1">
    <testsuite name="forerun-act" tests="3" disabled="0" errors="0" failures="1">
        <testcase name="limits::sets_quota" classname="forerun-act" time="0.01">
            <system-out>running 1 test</system-out>
            <system-err>skipped: needs root &amp; cgroups
other words</system-err>
        </testcase>
        <testcase name="limits::undo" classname="forerun-act">
            <system-err>one line
skipped: no tc</system-err>
        </testcase>
"#;
        let counts = read(text);
        assert_eq!((counts.run, counts.failed), (3, 1));
        assert_eq!(counts.skipped, ["limits::sets_quota: needs root & cgroups", "limits::undo: no tc"]);
    }

    #[test]
    fn counts_are_read_from_cargo_test() {
        let mut counts = Counts::default();
        read_line(
            "test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            &mut counts,
        );
        read_line("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", &mut counts);
        read_line("skipped: no root", &mut counts);
        read_line("test skipped ... ok", &mut counts);
        assert_eq!(counts, Counts { run: 9, failed: 2, skipped: vec!["no root".into()] });
    }
}
