//! The batch program: a burst of work on two threads about every twenty seconds, with a working set that it drops
//! afterwards, and next to nothing in between.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::{Options, is_over, work};

/// From the begin of one burst to that of the next, in seconds.
const EVERY: f64 = 20.0;

/// CPU time of a burst and thread.
const BURST: Duration = Duration::from_millis(1_800);

/// Threads of a burst.
const THREADS: usize = 2;

/// Working set of a burst and thread, in bytes.
const WORKING_SET: usize = 24 << 20;

pub fn run(options: &Options, until: Option<Instant>) -> io::Result<()> {
    let mut chance = Chance::new(options.seed);
    // The first burst comes early, so that there is soon something to see.
    let mut next = Instant::now() + Duration::from_secs_f64(chance.between(0.1, 3.0));
    while !is_over(until) {
        if Instant::now() < next {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        next += Duration::from_secs_f64(EVERY * chance.between(0.9, 1.1));
        let size = chance.between(0.7, 1.2);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| burst(size, until));
            }
        });
    }
    Ok(())
}

/// Works in slices, so that its end is not missed.
fn burst(size: f64, until: Option<Instant>) {
    let mut set = vec![0_u8; WORKING_SET];
    let slices = (size * 60.0) as usize;
    for slice in 0..slices {
        if is_over(until) {
            break;
        }
        let from = slice * (WORKING_SET / slices);
        for page in set[from..].iter_mut().take(WORKING_SET / slices).step_by(4_096) {
            *page = page.wrapping_add(1);
        }
        work::spend(BURST / 60);
    }
    black_box(&set);
}
