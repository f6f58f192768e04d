//! When a device asks by itself whether there is something for it.

use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, below};

/// A device's polls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polling {
    pub every: Span,
    /// Each interval is stretched or shortened by up to this share, 0 to 1.
    pub jitter: f64,
}

impl Polling {
    /// The first poll from `now` on at the device's own phase, which is uniform over the fleet.
    pub fn first(&self, now: Time, device: DeviceId, streams: &Streams) -> Time {
        let word = streams.stream(device, Purpose::Poll, 0).next_u64();
        let phase = below(word, self.every.0);
        let intervals = now.0.saturating_sub(phase).div_ceil(self.every.0);
        Time(phase) + Span(intervals.saturating_mul(self.every.0))
    }

    /// The poll after the one at `now`.
    pub fn following(&self, now: Time, device: DeviceId, streams: &Streams) -> Time {
        if self.jitter == 0.0 {
            return now + self.every;
        }
        // The instant of the last poll names the draw, so that nothing needs to be counted.
        let u = streams.stream(device, Purpose::Poll, (now.0 as u32).max(1)).next_unit();
        let stretch = 1.0 + self.jitter * (2.0 * u - 1.0);
        now + Span(Span::from_micros_f64(self.every.0 as f64 * stretch).0.max(1))
    }
}
