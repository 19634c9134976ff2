//! Scores driver module policies on trace files: `drivers FILE... [--json] [--profiles] [--html OUT] [--only POLICY] [--idle PRICE]
//! [--switch SECONDS]`.

use std::path::Path;

use sim::backtest::drivers::{DriverOptions, Workload, run_with};

#[expect(clippy::disallowed_methods, reason = "an example is a program: it has arguments and writes where it is told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = DriverOptions::default();
    let (mut files, mut json, mut profiles) = (Vec::new(), false, false);
    let mut html = None;
    let mut policies = sim::baselines::drivers::all();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--html" => html = Some(arguments.next().ok_or("--html needs a file")?),
            "--only" => {
                let name = arguments.next().ok_or("--only needs a policy")?;
                policies.retain(|policy| policy.name() == name);
            }
            "--json" => json = true,
            "--profiles" => profiles = true,
            "--idle" => options.idle_price = arguments.next().ok_or("--idle needs a price")?.parse()?,
            "--switch" => options.switch_s = arguments.next().ok_or("--switch needs seconds")?.parse()?,
            _ => files.push(argument),
        }
    }
    for file in &files {
        let workloads = Workload::all(&sim::trace::read_usage(Path::new(file))?);
        let card = run_with(&policies, &workloads, &options, &|done, of| eprint!("\r{done}/{of} policies"));
        eprintln!("\r{file}");
        if let Some(out) = &html {
            std::fs::write(out, sim::report::drivers::html(file, &card))?;
        }
        if json {
            println!("{}", serde_json::to_string(&card)?);
            continue;
        }
        print!("{}", card.table());
        card.losses().iter().for_each(|loss| println!("{loss}"));
        if profiles {
            print!("{}", card.profiles());
        }
    }
    Ok(())
}
