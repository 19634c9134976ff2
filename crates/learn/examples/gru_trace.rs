//! Trains the GRU on the first half of every series of `usage` traces and measures the second half beside plain members.
//!
//! `gru_trace [--hidden N] [--steps N] [--minutes N] [--seasonal-input] FILE[:METRIC] ...`
//!
//! Prints mean pinball loss as a share of the series' mean peak. Plain members, and `gru+own`, add the quantiles of their
//! own last 1,000 errors; `gru` is the network as it is. With `--seasonal-input` the network is told the seasonal point.
#![allow(clippy::disallowed_methods, reason = "an example reads files and the clock")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use learn::{Sequence, TrainOptions, train};
use model::{LEVELS, Span, WallTime};
use predict::recurrent::{Calendar, FEATURES, Normaliser, Pace, QUANTILES, Weights, WindowUse, step_one};

const NAMES: [&str; 4] = ["gru", "gru+own", "persistence", "seasonal"];
/// The levels that are printed: the median and the 0.99 quantile.
const SHOWN: [usize; 2] = [1, 5];
/// Errors that the plain members remember.
const ERRORS: usize = 1_000;

struct Settings {
    options: TrainOptions,
    seasonal_input: bool,
    files: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let settings = settings()?;
    println!(
        "{:<34} {:>6} {:>9} {:>7}  {:>5}  losses x 1000: {}",
        "trace",
        "series",
        "windows",
        "train s",
        "level",
        NAMES.join(", ")
    );
    for file in &settings.files {
        measure(file, &settings).with_context(|| format!("failed to measure {file}"))?;
    }
    Ok(())
}

fn settings() -> anyhow::Result<Settings> {
    let memory_bytes_max = 512 << 20;
    let options = TrainOptions { memory_bytes_max, windows_min: 200, ..TrainOptions::default() };
    let mut settings = Settings { options, seasonal_input: false, files: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || -> anyhow::Result<u64> { Ok(words.next().context("a number must follow")?.parse()?) };
        match word.as_str() {
            "--hidden" => settings.options.hidden = number()? as usize,
            "--steps" => settings.options.steps_max = number()? as usize,
            "--seed" => settings.options.seed = number()?,
            "--minutes" => settings.options.window = Span::from_secs(60 * number()?),
            "--seasonal-input" => settings.seasonal_input = true,
            file => settings.files.push(file.to_owned()),
        }
    }
    ensure!(
        !settings.files.is_empty(),
        "usage: gru_trace [--hidden N] [--steps N] [--minutes N] [--seasonal-input] FILE[:METRIC] ..."
    );
    Ok(settings)
}

fn measure(file: &str, settings: &Settings) -> anyhow::Result<()> {
    let (path, metric) = file.split_once(':').map_or((file, None), |(path, metric)| (path, Some(metric)));
    let options = &settings.options;
    let mut all = sequences(path, metric, options.window)?;
    if settings.seasonal_input {
        all.iter_mut().for_each(|sequence| tell_seasonal(sequence, options.window));
    }
    let halves: Vec<Sequence> = all
        .iter()
        .map(|whole| Sequence { windows: whole.windows[..whole.windows.len() / 2].to_vec(), ..whole.clone() })
        .collect();
    let start = Instant::now();
    let trained = train(&halves, options, &mut |_| ControlFlow::Continue(()))?;
    let seconds = start.elapsed().as_secs_f64();
    let scores: Vec<Score> = all.iter().filter_map(|sequence| score(sequence, &trained.weights, options.window)).collect();
    let windows: usize = scores.iter().map(|score| score.windows).sum();
    let name = path.rsplit('/').next().unwrap_or(path).replace(".usage.csv.gz", "")
        + &metric.map(|metric| format!(":{metric}")).unwrap_or_default();
    for (place, level) in SHOWN.into_iter().enumerate() {
        let mean =
            |method: usize| scores.iter().map(|score| score.losses[method][level]).sum::<f64>() / scores.len() as f64 * 1e3;
        let won = |method: usize| {
            let wins = |score: &&Score| score.losses[method][level] < score.losses[2][level].min(score.losses[3][level]);
            scores.iter().filter(wins).count()
        };
        let head = match place {
            0 => format!("{name:<34} {:>6} {windows:>9} {seconds:>7.1}", scores.len()),
            _ => format!(
                "{:<59}",
                format!("  {} steps; its own held-out says it wins: {}", trained.steps, trained.held_out.wins())
            ),
        };
        let losses: Vec<String> = (0..NAMES.len()).map(|method| format!("{:>7.2}", mean(method))).collect();
        println!("{head}  {:>5}  {}  won: gru {} gru+own {}", LEVELS[level], losses.join(" "), won(0), won(1));
    }
    let under: Vec<String> = SHOWN
        .iter()
        .map(|level| {
            let share = scores.iter().map(|score| score.over[*level] as f64).sum::<f64>() / windows as f64;
            format!("{:.2} % over {}", share * 100.0, LEVELS[*level])
        })
        .collect();
    println!("  gru alone: {}", under.join(", "));
    Ok(())
}

/// The losses of one series' second half per method and level, as shares of its mean peak.
struct Score {
    windows: usize,
    losses: [[f64; QUANTILES]; NAMES.len()],
    /// Windows whose peak lay over the network's quantile.
    over: [usize; QUANTILES],
}

fn score(sequence: &Sequence, weights: &Weights, window: Span) -> Option<Score> {
    let mut normaliser = Normaliser::default();
    let (mut state, mut input, mut output) = (vec![0.0; weights.hidden()], [0.0; FEATURES], [0.0; QUANTILES]);
    let mut corrections: [Vec<Errors>; 3] = std::array::from_fn(|_| (0..QUANTILES).map(|_| Errors::default()).collect());
    let mut score = Score { windows: 0, losses: [[0.0; QUANTILES]; NAMES.len()], over: [0; QUANTILES] };
    let (half, mut peaks) = (sequence.windows.len() / 2, 0.0);
    for (at, use_) in sequence.windows.iter().enumerate() {
        let Some(use_) = use_ else { continue };
        let coming = sequence.start.map(|start| start.plus(window.times(at as u64 + 1)));
        normaliser.observe(&sequence.pace, use_, &Calendar::at(coming), &mut input);
        step_one(weights, &input, &mut state, &mut output);
        let Some(Some(next)) = sequence.windows.get(at + 1) else { continue };
        let truth = normaliser.ratio(&sequence.pace, next.peak);
        let seasonal =
            seasonal(&sequence.windows, at, window).map_or(input[0], |amount| normaliser.ratio(&sequence.pace, amount));
        let counted = at >= half;
        for (level, tau) in LEVELS.into_iter().enumerate() {
            let points = [output[level], input[0], seasonal];
            let corrected: [f32; 3] =
                std::array::from_fn(|method| points[method] + corrections[method][level].quantile(tau));
            let ratios = [output[level], corrected[0], corrected[1], corrected[2]];
            for (ratio, losses) in ratios.into_iter().zip(&mut score.losses).filter(|_| counted) {
                let error = f64::from(next.peak - normaliser.amount(&sequence.pace, ratio));
                losses[level] += if error >= 0.0 { f64::from(tau) * error } else { (f64::from(tau) - 1.0) * error };
            }
            score.over[level] += usize::from(counted && truth > output[level]);
            corrections.iter_mut().zip(points).for_each(|(errors, point)| errors[level].add(truth - point));
        }
        score.windows += usize::from(counted);
        peaks += if counted { f64::from(next.peak) } else { 0.0 };
    }
    if score.windows < 20 || peaks <= 0.0 {
        return None;
    }
    score.losses.iter_mut().flatten().for_each(|loss| *loss /= peaks);
    Some(score)
}

/// The last errors, in order of time and of size.
#[derive(Default)]
struct Errors {
    recent: VecDeque<f32>,
    sorted: Vec<f32>,
}

impl Errors {
    fn add(&mut self, error: f32) {
        self.recent.push_back(error);
        self.sorted.insert(self.sorted.partition_point(|known| *known < error), error);
        if self.recent.len() > ERRORS {
            let old = self.recent.pop_front().unwrap_or(error);
            self.sorted.remove(self.sorted.partition_point(|known| *known < old));
        }
    }

    fn quantile(&self, level: f32) -> f32 {
        match self.sorted.len() {
            0 => 0.0,
            count => self.sorted[((level * count as f32) as usize).min(count - 1)],
        }
    }
}

/// The mean peak at the coming window's time of the last seven days.
fn seasonal(windows: &[Option<WindowUse>], at: usize, window: Span) -> Option<f32> {
    let day = (86_400.0 / window.as_secs_f64()).round() as usize;
    let days = (1..=7).filter_map(|back| windows[(at + 1).checked_sub(back * day)?].map(|use_| use_.peak));
    let (count, sum) = days.fold((0, 0.0), |(count, sum), peak| (count + 1, sum + peak));
    (count > 0).then(|| sum / count as f32)
}

fn tell_seasonal(sequence: &mut Sequence, window: Span) {
    let expected: Vec<Option<f32>> = (0..sequence.windows.len()).map(|at| seasonal(&sequence.windows, at, window)).collect();
    for (use_, expected) in sequence.windows.iter_mut().zip(expected) {
        if let Some(use_) = use_ {
            use_.expected = expected;
        }
    }
}

/// The series of a trace, as windows. Cells hold no comma, so that splitting is exact.
fn sequences(path: &str, metric: Option<&str>, window: Span) -> anyhow::Result<Vec<Sequence>> {
    let file = std::fs::File::open(path)?;
    let mut sequences = Vec::new();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines().skip(1) {
        let line = line?;
        let cells: Vec<&str> = line.split(',').collect();
        let [_, name, _, _, start, step, values] = cells[..] else { bail!("a row of {} cells", cells.len()) };
        if metric.is_some_and(|metric| metric != name) {
            continue;
        }
        let values: Vec<f32> = values.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let per_window = (window.as_secs_f64() / step.parse::<f64>()?).round().max(1.0) as usize;
        let windows: Vec<Option<WindowUse>> = values.chunks_exact(per_window).map(window_use).collect();
        let largest = windows.iter().flatten().map(|use_| use_.peak).fold(0.0, f32::max);
        let pace = Pace { memory_windows: (86_400.0 / window.as_secs_f64()) as f32, grain: (largest * 1e-4).max(1e-6) };
        let start = start.parse().ok().map(WallTime::from_unix_secs);
        sequences.push(Sequence { windows, start, pace });
    }
    Ok(sequences)
}

fn window_use(values: &[f32]) -> Option<WindowUse> {
    let known = values.iter().copied().filter(|value| !value.is_nan());
    let (count, sum, peak) =
        known.fold((0, 0.0, 0.0), |(count, sum, peak), value| (count + 1, sum + value, value.max(peak)));
    (count > 0).then(|| WindowUse { peak, mean: sum / count as f32, expected: None })
}
