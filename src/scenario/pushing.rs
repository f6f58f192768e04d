//! When a rate has allowed so many pushes, at the earliest.

use super::file::PushRate;
use super::rules::RateFrom;
use crate::model::{Span, Time};

/// When the last of `pushes` can leave, if the first one can at `start` and nothing but the rate
/// holds them up.
pub fn last(rate: &PushRate, pushes: u64, start: Time) -> Time {
    match rate {
        PushRate::Constant { rate, burst } => {
            let waiting = u128::from(pushes.saturating_sub(u64::from(*burst)));
            let us = waiting * u128::from(rate.per_us) / u128::from(rate.count.max(1));
            start + Span(u64::try_from(us).unwrap_or(u64::MAX))
        }
        PushRate::FixedWindow { pushes: most, window } => {
            let before = pushes.div_ceil(u64::from(*most).max(1)).saturating_sub(1);
            let first = start.0 / window.0.max(1);
            let opens = window.0.saturating_mul(first.saturating_add(before));
            start.max(Time(opens.min(Time::NEVER.0)))
        }
        PushRate::Variable { table, burst } => {
            let waiting = pushes.saturating_sub(u64::from(*burst));
            by_table(table, waiting as f64, start)
        }
        PushRate::Exponential { base, factor, every, max, .. } => {
            let mut left = pushes.saturating_sub(1) as f64;
            let (mut rate, mut minutes) = (f64::from(*base), 0.0);
            let (every, max) = (f64::from(*every), f64::from(*max));
            // The push that completes a step is followed at the new rate already.
            let mut step = every - 1.0;
            while left > step && rate < max {
                minutes += step / rate;
                left -= step;
                rate = (rate * factor).min(max);
                step = every;
            }
            start + Span::from_secs_f64((minutes + left / rate) * 60.0)
        }
        PushRate::Unlimited => start,
    }
}

/// As [`last`], if pushes can leave in these spans only. What a rate allows while nothing may
/// leave is lost but for a burst.
pub fn last_within(rate: &PushRate, pushes: u64, open: impl Iterator<Item = (Time, Time)>) -> Time {
    let mut left = pushes as f64;
    for (from, to) in open {
        let most = within(rate, to - from);
        if left <= most {
            return match rate {
                PushRate::Constant { .. } => last(rate, left as u64, from),
                _ => from,
            };
        }
        left -= most;
    }
    Time::NEVER
}

/// Pushes that a rate allows at most in a span, wherever that lies.
pub fn within(rate: &PushRate, open: Span) -> f64 {
    let us = open.0 as f64;
    match rate {
        PushRate::Constant { rate, burst } => {
            f64::from(*burst) + (us * rate.count as f64 / rate.per_us as f64).floor()
        }
        PushRate::FixedWindow { pushes, window } => {
            f64::from(*pushes) * (open.0.div_ceil(window.0.max(1)) as f64 + 1.0)
        }
        PushRate::Variable { table, burst } => {
            let greatest = table.iter().map(per_us).fold(0.0, f64::max);
            f64::from(*burst) + (us * greatest).floor()
        }
        PushRate::Exponential { max, .. } => 1.0 + (us * f64::from(*max) / 60e6).floor(),
        PushRate::Unlimited => f64::INFINITY,
    }
}

fn per_us(entry: &RateFrom) -> f64 {
    entry.rate.map_or(0.0, |rate| rate.count as f64 / rate.per_us as f64)
}

fn by_table(table: &[RateFrom], mut left: f64, start: Time) -> Time {
    for (at, entry) in table.iter().enumerate() {
        let from = start.0.max(entry.at.0) as f64;
        let end = table.get(at + 1).map_or(f64::INFINITY, |next| next.at.0 as f64);
        if end <= from || entry.rate.is_none() {
            continue;
        }
        let pushes = per_us(entry) * (end - from);
        if pushes >= left {
            return Time::ZERO + Span::from_micros_f64(from + left / per_us(entry));
        }
        left -= pushes;
    }
    Time::NEVER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventRate;

    fn constant(count: u64, burst: u32) -> PushRate {
        PushRate::Constant { rate: EventRate { count, per_us: 60_000_000 }, burst }
    }

    #[test]
    fn the_last_push_leaves_when_the_rate_allows_it() {
        let window = PushRate::FixedWindow { pushes: 100, window: Span::secs(60) };
        for (rate, pushes, start, at) in [
            (&constant(60, 1), 61, 0, 60),
            (&constant(60, 1), 1, 0, 0),
            (&constant(60, 1), 0, 7, 7),
            (&constant(60, 10), 70, 5, 65),
            (&window, 100, 0, 0),
            (&window, 101, 0, 60),
            (&window, 101, 30, 60),
            (&window, 0, 30, 30),
            (&PushRate::Unlimited, 1_000_000, 9, 9),
        ] {
            let found = last(rate, pushes, Time(start * 1_000_000));
            assert_eq!(found, Time(at * 1_000_000), "{rate:?} {pushes}");
        }
    }

    #[test]
    fn a_table_and_a_growing_rate() {
        let from = |at, count| RateFrom {
            at: Span::secs(at),
            rate: (count > 0).then_some(EventRate { count, per_us: 1_000_000 }),
        };
        let table =
            PushRate::Variable { table: vec![from(10, 1), from(20, 0), from(50, 2)], burst: 1 };
        let at = |pushes, start: u64| last(&table, pushes, Time(start * 1_000_000)).0 / 1_000_000;
        assert_eq!((at(1, 0), at(11, 0), at(21, 0), at(21, 60)), (10, 20, 55, 70));
        let ends = PushRate::Variable { table: vec![from(0, 1), from(10, 0)], burst: 1 };
        assert!(last(&ends, 12, Time::ZERO).is_never());
        let of = super::super::rules::Reached::Notified;
        let grows = PushRate::Exponential { base: 60, factor: 2.0, every: 60, of, max: 120 };
        // 59 at one a second, 61 at two.
        assert_eq!(last(&grows, 121, Time::ZERO), Time(89_500_000));
        let doubles = PushRate::Exponential { base: 1, factor: 2.0, every: 2, of, max: 1000 };
        let at = |pushes| last(&doubles, pushes, Time::ZERO).0 / 1_000_000;
        assert_eq!((at(1), at(2), at(3), at(4), at(5)), (0, 60, 90, 120, 135));
    }

    #[test]
    fn what_is_allowed_while_closed_is_lost_but_for_a_burst() {
        let second = 1_000_000;
        let windows =
            || (0..3).map(|day| (Time(day * 100 * second), Time((day * 100 + 10) * second)));
        // Eleven in each window: one at once, then one a second.
        let at = |pushes| last_within(&constant(60, 1), pushes, windows()).0 / second;
        assert_eq!((at(1), at(11), at(12), at(14)), (0, 10, 100, 102));
        assert_eq!(last_within(&PushRate::Unlimited, 1 << 40, windows()), Time::ZERO);
        assert!(last_within(&constant(60, 1), 40, windows()).is_never());
    }
}
