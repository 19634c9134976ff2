//! Integers packed to as many bits as their range takes: not small, but fast for short columns.

use super::varint::{get_signed, put_signed};

/// Appends the lowest value, the width in bits, and the distances from the lowest, lowest bit first.
pub(super) fn pack(bytes: &mut Vec<u8>, integers: &[i64]) {
    let lowest = integers.iter().copied().min().unwrap_or(0);
    let highest = integers.iter().copied().max().unwrap_or(0);
    let width = 64 - highest.abs_diff(lowest).leading_zeros();
    put_signed(bytes, lowest);
    bytes.push(width as u8);
    bytes.reserve((integers.len() * width as usize).div_ceil(8));
    let (mut held, mut count) = (0u128, 0);
    for integer in integers {
        held |= u128::from(integer.abs_diff(lowest)) << count;
        count += width;
        while count >= 32 {
            bytes.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            count -= 32;
        }
    }
    bytes.extend_from_slice(&held.to_le_bytes()[..count.div_ceil(8) as usize]);
}

/// Reads `count` integers back; `None` when there are too few bytes or too many.
pub(super) fn unpack(mut bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let lowest = get_signed(&mut bytes)?;
    let (&width, bytes) = bytes.split_first()?;
    let width = u32::from(width);
    if width > 64 || bytes.len() != (count.checked_mul(width as usize)?).div_ceil(8) {
        return None;
    }
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let mut rest = bytes;
    let (mut held, mut bits) = (0u128, 0);
    let mut integers = Vec::with_capacity(count);
    for _ in 0..count {
        while bits < width {
            let (&byte, tail) = rest.split_first()?;
            held |= u128::from(byte) << bits;
            bits += 8;
            rest = tail;
        }
        integers.push(lowest.wrapping_add((held as u64 & mask) as i64));
        held >>= width;
        bits -= width;
    }
    Some(integers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_integers_round_trip(integers in prop::collection::vec(prop_oneof![any::<i64>(), -9i64..9, 5i64..6], 0..70)) {
            let mut bytes = Vec::new();
            pack(&mut bytes, &integers);
            prop_assert_eq!(unpack(&bytes, integers.len()), Some(integers.clone()));
            bytes.push(0);
            prop_assert_eq!(unpack(&bytes, integers.len()), None);
        }
    }

    #[test]
    fn a_percent_takes_seven_bits() {
        let mut bytes = Vec::new();
        pack(&mut bytes, &(0..=100).collect::<Vec<_>>());
        assert_eq!(bytes.len(), 2 + (101 * 7usize).div_ceil(8));
    }
}
