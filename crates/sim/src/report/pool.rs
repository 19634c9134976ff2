//! A pool backtest as one HTML page: cold starts against idle memory, the table, and where we lose.

use std::fmt::Write;

use super::STYLE;
use super::plot::{Axis, Plot, escaped, short};
use crate::backtest::pool::{PoolCard, PoolPoint, PoolScorecard, SUBJECT};

/// Colours of the style sheet for policies other than the subject.
const COLOURS: usize = 9;

/// The page. `title` names the trace.
pub fn html(title: &str, card: &PoolScorecard) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, title: &str, card: &PoolScorecard) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">{} units. The first half of the trace is there to learn from, the second is scored. RUM is the \
         waiting in cold starts plus the price of idle memory, in seconds; lower is better.</p>",
        card.units
    )?;
    write_losses(page, card)?;
    write_plot(page, card)?;
    write_table(page, card)?;
    let pool = &card.static_pool;
    write!(
        page,
        "<h2>Against a pool of fixed size</h2><p>With 99 % of requests warm, the cheapest pool of fixed size holds "
    )?;
    write!(page, "{:.2} GB hours idle; {SUBJECT} ", pool.idle_gb_hours)?;
    match pool.ours_gb_hours {
        Some(ours) => write!(page, "{ours:.2}.</p>")?,
        None => write!(page, "does not reach that rate.</p>")?,
    }
    writeln!(page, "</html>")
}

fn write_losses(page: &mut String, card: &PoolScorecard) -> std::fmt::Result {
    write!(page, "<h2>Where {SUBJECT} loses</h2>")?;
    let losses = card.losses();
    if losses.is_empty() {
        write!(page, "<p>Nowhere: less RUM than every peer, and every peer is dominated.</p>")?;
    }
    for loss in losses {
        write!(page, "<p>{}</p>", escaped(&loss))?;
    }
    Ok(())
}

fn write_plot(page: &mut String, card: &PoolScorecard) -> std::fmt::Result {
    let peers = card.policies.iter().filter(|(name, _)| **name != "oracle");
    let points: Vec<&PoolPoint> = peers.clone().flat_map(|(_, card)| &card.points).collect();
    let (x, x_ticks) = axis(points.iter().map(|point| point.cold_percent));
    let (y, y_ticks) = axis(points.iter().map(|point| point.idle_gb_hours));
    write!(page, "<h2>Cold starts against idle memory</h2>")?;
    let mut plot = Plot::new((900.0, 460.0), x, y, "Idle memory against cold starts");
    plot.x_ticks(&x_ticks, "cold starts, % of requests");
    plot.y_ticks(&y_ticks, "idle memory, GB hours");
    for (name, policy) in peers.clone() {
        let mut curve: Vec<(f64, f64)> =
            policy.points.iter().map(|point| (point.cold_percent, point.idle_gb_hours)).collect();
        curve.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let (class, style) = match *name == SUBJECT {
            true => ("subject-line", String::new()),
            false => ("line", format!("stroke:{}", colour(card, name))),
        };
        plot.line(curve.into_iter(), class, &style);
        if *name != SUBJECT {
            for point in &policy.points {
                plot.dot(point.cold_percent, point.idle_gb_hours, "loss", &format!("{name}, {}", point.label));
            }
        }
    }
    if let Some(ours) = card.policies.get(SUBJECT).and_then(|card| card.points.first()) {
        plot.dot(ours.cold_percent, ours.idle_gb_hours, "win", &format!("{SUBJECT}, {}", ours.label));
    }
    page.push_str(&plot.finish());
    write!(page, "<p class=\"legend\">")?;
    for (name, _) in peers {
        write!(page, "<span style=\"--c:{}\">{name}</span>", colour(card, name))?;
    }
    write!(page, "</p>")
}

/// A logarithmic axis over the values above zero, from a thousandth of the largest at the lowest, with a tick per power of ten.
fn axis(values: impl Iterator<Item = f64> + Clone) -> (Axis, Vec<(f64, String)>) {
    let high = values.clone().fold(1e-3, f64::max) * 1.2;
    let low = values.filter(|&value| value > 0.0).fold(high, f64::min).max(high / 1e4) * 0.8;
    let powers = (low.log10().ceil() as i32..=high.log10().floor() as i32).map(|power| 10.0_f64.powi(power));
    (Axis::logarithmic(low, high), powers.map(|value| (value, short(value))).collect())
}

fn write_table(page: &mut String, card: &PoolScorecard) -> std::fmt::Result {
    write!(
        page,
        "<h2>All policies</h2><div class=\"scroll\"><table><tr><th>policy</th><th>cold</th><th>unit p50</th><th>p75</th><th>p90</th>\
         <th>idle GB h</th><th>RUM</th><th>best RUM</th><th>dominated</th></tr>"
    )?;
    let mut rows: Vec<(&&str, &PoolCard)> = card.policies.iter().collect();
    rows.sort_by(|a, b| a.1.best_rum.total_cmp(&b.1.best_rum).then(a.0.cmp(b.0)));
    for (name, policy) in rows {
        let Some(point) = policy.points.first() else { continue };
        let class = if *name == SUBJECT { " class=\"subject\"" } else { "" };
        let dominated = card.dominated.get(*name).map_or("-", |&beaten| if beaten { "yes" } else { "no" });
        write!(page, "<tr{class}><td>{name}</td>")?;
        for percent in
            [point.cold_percent, point.cold_percent_unit_p50, point.cold_percent_unit_p75, point.cold_percent_unit_p90]
        {
            write!(page, "<td>{percent:.2} %</td>")?;
        }
        write!(
            page,
            "<td>{:.2}</td><td>{:.0}</td><td>{:.0}</td><td>{dominated}</td></tr>",
            point.idle_gb_hours, point.rum, policy.best_rum
        )?;
    }
    write!(page, "</table></div><p class=\"muted\">Each with its default setting; best RUM is that of any setting.</p>")
}

/// The same policy has the same colour in the plot and the legend.
fn colour(card: &PoolScorecard, name: &str) -> String {
    if name == SUBJECT {
        return "var(--subject)".to_owned();
    }
    let place = card.policies.keys().filter(|&&other| other != SUBJECT).position(|&other| other == name).unwrap_or(0);
    format!("var(--s{})", place % COLOURS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::pool::{PoolOptions, Workload, run};
    use crate::trace::CountSeries;
    use model::{Span, WallTime};

    #[test]
    fn the_page_holds_every_policy_and_is_whole() {
        let counts = (0..240).map(|step| u32::from(step % 7 == 0)).collect();
        let series = CountSeries {
            unit: "a<b".to_owned(),
            weight: 1.0,
            start: WallTime::default(),
            step: Span::from_secs(60),
            counts,
        };
        let options = PoolOptions::default();
        let card = run(&Workload::from_counts(&[series], &options), &options, &|_, _| {});
        let page = html("a<b", &card);
        assert!(page.contains("Backtest: a&lt;b") && page.ends_with("</html>\n"));
        for name in card.policies.keys() {
            assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
        }
        assert!(!page.contains("NaN"));
    }
}
