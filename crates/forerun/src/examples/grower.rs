//! The program whose memory grows: it takes a few MiB at a time and touches every page, up to a cap; holds all of it for a
//! while; gives it back; and starts again. The wait between two steps varies, the cap does not.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::{Options, is_over, work};

/// What one step takes, in bytes.
const STEP: usize = 4 << 20;

/// Where it stops growing, in bytes.
const CAP: usize = 192 << 20;

/// How long it holds everything.
const HOLD: Duration = Duration::from_secs(8);

pub fn run(options: &Options, until: Option<Instant>) -> io::Result<()> {
    let mut chance = Chance::new(options.seed);
    let mut held: Vec<Vec<u8>> = Vec::new();
    while !is_over(until) {
        if held.len() * STEP < CAP {
            held.push(touched(held.len() as u8));
            work::spend(Duration::from_millis(5));
            pause(Duration::from_secs_f64(chance.between(0.4, 1.0)), until);
        } else {
            pause(HOLD, until);
            // What was taken in blocks of this size goes back to the system at once.
            held = Vec::new();
            pause(Duration::from_secs_f64(chance.between(2.0, 5.0)), until);
        }
    }
    black_box(&held);
    Ok(())
}

/// A block whose every page is really there.
fn touched(mark: u8) -> Vec<u8> {
    let mut block = vec![0; STEP];
    for page in block.iter_mut().step_by(4_096) {
        *page = mark | 1;
    }
    block
}

fn pause(length: Duration, until: Option<Instant>) {
    let end = Instant::now() + length;
    while Instant::now() < end && !is_over(until) {
        std::thread::sleep(Duration::from_millis(50).min(length));
    }
}
