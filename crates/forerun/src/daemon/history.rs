//! Between store and engine: earlier use is learned from, and charts are drawn from it.

use model::{History, METRICS, Metric, Observation, Ordinal, Span, WallTime};
use serve::ApiError;
use serve::view::{MetricName, SeriesView, Timestamp};
use store::{Aggregate, Point, Sample, SeriesId};

use super::core::Core;

/// At most this many windows of history are fed to a new target: two weeks of ten minutes.
const WINDOWS_MAX: u64 = 2_016;
/// Steps per window of fed history.
const STEPS_PER_WINDOW: u64 = 10;

impl Core {
    /// Feeds a new target what the store knows of it.
    pub(super) fn feed_history(&mut self, ordinal: Ordinal) {
        let window = self.settings.load.window;
        let step = Span::from_millis(
            (window.as_millis() / STEPS_PER_WINDOW).max(self.settings.daemon.sample_interval.as_millis()).max(1),
        );
        let wall = self.wall();
        let from = wall.minus(window.times(WINDOWS_MAX));
        let Some(series) = self.known.get(&ordinal).map(|known| known.series) else { return };
        for metric in METRICS {
            let Some(id) = series[metric.index()] else { continue };
            let Some(history) = self.history_of(ordinal, metric, id, (from, wall), step) else { continue };
            self.observe(&Observation::History(history));
        }
    }

    fn history_of(
        &mut self,
        target: Ordinal,
        metric: Metric,
        id: SeriesId,
        (from, to): (WallTime, WallTime),
        step: Span,
    ) -> Option<History> {
        self.store.reader().newest(id).filter(|newest| *newest >= from)?;
        let points = match self.store.reader().range(id, from, to, Some(step), Aggregate::Max) {
            Ok(points) => points,
            Err(error) => {
                tracing::warn!(%error, "failed to read history");
                return None;
            }
        };
        let start = points.first()?.at;
        let millis = step.as_millis().max(1) as i64;
        let place = |at: WallTime| usize::try_from((at.unix_millis() - start.unix_millis()) / millis).ok();
        let mut values = vec![None; place(points.last()?.at)? + 1];
        for point in &points {
            if let Some(slot) = place(point.at).and_then(|place| values.get_mut(place)) {
                *slot = Some(point.value as f32);
            }
        }
        Some(History { target, metric, start, step, values })
    }

    /// Keeps what was forecast and what holds, so that charts can show it later.
    pub(super) fn save_forecasts(&mut self, wall: WallTime) {
        let mut batch: Vec<Sample> = Vec::new();
        for (ordinal, known) in &self.known {
            for (metric, resource, names) in [
                (Metric::Cpu, model::Resource::CpuQuota, ["limit.cpu", "p50.cpu", "p90.cpu", "p99.cpu"]),
                (Metric::Memory, model::Resource::MemoryLimit, ["limit.mem", "p50.mem", "p90.mem", "p99.mem"]),
            ] {
                let forecast = self.engine.forecast(*ordinal, metric);
                let limit = self.limit_of(*ordinal, resource);
                let quantile = |level| forecast.map(|forecast| f64::from(forecast.quantile(level)));
                let values = [limit, quantile(0.5), quantile(0.9), quantile(0.99)];
                for (name, value) in names.iter().zip(values) {
                    if let (Some(&series), Some(value)) = (known.side.get(name), value) {
                        batch.push(Sample { series, at: wall, value });
                    }
                }
            }
        }
        self.append(batch);
    }

    fn limit_of(&self, ordinal: Ordinal, resource: model::Resource) -> Option<f64> {
        let place = self.engine.settings().load.manage.iter().position(|managed| *managed == resource)?;
        let amount = self.engine.target(ordinal)?.knobs[place].holds?.amount()?;
        Some(if resource == model::Resource::CpuQuota { amount as f64 / 1_000.0 } else { amount as f64 })
    }

    /// A stretch of history for a chart.
    pub(super) fn series_view(
        &self,
        id: &str,
        metric: MetricName,
        from: Timestamp,
        to: Timestamp,
        step_seconds: u32,
    ) -> Result<SeriesView, ApiError> {
        let ordinal = self.ordinal(id)?;
        let known = self.known.get(&ordinal).ok_or_else(|| ApiError::not_found("target", id))?;
        let core_metric = Metric::from(metric);
        let mut view = SeriesView::empty(id, metric, f64::from(step_seconds));
        view.horizon_seconds = Some(self.settings.load.window.as_secs_f64());
        let step = Span::from_secs(u64::from(step_seconds));
        let read = |series: Option<SeriesId>, aggregate| -> Result<Vec<Point>, ApiError> {
            let Some(series) = series else { return Ok(Vec::new()) };
            self.store
                .reader()
                .range(series, from.0, to.0, Some(step), aggregate)
                .map_err(|error| ApiError::internal(error.to_string()))
        };
        let millis = i64::from(step_seconds.max(1)) * 1_000;
        let first = from.0.unix_millis().div_euclid(millis);
        let count = (to.0.unix_millis().div_euclid(millis) - first + 1).clamp(0, 2_000) as usize;
        view.t = (0..count).map(|place| ((first + place as i64) * millis) as f64 / 1_000.0).collect();
        let grid = |points: Vec<Point>, hold: bool| {
            let mut column = vec![None; count];
            for point in points {
                let place = point.at.unix_millis().div_euclid(millis) - first;
                if let Some(slot) = usize::try_from(place).ok().and_then(|place| column.get_mut(place)) {
                    *slot = Some(point.value);
                }
            }
            if hold {
                hold_last(&mut column, self.settings.load.window.as_millis() as i64 / millis + 1);
            }
            column
        };
        let side = |name: &str| known.side.get(name).copied();
        let short = core_metric.name();
        view.in_use = grid(read(known.series[core_metric.index()], Aggregate::Max)?, false);
        view.throttled_share = grid(read(side("throttled"), Aggregate::Mean)?, false);
        view.limit = grid(read(side(&format!("limit.{short}")), Aggregate::Max)?, true);
        view.p50 = grid(read(side(&format!("p50.{short}")), Aggregate::Max)?, true);
        view.p90 = grid(read(side(&format!("p90.{short}")), Aggregate::Max)?, true);
        view.p99 = grid(read(side(&format!("p99.{short}")), Aggregate::Max)?, true);
        Ok(view)
    }
}

/// What is written once a window holds until the next: at most `steps` further.
fn hold_last(column: &mut [Option<f64>], steps: i64) {
    let mut held: Option<(f64, i64)> = None;
    for value in column.iter_mut() {
        match (*value, &mut held) {
            (Some(new), _) => held = Some((new, steps)),
            (None, Some((last, left))) if *left > 0 => {
                *value = Some(*last);
                *left -= 1;
            }
            (None, _) => {}
        }
    }
}
