//! Logarithm, exponential and normal quantile: the same bits on every platform, and fast.
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

/// The standard normal quantile of p in (0, 1); relative error about 1e-16.
///
/// # Source
/// Wichura: Algorithm AS 241, PPND16 (Applied Statistics 37, 1988).
#[inline]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail)).sqrt();
    let x = if r <= 5.0 { ratio(r - 1.6, &MIDDLE) } else { ratio(r - 5.0, &FAR) };
    if q < 0.0 { -x } else { x }
}

/// Coefficients of a ratio of two polynomials of degree 7, constant term first.
type Ratio = ([f64; 8], [f64; 8]);

#[inline(always)]
fn ratio(r: f64, (above, below): &Ratio) -> f64 {
    polynomial(r, above) / polynomial(r, below)
}

#[inline(always)]
fn polynomial(r: f64, c: &[f64; 8]) -> f64 {
    // Estrin's scheme: short dependency chains.
    let r2 = r * r;
    let r4 = r2 * r2;
    ((c[0] + c[1] * r) + (c[2] + c[3] * r) * r2) + ((c[4] + c[5] * r) + (c[6] + c[7] * r) * r2) * r4
}

#[expect(clippy::excessive_precision, reason = "digits as published")]
static CENTRE: Ratio = (
    [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
);

#[expect(clippy::excessive_precision, reason = "digits as published")]
static MIDDLE: Ratio = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);

#[expect(clippy::excessive_precision, reason = "digits as published")]
static FAR: Ratio = (
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

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
const fn log_series(x: f64) -> f64 {
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

        #[test]
        fn normal_quantile_inverts_the_distribution_function(p in 1e-16f64..1.0) {
            let x = normal_quantile(p);
            let back = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
            // Where p is near 1, its own rounding is what limits the round trip.
            prop_assert!((back / p - 1.0).abs() < 1e-13, "{p}: {x} {back}");
        }
    }

    #[test]
    fn exp_at_its_ends() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(1000.0), exp(700.0));
        assert_eq!(normal_quantile(0.5), 0.0);
    }
}
