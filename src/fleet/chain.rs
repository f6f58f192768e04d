//! A device's on and off periods, from the beginning of the run onwards.

use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams};

use super::cohort::{Cohort, Start};
use super::presence::Presence;

/// The period that a device is in, and the way to the next.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    online: bool,
    since: Time,
    until: Time,
    /// Periods begun since the first; names the next draw.
    periods: u32,
    /// How many times as fast as the laws say the device goes through its periods.
    pace: f64,
}

impl Chain {
    /// The period at the beginning of the run; `pace` is 1 unless devices differ in it.
    pub fn begin(device: DeviceId, cohort: &Cohort, pace: f64, streams: &Streams) -> Chain {
        let chain = |online, until| Chain { online, since: Time::ZERO, until, periods: 0, pace };
        if cohort.joins.is_some() {
            return chain(false, Presence::joined(device, cohort, streams));
        }
        let mut stream = streams.stream(device, Purpose::FirstPresence, 0);
        let word = stream.next_u64();
        let online = match cohort.start {
            Start::Always => return chain(true, Time::NEVER),
            Start::Equilibrium => word < cohort.online_below,
            Start::Online => true,
            Start::Offline => false,
        };
        let law = cohort.period(online);
        let micros = match cohort.start {
            Start::Equilibrium => law.sample_residual(&mut stream),
            _ => law.sample(&mut streams.stream(device, Purpose::Period, 0)),
        };
        chain(online, Time::ZERO + length(micros, pace))
    }

    /// Whether [`Chain::look`] can be asked for `now`.
    pub fn reaches_back_to(&self, now: Time) -> bool {
        self.since <= now
    }

    /// Whether the device is online at `now`, and until when; time only goes on.
    ///
    /// # Panics
    /// If `now` lies before the current period.
    pub fn look(
        &mut self,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
    ) -> (bool, Time) {
        assert!(self.since <= now, "time only goes on");
        while self.until <= now && !self.until.is_never() {
            self.periods = self.periods.wrapping_add(1);
            self.online = !self.online;
            self.since = self.until;
            let mut stream = streams.stream(device, Purpose::Period, self.periods);
            let micros = cohort.period(self.online).sample(&mut stream);
            self.until = self.until + length(micros, self.pace);
        }
        (self.online, self.until)
    }
}

/// A period lasts at least one microsecond, so that time goes on.
fn length(micros: f64, pace: f64) -> Span {
    Span(Span::from_micros_f64(micros / pace).0.max(1))
}
