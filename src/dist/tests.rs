//! Samples, residuals and moments against distribution functions.

use statrs::distribution::ContinuousCDF;

use super::*;
use crate::model::DeviceId;
use crate::rng::{Purpose, Streams};

const SAMPLES: u32 = 100_000;
/// Critical value of the Kolmogorov–Smirnov statistic at α = 3e-4 for 10^5 samples (T02).
const CRITICAL: f64 = 0.0066;

fn sorted(mut draw: impl FnMut(&mut Stream) -> f64) -> Vec<f64> {
    let streams = Streams::new(42);
    let mut values: Vec<f64> = (0..SAMPLES)
        .map(|device| draw(&mut streams.stream(DeviceId(device), Purpose::Period, 0)))
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The greatest distance between the samples' distribution function and `cdf`.
fn distance(sorted: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let n = sorted.len() as f64;
    // Those between can be off by 1.6e-4 more; some distribution functions take their time.
    (0..sorted.len())
        .step_by(16)
        .map(|i| {
            let expected = cdf(sorted[i]);
            let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
            (expected - below).abs().max((above - expected).abs())
        })
        .fold(0.0, f64::max)
}

type Cdf = Box<dyn Fn(f64) -> f64>;

/// Every continuous law with its distribution function from an independent source.
fn laws() -> Vec<(Law, Cdf)> {
    let weibull = |shape: f64, scale: f64| -> (Law, Cdf) {
        let d = statrs::distribution::Weibull::new(shape, scale).unwrap();
        (Law::Weibull { shape, scale }, Box::new(move |x| d.cdf(x)))
    };
    let gamma = |shape: f64, scale: f64| -> (Law, Cdf) {
        let d = statrs::distribution::Gamma::new(shape, 1.0 / scale).unwrap();
        (Law::Gamma { shape, scale }, Box::new(move |x| d.cdf(x)))
    };
    let lognormal = |mu: f64, sigma: f64| -> (Law, Cdf) {
        let d = statrs::distribution::LogNormal::new(mu, sigma).unwrap();
        (Law::Lognormal { mu, sigma }, Box::new(move |x| d.cdf(x)))
    };
    let pareto = statrs::distribution::Pareto::new(1.0, 2.5).unwrap();
    vec![
        (Law::Exponential { mean: 10.0 }, Box::new(|x| 1.0 - (-x / 10.0f64).exp())),
        weibull(0.63, 9.48),
        weibull(2.5, 3.0),
        lognormal(1.4, 1.73),
        gamma(0.5, 28.53),
        gamma(4.0, 2.0),
        (Law::Pareto { alpha: 2.5, min: 1.0 }, Box::new(move |x| pareto.cdf(x))),
        (Law::Lomax { alpha: 1.5, scale: 3.0 }, Box::new(|x| 1.0 - (1.0 + x / 3.0f64).powf(-1.5))),
        (
            Law::LogLogistic { median: 4.0, shape: 3.0 },
            Box::new(|x| 1.0 / (1.0 + (x / 4.0f64).powf(-3.0))),
        ),
        (Law::Uniform { from: 2.0, to: 6.0 }, Box::new(|x| ((x - 2.0) / 4.0).clamp(0.0, 1.0))),
        (
            Law::HyperExponential([(0.8, 1.0), (0.2, 24.0)].into()),
            Box::new(|x| 1.0 - 0.8 * (-x).exp() - 0.2 * (-x / 24.0f64).exp()),
        ),
    ]
}

#[test]
fn t02_samples_follow_their_law() {
    for (law, cdf) in laws() {
        let values = sorted(|stream| law.sample(stream));
        let d = distance(&values, cdf);
        assert!(d < CRITICAL, "{law:?}: {d}");
    }
}

/// The residual's distribution function is the integral of P(X > y) / E X over y up to x.
#[test]
fn residuals_follow_the_equilibrium_law() {
    for (law, cdf) in laws() {
        let values = sorted(|stream| law.sample_residual(stream));
        // Checked at some points, with the integral taken between them.
        let points: Vec<f64> = (1..200).map(|i| values[values.len() * i / 200]).collect();
        let (mut at, mut sum) = (0.0, 0.0);
        for (i, point) in points.iter().enumerate() {
            const STEPS: usize = 2_000;
            let h = (point - at) / STEPS as f64;
            // Squared spacing is finer near zero, where heavy laws are steep.
            sum += (0..STEPS).map(|k| 1.0 - cdf(at + (k as f64 + 0.5) * h)).sum::<f64>() * h;
            at = *point;
            let observed = (i + 1) as f64 / 200.0;
            let d = (sum / law.mean() - observed).abs();
            assert!(d < CRITICAL, "{law:?} at {point}: {d}");
        }
    }
}

#[test]
fn means_and_quantiles_of_t02() {
    // law, mean, p50, p90, p99
    let table = [
        (Law::Exponential { mean: 10.0 }, 10.0, 6.931, 23.026, 46.052),
        (Law::Weibull { shape: 0.63, scale: 9.48 }, 13.4247, 5.2985, 35.625, 107.05),
        (Law::Lognormal { mu: 1.4, sigma: 1.73 }, 18.1097, 4.0552, 37.229, 226.92),
        (Law::Gamma { shape: 0.5, scale: 28.53 }, 14.265, 6.4897, 38.595, 94.647),
        (Law::Pareto { alpha: 2.5, min: 1.0 }, 1.66667, 1.31951, 2.51189, 6.3096),
        (Law::Lomax { alpha: 1.5, scale: 3.0 }, 6.0, 1.76220, 10.9248, 61.633),
        (Law::LogLogistic { median: 4.0, shape: 3.0 }, 4.8368, 4.0, 8.3203, 18.5043),
        (Law::Uniform { from: 2.0, to: 6.0 }, 4.0, 4.0, 5.6, 5.96),
    ];
    for (law, mean, p50, p90, p99) in table {
        assert!((law.mean() / mean - 1.0).abs() < 1e-4, "{law:?}: mean {}", law.mean());
        let values = sorted(|stream| law.sample(stream));
        for (p, expected) in [(0.5, p50), (0.9, p90), (0.99, p99)] {
            // Four standard errors in probability, looked up at both ends.
            let spread = 4.0 * (p * (1.0 - p) / f64::from(SAMPLES)).sqrt();
            let at = |p: f64| values[(p * f64::from(SAMPLES)) as usize];
            let (low, high) = (at(p - spread), at((p + spread).min(0.99999)));
            assert!(low <= expected && expected <= high, "{law:?} p{p}: {low}..{high}");
        }
    }
}

#[test]
fn mixtures_and_measured_laws_have_their_mean() {
    let mix = Law::HyperExponential([(0.8, 1.0), (0.2, 24.0)].into());
    assert!((mix.mean() - 5.6).abs() < 1e-12);
    assert!((Law::lognormal_mean(10.0, 4.0).mean() - 10.0).abs() < 1e-9);
    let measured = Law::Empirical(Empirical::new(vec![1.0, 2.0, 9.0]));
    assert_eq!(measured.mean(), 4.0);
    let values = sorted(|stream| measured.sample(stream));
    let share = |x| values.iter().filter(|v| **v == x).count() as f64 / f64::from(SAMPLES);
    assert!([1.0, 2.0, 9.0].iter().all(|x| (share(*x) - 1.0 / 3.0).abs() < 0.006));
    // E R = E X^2 / (2 E X) = (86 / 3) / 8.
    let values = sorted(|stream| measured.sample_residual(stream));
    let mean = values.iter().sum::<f64>() / f64::from(SAMPLES);
    assert!((mean / (86.0 / 24.0) - 1.0).abs() < 0.01, "{mean}");
}

#[test]
fn laws_without_a_mean_say_so() {
    for law in [
        Law::Pareto { alpha: 1.0, min: 1.0 },
        Law::Lomax { alpha: 0.5, scale: 1.0 },
        Law::LogLogistic { median: 1.0, shape: 1.0 },
    ] {
        assert_eq!(law.mean(), f64::INFINITY);
    }
}

fn compound_laws() -> Vec<Law> {
    let weibull = |shape, scale| Law::Weibull { shape, scale };
    let truncated = |law, from, to| Law::Truncated(Box::new(Truncated::new(law, from, to)));
    let mixture = || {
        let parts = [(0.3, weibull(0.7, 2.0)), (0.7, Law::Uniform { from: 1.0, to: 9.0 })];
        Law::Mixture(parts.into())
    };
    let shifted = |by, law| Law::Shifted { by, law: Box::new(law) };
    let infinity = f64::INFINITY;
    vec![
        Law::Gamma { shape: 3.0, scale: 2.0 },
        mixture(),
        shifted(4.0, Law::Lognormal { mu: 0.5, sigma: 0.8 }),
        shifted(0.5, weibull(0.5, 1.0)),
        truncated(weibull(0.5, 5.0), 1.0, 40.0),
        truncated(weibull(2.0, 5.0), 3.0, infinity),
        truncated(Law::Pareto { alpha: 0.8, min: 1.0 }, 1.0, 100.0),
        truncated(Law::Pareto { alpha: 1.0, min: 1.0 }, 2.0, 50.0),
        truncated(Law::Lomax { alpha: 0.5, scale: 3.0 }, 0.0, 30.0),
        truncated(Law::Lomax { alpha: 2.5, scale: 3.0 }, 1.0, infinity),
        truncated(Law::LogLogistic { median: 4.0, shape: 0.9 }, 0.5, 60.0),
        truncated(Law::LogLogistic { median: 4.0, shape: 3.0 }, 0.0, 12.0),
        truncated(Law::Lognormal { mu: 1.4, sigma: 1.73 }, 0.0, 20.0),
        truncated(Law::Gamma { shape: 0.5, scale: 28.0 }, 0.1, 50.0),
        truncated(Law::Exponential { mean: 10.0 }, 5.0, 15.0),
        truncated(Law::HyperExponential([(0.8, 1.0), (0.2, 24.0)].into()), 2.0, 30.0),
        // Such of which little is kept, or little of whose length-biased values.
        truncated(Law::Pareto { alpha: 1.0, min: 1.0 }, 1.0, 1e5),
        truncated(Law::Lomax { alpha: 0.7, scale: 1.0 }, 0.0, 1e6),
        truncated(Law::Exponential { mean: 1.0 }, 4.0, infinity),
        truncated(shifted(2.0, mixture()), 2.5, 9.0),
        Law::Mixture([(0.5, truncated(weibull(0.6, 3.0), 0.0, 9.0)), (0.5, mixture())].into()),
        Law::Empirical(Empirical::linear(vec![1.0, 2.0, 2.5, 7.0, 30.0])),
        truncated(Law::Empirical(Empirical::linear(vec![1.0, 2.0, 9.0])), 1.5, 8.0),
    ]
}

#[test]
fn t02_every_law_and_its_residual_follow_their_distribution_functions() {
    let simple = laws().into_iter().map(|(law, _)| law);
    for law in simple.chain(compound_laws()) {
        let values = sorted(|stream| law.sample(stream));
        let d = distance(&values, |x| law.cdf(x));
        assert!(d < CRITICAL, "{law:?}: {d}");
        let rests = sorted(|stream| law.sample_residual(stream));
        let d = distance(&rests, |x| law.residual_cdf(x));
        assert!(d < CRITICAL, "residual of {law:?}: {d}");
        // Samples of a law without a fourth moment tell little of its variance.
        let n = f64::from(SAMPLES);
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        if law.variance().is_finite() {
            let error = (mean - law.mean()).abs();
            assert!(error < 5.0 * (law.variance() / n).sqrt(), "{law:?}: {error}");
            assert!((variance / law.variance()).ln().abs() < 0.8, "{law:?}: {variance}");
        }
    }
}

/// The product's distribution functions against those of another library.
#[test]
fn distribution_functions_agree_with_an_independent_source() {
    for (law, cdf) in laws() {
        for x in [0.01, 0.5, 1.0, 2.0, 5.0, 17.0, 200.0] {
            assert!((law.cdf(x) - cdf(x)).abs() < 1e-9, "{law:?} at {x}");
        }
        // E X = integral of P(X > x).
        const STEPS: usize = 400_000;
        let end: f64 = 4_000.0;
        let h = end / STEPS as f64;
        let integral: f64 = (0..STEPS).map(|i| (1.0 - cdf((i as f64 + 0.5) * h)) * h).sum();
        let below = law.moment_below(1, end) + end * (1.0 - law.cdf(end));
        assert!((integral / below - 1.0).abs() < 1e-3, "{law:?}: {integral} {below}");
    }
}

#[test]
fn moments_in_closed_form() {
    let uniform = Law::Uniform { from: 2.0, to: 6.0 };
    let truncated = Law::Truncated(Box::new(Truncated::new(uniform.clone(), 3.0, 5.0)));
    let constant = Law::Constant(7.0);
    for (law, mean, variance) in [
        (uniform.clone(), 4.0, 16.0 / 12.0),
        (truncated, 4.0, 4.0 / 12.0),
        (constant.clone(), 7.0, 0.0),
        (Law::Shifted { by: 1.0, law: Box::new(uniform.clone()) }, 5.0, 16.0 / 12.0),
        (Law::Mixture([(0.5, constant), (0.5, uniform)].into()), 5.5, 2.25 + 16.0 / 24.0),
        (Law::Exponential { mean: 3.0 }, 3.0, 9.0),
        (Law::Weibull { shape: 0.5, scale: 5.0 }, 10.0, 500.0),
        (Law::lognormal_mean(10.0, 4.0), 10.0, 400.0),
        (Law::Pareto { alpha: 2.5, min: 1.0 }, 2.5 / 1.5, 2.5 / (1.5 * 1.5 * 0.5)),
        (Law::Lomax { alpha: 3.0, scale: 2.0 }, 1.0, 3.0),
        (
            Law::Shifted { by: 2.6e12, law: Box::new(Law::Exponential { mean: 1e3 }) },
            2.6e12 + 1e3,
            1e6,
        ),
    ] {
        assert!((law.mean() - mean).abs() < 1e-9, "{law:?}: {}", law.mean());
        assert!((law.variance() - variance).abs() < 1e-9 * variance.max(1.0), "{law:?}");
    }
    for law in [Law::Pareto { alpha: 2.0, min: 1.0 }, Law::Lomax { alpha: 1.5, scale: 1.0 }] {
        assert_eq!(law.variance(), f64::INFINITY);
    }
}

/// Narrow and far laws, where sums of large numbers would leave little.
#[test]
fn truncated_means_of_extreme_laws() {
    let truncated = |law, from, to| Truncated::new(law, from, to).mean();
    for shape in [100.0, 1000.0] {
        let mean = truncated(Law::LogLogistic { median: 1.0, shape }, 0.0, 2.0);
        assert!((mean - 1.0).abs() < 1e-3, "{shape}: {mean}");
    }
    // Far below its scale a Lomax law is even.
    let mean = truncated(Law::Lomax { alpha: 1.5, scale: 1e8 }, 0.0, 1.0);
    assert!((mean - 0.5).abs() < 1e-6, "{mean}");
    let mean = truncated(Law::Pareto { alpha: 1.0, min: 1.0 }, 1.0, 1e6);
    assert!((mean / (1e6f64.ln() / (1.0 - 1e-6)) - 1.0).abs() < 1e-9, "{mean}");
}
