//! A type per unit, so that bytes are never added to cores.

use std::fmt;

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// `self * permille / 1000`, rounded up; saturates.
            pub fn scaled(self, factor: Permille) -> Self {
                let wide = (u128::from(self.0) * u128::from(factor.0)).div_ceil(1_000);
                $name(u64::try_from(wide).unwrap_or(u64::MAX))
            }
        }
    };
}

amount!(
    /// Thousandths of one CPU core.
    MilliCores
);
amount!(
    /// Bytes.
    Bytes
);
amount!(
    /// Bytes per second.
    BytesPerSecond
);

/// Thousandths; may pass 1000 where a margin does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permille(pub u32);

/// A CPU weight as cgroup v2 counts it: 1 to 10,000, default 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// What a cgroup has when nobody set anything.
    pub const DEFAULT: Weight = Weight(100);
    /// `weight` clamped into 1 to 10,000.
    pub fn clamped(weight: u64) -> Self {
        Weight(weight.clamp(1, 10_000) as u16)
    }
    /// The weight as cgroup v2 writes it.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A limit that may be absent: never -1, never the largest integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit<T> {
    /// Nothing is limited.
    Unlimited,
    /// At most this much.
    At(T),
}

impl<T> Limit<T> {
    /// The figure, where there is one.
    pub fn at(self) -> Option<T> {
        match self {
            Limit::Unlimited => None,
            Limit::At(value) => Some(value),
        }
    }
}

impl<T: PartialOrd> Limit<T> {
    /// Whether `use_` fits under the limit.
    pub fn allows(&self, use_: &T) -> bool {
        match self {
            Limit::Unlimited => true,
            Limit::At(value) => use_ <= value,
        }
    }
}

impl fmt::Display for MilliCores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} cores", self.0 as f64 / 1_000.0)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "")
    }
}

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, "/s")
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Unlimited => f.write_str("unlimited"),
            Limit::At(value) => value.fmt(f),
        }
    }
}

fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, suffix: &str) -> fmt::Result {
    const STEPS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value as f64;
    let mut step = 0;
    while scaled >= 1_024.0 && step + 1 < STEPS.len() {
        scaled /= 1_024.0;
        step += 1;
    }
    let digits = usize::from(step > 0);
    write!(f, "{scaled:.digits$} {}{suffix}", STEPS[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_rounds_up_and_saturates() {
        assert_eq!(Bytes(10).scaled(Permille(1_150)), Bytes(12));
        assert_eq!(Bytes(u64::MAX).scaled(Permille(2_000)), Bytes(u64::MAX));
        assert_eq!(MilliCores(0).scaled(Permille(1_150)), MilliCores(0));
    }

    #[test]
    fn amounts_print_for_people() {
        assert_eq!(Bytes(1_536).to_string(), "1.5 KiB");
        assert_eq!(Limit::At(MilliCores(1_250)).to_string(), "1.25 cores");
        assert_eq!(Limit::<Bytes>::Unlimited.to_string(), "unlimited");
    }
}
