//! Scores session policies on trace files: `users FILE... [--json] [--points] [--html OUT] [--only POLICY]`.

use std::path::Path;

use sim::backtest::users::{Population, UserOptions, run_with};

#[expect(clippy::disallowed_methods, reason = "an example is a program: it has arguments and writes where it is told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = UserOptions::default();
    let (mut files, mut json, mut points) = (Vec::new(), false, false);
    let mut html = None;
    let mut policies = sim::baselines::users::all();
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
            _ => files.push(argument),
        }
    }
    for file in &files {
        let population = Population::from_arrivals(&sim::trace::read_arrivals(Path::new(file))?);
        eprintln!("{file}: {} users, {} acts", population.users.len(), population.acts.len());
        let card = run_with(&policies, &population, &options, &|done, of| eprint!("\r{done}/{of} policies"));
        eprintln!();
        if let Some(out) = &html {
            std::fs::write(out, sim::report::users::html(file, &card))?;
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
                        "{name} {}: ready {:.3} % used {:.2} % of {} idle {:.4} h",
                        point.label, point.ready_percent, point.used_percent, point.resumes, point.idle_hours_per_user_day
                    );
                }
            }
        }
    }
    Ok(())
}
