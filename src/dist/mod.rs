//! Distributions: sampling, means, and exact equilibrium residuals.
//!
//! Sampling happens here only, with mathematics that is the same on every platform.

mod empirical;
mod gamma;
pub mod math;
mod moments;
mod residual;
#[cfg(test)]
mod tests;
mod truncated;
mod ziggurat;

pub use empirical::Empirical;
pub use truncated::Truncated;

pub use ziggurat::normal;

use crate::rng::Stream;
use math::{exp, ln, pow};
use ziggurat::{exponential, exponential_from};

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
    /// Laws by share; shares add up to 1.
    Mixture(Box<[(f64, Law)]>),
    /// A value of the law, and `by` more.
    Shifted {
        by: f64,
        law: Box<Law>,
    },
    Truncated(Box<Truncated>),
    Empirical(Empirical),
}

impl Law {
    /// Whether every draw is 0.
    #[inline(always)]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Law::Constant(value) if *value == 0.0)
    }

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
            Law::Mixture(parts) => parts.iter().map(|(p, law)| p * law.mean()).sum(),
            Law::Shifted { by, law } => by + law.mean(),
            Law::Truncated(law) => law.mean(),
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
            Law::Mixture(parts) => {
                let shares = parts.iter().map(|(share, _)| *share);
                parts[choose(shares, 1.0, stream)].1.sample(stream)
            }
            Law::Shifted { by, law } => by + law.sample(stream),
            Law::Truncated(law) => law.sample(stream),
            Law::Empirical(law) => law.sample(stream),
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
