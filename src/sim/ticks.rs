//! Ticks: the coupling steps of virtual time.

use crate::model::{Span, Time};

/// Converts between instants and ticks of a fixed length.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    micros: u64,
    /// 2^64 / micros, rounded up: multiplying by it beats dividing.
    reciprocal: u64,
}

impl Ticks {
    /// # Panics
    /// If the length is not at least 2 µs and below 2^32 µs.
    pub fn new(length: Span) -> Ticks {
        assert!((2..1 << 32).contains(&length.0), "a tick is 2 µs to 71 min long");
        Ticks { micros: length.0, reciprocal: u64::MAX / length.0 + 1 }
    }

    /// The tick that `time` lies in.
    #[inline(always)]
    pub fn of(&self, time: Time) -> u64 {
        let guess = ((u128::from(time.0) * u128::from(self.reciprocal)) >> 64) as u64;
        // The reciprocal was rounded up, so the guess is right or one too high.
        guess - u64::from(guess * self.micros > time.0)
    }

    /// The instant at which `tick` begins.
    #[inline(always)]
    pub fn start(&self, tick: u64) -> Time {
        Time(tick * self.micros).min(Time::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_division(length in 2u64..1 << 32, time in 0..=Time::NEVER.0, k in 0u64..1 << 20) {
            let ticks = Ticks::new(Span(length));
            for time in [time, k * length, (k * length).saturating_sub(1)] {
                prop_assert_eq!(ticks.of(Time(time)), time / length);
            }
        }
    }
}
