//! Scores warm-pool policies on trace files: `pools FILE... [--json] [--equal] [--memory GB] [--points] [--html OUT] [--only POLICY]`.

use std::path::Path;

use sim::backtest::pool::{PoolOptions, Workload, run_with};

#[expect(clippy::disallowed_methods, reason = "an example is a program: it has arguments and writes where it is told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = PoolOptions::default();
    let (mut files, mut json, mut points) = (Vec::new(), false, false);
    let mut html = None;
    let mut policies = sim::baselines::pool::all();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--html" => html = Some(arguments.next().ok_or("--html needs a file")?),
            "--only" => {
                let name = arguments.next().ok_or("--only needs a policy")?;
                policies.retain(|policy| policy.name() == name);
            }
            "--json" => json = true,
            "--points" => points = true,
            "--equal" => options.equal_weights = true,
            "--memory" => options.memory_gb = arguments.next().ok_or("--memory needs GB")?.parse()?,
            _ => files.push(argument),
        }
    }
    for file in &files {
        let path = Path::new(file);
        let workload = match file.contains(".counts.") {
            true => Workload::from_counts(&sim::trace::read_counts(path)?, &options),
            false => Workload::from_arrivals(&sim::trace::read_arrivals(path)?, &options),
        };
        eprintln!(
            "{file}: {} units, {} slots, {} steps of {}",
            workload.units.len(),
            workload.slots.len(),
            workload.steps,
            workload.step
        );
        let card = run_with(&policies, &workload, &options, &|done, of| eprint!("\r{done}/{of} policies"));
        eprintln!();
        if let Some(out) = &html {
            std::fs::write(out, sim::report::pool::html(file, &card))?;
        }
        if json {
            println!("{}", serde_json::to_string(&card)?);
            continue;
        }
        print!("{}", card.table());
        card.losses().iter().for_each(|loss| println!("{loss}"));
        if points {
            for (name, card) in &card.policies {
                for point in &card.points {
                    println!(
                        "{name} {}: {:.3} % {:.3} GBh rum {:.1}",
                        point.label, point.cold_percent, point.idle_gb_hours, point.rum
                    );
                }
            }
        }
    }
    Ok(())
}
