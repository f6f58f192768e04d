//! When a device asks by itself whether there is something for it.

use crate::dist::{Law, normal};
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, index_of};

/// A device's polls.
///
/// # Model
/// From one poll to the next it is `every`, stretched or shortened evenly by up to `jitter` of it.
/// Polls have gone on for ever when the run begins. A device that comes back from a common outage,
/// or joins, polls at once, and its intervals run from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polling {
    pub every: Span,
    /// Each interval is stretched or shortened by up to this share, 0 to 1.
    pub jitter: f64,
}

/// One poll of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poll {
    pub at: Time,
    /// Polls since the last that was made for another reason than the one before; names the draw
    /// of the interval that ends with this one.
    pub number: u32,
}

impl Poll {
    /// The poll of a device that has just come back.
    pub fn on_return(at: Time) -> Poll {
        // The instant is the same whatever became of the device, so that what follows is as well.
        Poll { at, number: index_of(at) }
    }
}

impl Polling {
    /// The law of the intervals, in microseconds.
    pub fn interval(&self) -> Law {
        let every = self.every.0 as f64;
        Law::Uniform { from: every * (1.0 - self.jitter), to: every * (1.0 + self.jitter) }
    }

    /// The first poll from `now` on of a device that came back at `back` the last time, or was
    /// never away.
    pub fn first(
        &self,
        back: Option<Time>,
        now: Time,
        device: DeviceId,
        streams: &Streams,
    ) -> Poll {
        let origin = back.map(Poll::on_return);
        self.from(origin.unwrap_or_else(|| self.oldest(device, streams)), now, device, streams)
    }

    /// The first poll of the run: what is left of an interval that is under way.
    fn oldest(&self, device: DeviceId, streams: &Streams) -> Poll {
        let mut stream = streams.stream(device, Purpose::Poll, 0);
        let rest = self.interval().sample_residual(&mut stream);
        Poll { at: Time::ZERO + Span::from_micros_f64(rest), number: 0 }
    }

    /// `poll`, or the first one after it that does not lie before `now`.
    pub fn from(&self, poll: Poll, now: Time, device: DeviceId, streams: &Streams) -> Poll {
        let mut poll = self.skip(poll, now, device, streams);
        while poll.at < now {
            poll = self.following(poll, device, streams);
        }
        poll
    }

    /// Goes over most of the polls up to `now` in one step, where they are many: the sum of so
    /// many intervals is normal.
    fn skip(&self, poll: Poll, now: Time, device: DeviceId, streams: &Streams) -> Poll {
        const MANY: u64 = 32;
        /// Standard deviations that the sum may be off.
        const FAR: f64 = 4.0;
        let polls = now.0.saturating_sub(poll.at.0) / self.every.0;
        if polls < MANY {
            return poll;
        }
        let deviation = |polls: u64| self.jitter * (polls as f64 / 3.0).sqrt();
        let polls = polls.saturating_sub((FAR * deviation(polls)) as u64 + 1);
        let mut stream = streams.stream(device, Purpose::Poll, poll.number);
        (0..3).for_each(|_| _ = stream.next_u64());
        let off = deviation(polls) * normal(&mut stream).clamp(-FAR, FAR) * self.every.0 as f64;
        let at = (poll.at.0 + polls * self.every.0).saturating_add_signed(off as i64);
        Poll { at: Time(at), number: poll.number.wrapping_add(polls as u32) }
    }

    /// The poll after this one.
    pub fn following(&self, poll: Poll, device: DeviceId, streams: &Streams) -> Poll {
        let number = poll.number.wrapping_add(1);
        let every = match self.jitter {
            0.0 => self.every,
            jitter => {
                let u = streams.stream(device, Purpose::Poll, number).next_unit();
                let stretch = 1.0 + jitter * (2.0 * u - 1.0);
                Span(Span::from_micros_f64(self.every.0 as f64 * stretch).0.max(1))
            }
        };
        Poll { at: poll.at + every, number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Span = Span::secs(600);

    /// Over many devices: share of those first polls that lie before an instant.
    #[test]
    fn polls_from_any_instant_on_have_the_residual_law() {
        let streams = Streams::new(5);
        for jitter in [0.0, 0.2, 1.0] {
            let polling = Polling { every: EVERY, jitter };
            // Soon, after a few steps, and after a leap over many.
            for now in [0u64, 3_000, 500_000] {
                let now = Time::ZERO + Span::secs(now);
                let rest = |device| {
                    let poll = polling.first(None, now, DeviceId(device), &streams);
                    poll.at.since(now).0 as f64
                };
                let rests: Vec<f64> = (0..20_000).map(rest).collect();
                for part in [0.2, 0.5, 0.9, 1.1] {
                    let below = EVERY.0 as f64 * part;
                    let share = rests.iter().filter(|rest| **rest <= below).count() as f64 / 2e4;
                    let expected = polling.interval().residual_cdf(below);
                    assert!((share - expected).abs() < 0.015, "{jitter} {now:?} {part}: {share}");
                }
            }
        }
    }

    #[test]
    fn a_leap_comes_to_where_steps_would() {
        let streams = Streams::new(1);
        let polling = Polling { every: EVERY, jitter: 0.0 };
        let poll = polling.first(Some(Time(7)), Time(EVERY.0 * 1_000), DeviceId(3), &streams);
        assert_eq!(poll.at, Time(EVERY.0 * 1_000 + 7));
        // With jitter the spread is that of a sum of uniform intervals.
        let polling = Polling { every: EVERY, jitter: 0.1 };
        let now = Time(EVERY.0 * 100);
        let off = |device| {
            let poll = polling.skip(Poll::on_return(Time(7)), now, DeviceId(device), &streams);
            let steps = poll.number.wrapping_sub(index_of(Time(7)));
            assert!(poll.at <= now && steps > 90);
            poll.at.0 as f64 / EVERY.0 as f64 - f64::from(steps)
        };
        let square = (0..10_000).map(|device| off(device).powi(2)).sum::<f64>() / 1e4;
        let expected = 0.1 * (97.0f64 / 3.0).sqrt();
        assert!((square.sqrt() / expected - 1.0).abs() < 0.03, "{}", square.sqrt());
    }
}
