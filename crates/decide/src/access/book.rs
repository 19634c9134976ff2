//! What bringing in would have done on a source: kept whether it was done or not, so that trust can be earned and lost.

/// Keys that were brought in count for nothing until so many more came.
const DOUBT: f64 = 4.0;
/// A new source is judged as if it had had so many keys brought in, with the luck of all sources.
const HEARSAY: f64 = 8.0;

/// A running account; the past fades.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Book {
    /// Accesses that were looked at, all of them.
    pub accesses: u64,
    /// What readers would have waited for without anything brought in, in seconds.
    waiting_s: f64,
    /// What of that would have been there.
    saved_s: f64,
    /// What bringing in would have cost.
    cost_s: f64,
    /// Keys that would have been brought in.
    staged: f64,
    /// Of those, keys that were asked for while they were held.
    used: f64,
    trusted: bool,
}

impl Book {
    /// Notes an access that would have waited for `wait_s`, or not, if it was `there`. The past fades over `memory` accesses.
    pub fn access(&mut self, wait_s: f64, there: bool, memory: f64) {
        self.accesses += 1;
        let fade = 1.0 - 1.0 / memory.max(1.0);
        for sum in [&mut self.waiting_s, &mut self.saved_s, &mut self.cost_s, &mut self.staged, &mut self.used] {
            *sum *= fade;
        }
        self.waiting_s += wait_s;
        if there {
            self.saved_s += wait_s;
            self.used += 1.0;
        }
    }

    /// Notes that a key was brought in, really or on paper.
    pub fn cost(&mut self, cost_s: f64) {
        self.cost_s += cost_s;
        self.staged += 1.0;
    }

    /// The share of the waiting that is saved after costs; below 0 where costs are higher.
    pub fn gain(&self) -> f64 {
        if self.waiting_s > 0.0 { (self.saved_s - self.cost_s) / self.waiting_s } else { 0.0 }
    }

    /// The share of keys brought in that were used, taken to be low as long as there were few.
    pub fn used(&self) -> f64 {
        self.used / (self.staged + DOUBT)
    }

    /// As [`Book::used`], for a source that may be new, beside `all` sources.
    pub fn used_beside(&self, all: &Book) -> f64 {
        (self.used + HEARSAY * all.used()) / (self.staged + HEARSAY)
    }

    /// Whether `used` is enough: at least `used_min` to begin, a tenth less to go on; and there must be a gain.
    pub fn trust(&mut self, used: f64, used_min: f64, ready: bool) -> bool {
        let needed = if self.trusted { 0.9 * used_min } else { used_min };
        self.trusted = ready && used >= needed && self.gain() >= 0.0;
        self.trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One access after one key brought in, for half of what waiting costs.
    fn turn(book: &mut Book, there: bool) {
        book.cost(0.5);
        book.access(1.0, there, 1e9);
    }

    #[test]
    fn the_account_by_hand() {
        let mut book = Book::default();
        (0..12).for_each(|_| turn(&mut book, true));
        (0..4).for_each(|_| turn(&mut book, false));
        assert!((book.gain() - 0.25).abs() < 1e-6);
        assert!((book.used() - 12.0 / 20.0).abs() < 1e-6);
    }

    #[test]
    fn trust_is_earned_and_kept_a_while() {
        let mut book = Book::default();
        assert!(!book.trust(book.used(), 0.7, true));
        (0..10).for_each(|_| turn(&mut book, true));
        assert!(!book.trust(book.used(), 0.7, false));
        assert!(book.trust(book.used(), 0.7, true));
        turn(&mut book, false);
        // 10 of 15: below 0.7, above 0.63.
        assert!(book.trust(book.used(), 0.7, true));
        (0..2).for_each(|_| turn(&mut book, false));
        assert!(!book.trust(book.used(), 0.7, true));
    }

    #[test]
    fn a_new_source_is_judged_by_the_others_and_then_by_itself() {
        let (mut own, mut all) = (Book::default(), Book::default());
        (0..36).for_each(|_| turn(&mut all, true));
        assert!((own.used_beside(&all) - 0.9).abs() < 1e-6);
        (0..24).for_each(|_| turn(&mut own, false));
        assert!((own.used_beside(&all) - 7.2 / 32.0).abs() < 1e-6);
    }
}
