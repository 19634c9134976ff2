//! Prediction by partial matching: the next key from the longest contexts that came before, escaping to shorter ones.
//!
//! Problem: a long context predicts sharply but is rarely known; a short one is always known and predicts poorly. Idea: each
//! order gives its followers a chance and keeps one for "none of these", which the next shorter order divides among the rest.
//! Steps: from order 3 down to 0, followers that a longer context has ruled out are passed over (exclusion); of n counts of d
//! different followers the escape takes d / (n + d) and a follower with count c takes c / (n + d) (method C) or the escape
//! takes d / 2n and a follower (2c - 1) / 2n (method D); counts are raised from the longest context down to the first that
//! already knew the key (update exclusion). What escapes from order 0 is left for keys that never came.
//! Source: A. Moffat, Implementing the PPM data compression scheme, IEEE Trans. Comm. 38(11), 1990 (C); P. Howard, The design
//! and analysis of efficient lossless data compression systems, 1993 (D).

use super::index::{Index, hash};
use super::successors::{Frequencies, Successors};

/// How much of a context's chance is kept for keys that never followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// d / (n + d).
    C,
    /// d / 2n.
    D,
}

/// Where counts are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// From the longest context down to the first that knew the key.
    Exclusion,
    /// In every context.
    Full,
}

/// A model of one stream.
#[derive(Clone, Debug)]
pub struct Ppm {
    order: usize,
    escape: Escape,
    counting: Counting,
    symbols: Index,
    keys: Vec<u64>,
    /// One table per order from 1 up.
    tables: Vec<Successors>,
    frequencies: Frequencies,
    /// The last keys, newest first, at most `order`.
    past: Vec<u32>,
    /// Per symbol, the prediction that last passed it, so that exclusion costs nothing.
    passed: Vec<u32>,
    prediction: u32,
}

impl Ppm {
    /// A model of contexts up to `order` keys, at least 1.
    pub fn new(order: usize, escape: Escape, counting: Counting) -> Ppm {
        Ppm {
            order,
            escape,
            counting,
            symbols: Index::default(),
            keys: Vec::new(),
            tables: vec![Successors::default(); order],
            frequencies: Frequencies::default(),
            past: Vec::new(),
            passed: Vec::new(),
            prediction: 0,
        }
    }

    /// The likeliest next keys with their chances, likeliest first, at most `most` into `ranked`, which is cleared. Chances sum to
    /// at most 1; the rest belongs to keys that are not listed.
    pub fn predict(&mut self, most: usize, ranked: &mut Vec<(u64, f32)>) {
        ranked.clear();
        self.prediction += 1;
        let mut left = 1.0f64;
        for order in (1..=self.past.len()).rev() {
            let list = self.tables[order - 1].of(context(&self.past[..order]));
            let fresh = || list.iter().filter(|follower| self.passed[follower.symbol as usize] != self.prediction);
            let (n, d) = fresh().fold((0u64, 0u64), |(n, d), follower| (n + u64::from(follower.count), d + 1));
            if d == 0 {
                continue;
            }
            let start = ranked.len();
            for follower in fresh() {
                let share = left * share(self.escape, u64::from(follower.count), n, d);
                ranked.push((u64::from(follower.symbol), share as f32));
            }
            left *= escape(self.escape, n, d);
            for &(symbol, _) in &ranked[start..] {
                self.passed[symbol as usize] = self.prediction;
            }
        }
        self.lowest(most, left, ranked);
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(most);
        ranked.iter_mut().for_each(|(key, _)| *key = self.keys[*key as usize]);
    }

    /// Order 0: its most frequent keys that no longer context has ruled out.
    fn lowest(&self, most: usize, left: f64, ranked: &mut Vec<(u64, f32)>) {
        let seen: u64 = ranked.iter().map(|&(symbol, _)| u64::from(self.frequencies.of(symbol as u32))).sum();
        let n = self.frequencies.total() - seen;
        let d = u64::from(self.frequencies.distinct()) - ranked.len() as u64;
        if d == 0 {
            return;
        }
        let fresh =
            self.frequencies.leaders().iter().filter(|leader| self.passed[leader.symbol as usize] != self.prediction);
        for leader in fresh.take(most) {
            let share = left * share(self.escape, u64::from(leader.count), n, d);
            ranked.push((u64::from(leader.symbol), share as f32));
        }
    }

    /// Learns that `key` came next.
    pub fn observe(&mut self, key: u64) {
        let (symbol, new) = self.symbols.insert(key);
        if new {
            self.keys.push(key);
            self.passed.push(0);
        }
        let mut known = false;
        for order in (1..=self.past.len()).rev() {
            known = self.tables[order - 1].count(context(&self.past[..order]), symbol);
            if known && self.counting == Counting::Exclusion {
                break;
            }
        }
        if !known || self.counting == Counting::Full {
            self.frequencies.count(symbol);
        }
        self.past.insert(0, symbol);
        self.past.truncate(self.order);
    }
}

fn context(newest_first: &[u32]) -> u64 {
    newest_first.iter().fold(hash(newest_first.len() as u64, &[]), |seed, &symbol| hash(seed, &[u64::from(symbol)]))
}

fn escape(method: Escape, n: u64, d: u64) -> f64 {
    match method {
        Escape::C => d as f64 / (n + d) as f64,
        Escape::D => d as f64 / (2 * n) as f64,
    }
}

fn share(method: Escape, count: u64, n: u64, d: u64) -> f64 {
    match method {
        Escape::C => count as f64 / (n + d) as f64,
        Escape::D => (2 * count).saturating_sub(1) as f64 / (2 * n) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &[u64], escape: Escape, counting: Counting) -> Vec<(u64, f32)> {
        let mut ppm = Ppm::new(3, escape, counting);
        keys.iter().for_each(|&key| ppm.observe(key));
        let mut ranked = Vec::new();
        ppm.predict(5, &mut ranked);
        ranked
    }

    /// After `a b a c a`: order 1 of `a` knows b and c once each; orders 2 and 3 know nothing.
    #[test]
    fn method_c_by_hand() {
        let ranked = after(&[1, 2, 1, 3, 1], Escape::C, Counting::Full);
        // n = 2, d = 2: b and c get 1/4, escape 1/2. Order 0 without b and c: a has 3 of n = 3, d = 1: 3/4 of the escape.
        assert_eq!(ranked, [(1, 0.375), (3, 0.25), (2, 0.25)]);
    }

    #[test]
    fn method_d_by_hand() {
        let ranked = after(&[1, 2, 1, 3, 1], Escape::D, Counting::Full);
        // n = 2, d = 2: (2 - 1)/4 each, escape 1/2. Order 0: a has (6 - 1)/6 of it.
        assert_eq!(ranked[0].0, 1);
        assert!((ranked[0].1 - 5.0 / 12.0).abs() < 1e-6);
        assert_eq!(&ranked[1..], [(3, 0.25), (2, 0.25)]);
    }

    /// After `a b a b a b`: `a b` is known to order 2 from its second coming on, so order 1 of `a` keeps a count of 2.
    #[test]
    fn update_exclusion_leaves_short_contexts_alone() {
        let mut ppm = Ppm::new(2, Escape::C, Counting::Exclusion);
        [1, 2, 1, 2, 1, 2].iter().for_each(|&key| ppm.observe(key));
        let of_a = ppm.tables[0].of(context(&[0]));
        assert_eq!(of_a.iter().map(|follower| follower.count).collect::<Vec<_>>(), [2]);
        // The second a was new to both of its contexts, so order 0 counted it too; no b but the first got that far.
        assert_eq!((ppm.frequencies.of(0), ppm.frequencies.of(1)), (2, 1));
    }

    #[test]
    fn chances_sum_to_at_most_one() {
        let keys: Vec<u64> = (0..4_000u64).map(|step| super::super::index::spread(step / 3) % 17).collect();
        let (mut ranked, mut ppm) = (Vec::new(), Ppm::new(3, Escape::D, Counting::Exclusion));
        for key in keys {
            ppm.predict(300, &mut ranked);
            assert!(ranked.iter().map(|one| one.1).sum::<f32>() <= 1.0 + 1e-4);
            assert!(ranked.is_sorted_by(|a, b| a.1 >= b.1));
            ppm.observe(key);
        }
    }
}
