//! Scores job sizing policies on trace files, one after the other: `jobs FILE... [--json] [--html OUT] [--only POLICY]...`.

use std::path::Path;

use sim::backtest::jobs::{JobOptions, run_with};

#[expect(clippy::disallowed_methods, reason = "an example is a program: it has arguments and writes where it is told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = JobOptions::default();
    let (mut files, mut only, mut json) = (Vec::new(), Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only.push(arguments.next().ok_or("--only needs a policy")?),
            "--json" => json = true,
            _ => files.push(argument),
        }
    }
    let mut policies = sim::baselines::jobs::all();
    policies.retain(|policy| only.is_empty() || only.iter().any(|name| name == policy.name()));
    for file in &files {
        let jobs = sim::trace::read_jobs(Path::new(file))?;
        let card = run_with(&policies, &[jobs], &options, &|_, _| {});
        if json {
            println!("{}", serde_json::to_string(&card)?);
            continue;
        }
        println!("{file}");
        print!("{}", card.table());
        card.losses().iter().for_each(|loss| println!("{loss}"));
    }
    Ok(())
}
