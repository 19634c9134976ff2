//! The `jobs` kind: one row per task or job, sorted by submission where that is known, else in the order of the source.

use std::path::Path;

use model::{Bytes, MilliCores, Span};
use predict::jobs::{JobMetadata, JobOutcome};

use super::TraceError;
use super::lines::{Lines, Row};

const HEADER: &str = "job,user,group,name,submit_s,start_s,run_s,cpus_req,cpus_used,mem_req_bytes,mem_peak_bytes,\
                      time_req_s,input_bytes,read_bytes,write_bytes,machine,status";

/// One job: what was known before, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its name in the trace.
    pub id: String,
    /// Known when it is submitted.
    pub metadata: JobMetadata,
    /// Known when it has ended; `ended_s` is start (or else submission) plus run time.
    pub outcome: JobOutcome,
}

/// All jobs of a trace, in the file's order.
///
/// # Errors
/// When the file cannot be opened, and at the first line that is not as promised.
pub fn read_jobs(path: &Path) -> Result<Vec<Job>, TraceError> {
    let mut lines = Lines::open(path, HEADER)?;
    let mut jobs = Vec::new();
    while let Some(row) = lines.next_row()? {
        jobs.push(parse(&row)?);
    }
    Ok(jobs)
}

fn parse(row: &Row<'_>) -> Result<Job, TraceError> {
    let [
        id,
        user,
        group,
        name,
        submit,
        start,
        run,
        cpus_req,
        cpus_used,
        mem_req,
        mem_peak,
        time_req,
        input,
        read,
        written,
        machine,
        status,
    ] = row.cells()?;
    if !matches!(status, "" | "ok" | "failed" | "cancelled" | "unknown") {
        return Err(row.wrong("status", format!("\"{status}\" is none of ok, failed, cancelled, unknown")));
    }
    let text = |cell: &str| Some(cell).filter(|cell| !cell.is_empty()).map(str::to_owned);
    let amount = |field: &'static str, cell: &str| match row.number(field, cell)? {
        Some(number) if number < 0.0 => Err(row.wrong(field, format!("{number} is below 0"))),
        number => Ok(number),
    };
    let bytes = |field, cell: &str| Ok::<_, TraceError>(amount(field, cell)?.map(|number| Bytes(number as u64)));
    let span = |field, cell: &str| Ok::<_, TraceError>(amount(field, cell)?.map(Span::from_secs_f64));
    let cores = |field, cell: &str| {
        Ok::<_, TraceError>(amount(field, cell)?.map(|number| MilliCores((number * 1e3).round() as u64)))
    };
    let (submitted_s, started_s) = (row.number("submit_s", submit)?, row.number("start_s", start)?);
    let run = span("run_s", run)?;
    let ended_s = started_s.or(submitted_s).zip(run).map(|(from, run)| from + run.as_secs_f64());
    Ok(Job {
        id: id.to_owned(),
        metadata: JobMetadata {
            user: text(user),
            group: text(group),
            name: text(name),
            machine: text(machine),
            submitted_s,
            cpus: cores("cpus_req", cpus_req)?,
            memory: bytes("mem_req_bytes", mem_req)?,
            time: span("time_req_s", time_req)?,
            input: bytes("input_bytes", input)?,
        },
        outcome: JobOutcome {
            ended_s,
            run,
            memory_peak: bytes("mem_peak_bytes", mem_peak)?,
            cpus_used: cores("cpus_used", cpus_used)?,
            read: bytes("read_bytes", read)?,
            written: bytes("write_bytes", written)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(rows: &str) -> Result<Vec<Job>, TraceError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{HEADER}\n{rows}").unwrap();
        read_jobs(file.path())
    }

    #[test]
    fn reads_jobs_with_holes() {
        let jobs = read("a,u,g,n,10,12.5,4,2,0.5,1024,512,60,7,8,9,host,ok\nb,,,,,,,,,,,,,,,,unknown").unwrap();
        assert_eq!(jobs[0].id, "a");
        let (metadata, outcome) = (&jobs[0].metadata, &jobs[0].outcome);
        assert_eq!((metadata.cpus, metadata.memory), (Some(MilliCores(2_000)), Some(Bytes(1_024))));
        assert_eq!((metadata.time, metadata.input), (Some(Span::from_secs(60)), Some(Bytes(7))));
        assert_eq!((outcome.ended_s, outcome.memory_peak), (Some(16.5), Some(Bytes(512))));
        assert_eq!((outcome.cpus_used, outcome.written), (Some(MilliCores(500)), Some(Bytes(9))));
        assert_eq!((&jobs[1].metadata, &jobs[1].outcome), (&JobMetadata::default(), &JobOutcome::default()));
    }

    #[test]
    fn a_job_without_start_ends_its_run_time_after_submission() {
        let jobs = read("a,,,,10,,4,,,,,,,,,,ok").unwrap();
        assert_eq!(jobs[0].outcome.ended_s, Some(14.0));
    }

    #[test]
    fn refuses_what_is_not_promised() {
        for (row, field) in [
            ("a,,,,x,,,,,,,,,,,,ok", "submit_s"),
            ("a,,,,,,-1,,,,,,,,,,ok", "run_s"),
            ("a,,,,,,,,,,many,,,,,,ok", "mem_peak_bytes"),
            ("a,,,,,,,,,,,,,,,,gone", "status"),
        ] {
            let error = read(row).unwrap_err();
            assert!(matches!(error, TraceError::Field { field: found, .. } if found == field), "{row}: {error}");
        }
    }
}
