//! FeMux: which forecaster sizes a unit's next block follows from features of its last (FeMux; reconstructed from a summary).
//!
//! Per block of 504 minutes every forecaster is followed on the side and charged. Blocks are clustered by four features (k-means); a
//! unit's next block is served by the forecaster that was cheapest, by RUM, over all blocks of the cluster of its last one. Forecasters
//! see 120 minutes: AR(10), the ten strongest harmonics, a Markov chain, and keep-alive of 5 and 10 minutes. Each
//! forecaster competes at several thresholds, since one that suits all costs would have to be guessed.

mod blocks;
mod forecasters;

use blocks::{Block, Chosen};
use forecasters::{CANDIDATES, Forecasters, HISTORY};

use super::tuned::{Use, cheapest};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// FeMux; its knob is what idle memory weighs in the metric that chooses.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeMux;

/// Factors on the price of waiting; RUM as it is first.
const WEIGHTS: [f64; 3] = [1.0, 0.25, 4.0];
/// Steps of a block.
const BLOCK: usize = 504;

impl PoolPolicy for FeMux {
    fn name(&self) -> &'static str {
        "femux"
    }
    fn points(&self) -> Vec<String> {
        WEIGHTS.iter().map(|weight| format!("waiting weighs {weight}")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let slots = workload.slots.len();
        Box::new(Multiplexing {
            workload,
            options: *options,
            forecasters: Forecasters::new(),
            slots: vec![Follower::new(); slots],
            overall: [[0.0; CANDIDATES]; WEIGHTS.len()],
            blocks: Vec::new(),
            chosen: vec![vec![None; slots]; WEIGHTS.len()],
        })
    }
}

struct Multiplexing<'w> {
    workload: &'w Workload,
    options: PoolOptions,
    forecasters: Forecasters,
    slots: Vec<Follower>,
    /// Per weight, what each candidate has cost over all slots.
    overall: [[f64; CANDIDATES]; WEIGHTS.len()],
    /// Finished blocks of all slots.
    blocks: Vec<Block>,
    /// Per weight and slot; `None` before the first block.
    chosen: Vec<Vec<Option<usize>>>,
}

/// All candidates at work on one slot.
#[derive(Clone, Debug)]
struct Follower {
    /// The last steps, oldest first.
    window: Vec<f32>,
    /// The running block.
    block: Vec<f32>,
    /// What the candidates said of the coming step.
    said: [bool; CANDIDATES],
    /// What they cost in the running block: cold starts and idle, each in seconds of waiting.
    costs: [(f64, f64); CANDIDATES],
}

impl Follower {
    fn new() -> Follower {
        Follower {
            window: vec![0.0; HISTORY],
            block: Vec::with_capacity(BLOCK),
            said: [false; CANDIDATES],
            costs: [(0.0, 0.0); CANDIDATES],
        }
    }
}

impl Keeper for Multiplexing<'_> {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        let busy = self.workload.busy_at_start(seen.step);
        for (place, follower) in self.slots.iter_mut().enumerate() {
            let unit = &self.workload.units[self.workload.slots[place].unit];
            let idle_s = self.options.idle_s(unit.memory_gb, self.workload.step);
            for (candidate, cost) in follower.costs.iter_mut().enumerate() {
                let use_ = Use { ready: follower.said[candidate], active: seen.active[place], busy: busy[place] };
                let charged = use_.cost(&self.options, idle_s);
                *(if use_.ready { &mut cost.1 } else { &mut cost.0 }) += charged;
                for (overall, weight) in self.overall.iter_mut().zip(WEIGHTS) {
                    overall[candidate] += if use_.ready { charged } else { weight * charged };
                }
            }
            let value = f32::from(u8::from(seen.active[place]));
            follower.window.rotate_left(1);
            follower.window[HISTORY - 1] = value;
            follower.block.push(value);
            follower.said = self.forecasters.say(&follower.window);
        }
        if (seen.step + 1).is_multiple_of(BLOCK) {
            self.finish_block();
        }
        for ((ready, chosen), overall) in ready.iter_mut().zip(&self.chosen).zip(&self.overall) {
            let fallback = cheapest(overall);
            for ((ready, follower), chosen) in ready.iter_mut().zip(&self.slots).zip(chosen) {
                *ready = follower.said[chosen.unwrap_or(fallback)];
            }
        }
    }
}

impl Multiplexing<'_> {
    fn finish_block(&mut self) {
        let first = self.blocks.len();
        for follower in &mut self.slots {
            let features = blocks::features(&follower.block, &mut self.forecasters);
            self.blocks.push(Block { features, costs: follower.costs });
            follower.block.clear();
            follower.costs = [(0.0, 0.0); CANDIDATES];
        }
        let clusters = blocks::clusters(&self.blocks);
        for (chosen, weight) in self.chosen.iter_mut().zip(WEIGHTS) {
            let by_cluster = Chosen::of(&self.blocks, &clusters, weight);
            for (place, chosen) in chosen.iter_mut().enumerate() {
                *chosen = Some(by_cluster.candidate(clusters[first + place]));
            }
        }
    }
}
