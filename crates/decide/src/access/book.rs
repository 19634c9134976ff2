//! What bringing in would have gained on a source: kept whether it was done or not, so that trust can be earned and lost.

/// A running account in seconds of waiting; the past fades.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Book {
    /// Accesses that were looked at, all of them.
    pub accesses: u64,
    /// What readers would have waited for without anything brought in.
    waiting_s: f64,
    /// What of that would have been there.
    saved_s: f64,
    /// What bringing in would have cost.
    cost_s: f64,
    trusted: bool,
}

impl Book {
    /// Notes an access that would have waited for `wait_s`, or not, if it was `there`.
    pub fn access(&mut self, wait_s: f64, there: bool, memory: f64) {
        self.accesses += 1;
        let fade = 1.0 - 1.0 / memory.max(1.0);
        self.waiting_s = self.waiting_s * fade + wait_s;
        self.saved_s = self.saved_s * fade + if there { wait_s } else { 0.0 };
        self.cost_s *= fade;
    }

    /// Notes that something was brought in, really or on paper.
    pub fn cost(&mut self, cost_s: f64) {
        self.cost_s += cost_s;
    }

    /// The share of the waiting that is saved after costs; below 0 where costs are higher.
    pub fn gain(&self) -> f64 {
        if self.waiting_s > 0.0 { (self.saved_s - self.cost_s) / self.waiting_s } else { 0.0 }
    }

    /// Whether the gain is enough: at least `gain_min` to begin, at least half of that to go on.
    pub fn trust(&mut self, gain_min: f64, learn_min: u64) -> bool {
        let needed = if self.trusted { 0.5 * gain_min } else { gain_min };
        self.trusted = self.accesses >= learn_min && self.gain() >= needed;
        self.trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_earned_and_kept_a_while() {
        let mut book = Book::default();
        for _ in 0..10 {
            assert!(!book.trust(0.2, 10));
            book.access(1.0, true, 1e9);
            book.cost(0.5);
        }
        assert!((book.gain() - 0.5).abs() < 1e-6);
        assert!(book.trust(0.2, 10));
        (0..25).for_each(|_| book.access(1.0, false, 1e9));
        // 5 of 35 gained: below a fifth, above a tenth.
        assert!(book.trust(0.2, 10));
        (0..25).for_each(|_| book.access(1.0, false, 1e9));
        assert!(!book.trust(0.2, 10));
    }
}
