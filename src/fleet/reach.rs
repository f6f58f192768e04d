//! Whether a device can be reached, where more than its own on and off periods decides it.

use std::sync::Arc;

use crate::dist::Law;
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, below};

use super::chain::Chain;
use super::cohort::Cohort;
use super::presence::Presence;
use super::profile::Profile;
use super::traces::Traces;

/// What decides whether the devices of a cohort are online.
///
/// # Model
/// A device is online while all of these agree: its own pattern, its charging window, that it
/// has joined and not left, and every outage that concerns it. All of that follows from
/// (seed, device, instant), so that the state at any instant can be found without what lies
/// before; only on and off periods are gone through from the beginning of the run.
#[derive(Clone, Debug)]
pub struct Reach {
    pub pattern: Pattern,
    /// How many times as fast as the laws say a device goes through its periods; none: 1.
    pub pace: Option<Law>,
    /// Online only in these windows.
    pub charges: Option<Window>,
    /// When devices leave for good, since they joined.
    pub leaves: Option<Law>,
    pub outages: Vec<Arc<Outage>>,
    /// The end of the run: what lies beyond is of no interest.
    pub ends: Time,
}

/// What saves going through a device's periods from the beginning each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memo {
    chain: Option<Chain>,
}

/// A device's own pattern.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// On and off periods, as the cohort has them.
    Periods,
    Profile(Profile),
    Window(Window),
    /// Reachable for `active` in every `every`, at a phase of the device's own.
    Cycle {
        every: Span,
        active: Span,
        /// What the device has begun in its window it brings to an end.
        stays_awake: bool,
    },
    Traces(Traces),
}

/// Windows that most days have, in order; at each, each device decides anew.
#[derive(Clone, Debug)]
pub struct Window {
    pub spans: Arc<[(Time, Time)]>,
    /// A device keeps the windows whose word lies below.
    pub kept_below: u64,
    /// A device's window begins and ends up to so much earlier or later.
    pub jitter: Span,
}

/// What takes many devices off the network at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// Tells outages apart; names their draws.
    pub number: u32,
    /// In order, apart from each other.
    pub spans: Box<[(Time, Time)]>,
    /// How long a device takes to come back afterwards.
    pub reconnect: Law,
}

impl Reach {
    /// Whether the device is online at `now`, and when that changes next; at the earliest after
    /// the end of the run if not before.
    pub fn at(
        &self,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
        memo: &mut Memo,
    ) -> (bool, Time) {
        let known = memo.chain.filter(|chain| chain.reaches_back_to(now));
        let mut look = Look::new(self, device, cohort, streams, known);
        let (online, mut until) = look.at(now);
        while until < self.ends {
            let (next, later) = look.at(until);
            if next != online {
                memo.chain = look.chain;
                return (online, until);
            }
            until = later;
        }
        memo.chain = look.chain;
        (online, if until.is_never() { Time::NEVER } else { until.min(self.ends.max(now)) })
    }

    /// Whether devices bring to an end in their sleep what they have begun.
    #[inline(always)]
    pub fn stays_awake(&self) -> bool {
        matches!(self.pattern, Pattern::Cycle { stays_awake: true, .. })
    }

    /// Whether nothing but the device's own cycle keeps it from being online at `now`.
    pub fn only_sleeps(
        &self,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
    ) -> bool {
        if !self.stays_awake() {
            return false;
        }
        let look = Look::new(self, device, cohort, streams, None);
        look.others(now).0
    }

    /// When something else than the device's own cycle next takes it off the network, after
    /// `now`; never, if not before the end of the run.
    pub fn next_fall(
        &self,
        now: Time,
        device: DeviceId,
        cohort: &Cohort,
        streams: &Streams,
    ) -> Time {
        let look = Look::new(self, device, cohort, streams, None);
        let (mut was_there, mut until) = look.others(now);
        while until < self.ends {
            let (is_there, later) = look.others(until);
            if was_there && !is_there {
                return until;
            }
            (was_there, until) = (is_there, later);
        }
        Time::NEVER
    }

    /// When the device last came back from an outage, up to `now`.
    pub fn last_return(&self, now: Time, device: DeviceId, streams: &Streams) -> Option<Time> {
        let returns = self.outages.iter().filter_map(|outage| {
            let last = outage.last_begun(now)?;
            Some(outage.back(last, device, streams)).filter(|back| *back <= now)
        });
        returns.max()
    }
}

/// A device looked at from one instant to later ones.
struct Look<'a> {
    reach: &'a Reach,
    device: DeviceId,
    cohort: &'a Cohort,
    streams: &'a Streams,
    chain: Option<Chain>,
    joined: Time,
    left: Time,
}

impl<'a> Look<'a> {
    fn new(
        reach: &'a Reach,
        device: DeviceId,
        cohort: &'a Cohort,
        streams: &'a Streams,
        known: Option<Chain>,
    ) -> Look<'a> {
        let draw = |law: &Law, purpose| law.sample(&mut streams.stream(device, purpose, 0));
        let joined = Presence::joined(device, cohort, streams);
        let left = match &reach.leaves {
            Some(law) => joined + Span::from_micros_f64(draw(law, Purpose::Leaves)),
            None => Time::NEVER,
        };
        let pace = || reach.pace.as_ref().map_or(1.0, |law| draw(law, Purpose::Pace));
        let has_periods = matches!(reach.pattern, Pattern::Periods);
        let begin = || Chain::begin(device, cohort, pace(), streams);
        let chain = known.or_else(|| has_periods.then(begin));
        Look { reach, device, cohort, streams, chain, joined, left }
    }

    /// Whether the device is online, and an instant up to which that stays so.
    fn at(&mut self, now: Time) -> (bool, Time) {
        let others = self.others(now);
        both(self.pattern(now), others)
    }

    fn pattern(&mut self, now: Time) -> (bool, Time) {
        let Look { reach, device, cohort, streams, .. } = *self;
        match (&reach.pattern, &mut self.chain) {
            (Pattern::Periods, Some(chain)) => chain.look(now, device, cohort, streams),
            (Pattern::Periods, None) => unreachable!("made with the pattern"),
            (Pattern::Profile(profile), _) => profile.look(now, device, streams),
            (Pattern::Window(window), _) => window.look(now, device, streams),
            (Pattern::Cycle { every, active, .. }, _) => {
                let word = streams.stream(device, Purpose::Phase, 0).next_u64();
                let phase = below(word, every.0);
                let at = (now.0 + phase) % every.0;
                let online = at < active.0;
                let ends = if online { active.0 } else { every.0 };
                (online, now + Span(ends - at))
            }
            (Pattern::Traces(traces), _) => traces.look(now, device, streams),
        }
    }

    /// All but the device's own pattern.
    fn others(&self, now: Time) -> (bool, Time) {
        if now >= self.left {
            return (false, Time::NEVER);
        }
        let mut state = match now < self.joined {
            true => (false, self.joined),
            false => (true, self.left),
        };
        if let Some(window) = &self.reach.charges {
            state = both(state, window.look(now, self.device, self.streams));
        }
        for outage in &self.reach.outages {
            state = both(state, outage.look(now, self.device, self.streams));
        }
        state
    }
}

/// Online while both are: for as long as both stay so, or the longer of what is down.
fn both(a: (bool, Time), b: (bool, Time)) -> (bool, Time) {
    match (a.0, b.0) {
        (true, true) => (true, a.1.min(b.1)),
        (true, false) => b,
        (false, true) => a,
        (false, false) => (false, a.1.max(b.1)),
    }
}

impl Window {
    fn look(&self, now: Time, device: DeviceId, streams: &Streams) -> (bool, Time) {
        let begun = |(open, _): &(Time, Time)| open.0.saturating_sub(self.jitter.0) <= now.0;
        let next = self.spans.partition_point(begun);
        let earliest = |index: usize| {
            let open = self.spans.get(index).map_or(Time::NEVER, |(open, _)| *open);
            Time(open.0 - self.jitter.0.min(open.0))
        };
        let Some(index) = next.checked_sub(1) else { return (false, earliest(0)) };
        let Some((open, close)) = self.own(index, device, streams) else {
            return (false, earliest(next));
        };
        match () {
            () if now < open => (false, open),
            () if now < close => (true, close),
            () => (false, earliest(next)),
        }
    }

    /// The device's own window, if it keeps that one.
    fn own(&self, index: usize, device: DeviceId, streams: &Streams) -> Option<(Time, Time)> {
        let mut stream = streams.stream(device, Purpose::Window, index as u32);
        if stream.next_u64() >= self.kept_below {
            return None;
        }
        let (open, close) = self.spans[index];
        let mut shifted = |time: Time| {
            let shift = below(stream.next_u64(), 2 * self.jitter.0 + 1);
            Time((time.0 + shift).saturating_sub(self.jitter.0))
        };
        Some((shifted(open), shifted(close)))
    }
}

impl Outage {
    /// Whether the device is not concerned by it at `now`, and until when.
    fn look(&self, now: Time, device: DeviceId, streams: &Streams) -> (bool, Time) {
        let last = self.last_begun(now);
        let next = last.map_or(0, |last| last + 1);
        let later = self.spans.get(next).map_or(Time::NEVER, |(start, _)| *start);
        let Some(last) = last else { return (true, later) };
        let back = self.back(last, device, streams);
        // After the next one, the next one's delay counts.
        if now < back { (false, back.min(later)) } else { (true, later) }
    }

    /// The outage's last span that has begun by `now`.
    fn last_begun(&self, now: Time) -> Option<usize> {
        self.spans.partition_point(|(start, _)| *start <= now).checked_sub(1)
    }

    /// When the device is back after a span.
    fn back(&self, span: usize, device: DeviceId, streams: &Streams) -> Time {
        let index = self.number << 16 | span as u32 & 0xFFFF;
        let mut stream = streams.stream(device, Purpose::Reconnect, index);
        self.spans[span].1 + Span::from_micros_f64(self.reconnect.sample(&mut stream))
    }
}
