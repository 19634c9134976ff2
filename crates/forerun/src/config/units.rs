//! Amounts as people write them: `"30s"`, `"512 MiB"`, `"1.5 cores"`. A figure without a unit, or with the unit of something
//! else, is refused with what was found and what is accepted.

use std::fmt;

use model::{Bytes, BytesPerSecond, MilliCores, Span};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A kind of amount that a setting can hold.
pub trait Amount: Sized + Copy {
    /// What it is, for messages: `a time`.
    const KIND: &'static str;
    /// What is accepted, for messages.
    const ACCEPTED: &'static str;
    /// Units, and how many base units each holds.
    const UNITS: &'static [(&'static str, f64)];
    /// From base units.
    fn from_base(base: f64) -> Self;
    /// The shortest text that reads back as exactly this.
    fn text(self) -> String;
}

impl Amount for Span {
    const KIND: &'static str = "a time";
    const ACCEPTED: &'static str = "a number with ms, s, m (minutes), h, d or w, such as \"30s\" or \"10m\"";
    const UNITS: &'static [(&'static str, f64)] = &[
        ("w", 604_800e9),
        ("d", 86_400e9),
        ("h", 3_600e9),
        ("m", 60e9),
        ("min", 60e9),
        ("s", 1e9),
        ("ms", 1e6),
        ("us", 1e3),
    ];
    fn from_base(base: f64) -> Self {
        // `as` saturates.
        Span::from_nanos(base.round() as u64)
    }
    fn text(self) -> String {
        whole(self.as_nanos(), Self::UNITS, "s", "")
    }
}

impl Amount for Bytes {
    const KIND: &'static str = "a size";
    const ACCEPTED: &'static str =
        "a number with B, KiB, MiB, GiB, TiB (powers of 1024) or kB, MB, GB, TB (powers of 1000), such as \"512 MiB\"";
    const UNITS: &'static [(&'static str, f64)] = &SIZES;
    fn from_base(base: f64) -> Self {
        Bytes(base.round() as u64)
    }
    fn text(self) -> String {
        whole(self.0, Self::UNITS, "B", " ")
    }
}

impl Amount for BytesPerSecond {
    const KIND: &'static str = "a bandwidth";
    const ACCEPTED: &'static str = "a size per second, such as \"20 MiB/s\"";
    const UNITS: &'static [(&'static str, f64)] = &[
        ("TiB/s", 1_099_511_627_776.0),
        ("TB/s", 1e12),
        ("GiB/s", 1_073_741_824.0),
        ("GB/s", 1e9),
        ("MiB/s", 1_048_576.0),
        ("MB/s", 1e6),
        ("KiB/s", 1_024.0),
        ("kB/s", 1e3),
        ("B/s", 1.0),
    ];
    fn from_base(base: f64) -> Self {
        BytesPerSecond(base.round() as u64)
    }
    fn text(self) -> String {
        whole(self.0, Self::UNITS, "B/s", " ")
    }
}

impl Amount for MilliCores {
    const KIND: &'static str = "an amount of CPU";
    const ACCEPTED: &'static str = "a number of cores or millicores, such as \"1.5 cores\" or \"250 millicores\"";
    const UNITS: &'static [(&'static str, f64)] =
        &[("cores", 1_000.0), ("core", 1_000.0), ("millicores", 1.0), ("millicore", 1.0)];
    fn from_base(base: f64) -> Self {
        MilliCores(base.round() as u64)
    }
    fn text(self) -> String {
        format!("{} cores", self.0 as f64 / 1_000.0)
    }
}

const SIZES: [(&str, f64); 9] = [
    ("TiB", 1_099_511_627_776.0),
    ("TB", 1e12),
    ("GiB", 1_073_741_824.0),
    ("GB", 1e9),
    ("MiB", 1_048_576.0),
    ("MB", 1e6),
    ("KiB", 1_024.0),
    ("kB", 1e3),
    ("B", 1.0),
];

/// The largest unit that divides `base` leaves the shortest text.
fn whole(base: u64, units: &[(&str, f64)], zero: &str, gap: &str) -> String {
    let fits = |scale: f64| base >= scale as u64 && base.is_multiple_of(scale as u64);
    match units.iter().find(|(_, scale)| base > 0 && fits(*scale)) {
        Some((unit, scale)) => format!("{}{gap}{unit}", base / *scale as u64),
        // Nothing finer than the finest unit is ever read, so this is zero, or rounded to it.
        None => format!("0{gap}{zero}"),
    }
}

/// Reads an amount.
///
/// # Errors
/// A sentence that says what was found and what is accepted.
pub fn read<T: Amount>(text: &str) -> Result<T, String> {
    let trimmed = text.trim();
    let split = trimmed.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '_' | '+' | '-')).unwrap_or(trimmed.len());
    let (figure, unit) = (trimmed[..split].replace('_', ""), trimmed[split..].trim());
    let refuse = |why: String| Err(format!("`{text}` is not {}: {why}; accepted is {}", T::KIND, T::ACCEPTED));
    let Ok(figure) = figure.parse::<f64>() else {
        return refuse("it does not begin with a number".into());
    };
    if figure < 0.0 || figure.is_sign_negative() {
        return refuse("it is below zero".into());
    }
    if unit.is_empty() {
        return refuse("it has no unit".into());
    }
    if let Some((_, scale)) = T::UNITS.iter().find(|(known, _)| *known == unit) {
        return Ok(T::from_base(figure * scale));
    }
    let spelled = T::UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit));
    refuse(match (spelled, kind_of(unit)) {
        (Some((known, _)), _) => format!("units are case sensitive, `{unit}` is written `{known}`"),
        (None, Some(kind)) if kind != T::KIND => {
            format!("`{unit}` is a unit of {}", kind.trim_start_matches("a ").trim_start_matches("an "))
        }
        _ => format!("`{unit}` is no unit"),
    })
}

/// What `unit` measures, when it is known at all.
fn kind_of(unit: &str) -> Option<&'static str> {
    fn knows<T: Amount>(unit: &str) -> Option<&'static str> {
        T::UNITS.iter().any(|(known, _)| *known == unit).then_some(T::KIND)
    }
    knows::<Span>(unit).or(knows::<Bytes>(unit)).or(knows::<BytesPerSecond>(unit)).or(knows::<MilliCores>(unit))
}

/// An amount as a setting's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T: Amount> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text())
    }
}

impl<'de, T: Amount> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<T: Amount> Visitor<'_> for Reader<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}: {}", T::KIND, T::ACCEPTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                read(text).map(Text).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, figure: i64) -> Result<Self::Value, E> {
                Err(E::custom(format!("{figure} has no unit; accepted is {}", T::ACCEPTED)))
            }
            fn visit_f64<E: de::Error>(self, figure: f64) -> Result<Self::Value, E> {
                Err(E::custom(format!("{figure} has no unit; accepted is {}", T::ACCEPTED)))
            }
        }
        deserializer.deserialize_any(Reader(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_their_units() {
        assert_eq!(read::<Span>("10m"), Ok(Span::from_secs(600)));
        assert_eq!(read::<Span>("1.5 h"), Ok(Span::from_secs(5_400)));
        assert_eq!(read::<Span>("500ms"), Ok(Span::from_millis(500)));
        assert_eq!(read::<Bytes>("512 MB"), Ok(Bytes(512_000_000)));
        assert_eq!(read::<Bytes>("512MiB"), Ok(Bytes(536_870_912)));
        assert_eq!(read::<BytesPerSecond>("20 MiB/s"), Ok(BytesPerSecond(20_971_520)));
        assert_eq!(read::<MilliCores>("1.5 cores"), Ok(MilliCores(1_500)));
        assert_eq!(read::<MilliCores>("1_000 millicores"), Ok(MilliCores(1_000)));
    }

    #[test]
    fn what_is_refused_says_why() {
        fn why<T: Amount + fmt::Debug>(text: &str) -> String {
            let message = read::<T>(text).unwrap_err();
            assert!(message.contains(T::ACCEPTED), "{message}");
            message.split(';').next().unwrap().to_owned()
        }
        assert_eq!(why::<Span>("10"), "`10` is not a time: it has no unit");
        assert_eq!(why::<Span>("ten"), "`ten` is not a time: it does not begin with a number");
        assert_eq!(why::<Span>("-1s"), "`-1s` is not a time: it is below zero");
        assert_eq!(why::<Span>("10 minutes"), "`10 minutes` is not a time: `minutes` is no unit");
        assert_eq!(why::<Span>("10 MiB"), "`10 MiB` is not a time: `MiB` is a unit of size");
        assert_eq!(why::<Bytes>("512 mb"), "`512 mb` is not a size: units are case sensitive, `mb` is written `MB`");
        assert_eq!(why::<Bytes>("512 cores"), "`512 cores` is not a size: `cores` is a unit of amount of CPU");
        assert_eq!(why::<MilliCores>("2 GiB"), "`2 GiB` is not an amount of CPU: `GiB` is a unit of size");
        assert_eq!(why::<MilliCores>(""), "`` is not an amount of CPU: it does not begin with a number");
    }

    #[test]
    fn texts_read_back() {
        for nanos in [0, 1_000, 500_000_000, 1_000_000_000, 90_000_000_000, 86_400_000_000_000 * 7] {
            let span = Span::from_nanos(nanos);
            assert_eq!(read::<Span>(&span.text()), Ok(span), "{}", span.text());
        }
        for bytes in [0, 1, 1_000, 1_024, 512_000_000, 3 << 40, 1_500] {
            assert_eq!(read::<Bytes>(&Bytes(bytes).text()), Ok(Bytes(bytes)));
            assert_eq!(read::<BytesPerSecond>(&BytesPerSecond(bytes).text()), Ok(BytesPerSecond(bytes)));
        }
        for cpu in [0, 1, 250, 1_500, 64_000] {
            assert_eq!(read::<MilliCores>(&MilliCores(cpu).text()), Ok(MilliCores(cpu)));
        }
    }
}
