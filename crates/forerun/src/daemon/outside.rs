//! What is read beside the rounds of samples, on threads of their own: application metrics and schedules.

use std::time::{Duration, Instant};

use collect::application::{Endpoint, Reading, Scraper};
use collect::{Roots, schedules};
use model::{Announcement, AnnouncementId, Metric, Moment, Observation, Span, WallTime};
use serve::view::{AnnouncementView, Event, Timestamp};

use super::ask::Asks;
use super::core::{Core, wall_now};
use crate::config::{Settings, TargetRule};

/// How often schedules are read, and how far they are looked ahead.
const SCHEDULES_EVERY: Duration = Duration::from_secs(600);
const AHEAD: Span = Span::from_secs(6 * 3_600);
/// How long an announced run is expected to last: schedules say when one begins, not when it ends.
const RUN_LENGTH: Span = Span::from_secs(900);

/// Starts the threads. They end with the process; each holds nothing that must be closed.
pub(super) fn start(settings: &Settings, asks: &Asks) {
    for rule in settings.targets.iter().filter(|rule| rule.scrape.is_some()) {
        let (rule, asks) = (rule.clone(), asks.clone());
        spawn("scrape", move || scrape(&rule, &asks));
    }
    if settings.daemon.read_schedules {
        let asks = asks.clone();
        spawn("schedules", move || read_schedules(&asks));
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(work) {
        tracing::warn!(%error, name, "failed to start a thread");
    }
}

fn scrape(rule: &TargetRule, asks: &Asks) {
    let Some(scrape) = &rule.scrape else { return };
    let (metric, labels) = split_labels(&scrape.metric);
    let reading = if scrape.counter { Reading::CounterRate } else { Reading::Gauge };
    let mut scraper = Scraper::new(Endpoint { url: scrape.url.to_string(), metric, labels, reading });
    let began = Instant::now();
    loop {
        let result = scraper.read(Moment::after_start(began.elapsed().into()));
        let (select, url) = (rule.select.clone(), scrape.url.clone());
        asks.tell(move |core| {
            let what = format!("scrape of {url}");
            match result {
                Ok(Some(value)) => {
                    core.push_matching(&select, value);
                    core.mend(&what);
                }
                Ok(None) => {}
                Err(error) => {
                    core.degrade(&what, error.to_string(), "check [target.scrape] in forerun.toml and the endpoint")
                }
            }
        });
        std::thread::sleep(scrape.interval.into());
    }
}

/// `name{label="value",...}` as name and labels.
fn split_labels(text: &str) -> (String, Vec<(String, String)>) {
    let Some((name, rest)) = text.split_once('{') else { return (text.trim().to_owned(), Vec::new()) };
    let pairs = rest.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    let labels = pairs.map(|(label, value)| (label.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
    (name.trim().to_owned(), labels.collect())
}

fn read_schedules(asks: &Asks) {
    let roots = Roots::host();
    loop {
        let now = wall_now();
        let schedule = schedules::upcoming(&roots, now, now.plus(AHEAD));
        for entry in &schedule.not_understood {
            tracing::debug!(source = %entry.source, reason = %entry.reason, "a schedule is not understood");
        }
        asks.tell(move |core| core.announce_schedule(&schedule.upcoming));
        std::thread::sleep(SCHEDULES_EVERY);
    }
}

impl Core {
    /// Hands a scraped value to every target that the rule selects.
    fn push_matching(&mut self, select: &str, value: f32) {
        let glob = collect::Glob::new(select);
        let matching = self.known.iter().filter(|(_, known)| {
            let id = known.spec.id.as_str();
            glob.matches(id.strip_prefix("cgroup:").unwrap_or(id))
        });
        let targets: Vec<_> = matching.map(|(ordinal, _)| *ordinal).collect();
        self.pushed.extend(targets.into_iter().map(|target| (target, value)));
    }

    /// Announces the runs of units that are watched here.
    fn announce_schedule(&mut self, upcoming: &[schedules::Upcoming]) {
        for run in upcoming {
            let Some(unit) = &run.unit else { continue };
            let target = self.known.iter().find(|(_, known)| known.spec.id.as_str().ends_with(&format!("/{unit}")));
            let Some((target, _)) = target.map(|(ordinal, known)| (*ordinal, known)) else { continue };
            let source = run.source.to_string();
            let announced = |view: &AnnouncementView| view.source == source && view.from == Timestamp(run.at);
            if self.announcements.values().any(announced) {
                continue;
            }
            self.announce_to(target, Metric::Cpu, run.at, run.at.plus(RUN_LENGTH), None, &source);
        }
    }

    /// Announces a change of load of a target and says how it is shown.
    pub(super) fn announce_to(
        &mut self,
        target: model::Ordinal,
        metric: Metric,
        from: WallTime,
        until: WallTime,
        expected: Option<f32>,
        source: &str,
    ) -> Option<AnnouncementView> {
        let wall = self.wall();
        self.announcements.retain(|_, held| held.until.0 > wall);
        let id =
            AnnouncementId(self.announcements.keys().next_back().map_or(1, |last| last.0 + 1).max(self.announcement_next));
        self.announcement_next = id.0 + 1;
        let view = AnnouncementView {
            id: id.0,
            target: self.known.get(&target)?.spec.id.as_str().to_owned(),
            metric: metric.into(),
            from: Timestamp(from),
            until: Timestamp(until),
            expected: expected.map(f64::from),
            source: source.to_owned(),
        };
        self.announcements.insert(id, view.clone());
        self.observe(&Observation::Announced(Announcement {
            id,
            target,
            metric,
            from,
            until,
            expected,
            source: source.into(),
        }));
        self.tell(Event::Announced(view.clone()));
        Some(view)
    }
}
