//! Observations on disk. A round of samples is stored in columns, which is smaller and needs no memory per target.

use std::sync::Arc;

use model::{
    Announcement, AnnouncementId, Bytes, Capacity, Digest, History, METRICS, Metric, MilliCores, Mode, Observation, Ordinal,
    Permille, Pressure, Resource, RunEvent, Span, TargetId, TargetKind, TargetSample, TargetSpec, Ticket, Tier, WallTime,
};
use serde::{Deserialize, Serialize};

use super::decision::{WireDecision, WireOutcome};
use super::words::{Numbered, WireBounds, WireScope, WireSetting};
use crate::checked::BlobFault;

/// `model::Observation`.
#[derive(Serialize, Deserialize)]
pub(crate) enum WireObservation {
    TargetAppeared {
        target: u32,
        id: String,
        kind: u8,
        tier: u8,
        bounds: WireBounds,
        application: Option<String>,
    },
    TargetGone(u32),
    Samples(WireSamples),
    History {
        target: u32,
        metric: u8,
        start: i64,
        step: u64,
        values: Vec<Option<f32>>,
    },
    Capacity {
        cpu: u64,
        memory: u64,
    },
    Settings {
        target: u32,
        settings: Vec<(u8, WireSetting)>,
    },
    Announced {
        id: u64,
        target: u32,
        metric: u8,
        from: i64,
        until: i64,
        expected: Option<f32>,
        source: String,
    },
    AnnouncementWithdrawn(u64),
    ModelReady {
        digest: [u8; 32],
        weights: Vec<u8>,
    },
    ModeSet {
        scope: WireScope,
        mode: u8,
    },
    KillSwitch(bool),
    BoundsSet {
        target: u32,
        bounds: WireBounds,
    },
    TierSet {
        target: u32,
        tier: u8,
    },
    UndoAsked(u64),
    Adopted(Box<WireDecision>),
    Done {
        ticket: u64,
        outcome: WireOutcome,
    },
    PoolPriced {
        target: u32,
        memory: u64,
        cold: u64,
        at_least: u32,
        at_most: u32,
    },
    /// Pool, run, when, whether it ended.
    Runs(Vec<(u32, u64, i64, bool)>),
    LambdaSet(f64),
}

/// One round of samples in columns: `masks` says which figures each target has, the figures follow one another.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct WireSamples {
    wall: i64,
    targets: Vec<u32>,
    masks: Vec<u16>,
    /// Usage in the order of the metrics, then the throttled share.
    shares: Vec<f32>,
    /// Anonymous memory, file memory, kills, then the four pressures.
    counts: Vec<u64>,
}

const THROTTLED: u16 = 1 << METRICS.len();
const ANON: u16 = THROTTLED << 1;
const FILE: u16 = THROTTLED << 2;
const KILLS: u16 = THROTTLED << 3;
const PRESSURE: u16 = THROTTLED << 4;

impl WireSamples {
    fn push(&mut self, sample: &TargetSample) {
        let mut mask = 0;
        for metric in METRICS {
            if let Some(value) = sample.usage.get(metric) {
                mask |= 1 << metric.index();
                self.shares.push(value);
            }
        }
        if let Some(share) = sample.throttled {
            mask |= THROTTLED;
            self.shares.push(share);
        }
        let figures = [
            (ANON, sample.memory_anon.map(|bytes| bytes.0)),
            (FILE, sample.memory_file.map(|bytes| bytes.0)),
            (KILLS, (sample.out_of_memory_kills > 0).then_some(u64::from(sample.out_of_memory_kills))),
        ];
        for (bit, figure) in figures {
            if let Some(figure) = figure {
                mask |= bit;
                self.counts.push(figure);
            }
        }
        if let Some(pressure) = sample.pressure {
            mask |= PRESSURE;
            let Pressure { cpu_some, memory_some, memory_full, io_some } = pressure;
            self.counts.extend([cpu_some, memory_some, memory_full, io_some].map(|share| u64::from(share.0)));
        }
        self.targets.push(sample.target.0);
        self.masks.push(mask);
    }

    fn into_samples(self) -> Result<Vec<TargetSample>, BlobFault> {
        let short = || BlobFault::content("a sample lacks figures");
        if self.targets.len() != self.masks.len() {
            return Err(short());
        }
        let (mut shares, mut counts) = (self.shares.into_iter(), self.counts.into_iter());
        let mut samples = Vec::with_capacity(self.targets.len());
        for (target, mask) in self.targets.into_iter().zip(self.masks) {
            let mut sample = TargetSample::new(Ordinal(target));
            for metric in METRICS {
                if mask & (1 << metric.index()) != 0 {
                    sample.usage.set(metric, shares.next().ok_or_else(short)?);
                }
            }
            if mask & THROTTLED != 0 {
                sample.throttled = Some(shares.next().ok_or_else(short)?);
            }
            let mut count = |bit: u16| if mask & bit == 0 { Ok(None) } else { counts.next().map(Some).ok_or_else(short) };
            sample.memory_anon = count(ANON)?.map(Bytes);
            sample.memory_file = count(FILE)?.map(Bytes);
            sample.out_of_memory_kills = narrow(count(KILLS)?.unwrap_or(0))?;
            if mask & PRESSURE != 0 {
                let mut share = || narrow(count(PRESSURE)?.unwrap_or(0)).map(Permille);
                sample.pressure =
                    Some(Pressure { cpu_some: share()?, memory_some: share()?, memory_full: share()?, io_some: share()? });
            }
            samples.push(sample);
        }
        if shares.next().is_some() || counts.next().is_some() {
            return Err(BlobFault::content("figures belong to no sample"));
        }
        Ok(samples)
    }
}

fn narrow(figure: u64) -> Result<u32, BlobFault> {
    u32::try_from(figure).map_err(|_| BlobFault::content(format_args!("{figure} does not fit 32 bits")))
}

impl From<&Observation> for WireObservation {
    fn from(observation: &Observation) -> Self {
        match observation {
            Observation::TargetAppeared { target, spec } => WireObservation::TargetAppeared {
                target: target.0,
                id: spec.id.as_str().to_owned(),
                kind: spec.kind.number(),
                tier: spec.tier.number(),
                bounds: spec.bounds.into(),
                application: spec.application.as_deref().map(str::to_owned),
            },
            Observation::TargetGone { target } => WireObservation::TargetGone(target.0),
            Observation::Samples { wall, samples } => {
                let mut wire = WireSamples { wall: wall.unix_millis(), ..WireSamples::default() };
                samples.iter().for_each(|sample| wire.push(sample));
                WireObservation::Samples(wire)
            }
            Observation::History(history) => WireObservation::History {
                target: history.target.0,
                metric: history.metric.number(),
                start: history.start.unix_millis(),
                step: history.step.as_nanos(),
                values: history.values.clone(),
            },
            Observation::Capacity(capacity) => WireObservation::Capacity { cpu: capacity.cpu.0, memory: capacity.memory.0 },
            Observation::Settings { target, settings } => WireObservation::Settings {
                target: target.0,
                settings: settings.iter().map(|(resource, setting)| (resource.number(), (*setting).into())).collect(),
            },
            Observation::Announced(announcement) => announced(announcement),
            Observation::AnnouncementWithdrawn(id) => WireObservation::AnnouncementWithdrawn(id.0),
            Observation::ModelReady { digest, weights } => {
                WireObservation::ModelReady { digest: digest.0, weights: weights.to_vec() }
            }
            Observation::ModeSet { scope, mode } => WireObservation::ModeSet { scope: scope.into(), mode: mode.number() },
            Observation::KillSwitch(thrown) => WireObservation::KillSwitch(*thrown),
            Observation::BoundsSet { target, bounds } => {
                WireObservation::BoundsSet { target: target.0, bounds: (*bounds).into() }
            }
            Observation::TierSet { target, tier } => WireObservation::TierSet { target: target.0, tier: tier.number() },
            Observation::PoolPriced { target, memory, cold, at_least, at_most } => WireObservation::PoolPriced {
                target: target.0,
                memory: memory.0,
                cold: cold.as_nanos(),
                at_least: *at_least,
                at_most: *at_most,
            },
            Observation::LambdaSet(lambda) => WireObservation::LambdaSet(*lambda),
            Observation::Runs(events) => WireObservation::Runs(
                events.iter().map(|event| (event.target.0, event.run, event.at.unix_millis(), event.ended)).collect(),
            ),
            Observation::UndoAsked(ticket) => WireObservation::UndoAsked(ticket.0),
            Observation::Adopted(decision) => WireObservation::Adopted(Box::new((&**decision).into())),
            Observation::Done { ticket, outcome } => WireObservation::Done { ticket: ticket.0, outcome: outcome.into() },
        }
    }
}

fn announced(announcement: &Announcement) -> WireObservation {
    WireObservation::Announced {
        id: announcement.id.0,
        target: announcement.target.0,
        metric: announcement.metric.number(),
        from: announcement.from.unix_millis(),
        until: announcement.until.unix_millis(),
        expected: announcement.expected,
        source: announcement.source.to_string(),
    }
}

impl TryFrom<WireObservation> for Observation {
    type Error = BlobFault;

    fn try_from(wire: WireObservation) -> Result<Self, BlobFault> {
        Ok(match wire {
            WireObservation::TargetAppeared { target, id, kind, tier, bounds, application } => Observation::TargetAppeared {
                target: Ordinal(target),
                spec: TargetSpec {
                    id: TargetId::new(id),
                    kind: TargetKind::of_number(kind)?,
                    tier: Tier::of_number(tier)?,
                    bounds: bounds.into(),
                    application: application.map(String::into_boxed_str),
                },
            },
            WireObservation::TargetGone(target) => Observation::TargetGone { target: Ordinal(target) },
            WireObservation::Samples(wire) => {
                Observation::Samples { wall: WallTime::from_unix_millis(wire.wall), samples: wire.into_samples()? }
            }
            WireObservation::History { target, metric, start, step, values } => Observation::History(History {
                target: Ordinal(target),
                metric: Metric::of_number(metric)?,
                start: WallTime::from_unix_millis(start),
                step: Span::from_nanos(step),
                values,
            }),
            WireObservation::Capacity { cpu, memory } => {
                Observation::Capacity(Capacity { cpu: MilliCores(cpu), memory: Bytes(memory) })
            }
            WireObservation::Settings { target, settings } => {
                let known =
                    settings.into_iter().map(|(resource, setting)| Ok((Resource::of_number(resource)?, setting.into())));
                Observation::Settings { target: Ordinal(target), settings: known.collect::<Result<_, BlobFault>>()? }
            }
            WireObservation::Announced { id, target, metric, from, until, expected, source } => {
                Observation::Announced(Announcement {
                    id: AnnouncementId(id),
                    target: Ordinal(target),
                    metric: Metric::of_number(metric)?,
                    from: WallTime::from_unix_millis(from),
                    until: WallTime::from_unix_millis(until),
                    expected,
                    source: source.into_boxed_str(),
                })
            }
            WireObservation::AnnouncementWithdrawn(id) => Observation::AnnouncementWithdrawn(AnnouncementId(id)),
            WireObservation::ModelReady { digest, weights } => {
                Observation::ModelReady { digest: Digest(digest), weights: Arc::from(weights) }
            }
            WireObservation::ModeSet { scope, mode } => {
                Observation::ModeSet { scope: scope.into(), mode: Mode::of_number(mode)? }
            }
            WireObservation::KillSwitch(thrown) => Observation::KillSwitch(thrown),
            WireObservation::BoundsSet { target, bounds } => {
                Observation::BoundsSet { target: Ordinal(target), bounds: bounds.into() }
            }
            WireObservation::TierSet { target, tier } => {
                Observation::TierSet { target: Ordinal(target), tier: Tier::of_number(tier)? }
            }
            WireObservation::PoolPriced { target, memory, cold, at_least, at_most } => Observation::PoolPriced {
                target: Ordinal(target),
                memory: Bytes(memory),
                cold: Span::from_nanos(cold),
                at_least,
                at_most,
            },
            WireObservation::LambdaSet(lambda) => Observation::LambdaSet(lambda),
            WireObservation::Runs(events) => Observation::Runs(
                events
                    .into_iter()
                    .map(|(target, run, at, ended)| RunEvent {
                        target: Ordinal(target),
                        run,
                        at: WallTime::from_unix_millis(at),
                        ended,
                    })
                    .collect(),
            ),
            WireObservation::UndoAsked(ticket) => Observation::UndoAsked(Ticket(ticket)),
            WireObservation::Adopted(decision) => Observation::Adopted(Box::new((*decision).try_into()?)),
            WireObservation::Done { ticket, outcome } => {
                Observation::Done { ticket: Ticket(ticket), outcome: outcome.into() }
            }
        })
    }
}
