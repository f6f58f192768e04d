//! Push permits (R16): pure arithmetic from instants to instants.

use crate::model::{EventRate, Span, Time};

/// Grants permits at exact instants.
#[derive(Clone, Debug)]
pub enum Limiter {
    Unlimited,
    Constant(Gcra),
    FixedWindow { pushes: u32, window: Span, current: u64, used: u32 },
}

impl Limiter {
    /// Evenly spaced permits, up to `burst` at once after a pause.
    pub fn constant(rate: EventRate, burst: u32) -> Limiter {
        Limiter::Constant(Gcra::new(rate, burst))
    }

    /// At most `pushes` in each window counted from the start.
    pub fn fixed_window(pushes: u32, window: Span) -> Limiter {
        Limiter::FixedWindow { pushes, window, current: 0, used: 0 }
    }

    /// The earliest instant from `from` on at which a permit can be had.
    #[inline(always)]
    pub fn next(&self, from: Time) -> Time {
        match self {
            Limiter::Unlimited => from,
            Limiter::Constant(gcra) => gcra.next(from),
            Limiter::FixedWindow { pushes, window, current, used } => {
                if from.0 / window.0 > *current {
                    return from;
                }
                // Permits were taken up to the current window, whatever `from` is.
                let open = if used < pushes { *current } else { current + 1 };
                from.max(Time(open * window.0))
            }
        }
    }

    /// Takes the permit that [`Limiter::next`] promised for `from`, and says for when it is.
    #[inline(always)]
    pub fn take(&mut self, from: Time) -> Time {
        let at = self.next(from);
        match self {
            Limiter::Unlimited => {}
            Limiter::Constant(gcra) => gcra.take(from),
            Limiter::FixedWindow { window, current, used, .. } => {
                let index = at.0 / window.0;
                *used = if index == *current { *used + 1 } else { 1 };
                *current = index;
            }
        }
        at
    }
}

/// Paces pushes with the generic cell rate algorithm.
///
/// # Model
/// A push at `t` conforms when `t ≥ tat − tau`; then `tat ← max(t, tat) + interval`, with
/// `tau = (burst − 1) interval`. All are exact fractions, so that no interval is rounded;
/// permits round up to whole µs.
///
/// # Invariants
/// Any span `w` holds at most `burst + w / interval` pushes.
///
/// # Source
/// ITU-T I.371, GCRA.
#[derive(Clone, Debug)]
pub struct Gcra {
    interval: Fraction,
    tau: Fraction,
    tat: Fraction,
    /// What the parts of fractions are counted in: 1/count µs.
    count: u64,
    /// `tat − tau` rounded up: the earliest instant that conforms.
    free_at: Time,
}

/// Whole microseconds and a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fraction {
    us: u64,
    part: u64,
}

impl Gcra {
    fn new(rate: EventRate, burst: u32) -> Gcra {
        assert!(rate.count > 0, "a rate of zero grants nothing");
        assert!(rate.count < 1 << 63, "the sum of two parts fits a word");
        assert!(burst > 0, "a bucket holds at least one token");
        let parts = |parts: u128| Fraction {
            us: u64::try_from(parts / u128::from(rate.count))
                .unwrap_or(Time::NEVER.0)
                .min(Time::NEVER.0),
            part: (parts % u128::from(rate.count)) as u64,
        };
        Gcra {
            interval: parts(u128::from(rate.per_us)),
            tau: parts(u128::from(burst - 1) * u128::from(rate.per_us)),
            tat: Fraction { us: 0, part: 0 },
            count: rate.count,
            free_at: Time::ZERO,
        }
    }

    #[inline(always)]
    fn next(&self, from: Time) -> Time {
        from.max(self.free_at)
    }

    #[inline(always)]
    fn take(&mut self, from: Time) {
        // Time counts exactly, not as rounded up to whole µs: pauses must not add up.
        let begin = self.tat.max(Fraction { us: from.0, part: 0 });
        let part = begin.part + self.interval.part;
        let carry = u64::from(part >= self.count);
        self.tat =
            Fraction { us: begin.us + self.interval.us + carry, part: part - carry * self.count };
        let us = self.tat.us.saturating_sub(self.tau.us);
        // Rounding up adds one, a borrow takes one away.
        let up = u64::from(self.tat.part > self.tau.part);
        let free_at = if self.tat < self.tau { 0 } else { us + up };
        self.free_at = Time(free_at).min(Time::NEVER);
    }
}
