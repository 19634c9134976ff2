//! Invented decisions that follow from the invented workloads.

use model::WallTime;
use serve::view::{
    Amount, BecauseView, DecisionView, FiguresView, MetricName, ModeName, OutcomeState, OutcomeView, PlanStepView,
    ResourceName, Timestamp, TriggerName, TriggerView,
};

use super::workload::{WORKLOADS, Workload};

impl Workload {
    /// What would be done for it now.
    pub fn step(&self, seconds: i64, mode: ModeName) -> PlanStepView {
        let (before, after) = (self.limit(MetricName::Cpu, seconds - 120), self.limit(MetricName::Cpu, seconds));
        let amount = |limit: Option<f64>| limit.map_or(Amount::UNLIMITED, Amount::At);
        PlanStepView {
            target: self.id.into(),
            resource: ResourceName::CpuQuota,
            unit: "cores".into(),
            before: amount(before),
            after: amount(after),
            mode,
            trigger: plain(if after >= before { TriggerName::Predicted } else { TriggerName::Released }),
            because: self.because(seconds, after >= before),
        }
    }

    /// A decision for it, made at that time.
    pub fn decision(&self, ticket: u64, seconds: i64, mode: ModeName) -> DecisionView {
        // The pattern's slope at that time decides whether it is a raise.
        let step = self.step(seconds, mode);
        let state = if mode == ModeName::Act { OutcomeState::Applied } else { OutcomeState::Recommended };
        let same = step.before == step.after;
        let before = if same { Amount::At(step.after.at().unwrap_or(1.0) - 0.25) } else { step.before };
        DecisionView {
            ticket,
            at: Timestamp(WallTime::from_unix_secs(seconds)),
            target: step.target,
            resource: step.resource,
            unit: step.unit,
            before,
            after: step.after,
            mode,
            trigger: step.trigger,
            outcome: OutcomeView { state, detail: None },
            because: step.because,
            undoes: None,
            undone_by: None,
            undoable: mode == ModeName::Act,
        }
    }

    fn because(&self, seconds: i64, raised: bool) -> BecauseView {
        let forecast = self.forecast(MetricName::Cpu, seconds);
        let p99 = forecast.map_or(0.0, |forecast| forecast.quantiles.p99);
        let in_use = self.in_use(MetricName::Cpu, seconds);
        let begin = if raised { "A higher peak is expected" } else { "What is set will not be needed" };
        BecauseView {
            text: format!(
                "{begin}: within 5 min the peak stays under {p99:.2} cores with 99 % probability (seasonal), plus a \
                 margin of 0.06 cores for recent misses; {in_use:.2} cores in use now."
            ),
            metric: MetricName::Cpu,
            forecast,
            level: 0.99,
            margin: 0.06,
            in_use,
            wanted: p99 + 0.06,
            caps: Vec::new(),
            figures: FiguresView {
                chance: 0.87,
                seconds_saved: 14.2,
                make_cost_unit_seconds: 0.0,
                hold_cost_unit_seconds: 62.5,
            },
        }
    }
}

/// The decisions of the last hour and a half.
pub fn decisions(now: i64) -> Vec<DecisionView> {
    let mut decisions: Vec<DecisionView> = (1..=42)
        .map(|ticket: u64| {
            let ago = (43 - ticket as i64) * 127;
            WORKLOADS[ticket as usize % 5].decision(ticket, now - ago, ModeName::Act)
        })
        .collect();
    decisions[38].outcome = OutcomeView {
        state: OutcomeState::ChangedElsewhere,
        detail: Some("found 4.00 cores; systemctl set it since".into()),
    };
    decisions[38].undoable = false;
    decisions[36].outcome.state = OutcomeState::Recommended;
    decisions[36].mode = ModeName::Recommend;
    decisions[36].undoable = false;
    decisions[35].trigger = plain(TriggerName::Pressure);
    decisions[35].because.text = "It is being held back now: throttled 6 % of the last 10 s; 1.93 cores in use now.".into();
    decisions
}

fn plain(kind: TriggerName) -> TriggerView {
    TriggerView { kind, announcement: None, after_ticket: None }
}
