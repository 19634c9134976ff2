//! The words of forerun: units, time, ids, observations, forecasts, offers, decisions and actions.
//! Everything that enters the engine is an [`Observation`], everything that leaves it a [`Decision`].
//! Nothing here reads a clock, a file or a random source.
#![forbid(unsafe_code)]

mod action;
mod because;
mod decision;
mod forecast;
mod ids;
mod metric;
mod observation;
mod target;
mod time;
mod units;

pub use action::{Action, Outcome, Resource, Setting};
pub use because::{Because, Cap, Habit, OfferFigures, Trigger, Wait};
pub use decision::Decision;
pub use forecast::{Forecast, LEVELS, Member};
pub use ids::{AnnouncementId, Digest, Ordinal, TargetId, Ticket};
pub use metric::{METRICS, Metric};
pub use observation::{Announcement, Capacity, History, Observation, Pressure, RunEvent, TargetSample, Usage};
pub use target::{Bounds, Mode, Planner, Scope, TargetKind, TargetSpec, Tier};
pub use time::{Moment, Span, WallTime};
pub use units::{Bytes, BytesPerSecond, Limit, MilliCores, Permille, Weight};
