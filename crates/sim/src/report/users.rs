//! A backtest of users as one HTML page: returns that found their session against idle hours, the table, and where we lose.

use std::fmt::Write;

use super::STYLE;
use super::plot::{Axis, Plot, escaped, short};
use crate::backtest::users::{SUBJECT, UserPoint, UserScorecard};

/// Colours of the style sheet for policies other than the subject.
const COLOURS: usize = 9;

/// The page. `title` names the trace.
pub fn html(title: &str, card: &UserScorecard) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, title: &str, card: &UserScorecard) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">{} users, {} returns. The first half of the trace is there to learn from, the second is scored. A \
         session that is held while its user is away is idle; a return is ready if it finds the session held.</p>",
        card.users, card.returns
    )?;
    write_losses(page, card)?;
    write_plot(page, card)?;
    write_table(page, card)?;
    writeln!(page, "</html>")
}

fn write_losses(page: &mut String, card: &UserScorecard) -> std::fmt::Result {
    write!(page, "<h2>Where {SUBJECT} loses</h2>")?;
    let losses = card.losses();
    if losses.is_empty() {
        write!(page, "<p>Nowhere: fewer idle hours than every peer at every ready rate.</p>")?;
    }
    for loss in losses {
        write!(page, "<p>{}</p>", escaped(&loss))?;
    }
    Ok(())
}

fn write_plot(page: &mut String, card: &UserScorecard) -> std::fmt::Result {
    let peers = card.policies.iter().filter(|(name, _)| **name != "oracle");
    let points: Vec<&UserPoint> = peers.clone().flat_map(|(_, card)| &card.points).collect();
    let high = points.iter().map(|point| point.idle_hours_per_user_day).fold(1e-3, f64::max) * 1.2;
    let low = points.iter().map(|point| point.idle_hours_per_user_day).filter(|&idle| idle > 0.0).fold(high, f64::min);
    let low = low.max(high / 1e4) * 0.8;
    let (x, y) = (Axis::linear(0.0, 100.0), Axis::logarithmic(low, high));
    write!(page, "<h2>Ready returns against idle hours</h2>")?;
    let mut plot = Plot::new((900.0, 460.0), x, y, "Idle hours against ready returns");
    plot.x_ticks(
        &x.ticks().into_iter().map(|tick| (tick, format!("{tick} %"))).collect::<Vec<_>>(),
        "returns that found the session ready",
    );
    let powers = (low.log10().ceil() as i32..=high.log10().floor() as i32).map(|power| 10.0_f64.powi(power));
    plot.y_ticks(&powers.map(|value| (value, short(value))).collect::<Vec<_>>(), "idle hours per user and day");
    for (name, policy) in peers.clone() {
        let curve = policy.frontier().into_iter().filter(|point| point.idle_hours_per_user_day > 0.0);
        let (class, style) = match *name == SUBJECT {
            true => ("subject-line", String::new()),
            false => ("line", format!("stroke:{}", colour(card, name))),
        };
        plot.line(curve.map(|point| (point.ready_percent, point.idle_hours_per_user_day)), class, &style);
        if let Some(point) = policy.points.first() {
            let dot = if *name == SUBJECT { "win" } else { "loss" };
            plot.dot(point.ready_percent, point.idle_hours_per_user_day, dot, &format!("{name}, {}", point.label));
        }
    }
    page.push_str(&plot.finish());
    write!(page, "<p class=\"legend\">")?;
    for (name, _) in peers {
        write!(page, "<span style=\"--c:{}\">{name}</span>", colour(card, name))?;
    }
    write!(page, "</p>")
}

fn write_table(page: &mut String, card: &UserScorecard) -> std::fmt::Result {
    write!(
        page,
        "<h2>All policies</h2><div class=\"scroll\"><table><tr><th>policy</th><th>setting</th><th>ready</th><th>resumes used</th>\
         <th>resumes</th><th>idle h per user and day</th><th>{SUBJECT} at that rate</th><th>levels won</th></tr>"
    )?;
    let ours = card.policies.get(SUBJECT);
    let comparisons = card.comparisons();
    for (name, policy) in &card.policies {
        let Some(point) = policy.points.first() else { continue };
        let class = if *name == SUBJECT { " class=\"subject\"" } else { "" };
        let used = if point.resumes > 0 { format!("{:.1} %", point.used_percent) } else { "-".to_owned() };
        let held =
            ours.and_then(|ours| ours.idle_at(point.ready_percent)).map_or("-".to_owned(), |held| format!("{held:.3}"));
        let won = comparisons.iter().find(|one| one.peer == *name);
        write!(
            page,
            "<tr{class}><td>{name}</td><td>{}</td><td>{:.2} %</td><td>{used}</td><td>{}</td><td>{:.3}</td><td>{held}</td><td>{}</td></tr>",
            escaped(&point.label),
            point.ready_percent,
            point.resumes,
            point.idle_hours_per_user_day,
            won.map_or("-".to_owned(), |one| format!("{} of {}", one.won, one.levels)),
        )?;
    }
    write!(page, "</table></div><p class=\"muted\">Each with its default setting; levels are its undominated settings.</p>")
}

/// The same policy has the same colour in the plot and the legend.
fn colour(card: &UserScorecard, name: &str) -> String {
    if name == SUBJECT {
        return "var(--subject)".to_owned();
    }
    let place = card.policies.keys().filter(|&&other| other != SUBJECT).position(|&other| other == name).unwrap_or(0);
    format!("var(--s{})", place % COLOURS)
}
