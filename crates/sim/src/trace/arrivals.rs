//! The `arrivals` kind: one row per event, sorted by time.

use std::path::Path;

use model::{Bytes, Span};

use super::TraceError;
use super::lines::{Lines, Row};

const HEADER: &str = "t_s,unit,user,duration_s,memory_bytes";

/// One request for a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When, in seconds: since 1970 in UTC, or since the start of a trace without absolute times. Finite.
    pub at_s: f64,
    /// What must be ready; `None` where the request never got that far.
    pub unit: Option<String>,
    /// Who asked, where that is known.
    pub user: Option<String>,
    /// How long it ran.
    pub duration: Option<Span>,
    /// What it held in memory.
    pub memory: Option<Bytes>,
}

/// All events of a trace, in the file's order.
///
/// # Errors
/// When the file cannot be opened, at the first line that is not as promised, and where time goes back.
pub fn read_arrivals(path: &Path) -> Result<Vec<Arrival>, TraceError> {
    let mut lines = Lines::open(path, HEADER)?;
    let mut arrivals: Vec<Arrival> = Vec::new();
    while let Some(row) = lines.next_row()? {
        let arrival = parse(&row)?;
        if let Some(last) = arrivals.last().filter(|last| last.at_s > arrival.at_s) {
            return Err(row.wrong("t_s", format!("{} lies before the row above, {}", arrival.at_s, last.at_s)));
        }
        arrivals.push(arrival);
    }
    Ok(arrivals)
}

fn parse(row: &Row<'_>) -> Result<Arrival, TraceError> {
    let [at, unit, user, duration, memory] = row.cells()?;
    let at_s = row.number("t_s", at)?.ok_or_else(|| row.wrong("t_s", "is empty, expected seconds".to_owned()))?;
    let amount = |field: &'static str, cell: &str| match row.number(field, cell)? {
        Some(number) if number < 0.0 => Err(row.wrong(field, format!("{number} is below 0"))),
        number => Ok(number),
    };
    let name = |cell: &str| Some(cell).filter(|cell| !cell.is_empty()).map(str::to_owned);
    Ok(Arrival {
        at_s,
        unit: name(unit),
        user: name(user),
        duration: amount("duration_s", duration)?.map(Span::from_secs_f64),
        memory: amount("memory_bytes", memory)?.map(|bytes| Bytes(bytes as u64)),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<Vec<Arrival>, TraceError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read_arrivals(file.path())
    }

    #[test]
    fn reads_events_with_holes() {
        let events = read("t_s,unit,user,duration_s,memory_bytes\n0.5,f,u,2.5,1024\n1,,,,\n").unwrap();
        assert_eq!(events[0].unit.as_deref(), Some("f"));
        assert_eq!((events[0].duration, events[0].memory), (Some(Span::from_millis(2_500)), Some(Bytes(1_024))));
        assert_eq!((events[1].at_s, &events[1].unit, events[1].duration), (1.0, &None, None));
    }

    #[test]
    fn refuses_what_is_not_promised() {
        for (rows, field) in
            [("2,f,,,\n1,f,,,", "t_s"), (",f,,,", "t_s"), ("1,f,,-1,", "duration_s"), ("1,f,,,x", "memory_bytes")]
        {
            let error = read(&format!("t_s,unit,user,duration_s,memory_bytes\n{rows}\n")).unwrap_err();
            assert!(matches!(error, TraceError::Field { field: found, .. } if found == field), "{rows}: {error}");
        }
    }
}
