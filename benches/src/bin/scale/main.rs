//! What one daemon can carry: steps and memory of the engine with 100,000 targets, and the store's speed and size.
//! `targets=N`, `windows=N`; `part=engine` or `part=store` measures one half.

mod engine;
mod noise;
mod store;

use std::process::ExitCode;

use anyhow::{Context, Result};
use benches::{Arguments, Report};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::of_process()?;
    // As the daemon does.
    forerun::allocator::give_back_bursts();
    // The promises are for two cores.
    let threads: usize = arguments.setting("threads", 2)?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("cannot start the threads")?;
    let part: String = arguments.setting("part", "all".to_owned())?;
    let mut report = Report::new("scale");
    if part != "store" {
        engine::measure(&arguments, &mut report)?;
    }
    if part != "engine" {
        store::measure(&arguments, &mut report)?;
    }
    Ok(report.finish(&arguments))
}
