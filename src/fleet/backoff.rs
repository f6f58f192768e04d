//! How long a device waits before it asks again.

use crate::model::{DeviceId, Span};
use crate::rng::{Purpose, Streams};

/// Capped exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub base: Span,
    /// From each failure to the next.
    pub factor: f64,
    pub cap: Span,
    pub jitter: Jitter,
}

/// How much of the delay is left to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// Uniform from half the delay to all of it.
    Half,
    /// Uniform from zero to the delay.
    Full,
}

impl Backoff {
    /// The delay after so many failures in a row, from 1, without jitter.
    pub fn delay(&self, failures: u32) -> Span {
        let grown = (1..failures.min(64))
            .fold(self.base.0 as f64, |delay, _| (delay * self.factor).min(self.cap.0 as f64));
        Span::from_micros_f64(grown).min(self.cap)
    }

    /// The delay that the device takes, which failed for the so-manieth time in a row; `index`
    /// names the draw.
    pub fn draw(&self, failures: u32, index: u32, device: DeviceId, streams: &Streams) -> Span {
        let delay = self.delay(failures).0 as f64;
        let unit = || streams.stream(device, Purpose::Backoff, index).next_unit();
        Span::from_micros_f64(match self.jitter {
            Jitter::None => delay,
            Jitter::Half => delay * (1.0 + unit()) / 2.0,
            Jitter::Full => delay * unit(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_cap() {
        let backoff =
            Backoff { base: Span::secs(1), factor: 2.0, cap: Span::secs(60), jitter: Jitter::None };
        let delays: Vec<u64> = (1..10).map(|n| backoff.delay(n).0 / 1_000_000).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.delay(u32::MAX), Span::secs(60));
        let streams = Streams::new(1);
        for (jitter, least) in [(Jitter::Half, 2.0), (Jitter::Full, 0.0)] {
            let backoff = Backoff { jitter, ..backoff };
            let mean = (0..10_000).map(|device| {
                let delay = backoff.draw(3, 7, DeviceId(device), &streams).as_secs_f64();
                assert!((least..=4.0).contains(&delay));
                delay
            });
            assert!((mean.sum::<f64>() / 1e4 - (least + 4.0) / 2.0).abs() < 0.05);
        }
    }
}
