//! The service: requests arrive at random at a rate that follows a short day with a second, smaller peak; each costs real CPU
//! time; latency counts from arrival, so a queue shows. Two threads answer.

use std::io;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::metrics::{self, Metrics};
use super::{Options, is_over, work};

/// CPU time of an average request.
const COST: Duration = Duration::from_millis(6);

/// Threads that answer.
const THREADS: usize = 2;

/// Requests that may wait; further ones are turned away.
const QUEUE_MAX: usize = 2_000;

/// CPU that the quiet of the night needs, in cores.
const NIGHT: f64 = 0.08;

/// What the top of the day adds, in cores.
const DAY_ADDS: f64 = 0.75;

struct Request {
    arrived: Instant,
    cost: Duration,
}

pub fn run(options: &Options, until: Option<Instant>) -> io::Result<()> {
    let metrics = Arc::new(Metrics::default());
    if let Some(address) = options.metrics {
        metrics::offer(address, Arc::clone(&metrics))?;
    }
    let (sender, receiver) = sync_channel::<Request>(QUEUE_MAX);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut threads = Vec::new();
    for index in 0..THREADS {
        let (receiver, metrics) = (Arc::clone(&receiver), Arc::clone(&metrics));
        threads
            .push(std::thread::Builder::new().name(format!("answer-{index}")).spawn(move || answer(&receiver, &metrics))?);
    }
    let mut chance = Chance::new(options.seed);
    let start = Instant::now();
    let mut next = start;
    while !is_over(until) {
        let elapsed = next.duration_since(start).as_secs_f64();
        let rate = demand(elapsed / options.day.as_secs_f64()) / COST.as_secs_f64();
        next += Duration::from_secs_f64(chance.wait(1.0 / rate).min(1.0));
        let now = Instant::now();
        if next > now {
            std::thread::sleep(next - now);
        }
        // A few requests are ten times as dear, most a little cheaper.
        let factor = if chance.unit() < 0.02 { 8.0 } else { chance.between(0.6, 1.1) };
        let request = Request { arrived: next, cost: COST.mul_f64(factor) };
        match sender.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => metrics.turned_away(),
            Err(TrySendError::Disconnected(_)) => break,
        }
    }
    drop(sender);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a thread of the service panicked"))?;
    }
    Ok(())
}

fn answer(requests: &Mutex<Receiver<Request>>, metrics: &Metrics) {
    loop {
        // The lock is held while waiting, which is how the threads take turns.
        let Ok(Ok(request)) = requests.lock().map(|receiver| receiver.recv()) else { return };
        work::spend(request.cost);
        metrics.answered(request.arrived.elapsed());
    }
}

/// CPU needed at a time of the short day, in cores: a steep morning, a dip at noon, a lower afternoon, a quiet night.
fn demand(days: f64) -> f64 {
    let hour = days.fract() * 24.0;
    let peak = |at: f64, width: f64| (-((hour - at) / width).powi(2)).exp();
    NIGHT + DAY_ADDS * (peak(10.0, 2.2) + 0.6 * peak(15.5, 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_a_morning_peak_and_a_quiet_night() {
        assert!(demand(10.0 / 24.0) > 0.8 && demand(10.0 / 24.0) < 1.0);
        assert!(demand(2.0 / 24.0) < 0.1);
        assert!(demand(12.8 / 24.0) < demand(15.5 / 24.0));
        assert!((demand(0.3) - demand(5.3)).abs() < 1e-9, "every day is alike");
    }
}
