//! Prints the scorecard of the planner and its peers, or of one of them:
//! `cargo run --release -p forerun-sim --example peers -- [--json] [--html OUT] [--only NAME] TRACE...`.

use std::path::Path;
use std::process::ExitCode;

use sim::backtest::load::{Entrant, LoadOptions, Scorecard, run};
use sim::baselines::peers;
use sim::report::{Sample, best_peer, html};
use sim::trace::read_usage;

#[expect(clippy::disallowed_methods, reason = "a program has a command line and writes files")]
fn main() -> ExitCode {
    let (mut paths, mut json, mut page, mut only) = (Vec::new(), false, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--html" => page = arguments.next(),
            "--only" => only = arguments.next(),
            _ => paths.push(argument),
        }
    }
    if paths.is_empty() {
        eprintln!("usage: peers [--json] [--html OUT] [--only NAME] TRACE...");
        return ExitCode::from(2);
    }
    for path in &paths {
        let series = match read_usage(Path::new(path)) {
            Ok(series) => series,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let mut peers = peers();
        peers.insert(0, Box::new(sim::ours::Forerun));
        peers.retain(|peer| only.as_ref().is_none_or(|name| name == peer.name()));
        let entrants: Vec<Entrant<'_>> = peers.iter().map(|peer| Entrant::Scaled(peer.as_ref())).collect();
        let options = LoadOptions::default();
        let result = run(&series, &entrants, &options, &|_, _| {});
        let card = Scorecard::of(&result, "forerun");
        if let Some(page) = &page {
            let wanted = [card.subject, best_peer(&card)];
            let shown: Vec<Entrant<'_>> =
                entrants.iter().copied().filter(|entrant| wanted.contains(&Some(entrant.name()))).collect();
            let samples: Vec<Sample> =
                result.series.iter().take(3).map(|one| Sample::of(&series[one.index], &shown, &options, 1.0)).collect();
            let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
            if let Err(error) = std::fs::write(page, html(&name, &card, &result, &samples)) {
                eprintln!("failed to write {page}: {error}");
                return ExitCode::FAILURE;
            }
        }
        if json {
            println!("{}", card.to_json());
        } else {
            println!("== {path}\n{}", card.to_text());
        }
    }
    ExitCode::SUCCESS
}
