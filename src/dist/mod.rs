//! Distributions: sampling, means, and exact equilibrium residuals.
//!
//! Sampling happens here only, with mathematics that is the same on every platform.

mod empirical;
pub mod math;
mod ziggurat;

pub use empirical::Empirical;

use crate::rng::Stream;
use math::{exp, ln, pow};
use ziggurat::{exponential, exponential_from, normal};

/// A law of positive values, in whatever unit its parameters have.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    Constant(f64),
    Uniform {
        from: f64,
        to: f64,
    },
    Exponential {
        mean: f64,
    },
    /// P(X > x) = exp(-(x / scale)^shape).
    Weibull {
        shape: f64,
        scale: f64,
    },
    /// ln X is normal with mean `mu` and standard deviation `sigma`.
    Lognormal {
        mu: f64,
        sigma: f64,
    },
    /// Mean shape × scale.
    Gamma {
        shape: f64,
        scale: f64,
    },
    /// P(X > x) = (min / x)^alpha for x ≥ min.
    Pareto {
        alpha: f64,
        min: f64,
    },
    /// P(X > x) = (1 + x / scale)^-alpha.
    Lomax {
        alpha: f64,
        scale: f64,
    },
    /// P(X > x) = 1 / (1 + (x / median)^shape).
    LogLogistic {
        median: f64,
        shape: f64,
    },
    /// Exponentials by (share, mean); shares add up to 1.
    HyperExponential(Box<[(f64, f64)]>),
    Empirical(Empirical),
}

impl Law {
    /// Lognormal by mean and squared coefficient of variation.
    pub fn lognormal_mean(mean: f64, scv: f64) -> Law {
        let variance = libm::log1p(scv);
        Law::Lognormal { mu: libm::log(mean) - variance / 2.0, sigma: variance.sqrt() }
    }

    /// The expectation; infinite where the law has none.
    pub fn mean(&self) -> f64 {
        match self {
            Law::Constant(value) => *value,
            Law::Uniform { from, to } => (from + to) / 2.0,
            Law::Exponential { mean } => *mean,
            Law::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Law::Lognormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
            Law::Gamma { shape, scale } => shape * scale,
            Law::Pareto { alpha, min } if *alpha > 1.0 => alpha * min / (alpha - 1.0),
            Law::Lomax { alpha, scale } if *alpha > 1.0 => scale / (alpha - 1.0),
            Law::LogLogistic { median, shape } if *shape > 1.0 => {
                let angle = std::f64::consts::PI / shape;
                median * angle / libm::sin(angle)
            }
            Law::Pareto { .. } | Law::Lomax { .. } | Law::LogLogistic { .. } => f64::INFINITY,
            Law::HyperExponential(branches) => branches.iter().map(|(p, mean)| p * mean).sum(),
            Law::Empirical(law) => law.mean(),
        }
    }

    /// One value.
    #[inline(always)]
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant(value) => *value,
            Law::Exponential { mean } => mean * exponential(stream),
            Law::Lognormal { mu, sigma } => exp(mu + sigma * normal(stream)),
            _ => self.sample_rarer(stream),
        }
    }

    /// As [`Law::sample`], with the first word drawn before: `rest` is the stream after it.
    #[inline(always)]
    pub fn sample_from(&self, word: u64, rest: &mut Stream) -> f64 {
        match self {
            Law::Exponential { mean } => mean * exponential_from(word, rest),
            _ => self.sample(&mut rest.stepped_back()),
        }
    }

    // Out of line, so that the common laws inline well.
    #[inline(never)]
    fn sample_rarer(&self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant(_) | Law::Exponential { .. } | Law::Lognormal { .. } => {
                unreachable!("sampled inline")
            }
            Law::Uniform { from, to } => from + (to - from) * stream.next_unit(),
            Law::Weibull { shape, scale } => scale * pow(exponential(stream), 1.0 / shape),
            Law::Gamma { shape, scale } => scale * gamma(*shape, stream),
            Law::Pareto { alpha, min } => min * pow(stream.next_unit(), -1.0 / alpha),
            Law::Lomax { alpha, scale } => scale * (pow(stream.next_unit(), -1.0 / alpha) - 1.0),
            Law::LogLogistic { median, shape } => {
                let u = stream.next_unit();
                median * pow(u / (1.0 - u), 1.0 / shape)
            }
            Law::HyperExponential(branches) => {
                let shares = branches.iter().map(|(share, _)| *share);
                let mean = branches[choose(shares, 1.0, stream)].1;
                mean * exponential(stream)
            }
            Law::Empirical(law) => law.sample(stream),
        }
    }

    /// The rest of a period that is under way at a random instant.
    ///
    /// # Model
    /// In equilibrium the period that covers an instant is length-biased, X* with density
    /// x f(x) / E X, and the instant lies evenly in it: the rest is U X*.
    ///
    /// # Panics
    /// If the mean is infinite: then there is no equilibrium.
    pub fn sample_residual(&self, stream: &mut Stream) -> f64 {
        match self {
            // Memoryless: the rest is as the whole.
            Law::Exponential { .. } => self.sample(stream),
            Law::Lomax { alpha, scale } => {
                assert!(*alpha > 1.0, "no equilibrium: infinite mean");
                Law::Lomax { alpha: alpha - 1.0, scale: *scale }.sample(stream)
            }
            Law::HyperExponential(branches) => {
                let weights = branches.iter().map(|(share, mean)| share * mean);
                let mean = branches[choose(weights, self.mean(), stream)].1;
                mean * exponential(stream)
            }
            _ => {
                let whole = self.sample_length_biased(stream);
                whole * stream.next_unit()
            }
        }
    }

    fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant(value) => *value,
            Law::Uniform { from, to } => {
                (from * from + stream.next_unit() * (to * to - from * from)).sqrt()
            }
            Law::Weibull { shape, scale } => {
                scale * pow(gamma(1.0 + 1.0 / shape, stream), 1.0 / shape)
            }
            Law::Lognormal { mu, sigma } => {
                Law::Lognormal { mu: mu + sigma * sigma, sigma: *sigma }.sample(stream)
            }
            Law::Gamma { shape, scale } => scale * gamma(shape + 1.0, stream),
            Law::Pareto { alpha, min } => {
                assert!(*alpha > 1.0, "no equilibrium: infinite mean");
                Law::Pareto { alpha: alpha - 1.0, min: *min }.sample(stream)
            }
            Law::LogLogistic { median, shape } => {
                assert!(*shape > 1.0, "no equilibrium: infinite mean");
                // X* / median, to the power of shape, is beta prime.
                let above = gamma(1.0 + 1.0 / shape, stream);
                let below = gamma(1.0 - 1.0 / shape, stream);
                median * pow(above / below, 1.0 / shape)
            }
            Law::Empirical(law) => law.sample_length_biased(stream),
            Law::Exponential { .. } | Law::Lomax { .. } | Law::HyperExponential(_) => {
                unreachable!("their residuals are drawn directly")
            }
        }
    }
}

/// Position of a weight, chosen in proportion to it.
fn choose(weights: impl ExactSizeIterator<Item = f64>, total: f64, stream: &mut Stream) -> usize {
    let mut mark = stream.next_unit() * total;
    let last = weights.len() - 1;
    for (at, weight) in weights.enumerate() {
        if mark < weight || at == last {
            return at;
        }
        mark -= weight;
    }
    unreachable!("the last weight takes the rest")
}

/// Gamma with scale 1.
///
/// # Source
/// Marsaglia, Tsang: A simple method for generating gamma variables (2000); below shape 1
/// through Gamma(shape + 1) U^(1/shape).
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let boost = pow(stream.next_unit(), 1.0 / shape);
        return boost * gamma(shape + 1.0, stream);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(stream);
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        if ln(stream.next_unit()) < 0.5 * x * x + d - d * v + d * ln(v) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
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
        (0..sorted.len())
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
            (
                Law::Lomax { alpha: 1.5, scale: 3.0 },
                Box::new(|x| 1.0 - (1.0 + x / 3.0f64).powf(-1.5)),
            ),
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
}
