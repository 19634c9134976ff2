//! What the tests of the store share: names, samples, and a source of noise that is the same every time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;

use model::{
    Action, Because, Bytes, Cap, Decision, Forecast, LEVELS, Limit, Member, Metric, MilliCores, Mode, Moment, OfferFigures,
    Ordinal, Resource, Setting, Span, TargetId, Ticket, Trigger, WallTime,
};
use store::{Aggregate, Limits, Sample, SeriesId, SeriesKey, Store};

/// When the tests' time begins, in seconds since 1970: a whole ten minutes.
pub const START: i64 = 1_700_000_400;

pub fn at(second: i64) -> WallTime {
    WallTime::from_unix_secs(START + second)
}

pub fn target(number: u32) -> TargetId {
    TargetId::new(format!("cgroup:/system.slice/unit-{number}.service"))
}

pub fn cpu(number: u32) -> SeriesKey {
    SeriesKey::new(target(number), Metric::Cpu)
}

pub fn open(dir: &Path) -> Store {
    Store::open(dir, Limits::default()).unwrap()
}

pub fn sample(series: SeriesId, second: i64, value: f64) -> Sample {
    Sample { series, at: at(second), value }
}

/// Every point of a series as (second, bits of the value).
pub fn all(store: &Store, series: SeriesId) -> Vec<(i64, u64)> {
    let (from, to) = (WallTime::from_unix_millis(i64::MIN), WallTime::from_unix_millis(i64::MAX));
    let points = store.range(series, from, to, None, Aggregate::Max).unwrap();
    points.into_iter().map(|point| (point.at.unix_secs() - START, point.value.to_bits())).collect()
}

/// Numbers that look random and are the same in every run.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A decision with every field filled.
pub fn decision(ticket: u64, resource: Resource, before: u64, after: u64) -> Decision {
    Decision {
        ticket: Ticket(ticket),
        at: Moment::after_start(Span::from_secs(ticket)),
        wall: at(ticket as i64),
        target: Ordinal(3),
        action: Action::Set {
            resource,
            before: Setting::of(resource, Some(before)),
            after: Setting::of(resource, Some(after)),
        },
        mode: Mode::Act,
        because: Because {
            trigger: Trigger::HurtAfter(Ticket(77)),
            metric: Metric::Memory,
            forecast: Some(Forecast {
                horizon: Span::from_secs(600),
                quantiles: std::array::from_fn(|level| LEVELS[level] * 0.1),
                member: Member::Recurrent,
                coverage: Some(0.987),
            }),
            level: 0.99,
            margin: 0.1 + 0.2,
            in_use: 1e9,
            figures: OfferFigures { chance: 0.3, seconds_saved: 12.5, make_cost: 1e-9, hold_cost: f32::MAX },
            wanted: 3.3,
            caps: vec![Cap::InUse, Cap::BoundMax, Cap::Capacity, Cap::BoundMin],
            habit: Some(model::Habit { period: Some((Span::from_secs(900), 0.8)), follows: Some(Ordinal(3)) }),
        },
    }
}

/// The restore of an earlier decision.
pub fn restore(ticket: u64, undone: &Decision) -> Decision {
    let action = Action::Restore {
        undoes: undone.ticket,
        resource: undone.action.resource(),
        before: undone.action.after(),
        after: undone.action.before(),
    };
    Decision { action, ..decision(ticket, undone.action.resource(), 0, 0) }
}

pub fn cores(milli: u64) -> Setting {
    Setting::Cpu(Limit::At(MilliCores(milli)))
}

pub fn memory(bytes: u64) -> Setting {
    Setting::Memory(Limit::At(Bytes(bytes)))
}
