//! How much is reserved for a user: the peak of recent sittings and a margin, at once more when that is not enough.

use std::collections::VecDeque;

use model::Bytes;

/// So many sittings are looked back at.
const SITTINGS: usize = 8;

/// What a user's session takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Processor time, in cores.
    pub cores: f64,
    /// Memory.
    pub memory: Bytes,
}

impl Demand {
    fn most(self, other: Demand) -> Demand {
        Demand { cores: self.cores.max(other.cores), memory: Bytes(self.memory.0.max(other.memory.0)) }
    }

    fn with_margin(self, margin: f64) -> Demand {
        Demand { cores: self.cores * (1.0 + margin), memory: Bytes((self.memory.0 as f64 * (1.0 + margin)) as u64) }
    }
}

/// The peaks of a user's recent sittings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservation {
    peaks: VecDeque<Demand>,
}

impl Reservation {
    /// A sitting begins; the peak of the oldest that is remembered is dropped.
    pub fn sit_down(&mut self) {
        if self.peaks.len() == SITTINGS {
            self.peaks.pop_front();
        }
        self.peaks.push_back(Demand::default());
    }

    /// The session was seen to take `demand`.
    pub fn seen(&mut self, demand: Demand) {
        if self.peaks.is_empty() {
            self.sit_down();
        }
        if let Some(peak) = self.peaks.back_mut() {
            *peak = peak.most(demand);
        }
    }

    /// What to reserve: the highest peak and `margin` beyond it (0.15 = 15 %); `fallback` where nothing was seen.
    pub fn needed(&self, margin: f64, fallback: Demand) -> Demand {
        let peak = self.peaks.iter().fold(Demand::default(), |peak, &one| peak.most(one));
        if peak == Demand::default() { fallback } else { peak.with_margin(margin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(cores: f64, memory: u64) -> Demand {
        Demand { cores, memory: Bytes(memory) }
    }

    #[test]
    fn the_peak_of_recent_sittings_and_a_margin_is_reserved() {
        let mut reservation = Reservation::default();
        assert_eq!(reservation.needed(0.5, demand(1.0, 70)), demand(1.0, 70));
        reservation.seen(demand(2.0, 100));
        reservation.seen(demand(0.5, 200));
        assert_eq!(reservation.needed(0.5, demand(1.0, 70)), demand(3.0, 300));
        // More than was ever seen raises it at once; eight sittings later it is given back.
        reservation.seen(demand(4.0, 400));
        assert_eq!(reservation.needed(0.0, demand(1.0, 70)), demand(4.0, 400));
        for _ in 0..SITTINGS {
            reservation.sit_down();
            reservation.seen(demand(1.0, 50));
        }
        assert_eq!(reservation.needed(0.0, demand(1.0, 70)), demand(1.0, 50));
    }
}
