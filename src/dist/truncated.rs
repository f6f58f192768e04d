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
}

impl Truncated {
    /// # Panics
    /// If nothing is kept, or the bounds are not in order.
    pub fn new(law: Law, from: f64, to: f64) -> Truncated {
        assert!(from <= to, "bounds in order");
        let kept = between(&law, 0, from, to);
        assert!(kept > 0.0, "something is kept");
        let mean = between(&law, 1, from, to) / kept;
        Truncated { law, from, to, kept, mean }
    }

    /// The part of the whole law that is kept.
    pub fn kept(&self) -> f64 {
        self.kept
    }

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

    /// Draws until a value is kept, from a stream of its own that has any number of words.
    pub(super) fn sample(&self, stream: &mut Stream) -> f64 {
        let mut own = stream.branch();
        loop {
            let x = self.law.sample(&mut own);
            if self.keeps(x) {
                return x;
            }
        }
    }

    /// A value with probability in proportion to itself.
    ///
    /// # Model
    /// What is length-biased and then truncated is what is truncated and then length-biased. So
    /// there are two ways: to draw length-biased values until one is kept, and to draw values
    /// until one is kept and passes with probability x / `to`; taken is the one that ends sooner.
    pub(super) fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        let mut own = stream.branch();
        let whole = self.law.mean();
        loop {
            if whole <= self.to && whole.is_finite() {
                let x = self.law.sample_length_biased(&mut own);
                if self.keeps(x) {
                    return x;
                }
            } else {
                let x = self.law.sample(&mut own);
                if self.keeps(x) && own.next_unit() * self.to < x {
                    return x;
                }
            }
        }
    }
}

/// E\[X^n; from ≤ X ≤ to\].
fn between(law: &Law, n: u32, from: f64, to: f64) -> f64 {
    // A value at `from` itself is kept.
    law.moment_below(n, to) - law.moment_below(n, from.next_down())
}
