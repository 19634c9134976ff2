//! Targets that come and go: rules of the configuration, what is known of them from earlier, and who set their knobs.

use collect::{Glob, Selectors};
use model::{Bounds, METRICS, Observation, Ordinal, Resource, Scope, Setting, TargetKind, TargetSpec, Tier};
use serve::view::{Event, TargetEvent};
use store::SeriesKey;

use super::core::{Core, Known};
use crate::config::Settings;

/// Series that are kept beside the metrics, for charts: name in the store.
pub(super) const SIDE_SERIES: [&str; 9] =
    ["throttled", "limit.cpu", "p50.cpu", "p90.cpu", "p99.cpu", "limit.mem", "p50.mem", "p90.mem", "p99.mem"];

/// What the sampler looks for, by the configuration.
pub(super) fn selectors(settings: &Settings) -> Selectors {
    let daemon = &settings.daemon;
    let globs = |texts: &mut dyn Iterator<Item = &str>| texts.map(Glob::new).collect::<Vec<_>>();
    let everything = daemon.discover.contains(&TargetKind::Group);
    let mut include: Vec<Glob> = globs(&mut settings.targets.iter().filter(|rule| !rule.ignore).map(|rule| &*rule.select));
    if everything {
        include.push(Glob::new("/**"));
    }
    let ignored = settings.targets.iter().filter(|rule| rule.ignore).map(|rule| &*rule.select);
    Selectors {
        services: daemon.discover.contains(&TargetKind::Service),
        containers: daemon.discover.contains(&TargetKind::Container),
        include,
        exclude: globs(&mut daemon.ignore.iter().map(|text| &**text).chain(ignored)),
        targets_max: daemon.targets_max as usize,
        ..Selectors::default()
    }
}

impl Core {
    /// Looks for groups that came or went.
    pub(super) fn refresh(&mut self) {
        let changes = self.sampler.refresh();
        for ordinal in changes.gone {
            self.target_gone(ordinal);
        }
        for (ordinal, spec) in changes.appeared {
            self.target_appeared(ordinal, spec, true);
        }
        if changes.over_limit > 0 {
            let why = format!(
                "{} groups are not watched: daemon.targets_max is {}",
                changes.over_limit, self.settings.daemon.targets_max
            );
            self.degrade("targets", why, "raise daemon.targets_max, or select fewer groups");
        } else {
            self.mend("targets");
        }
        match self.sampler.capacity() {
            Ok(capacity) if self.capacity != Some(capacity) => {
                self.capacity = Some(capacity);
                self.observe(&Observation::Capacity(capacity));
            }
            Ok(_) => {}
            Err(error) => self.degrade("capacity", error.to_string(), "is /proc mounted?"),
        }
    }

    pub(super) fn target_gone(&mut self, ordinal: Ordinal) {
        self.observe(&Observation::TargetGone { target: ordinal });
        let Some(known) = self.known.remove(&ordinal) else { return };
        let id = known.spec.id;
        self.ordinals.remove(&id);
        self.actuator.forget(&id);
        self.applied.retain(|(target, _), _| *target != id);
        self.pushed.remove(&ordinal);
        self.announcements.retain(|_, announcement| announcement.target != id.as_str());
        self.tell(Event::TargetGone(TargetEvent { id: id.as_str().to_owned() }));
        let gone = self.store.call(move |store| store.target_gone(&id));
        if let Ok(Err(error)) | Err(error) = gone {
            tracing::warn!(%error, "failed to note that a target is gone");
        }
    }

    pub(super) fn target_appeared(&mut self, ordinal: Ordinal, mut spec: TargetSpec, sampled: bool) {
        let path = spec.id.as_str().strip_prefix("cgroup:").unwrap_or(spec.id.as_str()).to_owned();
        let rule = self.settings.targets.iter().find(|rule| Glob::new(&rule.select).matches(&path)).cloned();
        spec.bounds = self.settings.load.bounds;
        if let Some(rule) = &rule {
            spec.tier = rule.tier.unwrap_or(spec.tier);
            spec.bounds = joined(rule.bounds, self.settings.load.bounds);
            spec.application = rule.application.clone().or(spec.application);
        }
        if let Some((tier, bounds)) = self.kept(&spec) {
            spec.tier = tier.unwrap_or(spec.tier);
            spec.bounds = bounds.unwrap_or(spec.bounds);
        }
        let id = spec.id.clone();
        self.ordinals.insert(id.clone(), ordinal);
        let known = Known {
            spec: spec.clone(),
            series: [None; METRICS.len()],
            side: Default::default(),
            sample: None,
            original: Default::default(),
            sampled,
        };
        self.known.insert(ordinal, known);
        self.name_series(ordinal);
        self.observe(&Observation::TargetAppeared { target: ordinal, spec: spec.clone() });
        let kept_mode = self.kept_mode(&id);
        if let Some(mode) = kept_mode.or(self.first_mode(&spec, rule.as_ref().and_then(|rule| rule.mode))) {
            self.set_mode(Scope::Target(ordinal), mode);
        }
        if sampled {
            let settings = self.knob_settings(ordinal);
            self.observe(&Observation::Settings { target: ordinal, settings: settings.clone() });
            self.adopt(ordinal, &settings);
        }
        self.feed_history(ordinal);
        if let Some(view) = self.target_view(ordinal) {
            self.tell(Event::Target(view));
        }
    }

    /// What the knobs of a target hold now; bandwidth of the network is the actuator's own.
    fn knob_settings(&self, ordinal: Ordinal) -> Vec<(Resource, Setting)> {
        let mut settings = self.sampler.settings(ordinal);
        let Some(known) = self.known.get(&ordinal) else { return settings };
        for resource in [Resource::NetworkReceiveBandwidth, Resource::NetworkTransmitBandwidth] {
            if self.settings.load.manage.contains(&resource)
                && let Ok(Some(setting)) = self.actuator.read(&known.spec.id, resource)
            {
                settings.push((resource, setting));
            }
        }
        settings
    }

    /// Reads every knob that forerun may turn, to see what somebody else set.
    pub(super) fn read_knobs(&mut self) {
        let ordinals: Vec<Ordinal> =
            self.known.iter().filter(|(_, known)| known.sampled).map(|(ordinal, _)| *ordinal).collect();
        for target in ordinals {
            let settings = self.knob_settings(target);
            if !settings.is_empty() && self.differs(target, &settings) {
                self.observe(&Observation::Settings { target, settings });
            }
        }
    }

    fn differs(&self, ordinal: Ordinal, settings: &[(Resource, Setting)]) -> bool {
        let Some(target) = self.engine.target(ordinal) else { return false };
        let manage = &self.engine.settings().load.manage;
        manage.iter().zip(target.knobs.iter()).any(|(resource, knob)| {
            let read = settings.iter().find(|(read, _)| read == resource).map(|(_, setting)| *setting);
            knob.holds != read
        })
    }

    /// Gets the store's handles of a target's series.
    fn name_series(&mut self, ordinal: Ordinal) {
        let Some(known) = self.known.get(&ordinal) else { return };
        let id = known.spec.id.clone();
        let mut keys: Vec<SeriesKey> = METRICS.iter().map(|metric| SeriesKey::new(id.clone(), *metric)).collect();
        keys.extend(SIDE_SERIES.iter().map(|name| SeriesKey::application(id.clone(), *name)));
        let ids = match self.store.call(move |store| store.series_ids(&keys)) {
            Ok(Ok(ids)) => ids,
            Ok(Err(error)) | Err(error) => {
                return self.degrade("store", error.to_string(), "history of new workloads is not kept");
            }
        };
        let Some(known) = self.known.get_mut(&ordinal) else { return };
        for (place, id) in ids.iter().take(METRICS.len()).enumerate() {
            known.series[place] = Some(*id);
        }
        known.side = SIDE_SERIES.iter().copied().zip(ids.into_iter().skip(METRICS.len())).collect();
    }

    /// The tier and bounds that were set over the API in an earlier run.
    fn kept(&self, spec: &TargetSpec) -> Option<(Option<Tier>, Option<Bounds>)> {
        let tier = self.kept_value(&format!("tier:{}", spec.id)).and_then(|text| {
            [Tier::BestEffort, Tier::Standard, Tier::Critical].into_iter().find(|tier| format!("{tier:?}") == text)
        });
        let bounds = self
            .kept_value(&format!("bounds:{}", spec.id))
            .and_then(|text| serde_json::from_str::<serve::view::BoundsView>(&text).ok().map(Bounds::from));
        Some((tier, bounds))
    }
}

/// A rule's bounds, open ends filled from the bounds of all.
fn joined(own: Bounds, all: Bounds) -> Bounds {
    Bounds {
        cpu_min: own.cpu_min.or(all.cpu_min),
        cpu_max: own.cpu_max.or(all.cpu_max),
        memory_min: own.memory_min.or(all.memory_min),
        memory_max: own.memory_max.or(all.memory_max),
    }
}
