//! The `counts` kind: invocations per step on a regular grid, one row per unit.

use std::path::Path;

use model::{Span, WallTime};

use super::TraceError;
use super::lines::{Lines, Row, shortened};

const HEADER: &str = "unit,weight,start_unix_s,step_s,counts";

/// The invocations of one unit (a function, a service).
#[derive(Clone, Debug, PartialEq)]
pub struct CountSeries {
    /// Whose; not empty.
    pub unit: String,
    /// How many real units this row stands for; 0 where it was seen in other samples only.
    pub weight: f64,
    /// When step 0 begins; 1970-01-01 00:00 UTC is an invented midnight.
    pub start: WallTime,
    /// The grid.
    pub step: Span,
    /// Invocations per step, at least one step.
    pub counts: Vec<u32>,
}

/// All units of a trace, in the file's order.
///
/// # Errors
/// When the file cannot be opened, and at the first line that is not as promised.
pub fn read_counts(path: &Path) -> Result<Vec<CountSeries>, TraceError> {
    let mut lines = Lines::open(path, HEADER)?;
    let mut units = Vec::new();
    while let Some(row) = lines.next_row()? {
        units.push(parse(&row)?);
    }
    Ok(units)
}

fn parse(row: &Row<'_>) -> Result<CountSeries, TraceError> {
    let [unit, weight, start, step, counts] = row.cells()?;
    if unit.is_empty() {
        return Err(row.wrong("unit", "is empty, expected a name".to_owned()));
    }
    let weight = match row.number("weight", weight)? {
        None => 1.0,
        Some(weight) if weight >= 0.0 => weight,
        Some(weight) => return Err(row.wrong("weight", format!("{weight} is below 0"))),
    };
    let start = WallTime::from_unix_secs(row.number("start_unix_s", start)?.unwrap_or(0.0) as i64);
    let step = match row.number("step_s", step)? {
        Some(seconds) if seconds >= 1e-3 => Span::from_secs_f64(seconds),
        _ => return Err(row.wrong("step_s", format!("\"{}\" is not a number of at least 0.001", shortened(step)))),
    };
    let wrong = |cell: &str| row.wrong("counts", format!("\"{}\" is not a whole number", shortened(cell)));
    let counts = counts.split_ascii_whitespace().map(|cell| cell.parse().map_err(|_| wrong(cell)));
    let counts: Vec<u32> = counts.collect::<Result<_, _>>()?;
    if counts.is_empty() {
        return Err(row.wrong("counts", "is empty, expected at least one count".to_owned()));
    }
    Ok(CountSeries { unit: unit.to_owned(), weight, start, step, counts })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<Vec<CountSeries>, TraceError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read_counts(file.path())
    }

    #[test]
    fn reads_rows() {
        let units = read("unit,weight,start_unix_s,step_s,counts\nf,2,0,60,1 0 3\ng,,60,60,0\n").unwrap();
        assert_eq!(units.len(), 2);
        assert_eq!((units[0].weight, units[0].counts.as_slice()), (2.0, [1, 0, 3].as_slice()));
        assert_eq!((units[1].weight, units[1].start), (1.0, WallTime::from_unix_secs(60)));
    }

    #[test]
    fn refuses_what_is_not_promised() {
        for (row, field) in [
            (",1,0,60,1", "unit"),
            ("f,-1,0,60,1", "weight"),
            ("f,1,0,0,1", "step_s"),
            ("f,1,0,60,", "counts"),
            ("f,1,0,60,1 -2", "counts"),
        ] {
            let error = read(&format!("unit,weight,start_unix_s,step_s,counts\n{row}\n")).unwrap_err();
            assert!(matches!(error, TraceError::Field { field: found, line: 2, .. } if found == field), "{row}: {error}");
        }
    }
}
