//! The store's half: how fast it takes samples in, how small they get beside Prometheus, how fast a day is read.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use benches::{Arguments, Asked, Report};
use model::{Bytes, Metric, Span, TargetId, WallTime};
use sim::trace::UsageReader;
use store::{Aggregate, Limits, Sample, SeriesId, SeriesKey, Store};

use super::noise::Noise;

/// Where time begins for traces that do not say: 2024-01-01.
const START: i64 = 1_704_067_200_000;
const DAY_MS: i64 = 86_400_000;
/// Seconds between the samples of a series.
const INTERVAL_MS: i64 = 5_000;
/// Samples that are handed over at once where a trace is stored.
const BATCH: usize = 100_000;

/// Measures speed and size.
///
/// # Errors
/// When the store or a trace fails. Without promtool or traces the size is reported as not measured.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    ingest(arguments, report)?;
    read_a_day(arguments, report)?;
    let asked = Asked::AtMost(0.5);
    match sizes(arguments)? {
        Ok(sizes) => report.promise("store-size-to-prometheus", asked, sizes.ours as f64 / sizes.prometheus as f64, ""),
        Err(reason) => report.not_measured("store-size-to-prometheus", asked, "", &reason),
    }
    Ok(())
}

fn limits() -> Limits {
    // What was measured stays as it is for the whole bench.
    let long = Span::from_secs(100 * 365 * 86_400);
    Limits { raw_keep: long, minute_keep: long, ten_minute_keep: long, bytes_max: Bytes(1 << 40), ..Limits::default() }
}

fn keys(targets: usize) -> Vec<SeriesKey> {
    let metrics = [Metric::Cpu, Metric::Memory, Metric::DiskRead, Metric::NetworkReceive];
    let key = |place: usize| {
        SeriesKey::new(TargetId::new(format!("cgroup:/system.slice/worker-{}.service", place / 4)), metrics[place % 4])
    };
    (0..targets * 4).map(key).collect()
}

/// A value as a sampler reads it: a slow wave, noise, and figures no finer than the kernel counts.
fn value(noise: &mut Noise, place: usize, round: usize) -> f64 {
    let wave = 1.0 + 0.5 * ((round as f32 / 700.0 + place as f32).sin());
    let value = wave * (1.0 + 0.2 * noise.uniform());
    match place % 4 {
        0 => f64::from((value * 1e6 * 0.3).round() / 1e6),
        1 => f64::from((value * 3e7 / 4_096.0).round() * 4_096.0),
        _ if noise.word().is_multiple_of(3) => f64::from((value * 2e5).round()),
        _ => 0.0,
    }
}

/// Rounds of 100,000 targets with four metrics, as fast as they are taken, with the upkeep that goes with it.
fn ingest(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let (targets, rounds) = if arguments.quick { (5_000, 10) } else { (100_000, 30) };
    let folder = tempfile::tempdir().context("cannot make a folder for the store")?;
    let mut store = Store::open(folder.path(), limits())?;
    let series = store.series_ids(&keys(targets))?;
    let mut noise = Noise(11);
    let mut spent = std::time::Duration::ZERO;
    let mut samples = Vec::with_capacity(series.len());
    for round in 0..rounds {
        let at = WallTime::from_unix_millis(START + round as i64 * INTERVAL_MS);
        samples.clear();
        samples.extend(series.iter().enumerate().map(|(place, id)| Sample {
            series: *id,
            at,
            value: value(&mut noise, place, round),
        }));
        let began = Instant::now();
        let appended = store.append(&samples)?;
        store.maintain(at)?;
        spent += began.elapsed();
        if appended.stored != samples.len() {
            bail!("the store took {} of {} samples", appended.stored, samples.len());
        }
    }
    let began = Instant::now();
    store.seal()?;
    spent += began.elapsed();
    let count = (series.len() * rounds) as f64;
    report.promise("store-ingest", Asked::AtLeast(1e6), count / spent.as_secs_f64(), "samples/s");
    Ok(())
}

/// One day of 200 targets, then single series of it.
fn read_a_day(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let targets = if arguments.quick { 10 } else { 200 };
    let folder = tempfile::tempdir().context("cannot make a folder for the store")?;
    let mut store = Store::open(folder.path(), limits())?;
    let series = store.series_ids(&keys(targets))?;
    let mut noise = Noise(13);
    let rounds = (DAY_MS / INTERVAL_MS) as usize;
    for round in 0..rounds {
        let at = WallTime::from_unix_millis(START + round as i64 * INTERVAL_MS);
        let of = |(place, id): (usize, &SeriesId)| Sample { series: *id, at, value: value(&mut noise, place, round) };
        let samples: Vec<Sample> = series.iter().enumerate().map(of).collect();
        store.append(&samples)?;
        // Once a minute, as the daemon does.
        if round.is_multiple_of(12) {
            store.maintain(at)?;
        }
    }
    let (from, until) = (WallTime::from_unix_millis(START), WallTime::from_unix_millis(START + DAY_MS));
    let mut worst = 0.0f64;
    for id in series.iter().step_by((series.len() / 40).max(1)) {
        let began = Instant::now();
        let points = store.range(*id, from, until, None, Aggregate::Max)?;
        worst = worst.max(began.elapsed().as_secs_f64());
        if points.len() != rounds {
            bail!("read {} of {rounds} points", points.len());
        }
    }
    report.promise("store-read-day", Asked::AtMost(5.0), worst * 1e3, "ms");
    Ok(())
}

/// Bytes for the same samples.
struct Sizes {
    ours: u64,
    prometheus: u64,
}

/// Stores every usage trace twice: here and with promtool. The inner error is why that cannot be done on this machine.
fn sizes(arguments: &Arguments) -> Result<Result<Sizes, String>> {
    let Some(promtool) = promtool() else { return Ok(Err("promtool is not there (`cargo xtask test` brings it)".into())) };
    let folder = traces_folder();
    let Ok(listing) = fs::read_dir(&folder) else { return Ok(Err(format!("there are no traces in {}", folder.display()))) };
    let mut traces: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    traces.retain(|path| path.to_string_lossy().ends_with(".usage.csv.gz"));
    traces.sort();
    if arguments.quick {
        traces.retain(|path| path.to_string_lossy().contains("tencent_crane"));
    }
    if traces.is_empty() {
        return Ok(Err(format!("there are no traces in {}", folder.display())));
    }
    let mut total = Sizes { ours: 0, prometheus: 0 };
    for path in traces {
        let sizes = sizes_of(&path, &promtool)?;
        eprintln!(
            "{}: {:.3} bytes a sample here, {:.3} there, of {} samples",
            path.file_name().unwrap_or_default().to_string_lossy(),
            sizes.0.ours as f64 / sizes.1 as f64,
            sizes.0.prometheus as f64 / sizes.1 as f64,
            sizes.1
        );
        total.ours += sizes.0.ours;
        total.prometheus += sizes.0.prometheus;
    }
    Ok(Ok(total))
}

fn traces_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// On the search path, or where the tests unpack it.
fn promtool() -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/host-tools/usr/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([unpacked]).map(|folder| folder.join("promtool")).find(|program| program.is_file())
}

fn sizes_of(trace: &Path, promtool: &Path) -> Result<(Sizes, usize)> {
    let folder = tempfile::tempdir().context("cannot make a folder for a trace")?;
    let mut store = Store::open(&folder.path().join("ours"), limits())?;
    let text = folder.path().join("trace.om");
    let mut out = BufWriter::with_capacity(
        1 << 20,
        fs::File::create(&text).with_context(|| format!("cannot make {}", text.display()))?,
    );
    writeln!(out, "# TYPE usage gauge")?;
    let mut samples: Vec<Sample> = Vec::new();
    for series in UsageReader::open(trace)? {
        let series = series?;
        let id = store.series_id(&SeriesKey::application(TargetId::new(&*series.series), &*series.metric))?;
        let start = series.start.map_or(START, WallTime::unix_millis);
        for (step, value) in series.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let at = WallTime::from_unix_millis(start + step as i64 * series.step.as_millis() as i64);
            let value = f64::from(*value);
            samples.push(Sample { series: id, at, value });
            let seconds = at.unix_millis() as f64 / 1e3;
            writeln!(out, "usage{{series=\"{}\",metric=\"{}\"}} {value} {seconds}", series.series, series.metric)?;
        }
    }
    writeln!(out, "# EOF")?;
    out.flush()?;
    drop(out);
    let count = samples.len();
    let ours = stored(&mut store, samples)?;
    Ok((Sizes { ours, prometheus: blocks(promtool, &text, &folder.path().join("blocks"))? }, count))
}

/// Stores samples as they would have come, round by round, and says how large that is at rest.
fn stored(store: &mut Store, mut samples: Vec<Sample>) -> Result<u64> {
    samples.sort_by_key(|sample| (sample.at, sample.series));
    for batch in samples.chunks(BATCH) {
        let appended = store.append(batch)?;
        if appended.stored != batch.len() {
            bail!("the store took {} of {} samples", appended.stored, batch.len());
        }
        store.maintain(batch[batch.len() - 1].at)?;
    }
    // Free pages of the file are given back: they would be used again by what comes next.
    store.compact()?;
    Ok(store.bytes_on_disk()?.0)
}

/// Bytes of the blocks that Prometheus makes of the same samples: long blocks, the smallest it gets.
fn blocks(promtool: &Path, text: &Path, output: &Path) -> Result<u64> {
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "--max-block-duration=8760h", "openmetrics"])
        .args([text, output])
        .stdout(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", promtool.display()))?;
    if !made.status.success() {
        bail!("promtool ended with {}: {}", made.status, String::from_utf8_lossy(&made.stderr));
    }
    bytes_below(output)
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let about = entry.metadata()?;
        total += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(total)
}
