//! `forerun explain`: a decision in sentences, then its figures.

use std::fmt::Write as _;

use serve::view::{BecauseView, DecisionView};

use super::amounts::{amount, name, percent, spelled, time};
use super::decisions::{cause, outcome};

/// The reasons of one decision.
pub fn text(decision: &DecisionView) -> String {
    let because = &decision.because;
    let mut text = format!(
        "T{} at {}\n{} of {}: {} -> {}\n\n{}\n\n",
        decision.ticket,
        decision.at,
        decision.resource,
        name(&decision.target, 200),
        spelled(decision.before, &decision.unit),
        spelled(decision.after, &decision.unit),
        because.text,
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "cause     {}", cause(&decision.trigger));
    let _ = writeln!(text, "outcome   {} (mode {})", outcome(decision), decision.mode);
    forecast(&mut text, because);
    offer(&mut text, because);
    if !because.caps.is_empty() {
        let caps: Vec<_> = because.caps.iter().map(|cap| cap.word().replace('_', " ")).collect();
        let _ = writeln!(text, "capped by {}", caps.join(", "));
    }
    if let Some(ticket) = decision.undoes {
        let _ = writeln!(text, "undoes    T{ticket}");
    }
    if decision.undoable {
        let _ = writeln!(text, "\nput back with: forerun undo T{}", decision.ticket);
    }
    text
}

fn forecast(text: &mut String, because: &BecauseView) {
    let unit = because.metric;
    if because.metric == serve::view::MetricName::Application {
        // Of a pool: what it holds follows uses, not a metric.
        let _ = writeln!(text, "runs      {} under way; {} instances wanted", because.in_use, because.wanted);
        return;
    }
    let unit = model::Metric::from(unit).unit();
    let shown = |value: f64| amount(value, unit);
    let _ = writeln!(
        text,
        "{:<9} {} in use; wanted {} (asked for the {} level, margin {})",
        because.metric.to_string(),
        shown(because.in_use),
        shown(because.wanted),
        percent(because.level),
        shown(because.margin),
    );
    let Some(forecast) = &because.forecast else {
        let _ = writeln!(text, "forecast  none: it answers what was measured");
        return;
    };
    let levels = &forecast.quantiles;
    let _ = writeln!(
        text,
        "forecast  peak within {}: 50 % {}, 80 % {}, 90 % {}, 95 % {}, 99 % {}, 99.9 % {}",
        time(forecast.horizon_seconds),
        shown(levels.p50),
        shown(levels.p80),
        shown(levels.p90),
        shown(levels.p95),
        shown(levels.p99),
        shown(levels.p999),
    );
    let held = forecast.coverage.map_or_else(String::new, |share| format!(", held in {} of recent windows", percent(share)));
    let _ = writeln!(text, "          by {}{held}", forecast.member);
}

/// The four figures, and the sum they make.
fn offer(text: &mut String, because: &BecauseView) {
    let figures = &because.figures;
    let cost = figures.make_cost_unit_seconds + figures.hold_cost_unit_seconds;
    let _ = writeln!(
        text,
        "offer     used with chance {}, saves {}, costs {:.1} to make and {:.1} to hold (unit-seconds)",
        percent(figures.chance),
        time(figures.seconds_saved),
        figures.make_cost_unit_seconds,
        figures.hold_cost_unit_seconds,
    );
    let expected = figures.chance * figures.seconds_saved;
    if expected > 0.0 && cost > 0.0 {
        let _ = writeln!(
            text,
            "          worth it while a second of waiting is worth {:.2} unit-seconds or more",
            cost / expected
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_decision_tells_its_reasons() {
        insta::assert_snapshot!(text(&samples::decision()));
    }
}
