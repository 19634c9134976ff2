//! A driver module backtest as one HTML page: readiness against loads in vain, the table, the profiles, and where we lose.

use std::fmt::Write;

use super::STYLE;
use super::plot::{Axis, Plot, escaped};
use crate::backtest::drivers::{DriverCard, DriverScorecard, SUBJECT};

/// The targets that are drawn: readiness of at least, loads in vain of at most so many percent.
const READY_PERCENT: f64 = 90.0;
const WASTED_PERCENT: f64 = 30.0;

/// The page. `title` names the trace.
pub fn html(title: &str, card: &DriverScorecard) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, title: &str, card: &DriverScorecard) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">{} modules in {} instances, needed {:.1} % of the time in {} episodes. The first half of the trace \
         is there to learn from, the second is scored. The cost is in seconds of need without its module, per module and \
         day: unserved need, idle modules and switches at their prices; lower is better.</p>",
        card.slots, card.instances, card.needed_percent, card.episodes
    )?;
    write!(page, "<h2>Where {SUBJECT} loses</h2>")?;
    let losses = card.losses();
    if losses.is_empty() {
        write!(page, "<p>Nowhere: it costs less than every peer.</p>")?;
    }
    for loss in losses {
        write!(page, "<p>{}</p>", escaped(&loss))?;
    }
    write_plot(page, card);
    write_table(page, card)?;
    write_profiles(page, card)?;
    writeln!(page, "</html>")
}

fn write_plot(page: &mut String, card: &DriverScorecard) {
    let ticks: Vec<(f64, String)> = (0..=5).map(|tick| (f64::from(tick) * 20.0, format!("{}", tick * 20))).collect();
    page.push_str("<h2>Readiness against loads in vain</h2>");
    let mut plot =
        Plot::new((900.0, 420.0), Axis::linear(0.0, 100.0), Axis::linear(0.0, 100.0), "Loads in vain against readiness");
    plot.x_ticks(&ticks, "ready before use, % of beginnings of need");
    plot.y_ticks(&ticks, "loads in vain, %");
    plot.line(
        [(READY_PERCENT, 0.0), (READY_PERCENT, WASTED_PERCENT), (100.0, WASTED_PERCENT)].into_iter(),
        "diagonal",
        "fill:none",
    );
    for (name, policy) in &card.policies {
        let class = if *name == SUBJECT { "win" } else { "loss" };
        plot.dot(policy.ready_before_use_percent, policy.wasted_load_percent, class, name);
    }
    page.push_str(&plot.finish());
}

fn write_table(page: &mut String, card: &DriverScorecard) -> std::fmt::Result {
    write!(
        page,
        "<h2>All policies</h2><div class=\"scroll\"><table><tr><th>policy</th><th>cost s/day</th><th>ready</th><th>in vain</th>\
         <th>switches/day</th><th>lead s</th><th>loaded</th></tr>"
    )?;
    let mut rows: Vec<(&&str, &DriverCard)> = card.policies.iter().collect();
    rows.sort_by(|a, b| a.1.combined_cost.total_cmp(&b.1.combined_cost).then(a.0.cmp(b.0)));
    for (name, policy) in rows {
        let class = if *name == SUBJECT { " class=\"subject\"" } else { "" };
        write!(
            page,
            "<tr{class}><td>{name}</td><td>{:.1}</td><td>{:.1} %</td><td>{:.1} %</td><td>{:.2}</td><td>{:.0}</td><td>{:.1} %</td></tr>",
            policy.combined_cost,
            policy.ready_before_use_percent,
            policy.wasted_load_percent,
            policy.switches_per_day,
            policy.lead_seconds_median,
            policy.loaded_percent
        )?;
    }
    write!(page, "</table></div>")
}

fn write_profiles(page: &mut String, card: &DriverScorecard) -> std::fmt::Result {
    let Some(ours) = card.policies.get(SUBJECT) else { return Ok(()) };
    write!(
        page,
        "<h2>By profile</h2><div class=\"scroll\"><table><tr><th>profile</th><th>episodes</th><th>ready</th><th>in vain</th>\
         <th>switches/day</th><th>cost s/day</th></tr>"
    )?;
    for one in &ours.profiles {
        write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{:.1} %</td><td>{:.1} %</td><td>{:.2}</td><td>{:.1}</td></tr>",
            one.profile.name(),
            one.episodes,
            one.ready_before_use_percent,
            one.wasted_load_percent,
            one.switches_per_day,
            one.combined_cost
        )?;
    }
    write!(page, "</table></div><p class=\"muted\">Figures of {SUBJECT}.</p>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::drivers::{DriverOptions, Workload, run};
    use crate::trace::{Unit, UsageSeries};
    use model::Span;

    #[test]
    fn the_page_holds_every_policy_and_is_whole() {
        let series = UsageSeries {
            series: "a".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Percent,
            capacity: Some(100.0),
            start: None,
            step: Span::from_secs(300),
            values: (0..600).map(|step| if step % 20 < 3 { 80.0 } else { 1.0 }).collect(),
        };
        let card = run(&Workload::all(&[series]), &DriverOptions::default(), &|_, _| {});
        let page = html("a<b", &card);
        assert!(page.contains("Backtest: a&lt;b") && page.ends_with("</html>\n"));
        for name in card.policies.keys() {
            assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
        }
        assert!(page.contains("cpu.compute_intensive") && !page.contains("NaN"));
    }
}
