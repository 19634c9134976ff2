//! The history of one series, and the samples that the network learns from it.

use model::{Span, WallTime};
use predict::recurrent::{Calendar, FEATURES, Normaliser, Pace, WindowUse};

/// What one series did, window after window.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The windows in order; `None` where nothing was measured.
    pub windows: Vec<Option<WindowUse>>,
    /// When the first window began, if known.
    pub start: Option<WallTime>,
    /// How the series is normalised: the same as at inference.
    pub pace: Pace,
}

/// One measured window, as the network sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its place in the sequence's time.
    pub at: u32,
    /// The network's input.
    pub features: [f32; FEATURES],
    /// The next window's peak as a logarithm of its ratio to the level; not-a-number when it was not measured.
    pub target: f32,
}

/// The measured windows of a series in order.
#[derive(Clone, Debug)]
pub struct Samples {
    /// In the order of [`Sample::at`].
    pub rows: Vec<Sample>,
    /// Windows of the sequence, measured or not.
    pub length: usize,
}

impl Sequence {
    /// Runs the normaliser over the series' windows from `first` on, of `window` each.
    pub fn samples(&self, window: Span, first: usize) -> Samples {
        let mut normaliser = Normaliser::default();
        let mut rows = Vec::with_capacity(self.windows.len().saturating_sub(first));
        for (at, use_) in self.windows.iter().enumerate().skip(first) {
            let Some(use_) = use_ else { continue };
            let coming = self.start.map(|start| start.plus(window.times(at as u64 + 1)));
            let mut features = [0.0; FEATURES];
            normaliser.observe(&self.pace, use_, &Calendar::at(coming), &mut features);
            let target = match self.windows.get(at + 1) {
                Some(Some(next)) => normaliser.ratio(&self.pace, next.peak),
                _ => f32::NAN,
            };
            rows.push(Sample { at: (at - first) as u32, features, target });
        }
        Samples { rows, length: self.windows.len().saturating_sub(first) }
    }
}

impl Samples {
    /// The first row whose target lies at or after `share` of the sequence's time.
    pub fn row_at(&self, share: f32) -> usize {
        let at = (self.length as f32 * share) as u32;
        self.rows.partition_point(|row| row.at < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_leave_targets_open() {
        let peak = |peak: f32| Some(WindowUse { peak, mean: peak, expected: None });
        let sequence = Sequence {
            windows: vec![peak(1.0), peak(2.0), None, peak(3.0)],
            start: None,
            pace: Pace { memory_windows: 144.0, grain: 0.01 },
        };
        let samples = sequence.samples(Span::from_secs(600), 0);
        let at: Vec<u32> = samples.rows.iter().map(|row| row.at).collect();
        assert_eq!(at, [0, 1, 3]);
        assert!(samples.rows[0].target > 0.5, "1 grew to 2");
        assert!(samples.rows[1].target.is_nan() && samples.rows[2].target.is_nan());
        assert_eq!(samples.row_at(0.5), 2);
        assert_eq!(sequence.samples(Span::from_secs(600), 1).rows[0].at, 0);
    }
}
