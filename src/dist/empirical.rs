//! The law of measured values.

use crate::rng::{Stream, below};

/// Values as they were measured, or also what lies between them.
///
/// # Model
/// Step: each draw repeats one of the values, all with the same probability. Linear: the
/// distribution function goes in straight lines through ((i - 1) / (n - 1)) at the i-th smallest
/// of n values; so a draw is uniform between two neighbours, all pairs with the same probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    /// Sorted, all positive.
    values: Box<[f64]>,
    /// `cumulative[i]` is the sum of the values, or of the middles of their gaps, up to and
    /// including `i`.
    cumulative: Box<[f64]>,
    is_linear: bool,
}

impl Empirical {
    /// A step function.
    ///
    /// # Panics
    /// If there are no values, or one is not a positive number.
    pub fn new(values: Vec<f64>) -> Empirical {
        let values = sorted(values);
        let cumulative = running(values.iter().copied());
        Empirical { values, cumulative, is_linear: false }
    }

    /// Straight lines.
    ///
    /// # Panics
    /// If there are fewer than two values, or one is not a positive number.
    pub fn linear(values: Vec<f64>) -> Empirical {
        let values = sorted(values);
        assert!(values.len() > 1, "a line needs two points");
        let cumulative = running(values.windows(2).map(|gap| (gap[0] + gap[1]) / 2.0));
        Empirical { values, cumulative, is_linear: true }
    }

    /// The expected value, in the unit of the values.
    pub fn mean(&self) -> f64 {
        self.total() / self.cumulative.len() as f64
    }

    /// One value, each as likely as any other; between the values if they are joined by lines.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        let at = below(stream.next_u64(), self.cumulative.len() as u64) as usize;
        match self.is_linear {
            false => self.values[at],
            true => {
                let (from, to) = (self.values[at], self.values[at + 1]);
                from + (to - from) * stream.next_unit()
            }
        }
    }

    /// A value chosen with probability proportional to itself.
    pub fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        let mark = stream.next_unit() * self.total();
        let at = self.cumulative.partition_point(|sum| *sum < mark);
        let at = at.min(self.cumulative.len() - 1);
        match self.is_linear {
            false => self.values[at],
            true => {
                let (from, to) = (self.values[at], self.values[at + 1]);
                (from * from + stream.next_unit() * (to * to - from * from)).sqrt()
            }
        }
    }

    /// E\[X^n; X ≤ x\].
    pub(super) fn moment_below(&self, n: u32, x: f64) -> f64 {
        let power = |x: f64| x.powi(n as i32);
        if !self.is_linear {
            let below = self.values.partition_point(|value| *value <= x);
            let sum: f64 = self.values[..below].iter().map(|value| power(*value)).sum();
            return sum / self.values.len() as f64;
        }
        let gap = |gap: &[f64]| {
            let (from, to) = (gap[0], gap[1]);
            match (x < from, from == to) {
                (true, _) => 0.0,
                (false, true) => power(from),
                (false, false) => {
                    let (x, next) = (x.min(to), f64::from(n) + 1.0);
                    (power(x) * x - power(from) * from) / (next * (to - from))
                }
            }
        };
        let sum: f64 = self.values.windows(2).map(gap).sum();
        sum / self.cumulative.len() as f64
    }

    fn total(&self) -> f64 {
        self.cumulative[self.cumulative.len() - 1]
    }
}

fn sorted(mut values: Vec<f64>) -> Box<[f64]> {
    assert!(!values.is_empty(), "an empirical law needs samples");
    assert!(values.iter().all(|v| *v > 0.0 && v.is_finite()), "samples must be positive");
    values.sort_unstable_by(f64::total_cmp);
    values.into()
}

fn running(values: impl Iterator<Item = f64>) -> Box<[f64]> {
    let sum = |sum: &mut f64, value| {
        *sum += value;
        Some(*sum)
    };
    values.scan(0.0, sum).collect()
}
