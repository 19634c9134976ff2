//! Counted allowances that refill with time.

use model::{Moment, Span};

/// So many at once, refilled evenly over a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    size: f32,
    per: Span,
    left: f32,
    filled_at: Moment,
}

impl Allowance {
    /// `size` per `per`, full at the start.
    pub fn new(size: f32, per: Span) -> Self {
        Allowance { size, per, left: size, filled_at: Moment::START }
    }

    /// Whether one may be taken now.
    pub fn has(&mut self, now: Moment) -> bool {
        self.left(now) >= 1.0
    }

    /// How many are left now; below 0 when in debt.
    pub fn left(&mut self, now: Moment) -> f32 {
        let share = now.since(self.filled_at).as_secs_f64() / self.per.as_secs_f64().max(1e-9);
        self.left = (self.left + share as f32 * self.size).min(self.size);
        self.filled_at = self.filled_at.max(now);
        self.left
    }

    /// Takes one, also into debt of at most the whole size: what cannot wait is not refused, but paid for later.
    pub fn take(&mut self, now: Moment) {
        self.left = (self.left(now) - 1.0).max(-self.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empties_and_refills() {
        let mut allowance = Allowance::new(2.0, Span::from_secs(60));
        let start = Moment::START;
        allowance.take(start);
        allowance.take(start);
        assert!(!allowance.has(start));
        assert!(!allowance.has(start + Span::from_secs(29)));
        assert!(allowance.has(start + Span::from_secs(31)));
    }
}
