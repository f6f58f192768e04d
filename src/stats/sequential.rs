//! How many replications are enough.

use super::interval::{mean_and_variance, t_quantile};

/// Stops when the mean is exact enough.
///
/// # Model
/// After n values, at least `least`, with t the quantile of Student's t and s the standard
/// deviation: enough when t s / sqrt(n) ≤ g / (1 + g) |mean|, g the relative error aimed at.
///
/// # Source
/// Law: Simulation Modeling and Analysis (2015), 9.4.1.
#[derive(Clone, Debug)]
pub struct Precision {
    relative: f64,
    confidence: f64,
    least: usize,
    most: usize,
    values: Vec<f64>,
}

/// What to do after a replication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// About so many more are needed.
    Continue {
        more: usize,
    },
    Reached(Achieved),
    /// As many as may be made were not enough.
    GaveUp(Achieved),
}

/// How exact the mean is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Achieved {
    pub mean: f64,
    pub half_width: f64,
    pub replications: usize,
}

impl Precision {
    /// # Panics
    /// If fewer than two values could be enough, or the numbers are not probabilities.
    pub fn new(relative: f64, confidence: f64, least: usize, most: usize) -> Precision {
        assert!(
            relative > 0.0 && confidence > 0.0 && confidence < 1.0,
            "an error and a confidence"
        );
        assert!(2 <= least && least <= most, "at least two replications");
        Precision { relative, confidence, least, most, values: Vec::new() }
    }

    /// Takes the value of a replication.
    pub fn add(&mut self, value: f64) -> Verdict {
        assert!(value.is_finite(), "a replication has a value");
        self.values.push(value);
        let n = self.values.len();
        if n < self.least {
            return Verdict::Continue { more: self.least - n };
        }
        let (mean, variance) = mean_and_variance(&self.values);
        let half_width = t_quantile(n - 1, self.confidence) * (variance / n as f64).sqrt();
        let achieved = Achieved { mean, half_width, replications: n };
        let aim = self.relative / (1.0 + self.relative) * mean.abs();
        if half_width <= aim {
            return Verdict::Reached(achieved);
        }
        if n >= self.most {
            return Verdict::GaveUp(achieved);
        }
        // The width goes down with the square root.
        let needed = n as f64 * (half_width / aim).powi(2);
        let more = (needed - n as f64).ceil().min((self.most - n) as f64);
        Verdict::Continue { more: (more as usize).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{SplitMix64, unit};

    #[test]
    fn stops_as_soon_as_it_may() {
        let mut precise = Precision::new(0.02, 0.95, 10, 100);
        for n in 1..10 {
            assert_eq!(precise.add(5.0), Verdict::Continue { more: 10 - n });
        }
        let achieved = Achieved { mean: 5.0, half_width: 0.0, replications: 10 };
        assert_eq!(precise.add(5.0), Verdict::Reached(achieved));
        // A mean of zero has no relative error.
        let mut never = Precision::new(0.02, 0.95, 2, 6);
        let verdicts: Vec<Verdict> = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0].map(|v| never.add(v)).into();
        assert!(matches!(verdicts[5], Verdict::GaveUp(Achieved { replications: 6, .. })));
        assert!(verdicts[..5].iter().all(|v| matches!(v, Verdict::Continue { .. })));
    }

    #[test]
    fn what_it_says_is_as_exact_as_it_says() {
        let mut random = SplitMix64(3);
        let mut inside = 0;
        for _ in 0..300 {
            let mut precision = Precision::new(0.05, 0.95, 10, 100_000);
            let achieved = loop {
                if let Verdict::Reached(achieved) = precision.add(unit(random.next_u64())) {
                    break achieved;
                }
            };
            inside += usize::from((achieved.mean - 0.5).abs() <= 0.05 * 0.5);
        }
        // Stopping early costs some of the confidence.
        assert!(inside > 270, "{inside} of 300");
    }
}
