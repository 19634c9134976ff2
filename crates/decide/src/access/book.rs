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

    /// The gain of a source that has few accesses yet, drawn to that of `all` sources as if those had had `weight` of them.
    pub fn gain_beside(&self, all: &Book, weight: u64) -> f64 {
        let (own, theirs) = (self.accesses as f64, weight as f64);
        (own * self.gain() + theirs * all.gain()) / (own + theirs).max(1.0)
    }

    /// Whether `gain` is enough: at least `gain_min` to begin, at least half of that to go on; never before it is `ready`.
    pub fn trust(&mut self, gain: f64, gain_min: f64, ready: bool) -> bool {
        let needed = if self.trusted { 0.5 * gain_min } else { gain_min };
        self.trusted = ready && gain >= needed;
        self.trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_source_is_judged_by_the_others_and_then_by_itself() {
        let (mut own, mut all) = (Book::default(), Book::default());
        (0..100).for_each(|_| all.access(1.0, true, 1e9));
        assert!((own.gain_beside(&all, 100) - 1.0).abs() < 1e-9);
        (0..300).for_each(|_| own.access(1.0, false, 1e9));
        assert!((own.gain_beside(&all, 100) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn trust_is_earned_and_kept_a_while() {
        let mut book = Book::default();
        for _ in 0..10 {
            assert!(!book.trust(book.gain(), 0.2, false));
            book.access(1.0, true, 1e9);
            book.cost(0.5);
        }
        assert!((book.gain() - 0.5).abs() < 1e-6);
        assert!(book.trust(book.gain(), 0.2, true));
        (0..25).for_each(|_| book.access(1.0, false, 1e9));
        // 5 of 35 gained: below a fifth, above a tenth.
        assert!(book.trust(book.gain(), 0.2, true));
        (0..25).for_each(|_| book.access(1.0, false, 1e9));
        assert!(!book.trust(book.gain(), 0.2, true));
    }
}
