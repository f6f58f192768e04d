//! Whether a device is online, until when, and where it stands in the push order.

use bytemuck::{Pod, Zeroable};

use crate::model::{CohortId, DeviceId, Span, Time};
use crate::rng::{Purpose, Stream, Streams};

use super::cohort::{Cohort, Start};
use super::reach::{Memo, Reach};

/// A device as the calendar sees it, in sixteen bytes.
///
/// # Invariants
/// `flight` is a valid index exactly while the device has a task under way.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable, PartialEq, Eq)]
#[repr(C)]
pub struct Presence {
    /// From the top: end of the current period in µs (48 bits), cohort (12), entered (1),
    /// stage (2), online (1).
    word: u64,
    /// Periods begun; names the next draw, and tells whether the device stayed in one period.
    pub periods: u32,
    /// Index of the task under way, or [`Presence::NO_FLIGHT`].
    pub flight: u32,
}

/// Where a device stands in the push order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Nothing to push: no turn yet, or no task any more.
    Idle = 0,
    /// Offline; joins the ready queue when it returns.
    Waiting = 1,
    /// Online and in the ready queue.
    Ready = 2,
    /// Pushed.
    Pushed = 3,
}

const ONLINE: u64 = 1;
const STAGE: u64 = 0b0110;
const ENTERED: u64 = 0b1000;
const COHORT_SHIFT: u32 = 4;
const UNTIL_SHIFT: u32 = 16;
const LOW: u64 = (1 << UNTIL_SHIFT) - 1;

impl Presence {
    /// No task is under way.
    pub const NO_FLIGHT: u32 = u32::MAX;
    /// Cohorts that the bits for them tell apart.
    pub const COHORTS_MAX: usize = 1 << 12;

    /// In its first period, which ends at `until`; nothing was pushed yet.
    pub fn new(cohort: CohortId, online: bool, until: Time) -> Presence {
        let word = until.0 << UNTIL_SHIFT | u64::from(cohort.0) << COHORT_SHIFT | u64::from(online);
        Presence { word, periods: 0, flight: Presence::NO_FLIGHT }
    }

    /// The record of no device: nothing is ever due in it.
    pub fn nobody() -> Presence {
        Presence::new(CohortId(0), false, Time::NEVER)
    }

    /// Whether the device is online in the current period.
    #[inline(always)]
    pub fn online(&self) -> bool {
        self.word & ONLINE != 0
    }

    /// When the current period ends.
    #[inline(always)]
    pub fn until(&self) -> Time {
        Time(self.word >> UNTIL_SHIFT)
    }

    /// Where the device stands in the push order.
    #[inline(always)]
    pub fn stage(&self) -> Stage {
        match (self.word & STAGE) >> 1 {
            0 => Stage::Idle,
            1 => Stage::Waiting,
            2 => Stage::Ready,
            _ => Stage::Pushed,
        }
    }

    /// Moves the device to another place in the push order.
    #[inline(always)]
    pub fn set_stage(&mut self, stage: Stage) {
        self.word = self.word & !STAGE | (stage as u64) << 1;
    }

    /// Whether the stage is [`Stage::Idle`].
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.word & STAGE == 0
    }

    /// Whether the calendar holds an entry for the end of this period.
    #[inline(always)]
    pub fn is_entered(&self) -> bool {
        self.word & ENTERED != 0
    }

    /// Notes that the calendar holds an entry for the end of this period.
    #[inline(always)]
    pub fn set_entered(&mut self) {
        self.word |= ENTERED;
    }

    /// The cohort the device belongs to.
    #[inline(always)]
    pub fn cohort(&self) -> CohortId {
        CohortId(((self.word & LOW) >> COHORT_SHIFT) as u16)
    }

    /// Ends the current period at its end and draws the next.
    #[inline(always)]
    pub fn flip(&mut self, device: DeviceId, cohort: &Cohort, streams: &Streams, memo: &mut Memo) {
        let word = self.next_word(device, streams);
        self.flip_with(word, device, cohort, streams, memo);
    }

    /// The word that [`Presence::flip`] draws first.
    #[inline(always)]
    pub fn next_word(&self, device: DeviceId, streams: &Streams) -> u64 {
        streams.stream(device, Purpose::Period, self.periods.wrapping_add(1)).next_u64()
    }

    /// [`Presence::flip`] with the word of [`Presence::next_word`].
    #[inline(always)]
    pub fn flip_with(
        &mut self,
        word: u64,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
        memo: &mut Memo,
    ) {
        match &cohort.reach {
            Some(reach) => self.flip_by(reach, device, cohort, streams, memo),
            None => self.flip_plain(word, device, cohort, streams),
        }
    }

    /// [`Presence::flip_with`] where nothing but periods decides.
    #[inline(always)]
    pub fn flip_plain(&mut self, word: u64, device: DeviceId, cohort: &Cohort, streams: &Streams) {
        self.periods = self.periods.wrapping_add(1);
        let mut rest = streams.stream(device, Purpose::Period, self.periods).stepped_forward();
        let micros = cohort.period(!self.online()).sample_from(word, &mut rest);
        let until = end_of(self.until(), micros);
        self.word = until.0 << UNTIL_SHIFT | (self.word & LOW & !ENTERED) ^ ONLINE;
    }

    #[inline(never)]
    fn flip_by(
        &mut self,
        reach: &Reach,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
        memo: &mut Memo,
    ) {
        let (online, until) = reach.at(self.until(), device, cohort, streams, memo);
        // Else it was only to be looked at.
        self.periods = self.periods.wrapping_add(u32::from(online != self.online()));
        self.set(online, until);
    }

    /// Ends the period at `at`, if that comes before its end, for something that concerns the
    /// device though it is offline: [`Presence::flip`] then changes nothing but the end. Only
    /// where more than periods decides.
    pub fn look_at(&mut self, at: Time) {
        self.set(self.online(), self.until().min(at));
    }

    /// Takes [`Presence::look_at`] back.
    pub fn forget_look(
        &mut self,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
        memo: &mut Memo,
    ) {
        let Some(reach) = &cohort.reach else { return };
        if !self.online() && reach.stays_awake() && !self.until().is_never() {
            let (online, until) = reach.at(self.until(), device, cohort, streams, memo);
            if !online {
                self.set(online, until);
            }
        }
    }

    fn set(&mut self, online: bool, until: Time) {
        let rest = self.word & LOW & !ENTERED & !ONLINE;
        self.word = until.0 << UNTIL_SHIFT | rest | u64::from(online);
    }

    /// Undoes the flips from `now` on, and returns how many; what is left is how the device
    /// stood just before `now`.
    ///
    /// Since every length follows from the device and the number of the period, time can go
    /// backwards as well.
    #[inline(always)]
    pub fn back_to(
        &mut self,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
    ) -> u32 {
        if let Some(reach) = &cohort.reach {
            return self.back_by(reach, now, device, cohort, streams);
        }
        let ahead = self.periods;
        if self.until().is_never() && ahead > 0 {
            // A period without end hides when it began.
            self.replay_to(now, device, cohort, streams);
        }
        while self.periods > 0 {
            let mut stream = streams.stream(device, Purpose::Period, self.periods);
            let micros = cohort.period(self.online()).sample(&mut stream);
            let began = Time(self.until().0 - length(micros).min(self.until().0));
            if began < now {
                break;
            }
            self.periods -= 1;
            self.word = began.0 << UNTIL_SHIFT | (self.word & LOW & !ENTERED) ^ ONLINE;
        }
        ahead - self.periods
    }

    /// [`Presence::back_to`] where more than periods decides; what lies beyond the run's end is
    /// not looked at, so it does not count.
    #[inline(never)]
    fn back_by(
        &mut self,
        reach: &Reach,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
    ) -> u32 {
        let word = streams.stream(device, Purpose::FirstPresence, 0).next_u64();
        if word < cohort.never_returns {
            return 0;
        }
        let ahead = self.until().min(reach.ends);
        let mut memo = Memo::default();
        let (online, until) = reach.at(before(now), device, cohort, streams, &mut memo);
        let (mut flips, mut at) = (0, until);
        while at < ahead {
            (_, at) = reach.at(at, device, cohort, streams, &mut memo);
            flips += 1;
        }
        self.periods = self.periods.wrapping_sub(flips);
        self.set(online, until);
        flips
    }

    #[cold]
    fn replay_to(&mut self, now: Time, device: DeviceId, cohort: &Cohort, streams: &Streams) {
        let (stage, flight) = (self.stage(), self.flight);
        *self = Presence::first(device, self.cohort(), Time::ZERO, cohort, streams);
        while self.until() < now {
            self.flip(device, cohort, streams, &mut Memo::default());
        }
        self.set_stage(stage);
        self.flight = flight;
    }

    /// The state of a device at its first touch, just before `now`, drawn exactly.
    ///
    /// # Model
    /// In equilibrium: online with the long-run share, and the rest of the period under way
    /// length-biased. From a common start: the periods since then, one by one.
    #[inline(always)]
    pub fn first(
        device: DeviceId,
        id: CohortId,
        now: Time,
        cohort: &Cohort,
        streams: &Streams,
    ) -> Presence {
        let mut stream = streams.stream(device, Purpose::FirstPresence, 0);
        let word = stream.next_u64();
        if word < cohort.never_returns {
            return Presence::new(id, false, Time::NEVER);
        }
        if let Some(reach) = &cohort.reach {
            let (online, until) =
                reach.at(before(now), device, cohort, streams, &mut Memo::default());
            return Presence::new(id, online, until);
        }
        if cohort.joins.is_some() {
            let joined = Presence::joined(device, cohort, streams);
            let mut presence = Presence::new(id, false, joined);
            presence.run_to(before(now), device, cohort, streams);
            return presence;
        }
        let online = match cohort.start {
            Start::Always => return Presence::new(id, true, Time::NEVER),
            Start::Equilibrium => word < cohort.online_below,
            Start::Online => true,
            Start::Offline => false,
        };
        if cohort.start == Start::Equilibrium {
            let until = end_of(now, rest_of_period(cohort, online, &mut stream));
            return Presence::new(id, online, until);
        }
        let law = cohort.period(online);
        let first = end_of(Time::ZERO, law.sample(&mut streams.stream(device, Purpose::Period, 0)));
        let mut presence = Presence::new(id, online, first);
        presence.run_to(before(now), device, cohort, streams);
        presence
    }

    fn run_to(&mut self, now: Time, device: DeviceId, cohort: &Cohort, streams: &Streams) {
        while self.until() <= now && !self.until().is_never() {
            self.flip(device, cohort, streams, &mut Memo::default());
        }
    }

    /// Whether the device is ever on the network.
    pub fn ever_returns(device: DeviceId, cohort: &Cohort, streams: &Streams) -> bool {
        let word = streams.stream(device, Purpose::FirstPresence, 0).next_u64();
        word >= cohort.never_returns
    }

    /// When the device is activated: at the beginning, unless its cohort joins later.
    pub fn joined(device: DeviceId, cohort: &Cohort, streams: &Streams) -> Time {
        let Some(joins) = &cohort.joins else { return Time::ZERO };
        end_of(Time::ZERO, joins.sample(&mut streams.stream(device, Purpose::Period, 0)))
    }

    /// Whether [`Presence::first`] would find the device online, at less cost.
    #[inline(always)]
    pub fn first_online(
        device: DeviceId,
        id: CohortId,
        now: Time,
        cohort: &Cohort,
        streams: &Streams,
    ) -> bool {
        match cohort.start {
            _ if cohort.joins.is_some() || cohort.reach.is_some() => {
                Presence::first(device, id, now, cohort, streams).online()
            }
            Start::Always if cohort.never_returns == 0 => true,
            Start::Always | Start::Equilibrium => {
                let word = streams.stream(device, Purpose::FirstPresence, 0).next_u64();
                word >= cohort.never_returns && word < cohort.online_below
            }
            Start::Online | Start::Offline => {
                Presence::first(device, id, now, cohort, streams).online()
            }
        }
    }
}

/// The last instant before `now`: what changes at an instant is an event of it, and comes after what
/// is decided then.
fn before(now: Time) -> Time {
    Time(now.0.saturating_sub(1))
}

fn rest_of_period(cohort: &Cohort, online: bool, stream: &mut Stream) -> f64 {
    cohort.period(online).sample_residual(stream)
}

/// A period lasts at least one microsecond, so that time goes on.
#[inline(always)]
fn length(micros: f64) -> u64 {
    Span::from_micros_f64(micros).0.max(1)
}

#[inline(always)]
fn end_of(start: Time, micros: f64) -> Time {
    Time((start.0 + length(micros)).min(Time::NEVER.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::Law;
    use crate::fleet::{DownloadLaw, Failures};
    use proptest::prelude::*;

    fn cohort(start: Start, off: Law, on: Law) -> Cohort {
        let (never_returns, online_below) = Cohort::presence_thresholds(start, &on, &off, 0.1);
        Cohort {
            start,
            joins: None,
            periods: [off, on],
            never_returns,
            online_below,
            reach: None,
            polling: None,
            consent: Law::Constant(0.0),
            refuses: 0,
            reaction: Law::Constant(0.0),
            download: DownloadLaw::Takes(Law::Constant(0.0)),
            asks: false,
            restarts: false,
            verify: Law::Constant(0.0),
            install: Law::Constant(0.0),
            failures: Failures::default(),
        }
    }

    proptest! {
        /// Running ahead and going back ends where running straight to the instant does.
        #[test]
        fn going_back_undoes_running_ahead(
            device in 0..u32::MAX,
            now in 0u64..40_000,
            ahead in 0u64..40_000,
            law in 0..3,
            from_start in prop::bool::ANY,
        ) {
            // The last has periods that never end.
            let off = match law {
                0 => Law::Exponential { mean: 700.0 },
                1 => Law::Constant(500.0),
                _ => Law::Pareto { alpha: 0.05, min: 2.0 },
            };
            let start = if from_start || law == 2 { Start::Online } else { Start::Equilibrium };
            let cohort = cohort(start, off, Law::Exponential { mean: 300.0 });
            let (device, streams) = (DeviceId(device), Streams::new(3));
            let run_to = |presence: &mut Presence, end: u64| {
                while presence.until() < Time(end) {
                    presence.flip(device, &cohort, &streams, &mut Memo::default());
                }
            };
            let mut straight =
                Presence::first(device, CohortId(5), Time::ZERO, &cohort, &streams);
            straight.set_stage(Stage::Waiting);
            let mut there_and_back = straight;
            run_to(&mut straight, now);
            run_to(&mut there_and_back, now + ahead);
            let flips = there_and_back.periods - straight.periods;
            let undone = there_and_back.back_to(Time(now), device, &cohort, &streams);
            prop_assert_eq!(undone, flips);
            prop_assert_eq!(there_and_back, straight);
        }
    }
}
