//! A law as the user writes it, and from it one that can be sampled.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::LONGEST;
use super::check_law::FASTEST;
use crate::dist::{self, Empirical, Truncated};
use crate::model::{BitRate, Span};

/// A law of durations or rates. A plain value, like "90 s", is a constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "{U}Law", transform = super::serial::allow_plain_value)]
pub enum Law<U> {
    /// Always this value.
    Constant(U),
    /// Evenly between two values.
    Uniform { from: U, to: U },
    /// Exponential.
    Exponential { mean: U },
    /// Weibull: P(X > x) = exp(-(x / scale)^shape).
    Weibull { shape: f64, scale: U },
    /// Lognormal: ln X is normal with mean ln(median) and standard deviation sigma.
    Lognormal { median: U, sigma: f64 },
    /// Lognormal by its mean and squared coefficient of variation (variance / mean^2).
    LognormalMean { mean: U, scv: f64 },
    /// Gamma with mean shape x scale.
    Gamma { shape: f64, scale: U },
    /// Pareto: P(X > x) = (min / x)^alpha for x >= min.
    Pareto { alpha: f64, min: U },
    /// Lomax: P(X > x) = (1 + x / scale)^-alpha.
    Lomax { alpha: f64, scale: U },
    /// Log-logistic: P(X > x) = 1 / (1 + (x / median)^shape).
    LogLogistic { median: U, shape: f64 },
    /// A mixture of exponentials: shares add up to 1.
    HyperExponential(Vec<Branch<U>>),
    /// Lognormal by mean and standard deviation of the logarithm of seconds, or of bit/s.
    LognormalMu { mu: f64, sigma: f64 },
    /// Gamma by its mean and squared coefficient of variation (variance / mean^2).
    GammaMean { mean: U, scv: f64 },
    /// Erlang: the sum of so many exponentials, with this mean in all.
    Erlang {
        #[schemars(range(min = 1, max = 1000))]
        stages: u32,
        mean: U,
    },
    /// A mixture of any laws: shares add up to 1.
    Mixture(Vec<Part<U>>),
    /// The law of values from `from` to `to`; others are drawn again.
    Truncated {
        law: Box<Law<U>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<U>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<U>,
    },
    /// A value of the law, and `by` more.
    Shifted { by: U, law: Box<Law<U>> },
    /// Measured values in a CSV file with one column: `duration_s`, or `rate_bps` for rates.
    Empirical {
        /// The CSV file; its path is relative to the scenario file.
        file: PathBuf,
        /// What there is between two measured values.
        #[serde(default)]
        between: Between,
        /// What the file holds, in the unit that samples have; filled in when it is read.
        #[serde(skip)]
        values: Option<Arc<[f64]>>,
    },
}

/// One exponential of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "{U}Branch")]
pub struct Branch<U> {
    /// Probability of this branch.
    pub share: f64,
    /// Mean of this branch.
    pub mean: U,
}

/// One law of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "U: Deserialize<'de>"))]
#[schemars(rename = "{U}Part")]
pub struct Part<U> {
    /// Probability of this law.
    pub share: f64,
    /// The law.
    pub law: Law<U>,
}

/// What an empirical law has between two measured values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// Nothing: each draw repeats a measured value.
    #[default]
    Step,
    /// Evenly all that lies between two neighbours.
    Linear,
}

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
