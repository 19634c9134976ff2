//! The wire types: what goes over HTTP, with the unit in every name. The core's types never do.

mod amount;
mod control;
mod decision;
mod event;
mod names;
mod plan;
mod pool;
mod reason;
mod run;
mod series;
mod status;
mod target;
mod timestamp;

pub use amount::{Amount, Unlimited};
pub use control::{
    AnnouncementList, AnnouncementRequest, AnnouncementView, KillSwitchBody, ModeBody, ModeScope, PushedSample,
    PushedSamples, SamplesAccepted, TargetPatch,
};
pub use decision::{
    BecauseView, DecisionPage, DecisionQuery, DecisionView, FiguresView, OutcomeState, OutcomeView, TriggerName, TriggerView,
};
pub use event::{DoneEvent, Event, KillSwitchEvent, LaggedEvent, SampledEvent, TargetEvent};
pub use names::{CapName, KindName, MemberName, MetricName, ModeName, PlannerName, ResourceName, TierName};
pub use plan::{PlanStepView, PlanView, WaitingCount};
pub use pool::{ClaimRequest, ClaimView, CurvePoint, LambdaBody, PoolCurve, PoolPage, PoolRequest, PoolView};
pub use reason::wait_detail;
pub use run::{
    ExitView, RunChunk, RunEvent, RunFile, RunLimits, RunList, RunListQuery, RunOutput, RunQuery, RunRequest, RunState,
    RunView, StageView, StartView,
};
pub use series::{SeriesQuery, SeriesView};
pub use status::{CapacityView, DegradedView, SavedView, StatusView, StoreView};
pub use target::{
    BoundsView, ForecastReport, ForecastView, MemberView, MetricView, PressureView, QuantilesView, ResourceView, TargetPage,
    TargetQuery, TargetView,
};
pub use timestamp::Timestamp;
