//! The closed vocabularies of the API: one text enum per core enum, converted both ways.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $core:ty { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The text that stands for it in JSON, queries and metric labels.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        // By hand: the derive does not see the words that come through a macro.
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = $name::ALL.iter().map(|name| name.word());
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl From<$core> for $name {
            fn from(core: $core) -> Self {
                match core { $(<$core>::$variant => $name::$variant),+ }
            }
        }

        impl From<$name> for $core {
            fn from(name: $name) -> Self {
                match name { $($name::$variant => <$core>::$variant),+ }
            }
        }
    };
}

words! {
    /// What forerun may do; the strictest of all scopes holds.
    ModeName of model::Mode {
        /// Forecast only.
        Observe = "observe",
        /// Decide and explain, change nothing.
        Recommend = "recommend",
        /// Decide and apply.
        Act = "act",
    }
}

words! {
    /// Priority class of a target.
    TierName of model::Tier {
        /// May be squeezed to its guarantee.
        BestEffort = "best_effort",
        /// The default.
        Standard = "standard",
        /// Gets more head room and is served first.
        Critical = "critical",
    }
}

words! {
    /// What a target is.
    KindName of model::TargetKind {
        /// A systemd service or scope.
        Service = "service",
        /// A container.
        Container = "container",
        /// Something forerun itself started.
        Own = "own",
        /// Any other control group.
        Group = "group",
        /// A series of a trace or pushed from outside.
        Series = "series",
        /// A pool of instances that are kept ready.
        Pool = "pool",
    }
}

words! {
    /// A planner.
    PlannerName of model::Planner {
        /// CPU, memory, disk and network limits of running workloads.
        Load = "load",
        /// Instances kept ready in pools.
        Warm = "warm",
    }
}

words! {
    /// What is measured and forecast.
    MetricName of model::Metric {
        /// CPU in use, in cores.
        Cpu = "cpu",
        /// Working set, in bytes.
        Memory = "mem",
        /// Block device reads, in bytes per second.
        DiskRead = "disk_read",
        /// Block device writes, in bytes per second.
        DiskWrite = "disk_write",
        /// Network bytes received per second.
        NetworkReceive = "net_rx",
        /// Network bytes sent per second.
        NetworkTransmit = "net_tx",
        /// GPU in use, in whole GPUs.
        Gpu = "gpu",
        /// GPU memory in use, in bytes.
        GpuMemory = "gpu_mem",
        /// The application's own load metric, in its own unit.
        Application = "app",
    }
}

words! {
    /// A knob of a target.
    ResourceName of model::Resource {
        /// CPU quota, in cores.
        CpuQuota = "cpu_quota",
        /// CPU weight, 1 to 10,000.
        CpuWeight = "cpu_weight",
        /// Memory limit, in bytes.
        MemoryLimit = "memory_limit",
        /// Block read bandwidth, in bytes per second.
        DiskReadBandwidth = "disk_read_bandwidth",
        /// Block write bandwidth, in bytes per second.
        DiskWriteBandwidth = "disk_write_bandwidth",
        /// Receive bandwidth, in bytes per second.
        NetworkReceiveBandwidth = "net_rx_bandwidth",
        /// Transmit bandwidth, in bytes per second.
        NetworkTransmitBandwidth = "net_tx_bandwidth",
        /// Instances of a pool that wait to be claimed.
        WarmInstances = "warm_instances",
        /// Instances of a pool that are ready but frozen.
        FrozenInstances = "frozen_instances",
    }
}

words! {
    /// A forecasting method.
    MemberName of model::Member {
        /// The peaks of the last windows.
        Persistence = "persistence",
        /// The decaying histogram of the Kubernetes VPA.
        Histogram = "histogram",
        /// The same hour of earlier days and weeks, at today's level.
        Seasonal = "seasonal",
        /// Linear regression on lags and time of day.
        Ridge = "ridge",
        /// GRU trained across series.
        Recurrent = "recurrent",
        /// A blend of the others by rolling loss.
        Ensemble = "ensemble",
    }
}

words! {
    /// What kept a decision from what the planner wanted.
    CapName of model::Cap {
        /// The target's upper bound.
        BoundMax = "bound_max",
        /// The target's lower bound.
        BoundMin = "bound_min",
        /// The host has no more.
        Capacity = "capacity",
        /// Present use plus the safety margin.
        InUse = "in_use",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_core() {
        for &metric in MetricName::ALL {
            assert_eq!(metric.word(), model::Metric::from(metric).name());
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
        for &resource in ResourceName::ALL {
            assert_eq!(resource.word(), model::Resource::from(resource).name());
        }
        for &member in MemberName::ALL {
            assert_eq!(member.word(), model::Member::from(member).name());
        }
    }
}
