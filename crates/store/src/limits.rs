//! How much the store may keep, and for how long.

use model::{Bytes, Span};

/// Limits of a [`crate::Store`]; [`Limits::default`] fits one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long samples are kept as they came.
    pub raw_keep: Span,
    /// How long minutes (highest and mean value) are kept after that; counted from the sample's time.
    pub minute_keep: Span,
    /// How long ten-minute steps are kept after that; counted from the sample's time.
    pub ten_minute_keep: Span,
    /// How long decisions are kept that stand no more.
    pub decision_keep: Span,
    /// Size of the database above which the oldest data are coarsened, then dropped, before their time.
    pub bytes_max: Bytes,
    /// Distinct series.
    pub series_max: u32,
    /// Samples that may wait uncompressed, in memory and in the file, before [`crate::Store::append`] seals them itself.
    /// Also bounds the time of one seal. 0 is taken as 1.
    pub tail_samples_max: usize,
    /// Age of the oldest waiting sample at which [`crate::Store::maintain`] seals.
    pub tail_age_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Limits {
            raw_keep: Span::from_secs(7 * DAY),
            minute_keep: Span::from_secs(30 * DAY),
            ten_minute_keep: Span::from_secs(400 * DAY),
            decision_keep: Span::from_secs(400 * DAY),
            bytes_max: Bytes(8 << 30),
            series_max: 2_000_000,
            tail_samples_max: 4 << 20,
            tail_age_max: Span::from_secs(900),
        }
    }
}
