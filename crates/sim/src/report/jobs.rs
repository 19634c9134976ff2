//! A jobs backtest as one HTML page: wastage against failures, the table, and where we lose.

use std::fmt::Write;

use super::STYLE;
use super::plot::{Axis, Plot, escaped, short};
use crate::backtest::jobs::{JobScorecard, SUBJECT};

/// The page. `title` names the trace.
pub fn html(title: &str, card: &JobScorecard) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, title: &str, card: &JobScorecard) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">{} jobs, {} of them with a known peak of memory; {:.2} GB hours used. Each job is sized when it is \
         submitted, from those that had ended before. A failed attempt wastes all of its allocation over the job's run time.</p>",
        card.jobs, card.sized, card.used_gb_hours
    )?;
    write!(page, "<h2>Where {SUBJECT} loses</h2>")?;
    let losses = card.losses();
    if losses.is_empty() {
        write!(
            page,
            "<p>Nowhere: less wastage than every peer at no more failures than the best, and the best run times.</p>"
        )?;
    }
    for loss in losses {
        write!(page, "<p>{}</p>", escaped(&loss))?;
    }
    write_plot(page, card)?;
    write_table(page, card)?;
    writeln!(page, "</html>")
}

fn write_plot(page: &mut String, card: &JobScorecard) -> std::fmt::Result {
    let ranked = card.ranked();
    let points: Vec<(&str, f64, f64)> =
        ranked.iter().filter_map(|(name, card)| Some((*name, card.failures_percent?, card.wastage_gb_hours?))).collect();
    if points.is_empty() {
        return Ok(());
    }
    let highest = |value: fn(&(&str, f64, f64)) -> f64| points.iter().map(value).fold(1e-9, f64::max) * 1.05;
    let (x, y) = (Axis::linear(0.0, highest(|point| point.1)), Axis::linear(0.0, highest(|point| point.2)));
    let ticks = |axis: &Axis| axis.ticks().into_iter().map(|tick| (tick, short(tick))).collect::<Vec<_>>();
    write!(page, "<h2>Wastage against failures</h2>")?;
    let mut plot = Plot::new((900.0, 420.0), x, y, "Wasted memory against failed attempts");
    plot.x_ticks(&ticks(&x), "failed attempts, % of jobs");
    plot.y_ticks(&ticks(&y), "wastage, GB hours");
    for (name, failures, wastage) in points {
        let class = if name == SUBJECT { "win" } else { "loss" };
        plot.dot(failures, wastage, class, &format!("{name}: {wastage:.2} GB hours, {failures:.2} % failed"));
    }
    page.push_str(&plot.finish());
    Ok(())
}

fn write_table(page: &mut String, card: &JobScorecard) -> std::fmt::Result {
    write!(
        page,
        "<h2>All policies</h2><div class=\"scroll\"><table><tr><th>policy</th><th>wastage GB h</th><th>in failed attempts</th>\
         <th>failures</th><th>run time accuracy</th><th>of jobs</th></tr>"
    )?;
    let cell = |value: Option<f64>, digits: usize, unit: &str| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}{unit}"))
    };
    for (name, policy) in card.ranked() {
        let class = if name == SUBJECT { " class=\"subject\"" } else { "" };
        write!(
            page,
            "<tr{class}><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td></tr>",
            cell(policy.wastage_gb_hours, 2, ""),
            cell(policy.failed_gb_hours, 2, ""),
            cell(policy.failures_percent, 2, " %"),
            cell(policy.runtime_accuracy, 4, ""),
            policy.runtime_coverage_percent
        )?;
    }
    write!(
        page,
        "</table></div><p class=\"muted\">Run time accuracy is the mean of the smaller over the larger of predicted and real run \
         time, over the jobs of which the policy said one.</p>"
    )
}

#[cfg(test)]
mod tests {
    use model::{Bytes, Span};

    use super::*;
    use crate::backtest::jobs::{JobOptions, run};
    use crate::trace::Job;
    use predict::jobs::{JobMetadata, JobOutcome};

    #[test]
    fn the_page_holds_every_policy_and_is_whole() {
        let job = |id: u64| Job {
            id: id.to_string(),
            metadata: JobMetadata { name: Some("a<b".to_owned()), memory: Some(Bytes(8 << 30)), ..JobMetadata::default() },
            outcome: JobOutcome {
                run: Some(Span::from_secs(60)),
                memory_peak: Some(Bytes((1 << 30) + id % 3)),
                ..JobOutcome::default()
            },
        };
        let card = run(&[(0..30).map(job).collect()], &JobOptions::default(), &|_, _| {});
        let page = html("a<b", &card);
        assert!(page.contains("Backtest: a&lt;b") && page.ends_with("</html>\n"));
        for name in card.policies.keys() {
            assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
        }
        assert!(!page.contains("NaN"));
    }
}
