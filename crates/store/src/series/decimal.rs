//! Decimal floats of at most nine digits as integers in the same order: what people and tools write down.

/// Powers of ten, exact.
pub(super) const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// Mantissas of nine digits per decade.
const DECADE: i64 = 900_000_000;
/// The smallest mantissa of nine digits.
const MANTISSA_MIN: i64 = 100_000_000;
/// Decades below this are not tried.
const DECADE_MIN: i32 = -9;
/// Decades above this are not tried.
const DECADE_MAX: i32 = 17;

/// The integer of a value that has at most nine digits: larger values have larger ones.
pub(super) fn ordinal(value: f64) -> Option<i64> {
    if value.to_bits() == 0 {
        return Some(0);
    }
    let size = value.abs();
    if !(1e-9..1e18).contains(&size) {
        return None;
    }
    let guess = size.log10().floor() as i32;
    // The logarithm may miss by one at a power of ten.
    for decade in [guess, guess + 1, guess - 1] {
        if !(DECADE_MIN..=DECADE_MAX).contains(&decade) {
            continue;
        }
        let mantissa = scale(size, 8 - decade).round() as i64;
        if (MANTISSA_MIN..MANTISSA_MIN + DECADE).contains(&mantissa) {
            let integer = 1 + i64::from(decade - DECADE_MIN) * DECADE + (mantissa - MANTISSA_MIN);
            let integer = if value < 0.0 { -integer } else { integer };
            return (of_ordinal(integer).to_bits() == value.to_bits()).then_some(integer);
        }
    }
    None
}

/// The value of an integer that [`ordinal`] gave.
pub(super) fn of_ordinal(integer: i64) -> f64 {
    if integer == 0 {
        return 0.0;
    }
    let place = integer.unsigned_abs() as i64 - 1;
    let decade = (place / DECADE).min(i64::from(DECADE_MAX - DECADE_MIN)) as i32 + DECADE_MIN;
    let mantissa = place % DECADE + MANTISSA_MIN;
    let size = scale(mantissa as f64, decade - 8);
    if integer < 0 { -size } else { size }
}

/// `value * 10^exponent` with one rounding, for exponents from -18 to 18.
fn scale(value: f64, exponent: i32) -> f64 {
    let power = POWERS[exponent.unsigned_abs() as usize];
    if exponent < 0 { value / power } else { value * power }
}
