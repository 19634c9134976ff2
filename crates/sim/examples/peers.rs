//! Prints the scorecard of the peers alone: `cargo run --release -p forerun-sim --example peers -- TRACE...`.

use std::path::Path;
use std::process::ExitCode;

use sim::backtest::load::{Entrant, LoadOptions, Scorecard, run};
use sim::baselines::peers;
use sim::trace::read_usage;

fn main() -> ExitCode {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let json = paths.first().is_some_and(|first| first == "--json");
    if json {
        paths.remove(0);
    }
    if paths.is_empty() {
        eprintln!("usage: peers [--json] TRACE...");
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
        let peers = peers();
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
