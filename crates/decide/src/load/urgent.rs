//! Answers between windows: throttling, stalls and kills are not left to the next forecast.

use model::{Because, Bytes, Ordinal, Resource, Setting, Trigger};

use predict::Trust;

use super::offer::{Offer, WindowView, figures, within_rails};
use crate::knob::{metric_of, to_base, to_units};
use crate::target::Target;

/// A throttled quota is raised by this, or to the forecast's far end where that is more, but at most by the other.
const RAISE: f64 = 1.5;
const RAISE_MAX: f64 = 3.0;
/// A memory limit after a kill: the VPA's rule, the larger of a fifth more and 100 MiB more.
const KILLED_RAISE: f64 = 1.2;
const KILLED_MORE: Bytes = Bytes(100 << 20);

/// What the newest sample of a target calls for, if anything.
pub fn answer(view: &WindowView<'_>, ordinal: Ordinal, target: &Target, place: usize) -> Option<Offer> {
    let resource = view.settings.load.manage[place];
    let knob = &target.knobs[place];
    // What was measured comes of what the knob holds, whatever was advised since.
    let held = knob.holds?.amount()?;
    let from = knob.base().and_then(Setting::amount);
    let killed = resource == Resource::MemoryLimit && target.alarm.kills > 0;
    if knob.in_flight.is_some() || knob.held_elsewhere || (view.now < knob.answers_from && !killed) {
        return None;
    }
    let rails = &view.settings.rails;
    let metric = metric_of(resource)?;
    let series = target.series(metric)?;
    let in_use = target.in_use(resource)?;
    let (units, trigger) = match resource {
        Resource::CpuQuota if target.alarm.throttled > rails.harm => {
            let known = !matches!(series.trust(), Trust::Learning { .. });
            let forecast = series.forecast(view.schemes.of(metric)).filter(|_| known);
            let far = forecast.map_or(0, |forecast| to_units(resource, forecast.quantile(0.999)));
            ((held as f64 * RAISE).max(far as f64).min(held as f64 * RAISE_MAX) as u64, Trigger::Pressure)
        }
        Resource::MemoryLimit if killed => {
            (((held as f64 * KILLED_RAISE) as u64).max(held.saturating_add(KILLED_MORE.0)), Trigger::OutOfMemory)
        }
        Resource::MemoryLimit
            if target.memory_is_close(in_use, view.settings) || target.alarm.memory_stalled > rails.harm =>
        {
            ((held as f64 * KILLED_RAISE) as u64, Trigger::Pressure)
        }
        _ => return None,
    };
    let (to, caps) = within_rails(rails, target, resource, in_use, units);
    // Advice that goes as far is given once.
    if from.is_none_or(|from| to <= from) {
        return None;
    }
    let tier = view.settings.load.tier(target.spec.tier);
    Some(Offer {
        target: ordinal,
        tier: target.spec.tier,
        knob: place,
        resource,
        from,
        to,
        because: Because {
            trigger,
            metric,
            forecast: series.forecast(view.schemes.of(metric)),
            level: 1.0 - tier.tail,
            margin: 0.0,
            in_use,
            figures: figures(Some(series), tier, view.settings.load.window, resource, from, to),
            wanted: to_base(resource, units),
            caps,
            habit: None,
        },
        urgent: true,
    })
}
