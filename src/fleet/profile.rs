//! The share of devices that are online, by the hour of the local week.

use std::sync::Arc;

use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, below, unit};

/// A clock on the wall, against the time of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// From when on, and what must be added to the run's microseconds for the microseconds since
    /// a Monday's midnight on this clock; in order, the first from the beginning.
    offsets: Box<[(Time, i64)]>,
}

/// Microseconds of a week.
pub const WEEK_US: u64 = 7 * 86_400_000_000;

impl Clock {
    /// # Panics
    /// If there is no offset from the beginning of the run on.
    pub fn new(offsets: Vec<(Time, i64)>) -> Clock {
        assert!(offsets.first().is_some_and(|(from, _)| *from == Time::ZERO), "no first offset");
        Clock { offsets: offsets.into() }
    }

    /// Microseconds into the local week at `now`, and how long the clock goes on evenly.
    pub fn week_at(&self, now: Time) -> (u64, Time) {
        let next = self.offsets.partition_point(|(from, _)| *from <= now);
        let at = (now.0 as i64 + self.offsets[next - 1].1).rem_euclid(WEEK_US as i64);
        (at as u64, self.offsets.get(next).map_or(Time::NEVER, |(from, _)| *from))
    }
}

/// Points per week: one each quarter of an hour.
pub const POINTS: usize = 7 * 24 * 4;
const STEP_US: u64 = WEEK_US / POINTS as u64;

/// Devices that are online in the hours in which most are.
///
/// # Model
/// A device holds a rank, uniform on [0, 1], and is online while the profile's share lies above
/// it: so the share of devices that are online is the profile's at every instant. It keeps the
/// rank for `holds`, then draws another; devices change ranks at different times.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Share online at each quarter of an hour from Monday 00:00 on, with straight lines between.
    shares: Arc<[f64]>,
    clock: Clock,
    holds: Span,
}

impl Profile {
    /// # Panics
    /// If there are not [`POINTS`] shares, or ranks are held for no time.
    pub fn new(shares: Arc<[f64]>, clock: Clock, holds: Span) -> Profile {
        assert_eq!(shares.len(), POINTS, "a share for each quarter of an hour");
        assert!(holds > Span::ZERO, "ranks are held for some time");
        Profile { shares, clock, holds }
    }

    /// Whether the device is online at `now`, and an instant up to which that stays so.
    pub fn look(&self, now: Time, device: DeviceId, streams: &Streams) -> (bool, Time) {
        let word = streams.stream(device, Purpose::Phase, 0).next_u64();
        let phase = below(word, self.holds.0);
        let turn = (now.0 + phase) / self.holds.0;
        let rank = unit(streams.stream(device, Purpose::Rank, turn as u32).next_u64());
        let held = Time((turn + 1) * self.holds.0 - phase);
        let (at, even) = self.clock.week_at(now);
        let online = rank < self.share(at);
        let limit = held.min(even).0 - now.0;
        let change = self.crossing(at, rank, online, limit);
        (online, now + Span(change.max(1)))
    }

    /// The share at so many microseconds into the week.
    fn share(&self, at: u64) -> f64 {
        let point = (at / STEP_US) as usize;
        let (from, to) = (self.shares[point], self.shares[(point + 1) % POINTS]);
        from + (to - from) * ((at % STEP_US) as f64 / STEP_US as f64)
    }

    /// How long after `at` the share crosses the rank; `limit` if it does not before.
    fn crossing(&self, at: u64, rank: f64, online: bool, limit: u64) -> u64 {
        let (mut point, mut begins) = ((at / STEP_US) as usize, at - at % STEP_US);
        while begins < at + limit {
            let (from, to) = (self.shares[point], self.shares[(point + 1) % POINTS]);
            if (rank < to) != online {
                let part = ((rank - from) / (to - from)).clamp(0.0, 1.0);
                let crossed = begins + (part * STEP_US as f64) as u64;
                return crossed.saturating_sub(at).min(limit);
            }
            (point, begins) = ((point + 1) % POINTS, begins + STEP_US);
        }
        limit
    }
}
