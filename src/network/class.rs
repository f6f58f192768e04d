//! Downloads that go on at one speed: those over the same links at about the same rate of their
//! own.

use crate::model::{Span, Time, take};

use super::monotone::Monotone;

/// How far downloads of a class have come since some instant, each at the same part of the rate
/// it would have alone.
///
/// # Model
/// A download that would take `w` µs alone and begins when the class has done `v` ends when it
/// has done `v + w`, whatever the speed is in between: so a change of speed costs the same for
/// one download as for a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    from: Time,
    /// Microseconds of work alone, at `from`.
    done: f64,
    /// From 0 to 1.
    speed: f64,
}

/// Work done at the beginning; above zero, so that every mark has the bits of a normal number,
/// in which the order of positive numbers is that of integers.
const BEGIN: f64 = 1.0;

impl Progress {
    pub fn begin(now: Time, speed: f64) -> Progress {
        Progress { from: now, done: BEGIN, speed }
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Work done at `now`, which does not lie before the last change of speed.
    #[inline(always)]
    pub fn done_at(&self, now: Time) -> f64 {
        self.done + self.speed * now.since(self.from).0 as f64
    }

    /// When so much is done, at this speed.
    #[inline(always)]
    pub fn when(&self, mark: f64) -> Time {
        self.from + Span::from_micros_f64(((mark - self.done) / self.speed).ceil())
    }

    /// From `now` on it goes at another speed.
    pub fn set_speed(&mut self, now: Time, speed: f64) {
        *self = Progress { from: now, done: self.done_at(now), speed };
    }
}

/// The downloads of one class that somebody looks after.
#[derive(Clone, Debug)]
pub struct Class<T> {
    pub progress: Progress,
    /// Downloads by the bits of the work done at which they end; some may have left.
    ends: Monotone<T>,
    pub count: u64,
    /// Sum of the rates that they would have alone, in bit/s.
    pub rates: u64,
}

impl<T: Copy> Class<T> {
    pub fn new(progress: Progress) -> Class<T> {
        Class { progress, ends: Monotone::default(), count: 0, rates: 0 }
    }

    /// A download joins that has `alone` µs of work left; where the class will be at its end.
    #[inline(always)]
    pub fn join(&mut self, now: Time, alone: f64, rate: u64) -> f64 {
        self.count += 1;
        self.rates += rate;
        // Rounding must not put it before one that has ended.
        (self.progress.done_at(now) + alone).max(f64::from_bits(self.ends.last()))
    }

    /// A download has ended or was interrupted.
    #[inline(always)]
    pub fn leave(&mut self, rate: u64) {
        take(&mut self.count, 1);
        take(&mut self.rates, rate);
    }

    /// Says that the download ends at `mark`, as [`Class::join`] returned it.
    #[inline(always)]
    pub fn await_end(&mut self, mark: f64, download: T) {
        self.ends.push(mark.to_bits(), download);
    }

    /// When the next download ends, at the present speed; it may have left.
    pub fn next_end(&mut self) -> Time {
        let next = self.ends.least();
        next.map_or(Time::NEVER, |bits| self.progress.when(f64::from_bits(bits)))
    }

    /// Takes the next download that ends before `end`, with its mark and its instant.
    #[inline(always)]
    pub fn take_end(&mut self, end: Time) -> Option<(T, f64, Time)> {
        if self.next_end() >= end {
            return None;
        }
        let (bits, download) = self.ends.pop_at_most(u64::MAX)?;
        let mark = f64::from_bits(bits);
        Some((download, mark, self.progress.when(mark)))
    }

    /// Nobody is in the class, anywhere: it begins anew.
    pub fn reset(&mut self, progress: Progress) {
        assert!(self.count == 0, "somebody is left");
        self.progress = progress;
        self.ends.clear();
    }
}

/// Classes of rates up to 2^42 bit/s.
pub const RATE_CLASSES: u32 = 42 * 8;

/// The class of a rate: eight to each doubling, so that rates of one class differ by at most an
/// eighth.
#[inline(always)]
pub fn rate_class(bits_per_s: u64) -> u32 {
    let rate = bits_per_s.max(1);
    let octave = rate.ilog2();
    let eighth = (u128::from(rate) << 3 >> octave) as u32 & 7;
    (octave * 8 + eighth).min(RATE_CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_a_class_differ_by_an_eighth_at_most() {
        let mut last = 0;
        for rate in (1u64..5_000).chain([1 << 20, 1_000_000_000, 1_000_000_000_000]) {
            let class = rate_class(rate);
            assert!(class >= last && class < RATE_CLASSES);
            last = class;
            let next = rate + (rate / 8).max(1);
            assert!(rate_class(next) > class || rate < 8, "{rate}");
        }
    }

    /// Two downloads of 10 s; at half speed from 5 s on.
    #[test]
    fn a_change_of_speed_moves_every_end() {
        let s = |s: u64| Time(s * 1_000_000);
        let mut class = Class::new(Progress::begin(s(0), 1.0));
        for (at, name) in [(0, 'a'), (2, 'b')] {
            let mark = class.join(s(at), 10e6, 1_000);
            class.await_end(mark, name);
        }
        assert_eq!(class.next_end(), s(10));
        class.progress.set_speed(s(5), 0.5);
        assert_eq!(class.next_end(), s(15));
        assert_eq!(class.take_end(s(15)), None);
        let (name, _, at) = class.take_end(s(100)).unwrap();
        assert_eq!((name, at), ('a', s(15)));
        class.progress.set_speed(s(16), 1.0);
        let (name, _, at) = class.take_end(s(100)).unwrap();
        // b had 7 s left at 5 s, and 1.5 s at 16 s.
        assert_eq!((name, at), ('b', Time(17_500_000)));
        assert_eq!((class.count, class.rates, class.next_end()), (2, 2_000, Time::NEVER));
    }
}
