//! `forerun backtest load`: reads traces, scores the daemon's own engine and its peers on them, and prints the scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Span;
use sim::backtest::load::{Entrant, LoadOptions, LoadResult, Policy, Scorecard, run};
use sim::report::{Sample, html};
use sim::trace::{TraceError, UsageSeries, read_usage};

use crate::cli::arguments::{BacktestLoadArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// The policy that every other is compared with.
const SUBJECT: &str = "forerun";

/// Series that the report draws one by one.
const SAMPLES: usize = 4;

/// The level in percent at which the report's series are drawn.
const SAMPLE_LEVEL: f64 = 1.0;

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy or metric that is not, otherwise
/// [`Status::Failed`] with file, line and field.
pub fn load(common: &Common, arguments: &BacktestLoadArguments) -> Outcome {
    print(&score(arguments, common.json)?)
}

/// The scorecard as it is printed; writes the report where one is asked for.
fn score(arguments: &BacktestLoadArguments, json: bool) -> Outcome<String> {
    let policies = policies(&arguments.policy)?;
    let series = read(arguments)?;
    let entrants: Vec<Entrant<'_>> = policies.iter().map(|policy| Entrant::Scaled(policy.as_ref())).collect();
    let options = LoadOptions { window: Span::from_secs(u64::from(arguments.window_minutes) * 60) };
    let bar = progress_bar(series.len(), json);
    let result = run(&series, &entrants, &options, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    let card = Scorecard::of(&result, SUBJECT);
    if let Some(path) = &arguments.html {
        let page = report(arguments, &card, &result, &series, &entrants, &options);
        let written = std::fs::write(path, page);
        written.map_err(|error| {
            Failure::new(Status::Failed, format!("cannot write the report {}: {error}", path.display()), "")
        })?;
    }
    Ok(if json { format!("{}\n", card.to_json()) } else { card.to_text() })
}

fn policies(wanted: &[String]) -> Outcome<Vec<Box<dyn Policy>>> {
    let mut all = sim::baselines::peers();
    let mut known: Vec<&str> = all.iter().map(|peer| peer.name()).collect();
    known.push(SUBJECT);
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    all.retain(|peer| wanted.is_empty() || wanted.iter().any(|name| name == peer.name()));
    all.insert(0, Box::new(sim::ours::Forerun));
    Ok(all)
}

/// The series of all traces, those of the wanted metrics only.
fn read(arguments: &BacktestLoadArguments) -> Outcome<Vec<UsageSeries>> {
    let mut all = Vec::new();
    for path in &arguments.trace {
        all.extend(read_usage(path).map_err(|error| unreadable(path, &error))?);
    }
    let mut metrics: Vec<String> = all.iter().map(|series| series.metric.clone()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    if let Some(unknown) = arguments.metric.iter().find(|metric| !metrics.contains(metric)) {
        let what = format!("no series of the traces has the metric `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("they have {}", metrics.join(", "))));
    }
    all.retain(|series| arguments.metric.is_empty() || arguments.metric.contains(&series.metric));
    Ok(all)
}

fn unreadable(path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => format!("check the path; {} is relative to the present folder unless it begins with /", path.display()),
        _ => "the columns are series,metric,unit,capacity,start_unix_s,step_s,values; `forerun backtest load --help` tells more".into(),
    };
    Failure::of(status, error, remedy)
}

/// On standard error, and only for people who look.
fn progress_bar(count: usize, json: bool) -> ProgressBar {
    let target =
        if json || !std::io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} series, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn report(
    arguments: &BacktestLoadArguments,
    card: &Scorecard,
    result: &LoadResult,
    series: &[UsageSeries],
    entrants: &[Entrant<'_>],
    options: &LoadOptions,
) -> String {
    let names = arguments.trace.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
    let title = names.collect::<Vec<_>>().join(", ");
    let few = result.series.iter().take(SAMPLES).map(|scored| &series[scored.index]);
    let samples: Vec<Sample> = few.map(|series| Sample::of(series, entrants, options, SAMPLE_LEVEL)).collect();
    html(&title, card, result, &samples)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::{BacktestKind, Cli, Command};

    fn run_line(line: &[&str]) -> Outcome<String> {
        let cli = Cli::try_parse_from([&["forerun", "backtest", "load"], line].concat()).unwrap();
        match &cli.command {
            Command::Backtest { kind: BacktestKind::Load(arguments) } => score(arguments, cli.common.json),
            other => panic!("parsed as {other:?}"),
        }
    }

    fn trace(folder: &Path) -> String {
        let wave = |step: i32| 2.0 + f64::from(step % 48) / 24.0;
        let values: Vec<String> = (0..1_000).map(|step| wave(step).to_string()).collect();
        let text =
            format!("series,metric,unit,capacity,start_unix_s,step_s,values\na,cpu,cores,,0,300,{}\n", values.join(" "));
        let path = folder.join("a.usage.csv");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_backtest_writes_its_report() {
        let folder = tempfile::tempdir().unwrap();
        let (trace, report) = (trace(folder.path()), folder.path().join("out.html"));
        let line = ["--json", "--trace", &trace, "--policy", "vpa,last_window", "--html", report.to_str().unwrap()];
        let card: serde_json::Value = serde_json::from_str(&run_line(&line).unwrap()).unwrap();
        assert_eq!(card["kind"], "load");
        assert_eq!(card["policies"].as_object().unwrap().len(), 3, "forerun is always among them");
        let page = std::fs::read_to_string(report).unwrap();
        assert!(page.contains("<title>Backtest: a.usage.csv</title>") && page.contains("last_window"));
    }

    #[test]
    fn what_cannot_be_scored_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = trace(folder.path());
        let bad = folder.path().join("bad.csv");
        std::fs::write(&bad, "series,metric,unit,capacity,start_unix_s,step_s,values\na,cpu,cores,,0,300,1 two 3\n")
            .unwrap();
        let bad = bad.display().to_string();
        let absent = folder.path().join("absent.csv").display().to_string();
        let cases = [
            (vec!["--trace", &absent], Status::NotFound, "failed to open trace"),
            (vec!["--trace", &bad], Status::Failed, "bad.csv:2"),
            (vec!["--trace", &good, "--policy", "vpn"], Status::Usage, "there is no policy `vpn`"),
            (vec!["--trace", &good, "--metric", "mem"], Status::Usage, "no series of the traces has the metric `mem`"),
        ];
        for (line, status, part) in cases {
            let failure = run_line(&line).unwrap_err();
            assert_eq!(failure.status, status, "{failure}");
            assert!(failure.what.contains(part), "{failure}");
        }
    }
}
