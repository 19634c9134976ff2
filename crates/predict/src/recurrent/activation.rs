//! Exponential, logarithm, sigmoid, tanh and softplus without calls into the C library: they vectorise, and every host gets the same bits.
//!
//! Problem: the gates are most of the time of a small GRU, and `f32::exp` is neither vectorised nor equal on all systems.
//! Idea: `exp(x) = 2^n * exp(r)` with `|r| <= ln(2) / 2`, `exp(r)` by a polynomial of degree six, `2^n` by its exponent bits.
//! Only additions, multiplications and divisions are used, never fused, so that a replay on another processor agrees.
//! Source: Cephes `expf` (range reduction in two parts); Muller, Elementary Functions, 3rd ed., section 11.

/// Adding and taking away 1.5 * 2^23 rounds an `f32` to the nearest integer and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Beyond this `exp` is clamped: `exp(88)` is still finite and `exp(-87)` still normal.
const EXP_MAX: f32 = 87.0;

/// `e^x` with a relative error below 2e-7, `x` clamped to -87..87; not a number stays so.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = if x > EXP_MAX { EXP_MAX } else { x };
    let x = if x < -EXP_MAX { -EXP_MAX } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    // The low bits of `shifted` hold n; moved into the exponent field they add n to the exponent of p.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `1 / (1 + e^-x)` with an absolute error below 1e-6.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent with an absolute error below 1e-6.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// `ln(1 + e^x)` with an error below 1e-6 of `max(1, |x|)`.
///
/// `ln(1 + e)` for `e` in 0..1 is `2 atanh(e / (2 + e))`, whose series converges within seven terms.
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    let s = e / (2.0 + e);
    let q = s * s;
    let p = 1.0 / 13.0;
    let p = p * q + 1.0 / 11.0;
    let p = p * q + 1.0 / 9.0;
    let p = p * q + 1.0 / 7.0;
    let p = p * q + 0.2;
    let p = p * q + 1.0 / 3.0;
    let p = p * q + 1.0;
    let positive = if x > 0.0 { x } else { 0.0 };
    positive + 2.0 * s * p
}

/// `ln(x)` for normal, positive `x` with an error below 1e-6 of `max(1, |ln x|)`.
///
/// `x = 2^n * m` with `m` between the square roots of a half and of two; `ln(m) = 2 atanh((m - 1) / (m + 1))`.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const HALF_ROOT_BITS: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(HALF_ROOT_BITS);
    let n = ((bits as i32) >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + HALF_ROOT_BITS);
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let p = 1.0 / 9.0;
    let p = p * q + 1.0 / 7.0;
    let p = p * q + 0.2;
    let p = p * q + 1.0 / 3.0;
    let p = p * q + 1.0;
    n * LN_2_HIGH + (n * LN_2_LOW + 2.0 * s * p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> impl Iterator<Item = f32> {
        (-40_000..=40_000).map(|step| step as f32 * 1e-3)
    }

    #[test]
    fn stay_within_a_millionth_of_the_exact_functions() {
        for x in grid() {
            let exact = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 1e-6, "sigmoid({x})");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 1e-6, "tanh({x})");
            let soft = if exact > 30.0 { exact } else { exact.exp().ln_1p() };
            assert!((f64::from(softplus(x)) - soft).abs() < 1e-6 * soft.max(1.0), "softplus({x})");
            assert!((f64::from(exp(x)) / exact.exp() - 1.0).abs() < 2e-7, "exp({x})");
        }
    }

    #[test]
    fn logarithm_stays_within_a_millionth() {
        for step in -800..=800 {
            let x = (step as f32 * 0.1).exp();
            let exact = f64::from(x).ln();
            assert!((f64::from(ln(x)) - exact).abs() < 1e-6 * exact.abs().max(1.0), "ln({x})");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn extremes_saturate_and_nan_stays_nan() {
        assert_eq!(sigmoid(f32::MAX), 1.0);
        assert!(sigmoid(f32::MIN) < 1e-30);
        assert_eq!(tanh(f32::INFINITY), 1.0);
        assert_eq!(tanh(f32::NEG_INFINITY), -1.0);
        assert_eq!(softplus(1e30), 1e30);
        assert!(softplus(f32::NEG_INFINITY) >= 0.0 && softplus(-1e30) < 1e-30);
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
