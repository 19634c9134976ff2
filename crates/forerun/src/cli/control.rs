//! Commands that change something: undo, mode.

use serve::view::{DecisionView, ModeBody, ModeName, PlannerName};

use super::arguments::{Common, ModeArguments, ModeChoice, PlannerChoice, Switch, UndoArguments};
use super::failure::{Failure, Outcome, Status};
use super::{client, output};
use crate::client::{Client, Wanted};
use crate::render::decisions::line;

/// How many decisions are asked for at a time.
const PAGE: u32 = 1_000;

pub fn undo(common: &Common, arguments: &UndoArguments) -> Outcome {
    let client = client(common)?;
    let tickets = match (arguments.ticket, arguments.last) {
        (Some(ticket), _) => vec![ticket],
        (None, true) => vec![first_undoable(&client)?],
        (None, false) => undoable(&client)?,
    };
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    for ticket in tickets {
        match client.undo(ticket) {
            Ok(decision) => done.push(decision),
            Err(failure) if arguments.all && failure.status == Status::Failed => failures.push((ticket, failure)),
            Err(failure) => return Err(failure),
        }
    }
    output(common.json, &done, || told(&done))?;
    if failures.is_empty() {
        return Ok(());
    }
    let reasons = failures.iter().map(|(ticket, failure)| format!("T{ticket}: {}", failure.what));
    let what = format!("{} decisions were not put back: {}", failures.len(), reasons.collect::<Vec<_>>().join("; "));
    Err(Failure::new(Status::Failed, what, "`forerun explain TICKET` tells more"))
}

fn told(done: &[DecisionView]) -> String {
    if done.is_empty() {
        return "nothing to put back\n".into();
    }
    done.iter().map(|decision| format!("put back by {}\n", line(decision))).collect()
}

fn first_undoable(client: &Client) -> Outcome<u64> {
    let mut wanted = Wanted { limit: PAGE, ..Wanted::default() };
    loop {
        let page = client.decisions(&wanted)?;
        if let Some(decision) = page.decisions.iter().find(|decision| decision.undoable) {
            return Ok(decision.ticket);
        }
        let Some(next) = page.next else {
            let what = "there is no decision that can be undone";
            return Err(Failure::new(Status::NotFound, what, "`forerun history` lists what was decided"));
        };
        wanted.before = Some(next);
    }
}

/// Every decision that can be undone, newest first, so that each knob ends at what it held before the first.
fn undoable(client: &Client) -> Outcome<Vec<u64>> {
    let (mut found, mut wanted) = (Vec::new(), Wanted { limit: PAGE, ..Wanted::default() });
    loop {
        let page = client.decisions(&wanted)?;
        found.extend(page.decisions.iter().filter(|decision| decision.undoable).map(|decision| decision.ticket));
        match page.next {
            Some(next) => wanted.before = Some(next),
            None => return Ok(found),
        }
    }
}

pub fn mode(common: &Common, arguments: &ModeArguments) -> Outcome {
    let client = client(common)?;
    if let Some(switch) = arguments.kill_switch {
        let body = client.set_kill_switch(switch == Switch::On)?;
        let state = if body.engaged { "on: nothing is changed" } else { "off" };
        return output(common.json, &body, || format!("kill switch {state}\n"));
    }
    let Some(choice) = arguments.mode else {
        let status = client.status()?;
        let answer = serde_json::json!({ "mode": status.mode, "kill_switch": status.kill_switch });
        let switch = if status.kill_switch { "; the kill switch is on" } else { "" };
        return output(common.json, &answer, || format!("{}{switch}\n", status.mode));
    };
    let target = arguments.target.as_deref().map(|name| client.find(name)).transpose()?;
    let planner = arguments.planner.map(|planner| match planner {
        PlannerChoice::Load => PlannerName::Load,
        PlannerChoice::Warm => PlannerName::Warm,
    });
    let body = client.set_mode(&ModeBody { mode: mode_name(choice), planner, target })?;
    output(common.json, &body, || match (&body.target, body.planner) {
        (Some(target), _) => format!("mode of {target} is {}\n", body.mode),
        (None, Some(planner)) => format!("mode of the {planner} planner is {}\n", body.mode),
        (None, None) => format!("mode is {}\n", body.mode),
    })
}

/// The wire's word for a choice.
pub fn mode_name(choice: ModeChoice) -> ModeName {
    match choice {
        ModeChoice::Observe => ModeName::Observe,
        ModeChoice::Recommend => ModeName::Recommend,
        ModeChoice::Act => ModeName::Act,
    }
}
