//! Distributions: sampling, means, and exact equilibrium residuals.
//!
//! Sampling happens here only, with mathematics that is the same on every platform.

mod empirical;
pub mod math;

pub use empirical::Empirical;

use crate::rng::Stream;
use math::{exp, ln, normal_quantile, pow};

/// A law of positive values, in whatever unit its parameters have.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    Constant(f64),
    Uniform { from: f64, to: f64 },
    Exponential { mean: f64 },
    /// P(X > x) = exp(-(x / scale)^shape).
    Weibull { shape: f64, scale: f64 },
    /// ln X is normal with mean `mu` and standard deviation `sigma`.
    Lognormal { mu: f64, sigma: f64 },
    /// Mean shape × scale.
    Gamma { shape: f64, scale: f64 },
    /// P(X > x) = (min / x)^alpha for x ≥ min.
    Pareto { alpha: f64, min: f64 },
    /// P(X > x) = (1 + x / scale)^-alpha.
    Lomax { alpha: f64, scale: f64 },
    /// P(X > x) = 1 / (1 + (x / median)^shape).
    LogLogistic { median: f64, shape: f64 },
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
            Law::Exponential { mean } => -mean * ln(stream.next_unit()),
            Law::Lognormal { mu, sigma } => exp(mu + sigma * normal_quantile(stream.next_unit())),
            _ => self.sample_rarer(stream),
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

/// Exponential with mean 1.
#[inline(always)]
fn exponential(stream: &mut Stream) -> f64 {
    -ln(stream.next_unit())
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
        let x = normal_quantile(stream.next_unit());
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
