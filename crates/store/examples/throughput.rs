//! Prints what the store takes: samples per second, bytes per sample on traces, and the time to read a day.
//!
//! `cargo run --release -p forerun-store --example throughput -- FILE.usage.csv.gz ...`

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use model::{Metric, Span, TargetId, WallTime};
use store::{Aggregate, Limits, Sample, SeriesId, SeriesKey, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

const START: i64 = 1_700_000_000;

fn main() -> Outcome<()> {
    let traces: Vec<String> = std::env::args().skip(1).collect();
    for (series, ticks) in [(1_000, 10_000), (100_000, 200), (400_000, 100)] {
        sustained(series, ticks)?;
    }
    day()?;
    let mut total = (0, 0);
    for trace in &traces {
        let (samples, bytes) = import(Path::new(trace))?;
        total = (total.0 + samples, total.1 + bytes);
    }
    if total.0 > 0 {
        println!(
            "all traces: {} samples, {} bytes, {:.3} bytes per sample",
            total.0,
            total.1,
            total.1 as f64 / total.0 as f64
        );
    }
    Ok(())
}

/// Noise, 0 to 1.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as f64 / (1u64 << 31) as f64
}

fn handles(store: &mut Store, count: u32) -> Outcome<Vec<SeriesId>> {
    let metrics = [Metric::Cpu, Metric::Memory, Metric::DiskRead, Metric::NetworkReceive];
    let key = |i: u32| {
        SeriesKey::new(TargetId::new(format!("cgroup:/system.slice/unit-{:06}.service", i / 4)), metrics[i as usize % 4])
    };
    Ok(store.series_ids(&(0..count).map(key).collect::<Vec<_>>())?)
}

/// Ticks of all series as fast as they go in, with the upkeep that they cause.
fn sustained(series: u32, ticks: i64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path(), Limits::default())?;
    let ids = handles(&mut store, series)?;
    let (mut appending, mut upkeep, mut slowest, mut state) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, 1);
    for tick in 0..ticks {
        let at = WallTime::from_unix_secs(START + tick);
        let samples: Vec<Sample> = ids
            .iter()
            .map(|id| {
                let noise = noise(&mut state);
                let value = match id.number() % 4 {
                    1 => f64::from(((1e9 + (noise * 2_000.0).floor() * 4_096.0) as f32).floor()),
                    0 => f64::from((noise * noise * 4.0) as f32),
                    _ => f64::from(if noise < 0.7 { 0.0 } else { (noise * 1e6) as f32 }),
                };
                Sample { series: *id, at, value }
            })
            .collect();
        let started = Instant::now();
        store.append(&samples)?;
        let took = started.elapsed();
        appending += took;
        slowest = slowest.max(took);
        let started = Instant::now();
        while store.maintain(at)?.more {}
        upkeep += started.elapsed();
    }
    let samples = u64::from(series) * ticks as u64;
    let rate = |time: Duration| samples as f64 / time.as_secs_f64() / 1e6;
    println!(
        "{series} series x {ticks} ticks: {:.2} M samples/s appended, {:.2} M/s with upkeep, slowest append {:.0} ms, {:.2} bytes per sample before compacting",
        rate(appending),
        rate(appending + upkeep),
        slowest.as_secs_f64() * 1e3,
        store.bytes_on_disk()?.0 as f64 / samples as f64
    );
    Ok(())
}

/// A day at five seconds of one series among 400, as the daemon would leave it: sealed and merged as it came.
fn day() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path(), Limits::default())?;
    let ids = handles(&mut store, 400)?;
    let mut state = 7;
    for tick in 0..17_280 {
        let at = WallTime::from_unix_secs(START + tick * 5);
        let samples: Vec<Sample> =
            ids.iter().map(|id| Sample { series: *id, at, value: f64::from((noise(&mut state) * 4.0) as f32) }).collect();
        store.append(&samples)?;
        if tick % 12 == 0 {
            store.maintain(at)?;
        }
    }
    let (from, to) = (WallTime::from_unix_secs(START), WallTime::from_unix_secs(START + 86_400));
    let read = |name: &str, store: &Store| -> Outcome<()> {
        let mut slowest = Duration::ZERO;
        let started = Instant::now();
        for id in &ids {
            let one = Instant::now();
            let points = store.range(*id, from, to, None, Aggregate::Max)?;
            slowest = slowest.max(one.elapsed());
            assert_eq!(points.len(), 17_280, "every sample is read");
        }
        let mean = started.elapsed().as_secs_f64() * 1e3 / ids.len() as f64;
        println!(
            "one series over a day at 5 s ({name}): {mean:.2} ms on average, {:.2} ms at most",
            slowest.as_secs_f64() * 1e3
        );
        Ok(())
    };
    read("as the daemon leaves it", &store)?;
    store.compact()?;
    read("compacted", &store)
}

/// Stores a `usage` trace and compacts. Gives samples and bytes on disk.
fn import(path: &Path) -> Outcome<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path(), Limits { bytes_max: model::Bytes(u64::MAX), ..Limits::default() })?;
    let (mut samples, mut wrong) = (0, 0);
    let mut kept: Vec<(SeriesId, Vec<Sample>)> = Vec::new();
    let started = Instant::now();
    let mut appending = Duration::ZERO;
    for line in BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(path)?)).lines().skip(1) {
        let line = line?;
        let mut cells = line.splitn(7, ',');
        let mut cell = || cells.next().ok_or("a row lacks cells");
        let (series, metric, _, _, start, step, values) = (cell()?, cell()?, cell()?, cell()?, cell()?, cell()?, cell()?);
        let target = TargetId::new(series);
        let key = match Metric::from_name(metric) {
            Some(metric) => SeriesKey::new(target, metric),
            None => SeriesKey::application(target, metric),
        };
        let id = store.series_id(&key)?;
        let start = if start.is_empty() { START } else { start.parse()? };
        let step = Span::from_secs_f64(step.parse()?);
        let mut batch = Vec::new();
        for (i, value) in values.split(' ').enumerate().filter(|(_, value)| *value != "nan") {
            batch.push(Sample {
                series: id,
                at: WallTime::from_unix_secs(start).plus(step.times(i as u64)),
                value: value.parse()?,
            });
        }
        let begun = Instant::now();
        let appended = store.append(&batch)?;
        appending += begun.elapsed();
        assert_eq!(appended.out_of_order, 0, "a trace is in order");
        samples += batch.len() as u64;
        kept.push((id, batch));
    }
    let begun = Instant::now();
    store.compact()?;
    let compacting = begun.elapsed();
    for (id, batch) in &kept {
        let (from, to) = (WallTime::from_unix_millis(i64::MIN), WallTime::from_unix_millis(i64::MAX));
        let points = store.range(*id, from, to, None, Aggregate::Max)?;
        let same = points.len() == batch.len()
            && points
                .iter()
                .zip(batch)
                .all(|(point, sample)| point.at == sample.at && point.value.to_bits() == sample.value.to_bits());
        wrong += usize::from(!same);
    }
    assert_eq!(wrong, 0, "every series comes back to the bit");
    let bytes = store.bytes_on_disk()?.0;
    println!(
        "{}: {samples} samples, {bytes} bytes, {:.3} bytes per sample (append {:.2} s, compact {:.2} s, all with parsing and checking {:.1} s)",
        path.file_name().unwrap_or_default().to_string_lossy(),
        bytes as f64 / samples.max(1) as f64,
        appending.as_secs_f64(),
        compacting.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    Ok((samples, bytes))
}
