//! An access backtest as one HTML page: per trace the policies, what was brought in, and where we lose.

use std::fmt::Write;

use super::STYLE;
use super::plot::escaped;
use crate::backtest::access::{AccessScorecard, SUBJECT, TraceCard};

/// The page. `title` names the traces.
pub fn html(title: &str, card: &AccessScorecard) -> String {
    let mut page = String::new();
    write_page(&mut page, title, card).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, title: &str, card: &AccessScorecard) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest: {title}</title><style>{STYLE}</style><h1>Backtest: {title}</h1>\
         <p class=\"muted\">Before each access every policy says which keys are likely to come next in its stream. Top-1 is the \
         share of accesses whose key stood first, top-5 the share whose key stood among the first five; higher is better.</p>\
         <h2>Where {SUBJECT} loses</h2>"
    )?;
    let losses = card.losses();
    if losses.is_empty() {
        write!(page, "<p>Nowhere: at least as good as every peer on every trace.</p>")?;
    }
    for loss in losses {
        write!(page, "<p>{}</p>", escaped(&loss))?;
    }
    for (name, trace) in &card.traces {
        write_trace(page, name, trace)?;
    }
    writeln!(page, "</html>")
}

fn write_trace(page: &mut String, name: &str, card: &TraceCard) -> std::fmt::Result {
    let verdict = if card.abstained { "cannot predict it and brings nothing in" } else { "acts" };
    write!(
        page,
        "<h2>{} <span class=\"muted\">({} accesses; {SUBJECT} {verdict})</span></h2><div class=\"scroll\"><table>\
         <tr><th>policy</th><th>top-1</th><th>top-5</th></tr>",
        escaped(name),
        card.accesses
    )?;
    let mut rows: Vec<_> = card.policies.iter().collect();
    rows.sort_by(|a, b| b.1.top5.total_cmp(&a.1.top5).then(a.0.cmp(b.0)));
    for (policy, figures) in rows {
        let class = if *policy == SUBJECT { " class=\"subject\"" } else { "" };
        let (top1, top5) = (100.0 * figures.top1, 100.0 * figures.top5);
        write!(page, "<tr{class}><td>{policy}</td><td>{top1:.2} %</td><td>{top5:.2} %</td></tr>")?;
    }
    let outcome = &card.outcome;
    write!(
        page,
        "</table></div><p class=\"muted\">{SUBJECT} would have brought in {} keys ({}), of which {} ({}) were accessed while they were held.</p>",
        outcome.staged,
        model::Bytes(outcome.staged_bytes),
        outcome.used,
        model::Bytes(outcome.used_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::access::run;
    use crate::trace::{Access, AccessTrace};

    #[test]
    fn the_page_holds_every_policy_and_is_whole() {
        let access = |key| Access { at_s: None, stream: 0, key, blocks: 1, op: None };
        let accesses = (0..300).map(|step| access(step % 7)).collect();
        let trace = AccessTrace { streams: vec!["s".to_owned()], numbered: true, accesses };
        let card = run(&[("a<b".to_owned(), trace)], &|_, _| {});
        let page = html("a<b", &card);
        assert!(page.contains("Backtest: a&lt;b") && page.ends_with("</html>\n"));
        for name in card.traces["a<b"].policies.keys() {
            assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
        }
        assert!(!page.contains("NaN"));
    }
}
