//! Sixteen-bit storage of numbers that need three digits: the upper half of an `f32`, rounded.

/// A number with the range of `f32` and a relative error of at most 0.4 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half(u16);

impl Half {
    /// The mark for "nothing known", which is not a number.
    pub const UNKNOWN: Half = Half(0x7FC0);

    /// Rounds to the nearest.
    pub fn new(value: f32) -> Self {
        if value.is_nan() {
            return Half::UNKNOWN;
        }
        // Half of the dropped part is added before it is cut off.
        Half((value.to_bits().saturating_add(0x8000) >> 16) as u16)
    }

    /// The number; `None` where nothing is known.
    pub fn get(self) -> Option<f32> {
        let value = f32::from_bits(u32::from(self.0) << 16);
        (!value.is_nan()).then_some(value)
    }
}

/// A number beside another one, as the ratio of the two in steps of an eighth of an octave: eight bits, at most 7 % off, and a
/// factor of 60,000 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside(u8);

impl Beside {
    /// The mark for "nothing known".
    pub const UNKNOWN: Beside = Beside(0);

    /// `value` beside `other`; both at least 0.
    pub fn new(value: f32, other: Half) -> Self {
        // The bits of a float above zero rise like its logarithm: three of the mantissa's bits are an eighth of an octave.
        match (Half::new(value).get(), other.get()) {
            (Some(value), Some(_)) if value >= 0.0 => {
                let steps = (i32::from(Half::new(value).0) - i32::from(other.0) + 8) >> 4;
                Beside((steps + 128).clamp(1, 255) as u8)
            }
            _ => Beside::UNKNOWN,
        }
    }

    /// The number, given what it stands beside; `None` where nothing is known.
    pub fn get(self, other: Half) -> Option<f32> {
        let other = (self != Beside::UNKNOWN && other != Half::UNKNOWN).then_some(i32::from(other.0))?;
        let bits = (other + ((i32::from(self.0) - 128) << 4)).clamp(0, 0x7F7F);
        Half(bits as u16).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_three_digits(value in 1e-30f32..1e30) {
            let kept = Half::new(value).get().unwrap();
            prop_assert!((kept / value - 1.0).abs() < 0.004);
        }
    }

    proptest! {
        #[test]
        fn a_ratio_keeps_a_digit(other in 1e-9f32..1e12, ratio in 1e-4f32..1e4) {
            let other = Half::new(other);
            let value = other.get().unwrap() * ratio;
            let kept = Beside::new(value, other).get(other).unwrap();
            prop_assert!((kept / value - 1.0).abs() < 0.075, "{kept} for {value}");
        }
    }

    #[test]
    fn nothing_beside_nothing() {
        assert_eq!(Beside::UNKNOWN.get(Half::new(1.0)), None);
        assert_eq!(Beside::new(1.0, Half::UNKNOWN), Beside::UNKNOWN);
        assert!(Beside::new(0.0, Half::new(1.0)).get(Half::new(1.0)).unwrap() < 1e-4);
        assert!(Beside::new(3.0, Half::new(0.0)).get(Half::new(0.0)).unwrap().is_finite());
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(Half::UNKNOWN.get(), None);
        assert_eq!(Half::new(f32::NAN).get(), None);
        assert_eq!(Half::new(0.0).get(), Some(0.0));
    }
}
