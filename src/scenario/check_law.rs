//! Rules of the parameters of laws.

use super::check::{Checker, LONGEST, rounded};
use super::file::{Branch, Law};
use super::path::Path;
use super::units::Unit;
use crate::model::{BitRate, Span};

/// What the use of a law asks for beyond sound parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    None,
    /// Online and offline periods: the long-run share online is a ratio of means.
    FiniteMean,
}

/// Beyond these the samplers lose all precision (assumed; real data stay far within).
const SHAPE: (f64, f64) = (0.05, 1_000.0);
const SIGMA_MOST: f64 = 10.0;
const SCV_MOST: f64 = 1_000_000.0;
/// 1 Tbit/s, above every link of a device.
pub const FASTEST: u64 = 1_000_000_000_000;

/// A law of durations; zero is allowed as a constant where no finite mean is asked for.
pub fn spans(checker: &mut Checker<'_>, path: &Path, law: &Law<Span>, demand: Demand) {
    Rules {
        checker,
        most: LONGEST.0,
        most_text: "3000 d",
        zero_allowed: demand == Demand::None,
        demand,
        raw: |span: &Span| span.0,
    }
    .law(path, law);
}

/// A law of link rates, which are never zero.
pub fn rates(checker: &mut Checker<'_>, path: &Path, law: &Law<BitRate>) {
    Rules {
        checker,
        most: FASTEST,
        most_text: "1 Tbit/s",
        zero_allowed: false,
        demand: Demand::None,
        raw: |rate: &BitRate| rate.0,
    }
    .law(path, law);
}

struct Rules<'a, 'b, U> {
    checker: &'a mut Checker<'b>,
    most: u64,
    most_text: &'static str,
    zero_allowed: bool,
    demand: Demand,
    raw: fn(&U) -> u64,
}

impl<U: Unit> Rules<'_, '_, U> {
    fn law(&mut self, path: &Path, law: &Law<U>) {
        match law {
            Law::Constant(value) => {
                // The tree says whether the user wrote `x = "90 s"` or `x.constant = "90 s"`.
                let long = path.key("constant");
                let path = match self.checker.tree.find(&long) {
                    (_, true) => &long,
                    (_, false) => path,
                };
                self.constant(path, value);
            }
            Law::Uniform { from, to } => self.uniform(&path.key("uniform"), from, to),
            Law::Exponential { mean } => self.scale(&path.key("exponential").key("mean"), mean),
            Law::Weibull { shape, scale } => {
                self.shaped(&path.key("weibull"), *shape, "scale", scale);
            }
            Law::Gamma { shape, scale } => self.shaped(&path.key("gamma"), *shape, "scale", scale),
            Law::Lognormal { median, sigma } => {
                let path = path.key("lognormal");
                self.scale(&path.key("median"), median);
                self.within(&path.key("sigma"), *sigma, 0.0, SIGMA_MOST);
            }
            Law::LognormalMean { mean, scv } => {
                let path = path.key("lognormal-mean");
                self.scale(&path.key("mean"), mean);
                self.within(&path.key("scv"), *scv, 0.0, SCV_MOST);
            }
            Law::Pareto { alpha, min } => {
                self.tailed(&path.key("pareto"), "alpha", *alpha, "min", min);
            }
            Law::Lomax { alpha, scale } => {
                self.tailed(&path.key("lomax"), "alpha", *alpha, "scale", scale);
            }
            Law::LogLogistic { median, shape } => {
                self.tailed(&path.key("log-logistic"), "shape", *shape, "median", median);
            }
            Law::HyperExponential(branches) => {
                self.mixture(&path.key("hyper-exponential"), branches);
            }
        }
    }

    fn constant(&mut self, path: &Path, value: &U) {
        match self.zero_allowed {
            true => self.at_most(path, value),
            false => self.scale(path, value),
        }
    }

    fn at_most(&mut self, path: &Path, value: &U) {
        if (self.raw)(value) > self.most {
            let rule = format!("must be at most {}", self.most_text);
            self.checker.refuse(path, &rule, "");
        }
    }

    /// A parameter with a unit that must be positive.
    fn scale(&mut self, path: &Path, value: &U) {
        if (self.raw)(value) == 0 {
            let help = format!("write for example \"{}\"", U::EXAMPLE);
            self.checker.refuse(path, "must be above zero", &help);
        }
        self.at_most(path, value);
    }

    fn uniform(&mut self, path: &Path, from: &U, to: &U) {
        if (self.raw)(from) > (self.raw)(to) {
            let message = format!("{path}: from must not exceed to");
            let paths = [path.key("from"), path.key("to")];
            let (findings, tree) = (&mut *self.checker.findings, self.checker.tree);
            findings.values(tree, &paths, message, Some("exchange the two".to_owned()));
        }
        // A link rate is never zero; a period may begin at zero if it does not end there.
        if U::FORMAT == BitRate::FORMAT {
            self.scale(&path.key("from"), from);
        }
        self.constant(&path.key("to"), to);
    }

    fn within(&mut self, path: &Path, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            let rule = format!("must be from {least} to {most}");
            self.checker.refuse(path, &rule, "");
        }
    }

    fn shaped(&mut self, path: &Path, shape: f64, scale_key: &str, scale: &U) {
        self.within(&path.key("shape"), shape, SHAPE.0, SHAPE.1);
        self.scale(&path.key(scale_key), scale);
    }

    /// A power-law tail, whose mean is finite only for exponents above 1.
    fn tailed(&mut self, path: &Path, tail_key: &str, tail: f64, scale_key: &str, scale: &U) {
        let tail_path = path.key(tail_key);
        self.within(&tail_path, tail, SHAPE.0, SHAPE.1);
        if self.demand == Demand::FiniteMean && tail <= 1.0 && tail >= SHAPE.0 {
            let rule = "must be above 1, or the mean of the periods is infinite";
            let help = "the share of time a device is online follows from the two means";
            self.checker.refuse(&tail_path, rule, help);
        }
        self.scale(&path.key(scale_key), scale);
    }

    fn mixture(&mut self, path: &Path, branches: &[Branch<U>]) {
        if branches.is_empty() {
            let help = "write [{ share = 0.9, mean = … }, { share = 0.1, mean = … }]";
            return self.checker.refuse(path, "needs at least one branch", help);
        }
        for (index, branch) in branches.iter().enumerate() {
            let path = path.index(index);
            if !(branch.share > 0.0 && branch.share <= 1.0) {
                let rule = "must be above 0 and at most 1";
                self.checker.refuse(&path.key("share"), rule, "");
            }
            self.scale(&path.key("mean"), &branch.mean);
        }
        let total: f64 = branches.iter().map(|branch| branch.share).sum();
        if (total - 1.0).abs() > 1e-9 {
            let paths: Vec<Path> =
                (0..branches.len()).map(|index| path.index(index).key("share")).collect();
            let message = format!("{path}: shares add up to {}, not 1", rounded(total));
            let (findings, tree) = (&mut *self.checker.findings, self.checker.tree);
            findings.values(tree, &paths, message, None);
        }
    }
}
