//! Real work: CPU time that is really spent, however much of it the quota grants at a time.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Spends `amount` of CPU time in this thread. Takes longer on the wall clock when the thread is held back.
pub fn spend(amount: Duration) {
    let end = thread_time() + amount;
    let mut state = 0x243F_6A88_85A3_08D3_u64;
    while thread_time() < end {
        // About 20 us between two looks at the clock, which itself costs a system call.
        for _ in 0..20_000 {
            state = state.rotate_left(5).wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x9E37;
        }
        black_box(state);
    }
}

/// CPU time that this thread has had so far.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // A clock of CPU time is never negative.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_spent() {
        let before = thread_time();
        spend(Duration::from_millis(20));
        let spent = thread_time() - before;
        assert!(spent >= Duration::from_millis(20) && spent < Duration::from_millis(40), "{spent:?}");
    }
}
