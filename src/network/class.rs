//! Downloads that go on at one speed: those over the same links at about the same rate of their
//! own.

use crate::model::{Time, take};

use super::clock::{Clock, Pace};
use super::monotone::Monotone;

/// The downloads of one class that somebody looks after.
#[derive(Clone, Debug)]
pub struct Class<T> {
    pub pace: Pace,
    /// Downloads by the bits of the work done at which they end; some may have left.
    ends: Monotone<T>,
    pub count: u64,
    /// Sum of the rates that they would have alone, in bit/s.
    pub rates: u64,
}

impl<T: Copy> Class<T> {
    /// A class that nobody is in yet.
    pub fn new() -> Class<T> {
        Class { pace: Pace::STILL, ends: Monotone::default(), count: 0, rates: 0 }
    }

    /// A download joins that has `alone` µs of work left; where the class will be at its end.
    /// `clock` is the one that the class goes by.
    #[inline(always)]
    pub fn join(&mut self, now: Time, clock: &Clock, alone: f64, rate: u64) -> f64 {
        self.count += 1;
        self.rates += rate;
        // Rounding must not put it before one that has ended.
        (self.pace.done_at(now, clock) + alone).max(f64::from_bits(self.ends.last()))
    }

    /// A download has ended or was interrupted.
    #[inline(always)]
    pub fn leave(&mut self, rate: u64) {
        take(&mut self.count, 1);
        take(&mut self.rates, rate);
        if self.count == 0 {
            self.ends.clear();
        }
    }

    /// Says that the download ends at `mark`, as [`Class::join`] returned it.
    #[inline(always)]
    pub fn await_end(&mut self, mark: f64, download: T) {
        self.ends.push(mark.to_bits(), download);
    }

    /// What the clock reads when the next download ends, by the bits; it may have left.
    #[inline(always)]
    pub fn next_reading(&mut self) -> Option<u64> {
        let mark = f64::from_bits(self.ends.least()?);
        let reading = self.pace.reading_at(mark);
        // Rounding must not make it negative, whose bits have another order.
        (reading < f64::INFINITY).then(|| (reading.max(0.0) + 0.0).to_bits())
    }

    /// Takes the next download to end, with its mark and its instant.
    pub fn take_end(&mut self, clock: &Clock) -> Option<(T, f64, Time)> {
        let (bits, download) = self.ends.pop_at_most(u64::MAX)?;
        let mark = f64::from_bits(bits);
        Some((download, mark, clock.when(self.pace.reading_at(mark))))
    }

    /// Nobody is in the class, anywhere: it begins anew.
    pub fn reset(&mut self) {
        assert!(self.count == 0, "somebody is left");
        self.pace = Pace::STILL;
        self.ends.clear();
    }

    /// Whether most of those whose ends are awaited have left.
    #[inline(always)]
    pub fn is_mostly_gone(&self) -> bool {
        self.ends.len() as u64 > 2 * self.count + 64
    }

    /// Forgets those who have left: `stays` tells of a mark and a download whether it is there.
    pub fn forget(&mut self, mut stays: impl FnMut(f64, T) -> bool) {
        self.ends.retain(|bits, download| stays(f64::from_bits(bits), download));
    }
}

impl<T: Copy> Default for Class<T> {
    fn default() -> Class<T> {
        Class::new()
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

/// From which rate to which the class goes, in bit/s; the first is in it, the last is not.
pub fn rates_of(class: u32) -> (f64, f64) {
    let least = |class: u32| f64::from(8 + class % 8) / 8.0 * (1u64 << (class / 8)) as f64;
    let most = if class + 1 < RATE_CLASSES { least(class + 1) } else { f64::INFINITY };
    (least(class), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_a_class_differ_by_an_eighth_at_most() {
        let mut last = 0;
        for rate in (1u64..5_000).chain([1 << 20, 1_000_000_000, 1_000_000_000_000, u64::MAX]) {
            let class = rate_class(rate);
            assert!(class >= last && class < RATE_CLASSES);
            let (least, most) = rates_of(class);
            assert!((least..most).contains(&(rate as f64)), "{rate}");
            last = class;
            let next = rate.saturating_add((rate / 8).max(1));
            assert!(rate_class(next) > class || rate < 8 || rate == u64::MAX, "{rate}");
        }
    }

    /// Two downloads of 10 s; at half speed from 5 s on.
    #[test]
    fn a_change_of_speed_moves_every_end() {
        let s = |s: u64| Time(s * 1_000_000);
        let mut clock = Clock::new(s(0), 1_000.0);
        let mut class = Class::new();
        class.pace = Pace::STILL.moved(s(0), &Clock::WALL, (1, &clock), 1_000.0);
        for (at, name) in [(0, 'a'), (2, 'b')] {
            let mark = class.join(s(at), &clock, 10e6, 1_000);
            class.await_end(mark, name);
        }
        let next = |clock: &Clock, class: &mut Class<char>| {
            class.next_reading().map(|bits| clock.when(f64::from_bits(bits)))
        };
        assert_eq!(next(&clock, &mut class), Some(s(10)));
        clock.set_speed(s(5), 500.0);
        assert_eq!(next(&clock, &mut class), Some(s(15)));
        let (name, _, at) = class.take_end(&clock).unwrap();
        assert_eq!((name, at), ('a', s(15)));
        clock.set_speed(s(16), 1_000.0);
        class.forget(|_, name| name == 'b');
        let (name, _, at) = class.take_end(&clock).unwrap();
        // b had 7 s left at 5 s, and 1.5 s at 16 s.
        assert_eq!((name, at), ('b', Time(17_500_000)));
        assert_eq!((class.count, class.rates, next(&clock, &mut class)), (2, 2_000, None));
    }
}
