//! Blobs with a CRC-32 at their end, so that a flipped bit inside a database page is found when the blob is read.

/// Why a blob is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlobFault {
    /// Too short to hold a checksum.
    #[error("{len} bytes are too few")]
    Short {
        /// What there is.
        len: usize,
    },
    /// The checksum does not fit the content.
    #[error("checksum is {found:08x}, content gives {computed:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// The content cannot be decoded although its checksum fits.
    #[error("content does not decode: {0}")]
    Content(String),
}

impl BlobFault {
    /// A [`BlobFault::Content`] from anything that prints.
    pub(crate) fn content(reason: impl std::fmt::Display) -> Self {
        BlobFault::Content(reason.to_string())
    }
}

/// Appends the checksum of `body` to it.
pub(crate) fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&body);
    body.extend_from_slice(&sum.to_le_bytes());
    body
}

/// The body of a blob whose checksum fits.
pub(crate) fn unseal(blob: &[u8]) -> Result<&[u8], BlobFault> {
    let (body, sum) = blob.split_last_chunk::<4>().ok_or(BlobFault::Short { len: blob.len() })?;
    let (found, computed) = (u32::from_le_bytes(*sum), crc32fast::hash(body));
    if found == computed { Ok(body) } else { Err(BlobFault::Checksum { found, computed }) }
}

/// As [`seal`], with a checksum that also covers the name the blob is kept under.
pub(crate) fn seal_named(name: &[u8], mut body: Vec<u8>) -> Vec<u8> {
    let sum = named_sum(name, &body);
    body.extend_from_slice(&sum.to_le_bytes());
    body
}

/// The body of what [`seal_named`] sealed under `name`.
pub(crate) fn unseal_named<'a>(name: &[u8], blob: &'a [u8]) -> Result<&'a [u8], BlobFault> {
    let (body, sum) = blob.split_last_chunk::<4>().ok_or(BlobFault::Short { len: blob.len() })?;
    let (found, computed) = (u32::from_le_bytes(*sum), named_sum(name, body));
    if found == computed { Ok(body) } else { Err(BlobFault::Checksum { found, computed }) }
}

fn named_sum(name: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name);
    hasher.update(body);
    hasher.finalize()
}

/// Encodes `value` with postcard and a checksum.
pub(crate) fn seal_wire<T: serde::Serialize>(value: &T) -> Vec<u8> {
    seal(postcard::to_stdvec(value).expect("writing to memory cannot fail for the plain types of `wire`"))
}

/// Decodes what [`seal_wire`] wrote; trailing bytes are a fault.
pub(crate) fn unseal_wire<T: serde::de::DeserializeOwned>(blob: &[u8]) -> Result<T, BlobFault> {
    decode_wire(unseal(blob)?)
}

/// Decodes one postcard value that fills `body`.
pub(crate) fn decode_wire<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, BlobFault> {
    match postcard::take_from_bytes::<T>(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(BlobFault::content(format_args!("{} bytes follow it", rest.len()))),
        Err(error) => Err(BlobFault::content(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let blob = seal(b"what was written".to_vec());
        assert_eq!(unseal(&blob), Ok(&b"what was written"[..]));
        for bit in 0..blob.len() * 8 {
            let mut bad = blob.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(unseal(&bad), Err(BlobFault::Checksum { .. })), "bit {bit}");
        }
        assert_eq!(unseal(b"abc"), Err(BlobFault::Short { len: 3 }));
    }

    #[test]
    fn trailing_bytes_are_a_fault() {
        let mut body = postcard::to_stdvec(&7u32).unwrap();
        body.push(0);
        assert!(decode_wire::<u32>(&body).is_err());
    }
}
