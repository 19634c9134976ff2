//! `forerun top`: workloads live. A thread asks the daemon, this one draws and listens to keys; where there is no terminal,
//! one plain table is printed instead.

mod bar;
mod draw;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serve::view::{DecisionView, StatusView, TargetView};

use crate::cli::failure::{Failure, Outcome, Status};
use crate::client::{Client, Wanted};
use crate::render;

/// Most workloads that are asked for.
const TARGETS_MAX: u32 = 500;

/// Decisions at the bottom.
const DECISIONS: u32 = 20;

/// How long a key may wait.
const KEY_TIME: Duration = Duration::from_millis(50);

/// What the daemon said last.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The daemon.
    pub status: StatusView,
    /// Its workloads.
    pub targets: Vec<TargetView>,
    /// Its newest decisions.
    pub decisions: Vec<DecisionView>,
}

/// By what workloads are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Most CPU first.
    #[default]
    Cpu,
    /// Most memory first.
    Memory,
    /// By name.
    Name,
}

/// What the person looks at.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// By what workloads are ordered.
    pub order: Order,
    /// Workloads scrolled past.
    pub skipped: usize,
    /// Why the newest question got no answer.
    pub trouble: Option<String>,
}

/// Shows workloads until the person leaves.
///
/// # Errors
/// When the daemon cannot be asked at the begin, or the terminal cannot be drawn on.
pub fn run(client: &Client, filter: Option<&str>, interval: Duration, json: bool) -> Outcome {
    let first = ask(client, filter)?;
    if json || !std::io::stdout().is_terminal() {
        let page = serve::view::TargetPage { total: first.targets.len() as u64, targets: first.targets, next: None };
        return crate::cli::output(json, &page, || render::status::text(&first.status, &page));
    }
    let (sender, receiver) = sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || keep_asking(client, filter, interval, &sender));
        let mut terminal = ratatui::init();
        // The receiver goes with the loop, which is what ends the asking thread.
        let shown = show(&mut terminal, first, receiver);
        ratatui::restore();
        shown.map_err(|error| Failure::new(Status::Failed, format!("cannot draw on the terminal: {error}"), ""))
    })
}

fn ask(client: &Client, filter: Option<&str>) -> Outcome<Snapshot> {
    Ok(Snapshot {
        status: client.status()?,
        targets: client.targets(filter, TARGETS_MAX)?.targets,
        decisions: client.decisions(&Wanted { limit: DECISIONS, ..Wanted::default() })?.decisions,
    })
}

type Answer = Result<Snapshot, String>;

fn keep_asking(client: &Client, filter: Option<&str>, interval: Duration, sender: &SyncSender<Answer>) {
    loop {
        std::thread::sleep(interval);
        let answer = ask(client, filter).map_err(|failure| failure.what);
        if sender.send(answer).is_err() {
            return;
        }
    }
}

fn show(terminal: &mut ratatui::DefaultTerminal, mut snapshot: Snapshot, answers: Receiver<Answer>) -> std::io::Result<()> {
    let mut look = Look::default();
    loop {
        sort(&mut snapshot.targets, look.order);
        terminal.draw(|frame| draw::draw(frame, &snapshot, &look))?;
        loop {
            match answers.recv_timeout(KEY_TIME) {
                Ok(Ok(fresh)) => {
                    snapshot = fresh;
                    look.trouble = None;
                    break;
                }
                Ok(Err(trouble)) => {
                    look.trouble = Some(trouble);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if event::poll(Duration::ZERO)? {
                match step(&event::read()?, &mut look, snapshot.targets.len()) {
                    Step::Leave => return Ok(()),
                    Step::Draw => break,
                    Step::Nothing => {}
                }
            }
        }
    }
}

/// What a key leads to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Leave,
    Draw,
    Nothing,
}

fn step(event: &Event, look: &mut Look, count: usize) -> Step {
    let key = match event {
        Event::Resize(..) => return Step::Draw,
        Event::Key(key) if key.kind == KeyEventKind::Press => key,
        _ => return Step::Nothing,
    };
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Step::Leave,
        KeyCode::Char('q') | KeyCode::Esc => return Step::Leave,
        KeyCode::Char('c') => look.order = Order::Cpu,
        KeyCode::Char('m') => look.order = Order::Memory,
        KeyCode::Char('n') => look.order = Order::Name,
        KeyCode::Down | KeyCode::Char('j') => look.skipped = (look.skipped + 1).min(count.saturating_sub(1)),
        KeyCode::Up | KeyCode::Char('k') => look.skipped = look.skipped.saturating_sub(1),
        KeyCode::Home => look.skipped = 0,
        _ => return Step::Nothing,
    }
    Step::Draw
}

fn sort(targets: &mut [TargetView], order: Order) {
    let metric = match order {
        Order::Name => return targets.sort_by(|left, right| left.id.cmp(&right.id)),
        Order::Cpu => "cpu",
        Order::Memory => "mem",
    };
    let used = |target: &TargetView| render::status::used(target, metric).unwrap_or(-1.0);
    targets.sort_by(|left, right| used(right).total_cmp(&used(left)).then_with(|| left.id.cmp(&right.id)));
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;
    use crate::render::samples;

    fn press(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_lead_where_they_say() {
        let mut look = Look::default();
        assert_eq!(step(&press(KeyCode::Char('m')), &mut look, 2), Step::Draw);
        assert_eq!(look.order, Order::Memory);
        for _ in 0..5 {
            step(&press(KeyCode::Down), &mut look, 2);
        }
        assert_eq!(look.skipped, 1);
        assert_eq!(step(&press(KeyCode::Char('x')), &mut look, 2), Step::Nothing);
        assert_eq!(step(&press(KeyCode::Char('q')), &mut look, 2), Step::Leave);
        let interrupt = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert_eq!(step(&interrupt, &mut look, 2), Step::Leave);
    }

    #[test]
    fn the_hungriest_comes_first() {
        let idle = TargetView { id: "cgroup:/a".into(), metrics: Vec::new(), ..samples::target() };
        let mut targets = vec![idle, samples::target()];
        sort(&mut targets, Order::Cpu);
        assert_eq!(targets[1].id, "cgroup:/a");
        sort(&mut targets, Order::Name);
        assert_eq!(targets[0].id, "cgroup:/a");
    }
}
