//! A latency distribution: a histogram for quantiles beside exact sum, least and greatest.

use hdrhistogram::Histogram;

use crate::model::{Span, Time};

/// Durations in microseconds, to three significant digits; mean, minimum and maximum exact.
///
/// # Shape
/// The bins are those of an HdrHistogram with three digits, 1024 per power of two from 2048
/// on; kept as a bare list, since recording is on the simulator's hottest path. As long as few
/// bins are used they are a list of pairs: thousands of cohorts of a few devices each need
/// hardly any memory.
///
/// # Source
/// HdrHistogram, for the arrangement of the bins.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// By bin; empty as long as `few` holds them.
    counts: Vec<u64>,
    /// Bins in use with their counts, in order.
    few: Vec<(u32, u64)>,
    sum_us: u128,
    /// Complement of the least value, so that zero means none.
    min_us: u64,
    max_us: u64,
}

const HALF_BITS: u32 = 10;
const HALF: usize = 1 << HALF_BITS;

/// Bins that are kept as pairs.
const FEW: usize = 32;

#[inline(always)]
fn bin(value: u64) -> usize {
    let power = 64 - (HALF_BITS + 1) - (value | (2 * HALF as u64 - 1)).leading_zeros();
    ((power << HALF_BITS) as usize) + (value >> power) as usize
}

/// The least value of a bin, and how many values it holds.
fn values(bin: usize) -> (u64, u64) {
    if bin < 2 * HALF {
        return (bin as u64, 1);
    }
    let power = (bin >> HALF_BITS) as u32 - 1;
    let leading = (bin & (HALF - 1)) + HALF;
    ((leading as u64) << power, 1 << power)
}

impl Latency {
    /// Counts one span.
    #[inline(always)]
    pub fn record(&mut self, span: Span) {
        self.record_many(span, 1);
    }

    /// As [`Latency::record`], so many times.
    #[inline(always)]
    pub fn record_many(&mut self, span: Span, count: u64) {
        if count > 0 {
            let value = span.0.min(Time::NEVER.0);
            self.add(bin(value), count);
            self.sum_us += u128::from(value) * u128::from(count);
            self.min_us = self.min_us.max(!value);
            self.max_us = self.max_us.max(value);
        }
    }

    /// Adds to a bin beyond the list, or to one of the few.
    #[inline(never)]
    fn add_elsewhere(&mut self, at: usize, count: u64) {
        if self.counts.is_empty() {
            match self.few.binary_search_by_key(&(at as u32), |(bin, _)| *bin) {
                Ok(place) => return self.few[place].1 += count,
                Err(place) if self.few.len() < FEW => {
                    return self.few.insert(place, (at as u32, count));
                }
                Err(_) => {}
            }
        }
        self.spread(at);
        self.counts[at] += count;
    }

    #[inline(always)]
    fn add(&mut self, at: usize, count: u64) {
        match self.counts.get_mut(at) {
            Some(own) => *own += count,
            None => self.add_elsewhere(at, count),
        }
    }

    /// Adds what another has recorded.
    pub fn merge(&mut self, other: &Latency) {
        if self.counts.len() < other.counts.len() {
            self.spread(other.counts.len() - 1);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        other.few.iter().for_each(|(bin, count)| self.add(*bin as usize, *count));
        self.sum_us += other.sum_us;
        self.min_us = self.min_us.max(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Goes over to the list, which holds `at`.
    fn spread(&mut self, at: usize) {
        let last = self.few.last().map_or(at, |(bin, _)| at.max(*bin as usize));
        self.counts.resize((last + 1).next_multiple_of(HALF), 0);
        for (bin, count) in std::mem::take(&mut self.few) {
            self.counts[bin as usize] += count;
        }
    }

    /// Bins in use with their counts, in order.
    fn used(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let few = self.few.iter().map(|(bin, count)| (*bin as usize, *count));
        few.chain(self.counts.iter().copied().enumerate()).filter(|(_, count)| *count > 0)
    }

    /// Records there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.few.iter().map(|(_, count)| count).sum::<u64>()
    }

    /// Sum of all recorded spans, exact.
    pub fn sum_us(&self) -> u128 {
        self.sum_us
    }

    /// Exact mean; none if nothing was recorded.
    pub fn mean_s(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum_us as f64 / count as f64 / 1e6)
    }

    /// Exact least span.
    pub fn min(&self) -> Option<Span> {
        (self.count() > 0).then_some(Span(!self.min_us))
    }

    /// Exact greatest span.
    pub fn max(&self) -> Option<Span> {
        (self.count() > 0).then_some(Span(self.max_us))
    }

    /// The value that a share `q` in [0, 1] of the records does not exceed; exact at 1,
    /// else within 0.1 %.
    pub fn quantile(&self, q: f64) -> Option<Span> {
        let rank = (q * self.count() as f64).ceil() as u64;
        self.at_rank(rank.max(1))
    }

    /// The value that `rank` of the records do not exceed; none for rank 0 or if there are fewer.
    pub fn at_rank(&self, rank: u64) -> Option<Span> {
        let count = self.count();
        if rank == 0 || rank > count {
            return None;
        }
        if rank == count {
            return self.max();
        }
        let mut sum = 0;
        let at = self.used().find(|(_, n)| {
            sum += n;
            sum >= rank
        });
        let (least, width) = values(at.expect("the counts add up to the count").0);
        Some(Span((least + width - 1).clamp(!self.min_us, self.max_us)))
    }

    /// Bins in use, in order: the least value of each in µs, and its records.
    pub fn bins(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.used().map(|(at, count)| (values(at).0, count))
    }

    /// Records at most `span`, to the histogram's resolution.
    pub fn count_at_most(&self, span: Span) -> u64 {
        let last = bin(span.0.min(Time::NEVER.0));
        self.used().take_while(|(at, _)| *at <= last).map(|(_, count)| count).sum()
    }

    /// Share of the records at most `span`, to the histogram's resolution.
    pub fn share_at_most(&self, span: Span) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.count_at_most(span) as f64 / count as f64,
        }
    }

    /// As an HdrHistogram, values in microseconds; its shape is always the same, so that the
    /// bytes it is written in follow from the records alone.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram =
            Histogram::new_with_bounds(1, Time::NEVER.0, 3).expect("bounds are valid");
        for (least, n) in self.bins() {
            histogram.record_n(least, n).expect("every bin lies within the bounds");
        }
        histogram
    }
}

impl PartialEq for Latency {
    /// Equal records, however they are kept.
    fn eq(&self, other: &Latency) -> bool {
        let exact = |latency: &Latency| (latency.sum_us, latency.min_us, latency.max_us);
        exact(self) == exact(other) && self.used().eq(other.used())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same values recorded by HdrHistogram itself.
        #[test]
        fn agrees_with_hdrhistogram(
            values in prop::collection::vec(prop_oneof![0u64..5000, 0..=Time::NEVER.0], 1..200),
            q in 0.0..=1.0f64,
        ) {
            let mut ours = Latency::default();
            let mut halves = [Latency::default(), Latency::default()];
            let mut theirs = Histogram::<u64>::new_with_bounds(1, Time::NEVER.0, 3).unwrap();
            for (at, value) in values.iter().enumerate() {
                ours.record(Span(*value));
                halves[at % 2].record(Span(*value));
                theirs.record(*value).unwrap();
            }
            prop_assert_eq!(ours.histogram(), theirs.clone());
            let [mut merged, second] = halves;
            merged.merge(&second);
            prop_assert_eq!(&merged, &ours);
            let quantile = ours.quantile(q).unwrap().0;
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            prop_assert!(theirs.equivalent(quantile, sorted[rank - 1]));
            prop_assert_eq!(ours.min(), sorted.first().map(|v| Span(*v)));
            prop_assert_eq!(ours.max(), sorted.last().map(|v| Span(*v)));
            let share = sorted.iter().filter(|v| **v <= quantile).count();
            prop_assert_eq!(ours.share_at_most(Span(quantile)), share as f64 / values.len() as f64);
        }
    }

    #[test]
    fn nothing_recorded_has_no_values() {
        let empty = Latency::default();
        assert_eq!((empty.mean_s(), empty.min(), empty.max()), (None, None, None));
        assert_eq!((empty.quantile(0.5), empty.at_rank(1)), (None, None));
        assert_eq!(empty.share_at_most(Span(1)), 0.0);
    }
}
