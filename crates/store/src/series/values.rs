//! A column of values, lossless to the bit, in the smallest of several forms.
//!
//! Problem: measured values are noise with few digits (16.13 percent, 4096-byte pages), and their binary mantissas hide
//! that. Idea: find integers that give exactly these values back, and let pco find the structure in them.
//! Steps: constant; `n / 10^e` for one `e` (as `f64`, or rounded to `f32` where that is what was measured); decimal
//! floats of at most nine digits as one increasing integer each; else the bits of `f32` or `f64` through pco.
//! Source: the scheme of ALP (Afroozeh, Kuffo, Boncz, SIGMOD 2024) with pco (Loncaric, 2025) instead of bit packing.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use super::{bits, decimal};
use crate::checked::BlobFault;

const CONSTANT: u8 = 0;
const RAW_32: u8 = 1;
const RAW_64: u8 = 2;
const FIXED: u8 = 3;
const FIXED_32: u8 = 4;
const FLOATING: u8 = 5;
const PCO_32: u8 = 6;
const PCO_64: u8 = 7;
const FIXED_NARROW: u8 = 8;
const FIXED_32_NARROW: u8 = 9;
const FIXED_BITS: u8 = 10;
const FIXED_32_BITS: u8 = 11;

/// Decimal places that are tried.
const PLACES_MAX: usize = 12;
/// Integers below this are exact as `f64`.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Columns below this are not worth a pco header.
const RAW_BELOW: usize = 12;
/// pco's own level: measured as the best ratio of size to time on host metrics.
const LEVEL: usize = 4;

/// Columns from here on always get the best form, for they may never be encoded again.
pub(super) const BEST_FROM: usize = 4_096;

/// How much time encoding may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// The first form that fits, packed to as many bits as its range takes: for blocks that will be merged soon.
    Quick,
    /// The smallest of the forms that fit.
    Best,
}

/// Encodes a column that is not empty.
pub(super) fn encode(values: &[f64], effort: Effort) -> Vec<u8> {
    let first = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == first) {
        let mut bytes = vec![CONSTANT];
        bytes.extend_from_slice(&first.to_le_bytes());
        return bytes;
    }
    let narrow = values.iter().all(|&value| is_f32(value));
    if values.len() < RAW_BELOW {
        return raw(values, narrow);
    }
    let mut best =
        if effort == Effort::Quick && values.len() < BEST_FROM { quick(values, narrow) } else { smallest(values, narrow) };
    if best.as_ref().is_none_or(|best| best.len() >= values.len() * if narrow { 4 } else { 8 }) {
        best = None;
    }
    best.unwrap_or_else(|| raw(values, narrow))
}

fn quick(values: &[f64], narrow: bool) -> Option<Vec<u8>> {
    let (places, integers, form) = match fixed(values, divided) {
        Some((places, integers)) => (places, integers, FIXED_BITS),
        None if narrow => fixed(values, divided_32).map(|(places, integers)| (places, integers, FIXED_32_BITS))?,
        None => return None,
    };
    let mut bytes = vec![form, places as u8];
    bits::pack(&mut bytes, &integers);
    Some(bytes)
}

fn smallest(values: &[f64], narrow: bool) -> Option<Vec<u8>> {
    let (mut best, mut places) = (None, usize::MAX);
    if let Some((e, integers)) = fixed(values, divided) {
        places = e;
        best = Some(pack_fixed(&integers, e, FIXED, FIXED_NARROW));
    } else if narrow && let Some((e, integers)) = fixed(values, divided_32) {
        places = e;
        best = Some(pack_fixed(&integers, e, FIXED_32, FIXED_32_NARROW));
    }
    // Two places are what people write: nothing has been seen to beat them.
    if places > 2 {
        if let Some(bytes) = floating(values) {
            keep_smaller(&mut best, bytes);
        }
        if narrow || best.is_none() {
            keep_smaller(&mut best, binary(values, narrow));
        }
    }
    best
}

/// Decodes `count` values.
pub(super) fn decode(bytes: &[u8], count: usize) -> Result<Vec<f64>, BlobFault> {
    let cut = || BlobFault::content("a value column is cut off");
    let (tag, rest) = bytes.split_first().ok_or_else(cut)?;
    let values = match *tag {
        CONSTANT => vec![f64::from_bits(u64::from_le_bytes(rest.try_into().map_err(|_| cut())?)); count],
        RAW_32 => rest.as_chunks().0.iter().map(|bits| f64::from(f32::from_le_bytes(*bits))).collect(),
        RAW_64 => rest.as_chunks().0.iter().map(|bits| f64::from_le_bytes(*bits)).collect(),
        FIXED | FIXED_32 | FIXED_NARROW | FIXED_32_NARROW => {
            let (places, packed) = rest.split_first().ok_or_else(cut)?;
            let power =
                *decimal::POWERS.get(usize::from(*places)).ok_or_else(|| BlobFault::content("too many decimal places"))?;
            let back = if matches!(*tag, FIXED | FIXED_NARROW) { divided } else { divided_32 };
            if matches!(*tag, FIXED_NARROW | FIXED_32_NARROW) {
                unpack::<i32>(packed)?.into_iter().map(|n| back(f64::from(n), power)).collect()
            } else {
                unpack::<i64>(packed)?.into_iter().map(|n| back(n as f64, power)).collect()
            }
        }
        FIXED_BITS | FIXED_32_BITS => {
            let (places, packed) = rest.split_first().ok_or_else(cut)?;
            let power =
                *decimal::POWERS.get(usize::from(*places)).ok_or_else(|| BlobFault::content("too many decimal places"))?;
            let back = if *tag == FIXED_BITS { divided } else { divided_32 };
            bits::unpack(packed, count).ok_or_else(cut)?.into_iter().map(|n| back(n as f64, power)).collect()
        }
        FLOATING => unpack::<i64>(rest)?.into_iter().map(decimal::of_ordinal).collect(),
        PCO_32 => unpack::<f32>(rest)?.into_iter().map(f64::from).collect(),
        PCO_64 => unpack::<f64>(rest)?,
        other => return Err(BlobFault::content(format_args!("unknown form of values {other}"))),
    };
    if values.len() == count {
        Ok(values)
    } else {
        Err(BlobFault::content(format_args!("{} values, not {count}", values.len())))
    }
}

fn keep_smaller(best: &mut Option<Vec<u8>>, other: Vec<u8>) {
    if best.as_ref().is_none_or(|best| other.len() < best.len()) {
        *best = Some(other);
    }
}

fn is_f32(value: f64) -> bool {
    f64::from(value as f32).to_bits() == value.to_bits()
}

fn raw(values: &[f64], narrow: bool) -> Vec<u8> {
    let mut bytes = vec![if narrow { RAW_32 } else { RAW_64 }];
    if narrow {
        values.iter().for_each(|value| bytes.extend_from_slice(&(*value as f32).to_le_bytes()));
    } else {
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    }
    bytes
}

fn binary(values: &[f64], narrow: bool) -> Vec<u8> {
    if narrow {
        pack(&[PCO_32], &values.iter().map(|value| *value as f32).collect::<Vec<_>>())
    } else {
        pack(&[PCO_64], values)
    }
}

fn pack<T: pco::data_types::Number>(head: &[u8], numbers: &[T]) -> Vec<u8> {
    let packed = simple_compress(numbers, &ChunkConfig::default().with_compression_level(LEVEL));
    let mut bytes = head.to_vec();
    bytes.extend(packed.expect("the level is a valid setting and a block fits one chunk"));
    bytes
}

fn unpack<T: pco::data_types::Number>(packed: &[u8]) -> Result<Vec<T>, BlobFault> {
    simple_decompress(packed).map_err(BlobFault::content)
}

/// What `n` over `power` stands for.
fn divided(n: f64, power: f64) -> f64 {
    n / power
}

/// As [`divided`], rounded to what an `f32` holds.
fn divided_32(n: f64, power: f64) -> f64 {
    f64::from((n / power) as f32)
}

/// The column as integers over one power of ten, after how many places that takes; `None` when no power gives every
/// value back to the bit through `back`.
fn fixed(values: &[f64], back: impl Fn(f64, f64) -> f64) -> Option<(usize, Vec<i64>)> {
    let integer = |value: f64, power: f64| {
        let n = (value * power).round_ties_even();
        // An integer has no negative zero.
        let signed_zero = n == 0.0 && value.is_sign_negative();
        (n.abs() < EXACT_MAX && !signed_zero && back(n, power).to_bits() == value.to_bits()).then_some(n as i64)
    };
    let mut places = 0;
    let mut integers = Vec::with_capacity(values.len());
    while integers.len() < values.len() {
        let power = decimal::POWERS[places];
        // A value that a smaller power gave back may miss by one bit at a larger one: after a change all are done again.
        integers.clear();
        integers.extend(values.iter().map_while(|&value| integer(value, power)));
        while integers.len() < values.len() && integer(values[integers.len()], decimal::POWERS[places]).is_none() {
            places += 1;
            if places > PLACES_MAX {
                return None;
            }
        }
    }
    Some((places, integers))
}

fn pack_fixed(integers: &[i64], places: usize, wide: u8, narrow: u8) -> Vec<u8> {
    if integers.iter().all(|n| i32::try_from(*n).is_ok()) {
        pack(&[narrow, places as u8], &integers.iter().map(|n| *n as i32).collect::<Vec<_>>())
    } else {
        pack(&[wide, places as u8], integers)
    }
}

/// The column as decimal floats of at most nine digits, each one integer that grows with the value.
fn floating(values: &[f64]) -> Option<Vec<u8>> {
    let integers = values.iter().map(|&value| decimal::ordinal(value)).collect::<Option<Vec<i64>>>()?;
    Some(pack(&[FLOATING], &integers))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, values: &[f64], bytes_per_value_max: f64) {
        for effort in [Effort::Quick, Effort::Best] {
            let bytes = encode(values, effort);
            let back = decode(&bytes, values.len()).unwrap();
            let same = back.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && back.len() == values.len(), "{name}: not the same values (form {})", bytes[0]);
            let each = bytes.len() as f64 / values.len() as f64;
            assert!(each <= bytes_per_value_max, "{name}: {each:.2} bytes per value (form {})", bytes[0]);
        }
    }

    /// Reproducible noise, 0 to 1.
    fn noise(n: usize) -> Vec<f64> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as f64 / (1u64 << 31) as f64
            })
            .collect()
    }

    #[test]
    fn forms_and_sizes() {
        let noise = noise(4_096);
        let map = |f: fn(f64) -> f64| noise.iter().map(|&n| f(n)).collect::<Vec<_>>();
        let parse = |text: String| text.parse::<f64>().unwrap();
        check("constant", &[7.25; 4_096], 0.01);
        check("whole percents", &map(|n| (n * 100.0).floor()), 0.9);
        check("two places", &map(|n| parse_two(n * 16.0)), 1.5);
        check("pages as f32", &map(|n| f64::from((1e9 + (n * 1_000.0).floor() * 4_096.0) as f32)), 1.4);
        check("cores as f32 tenths", &map(|n| f64::from((n * 100.0).floor() as f32 / 10.0)), 1.4);
        check("f32 noise", &map(|n| f64::from(n as f32)), 4.01);
        let nine: Vec<f64> = noise.iter().map(|n| parse(format!("{:.8e}", (n * 20.0).exp()))).collect();
        check("nine digits over eight decades", &nine, 4.4);
        check("short", &[1.5, f64::NAN, -0.0, 1e300], 8.5);
    }

    fn parse_two(value: f64) -> f64 {
        format!("{value:.2}").parse().unwrap()
    }

    #[test]
    fn odd_values_keep_their_bits() {
        let odd = [
            0.0,
            -0.0,
            f64::NAN,
            f64::from_bits(0x7FF0_0000_0000_0002),
            f64::INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            1e22,
            -3.7,
            0.1,
            123_456_789.0,
            1e15,
        ];
        let many: Vec<f64> = odd.iter().cycle().take(300).copied().collect();
        check("odd", &many, 8.1);
    }

    proptest! {
        #[test]
        fn any_bits_round_trip(bits in prop::collection::vec(any::<u64>(), 1..64)) {
            check("bits", &bits.into_iter().map(f64::from_bits).collect::<Vec<_>>(), 40.0);
        }

        #[test]
        fn any_decimals_round_trip(parts in prop::collection::vec((-999_999_999i64..=999_999_999, -12i32..12), 1..64)) {
            let values: Vec<f64> = parts.iter().map(|(n, e)| format!("{n}e{e}").parse().unwrap()).collect();
            check("decimals", &values, 40.0);
        }

        #[test]
        fn any_f32_round_trip(values in prop::collection::vec(any::<f32>(), 1..64)) {
            check("f32", &values.into_iter().map(f64::from).collect::<Vec<_>>(), 40.0);
        }

        #[test]
        fn garbage_is_refused_not_fatal(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 1usize..100) {
            if let Ok(values) = decode(&bytes, count) {
                prop_assert_eq!(values.len(), count);
            }
        }
    }
}
