//! Runs that are meant to be in steady state: where the warm-up ends, and how exact the rest is.

use super::interval::{Interval, mean_and_variance, mean_t};

/// Where a series should be cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// Observations to drop.
    pub dropped: usize,
    /// Mean of the whole series, and of what is left.
    pub mean_before: f64,
    pub mean_after: f64,
    /// The best cut lies at the end of the first half, where the search ends: the series is too
    /// short, or has no steady state.
    pub is_at_end: bool,
}

const BATCH: usize = 5;

/// The truncation point that makes the mean of the rest most exact (MSER-5); none for fewer than
/// ten observations.
///
/// # Model
/// With the means z of `k` batches of five, it minimises over d = 0 … k / 2 the sum of
/// (z_j - mean)^2 over j > d, divided by (k - d)^2; the smallest such d.
///
/// # Source
/// White, Cobb, Spratt: A comparison of five steady-state truncation heuristics (2000).
pub fn mser5(series: &[f64]) -> Option<WarmUp> {
    let batches = batch_means(series, BATCH);
    let k = batches.len();
    if k < 2 {
        return None;
    }
    let statistic = |d: usize| {
        let rest = &batches[d..];
        let (_, variance) = mean_and_variance(rest);
        let n = rest.len() as f64;
        variance * (n - 1.0) / (n * n)
    };
    let best = (0..=k / 2).min_by(|a, b| statistic(*a).total_cmp(&statistic(*b)))?;
    Some(WarmUp {
        dropped: best * BATCH,
        mean_before: mean_and_variance(&batches).0,
        mean_after: mean_and_variance(&batches[best..]).0,
        is_at_end: best == k / 2,
    })
}

/// The mean of a long run from its batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    pub mean: f64,
    pub interval: Interval,
    /// Correlation of neighbouring batches; above about 0.2 they are too short.
    pub lag1: f64,
}

/// Cuts a series into so many batches (20 to 30 are usual) and takes those as replications; none
/// if there are fewer than two observations for each.
///
/// # Source
/// Law: Simulation Modeling and Analysis (2015), 9.5.3.
pub fn batch_mean(series: &[f64], batches: usize, confidence: f64) -> Option<BatchMeans> {
    let length = series.len() / batches.max(2);
    if length < 2 {
        return None;
    }
    let means = batch_means(series, length);
    let interval = mean_t(&means, confidence)?;
    let (mean, variance) = mean_and_variance(&means);
    let products = means.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
    let covariance = products.sum::<f64>() / (means.len() - 1) as f64;
    let lag1 = if variance > 0.0 { covariance / variance } else { 0.0 };
    Some(BatchMeans { mean, interval, lag1 })
}

/// Means of whole batches; what is left over at the end is dropped.
fn batch_means(series: &[f64], length: usize) -> Vec<f64> {
    series.chunks_exact(length).map(|batch| batch.iter().sum::<f64>() / length as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_series_is_left_alone() {
        let mut random = crate::rng::SplitMix64(5);
        let steady: Vec<f64> = (0..400).map(|_| crate::rng::unit(random.next_u64())).collect();
        assert!(mser5(&steady).unwrap().dropped <= 50);
        let rising: Vec<f64> = (0..400).map(f64::from).collect();
        assert!(mser5(&rising).unwrap().is_at_end);
        assert_eq!(mser5(&steady[..9]), None);
        let batches = batch_mean(&steady, 20, 0.95).unwrap();
        assert!(batches.interval.contains(0.5) && batches.lag1.abs() < 0.5);
        assert_eq!(batch_mean(&steady[..30], 20, 0.95), None);
    }

    proptest! {
        #[test]
        fn no_more_than_half_is_dropped(series in prop::collection::vec(-1e6f64..1e6, 10..300)) {
            let warm_up = mser5(&series).unwrap();
            prop_assert!(warm_up.dropped <= series.len() / 2);
        }
    }
}
