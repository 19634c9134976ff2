//! What one knob of one target should hold in the coming window.

use model::{
    Because, Bounds, Cap, Capacity, Metric, Mode, Moment, OfferFigures, Ordinal, Planner, Resource, Setting, Span, Tier,
    Trigger, Wait, WallTime,
};
use predict::{Series, Trust};

use crate::announcements::Announcements;
use crate::knob::{Knob, least, metric_of, to_base, to_units, units_per_base};
use crate::modes::Modes;
use crate::settings::{Rails, Settings, TierSettings};
use crate::target::{Schemes, Target};

/// What the planner sees of the coming window.
#[derive(Clone, Copy, Debug)]
pub struct WindowView<'a> {
    /// Now.
    pub now: Moment,
    /// When the window starts.
    pub start: WallTime,
    /// Settings of the engine.
    pub settings: &'a Settings,
    /// Schemes of the series.
    pub schemes: &'a Schemes,
    /// What was announced.
    pub announcements: &'a Announcements,
    /// What the host has, where that is known: no quota is worth more than all of its cores.
    pub capacity: Option<Capacity>,
    /// What the planner may do with whom.
    pub modes: &'a Modes,
}

/// A change of one knob that the planner would like.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// For whom.
    pub target: Ordinal,
    /// Its tier.
    pub tier: Tier,
    /// The knob's place in the target.
    pub knob: usize,
    /// Which knob it is.
    pub resource: Resource,
    /// What it holds; `None` = unlimited.
    pub from: Option<u64>,
    /// What it should hold, in the knob's own unit.
    pub to: u64,
    /// Why.
    pub because: Because,
    /// Whether it cannot wait for budget or rest.
    pub urgent: bool,
}

impl Offer {
    /// Whether the knob goes up.
    pub fn is_raise(&self) -> bool {
        self.from.is_some_and(|from| self.to > from)
    }
}

/// The planner's answer for one knob: every "no" has a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// A change is wanted.
    Change(Box<Offer>),
    /// Nothing, and why.
    Wait(Wait),
}

/// What is wanted of a knob, before rails.
struct Want {
    units: u64,
    amount: f32,
    trigger: Trigger,
    limit: f32,
    in_use: f32,
    caps: Vec<Cap>,
}

/// Looks at one knob at the start of a window. Also says what it wants, in the knob's unit, for whoever asks.
pub fn look(view: &WindowView<'_>, ordinal: Ordinal, target: &Target, place: usize) -> (Plan, Option<u64>) {
    let resource = view.settings.load.manage[place];
    let knob = &target.knobs[place];
    let want = match wanted(view, ordinal, target, resource) {
        Ok(want) => want,
        Err(wait) => return (Plan::Wait(wait), None),
    };
    let units = Some(want.units);
    let Some(holds) = knob.base() else { return (Plan::Wait(Wait::Unsupported), units) };
    if let Some(wait) = knob.blocked(view.now) {
        return (Plan::Wait(wait), units);
    }
    let mode = view.modes.of(Planner::Load, ordinal);
    let plan = match turn(view, knob, resource, holds.amount(), &want) {
        Ok(_) if mode == Mode::Observe => Plan::Wait(Wait::Paused),
        Ok(to) if mode == Mode::Recommend && knob.is_advised(to) => Plan::Wait(Wait::Fits),
        Ok(to) => Plan::Change(Box::new(offer(view, ordinal, target, place, holds, to, want))),
        Err(Wait::Fits) => {
            Plan::Wait(match metric_of(resource).and_then(|metric| target.series(metric)).map(Series::trust) {
                Some(Trust::Fallback { coverage }) => Wait::Uncertain { coverage },
                _ => Wait::Fits,
            })
        }
        Err(wait) => Plan::Wait(wait),
    };
    (plan, units)
}

fn wanted(view: &WindowView<'_>, ordinal: Ordinal, target: &Target, resource: Resource) -> Result<Want, Wait> {
    let metric = metric_of(resource).ok_or(Wait::Fits)?;
    let series = target.series(metric).ok_or(Wait::Learning { have: 0, need: 1 })?;
    if let Trust::Learning { have, need } = series.trust() {
        return Err(Wait::Learning { have, need });
    }
    // Of a target whose history alone is known nobody can say what it uses now.
    let age = target.seen_at(metric).map_or(view.now.since_start(), |seen_at| view.now.since(seen_at));
    if age > view.settings.rails.stale_after || target.seen_at(metric).is_none() {
        return Err(Wait::Stale { age });
    }
    let limit = series.limit().ok_or(Wait::Learning { have: 0, need: 1 })?;
    let tier = view.settings.load.tier(target.spec.tier);
    let burstiness = if resource == Resource::CpuQuota { target.burstiness } else { 1.0 };
    let mut amount = limit * (1.0 + tier.head_room) * burstiness;
    if resource == Resource::MemoryLimit && view.settings.load.react {
        // What comes close to its limit is answered at once with a raise: a limit that recent peaks come close to would go up and
        // down with every wave.
        amount = amount.max(series.recent_peak() * (1.0 + view.settings.rails.memory_margin));
    }
    let mut trigger = Trigger::Predicted;
    if !view.announcements.is_empty()
        && let Some((id, expected)) = view.announcements.expected(ordinal, metric, view.start, view.settings.load.window)
        && expected > amount
    {
        (amount, trigger) = (expected, Trigger::Announced(id));
    }
    if let Some(capacity) = view.capacity {
        amount = match resource {
            Resource::CpuQuota => amount.min(capacity.cpu.0 as f32 / 1_000.0),
            Resource::MemoryLimit => amount.min(capacity.memory.0 as f32),
            _ => amount,
        };
    }
    let in_use = target.in_use(resource).unwrap_or(0.0);
    let (units, caps) = within_rails(&view.settings.rails, target, resource, in_use, to_units(resource, amount));
    Ok(Want { units, amount, trigger, limit, in_use, caps })
}

/// The amount between the target's bounds and above use; use wins over bounds.
pub fn within_rails(rails: &Rails, target: &Target, resource: Resource, in_use: f32, units: u64) -> (u64, Vec<Cap>) {
    let mut caps = Vec::new();
    let (low, high) = bounds(&target.spec.bounds, resource);
    let mut units = units.max(least(resource));
    if let Some(high) = high.filter(|&high| units > high) {
        caps.push(Cap::BoundMax);
        units = high;
    }
    if let Some(low) = low.filter(|&low| units < low) {
        caps.push(Cap::BoundMin);
        units = low;
    }
    let floor = floor_of(rails, resource, in_use);
    if units < floor {
        caps.push(Cap::InUse);
        units = floor;
    }
    (units, caps)
}

/// The least that a knob may hold beside present use: memory that is in use cannot be taken back.
pub fn floor_of(rails: &Rails, resource: Resource, in_use: f32) -> u64 {
    if resource != Resource::MemoryLimit {
        return 0;
    }
    let used = f64::from(in_use.max(0.0));
    // The smallest margin counts only where it is small beside use, so that tiny workloads are not held at ten times theirs.
    let margin = (used * f64::from(rails.memory_margin)).max((rails.memory_margin_min.0 as f64).min(used * 0.25));
    (used + margin).ceil() as u64
}

fn bounds(bounds: &Bounds, resource: Resource) -> (Option<u64>, Option<u64>) {
    match resource {
        Resource::CpuQuota => (bounds.cpu_min.map(|cpu| cpu.0), bounds.cpu_max.map(|cpu| cpu.0)),
        Resource::MemoryLimit => (bounds.memory_min.map(|bytes| bytes.0), bounds.memory_max.map(|bytes| bytes.0)),
        _ => (None, None),
    }
}

/// Decides whether and how far a knob is turned: raise at once, release by the 80 % rule, else down in small steps.
fn turn(view: &WindowView<'_>, knob: &Knob, resource: Resource, holds: Option<u64>, want: &Want) -> Result<u64, Wait> {
    let load = &view.settings.load;
    let Some(holds) = holds else { return Ok(want.units) };
    let (held, wanted) = (holds as f64, want.units as f64);
    let resting = || if view.now < knob.rests_until { Err(Wait::Cooldown { until: knob.rests_until }) } else { Ok(()) };
    if wanted > held {
        // Small raises matter: what is missing is missing every minute.
        if wanted - held < 0.25 * f64::from(load.hysteresis) * held {
            return Err(Wait::Fits);
        }
        resting()?;
        return Ok(want.units);
    }
    if held - wanted <= f64::from(load.hysteresis) * held {
        return Err(Wait::Fits);
    }
    resting()?;
    let mut changes = knob.changes;
    if wanted >= (1.0 - f64::from(load.lower_step)) * held
        || (wanted < f64::from(load.release_below) * held && changes.has(view.now))
    {
        return Ok(want.units);
    }
    let step = held * (1.0 - f64::from(load.lower_step));
    let units = (step.ceil() as u64).max(want.units).max(least(resource));
    if units < holds { Ok(units) } else { Err(Wait::Fits) }
}

fn offer(
    view: &WindowView<'_>,
    ordinal: Ordinal,
    target: &Target,
    place: usize,
    holds: Setting,
    to: u64,
    want: Want,
) -> Offer {
    let resource = view.settings.load.manage[place];
    let from = holds.amount();
    let tier = view.settings.load.tier(target.spec.tier);
    let lower = from.is_some_and(|from| to < from);
    let trigger = if lower && want.trigger == Trigger::Predicted { Trigger::Released } else { want.trigger };
    let metric = metric_of(resource).unwrap_or(Metric::Cpu);
    let series = target.series(metric);
    // Only offers pay for the whole distribution.
    let forecast = series.and_then(|series| series.forecast(view.schemes.of(metric)));
    let level = series.map_or(0.0, |series| 1.0 - series.asked(tier.tail));
    let margin = forecast.map_or(0.0, |forecast| want.limit - forecast.quantile(1.0 - tier.tail));
    Offer {
        target: ordinal,
        tier: target.spec.tier,
        knob: place,
        resource,
        from,
        to,
        because: Because {
            trigger,
            metric,
            forecast,
            level,
            margin,
            in_use: want.in_use,
            figures: figures(series, tier, view.settings.load.window, resource, from, to),
            wanted: want.amount,
            caps: want.caps,
            habit: None,
        },
        urgent: false,
    }
}

/// The four figures of moving a knob from `from` to `to` for one window.
pub fn figures(
    series: Option<&Series>,
    tier: &TierSettings,
    window: Span,
    resource: Resource,
    from: Option<u64>,
    to: u64,
) -> OfferFigures {
    let secs = window.as_secs_f64() as f32;
    let lower = from.map_or(to, |from| from.min(to));
    let chance = series.map_or(0.0, |series| series.chance_above(to_base(resource, lower)));
    let extra = (to as f64 - from.unwrap_or(to) as f64) / units_per_base(resource);
    // Bytes are priced as gigabytes, bandwidth as megabytes per second, so that a second of waiting has one price.
    let scale = match resource {
        Resource::CpuQuota | Resource::CpuWeight => 1.0,
        Resource::MemoryLimit => 1e-9,
        _ => 1e-6,
    };
    OfferFigures { chance, seconds_saved: secs * tier.price, make_cost: 0.0, hold_cost: (extra * scale) as f32 * secs }
}
