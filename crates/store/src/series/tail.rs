//! The tail: batches as they came, each one row in the file, and the same in memory.
//!
//! A tick of a host gives the same series every second, so the list of series (the *layout*) is a row of its own that
//! later batches name, and a batch whose samples share one instant stores it once: four bytes per `f32` sample.

use std::sync::Arc;

use super::varint::{get_signed, get_unsigned, put_signed, put_unsigned};
use crate::checked::{BlobFault, seal, unseal};

const VERSION: u8 = 1;
/// Layouts that a batch is compared with.
const LAYOUTS_MAX: usize = 4;

/// One batch, sorted by series; a series may occur more than once, its times then increase.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    pub series: Arc<[u32]>,
    pub times: Times,
    pub values: Values,
}

/// The times of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Times {
    /// One for all.
    Same(i64),
    /// One for each.
    Each(Vec<i64>),
}

/// The values of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// Every value fits.
    Narrow(Vec<f32>),
    /// Some value does not.
    Wide(Vec<f64>),
}

impl Batch {
    pub(crate) fn new(series: Arc<[u32]>, times: Vec<i64>, values: Vec<f64>) -> Self {
        let narrow = values.iter().all(|value| f64::from(*value as f32).to_bits() == value.to_bits());
        let same = times.iter().all(|time| *time == times[0]);
        Batch {
            series,
            times: if same { Times::Same(times[0]) } else { Times::Each(times) },
            values: if narrow {
                Values::Narrow(values.into_iter().map(|value| value as f32).collect())
            } else {
                Values::Wide(values)
            },
        }
    }

    /// The samples of series `first..end`.
    pub(crate) fn of_series(&self, first: u32, end: u32) -> impl Iterator<Item = (u32, i64, f64)> + '_ {
        let from = self.series.partition_point(|series| *series < first);
        let to = from + self.series[from..].partition_point(|series| *series < end);
        (from..to).map(|i| (self.series[i], self.time(i), self.value(i)))
    }

    fn time(&self, i: usize) -> i64 {
        match &self.times {
            Times::Same(time) => *time,
            Times::Each(times) => times[i],
        }
    }

    fn value(&self, i: usize) -> f64 {
        match &self.values {
            Values::Narrow(values) => f64::from(values[i]),
            Values::Wide(values) => values[i],
        }
    }

    /// The earliest time.
    fn first_time(&self) -> i64 {
        match &self.times {
            Times::Same(time) => *time,
            Times::Each(times) => times.iter().copied().min().unwrap_or(i64::MAX),
        }
    }

    /// The row of this batch, whose series are those of row `layout`.
    pub(crate) fn encode(&self, layout: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.series.len() * 8 + 32);
        body.extend([
            VERSION,
            u8::from(matches!(self.times, Times::Each(_))),
            u8::from(matches!(self.values, Values::Wide(_))),
        ]);
        put_signed(&mut body, layout);
        match &self.times {
            Times::Same(time) => put_signed(&mut body, *time),
            Times::Each(times) => {
                let mut previous = 0;
                for time in times {
                    put_signed(&mut body, time.wrapping_sub(previous));
                    previous = *time;
                }
            }
        }
        match &self.values {
            Values::Narrow(values) => values.iter().for_each(|value| body.extend_from_slice(&value.to_le_bytes())),
            Values::Wide(values) => values.iter().for_each(|value| body.extend_from_slice(&value.to_le_bytes())),
        }
        seal(body)
    }

    /// Reads a row; `layout` gives the series of a layout row.
    pub(crate) fn decode(blob: &[u8], layout: impl Fn(i64) -> Option<Arc<[u32]>>) -> Result<Batch, BlobFault> {
        let cut = || BlobFault::content("a batch is cut off");
        let (&[version, each, wide], mut rest) = unseal(blob)?.split_first_chunk::<3>().ok_or_else(cut)?;
        if version != VERSION {
            return Err(BlobFault::content(format_args!("unknown batch version {version}")));
        }
        let number = get_signed(&mut rest).ok_or_else(cut)?;
        let series = layout(number).ok_or_else(|| BlobFault::content(format_args!("its layout {number} is missing")))?;
        let times = if each == 0 {
            Times::Same(get_signed(&mut rest).ok_or_else(cut)?)
        } else {
            let mut time = 0i64;
            let mut next = |_| {
                time = time.wrapping_add(get_signed(&mut rest).ok_or_else(cut)?);
                Ok(time)
            };
            Times::Each(series.iter().map(&mut next).collect::<Result<_, BlobFault>>()?)
        };
        let width = if wide == 0 { 4 } else { 8 };
        if rest.len() != series.len() * width {
            return Err(cut());
        }
        let values = if wide == 0 {
            Values::Narrow(rest.as_chunks().0.iter().map(|bits| f32::from_le_bytes(*bits)).collect())
        } else {
            Values::Wide(rest.as_chunks().0.iter().map(|bits| f64::from_le_bytes(*bits)).collect())
        };
        Ok(Batch { series, times, values })
    }
}

/// The row of a layout.
pub(crate) fn encode_layout(series: &[u32]) -> Vec<u8> {
    let mut body = Vec::with_capacity(series.len() + 16);
    body.push(VERSION);
    put_unsigned(&mut body, series.len() as u64);
    let mut previous = 0;
    for number in series {
        put_unsigned(&mut body, u64::from(number - previous));
        previous = *number;
    }
    seal(body)
}

/// Reads the row of a layout.
pub(crate) fn decode_layout(blob: &[u8]) -> Result<Arc<[u32]>, BlobFault> {
    let cut = || BlobFault::content("a layout is cut off");
    let (version, mut rest) = unseal(blob)?.split_first().ok_or_else(cut)?;
    if *version != VERSION {
        return Err(BlobFault::content(format_args!("unknown layout version {version}")));
    }
    let count = get_unsigned(&mut rest).ok_or_else(cut)?;
    let mut series = Vec::with_capacity(count.min(rest.len() as u64) as usize);
    let mut number = 0u32;
    for _ in 0..count {
        let delta = u32::try_from(get_unsigned(&mut rest).ok_or_else(cut)?).map_err(|_| cut())?;
        number = number.checked_add(delta).ok_or_else(cut)?;
        series.push(number);
    }
    Ok(series.into())
}

/// All batches that are not sealed yet.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub batches: Vec<Batch>,
    pub samples: usize,
    /// The earliest time in it.
    pub oldest: Option<i64>,
    /// Layouts in the file, with their rows, newest last.
    layouts: Vec<(i64, Arc<[u32]>)>,
    next_layout: i64,
}

impl Tail {
    /// The row of a layout that the file has already, and its series.
    pub(crate) fn known_layout(&self, series: &[u32]) -> Option<(i64, Arc<[u32]>)> {
        self.layouts.iter().rev().find(|(_, known)| **known == *series).cloned()
    }

    /// The row of the next new layout.
    pub(crate) fn next_layout(&self) -> i64 {
        self.next_layout
    }

    pub(crate) fn add_layout(&mut self, row: i64, series: Arc<[u32]>) {
        if self.layouts.len() == LAYOUTS_MAX {
            self.layouts.remove(0);
        }
        self.layouts.push((row, series));
        self.next_layout = row + 1;
    }

    pub(crate) fn push(&mut self, batch: Batch) {
        self.samples += batch.series.len();
        self.oldest = Some(self.oldest.unwrap_or(i64::MAX).min(batch.first_time()));
        self.batches.push(batch);
    }

    /// Empties it after its rows were removed.
    pub(crate) fn clear(&mut self) {
        *self = Tail::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_and_layouts_round_trip(rows in prop::collection::vec((0u32..50, 0i64..3, prop_oneof![any::<f32>().prop_map(f64::from), any::<f64>()]), 1..80)) {
            let mut rows = rows;
            rows.sort_by_key(|row| row.0);
            let series: Arc<[u32]> = rows.iter().map(|row| row.0).collect();
            let batch = Batch::new(series.clone(), rows.iter().map(|row| row.1).collect(), rows.iter().map(|row| row.2).collect());
            let layout = decode_layout(&encode_layout(&series)).unwrap();
            let back = Batch::decode(&batch.encode(7), |row| (row == 7).then(|| layout.clone())).unwrap();
            let bits = |batch: &Batch| batch.of_series(0, u32::MAX).map(|(s, t, v)| (s, t, v.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&batch));
            prop_assert_eq!(bits(&back), rows.iter().map(|row| (row.0, row.1, row.2.to_bits())).collect::<Vec<_>>());
            prop_assert!(Batch::decode(&batch.encode(7), |_| None).is_err());
        }
    }

    #[test]
    fn a_tick_of_f32_takes_four_bytes_a_sample() {
        let series: Arc<[u32]> = (0..1_000).collect();
        let batch =
            Batch::new(series, vec![1_700_000_000_000; 1_000], (0..1_000).map(|i| f64::from(i as f32 * 0.1)).collect());
        assert!(batch.encode(1).len() < 4_020);
    }
}
