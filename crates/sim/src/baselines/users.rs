//! Our planner and the peers that it is compared with, each behind [`UserPolicy`].

mod acts;
mod azure_sql;
mod hour_of_week;
mod oracle;
mod same_hour;
mod timeout;

pub use azure_sql::AzureSql;
pub use hour_of_week::HourOfWeek;
pub use oracle::UserOracle;
pub use same_hour::SameHour;
pub use timeout::{FixedTimeout, SweptTimeout};

use crate::backtest::users::UserPolicy;
use crate::ours::users::ForerunUsers;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn UserPolicy>> {
    vec![
        Box::new(ForerunUsers),
        Box::new(FixedTimeout { name: "fixed_7h", seconds: 7 * 3_600 }),
        Box::new(FixedTimeout { name: "fixed_1h", seconds: 3_600 }),
        Box::new(FixedTimeout { name: "fixed_15m", seconds: 900 }),
        Box::new(SweptTimeout),
        Box::new(SameHour),
        Box::new(HourOfWeek),
        Box::new(AzureSql),
        Box::new(UserOracle),
    ]
}
