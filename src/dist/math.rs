//! Logarithm and exponential: the same bits on every platform, and fast.
//!
//! `f64::ln` and `exp` differ between platforms and releases; these use only operations that
//! IEEE 754 rounds exactly.

const LN_2: f64 = std::f64::consts::LN_2;
/// ln 2 in two parts, the first with 21 trailing zero bits, so that its multiples are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

const LOG_BITS: u32 = 7;
const LOG_STEPS: usize = 1 << LOG_BITS;
/// For each interval of the mantissa in [1, 2): the reciprocal of its middle, and the
/// logarithm of that middle.
static LOG_TABLE: [(f64, f64); LOG_STEPS] = log_table();

/// Natural logarithm of a positive normal number; absolute error below 3e-16 on (0, 1).
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let (reciprocal, log) = LOG_TABLE[((bits >> (52 - LOG_BITS)) as usize) & (LOG_STEPS - 1)];
    let mantissa = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
    // |r| <= 2^-8, so the first term left out is below 2^-58.
    let r = mantissa * reciprocal - 1.0;
    let r2 = r * r;
    let tail = r2 * (-0.5 + r * (1.0 / 3.0) + r2 * (-0.25 + r * 0.2 - r2 * (1.0 / 6.0)));
    let e = exponent as f64;
    e * LN_2_HIGH + (log + (r + (tail + e * LN_2_LOW)))
}

const EXP_BITS: u32 = 6;
const EXP_STEPS: usize = 1 << EXP_BITS;
/// 2^(j/64).
static EXP_TABLE: [f64; EXP_STEPS] = exp_table();

/// e^x; relative error below 4e-16. Below -700 it is 0, above 700 it stays at e^700.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let x = x.min(700.0);
    // Adding and subtracting 1.5 * 2^52 rounds to the nearest integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let n = (x * (EXP_STEPS as f64 / LN_2) + ROUND) - ROUND;
    let r = (x - n * (LN_2_HIGH / EXP_STEPS as f64)) - n * (LN_2_LOW / EXP_STEPS as f64);
    let n = n as i64;
    let power = EXP_TABLE[(n & (EXP_STEPS as i64 - 1)) as usize];
    let r2 = r * r;
    let poly = r + r2 * (0.5 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0)));
    let scaled = power + power * poly;
    f64::from_bits(scaled.to_bits().wrapping_add(((n >> EXP_BITS) as u64) << 52))
}

/// x^y for positive x.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    exp(y * ln(x))
}

const fn log_table() -> [(f64, f64); LOG_STEPS] {
    let mut table = [(0.0, 0.0); LOG_STEPS];
    let mut i = 0;
    while i < LOG_STEPS {
        let middle = 1.0 + (i as f64 + 0.5) / LOG_STEPS as f64;
        let reciprocal = 1.0 / middle;
        // The logarithm of what the reciprocal really is, rounding included.
        table[i] = (reciprocal, -log_series(reciprocal));
        i += 1;
    }
    table
}

/// ln x = 2 atanh((x - 1) / (x + 1)) for x in [0.5, 1]; the series ends below 1e-20.
pub(super) const fn log_series(x: f64) -> f64 {
    let z = (x - 1.0) / (x + 1.0);
    let z2 = z * z;
    let mut sum = 0.0;
    let mut k = 41;
    while k >= 1 {
        sum = sum * z2 + 1.0 / k as f64;
        k -= 2;
    }
    2.0 * z * sum
}

const fn exp_table() -> [f64; EXP_STEPS] {
    let mut table = [0.0; EXP_STEPS];
    let mut j = 0;
    while j < EXP_STEPS {
        let x = LN_2 * j as f64 / EXP_STEPS as f64;
        let mut sum = 1.0;
        let mut k = 24;
        while k >= 1 {
            sum = 1.0 + x * sum / k as f64;
            k -= 1;
        }
        table[j] = sum;
        j += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ln_agrees_with_libm(x in 1e-17f64..1e6) {
            let expected = libm::log(x);
            prop_assert!((ln(x) - expected).abs() <= 4e-16 * expected.abs().max(1.0));
        }

        #[test]
        fn exp_agrees_with_libm(x in -60.0f64..60.0) {
            prop_assert!((exp(x) / libm::exp(x) - 1.0).abs() < 5e-16);
        }
    }

    #[test]
    fn exp_at_its_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(1000.0), exp(700.0));
    }
}
