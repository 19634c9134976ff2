//! Answers between windows: throttling, stalls and kills are not left to the next forecast.

use model::{Because, Bytes, Metric, Ordinal, Resource, Trigger};

use super::offer::{Offer, WindowView, figures, within_rails};
use crate::knob::{metric_of, to_units};
use crate::target::Target;

/// A throttled quota is raised by this, or to the forecast's far end where that is more.
const RAISE: f64 = 1.5;
/// A memory limit after a kill: the VPA's rule, the larger of a fifth more and 100 MiB more.
const KILLED_RAISE: f64 = 1.2;
const KILLED_MORE: Bytes = Bytes(100 << 20);

/// What the newest sample of a target calls for, if anything.
pub fn answer(view: &WindowView<'_>, ordinal: Ordinal, target: &Target, place: usize) -> Option<Offer> {
    let resource = view.settings.load.manage[place];
    let knob = &target.knobs[place];
    let from = knob.base()?.amount()?;
    if knob.in_flight.is_some() || knob.held_elsewhere {
        return None;
    }
    let rails = &view.settings.rails;
    let metric = metric_of(resource)?;
    let series = target.series(metric)?;
    let in_use = series.newest();
    let (units, trigger) = match resource {
        Resource::CpuQuota if target.alarm.throttled > rails.harm => {
            let far = series.forecast(view.schemes.of(metric)).map_or(0, |forecast| to_units(resource, forecast.quantile(0.999)));
            (((from as f64 * RAISE) as u64).max(far), Trigger::Pressure)
        }
        Resource::MemoryLimit if target.alarm.kills > 0 => {
            (((from as f64 * KILLED_RAISE) as u64).max(from.saturating_add(KILLED_MORE.0)), Trigger::OutOfMemory)
        }
        Resource::MemoryLimit if close_to(from, in_use, rails.memory_margin) || target.alarm.memory_stalled > rails.harm => {
            ((from as f64 * KILLED_RAISE) as u64, Trigger::Pressure)
        }
        _ => return None,
    };
    let (to, caps) = within_rails(rails, target, resource, in_use, units);
    if to <= from {
        return None;
    }
    let tier = view.settings.load.tier(target.spec.tier);
    Some(Offer {
        target: ordinal,
        tier: target.spec.tier,
        knob: place,
        resource,
        from: Some(from),
        to,
        because: Because {
            trigger,
            metric,
            forecast: series.forecast(view.schemes.of(metric)),
            level: 1.0 - tier.tail,
            margin: 0.0,
            in_use,
            figures: figures(Some(series), tier, view.settings.load.window, resource, Some(from), to),
            wanted: units as f32 / if metric == Metric::Cpu { 1_000.0 } else { 1.0 },
            caps,
        },
        urgent: true,
    })
}

/// Whether use is within half the margin of the limit: the kernel is about to reclaim.
fn close_to(limit: u64, in_use: f32, margin: f32) -> bool {
    f64::from(in_use) > limit as f64 * (1.0 - 0.5 * f64::from(margin))
}
