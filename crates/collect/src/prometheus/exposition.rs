//! The text format that applications expose (Prometheus 0.0.4 and the lines of OpenMetrics 1.0): `name{label="value"} 1.5`.

use std::borrow::Cow;

/// A line that is no sample of the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not in the Prometheus text format: {text}")]
pub struct MalformedLine {
    /// Its number, from 1.
    pub line: usize,
    /// Its beginning.
    pub text: String,
}

/// One sample of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'t> {
    /// The metric's name.
    pub name: &'t str,
    /// Its labels as written, unescaped.
    pub labels: Vec<(&'t str, Cow<'t, str>)>,
    /// Its value; may be infinite or not a number.
    pub value: f64,
}

/// The samples of `text`, in order. Comments and empty lines are left out, timestamps and exemplars ignored.
pub fn samples(text: &str) -> impl Iterator<Item = Result<Sample<'_>, MalformedLine>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let malformed = || MalformedLine { line: index + 1, text: line.chars().take(80).collect() };
        Some(sample(line).ok_or_else(malformed))
    })
}

/// The sum of every sample called `metric` that has all of `labels`; `None` where there is none. Only lines that begin
/// with the name are looked at closely.
///
/// # Errors
/// The first such line that is malformed.
pub fn sum(text: &str, metric: &str, labels: &[(String, String)]) -> Result<Option<f64>, MalformedLine> {
    let mut sum = None;
    for sample in samples(text) {
        let sample = match sample {
            Ok(sample) => sample,
            Err(malformed) if malformed.text.starts_with(metric) => return Err(malformed),
            Err(_) => continue,
        };
        let has = |(name, value): &(String, String)| sample.labels.iter().any(|label| label.0 == name && label.1 == *value);
        if sample.name == metric && labels.iter().all(has) {
            *sum.get_or_insert(0.0) += sample.value;
        }
    }
    Ok(sum)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line.find(|letter: char| letter == '{' || letter.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

type Labels<'t> = Vec<(&'t str, Cow<'t, str>)>;

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let mut escaped = false;
        let end = quoted.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        labels.push((name.trim(), unescaped(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (letter, false) => out.push(letter),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"} 3 1395066363000
http_requests_total{method="get", code="200", } 5e2 # {trace_id="x"} 1
path{p="C:\\DIR\"}\n,",q="ü"} +Inf
queue_depth 7
broken{a="b" 3
no_value
"#;

    #[test]
    fn samples_are_picked_and_summed() {
        let labels = |text: &str| -> Vec<(String, String)> {
            let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        for (metric, wanted, expected) in [
            ("http_requests_total", "", Some(1_530.0)),
            ("http_requests_total", "code=200", Some(1_527.0)),
            ("http_requests_total", "code=200,method=post", Some(1_027.0)),
            ("http_requests_total", "code=500", None),
            ("queue_depth", "", Some(7.0)),
            ("queue", "", None),
        ] {
            assert_eq!(sum(TEXT, metric, &labels(wanted)), Ok(expected), "{metric} {wanted}");
        }
        assert_eq!(sum(TEXT, "broken", &[]).unwrap_err().line, 8);
        assert_eq!(
            sum(TEXT, "no_value", &[]).unwrap_err().to_string(),
            "line 9 is not in the Prometheus text format: no_value"
        );
    }

    #[test]
    fn labels_are_unescaped() {
        let path = samples(TEXT).nth(3).unwrap().unwrap();
        assert_eq!(path.labels, [("p", Cow::Borrowed("C:\\DIR\"}\n,")), ("q", Cow::Borrowed("ü"))]);
        assert_eq!(path.value, f64::INFINITY);
    }
}
