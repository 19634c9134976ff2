//! Draws one picture of `forerun top`.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table};
use serve::view::{DecisionView, ResourceName, ResourceView, TargetView};

use super::bar::{Figures, bar};
use super::{Look, Order, Snapshot};
use crate::render::amounts::{amount, clock, maybe, name, now, percent, setting, time};
use crate::render::decisions::{cause, outcome};
use crate::render::status::{ahead, knob, used, waits};

const BAR_WIDTH: usize = 14;

/// Draws `snapshot` over the whole frame.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, look: &Look) {
    let below = (snapshot.decisions.len() as u16 + 2).clamp(3, 9);
    let rows = [Constraint::Length(3), Constraint::Min(4), Constraint::Length(below), Constraint::Length(1)];
    let [head, targets, decisions, keys] = Layout::vertical(rows).areas(frame.area());
    draw_head(frame, head, snapshot, look);
    draw_targets(frame, targets, snapshot, look);
    draw_decisions(frame, decisions, &snapshot.decisions);
    let help = "q leave   c by cpu   m by memory   n by name   ↑↓ scroll   █ use  ▒ 99 % peak ahead  │ limit";
    frame.render_widget(Paragraph::new(help).style(dim()), keys);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look) {
    let status = &snapshot.status;
    let capacity = &status.capacity;
    let bytes = |bytes: u64| amount(bytes as f64, "bytes");
    let mut first = vec![
        Span::styled("forerun", Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!(" on {}   mode {}   {} workloads   ", status.host, status.mode, status.targets)),
        Span::raw(format!("{} decisions today", status.decisions_today)),
    ];
    if status.kill_switch {
        first.push(Span::styled("   KILL SWITCH ON", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)));
    }
    let second = format!(
        "cpu {}/{} cores, {} allotted   memory {}/{}, {} allotted",
        amount(capacity.cpu_cores_in_use, "cores"),
        amount(capacity.cpu_cores, "cores"),
        amount(capacity.cpu_cores_allotted, "cores"),
        bytes(capacity.memory_bytes_in_use),
        bytes(capacity.memory_bytes),
        bytes(capacity.memory_bytes_allotted),
    );
    let third = match (&look.trouble, status.last_sample_age_seconds) {
        (Some(trouble), _) => Line::styled(trouble.clone(), Style::new().fg(Color::Red)),
        (None, Some(age)) => Line::styled(format!("newest sample {} old", time(age)), dim()),
        (None, None) => Line::styled("no sample yet", dim()),
    };
    frame.render_widget(Paragraph::new(vec![Line::from(first), Line::raw(second), third]), area);
}

fn draw_targets(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look) {
    let mark = |order, text: &'static str| if look.order == order { format!("{text} ▾") } else { text.to_owned() };
    let head = [
        mark(Order::Name, "WORKLOAD"),
        mark(Order::Cpu, "CPU"),
        "NOW / P99 / LIMIT".into(),
        mark(Order::Memory, "MEMORY"),
        "NOW / P99 / LIMIT".into(),
        "WAITS FOR".into(),
    ];
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(BAR_WIDTH as u16),
        Constraint::Length(22),
        Constraint::Length(BAR_WIDTH as u16),
        Constraint::Length(32),
        Constraint::Fill(2),
    ];
    let name_width = usize::from(area.width.saturating_sub(2 * BAR_WIDTH as u16 + 59) / 2).max(12);
    let rows = snapshot.targets.iter().skip(look.skipped).map(|target| row(target, name_width));
    let head = Row::new(head).style(Style::new().add_modifier(Modifier::BOLD));
    let block = Block::new().borders(Borders::TOP);
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn row(target: &TargetView, name_width: usize) -> Row<'static> {
    let throttled = target.throttled_share.filter(|share| *share >= 0.005);
    let note = match throttled {
        Some(share) => Cell::new(format!("throttled {}", percent(share))).style(Style::new().fg(Color::Red)),
        None => Cell::new(waits(target)).style(dim()),
    };
    let (cpu_bar, cpu_text) = figures(target, "cpu", "cores", ResourceName::CpuQuota);
    let (memory_bar, memory_text) = figures(target, "mem", "bytes", ResourceName::MemoryLimit);
    Row::new([Cell::new(name(&target.id, name_width)), cpu_bar, cpu_text, memory_bar, memory_text, note])
}

/// The bar and the three figures behind it.
fn figures(target: &TargetView, metric: &str, unit: &str, resource: ResourceName) -> (Cell<'static>, Cell<'static>) {
    let (used, ahead) = (used(target, metric), ahead(target, metric));
    let knob: Option<&ResourceView> = knob(target, resource);
    let limit = knob.and_then(|knob| knob.limit.at());
    let near = matches!((ahead, limit), (Some(ahead), Some(limit)) if ahead > limit);
    let colour = if near { Color::Yellow } else { Color::Green };
    let shown = knob.map_or_else(|| "-".into(), |knob| setting(knob.limit, unit));
    let text = format!("{} / {} / {shown}", maybe(used, unit), maybe(ahead, unit));
    let bar = bar(Figures { used, ahead, limit }, BAR_WIDTH);
    (Cell::new(bar).style(Style::new().fg(colour)), Cell::new(text))
}

fn draw_decisions(frame: &mut Frame<'_>, area: Rect, decisions: &[DecisionView]) {
    let now = now();
    let rows = decisions.iter().map(|decision| {
        Row::new([
            format!("T{}", decision.ticket),
            clock(decision.at, now),
            name(&decision.target, 36),
            decision.resource.to_string(),
            format!("{} → {}", setting(decision.before, &decision.unit), setting(decision.after, &decision.unit)),
            cause(&decision.trigger),
            outcome(decision),
        ])
    });
    let widths = [
        Constraint::Length(7),
        Constraint::Length(19),
        Constraint::Length(36),
        Constraint::Length(16),
        Constraint::Length(24),
        Constraint::Length(14),
        Constraint::Fill(1),
    ];
    let block = Block::new().borders(Borders::TOP).title(" decisions (UTC) ");
    frame.render_widget(Table::new(rows, widths).block(block), area);
}

fn dim() -> Style {
    Style::new().fg(Color::DarkGray)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::render::samples;

    fn picture(width: u16, height: u16, look: &Look) -> String {
        let snapshot =
            Snapshot { status: samples::status(), targets: vec![samples::target()], decisions: vec![samples::decision()] };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &snapshot, look)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_picture_holds_workloads_and_decisions() {
        let text = picture(160, 16, &Look::default());
        for part in ["/forerun/examples/service", "0.42 / 0.95 / 1.25", "rests for 40 s", "T17", "0.50 → 0.98", "CPU ▾"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn trouble_is_shown_and_small_terminals_do_not_panic() {
        let look = Look { trouble: Some("cannot reach the daemon".into()), ..Look::default() };
        assert!(picture(100, 20, &look).contains("cannot reach the daemon"));
        for (width, height) in [(1, 1), (20, 5), (300, 80)] {
            picture(width, height, &look);
        }
    }
}
