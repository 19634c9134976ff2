//! Made-up answers of a daemon, for the tests of what people see.

use serve::view::*;

fn at() -> Timestamp {
    Timestamp::parse("2026-01-31T08:00:00Z").unwrap()
}

fn forecast(scale: f64, member: MemberName) -> ForecastView {
    let [p10, p50, p80, p90, p95, p99, p999] = [0.3, 0.5, 0.7, 0.8, 0.85, 0.95, 1.1].map(|level| level * scale);
    let quantiles = QuantilesView { p10, p50, p80, p90, p95, p99, p999 };
    ForecastView { horizon_seconds: 600.0, quantiles, member, coverage: Some(0.985) }
}

pub fn status() -> StatusView {
    StatusView {
        version: "0.1.0".into(),
        host: "box".into(),
        started_at: at(),
        mode: ModeName::Recommend,
        kill_switch: false,
        targets: 3,
        samples_total: 12_345,
        decisions_total: 40,
        decisions_today: 4,
        last_sample_age_seconds: Some(1.2),
        engine_step_ms: Some(0.8),
        capacity: CapacityView {
            cpu_cores: 2.0,
            cpu_cores_in_use: 0.7,
            cpu_cores_allotted: 1.5,
            memory_bytes: 8 << 30,
            memory_bytes_in_use: 1 << 30,
            memory_bytes_allotted: 3 << 29,
        },
        saved_today: SavedView { cpu_core_hours: 1.25, memory_gib_hours: 3.5 },
        store: StoreView { bytes: 2_400_000, samples: 12_345 },
        degraded: vec![DegradedView {
            what: "GPU".into(),
            why: "libnvidia-ml.so.1 is not there".into(),
            remedy: "install the driver, or ignore this without a GPU".into(),
        }],
    }
}

pub fn target() -> TargetView {
    TargetView {
        id: "cgroup:/forerun/examples/service".into(),
        kind: KindName::Own,
        tier: TierName::Standard,
        application: Some("service".into()),
        mode: ModeName::Recommend,
        bounds: BoundsView::default(),
        resources: vec![
            ResourceView {
                resource: ResourceName::CpuQuota,
                unit: "cores".into(),
                in_use: Some(0.42),
                limit: Amount::At(1.25),
                recommended: Some(Amount::At(0.98)),
                wait: Some("cooldown".into()),
                wait_detail: Some("rests for 40 s".into()),
                in_flight: None,
            },
            ResourceView {
                resource: ResourceName::MemoryLimit,
                unit: "bytes".into(),
                in_use: Some(150e6),
                limit: Amount::UNLIMITED,
                recommended: None,
                wait: Some("fits".into()),
                wait_detail: None,
                in_flight: None,
            },
        ],
        metrics: vec![
            MetricView {
                metric: MetricName::Cpu,
                unit: "cores".into(),
                current: Some(0.42),
                forecast: Some(forecast(1.0, MemberName::Ridge)),
                members: vec![
                    MemberView { member: MemberName::Histogram, loss: None, weight: 0.2 },
                    MemberView { member: MemberName::Ridge, loss: Some(0.021), weight: 0.8 },
                ],
            },
            MetricView {
                metric: MetricName::Memory,
                unit: "bytes".into(),
                current: Some(150e6),
                forecast: Some(forecast(200e6, MemberName::Histogram)),
                members: Vec::new(),
            },
        ],
        pressure: None,
        throttled_share: Some(0.0),
        oom_kills: 0,
    }
}

fn because() -> BecauseView {
    BecauseView {
        text: "The forecast of the next 10 min reaches 0.95 cores at the 99 % level.".into(),
        metric: MetricName::Cpu,
        forecast: Some(forecast(1.0, MemberName::Ridge)),
        level: 0.99,
        margin: 0.05,
        in_use: 0.42,
        wanted: 1.0,
        caps: vec![CapName::BoundMax],
        figures: FiguresView { chance: 0.3, seconds_saved: 12.0, make_cost_unit_seconds: 0.0, hold_cost_unit_seconds: 36.0 },
    }
}

fn trigger() -> TriggerView {
    TriggerView { kind: TriggerName::Predicted, announcement: None, after_ticket: None }
}

pub fn step() -> PlanStepView {
    PlanStepView {
        target: "cgroup:/forerun/examples/service".into(),
        resource: ResourceName::CpuQuota,
        unit: "cores".into(),
        before: Amount::At(0.5),
        after: Amount::At(0.98),
        mode: ModeName::Recommend,
        trigger: trigger(),
        because: because(),
    }
}

pub fn decision() -> DecisionView {
    DecisionView {
        ticket: 17,
        at: at(),
        target: "cgroup:/forerun/examples/service".into(),
        resource: ResourceName::CpuQuota,
        unit: "cores".into(),
        before: Amount::At(0.5),
        after: Amount::At(0.98),
        mode: ModeName::Act,
        trigger: trigger(),
        outcome: OutcomeView { state: OutcomeState::Applied, detail: None },
        because: because(),
        undoes: None,
        undone_by: None,
        undoable: true,
    }
}
