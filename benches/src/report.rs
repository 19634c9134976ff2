//! The report of a bench: per promise what was asked, what was measured, and whether it holds.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::Arguments;

/// What a promise asks of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Exactly this.
    Exactly(f64),
}

impl Asked {
    /// Whether `measured` is as asked; what is not a number never is.
    pub fn holds(self, measured: f64) -> bool {
        match self {
            Asked::AtMost(limit) => measured <= limit,
            Asked::AtLeast(limit) => measured >= limit,
            Asked::Exactly(value) => measured == value,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Asked::AtMost(limit) => format!("at most {}", figure(limit, unit)),
            Asked::AtLeast(limit) => format!("at least {}", figure(limit, unit)),
            Asked::Exactly(value) => format!("exactly {}", figure(value, unit)),
        }
    }
}

#[derive(Serialize)]
struct Promise {
    id: String,
    asked: String,
    measured: String,
    holds: bool,
    /// The figure behind `measured`; absent when it is not a number.
    value: Option<f64>,
    unit: String,
}

/// Collects the promises of one bench.
#[derive(Serialize)]
pub struct Report {
    bench: String,
    promises: Vec<Promise>,
}

impl Report {
    /// An empty report of the bench called `bench`.
    pub fn new(bench: &str) -> Self {
        Report { bench: bench.into(), promises: Vec::new() }
    }

    /// Adds the promise `id` of `docs/promises.md`: what it asks, what was measured, both in `unit`.
    pub fn promise(&mut self, id: &str, asked: Asked, measured: f64, unit: &str) {
        self.promises.push(Promise {
            id: id.into(),
            asked: asked.text(unit),
            measured: figure(measured, unit),
            holds: asked.holds(measured),
            value: measured.is_finite().then_some(measured),
            unit: unit.into(),
        });
    }

    /// Adds a promise that could not be measured here, with the reason; it does not hold.
    pub fn not_measured(&mut self, id: &str, asked: Asked, unit: &str, reason: &str) {
        self.promise(id, asked, f64::NAN, unit);
        if let Some(promise) = self.promises.last_mut() {
            promise.measured = format!("not measured: {reason}");
        }
    }

    /// Whether every promise holds.
    pub fn holds(&self) -> bool {
        self.promises.iter().all(|promise| promise.holds)
    }

    /// One line: `{"bench":NAME,"promises":[{"id":..,"asked":..,"measured":..,"holds":..,"value":..,"unit":..}]}`.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a report holds nothing but texts, booleans and finite numbers")
    }

    /// One line per promise, for people.
    pub fn table(&self) -> String {
        let widest = |cell: fn(&Promise) -> &str| self.promises.iter().map(|promise| cell(promise).len()).max().unwrap_or(0);
        let (id, asked) = (widest(|promise| &promise.id), widest(|promise| &promise.asked));
        let mut text = format!("{}\n", self.bench);
        for promise in &self.promises {
            let verdict = if promise.holds { "holds" } else { "BROKEN" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {verdict:6}  {:id$}  {:asked$}  {}", promise.id, promise.asked, promise.measured);
        }
        text
    }

    /// Prints the report as asked for and returns the status to exit with: 0 when every promise holds, otherwise 1.
    /// After a `--quick` run the status is 0 in any case: its figures are not the promised ones.
    pub fn finish(self, arguments: &Arguments) -> ExitCode {
        if arguments.json {
            println!("{}", self.json());
        } else {
            print!("{}", self.table());
        }
        if self.holds() || arguments.quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Four significant digits and the unit.
fn figure(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        v if v >= 1_000.0 || v == v.trunc() => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        v if v >= 1.0 => 3,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_held_against_what_was_measured() {
        let mut report = Report::new("scale");
        report.promise("step", Asked::AtMost(1.0), 0.8312, "s");
        assert!(report.holds());
        report.promise("ingest", Asked::AtLeast(1e6), 912_345.0, "samples/s");
        assert!(!report.holds());
        assert_eq!(
            report.json(),
            r#"{"bench":"scale","promises":[{"id":"step","asked":"at most 1 s","measured":"0.83120 s","holds":true,"value":0.8312,"unit":"s"},{"id":"ingest","asked":"at least 1000000 samples/s","measured":"912345 samples/s","holds":false,"value":912345.0,"unit":"samples/s"}]}"#
        );
        assert_eq!(
            report.table(),
            "scale\n  holds   step    at most 1 s                 0.83120 s\n  BROKEN  ingest  at least 1000000 samples/s  912345 samples/s\n"
        );
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let mut report = Report::new("store");
        report.not_measured("bytes", Asked::AtMost(0.5), "", "promtool is not installed");
        assert!(!report.holds());
        assert!(
            report.json().contains(r#""measured":"not measured: promtool is not installed","holds":false,"value":null"#)
        );
        assert!(!Asked::AtLeast(0.0).holds(f64::NAN));
    }
}
