//! The law of measured values: each draw repeats one of them.

use crate::rng::Stream;

/// A step distribution function through the samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    /// Sorted, all positive.
    values: Box<[f64]>,
    /// `cumulative[i]` is the sum of the values up to and including `i`.
    cumulative: Box<[f64]>,
}

impl Empirical {
    /// # Panics
    /// If there are no values, or one is not a positive number.
    pub fn new(mut values: Vec<f64>) -> Empirical {
        assert!(!values.is_empty(), "an empirical law needs samples");
        assert!(values.iter().all(|v| *v > 0.0 && v.is_finite()), "samples must be positive");
        values.sort_unstable_by(f64::total_cmp);
        let mut sum = 0.0;
        let cumulative = values
            .iter()
            .map(|v| {
                sum += v;
                sum
            })
            .collect();
        Empirical { values: values.into(), cumulative }
    }

    pub fn mean(&self) -> f64 {
        self.total() / self.values.len() as f64
    }

    pub fn sample(&self, stream: &mut Stream) -> f64 {
        let wide = u128::from(stream.next_u64()) * self.values.len() as u128;
        self.values[(wide >> 64) as usize]
    }

    /// A value chosen with probability proportional to itself.
    pub fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        let mark = stream.next_unit() * self.total();
        let at = self.cumulative.partition_point(|sum| *sum < mark);
        self.values[at.min(self.values.len() - 1)]
    }

    /// Share of the samples at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        self.values.partition_point(|v| *v <= x) as f64 / self.values.len() as f64
    }

    fn total(&self) -> f64 {
        self.cumulative[self.cumulative.len() - 1]
    }
}
