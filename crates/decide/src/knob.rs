//! What the engine knows of one knob of one target.

use model::{Metric, Moment, Resource, Setting, Span, Ticket, Wait};

use crate::budget::Allowance;

/// Advice is renewed when it has moved by more than this share.
const ADVICE_STEP: f64 = 0.1;

/// One knob.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// What it holds, as far as is known; `None` until it was read or where this host lacks it.
    pub holds: Option<Setting>,
    /// Whether forerun set what it holds.
    pub ours: bool,
    /// What was last recommended, while the mode is not `act`: the next recommendation starts there.
    pub advised: Option<Setting>,
    /// A decision that has not come back yet.
    pub in_flight: Option<Ticket>,
    /// What the decision under way is to set.
    pub sets: Option<Setting>,
    /// It rests until then.
    pub rests_until: Moment,
    /// Whether the rest follows a rollback.
    pub on_probation: bool,
    /// Before then only a kill is answered between windows: a person undid a change, or the last one failed.
    pub answers_from: Moment,
    /// Somebody else set it.
    pub held_elsewhere: bool,
    /// Large changes left for the day.
    pub changes: Allowance,
    /// Why nothing was decided at the last look.
    pub wait: Option<Wait>,
    /// What was wanted at the last look, in the knob's own unit.
    pub wanted: Option<u64>,
}

impl Knob {
    /// A knob of which nothing is known.
    pub fn new(changes_per_day: f32) -> Self {
        Knob {
            holds: None,
            ours: false,
            advised: None,
            in_flight: None,
            sets: None,
            rests_until: Moment::START,
            on_probation: false,
            answers_from: Moment::START,
            held_elsewhere: false,
            changes: Allowance::new(changes_per_day, Span::from_secs(86_400)),
            wait: None,
            wanted: None,
        }
    }

    /// What the next decision starts from.
    pub fn base(&self) -> Option<Setting> {
        self.advised.or(self.holds)
    }

    /// Rests until `until`; a longer rest that is under way stays what it is.
    pub fn rest(&mut self, until: Moment, on_probation: bool) {
        if until >= self.rests_until {
            self.rests_until = until;
            self.on_probation = on_probation;
        }
    }

    /// A decision is under way.
    pub fn fly(&mut self, ticket: Ticket, sets: Setting) {
        self.in_flight = Some(ticket);
        self.sets = Some(sets);
    }

    /// The decision under way came back.
    pub fn land(&mut self) {
        self.in_flight = None;
        self.sets = None;
    }

    /// Whether advice that was given already does: what differs little from it is not worth a person's attention.
    pub fn is_advised(&self, to: u64) -> bool {
        let advised = self.advised.and_then(Setting::amount);
        advised.is_some_and(|advised| advised.abs_diff(to) as f64 <= ADVICE_STEP * advised as f64)
    }

    /// The most that it holds or may hold when the decision under way comes back; `None` when unknown or unlimited.
    pub fn promised(&self) -> Option<u64> {
        let amount = |setting: Option<Setting>| setting.and_then(Setting::amount);
        amount(self.holds).max(amount(self.sets))
    }

    /// The most that it holds in the world of recommendations.
    pub fn advised_or_promised(&self) -> Option<u64> {
        self.advised.map_or_else(|| self.promised(), Setting::amount)
    }

    /// The wait that keeps it from being turned at `now` at all.
    pub fn blocked(&self, now: Moment) -> Option<Wait> {
        if let Some(ticket) = self.in_flight {
            return Some(Wait::InFlight(ticket));
        }
        if self.held_elsewhere {
            return Some(Wait::HeldElsewhere);
        }
        (self.on_probation && now < self.rests_until).then_some(Wait::Probation { until: self.rests_until })
    }
}

/// Whether a setting is of its resource's kind.
pub fn is_of(resource: Resource, setting: Setting) -> bool {
    Setting::of(resource, setting.amount()) == setting
}

/// Whether two readings are one value that the kernel rounded: within a page, or a thousandth. Instances are counted exactly.
pub fn near(left: Setting, right: Setting) -> bool {
    if matches!(left, Setting::Instances(_)) {
        return left == right;
    }
    match (left.amount(), right.amount()) {
        (Some(left), Some(right)) => {
            let larger = left.max(right);
            let grain = if larger > 1 << 20 { 4_096 } else { 1 };
            left.abs_diff(right) <= grain.max(larger / 1_000)
        }
        (None, None) => true,
        _ => false,
    }
}

/// The metric whose forecast sizes a knob; `None` for knobs that follow no metric.
pub const fn metric_of(resource: Resource) -> Option<Metric> {
    match resource {
        Resource::CpuQuota => Some(Metric::Cpu),
        Resource::CpuWeight => None,
        Resource::MemoryLimit => Some(Metric::Memory),
        Resource::DiskReadBandwidth => Some(Metric::DiskRead),
        Resource::DiskWriteBandwidth => Some(Metric::DiskWrite),
        Resource::NetworkReceiveBandwidth => Some(Metric::NetworkReceive),
        Resource::NetworkTransmitBandwidth => Some(Metric::NetworkTransmit),
        Resource::WarmInstances | Resource::FrozenInstances => None,
    }
}

/// The knob's units in one base unit of its metric: a core is 1,000 millicores.
pub const fn units_per_base(resource: Resource) -> f64 {
    match resource {
        Resource::CpuQuota => 1_000.0,
        _ => 1.0,
    }
}

/// A base amount in the knob's own unit, rounded up.
pub fn to_units(resource: Resource, amount: f32) -> u64 {
    // `as` saturates and maps not-a-number to zero.
    (f64::from(amount.max(0.0)) * units_per_base(resource)).ceil() as u64
}

/// A figure in the knob's own unit as a base amount.
pub fn to_base(resource: Resource, units: u64) -> f32 {
    (units as f64 / units_per_base(resource)) as f32
}

/// The smallest figure that is ever set: below it a workload cannot even end.
pub const fn least(resource: Resource) -> u64 {
    match resource {
        Resource::CpuQuota => 10,
        Resource::CpuWeight => 1,
        Resource::WarmInstances | Resource::FrozenInstances => 0,
        Resource::MemoryLimit => 4 << 20,
        _ => 4 << 10,
    }
}
