//! The token bucket that counts a group's packets.
//!
//! Idea: instead of tokens, keep the moment at which everything let through so far would have passed at the limit (a virtual clock).
//! A packet moves it forward by its length at the limit's rate. While the clock is not ahead of now, packets pass; it never lags
//! more than the burst behind now, which is what may pass at once after a pause. So the state is one number, charged by one atomic
//! addition: CPUs that race let through at most one packet each too many.
//!
//! A packet passes whenever there is any credit left and may leave a debt (segments of 64 KiB and more are one packet here); the
//! debt is waited out, so the mean is kept also where one packet is more than a second's worth. Small packets may go into debt for
//! a burst: acknowledgements and connection set-up are not starved by bulk data, and a flood of small packets is limited all the
//! same.
//!
//! A packet that is refused on its way out is reported like a full queue (`NET_XMIT_DROP`): TCP keeps it, slows down and tries
//! again, UDP drops it without an error to the program. On its way in it is dropped, and TCP senders slow down by themselves.
//!
//! Source: the virtual scheduling algorithm of ITU-T I.371 Annex A (GCRA); verdicts as in the kernel's `samples/bpf/hbm`.

use std::os::fd::OwnedFd;

use model::BytesPerSecond;

use super::Way;
use super::assembler::{Assembler, Comparison, Label, Operation, R0, R1, R2, R3, R4, R5, R7, R9};

/// The least limit: below it, not even acknowledgements and name look-ups get through in time.
pub(super) const RATE_MIN: BytesPerSecond = BytesPerSecond(1_024);

/// What may pass at once after a pause, as time at the limit, beside one large packet. Senders that found the bucket empty with
/// nothing under way try again after 200 ms (TCP's least retransmission time-out), and must find what they missed meanwhile: with
/// 100 ms, TCP reached half of a receive limit; with 250 ms, 94 to 103 % of limits both ways.
const BURST_NS: u64 = 250_000_000;

/// The large packet: what segmentation offload usually hands down at once.
const LARGE_PACKET: u64 = 65_536;

/// The largest burst, reached at 131 kB/s: one more try of TCP's, 500 ms later.
const BURST_NS_MAX: u64 = 750_000_000;

/// Packets up to this many bytes may go into debt.
const SMALL_PACKET: i32 = 256;

/// Binary places of the nanoseconds per byte: exact to 0.02 % at 200 GB/s, and a 512 KiB packet at 1 KiB/s fits into 64 bits.
const FRACTION_BITS: u32 = 20;

/// Offsets in the map's value.
const PER_BYTE: i16 = 0;
const BURST: i16 = 8;
const CLOCK: i16 = 16;

/// Words of the map's value.
pub(super) const WORDS: usize = 3;

/// A full bucket for `rate`. Writing it over a bucket in use changes the rate and gives one burst.
pub(super) fn full(rate: BytesPerSecond) -> [u64; WORDS] {
    let per_byte = (1_000_000_000_u128 << FRACTION_BITS) / u128::from(rate.0.max(1));
    let per_byte = u64::try_from(per_byte).unwrap_or(u64::MAX).max(1);
    let large = per_byte.saturating_mul(LARGE_PACKET) >> FRACTION_BITS;
    [per_byte, BURST_NS.saturating_add(large).min(BURST_NS_MAX), 0]
}

/// The program for one way, with its bucket in `map`.
pub(super) fn program(map: &OwnedFd, way: Way) -> Vec<u64> {
    /// `bpf_ktime_get_ns`.
    const MONOTONIC_TIME: i32 = 5;
    /// Offset of `len` in `__sk_buff`.
    const PACKET_LENGTH: i16 = 0;
    const PASS: i32 = 1;
    // Out: drop and report congestion. In: drop.
    let refuse = match way {
        Way::Receive => 0,
        Way::Transmit => 2,
    };

    let mut code = Assembler::default();
    code.load32(R7, R1, PACKET_LENGTH);
    code.call(MONOTONIC_TIME);
    code.load_map_value(R9, map);
    code.load64(R2, R9, PER_BYTE);
    code.load64(R3, R9, BURST);
    code.load64(R4, R9, CLOCK);
    // The clock does not lag more than the burst behind.
    code.operate(Operation::Move, R5, R0);
    code.operate(Operation::Subtract, R5, R3);
    code.jump_if(R4, Comparison::GreaterOrEqual, R5, Label::Filled);
    code.store64(R9, CLOCK, R5);
    code.jump(Label::Pass);
    code.label(Label::Filled);
    code.jump_if(R4, Comparison::Greater, R0, Label::InDebt);

    code.label(Label::Pass);
    code.operate(Operation::Multiply, R7, R2);
    code.operate_constant(Operation::ShiftRight, R7, FRACTION_BITS as i32);
    code.add_atomically(R9, CLOCK, R7);
    code.leave(PASS);

    code.label(Label::InDebt);
    code.jump_if_constant(R7, Comparison::Greater, SMALL_PACKET, Label::Drop);
    code.operate(Operation::Add, R0, R3);
    code.jump_if(R4, Comparison::Greater, R0, Label::Drop);
    code.jump(Label::Pass);
    code.label(Label::Drop);
    code.leave(refuse);
    code.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_becomes_nanoseconds_per_byte() {
        let [per_byte, burst, clock] = full(BytesPerSecond(1_000_000));
        assert_eq!((per_byte >> FRACTION_BITS, burst, clock), (1_000, BURST_NS + 65_536_000, 0));
        let [fast, ..] = full(BytesPerSecond(200_000_000_000));
        let exact = 0.005 * f64::from(1 << FRACTION_BITS);
        assert!((fast as f64 / exact - 1.0).abs() < 2e-4, "{fast} against {exact}");
        let [slow, burst, _] = full(RATE_MIN);
        assert_eq!(burst, BURST_NS_MAX);
        assert!(slow.checked_mul(512 << 10).is_some());
    }
}
