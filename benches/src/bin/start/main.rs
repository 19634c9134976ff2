//! From handing in a job to its first instruction: a claimed instance beside plain fork+exec, bubblewrap, crun and runc, all in one
//! run and interleaved; thawed instances beside those that wait; memory of idle ones; a burst; and, with `long=true`, 10,000 jobs in
//! a row and 200 at once with what they leave behind.
//!
//! The job's first act is to read the monotonic clock, which it then writes out. The time of handing in is read before the code is
//! sealed, or before the peer's process is spawned. Settings, as NAME=VALUE: `samples`, `burst`, `long`.

mod held;
mod peers;
mod pools;
mod program;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use benches::{Arguments, Asked, Report};
use peers::Peers;
use pools::Pools;
use program::Language;

/// The pause before each start.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(3);

/// Microseconds from handing in to the first instruction, by what was started in which way.
type Samples = BTreeMap<(Language, &'static str), Vec<f64>>;

fn main() -> ExitCode {
    if let Some(status) = sandbox::as_template() {
        return status;
    }
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new("start");
    if let Err(error) = measure(&arguments, &mut report) {
        eprintln!("the bench failed: {error:#}");
        report.not_measured("start-bench", Asked::Exactly(0.0), "failures", &format!("{error:#}"));
    }
    report.finish(&arguments)
}

fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let quick = arguments.quick;
    let samples: usize = arguments.setting("samples", if quick { 20 } else { 250 })?;
    let burst: usize = arguments.setting("burst", if quick { 100 } else { 1_500 })?;
    let folder = tempfile::tempdir()?;
    let peers = Peers::find(folder.path())?;
    let pools = Pools::start(folder.path())?;
    latencies(samples, &peers, &pools, report)?;
    let thawed = pools.thawed(samples)?;
    for (language, [waiting, thawed]) in &thawed {
        eprintln!("{language}: unfrozen p50 {:.0} us, thawed p50 {:.0} us", median(waiting), median(thawed));
    }
    let ratios = thawed.values().map(|[waiting, thawed]| median(thawed) / median(waiting));
    report.promise("start-thaw", Asked::AtMost(1.5), ratios.fold(0.0, f64::max), "times unfrozen");
    let (each, template) = pools.idle_memory()?;
    eprintln!("idle Python instance: {each:.2} MB PSS; its template besides: {template:.1} MB");
    report.promise("start-python-memory", Asked::AtMost(3.0), each, "MB");
    let (rate, failures) = pools.burst(burst)?;
    report.promise("start-burst", Asked::AtLeast(1_000.0), rate, "starts/s");
    report.promise("start-burst-failures", Asked::Exactly(0.0), failures as f64, "failures");
    if arguments.setting("long", false)? {
        let (wrong, left) = pools.long(if quick { 500 } else { 10_000 }, if quick { 50 } else { 200 })?;
        report.promise("start-long-wrong", Asked::Exactly(0.0), wrong as f64, "jobs");
        report.promise("start-long-left", Asked::Exactly(0.0), left as f64, "things");
    }
    Ok(())
}

/// Every way once per round, beginning with another one each time.
fn latencies(count: usize, peers: &Peers, pools: &Pools, report: &mut Report) -> Result<()> {
    let mut samples = Samples::new();
    let ways: Vec<_> = peers.ways().into_iter().chain(pools.ways()).collect();
    for round in 0..count + 3 {
        for step in 0..ways.len() {
            let (language, way) = ways[(round + step) % ways.len()];
            // Whatever the last one left to be done is over, for all alike.
            std::thread::sleep(PAUSE);
            let micros = match way {
                "forerun" | "forerun, in the image" => pools.once(language, way)?,
                peer => peers.once(language, peer)?,
            };
            // The first rounds read programs from the disk.
            if round >= 3 {
                samples.entry((language, way)).or_default().push(micros);
            }
        }
    }
    for ((language, way), list) in &samples {
        let [p50, p99] = [0.5, 0.99].map(|part| percentile(list, part));
        eprintln!("{language:8} {way:22} p50 {p50:8.0} us  p99 {p99:8.0} us  ({} samples)", list.len());
    }
    let of =
        |language, way| samples.get(&(language, way)).map(|list: &Vec<f64>| (percentile(list, 0.5), percentile(list, 0.99)));
    let ours = |language| of(language, "forerun").context("nothing was measured");
    // The faster of the two container runtimes is the one to beat.
    let runtime = |language| {
        let both = ["crun", "runc"].into_iter().filter_map(|way| of(language, way));
        both.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let python = ours(Language::Python)?;
    let in_image = of(Language::Binary, "forerun, in the image").context("nothing was measured")?;
    let plain = |language| of(language, "fork+exec").context("nothing was measured");
    // As with fork+exec the program is a file; the other one is sent along, and sealed within the time.
    report.promise("start-exec", Asked::AtMost(1.3), in_image.0 / plain(Language::Binary)?.0, "times fork+exec");
    let sealed = ours(Language::Binary)?;
    report.promise("start-exec-sealed", Asked::AtMost(1.3), sealed.0 / plain(Language::Binary)?.0, "times fork+exec");
    report.promise("start-python", Asked::AtMost(0.05), python.0 / plain(Language::Python)?.0, "times python3 -c");
    let missing = "neither crun nor runc can be had";
    for (language, ours, id, least) in
        [(Language::Binary, in_image, "start-exec-runtime", 15.0), (Language::Python, python, "start-python-runtime", 30.0)]
    {
        let (tail, asked) = (format!("{id}-p99"), Asked::AtLeast(least));
        match runtime(language) {
            Some((p50, p99)) => {
                report.promise(id, asked, p50 / ours.0, "times faster");
                report.promise(&tail, Asked::AtMost(0.2), ours.1 / p99, "times their p99");
            }
            None => {
                report.not_measured(id, asked, "times faster", missing);
                report.not_measured(&tail, Asked::AtMost(0.2), "times their p99", missing);
            }
        }
    }
    Ok(())
}

fn median(list: &[f64]) -> f64 {
    percentile(list, 0.5)
}

fn percentile(list: &[f64], part: f64) -> f64 {
    let mut sorted = list.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
