//! The reasons and waits of the core as sentences for people.

use model::{Because, Cap, Metric, Moment, Trigger, Wait};

/// Why a decision was made, in one or two sentences.
pub(super) fn sentence(because: &Because) -> String {
    // No limit of a workload follows an application's own metric: that is how a pool's instances are told.
    if because.metric == Metric::Application {
        return pool_sentence(because);
    }
    let amount = |value: f32| amount(because.metric, value);
    let mut text = match because.trigger {
        Trigger::Predicted => "A higher peak is expected".to_owned(),
        Trigger::Released => "What is set will not be needed".to_owned(),
        Trigger::Pressure => "It is being held back now".to_owned(),
        Trigger::OutOfMemory => "The kernel killed for lack of memory".to_owned(),
        Trigger::Announced(id) => format!("Announcement {} is due", id.0),
        Trigger::Asked => "A person asked for it".to_owned(),
        Trigger::HurtAfter(ticket) => format!("{ticket} hurt and is rolled back"),
    };
    // What is put back rests on what was there before, not on a forecast.
    if let Some(forecast) = because.forecast.as_ref().filter(|_| because.level > 0.0) {
        text += &format!(
            ": within {} the peak stays under {} with {} % probability ({})",
            forecast.horizon,
            amount(forecast.quantile(because.level)),
            percent(because.level),
            forecast.member.name(),
        );
    }
    if because.margin > because.metric.grain() {
        text += &format!(", plus a margin of {} for recent misses", amount(because.margin));
    }
    text += &format!("; {} in use now.", amount(because.in_use));
    if !because.caps.is_empty() {
        let caps: Vec<&str> = because.caps.iter().map(|&cap| cap_phrase(cap)).collect();
        text += &format!(" {} was wanted, but {}.", amount(because.wanted), caps.join(" and "));
    }
    text
}

/// Why a pool holds what it holds.
fn pool_sentence(because: &Because) -> String {
    let figures = &because.figures;
    let bounded = because.caps.contains(&Cap::BoundMin);
    let mut text = match because.trigger {
        Trigger::Asked => "A person asked for it",
        Trigger::Released => "What is ready is not worth its memory any more",
        _ if bounded => "Instances are kept ready",
        _ => "A use is expected",
    }
    .to_owned();
    if figures.seconds_saved > 0.0 {
        text += &format!(
            ": an instance is used within the coming step with {} % probability and then saves {:.3} s; holding it costs {:.4} s",
            percent(figures.chance),
            figures.seconds_saved,
            figures.hold_cost,
        );
    }
    if let Some(habit) = because.habit {
        if let Some((period, share)) = habit.period {
            text += &format!("; {} % of its uses come every {period}", percent(share));
        }
        if habit.follows.is_some() {
            text += "; it follows another pool";
        }
    }
    text += &format!("; {} running now.", because.in_use as u32);
    if !because.caps.is_empty() {
        let caps: Vec<&str> = because.caps.iter().map(|&cap| pool_cap(cap)).collect();
        text += &format!(" {}.", caps.join(" and "));
    }
    text
}

fn pool_cap(cap: Cap) -> &'static str {
    match cap {
        Cap::BoundMin => "So many are kept whatever is expected",
        Cap::BoundMax => "The pool's upper bound holds",
        Cap::Capacity | Cap::InUse => "The share of memory for pools is spent",
    }
}

fn cap_phrase(cap: Cap) -> &'static str {
    match cap {
        Cap::BoundMax => "the target's upper bound holds",
        Cap::BoundMin => "the target's lower bound holds",
        Cap::Capacity => "the host has no more",
        Cap::InUse => "a limit is never set below use plus its margin",
    }
}

/// Why nothing is done, with figures; `now` on the engine's clock says how long a cooldown still lasts.
pub fn wait_detail(wait: &Wait, now: Moment) -> String {
    match wait {
        Wait::Learning { have, need } => format!("has seen {have} of the {need} windows it needs"),
        Wait::Uncertain { coverage } => {
            format!("only {} % of recent peaks were covered: the plain histogram is used", percent(*coverage))
        }
        Wait::Fits => "what is set fits the forecast".into(),
        Wait::NoCapacity => "the host has nothing left for it".into(),
        Wait::Cooldown { until } => format!("changed recently: rests for {}", until.since(now)),
        Wait::Paused => "the mode is observe, or the kill switch is engaged".into(),
        Wait::Stale { age } => format!("the newest sample is {age} old"),
        Wait::BudgetSpent => "the budget of changes is spent for now".into(),
        Wait::InFlight(ticket) => format!("{ticket} is being carried out"),
        Wait::HeldElsewhere => "somebody else set this knob: it is theirs".into(),
        Wait::Probation { until } => format!("was rolled back: rests for {}", until.since(now)),
        Wait::Unsupported => "this host has no such knob for this target".into(),
    }
}

/// A value of `metric` for people, with its unit.
fn amount(metric: Metric, value: f32) -> String {
    let value = value.max(0.0);
    match metric.unit() {
        "cores" => format!("{value:.2} cores"),
        // `as` saturates, which is right for a display.
        "bytes" => model::Bytes(value as u64).to_string(),
        "bytes_per_second" => model::BytesPerSecond(value as u64).to_string(),
        "gpus" => format!("{value:.2} GPUs"),
        _ => format!("{value:.3}"),
    }
}

/// 0.999 as `99.9`, 0.99 as `99`.
fn percent(share: f32) -> f64 {
    (f64::from(share) * 1e3).round() / 10.0
}

#[cfg(test)]
mod tests {
    use model::{Forecast, Member, OfferFigures, Span, Ticket};

    use super::*;

    fn because(trigger: Trigger) -> Because {
        Because {
            trigger,
            metric: Metric::Cpu,
            forecast: Some(Forecast {
                horizon: Span::from_secs(600),
                quantiles: [0.1, 0.5, 0.8, 1.0, 1.1, 1.4, 1.6],
                member: Member::Seasonal,
                coverage: Some(0.991),
            }),
            level: 0.99,
            margin: 0.12,
            in_use: 0.31,
            figures: OfferFigures::default(),
            wanted: 1.52,
            caps: vec![Cap::BoundMax],
            habit: None,
        }
    }

    #[test]
    fn reasons_read_as_sentences() {
        assert_eq!(
            sentence(&because(Trigger::Predicted)),
            "A higher peak is expected: within 10 min the peak stays under 1.40 cores with 99 % probability (seasonal), \
             plus a margin of 0.12 cores for recent misses; 0.31 cores in use now. 1.52 cores was wanted, but the \
             target's upper bound holds."
        );
        let asked = Because { forecast: None, margin: 0.0, caps: vec![], ..because(Trigger::HurtAfter(Ticket(7))) };
        assert_eq!(sentence(&asked), "T7 hurt and is rolled back; 0.31 cores in use now.");
    }

    #[test]
    fn waits_have_figures() {
        let now = Moment::after_start(Span::from_secs(10));
        let until = Moment::after_start(Span::from_secs(40));
        assert_eq!(wait_detail(&Wait::Learning { have: 3, need: 12 }, now), "has seen 3 of the 12 windows it needs");
        assert_eq!(wait_detail(&Wait::Cooldown { until }, now), "changed recently: rests for 30.0 s");
    }
}
