//! Confidence intervals for what replications and devices show.
//!
//! `confidence` is a probability in (0, 1), such as 0.95; both sides miss with equal probability.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

use crate::rng::{SplitMix64, below};

/// What lies between two bounds with some confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Whether the value lies between the bounds, which are included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Half the distance of the bounds.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Mean and unbiased variance, in two passes.
///
/// # Panics
/// If there are no values.
pub fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    assert!(!values.is_empty(), "no values");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() > 1 { squares / (n - 1.0) } else { 0.0 })
}

/// The mean of independent replications, by Student's t; none for fewer than two values.
///
/// # Source
/// Law: Simulation Modeling and Analysis (2015), 4.5.
pub fn mean_t(values: &[f64], confidence: f64) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let (mean, variance) = mean_and_variance(values);
    let half = t_quantile(values.len() - 1, confidence) * (variance / values.len() as f64).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

/// The two-sided quantile of Student's t.
pub fn t_quantile(degrees: usize, confidence: f64) -> f64 {
    let t = StudentsT::new(0.0, 1.0, degrees as f64).expect("at least one degree of freedom");
    t.inverse_cdf((1.0 + confidence) / 2.0)
}

/// The mean difference b - a of paired replications, such as two policies on the same seeds;
/// none for fewer than two pairs.
///
/// # Panics
/// If the lists are not of one length.
pub fn paired_difference(a: &[f64], b: &[f64], confidence: f64) -> Option<Interval> {
    assert_eq!(a.len(), b.len(), "values in pairs");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    mean_t(&differences, confidence)
}

/// Any statistic of skewed values, by the bias-corrected and accelerated bootstrap; the same for
/// the same seed. None for fewer than two values.
///
/// # Source
/// Efron, Tibshirani: An Introduction to the Bootstrap (1993), 14.3.
pub fn bootstrap(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Option<Interval> {
    let n = values.len();
    if n < 2 || resamples < 2 {
        return None;
    }
    let mut random = SplitMix64(seed);
    let mut pick = || values[below(random.next_u64(), n as u64) as usize];
    let mut resample = vec![0.0; n];
    let draw = |_| {
        resample.iter_mut().for_each(|value| *value = pick());
        statistic(&resample)
    };
    let mut drawn: Vec<f64> = (0..resamples).map(draw).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let normal = Normal::standard();
    let below = drawn.iter().filter(|value| **value < statistic(values)).count() as f64;
    let bound = 0.5 / resamples as f64;
    let bias = normal.inverse_cdf((below / resamples as f64).clamp(bound, 1.0 - bound));
    let acceleration = acceleration(values, &statistic);
    let at = |p: f64| {
        let z = bias + normal.inverse_cdf(p);
        let p = normal.cdf(bias + z / (1.0 - acceleration * z));
        drawn[((p * resamples as f64) as usize).min(resamples - 1)]
    };
    let tail = (1.0 - confidence) / 2.0;
    Some(Interval { low: at(tail), high: at(1.0 - tail) })
}

/// From the values without one each.
fn acceleration(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> f64 {
    let without = |at: usize| statistic(&[&values[..at], &values[at + 1..]].concat());
    let parts: Vec<f64> = (0..values.len()).map(without).collect();
    let mean = parts.iter().sum::<f64>() / parts.len() as f64;
    let sum = |power: i32| parts.iter().map(|part| (mean - part).powi(power)).sum::<f64>();
    match sum(2) {
        0.0 => 0.0,
        squares => sum(3) / (6.0 * squares.powf(1.5)),
    }
}

/// Between which of `n` sorted values, counted from 1, the quantile `p` lies, and with what
/// confidence; none if `n` is too small for that.
///
/// # Model
/// The number of values below the quantile is binomial. The lower rank is its lower tail point,
/// the upper rank its upper one plus one.
pub fn quantile_ranks(n: u64, p: f64, confidence: f64) -> Option<(u64, u64, f64)> {
    let below = Binomial::new(p, n).ok()?;
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = (below.inverse_cdf(tail), below.inverse_cdf(1.0 - tail) + 1);
    if low == 0 || high > n {
        return None;
    }
    Some((low, high, below.cdf(high - 1) - below.cdf(low - 1)))
}

/// A quantile of independent values, which must be sorted; none if there are too few.
pub fn quantile(sorted: &[f64], p: f64, confidence: f64) -> Option<Interval> {
    let (low, high, _) = quantile_ranks(sorted.len() as u64, p, confidence)?;
    Some(Interval { low: sorted[low as usize - 1], high: sorted[high as usize - 1] })
}

/// A probability from so many successes in `n` trials, by Wilson's score.
///
/// # Panics
/// If there are no trials, or more successes than trials.
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Interval {
    assert!(n > 0 && successes <= n, "successes among trials");
    let z = Normal::standard().inverse_cdf((1.0 + confidence) / 2.0);
    let (n, z2) = (n as f64, z * z);
    let share = successes as f64 / n;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// As [`wilson`], by Clopper and Pearson: never with less than the stated confidence.
///
/// # Panics
/// If there are no trials, or more successes than trials.
pub fn clopper_pearson(successes: u64, n: u64, confidence: f64) -> Interval {
    assert!(n > 0 && successes <= n, "successes among trials");
    let tail = (1.0 - confidence) / 2.0;
    let beta = |a: u64, b: u64| Beta::new(a as f64, b as f64).expect("positive shapes");
    Interval {
        low: match successes {
            0 => 0.0,
            _ => bisect(|x| beta(successes, n - successes + 1).cdf(x), tail),
        },
        high: match successes == n {
            true => 1.0,
            false => bisect(|x| beta(successes + 1, n - successes).cdf(x), 1.0 - tail),
        },
    }
}

/// The probability of a failure that `n` trials without any leave possible.
pub fn zero_failures_upper(n: u64, confidence: f64) -> f64 {
    1.0 - (1.0 - confidence).powf(1.0 / n as f64)
}

/// Where a growing function on [0, 1] takes a value.
fn bisect(f: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match f(middle) < value {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t_quantiles_of_the_table() {
        for (degrees, confidence, expected) in [
            (1, 0.95, 12.706_205),
            (9, 0.95, 2.262_157),
            (19, 0.99, 2.860_935),
            (1000, 0.9, 1.646_379),
        ] {
            assert!((t_quantile(degrees, confidence) - expected).abs() < 1e-5, "{degrees}");
        }
    }

    /// The other anchors of T03.
    #[test]
    fn t03_ranks_of_smaller_samples() {
        for (n, p, low, high, coverage) in
            [(1000, 0.99, 983, 997, 0.976_095), (200, 0.95, 184, 197, 0.967_152)]
        {
            let (l, h, c) = quantile_ranks(n, p, 0.95).unwrap();
            assert_eq!((l, h), (low, high));
            assert!((c - coverage).abs() < 1e-6, "{c}");
        }
        assert_eq!(quantile_ranks(100, 0.999, 0.95), None);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5, 0.95), None);
    }

    fn exponentials(random: &mut SplitMix64, n: usize) -> Vec<f64> {
        (0..n).map(|_| -crate::rng::unit(random.next_u64()).ln()).collect()
    }

    /// Share of intervals that contain the mean, over many samples.
    #[test]
    fn intervals_cover_what_they_say() {
        const ROUNDS: usize = 2_000;
        let mut random = SplitMix64(7);
        let (mut t, mut bca) = (0, 0);
        for round in 0..ROUNDS {
            let sums: Vec<f64> =
                (0..20).map(|_| exponentials(&mut random, 30).iter().sum()).collect();
            t += usize::from(mean_t(&sums, 0.95).unwrap().contains(30.0));
            if round < 400 {
                let values = exponentials(&mut random, 50);
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                let interval = bootstrap(&values, mean, 0.95, 1_000, round as u64).unwrap();
                bca += usize::from(interval.contains(1.0));
            }
        }
        let share = t as f64 / ROUNDS as f64;
        assert!((share - 0.95).abs() < 0.02, "t: {share}");
        assert!(bca > 364, "bootstrap: {bca} of 400");
    }

    #[test]
    fn pairs_show_small_differences() {
        let a: Vec<f64> = (0..20).map(|i| f64::from(i * i)).collect();
        let b: Vec<f64> =
            a.iter().enumerate().map(|(i, a)| a + 1.0 + (i % 2) as f64 / 10.0).collect();
        let interval = paired_difference(&a, &b, 0.95).unwrap();
        assert!(interval.contains(1.05) && interval.half_width() < 0.03);
        assert_eq!(paired_difference(&[1.0], &[2.0], 0.95), None);
    }

    proptest! {
        #[test]
        fn proportions_stay_within_bounds(n in 1u64..5_000, part in 0.0f64..=1.0, c in 0.5f64..0.999) {
            let successes = (n as f64 * part) as u64;
            let (w, cp) = (wilson(successes, n, c), clopper_pearson(successes, n, c));
            let share = successes as f64 / n as f64;
            for interval in [w, cp] {
                prop_assert!(interval.low >= 0.0 && interval.high <= 1.0);
                prop_assert!(interval.low <= share + 1e-12 && share <= interval.high + 1e-12);
            }
            prop_assert!(wilson(successes * 4, n * 4, c).half_width() <= w.half_width());
        }

        #[test]
        fn ranks_grow_with_the_quantile(n in 500u64..5_000, p in 0.1f64..0.8) {
            let (low, high, coverage) = quantile_ranks(n, p, 0.95).unwrap();
            let (low2, high2, _) = quantile_ranks(n, p + 0.05, 0.95).unwrap();
            prop_assert!(low < high && low <= low2 && high <= high2);
            prop_assert!((0.95..0.99).contains(&coverage));
        }
    }
}
