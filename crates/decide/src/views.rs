//! What the engine can be asked: copies of plain figures, for whoever shows them.

use model::{Forecast, METRICS, Member, Metric, Mode, Moment, Ordinal, Resource, Setting, Ticket, Wait};

use crate::engine::Engine;
use crate::knob::metric_of;

/// One metric of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricView {
    /// Which.
    pub metric: Metric,
    /// The newest value, in the base unit.
    pub current: f32,
    /// What comes.
    pub forecast: Option<Forecast>,
    /// The amount that is passed in the share of time its tier allows, in the base unit.
    pub limit: Option<f32>,
    /// Each member's share of the forecast, summed over its experts.
    pub shares: [f32; Member::ALL.len()],
    /// Windows seen.
    pub windows: u32,
}

/// One knob of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct KnobView {
    /// Which.
    pub resource: Resource,
    /// What it holds; `None` where this host lacks it.
    pub holds: Option<Setting>,
    /// What was wanted at the last look, in the knob's own unit.
    pub wanted: Option<u64>,
    /// Why nothing was decided at the last look.
    pub wait: Option<Wait>,
    /// A decision under way.
    pub in_flight: Option<Ticket>,
}

/// One target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetView {
    /// Its ordinal.
    pub target: Ordinal,
    /// What forerun may do with it.
    pub mode: Mode,
    /// Its metrics, those that were ever seen.
    pub metrics: Vec<MetricView>,
    /// Its knobs.
    pub knobs: Vec<KnobView>,
    /// Share of the newest interval in which it was throttled.
    pub throttled: f32,
    /// Kills for lack of memory since it appeared.
    pub kills: u32,
    /// When the newest sample came.
    pub sampled_at: Option<Moment>,
}

/// One line of a dry run: what would be done now, or what is waited for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanLine {
    /// Whose knob.
    pub target: Ordinal,
    /// Which knob.
    pub resource: Resource,
    /// What it holds.
    pub holds: Option<Setting>,
    /// What it should hold, in the knob's own unit.
    pub wanted: Option<u64>,
    /// Why it is not changed.
    pub wait: Option<Wait>,
}

impl Engine {
    /// A copy of what is known of a target.
    pub fn target_view(&self, ordinal: Ordinal) -> Option<TargetView> {
        let target = self.target(ordinal)?;
        let metrics = METRICS.into_iter().filter_map(|metric| {
            let series = target.series(metric)?;
            let mut shares = [0.0; Member::ALL.len()];
            series.shares().for_each(|(member, share)| shares[member as usize] += share);
            Some(MetricView {
                metric,
                current: series.newest(),
                forecast: self.forecast(ordinal, metric),
                limit: series.limit(),
                shares,
                windows: series.windows(),
            })
        });
        let knobs = self.settings().load.manage.iter().zip(target.knobs.iter()).map(|(resource, knob)| KnobView {
            resource: *resource,
            holds: knob.holds,
            wanted: knob.wanted,
            wait: knob.wait,
            in_flight: knob.in_flight,
        });
        Some(TargetView {
            target: ordinal,
            mode: self.mode_for(ordinal),
            metrics: metrics.collect(),
            knobs: knobs.collect(),
            throttled: target.alarm.throttled,
            kills: target.kills,
            sampled_at: target.sampled_at,
        })
    }

    /// What is planned for every knob, as of the last window's turn.
    pub fn plan(&self) -> Vec<PlanLine> {
        let manage = &self.settings().load.manage;
        let lines = self.targets().flat_map(|(ordinal, target)| {
            manage
                .iter()
                .zip(target.knobs.iter())
                .filter(|(resource, knob)| metric_of(**resource).is_some() || knob.wanted.is_some())
                .map(move |(resource, knob)| PlanLine {
                    target: ordinal,
                    resource: *resource,
                    holds: knob.holds,
                    wanted: knob.wanted,
                    wait: knob.wait,
                })
        });
        lines.collect()
    }
}
