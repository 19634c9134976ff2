//! Commands that look: status, top, forecast, plan, explain, history.

use std::time::Duration;

use model::{Span, WallTime};
use serve::view::Timestamp;

use super::arguments::{Common, ExplainArguments, ForecastArguments, HistoryArguments, StatusArguments, TopArguments};
use super::failure::{Failure, Outcome, Status};
use super::{client, output};
use crate::client::Wanted;
use crate::render;

/// Workloads of which `forecast` without a name shows the coming peaks.
const FORECASTS_MAX: u32 = 1_000;

pub fn status(common: &Common, arguments: &StatusArguments) -> Outcome {
    let client = client(common)?;
    let status = client.status()?;
    let page = client.targets(arguments.filter.as_deref(), arguments.limit)?;
    let answer = serde_json::json!({ "status": status, "targets": page.targets, "total": page.total });
    output(common.json, &answer, || render::status::text(&status, &page))
}

pub fn top(common: &Common, arguments: &TopArguments) -> Outcome {
    let interval = Duration::from_secs_f64(arguments.interval);
    render::top::run(&client(common)?, arguments.filter.as_deref(), interval, common.json)
}

pub fn forecast(common: &Common, arguments: &ForecastArguments) -> Outcome {
    let client = client(common)?;
    let Some(name) = &arguments.target else {
        let page = client.targets(None, FORECASTS_MAX)?;
        return output(common.json, &page, || render::forecast::all(&page));
    };
    let report = client.forecast(&client.find(name)?)?;
    output(common.json, &report, || render::forecast::one(&report))
}

pub fn plan(common: &Common) -> Outcome {
    let plan = client(common)?.plan()?;
    output(common.json, &plan, || render::decisions::plan(&plan))
}

pub fn explain(common: &Common, arguments: &ExplainArguments) -> Outcome {
    let decision = client(common)?.decision(arguments.ticket)?;
    output(common.json, &decision, || render::explain::text(&decision))
}

pub fn history(common: &Common, arguments: &HistoryArguments) -> Outcome {
    let client = client(common)?;
    let since = arguments.since.as_deref().map(|text| since(text, render::amounts::now())).transpose()?;
    let target = arguments.target.as_deref().map(|name| client.find(name)).transpose()?;
    let wanted = Wanted { target, since: since.map(|at| at.to_string()), before: None, limit: arguments.limit };
    let page = client.decisions(&wanted)?;
    output(common.json, &page, || render::decisions::history(&page))
}

/// A point in time, or how long before `now` it was.
fn since(text: &str, now: Timestamp) -> Outcome<Timestamp> {
    if let Ok(ago) = crate::config::read_amount::<Span>(text) {
        let wall: WallTime = now.0;
        return Ok(wall.minus(ago).into());
    }
    Timestamp::parse(text).ok_or_else(|| {
        let remedy = "a time such as 2026-01-31T08:00:00Z, or how long ago, such as 2h";
        Failure::new(Status::Usage, format!("--since is `{text}`, which is no time"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_an_age() {
        let now = Timestamp::parse("2026-01-31T10:00:00Z").unwrap();
        assert_eq!(since("2h", now).unwrap(), Timestamp::parse("2026-01-31T08:00:00Z").unwrap());
        assert_eq!(since("2026-01-31T08:00:00Z", now).unwrap(), Timestamp::parse("2026-01-31T08:00:00Z").unwrap());
        assert_eq!(since("yesterday", now).unwrap_err().status, Status::Usage);
    }
}
