//! `forerun plan`, `history` and `undo`: what would be changed, what was, and what is put back.

use std::fmt::Write as _;

use serve::view::{DecisionPage, DecisionView, PlanView, TriggerView};

use super::amounts::{clock, name, now, setting};
use super::table::Rows;

/// The widest a workload's name is shown.
const NAME_WIDTH: usize = 40;

/// What would be changed now, and why nothing more.
pub fn plan(plan: &PlanView) -> String {
    let mut text = String::new();
    if plan.steps.is_empty() {
        text.push_str("nothing would be changed now\n");
    } else {
        let mut rows = Rows::of(&[
            ("WORKLOAD", false),
            ("KNOB", false),
            ("NOW", true),
            ("THEN", true),
            ("MODE", false),
            ("CAUSE", false),
        ]);
        for step in &plan.steps {
            rows.add([
                name(&step.target, NAME_WIDTH),
                step.resource.to_string(),
                setting(step.before, &step.unit),
                setting(step.after, &step.unit),
                step.mode.to_string(),
                cause(&step.trigger),
            ]);
        }
        text.push_str(&rows.text());
        text.push('\n');
        for step in &plan.steps {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}: {}", name(&step.target, NAME_WIDTH), step.resource, step.because.text);
        }
    }
    if !plan.waiting.is_empty() {
        let waits = plan.waiting.iter().map(|wait| format!("{} {}", wait.knobs, wait.wait));
        let _ = writeln!(text, "knobs that wait: {}", waits.collect::<Vec<_>>().join(", "));
    }
    text
}

/// Decisions, newest first.
pub fn history(page: &DecisionPage) -> String {
    if page.decisions.is_empty() {
        return "no decisions\n".into();
    }
    let mut rows = Rows::of(&[
        ("TICKET", true),
        ("AT (UTC)", false),
        ("WORKLOAD", false),
        ("KNOB", false),
        ("BEFORE", true),
        ("AFTER", true),
        ("CAUSE", false),
        ("OUTCOME", false),
    ]);
    let now = now();
    for decision in &page.decisions {
        rows.add([
            format!("T{}", decision.ticket),
            clock(decision.at, now),
            name(&decision.target, NAME_WIDTH),
            decision.resource.to_string(),
            setting(decision.before, &decision.unit),
            setting(decision.after, &decision.unit),
            cause(&decision.trigger),
            outcome(decision),
        ]);
    }
    let mut text = rows.text();
    if page.next.is_some() {
        text.push_str("... and earlier ones: give --limit, or --since\n");
    }
    text
}

/// What set a decision off, in a word or two.
pub fn cause(trigger: &TriggerView) -> String {
    // The wire's own word is the short name; its underscores are for programs.
    let word = serde_json::to_value(trigger.kind).ok().and_then(|word| word.as_str().map(|word| word.replace('_', " ")));
    let word = word.unwrap_or_default();
    match (trigger.after_ticket, trigger.announcement) {
        (Some(ticket), _) => format!("{word} T{ticket}"),
        (_, Some(announcement)) => format!("{word} #{announcement}"),
        _ => word,
    }
}

/// How a decision ended, in a few words.
pub fn outcome(decision: &DecisionView) -> String {
    if let Some(ticket) = decision.undone_by {
        return format!("undone by T{ticket}");
    }
    let state = serde_json::to_value(decision.outcome.state).ok();
    let word = state.and_then(|word| word.as_str().map(|word| word.replace('_', " "))).unwrap_or_default();
    match &decision.outcome.detail {
        Some(detail) => format!("{word}: {detail}"),
        None => word,
    }
}

/// One decision in a line, as `undo` prints what it did.
pub fn line(decision: &DecisionView) -> String {
    format!(
        "T{}: {} {}: {} -> {} ({})",
        decision.ticket,
        name(&decision.target, 200),
        decision.resource,
        setting(decision.before, &decision.unit),
        setting(decision.after, &decision.unit),
        outcome(decision)
    )
}

#[cfg(test)]
mod tests {
    use serve::view::{Timestamp, WaitingCount};

    use super::super::samples;
    use super::*;

    #[test]
    fn a_plan_shows_steps_reasons_and_waits() {
        let at = Timestamp::parse("2026-01-31T08:00:00Z").unwrap();
        let waiting =
            vec![WaitingCount { wait: "learning".into(), knobs: 3 }, WaitingCount { wait: "fits".into(), knobs: 2 }];
        insta::assert_snapshot!(plan(&PlanView { at, steps: vec![samples::step()], waiting }));
        let nothing = plan(&PlanView { at, steps: Vec::new(), waiting: Vec::new() });
        assert_eq!(nothing, "nothing would be changed now\n");
    }

    #[test]
    fn history_shows_what_became_of_each() {
        let decision = samples::decision();
        let undone = DecisionView { ticket: 16, undone_by: Some(17), ..samples::decision() };
        insta::assert_snapshot!(history(&DecisionPage { decisions: vec![decision, undone], next: Some(16) }));
        assert_eq!(history(&DecisionPage { decisions: Vec::new(), next: None }), "no decisions\n");
    }
}
