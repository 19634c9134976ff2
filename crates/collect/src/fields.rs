//! Reads figures out of the kernel's text without allocating.

/// The non-negative number that `text` holds, spaces around it allowed; `None` for anything else.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, &byte| {
        byte.is_ascii_digit().then_some(())?;
        sum.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
    })
}

/// The lines of `text`, without empty ones.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

/// The words of a line, parted by spaces or tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// The values of `keys` in text of the form `key value` per line.
pub(crate) fn values<const N: usize>(text: &[u8], keys: [&[u8]; N]) -> [Option<u64>; N] {
    let mut found = [None; N];
    for line in lines(text) {
        for (key, slot) in keys.iter().zip(found.iter_mut()) {
            if let Some(rest) = line.strip_prefix(*key)
                && rest.first() == Some(&b' ')
            {
                *slot = number(rest);
                break;
            }
        }
    }
    found
}

/// The device number in front of a line such as `8:16 Read 512`.
pub(crate) fn device(word: &[u8]) -> Option<(u32, u32)> {
    let colon = word.iter().position(|&byte| byte == b':')?;
    let major = u32::try_from(number(&word[..colon])?).ok()?;
    let minor = u32::try_from(number(&word[colon + 1..])?).ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_or_refused() {
        for (text, expected) in [
            ("12\n", Some(12)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("max", None),
            ("", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn values_match_whole_keys() {
        let text = b"anon_thp 5\nanon 7\nfile 9\n";
        assert_eq!(values(text, [b"anon", b"file", b"shmem"]), [Some(7), Some(9), None]);
        assert_eq!(device(b"8:16"), Some((8, 16)));
        assert_eq!(device(b"Total"), None);
    }
}
