//! Settings of a knob as the API writes them: a number in the resource's unit, or the word `unlimited`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ResourceName;

/// The value of a knob: a number in the resource's unit (cores, bytes, bytes per second, weight) or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Amount {
    /// At most this much.
    At(f64),
    /// Nothing is limited.
    Word(Unlimited),
}

/// The word for a limit that is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unlimited {
    /// Nothing is limited.
    Unlimited,
}

impl Amount {
    /// No limit at all.
    pub const UNLIMITED: Amount = Amount::Word(Unlimited::Unlimited);

    /// The figure, where there is one.
    pub const fn at(self) -> Option<f64> {
        match self {
            Amount::At(value) => Some(value),
            Amount::Word(Unlimited::Unlimited) => None,
        }
    }

    /// The setting of `resource` that this amount asks for; amounts below zero count as zero.
    pub fn setting(self, resource: ResourceName) -> model::Setting {
        let scale = scale(resource.into());
        // `as` saturates and maps NaN to zero.
        model::Setting::of(resource.into(), self.at().map(|value| (value * scale).round() as u64))
    }
}

impl From<model::Setting> for Amount {
    fn from(setting: model::Setting) -> Self {
        let scale = match setting {
            model::Setting::Cpu(_) => 1_000.0,
            _ => 1.0,
        };
        setting.amount().map_or(Amount::UNLIMITED, |figure| Amount::At(figure as f64 / scale))
    }
}

impl ResourceName {
    /// The unit of its amounts: `cores`, `weight`, `bytes`, `bytes_per_second` or `instances`.
    pub const fn unit(self) -> &'static str {
        match self {
            ResourceName::CpuQuota => "cores",
            ResourceName::CpuWeight => "weight",
            ResourceName::MemoryLimit => "bytes",
            ResourceName::DiskReadBandwidth
            | ResourceName::DiskWriteBandwidth
            | ResourceName::NetworkReceiveBandwidth
            | ResourceName::NetworkTransmitBandwidth => "bytes_per_second",
            ResourceName::WarmInstances | ResourceName::FrozenInstances => "instances",
        }
    }
}

/// How many of the core's units make one of the API's: the core counts millicores, the API cores.
const fn scale(resource: model::Resource) -> f64 {
    match resource {
        model::Resource::CpuQuota => 1_000.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use model::{Bytes, Limit, MilliCores, Setting};

    use super::*;

    #[test]
    fn amounts_round_trip_through_json_and_core() {
        let cases = [
            (ResourceName::CpuQuota, Setting::Cpu(Limit::At(MilliCores(1_250))), "1.25"),
            (ResourceName::CpuQuota, Setting::Cpu(Limit::Unlimited), "\"unlimited\""),
            (ResourceName::MemoryLimit, Setting::Memory(Limit::At(Bytes(4_096))), "4096.0"),
        ];
        for (resource, setting, text) in cases {
            let amount = Amount::from(setting);
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
            let back: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(back.setting(resource), setting);
        }
        assert!(serde_json::from_str::<Amount>("\"none\"").is_err());
    }
}
