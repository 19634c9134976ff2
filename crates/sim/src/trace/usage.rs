//! The `usage` kind: resource series on a regular grid, one row per series and metric.

use std::path::Path;

use model::{Span, WallTime};

use super::TraceError;
use super::lines::{Lines, Row, shortened};

const HEADER: &str = "series,metric,unit,capacity,start_unix_s,step_s,values";

/// The unit of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// CPU cores.
    Cores,
    /// Percent of a capacity.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// An amount per step.
    Count,
    /// A duration in seconds.
    Seconds,
    /// Unknown, or the source's own scale.
    Unknown,
}

impl Unit {
    /// Every unit and the name that traces give it.
    pub const NAMES: [(Unit, &'static str); 8] = [
        (Unit::Cores, "cores"),
        (Unit::Percent, "percent"),
        (Unit::Bytes, "bytes"),
        (Unit::BytesPerSecond, "bytes_per_second"),
        (Unit::RequestsPerSecond, "requests_per_second"),
        (Unit::Count, "count"),
        (Unit::Seconds, "seconds"),
        (Unit::Unknown, ""),
    ];

    /// The name in a trace; empty for [`Unit::Unknown`].
    pub fn name(self) -> &'static str {
        Unit::NAMES[self as usize].1
    }
}

/// One metric of one workload.
#[derive(Clone, Debug)]
pub struct UsageSeries {
    /// Whose.
    pub series: String,
    /// What: `cpu`, `mem`, `disk_read`, ... or a name of the trace's own.
    pub metric: String,
    /// In which unit `capacity` and `values` are.
    pub unit: Unit,
    /// What is provisioned, where the source says so. Readings may pass it a little.
    pub capacity: Option<f64>,
    /// When step 0 begins; `None` where hour of day and weekday are unknown.
    pub start: Option<WallTime>,
    /// The grid.
    pub step: Span,
    /// One reading per step, at least one. NaN marks a missing step (the one place where a sentinel is kept: a trace
    /// holds tens of millions of steps, and an `Option<f32>` would double them). All others are finite.
    pub values: Vec<f32>,
}

/// Reads one series after the other.
pub struct UsageReader {
    lines: Lines,
}

impl UsageReader {
    /// Opens a trace.
    ///
    /// # Errors
    /// When the file cannot be opened, or its first line is not the header of the kind.
    pub fn open(path: &Path) -> Result<UsageReader, TraceError> {
        Ok(UsageReader { lines: Lines::open(path, HEADER)? })
    }

    fn next_series(&mut self) -> Result<Option<UsageSeries>, TraceError> {
        match self.lines.next_row()? {
            Some(row) => parse(&row).map(Some),
            None => Ok(None),
        }
    }
}

impl Iterator for UsageReader {
    type Item = Result<UsageSeries, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_series().transpose()
    }
}

/// All series of a trace, in the file's order.
///
/// # Errors
/// At the first line that is not as promised.
pub fn read_usage(path: &Path) -> Result<Vec<UsageSeries>, TraceError> {
    UsageReader::open(path)?.collect()
}

fn parse(row: &Row<'_>) -> Result<UsageSeries, TraceError> {
    let [series, metric, unit, capacity, start, step, values] = row.cells()?;
    for (field, cell) in [("series", series), ("metric", metric)] {
        if cell.is_empty() {
            return Err(row.wrong(field, "is empty, expected a name".to_owned()));
        }
    }
    let unit = parse_unit(row, unit)?;
    let step = match row.number("step_s", step)? {
        Some(seconds) if seconds >= 1e-9 => Span::from_secs_f64(seconds),
        _ => return Err(row.wrong("step_s", format!("\"{}\" is not a number above 0", shortened(step)))),
    };
    let start = row.number("start_unix_s", start)?;
    Ok(UsageSeries {
        series: series.to_owned(),
        metric: metric.to_owned(),
        unit,
        capacity: row.number("capacity", capacity)?,
        start: start.map(|seconds| WallTime::from_unix_millis((seconds * 1e3).round() as i64)),
        step,
        values: parse_values(row, values)?,
    })
}

fn parse_unit(row: &Row<'_>, cell: &str) -> Result<Unit, TraceError> {
    let known = Unit::NAMES.into_iter().find(|(_, name)| *name == cell);
    known.map(|(unit, _)| unit).ok_or_else(|| {
        let names: Vec<&str> = Unit::NAMES.iter().map(|(_, name)| *name).filter(|name| !name.is_empty()).collect();
        row.wrong("unit", format!("\"{}\" is not a unit, expected one of {} or nothing", shortened(cell), names.join(", ")))
    })
}

fn parse_values(row: &Row<'_>, cell: &str) -> Result<Vec<f32>, TraceError> {
    if cell.is_empty() {
        return Err(row.wrong("values", "is empty, expected at least one step".to_owned()));
    }
    let mut values = Vec::with_capacity(cell.len() / 8 + 1);
    for (step, text) in cell.split(' ').enumerate() {
        let value = match text {
            "nan" => f32::NAN,
            _ => match text.parse::<f32>() {
                Ok(value) if value.is_finite() => value,
                _ => {
                    let problem = format!("step {step}: \"{}\" is not a number", shortened(text));
                    return Err(row.wrong("values", problem));
                }
            },
        };
        values.push(value);
    }
    values.shrink_to_fit();
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files that they read")]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<Vec<UsageSeries>, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("t.usage.csv");
        std::fs::write(&path, text).expect("written");
        let prefix = format!("{}/", folder.path().display());
        read_usage(&path).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    #[test]
    fn reads_rows_with_gaps_and_unknowns() {
        let rows = read(&format!("{HEADER}\na,cpu,cores,4,1600000000,60,1 nan 2.5\nb,kpi,,,,0.5,7\n")).expect("good");
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].unit, rows[0].capacity), (Unit::Cores, Some(4.0)));
        assert_eq!(rows[0].start, Some(WallTime::from_unix_secs(1_600_000_000)));
        assert_eq!(rows[0].step, Span::from_secs(60));
        assert!(rows[0].values[1].is_nan());
        assert_eq!(rows[0].values[2], 2.5);
        assert_eq!((rows[1].unit, rows[1].start, rows[1].step), (Unit::Unknown, None, Span::from_millis(500)));
    }

    #[test]
    fn names_file_line_field_and_step() {
        let good = "a,cpu,cores,4,,60,1 2";
        for (rows, message) in [
            ("a,cpu,cores,4,,60,1 abc 2", "t.usage.csv:2: field values: step 1: \"abc\" is not a number"),
            ("a,cpu,cores,4,,60,1  2", "t.usage.csv:2: field values: step 1: \"\" is not a number"),
            ("a,cpu,cores,4,,60,inf", "t.usage.csv:2: field values: step 0: \"inf\" is not a number"),
            ("a,cpu,cores,4,,60,", "t.usage.csv:2: field values: is empty, expected at least one step"),
            (",cpu,cores,4,,60,1", "t.usage.csv:2: field series: is empty, expected a name"),
            ("a,cpu,cores,x,,60,1", "t.usage.csv:2: field capacity: \"x\" is not a number"),
            ("a,cpu,cores,,,0,1", "t.usage.csv:2: field step_s: \"0\" is not a number above 0"),
            (
                "a,cpu,core,,,60,1",
                "t.usage.csv:2: field unit: \"core\" is not a unit, expected one of cores, percent, bytes, \
                 bytes_per_second, requests_per_second, count, seconds or nothing",
            ),
            ("a,cpu,cores,4,,60,1 2\nb,cpu", "t.usage.csv:3: found 2 cells, expected 7"),
            ("a,cpu,cores,4,,60,1 2\n", ""),
        ] {
            let result = read(&format!("{HEADER}\n{rows}"));
            match message {
                "" => assert!(result.is_ok(), "{rows}"),
                _ => assert_eq!(result.expect_err(rows), message),
            }
        }
        let error = read(good).expect_err("no header");
        assert_eq!(error, format!("t.usage.csv:1: header is \"{good}\", expected \"{HEADER}\""));
    }

    #[test]
    fn gzip_is_recognised_and_its_damage_reported() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("long.usage.csv.gz");
        let long = vec!["1234.5"; 200_000].join(" ");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        write!(encoder, "{HEADER}\na,cpu,cores,,,1,{long}\n").expect("compressed");
        let bytes = encoder.finish().expect("compressed");
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(read_usage(&path).expect("good")[0].values.len(), 200_000);
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        let error = read_usage(&path).expect_err("cut off").to_string();
        assert!(error.contains("long.usage.csv.gz at line 2"), "{error}");
    }
}
