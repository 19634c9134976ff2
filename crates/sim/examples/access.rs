//! Scores policies of the next access on trace files: `access FILE... [--json] [--html OUT] [--only POLICY] [--most ROWS]`.

use std::path::Path;

use sim::backtest::access::run_with;

#[expect(clippy::disallowed_methods, reason = "an example is a program: it has arguments and writes where it is told")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut files, mut only, mut json, mut html, mut most) = (Vec::new(), Vec::new(), false, None, usize::MAX);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--html" => html = Some(arguments.next().ok_or("--html needs a file")?),
            "--only" => only.push(arguments.next().ok_or("--only needs a policy")?),
            "--most" => most = arguments.next().ok_or("--most needs a number of rows")?.parse()?,
            "--json" => json = true,
            _ => files.push(argument),
        }
    }
    let mut policies = sim::baselines::access::all();
    policies.retain(|policy| only.is_empty() || only.iter().any(|name| name == policy.name()));
    let mut traces = Vec::new();
    for file in &files {
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        let mut trace = sim::trace::read_access(Path::new(file))?;
        trace.accesses.truncate(most);
        traces.push((name.trim_end_matches(".gz").trim_end_matches(".csv").trim_end_matches(".access").to_owned(), trace));
    }
    let card = run_with(&policies, &traces, &|done, of| eprint!("\r{done}/{of}"));
    eprintln!();
    if let Some(out) = html {
        std::fs::write(out, sim::report::access::html(&files.join(", "), &card))?;
    }
    if json {
        println!("{}", serde_json::to_string(&card)?);
        return Ok(());
    }
    print!("{}", card.table());
    card.losses().iter().for_each(|loss| println!("{loss}"));
    Ok(())
}
