//! A law of which only the values in an interval are kept.

use crate::rng::Stream;

use super::Law;

/// The law of X given that `from` ≤ X ≤ `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Truncated {
    law: Law,
    from: f64,
    to: f64,
    /// P(from ≤ X ≤ to).
    kept: f64,
    mean: f64,
    /// How values are drawn, and length-biased ones.
    plain: Way,
    biased: Way,
}

/// How a value is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// By the law until one is kept.
    Whole,
    /// By the length-biased law until one is kept: what is length-biased and then truncated is what
    /// is truncated and then length-biased.
    WholeBiased,
    /// By the law until one is kept and passes with probability x / `to`.
    Thinned,
    /// By bisection of the distribution function: where the others would take too long.
    Inverted,
}

/// Of fewer draws than this the others keep one at a time.
const KEEPS_LEAST: f64 = 0.05;

impl Truncated {
    /// # Panics
    /// If nothing is kept, or the bounds are not in order.
    pub fn new(law: Law, from: f64, to: f64) -> Truncated {
        assert!(from <= to, "bounds in order");
        let kept = between(&law, 0, from, to);
        assert!(kept > 0.0, "something is kept");
        let mean = between(&law, 1, from, to) / kept;
        let plain = if kept < KEEPS_LEAST { Way::Inverted } else { Way::Whole };
        let whole = law.mean();
        let biased = match () {
            () if whole.is_finite() && kept * mean / whole >= KEEPS_LEAST => Way::WholeBiased,
            () if kept * mean / to >= KEEPS_LEAST => Way::Thinned,
            () => Way::Inverted,
        };
        Truncated { law, from, to, kept, mean, plain, biased }
    }

    /// The part of the whole law that is kept.
    pub fn kept(&self) -> f64 {
        self.kept
    }

    /// The expected value of what is kept.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn moment_below(&self, n: u32, x: f64) -> f64 {
        match x < self.from {
            true => 0.0,
            false => between(&self.law, n, self.from, x.min(self.to)) / self.kept,
        }
    }

    fn keeps(&self, x: f64) -> bool {
        (self.from..=self.to).contains(&x)
    }

    pub(super) fn sample(&self, stream: &mut Stream) -> f64 {
        self.draw(self.plain, 0, stream)
    }

    /// A value with probability in proportion to itself.
    pub(super) fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        self.draw(self.biased, 1, stream)
    }

    /// From a stream of its own, which has any number of words.
    fn draw(&self, way: Way, moment: u32, stream: &mut Stream) -> f64 {
        let mut own = stream.branch();
        loop {
            let (x, passes) = match way {
                Way::Whole => (self.law.sample(&mut own), true),
                Way::WholeBiased => (self.law.sample_length_biased(&mut own), true),
                Way::Thinned => {
                    let x = self.law.sample(&mut own);
                    (x, own.next_unit() * self.to < x)
                }
                Way::Inverted => return self.inverted(moment, own.next_unit()),
            };
            if passes && self.keeps(x) {
                return x;
            }
        }
    }

    /// The value below which the part `p` of the moment lies.
    fn inverted(&self, moment: u32, p: f64) -> f64 {
        let below = self.law.moment_below(moment, self.from.next_down());
        let whole = between(&self.law, moment, self.from, self.to);
        let reached = |x: f64| self.law.moment_below(moment, x) - below >= p * whole;
        let (mut low, mut high) = (self.from, self.to);
        if high.is_infinite() {
            high = self.from.max(f64::MIN_POSITIVE);
            while !reached(high) && high.is_finite() {
                (low, high) = (high, high * 2.0);
            }
        }
        // To a part in 2^45 of the interval, below what is left of the distribution function.
        for _ in 0..45 {
            let middle = low + (high - low) / 2.0;
            if reached(middle) { high = middle } else { low = middle }
        }
        high.clamp(self.from, self.to)
    }
}

/// E\[X^n; from ≤ X ≤ to\].
fn between(law: &Law, n: u32, from: f64, to: f64) -> f64 {
    // A value at `from` itself is kept.
    law.moment_below(n, to) - law.moment_below(n, from.next_down())
}
