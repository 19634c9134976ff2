//! A column of strictly increasing times (milliseconds), in the smallest of three forms: a regular grid (first and
//! step), a grid with gaps (and the lengths of its runs), or pco.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use super::varint::{get_signed, get_unsigned, put_signed, put_unsigned};
use crate::checked::BlobFault;

const GRID: u8 = 0;
const GAPS: u8 = 1;
const PCO: u8 = 2;

/// Encodes `times`, which are not empty and strictly increasing.
pub(super) fn encode(times: &[i64]) -> Vec<u8> {
    let first = times[0];
    let step = times.windows(2).fold(0, |step, pair| gcd(step, pair[1].abs_diff(pair[0])));
    let runs = runs(times, step, times.len() / 8);
    let mut bytes = Vec::with_capacity(16);
    match runs {
        Some(runs) => {
            bytes.push(if runs.is_empty() { GRID } else { GAPS });
            put_signed(&mut bytes, first);
            put_unsigned(&mut bytes, step);
            if !runs.is_empty() {
                put_unsigned(&mut bytes, runs.len() as u64);
                for (present, missing) in runs {
                    put_unsigned(&mut bytes, present);
                    put_unsigned(&mut bytes, missing);
                }
            }
        }
        None => {
            bytes.push(PCO);
            let packed = simple_compress(times, &ChunkConfig::default().with_compression_level(4));
            bytes.extend(packed.expect("level 4 is a valid setting"));
        }
    }
    bytes
}

/// Decodes `count` times.
pub(super) fn decode(bytes: &[u8], count: usize) -> Result<Vec<i64>, BlobFault> {
    let cut = || BlobFault::content("a time column is cut off");
    let (tag, mut rest) = bytes.split_first().ok_or_else(cut)?;
    let times = match *tag {
        GRID | GAPS => {
            let first = get_signed(&mut rest).ok_or_else(cut)?;
            let step = get_unsigned(&mut rest).ok_or_else(cut)? as i64;
            let runs = if *tag == GAPS { get_unsigned(&mut rest).ok_or_else(cut)? } else { 0 };
            let mut times = Vec::with_capacity(count);
            let mut next = first;
            let mut push = |times: &mut Vec<i64>, present: u64, missing: u64| {
                for _ in 0..present.min((count - times.len()) as u64) {
                    times.push(next);
                    next = next.wrapping_add(step);
                }
                next = next.wrapping_add(step.wrapping_mul(missing as i64));
            };
            for _ in 0..runs {
                let present = get_unsigned(&mut rest).ok_or_else(cut)?;
                let missing = get_unsigned(&mut rest).ok_or_else(cut)?;
                push(&mut times, present, missing);
            }
            push(&mut times, u64::MAX, 0);
            times
        }
        PCO => simple_decompress(rest).map_err(BlobFault::content)?,
        other => return Err(BlobFault::content(format_args!("unknown form of times {other}"))),
    };
    if times.len() == count {
        Ok(times)
    } else {
        Err(BlobFault::content(format_args!("{} times, not {count}", times.len())))
    }
}

/// Runs of present and missing steps, without the last run; `None` when there are more than `limit`.
fn runs(times: &[i64], step: u64, limit: usize) -> Option<Vec<(u64, u64)>> {
    let mut runs = Vec::new();
    let mut present = 1;
    for pair in times.windows(2) {
        let steps = pair[1].abs_diff(pair[0]) / step;
        if steps > 1 {
            if runs.len() == limit {
                return None;
            }
            runs.push((present, steps - 1));
            present = 0;
        }
        present += 1;
    }
    Some(runs)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_sizes() {
        let grid: Vec<i64> = (0..17_280).map(|i| 1_700_000_000_000 + i * 5_000).collect();
        let gaps: Vec<i64> = grid.iter().copied().filter(|t| t / 5_000 % 100 != 7).collect();
        let jitter: Vec<i64> = grid.iter().enumerate().map(|(i, t)| t + (i as i64 * 7_919 % 5)).collect();
        let cases = [
            ("one", &grid[..1], GRID, 16),
            ("grid", &grid, GRID, 16),
            ("gaps", &gaps, GAPS, 800),
            ("jitter", &jitter, PCO, 9_000),
        ];
        for (name, times, form, at_most) in cases {
            let bytes = encode(times);
            assert_eq!(bytes[0], form, "{name}");
            assert!(bytes.len() <= at_most, "{name}: {} bytes", bytes.len());
            assert_eq!(decode(&bytes, times.len()).unwrap(), times, "{name}");
            assert!(decode(&bytes[..bytes.len() - 1], times.len()).is_err() || form == PCO, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_increasing_times_round_trip(first in -1i64 << 50..1i64 << 50, steps in prop::collection::vec(1i64..10_000, 0..400)) {
            let mut times = vec![first];
            for step in steps {
                times.push(times[times.len() - 1] + step);
            }
            prop_assert_eq!(decode(&encode(&times), times.len()).unwrap(), times);
        }

        #[test]
        fn garbage_is_refused_not_fatal(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 1usize..100) {
            if let Ok(times) = decode(&bytes, count) {
                prop_assert_eq!(times.len(), count);
            }
        }
    }
}
