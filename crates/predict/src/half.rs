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

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(Half::UNKNOWN.get(), None);
        assert_eq!(Half::new(f32::NAN).get(), None);
        assert_eq!(Half::new(0.0).get(), Some(0.0));
    }
}
