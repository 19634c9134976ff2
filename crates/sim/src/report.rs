//! A backtest as one HTML page: Pareto curves, pairs, example series and tables. Self-contained, in light and dark.

pub mod access;
pub mod drivers;
pub mod jobs;
mod plot;
pub mod pool;
pub mod users;

use std::fmt::Write;

use model::Span;

use crate::backtest::load::{
    CURVE, Entrant, LEVELS, LoadOptions, LoadResult, PolicyCard, Scorecard, Section, allocations_at,
};
use crate::trace::{Unit, UsageSeries};
use plot::{Axis, Plot, escaped, short};

const STYLE: &str = include_str!("report/style.css");
/// Samples show at most so many windows: a week of ten minutes.
const SAMPLE_WINDOWS_MAX: usize = 1_008;
/// Colours of the style sheet for policies other than the subject.
const COLOURS: usize = 9;

/// One series with the allocations of some policies, for a plot.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Whose and what.
    pub title: String,
    /// The unit of uses and allocations.
    pub unit: Unit,
    /// The grid.
    pub step: Span,
    /// Steps per window.
    pub window: usize,
    /// Use per step, NaN where missing.
    pub uses: Vec<f32>,
    /// The policies and their allocations per window.
    pub lines: Vec<(&'static str, Vec<f32>)>,
}

impl Sample {
    /// The end of `series`, with each of `entrants` as it would have been at `level` percent of violated steps; those that
    /// cannot reach it are left out.
    pub fn of(series: &UsageSeries, entrants: &[Entrant<'_>], options: &LoadOptions, level: f64) -> Sample {
        let grid = crate::backtest::load::Grid::of(series, options.window);
        let first = grid.windows.saturating_sub(SAMPLE_WINDOWS_MAX);
        let lines = entrants
            .iter()
            .filter_map(|entrant| Some((entrant.name(), allocations_at(series, entrant, options, level)?)))
            .map(|(name, allocations)| (name, allocations[first..].to_vec()))
            .collect();
        Sample {
            title: format!("{} {}", series.series, series.metric),
            unit: series.unit,
            step: series.step,
            window: grid.window,
            uses: series.values[first * grid.window..].to_vec(),
            lines,
        }
    }
}

/// The page. `title` names the trace; `result` is what `card` was made of; `samples` are drawn one by one.
pub fn html(title: &str, card: &Scorecard, result: &LoadResult, samples: &[Sample]) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card, result, samples).expect("writing to a string does not fail");
    page
}

fn write_page(
    page: &mut String,
    title: &str,
    card: &Scorecard,
    result: &LoadResult,
    samples: &[Sample],
) -> std::fmt::Result {
    let title = escaped(title);
    let left_out: usize = card.skipped.values().sum();
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">{} series scored, {left_out} left out (too short or without use). Slack is the share of the \
         allocation that was not used; each policy is compared where it violates in the same share of steps.</p>",
        card.all.series
    )?;
    let losses = card.losses();
    if let Some(subject) = card.subject {
        write!(page, "<h2>Where {subject} loses</h2>")?;
        if losses.is_empty() {
            write!(page, "<p>Nowhere: less mean slack than every peer at every level.</p>")?;
        }
        for loss in &losses {
            write!(page, "<p>{}</p>", escaped(loss))?;
        }
    }
    write_section(page, "All series", card, &card.all)?;
    write_pairs(page, card, result)?;
    if card.by_metric.len() > 1 {
        for (metric, section) in &card.by_metric {
            write_section(page, metric, card, section)?;
        }
    }
    if !samples.is_empty() {
        write!(page, "<h2>Example series</h2>")?;
    }
    for sample in samples {
        write_sample(page, card, sample)?;
    }
    writeln!(page, "</html>")
}

fn write_section(page: &mut String, title: &str, card: &Scorecard, section: &Section) -> std::fmt::Result {
    write!(page, "<h2>{} <span class=\"muted\">({} series)</span></h2>", escaped(title), section.series)?;
    let (low, high) = (CURVE.into_iter().fold(f64::INFINITY, f64::min), CURVE.into_iter().fold(0.0, f64::max));
    let curves: Vec<(&str, Vec<(f64, f64)>)> = section.policies.iter().map(|(&name, card)| (name, curve(card))).collect();
    let top = curves.iter().flat_map(|(_, points)| points).map(|point| point.1).fold(0.0, f64::max);
    let (x, y) = (Axis::logarithmic(low, high), Axis::linear(0.0, top.max(1.0) * 1.02));
    let mut plot = Plot::new((900.0, 380.0), x, y, &format!("Slack against violated time, {title}"));
    let mut levels = CURVE;
    levels.sort_by(f64::total_cmp);
    plot.x_ticks(&levels.map(|level| (level, format!("{level} %"))), "violated time");
    plot.y_ticks(&labelled(&y, " %"), "mean slack");
    for (name, points) in &curves {
        let (class, style) = line_style(card, name);
        plot.line(points.iter().copied(), class, &style);
    }
    page.push_str(&plot.finish());
    write_legend(page, card, curves.iter().map(|(name, _)| *name))?;
    write_table(page, card, section)
}

fn curve(card: &PolicyCard) -> Vec<(f64, f64)> {
    let points = CURVE.into_iter().zip(&card.curve);
    let mut points: Vec<(f64, f64)> = points.filter_map(|(level, at)| Some((level, at.slack_percent?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn write_table(page: &mut String, card: &Scorecard, section: &Section) -> std::fmt::Result {
    write!(page, "<div class=\"scroll\"><table><tr><th>policy</th>")?;
    for level in LEVELS {
        write!(page, "<th>slack at {level} %</th><th>changes/day</th><th>not reached</th>")?;
    }
    write!(page, "<th>default: violated</th><th>slack</th><th>changes/day</th><th>lead</th></tr>")?;
    for (&name, policy) in &section.policies {
        let class = if card.subject == Some(name) { " class=\"subject\"" } else { "" };
        write!(page, "<tr{class}><td>{name}</td>")?;
        for (_, at) in policy.at() {
            let cell = |value: Option<f64>, unit: &str| value.map_or("-".to_owned(), |value| format!("{value:.1}{unit}"));
            let (slack, changes) = (cell(at.slack_percent, " %"), cell(at.changes_per_day, ""));
            write!(page, "<td>{slack}</td><td>{changes}</td><td>{}</td>", at.unreached)?;
        }
        let default = &policy.default;
        write!(
            page,
            "<td>{:.2} %</td><td>{:.1} %</td><td>{:.1}</td><td>{:.0} s</td></tr>",
            default.violation_percent, default.slack_percent, default.changes_per_day, default.lead_seconds_mean
        )?;
    }
    write!(page, "</table></div>")
}

/// The subject's slack against that of the best peer, series by series, at the first level.
fn write_pairs(page: &mut String, card: &Scorecard, result: &LoadResult) -> std::fmt::Result {
    let Some(subject) = card.subject else { return Ok(()) };
    let Some((peer, pairs)) = best_peer(card).map(|peer| (peer, pairs(result, subject, peer))) else { return Ok(()) };
    let wins = pairs.iter().filter(|(_, theirs, ours)| ours < theirs).count();
    write!(
        page,
        "<h2>{subject} against {peer}, series by series</h2><p class=\"muted\">Slack at {} % violated time. Below the diagonal \
         {subject} needs less: {wins} of {} series.</p>",
        LEVELS[0],
        pairs.len()
    )?;
    let high = pairs.iter().map(|(_, theirs, ours)| theirs.max(*ours)).fold(1.0, f64::max);
    let axis = Axis::linear(0.0, high);
    let mut plot = Plot::new((900.0, 520.0), axis, axis, &format!("Slack of {subject} against {peer}"));
    plot.x_ticks(&labelled(&axis, " %"), &format!("slack of {peer}"));
    plot.y_ticks(&labelled(&axis, " %"), &format!("slack of {subject}"));
    plot.line([(0.0, 0.0), (high, high)].into_iter(), "diagonal", "");
    for (name, theirs, ours) in &pairs {
        let class = if ours < theirs { "win" } else { "loss" };
        plot.dot(*theirs, *ours, class, &format!("{name}: {subject} {ours:.1} %, {peer} {theirs:.1} %"));
    }
    page.push_str(&plot.finish());
    Ok(())
}

fn pairs(result: &LoadResult, subject: &str, peer: &str) -> Vec<(String, f64, f64)> {
    let place = |wanted: &str| result.policies.iter().position(|&name| name == wanted);
    let (Some(subject), Some(peer)) = (place(subject), place(peer)) else { return Vec::new() };
    let pair = |one: &crate::backtest::load::SeriesResult| {
        let (ours, theirs) = (one.outcomes[subject].at[0]?, one.outcomes[peer].at[0]?);
        Some((format!("{} {}", one.series, one.metric), 100.0 * theirs.slack, 100.0 * ours.slack))
    };
    result.series.iter().filter_map(pair).collect()
}

/// The policy other than subject and oracle with the least mean slack at the first level.
pub fn best_peer(card: &Scorecard) -> Option<&'static str> {
    let peers = card.all.policies.iter().filter(|(name, _)| **name != "oracle" && Some(**name) != card.subject);
    let known = peers.filter_map(|(&name, policy)| Some((name, policy.curve[0].slack_percent?)));
    known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
}

fn write_sample(page: &mut String, card: &Scorecard, sample: &Sample) -> std::fmt::Result {
    let hours = |step: usize| step as f64 * sample.step.as_secs_f64() / 3_600.0;
    let peak = |values: &[f32]| values.iter().copied().fold(0.0_f32, f32::max);
    let highest = sample.lines.iter().map(|(_, line)| peak(line)).fold(peak(&sample.uses), f32::max);
    let (x, y) = (Axis::linear(0.0, hours(sample.uses.len())), Axis::linear(0.0, f64::from(highest) * 1.02));
    let mut plot = Plot::new((900.0, 300.0), x, y, &format!("Use and allocations of {}", sample.title));
    let ticks: Vec<(f64, String)> = x.ticks().into_iter().map(|tick| (tick, short(tick))).collect();
    plot.x_ticks(&ticks, "hours");
    plot.y_ticks(
        &labelled(&y, ""),
        match sample.unit.name() {
            "" => "use",
            name => name,
        },
    );
    let points = envelope(&sample.uses, plot.columns());
    plot.line(points.into_iter().map(|(step, value)| (hours(step), f64::from(value))), "use", "");
    for (name, line) in &sample.lines {
        let (class, style) = line_style(card, name);
        let corners = line.iter().enumerate().filter(|(_, amount)| !amount.is_nan()).flat_map(|(window, &amount)| {
            let ends = [window * sample.window, ((window + 1) * sample.window).min(sample.uses.len())];
            ends.map(|step| (hours(step), f64::from(amount)))
        });
        plot.line(corners, class, &style);
    }
    write!(page, "<h3>{}</h3>{}", escaped(&sample.title), plot.finish())?;
    write_legend(page, card, sample.lines.iter().map(|(name, _)| *name))
}

/// At most two points per column, its lowest and its highest, so that no peak is lost.
fn envelope(values: &[f32], columns: usize) -> Vec<(usize, f32)> {
    let size = values.len().div_ceil(columns.max(1)).max(1);
    let mut points = Vec::new();
    for (column, part) in values.chunks(size).enumerate() {
        let known = || part.iter().enumerate().filter(|(_, value)| !value.is_nan());
        let low = known().min_by(|a, b| a.1.total_cmp(b.1));
        let high = known().max_by(|a, b| a.1.total_cmp(b.1));
        let mut ends: Vec<(usize, f32)> =
            low.into_iter().chain(high).map(|(place, &value)| (column * size + place, value)).collect();
        ends.sort_by_key(|end| end.0);
        ends.dedup();
        points.extend(ends);
    }
    points
}

fn labelled(axis: &Axis, unit: &str) -> Vec<(f64, String)> {
    axis.ticks().into_iter().map(|tick| (tick, format!("{}{unit}", short(tick)))).collect()
}

fn write_legend<'a>(page: &mut String, card: &Scorecard, names: impl Iterator<Item = &'a str>) -> std::fmt::Result {
    write!(page, "<p class=\"legend\">")?;
    for name in names {
        write!(page, "<span style=\"--c:{}\">{name}</span>", colour(card, name))?;
    }
    write!(page, "</p>")
}

fn line_style(card: &Scorecard, name: &str) -> (&'static str, String) {
    match card.subject == Some(name) {
        true => ("subject-line", String::new()),
        false => ("line", format!("stroke:{}", colour(card, name))),
    }
}

/// The same policy has the same colour in every plot of a page.
fn colour(card: &Scorecard, name: &str) -> String {
    if card.subject == Some(name) {
        return "var(--subject)".to_owned();
    }
    let others = card.all.policies.keys().filter(|&&other| card.subject != Some(other));
    let place = others.into_iter().position(|&other| other == name).unwrap_or(0);
    format!("var(--s{})", place % COLOURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_keeps_peaks() {
        let mut values = vec![1.0_f32; 10_000];
        values[7_777] = 9.0;
        values[100] = f32::NAN;
        let points = envelope(&values, 500);
        assert!(points.len() <= 1_000);
        assert!(points.contains(&(7_777, 9.0)));
        assert!(points.iter().all(|(_, value)| !value.is_nan()));
    }
}
