//! Variable-length integers (LEB128, zigzag for signed ones).

pub(super) fn put_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

pub(super) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_unsigned(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Takes an integer off the front; `None` when cut off or longer than 64 bits.
pub(super) fn get_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn get_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = get_unsigned(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_round_trip() {
        for value in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, value);
            put_unsigned(&mut bytes, value as u64);
            let mut rest = &bytes[..];
            assert_eq!((get_signed(&mut rest), get_unsigned(&mut rest)), (Some(value), Some(value as u64)));
            assert!(rest.is_empty());
        }
        assert_eq!(get_unsigned(&mut &[0x80; 3][..]), None);
        assert_eq!(get_unsigned(&mut &[0x80; 12][..]), None);
    }
}
