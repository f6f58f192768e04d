//! A latency distribution: a histogram for quantiles beside exact sum, least and greatest.

use hdrhistogram::Histogram;

use crate::model::{Span, Time};

/// Durations in microseconds, to three significant digits; mean, minimum and maximum exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum_us: u128,
    min_us: u64,
    max_us: u64,
}

impl Default for Latency {
    /// Grows with what it records.
    fn default() -> Latency {
        let histogram = Histogram::new(3).expect("three digits are valid");
        Latency { histogram, sum_us: 0, min_us: u64::MAX, max_us: 0 }
    }
}

impl Latency {
    /// An empty one that has room for every span from the start, so that its shape, and the
    /// bytes it is written in, do not depend on the order of records.
    pub fn full_range() -> Latency {
        let histogram = Histogram::new_with_bounds(1, Time::NEVER.0, 3).expect("bounds are valid");
        Latency { histogram, ..Latency::default() }
    }

    #[inline]
    pub fn record(&mut self, span: Span) {
        self.histogram.record(span.0).expect("a histogram that grows takes every span");
        self.sum_us += u128::from(span.0);
        self.min_us = self.min_us.min(span.0);
        self.max_us = self.max_us.max(span.0);
    }

    pub fn merge(&mut self, other: &Latency) {
        self.histogram.add(&other.histogram).expect("a histogram that grows takes every other");
        self.sum_us += other.sum_us;
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Sum of all recorded spans, exact.
    pub fn sum_us(&self) -> u128 {
        self.sum_us
    }

    /// Exact mean; none if nothing was recorded.
    pub fn mean_s(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_us as f64 / self.count() as f64 / 1e6)
    }

    /// Exact least span.
    pub fn min(&self) -> Option<Span> {
        (self.count() > 0).then_some(Span(self.min_us))
    }

    /// Exact greatest span.
    pub fn max(&self) -> Option<Span> {
        (self.count() > 0).then_some(Span(self.max_us))
    }

    /// The value that a share `q` in [0, 1] of the records does not exceed; exact at 1,
    /// else within 0.1 %.
    pub fn quantile(&self, q: f64) -> Option<Span> {
        if q >= 1.0 {
            return self.max();
        }
        (self.count() > 0)
            .then(|| Span(self.histogram.value_at_quantile(q).clamp(self.min_us, self.max_us)))
    }

    /// The value that `rank` of the records do not exceed; none if there are fewer.
    pub fn at_rank(&self, rank: u64) -> Option<Span> {
        match rank {
            0 => None,
            rank if rank > self.count() => None,
            rank => self.quantile(rank as f64 / self.count() as f64),
        }
    }

    /// Share of the records at most `span`, to the histogram's resolution.
    pub fn share_at_most(&self, span: Span) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        self.histogram.quantile_below(span.0)
    }

    /// The histogram, values in microseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}
