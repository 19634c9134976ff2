//! Robusta KRR's simple strategy: the exact p95 of the last 14 days; for memory their maximum plus 15 %.

use std::collections::VecDeque;

use model::Span;

use super::adaptive::share_name;
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

const HISTORY: Span = Span::from_secs(14 * 86_400);
const MEMORY_FACTOR: f32 = 1.15;

/// Percentile of the raw readings of the last 14 days. Variants are other percentiles. KRR itself says nothing below 100
/// readings; here it speaks from the first one on, which only helps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Krr;

/// The default first.
fn shares(kind: Kind) -> [f64; 6] {
    match kind {
        Kind::Rate => [0.95, 0.50, 0.80, 0.90, 0.99, 1.0],
        Kind::Memory => [1.0, 0.50, 0.80, 0.90, 0.95, 0.99],
    }
}

impl Policy for Krr {
    fn name(&self) -> &'static str {
        "krr"
    }
    fn variants(&self, kind: Kind) -> Vec<Variant> {
        shares(kind).map(share_name).map(Variant::named).into()
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        let kind = about.kind();
        let steps = HISTORY.as_nanos() / about.step.as_nanos().max(1);
        Box::new(State {
            shares: shares(kind),
            factor: if kind == Kind::Memory { MEMORY_FACTOR } else { 1.0 },
            steps_max: steps.max(1) as usize,
            recent: VecDeque::new(),
            sorted: SortedReadings::default(),
        })
    }
}

struct State {
    shares: [f64; 6],
    factor: f32,
    steps_max: usize,
    /// Every step of the last 14 days, with or without a reading.
    recent: VecDeque<Option<f32>>,
    sorted: SortedReadings,
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if self.recent.len() == self.steps_max
            && let Some(Some(old)) = self.recent.pop_front()
        {
            self.sorted.remove(old);
        }
        self.recent.push_back(use_);
        if let Some(value) = use_ {
            self.sorted.insert(value);
        }
    }
    fn allocate(&mut self, allocations: &mut [f32]) {
        for (allocation, &share) in allocations.iter_mut().zip(&self.shares) {
            if let Some(value) = self.sorted.percentile(share) {
                *allocation = value * self.factor;
            }
        }
    }
}

/// Readings in order, in blocks of bounded size: insertion and removal move at most one block.
#[derive(Default)]
struct SortedReadings {
    blocks: Vec<Vec<f32>>,
    count: usize,
}

const BLOCK_MAX: usize = 1_024;

impl SortedReadings {
    fn block_of(&self, value: f32) -> usize {
        let after = self.blocks.partition_point(|block| block.last().is_some_and(|&last| last < value));
        after.min(self.blocks.len().saturating_sub(1))
    }

    fn insert(&mut self, value: f32) {
        self.count += 1;
        if self.blocks.is_empty() {
            return self.blocks.push(vec![value]);
        }
        let index = self.block_of(value);
        let block = &mut self.blocks[index];
        block.insert(block.partition_point(|&held| held < value), value);
        if block.len() > BLOCK_MAX {
            let upper = block.split_off(BLOCK_MAX / 2);
            self.blocks.insert(index + 1, upper);
        }
    }

    /// Removes one reading that was inserted.
    fn remove(&mut self, value: f32) {
        let index = self.block_of(value);
        let block = &mut self.blocks[index];
        let place = block.partition_point(|&held| held < value);
        debug_assert_eq!(block[place], value, "only what was inserted is removed");
        block.remove(place);
        self.count -= 1;
        if block.is_empty() {
            self.blocks.remove(index);
        }
    }

    /// Between the two readings around rank `share * (count - 1)`, as PromQL's `quantile_over_time` does.
    fn percentile(&self, share: f64) -> Option<f32> {
        let rank = share * self.count.checked_sub(1)? as f64;
        let low = self.at(rank.floor() as usize);
        let high = self.at(rank.ceil() as usize);
        Some((f64::from(low) + rank.fract() * (f64::from(high) - f64::from(low))) as f32)
    }

    fn at(&self, mut rank: usize) -> f32 {
        for block in &self.blocks {
            match block.get(rank) {
                Some(&value) => return value,
                None => rank -= block.len(),
            }
        }
        unreachable!("a rank below the count lies in a block")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_a_sorted_list() {
        let mut sorted = SortedReadings::default();
        assert_eq!(sorted.percentile(0.5), None);
        let values: Vec<f32> = (0..5_000_u64).map(|n| ((n * 7_919) % 997) as f32).collect();
        for (index, &value) in values.iter().enumerate() {
            sorted.insert(value);
            if index >= 3_000 {
                sorted.remove(values[index - 3_000]);
            }
        }
        let mut expected = values[2_000..].to_vec();
        expected.sort_by(f32::total_cmp);
        assert_eq!(sorted.count, 3_000);
        for rank in [0, 1, 1_500, 2_999] {
            assert_eq!(sorted.at(rank), expected[rank]);
        }
        assert_eq!(sorted.percentile(1.0), Some(expected[2_999]));
        assert_eq!(sorted.percentile(0.0), Some(expected[0]));
    }
}
