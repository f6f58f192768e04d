//! Rules of the parameters of laws.

use super::check::{Checker, LONGEST, rounded};
use super::law::{Branch, Law, Part};
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
const MU_MOST: f64 = 30.0;
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
        depth: 0,
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
        depth: 0,
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
    /// Laws around the one that is looked at.
    depth: usize,
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
            Law::LognormalMu { mu, sigma } => {
                let path = path.key("lognormal-mu");
                self.within(&path.key("mu"), *mu, -MU_MOST, MU_MOST);
                self.within(&path.key("sigma"), *sigma, 0.0, SIGMA_MOST);
            }
            Law::GammaMean { mean, scv } => {
                let path = path.key("gamma-mean");
                self.scale(&path.key("mean"), mean);
                self.within(&path.key("scv"), *scv, 1.0 / SHAPE.1, 1.0 / SHAPE.0);
            }
            Law::Erlang { stages: _, mean } => {
                self.scale(&path.key("erlang").key("mean"), mean);
            }
            Law::Empirical { .. } => {}
            Law::Mixture(parts) => self.parts(&path.key("mixture"), parts),
            Law::Truncated { law, from, to } => {
                self.truncated(&path.key("truncated"), law, from.as_ref(), to.as_ref());
            }
            Law::Shifted { by, law } => {
                let path = path.key("shifted");
                self.at_most(&path.key("by"), by);
                self.nested(&path.key("law"), law, self.demand);
            }
        }
    }

    /// A law within a law.
    fn nested(&mut self, path: &Path, law: &Law<U>, demand: Demand) {
        const DEEPEST: usize = 4;
        if self.depth == DEEPEST {
            let rule = format!("lies deeper than {DEEPEST} laws within each other");
            return self.checker.refuse(path, &rule, "write it with fewer");
        }
        let before = std::mem::replace(&mut self.demand, demand);
        self.depth += 1;
        self.law(path, law);
        self.depth -= 1;
        self.demand = before;
    }

    fn truncated(&mut self, path: &Path, law: &Law<U>, from: Option<&U>, to: Option<&U>) {
        // What is bounded has a mean.
        let demand = if to.is_some() { Demand::None } else { self.demand };
        self.nested(&path.key("law"), law, demand);
        for (key, bound) in [("from", from), ("to", to)] {
            if let Some(bound) = bound {
                self.at_most(&path.key(key), bound);
            }
        }
        match (from.map(self.raw), to.map(self.raw)) {
            (None, None) => {
                let help = "give from, to, or both";
                self.checker.refuse(path, "truncates nothing", help);
            }
            (from, Some(to))
                if from.unwrap_or(0) >= to && self.checker.knows_at(&path.key("from")) =>
            {
                self.checker.refuse(&path.key("to"), "must be greater than from", "");
            }
            _ => {}
        }
    }

    fn parts(&mut self, path: &Path, parts: &[Part<U>]) {
        if parts.is_empty() {
            let help = "write [{ share = 0.9, law = … }, { share = 0.1, law = … }]";
            return self.checker.refuse(path, "needs at least one law", help);
        }
        for (index, part) in parts.iter().enumerate() {
            self.nested(&path.index(index).key("law"), &part.law, self.demand);
        }
        self.shares(path, &parts.iter().map(|part| part.share).collect::<Vec<_>>());
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
            self.scale(&path.index(index).key("mean"), &branch.mean);
        }
        self.shares(path, &branches.iter().map(|branch| branch.share).collect::<Vec<_>>());
    }

    /// The shares of a mixture.
    fn shares(&mut self, path: &Path, shares: &[f64]) {
        let key = |index: usize| path.index(index).key("share");
        for (index, share) in shares.iter().enumerate() {
            if !(*share > 0.0 && *share <= 1.0) {
                self.checker.refuse(&key(index), "must be above 0 and at most 1", "");
            }
        }
        let total: f64 = shares.iter().sum();
        if (total - 1.0).abs() > 1e-9 {
            let paths: Vec<Path> = (0..shares.len()).map(key).collect();
            let message = format!("{path}: shares add up to {}, not 1", rounded(total));
            let (findings, tree) = (&mut *self.checker.findings, self.checker.tree);
            findings.values(tree, &paths, message, None);
        }
    }
}
