//! Trains the shared network beside the engine, and hands its weights over only when they beat the plain members.

use std::time::Instant;

use learn::{Sequence, TrainOptions, Trainer};
use model::{Metric, Moment, Observation, Span, WallTime};
use predict::recurrent::{Pace, WindowUse};
use store::Aggregate;

use super::core::Core;

/// The first training, and every one after.
const FIRST_AFTER: Span = Span::from_secs(1_800);
const EVERY: Span = Span::from_secs(6 * 3_600);
/// A training may take this long; it runs at low priority beside everything else.
const TIME_MAX: Span = Span::from_secs(120);
/// Windows of history that are learned from, per series, and series at most.
const WINDOWS_MAX: u64 = 2_016;
const SERIES_MAX: usize = 400;
const METRICS: [Metric; 4] = [Metric::Cpu, Metric::Memory, Metric::DiskRead, Metric::NetworkReceive];

/// Where training stands.
#[derive(Debug, Default)]
pub struct Training {
    running: Option<Trainer>,
    started_at: Option<Moment>,
}

impl Core {
    /// Starts a training when one is due, and takes its weights when it has finished.
    pub(super) fn train(&mut self) {
        if self.training.running.is_some() {
            return self.take_weights();
        }
        let now = self.now();
        let due = match self.training.started_at {
            None => now.since_start() >= FIRST_AFTER.max(self.settings.load.window.times(40)),
            Some(started) => now.since(started) >= EVERY,
        };
        if !due {
            return;
        }
        self.training.started_at = Some(now);
        let sequences = self.sequences();
        let options = TrainOptions { window: self.settings.load.window, ..TrainOptions::default() };
        let began = Instant::now();
        match Trainer::start(sequences, options, TIME_MAX, move || began.elapsed().into()) {
            Ok(trainer) => self.training.running = Some(trainer),
            Err(error) => tracing::info!(%error, "no training"),
        }
    }

    fn take_weights(&mut self) {
        let Some(result) = self.training.running.as_mut().and_then(Trainer::poll) else { return };
        self.training.running = None;
        match result {
            Ok(finished) if finished.held_out.wins() => {
                let (digest, weights) = (finished.digest, finished.weights);
                tracing::info!(%digest, series = finished.series, steps = finished.steps, "new weights serve the recurrent member");
                let (bytes, wall) = (weights.clone(), self.wall());
                let saved = self.store.call(move |store| {
                    store.save_model(digest, &bytes, wall)?;
                    store.prune_models(3)
                });
                if let Ok(Err(error)) | Err(error) = saved {
                    tracing::warn!(%error, "failed to keep the weights");
                }
                self.observe(&Observation::ModelReady { digest, weights });
            }
            Ok(finished) => {
                tracing::info!(
                    series = finished.series,
                    "training did not beat the plain members: its weights are not used"
                );
            }
            Err(error) => tracing::info!(%error, "no training"),
        }
    }

    /// Serves the newest weights of an earlier run.
    pub(super) fn load_weights(&mut self) {
        let newest = self.store.call(|store| -> Result<_, store::StoreError> {
            let Some((digest, _)) = store.models()?.into_iter().max_by_key(|(_, wall)| *wall) else { return Ok(None) };
            Ok(store.model(digest)?.map(|weights| (digest, weights)))
        });
        if let Ok(Ok(Some((digest, weights)))) = newest {
            self.observe(&Observation::ModelReady { digest, weights: weights.into() });
        }
    }

    fn sequences(&self) -> Vec<Sequence> {
        let window = self.settings.load.window;
        let wall = self.wall();
        let from = wall.minus(window.times(WINDOWS_MAX));
        let known = self.known.values().flat_map(|known| METRICS.map(|metric| (known.series[metric.index()], metric)));
        let ids = known.filter_map(|(id, metric)| Some((id?, metric))).take(SERIES_MAX);
        ids.filter_map(|(id, metric)| self.sequence(id, metric, from, wall)).collect()
    }

    fn sequence(&self, id: store::SeriesId, metric: Metric, from: WallTime, to: WallTime) -> Option<Sequence> {
        let window = self.settings.load.window;
        let peaks = self.store.reader().range(id, from, to, Some(window), Aggregate::Max).ok()?;
        let means = self.store.reader().range(id, from, to, Some(window), Aggregate::Mean).ok()?;
        let start = peaks.first()?.at;
        let millis = window.as_millis().max(1) as i64;
        let place = |at: WallTime| usize::try_from((at.unix_millis() - start.unix_millis()) / millis).ok();
        let mut windows = vec![None; place(peaks.last()?.at)? + 1];
        for (peak, mean) in peaks.iter().zip(&means) {
            if let Some(slot) = place(peak.at).and_then(|place| windows.get_mut(place)) {
                *slot = Some(WindowUse { peak: peak.value as f32, mean: mean.value as f32, expected: None });
            }
        }
        let memory_windows = (86_400.0 / window.as_secs_f64().max(1.0)).clamp(12.0, 144.0) as f32;
        Some(Sequence { windows, start: Some(start), pace: Pace { memory_windows, grain: metric.grain() } })
    }
}
