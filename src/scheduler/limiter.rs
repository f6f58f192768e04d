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
/// `tau = (burst − 1) interval`. All are kept in units of 1/count µs, where count is the
/// rate's numerator, so that no interval is rounded; permits round up to whole µs.
///
/// # Invariants
/// Any span `w` holds at most `burst + w / interval` pushes.
///
/// # Source
/// ITU-T I.371, GCRA.
#[derive(Clone, Debug)]
pub struct Gcra {
    rate: EventRate,
    tau: u128,
    tat: u128,
    /// `tat − tau` in whole µs: the earliest instant that conforms.
    free_at: Time,
}

impl Gcra {
    fn new(rate: EventRate, burst: u32) -> Gcra {
        assert!(rate.count > 0, "a rate of zero grants nothing");
        assert!(burst > 0, "a bucket holds at least one token");
        let tau = u128::from(burst - 1) * u128::from(rate.per_us);
        Gcra { rate, tau, tat: 0, free_at: Time::ZERO }
    }

    fn next(&self, from: Time) -> Time {
        from.max(self.free_at)
    }

    fn take(&mut self, from: Time) {
        // Time counts exactly, not as rounded up to whole µs: pauses must not add up.
        let count = u128::from(self.rate.count);
        let now = (u128::from(from.0) * count).max(self.tat.saturating_sub(self.tau));
        self.tat = now.max(self.tat) + u128::from(self.rate.per_us);
        let free_at = self.tat.saturating_sub(self.tau);
        self.free_at = match u64::try_from(free_at) {
            // A short division is several times faster than a long one.
            Ok(short) => Time(short.div_ceil(self.rate.count)),
            Err(_) => Time(u64::try_from(free_at.div_ceil(count)).unwrap_or(u64::MAX)),
        }
        .min(Time::NEVER);
    }
}
