//! What each time of the day and hour of the week looked like when it last came round.

use model::{Span, WallTime};

use crate::half::{Beside, Half};

/// Slots of a day: ten minutes each, or the window where that is longer.
const DAY_SLOTS: usize = 144;
/// Slots of a week: two hours each.
const WEEK_SLOTS: usize = 84;
const DAY_SECS: u64 = 86_400;

/// A place in the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    day: usize,
    day_next: usize,
    week: usize,
    /// Windows that share a day slot.
    sharing: u32,
}

impl Slot {
    /// The slot in which a window of length `window` that starts at `start` lies.
    pub fn of(start: WallTime, window: Span) -> Slot {
        let window_secs = (window.as_millis() / 1_000).max(1);
        let length = window_secs.max(DAY_SECS / DAY_SLOTS as u64).min(DAY_SECS);
        let slots = (DAY_SECS / length).max(1) as usize;
        let day = (u64::from(start.second_of_day()) / length) as usize % slots;
        Slot {
            day,
            day_next: (day + 1) % slots,
            week: usize::from(start.hour_of_week()) * WEEK_SLOTS / 168,
            sharing: (length / window_secs).max(1) as u32,
        }
    }
}

/// Peak and mean per slot of the day, deviation per slot, and peak per slot of the week. 900 bytes.
#[derive(Clone, Debug)]
pub struct CalendarMemory {
    peak: [Half; DAY_SLOTS],
    mean: [Half; DAY_SLOTS],
    /// Beside the mean.
    deviation: [Beside; DAY_SLOTS],
    week: [Half; WEEK_SLOTS],
    /// The slot that was written last: the first window of a slot replaces, the others add to it.
    current: u16,
}

impl Default for CalendarMemory {
    fn default() -> Self {
        CalendarMemory {
            peak: [Half::UNKNOWN; DAY_SLOTS],
            mean: [Half::UNKNOWN; DAY_SLOTS],
            deviation: [Beside::UNKNOWN; DAY_SLOTS],
            week: [Half::UNKNOWN; WEEK_SLOTS],
            current: u16::MAX,
        }
    }
}

/// How much of a week slot the newest window replaces.
const WEEK_SHARE: f32 = 0.1;

impl CalendarMemory {
    /// Writes a finished window into its slot.
    pub fn write(&mut self, slot: Slot, peak: f32, mean: f32, deviation: f32) {
        let continued = usize::from(self.current) == slot.day;
        let share = 1.0 / slot.sharing as f32;
        let blend = |held: Half, new: f32| match held.get() {
            Some(held) if continued => Half::new(held + share.max(0.1) * (new - held)),
            _ => Half::new(new),
        };
        let held = self.mean[slot.day];
        let usual = self.deviation[slot.day].get(held).map_or(Half::UNKNOWN, Half::new);
        self.mean[slot.day] = blend(held, mean);
        self.deviation[slot.day] =
            blend(usual, deviation).get().map_or(Beside::UNKNOWN, |deviation| Beside::new(deviation, self.mean[slot.day]));
        self.peak[slot.day] = match self.peak[slot.day].get() {
            Some(held) if continued => Half::new(held.max(peak)),
            _ => Half::new(peak),
        };
        let week = &mut self.week[slot.week];
        *week = Half::new(week.get().map_or(peak, |held| held + WEEK_SHARE * (peak - held)));
        self.current = slot.day as u16;
    }

    /// Yesterday's peak of the slot.
    pub fn peak(&self, slot: Slot) -> Option<f32> {
        self.peak[slot.day].get()
    }
    /// Yesterday's peak of the slot after it.
    pub fn peak_after(&self, slot: Slot) -> Option<f32> {
        self.peak[slot.day_next].get()
    }
    /// Yesterday's mean of the slot.
    pub fn mean(&self, slot: Slot) -> Option<f32> {
        self.mean[slot.day].get()
    }
    /// Yesterday's mean of the slot after it.
    pub fn mean_after(&self, slot: Slot) -> Option<f32> {
        self.mean[slot.day_next].get()
    }
    /// How far off the forecast was in the slot yesterday.
    pub fn deviation(&self, slot: Slot) -> Option<f32> {
        self.deviation[slot.day].get(self.mean[slot.day])
    }
    /// The usual peak of these two hours of the week.
    pub fn week_peak(&self, slot: Slot) -> Option<f32> {
        self.week[slot.week].get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_round() {
        let window = Span::from_secs(600);
        let start = WallTime::from_unix_secs(1_704_067_200);
        assert_eq!(Slot::of(start, window), Slot::of(start.plus(Span::from_secs(7 * DAY_SECS)), window));
        assert_ne!(Slot::of(start, window), Slot::of(start.plus(window), window));
        // A window of an hour has 24 slots, one of a minute shares ten to a slot.
        assert_eq!(Slot::of(start.plus(Span::from_secs(3_600)), Span::from_secs(3_600)).day, 1);
        assert_eq!(Slot::of(start, Span::from_secs(60)).sharing, 10);
    }

    #[test]
    fn yesterday_is_remembered() {
        let window = Span::from_secs(600);
        let start = WallTime::from_unix_secs(1_704_067_200);
        let mut memory = CalendarMemory::default();
        for step in 0..144u64 {
            let slot = Slot::of(start.plus(window.times(step)), window);
            memory.write(slot, step as f32, step as f32 / 2.0, 0.1);
        }
        let slot = Slot::of(start.plus(window.times(144 + 7)), window);
        assert_eq!(memory.peak(slot), Some(7.0));
        assert_eq!(memory.mean_after(slot), Some(4.0));
    }
}
