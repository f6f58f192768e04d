//! From a law as the user writes it to one that can be sampled.

use super::check::LONGEST;
use super::check_law::FASTEST;
use super::file::{Between, Law};
use crate::dist::{self, Empirical, Truncated};
use crate::model::{BitRate, Span};

/// A quantity as the number its law works on.
pub trait Amount: Copy {
    /// What a whole unit is, seconds or bit/s, of which users give logarithms.
    const UNIT: f64;

    /// The column of a CSV file that holds it in whole units, and what it may be, in its own.
    const COLUMN: &'static str;
    const LEAST: f64;
    const MOST: f64;

    fn amount(self) -> f64;
}

impl Amount for Span {
    const UNIT: f64 = 1e6;
    const COLUMN: &'static str = "duration_s";
    const LEAST: f64 = 1.0;
    const MOST: f64 = LONGEST.0 as f64;

    /// Microseconds.
    fn amount(self) -> f64 {
        self.0 as f64
    }
}

impl Amount for BitRate {
    const UNIT: f64 = 1.0;
    const COLUMN: &'static str = "rate_bps";
    const LEAST: f64 = 1.0;
    const MOST: f64 = FASTEST as f64;

    /// Bits per second.
    fn amount(self) -> f64 {
        self.0 as f64
    }
}

impl<U: Amount> Law<U> {
    /// The law for sampling, in microseconds or bit/s.
    ///
    /// # Panics
    /// If it was not checked, or its file not read.
    pub fn compiled(&self) -> dist::Law {
        use dist::Law as To;
        match self {
            Law::Constant(value) => To::Constant(value.amount()),
            Law::Uniform { from, to } => To::Uniform { from: from.amount(), to: to.amount() },
            Law::Exponential { mean } => To::Exponential { mean: mean.amount() },
            Law::Weibull { shape, scale } => To::Weibull { shape: *shape, scale: scale.amount() },
            Law::Lognormal { median, sigma } => {
                To::Lognormal { mu: libm::log(median.amount()), sigma: *sigma }
            }
            Law::LognormalMu { mu, sigma } => {
                To::Lognormal { mu: mu + libm::log(U::UNIT), sigma: *sigma }
            }
            Law::LognormalMean { mean, scv } => To::lognormal_mean(mean.amount(), *scv),
            Law::Gamma { shape, scale } => To::Gamma { shape: *shape, scale: scale.amount() },
            Law::GammaMean { mean, scv } => {
                To::Gamma { shape: 1.0 / scv, scale: mean.amount() * scv }
            }
            Law::Erlang { stages, mean } => {
                let shape = f64::from(*stages);
                To::Gamma { shape, scale: mean.amount() / shape }
            }
            Law::Pareto { alpha, min } => To::Pareto { alpha: *alpha, min: min.amount() },
            Law::Lomax { alpha, scale } => To::Lomax { alpha: *alpha, scale: scale.amount() },
            Law::LogLogistic { median, shape } => {
                To::LogLogistic { median: median.amount(), shape: *shape }
            }
            Law::HyperExponential(branches) => {
                let branch = branches.iter().map(|b| (b.share, b.mean.amount()));
                To::HyperExponential(branch.collect())
            }
            Law::Mixture(parts) => {
                To::Mixture(parts.iter().map(|p| (p.share, p.law.compiled())).collect())
            }
            Law::Truncated { law, from, to } => {
                let from = from.map_or(0.0, Amount::amount);
                let to = to.map_or(f64::INFINITY, Amount::amount);
                To::Truncated(Box::new(Truncated::new(law.compiled(), from, to)))
            }
            Law::Shifted { by, law } => {
                To::Shifted { by: by.amount(), law: Box::new(law.compiled()) }
            }
            Law::Empirical { between, values, .. } => {
                let values = values.as_ref().expect("checked: the file was read").to_vec();
                To::Empirical(match between {
                    Between::Step => Empirical::new(values),
                    Between::Linear => Empirical::linear(values),
                })
            }
        }
    }
}
