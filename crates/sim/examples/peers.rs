//! Prints the scorecard of the peers alone:
//! `cargo run --release -p forerun-sim --example peers -- [--json] [--only NAME] TRACE...`.

use std::path::Path;
use std::process::ExitCode;

use sim::backtest::load::{Entrant, LoadOptions, Scorecard, run};
use sim::baselines::peers;
use sim::trace::read_usage;

fn main() -> ExitCode {
    let (mut paths, mut json, mut only) = (Vec::new(), false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--only" => only = arguments.next(),
            _ => paths.push(argument),
        }
    }
    if paths.is_empty() {
        eprintln!("usage: peers [--json] [--only NAME] TRACE...");
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
        let card = Scorecard::of(&run(&series, &entrants, &LoadOptions::default(), &|_, _| {}), "forerun");
        if json {
            println!("{}", card.to_json());
        } else {
            println!("== {path}\n{}", card.to_text());
        }
    }
    ExitCode::SUCCESS
}
