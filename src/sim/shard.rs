//! A part of the fleet that runs by itself from one boundary to the next.

use crate::fleet::{Presence, Stage};
use crate::model::{CohortId, DeviceId, Time};
use crate::scheduler::state::{QueueCause, TaskState};
use crate::scheduler::{OfflineTurn, Ready};

use super::calendar::{Calendar, Due, Entering, Entry, Kind, era};
use super::outcome::{Events, LatencyKind, Tally};
use super::prefetch::prefetch;
use super::records::Records;
use super::world::World;

/// How many devices ahead of its use a record is fetched: enough work for a memory latency.
pub(super) const AHEAD: usize = 40;

/// Turns to carry out, by what is to be done.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Devices whose turn on the list came while they were offline.
    pub aside: Vec<DeviceId>,
    pub listed: Vec<Listed>,
    /// Devices from the ready queue, with the instants of their permits.
    pub ready: Vec<(Ready, Time)>,
}

/// A device whose turn on the list has come, with the instant of its permit.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub device: DeviceId,
    pub at: Time,
    pub online: bool,
}

impl Inbox {
    fn len(&self) -> usize {
        self.aside.len() + self.listed.len() + self.ready.len()
    }
}

/// One shard: its devices, their future, and what became of them so far.
///
/// # Invariants
/// Nothing in it depends on another shard, nor on the order of devices within a tick. Between
/// two calls the calendar holds every device under the earliest of its timers.
#[derive(Debug)]
pub struct Shard<'w> {
    pub(super) world: &'w World,
    pub(super) records: Records,
    calendar: Calendar,
    entering: Entering,
    tick: u64,
    /// Turns to carry out at the beginning of the next [`Shard::run`].
    pub inbox: Inbox,
    /// Devices that became ready since the coordinator took them last.
    pub ready: Vec<Ready>,
    /// By cohort.
    pub tallies: Vec<Tally>,
    /// Devices by version they run; to be summed over the shards, modulo 2^64.
    pub versions: Vec<u64>,
    pub events: Events,
    /// Whether some device's next timer lies beyond the end of the run.
    pub cut_off: bool,
    /// Tasks that are not final.
    pub open: u64,
    /// What a tick holds; kept, so that nothing is allocated.
    due: Due,
    /// Devices with more than their network; kept likewise.
    busy: Vec<u32>,
}

impl<'w> Shard<'w> {
    pub fn new(world: &'w World, records: Records) -> Shard<'w> {
        Shard {
            tallies: vec![Tally::default(); world.cohorts.len()],
            versions: vec![0; world.versions.names.len()],
            world,
            records,
            calendar: Calendar::new(),
            entering: Entering::new(),
            tick: 0,
            inbox: Inbox::default(),
            ready: Vec::new(),
            events: Events::default(),
            cut_off: false,
            open: 0,
            due: Due::default(),
            busy: Vec::new(),
        }
    }

    /// Makes the records of all devices of the shard, if every one has its own.
    pub fn populate(&mut self) {
        if !self.records.every_device() {
            return;
        }
        let world = self.world;
        for slot in 0..self.records.presences().len() as u32 {
            let device = self.records.device(slot);
            let id = world.cohort_of(device);
            let first = Presence::first(device, id, Time::ZERO, world.cohort(id), &world.streams);
            self.settle(slot, first);
        }
        self.entering.flush(&mut self.calendar);
    }

    /// Nothing is lost and nothing counted twice.
    ///
    /// # Panics
    /// If the tallies do not add up.
    pub fn assert_conserved(&self) {
        self.tallies.iter().for_each(Tally::assert_conserved);
        let open: u64 = self.tallies.iter().map(Tally::open).sum();
        assert_eq!(open, self.open, "open tasks counted wrongly");
    }

    /// The next tick that has something to do; it may turn out to be little.
    pub fn next_tick(&self) -> Option<u64> {
        let next = self.tick + 1;
        let near = if era(next) == era(self.tick) { self.calendar.next_in_era(next) } else { None };
        near.or_else(|| self.calendar.next_era().map(super::calendar::first_tick))
    }

    /// About how many entries [`Shard::run`] of `tick` will look at.
    pub fn load_at(&self, tick: u64) -> usize {
        let entries = match era(tick) == era(self.tick) {
            true => self.calendar.len_at(tick),
            false => self.calendar.len_of_era(tick),
        };
        entries + self.inbox.len()
    }

    /// Carries out the turns of the inbox, in `tick`; the rest of the tick is still to come.
    pub fn take_turns(&mut self, tick: u64) {
        if era(tick) != era(self.tick) {
            self.calendar.enter_era(era(tick));
        }
        self.tick = tick;
        let end = self.world.ticks.start(tick + 1);
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.aside.drain(..).for_each(|device| self.set_aside(device));
        inbox.listed.drain(..).for_each(|listed| self.take_turn(listed, end));
        for at in 0..inbox.ready.len() {
            if let Some((ready, _)) = inbox.ready.get(at + AHEAD) {
                self.records.prefetch(ready.slot as usize);
            }
            let (ready, at) = inbox.ready[at];
            if self.run_to(ready.slot, Time(at.0 + 1)) {
                self.grant(ready.slot, ready.device, at, ready.since, end);
            }
        }
        inbox.ready.clear();
        self.inbox = inbox;
        self.entering.flush(&mut self.calendar);
    }

    /// Carries out the turns of the inbox, and all events up to the end of `tick`.
    pub fn run(&mut self, tick: u64) {
        self.take_turns(tick);
        let mut due = std::mem::take(&mut self.due);
        self.calendar.drain(tick, &mut due);
        self.calendar.prefetch_chain(tick + 1);
        let end = self.world.ticks.start(tick + 1);
        let [networks, flights @ ..] = &due;
        flights.iter().for_each(|list| self.expect_flights(list));
        self.run_alone(networks, end);
        flights.iter().for_each(|list| self.run_flights(list, end));
        self.run_busy(end);
        due.iter_mut().for_each(Vec::clear);
        self.due = due;
        self.entering.flush(&mut self.calendar);
        self.ready.sort_unstable();
    }

    /// Runs the devices that have nothing but their network to `end`; lists the others.
    fn run_alone(&mut self, list: &[u32], end: Time) {
        let Shard { world, records, calendar, entering, events, cut_off, busy, .. } = self;
        list.iter().take(AHEAD).for_each(|slot| records.prefetch(*slot as usize));
        for (at, &slot) in list.iter().enumerate() {
            let ahead = list.get(at + AHEAD).map_or(usize::MAX, |slot| *slot as usize);
            records.prefetch(ahead);
            let mut presence = *records.presence(slot);
            if presence.until() >= end {
                continue;
            }
            if !presence.is_alone() {
                prefetch(records.flights(), presence.flight as usize);
                busy.push(slot);
                continue;
            }
            let device = records.device(slot);
            let cohort = world.cohort(presence.cohort());
            while presence.until() < end {
                presence.flip(device, cohort, &world.streams);
                events.flips += 1;
            }
            presence.set_entered();
            *records.presence(slot) = presence;
            let until = presence.until();
            if until < world.until {
                let entry = Entry::new(Kind::Network, slot);
                entering.push(calendar, world.ticks.of(until), entry);
            }
            *cut_off |= until >= world.until && !until.is_never();
        }
    }

    /// Runs the listed devices, whose network is due but not all there is.
    fn run_busy(&mut self, end: Time) {
        let mut busy = std::mem::take(&mut self.busy);
        for slot in busy.drain(..) {
            let presence = *self.records.presence(slot);
            match presence.flight {
                Presence::NO_FLIGHT => self.run_network(slot, presence, end),
                flight => self.run_flight(flight, end),
            }
        }
        self.busy = busy;
    }

    /// Runs a device without a flight to `end`.
    pub(super) fn run_network(&mut self, slot: u32, mut presence: Presence, end: Time) {
        while presence.until() < end {
            let now = presence.until();
            let device = self.records.device(slot);
            let cohort = presence.cohort();
            presence.flip(device, self.world.cohort(cohort), &self.world.streams);
            self.events.flips += 1;
            match (presence.stage(), presence.online()) {
                (Stage::Idle, _) => {}
                (Stage::Waiting, true) => {
                    // R18: it waited aside and comes back.
                    self.requeue(cohort, QueueCause::Offline, QueueCause::RateLimited);
                    self.make_ready(slot, device, &mut presence, now);
                }
                (Stage::Ready, false) => {
                    presence.set_stage(Stage::Waiting);
                    self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
                }
                (Stage::Waiting, false) | (Stage::Ready, true) | (Stage::Pushed, _) => {
                    unreachable!("state and stage agree")
                }
            }
        }
        self.settle(slot, presence);
    }

    /// Keeps the presence, and sees to it that the calendar knows when its period ends.
    #[inline(always)]
    pub(super) fn settle(&mut self, slot: u32, mut presence: Presence) {
        if !presence.is_entered() {
            presence.set_entered();
            self.enter(presence.until(), Entry::new(Kind::Network, slot));
        }
        *self.records.presence(slot) = presence;
    }

    /// Enters a timer, unless it lies beyond the end of the run.
    #[inline(always)]
    pub(super) fn enter(&mut self, due: Time, entry: Entry) {
        if due < self.world.until {
            self.entering.push(&mut self.calendar, self.world.ticks.of(due), entry);
        }
        self.cut_off |= due >= self.world.until && !due.is_never();
    }

    pub(super) fn make_ready(
        &mut self,
        slot: u32,
        device: DeviceId,
        presence: &mut Presence,
        now: Time,
    ) {
        presence.set_stage(Stage::Ready);
        self.ready.push(Ready { since: now, device, slot, period: presence.periods });
    }

    /// Handles all timers of the device before `end`. Returns whether its record is kept.
    #[inline(always)]
    fn run_to(&mut self, slot: u32, end: Time) -> bool {
        let presence = *self.records.presence(slot);
        match presence.flight {
            Presence::NO_FLIGHT if presence.until() >= end => return true,
            Presence::NO_FLIGHT => self.run_network(slot, presence, end),
            flight => self.run_flight(flight, end),
        }
        self.records.every_device() || self.records.presence(slot).stage() != Stage::Idle
    }

    fn take_turn(&mut self, listed: Listed, end: Time) {
        let Listed { device, at, online } = listed;
        let cohort = self.world.cohort_of(device);
        let tally = self.tally(cohort);
        tally.turns += 1;
        tally.online_at_turn += u64::from(online);
        let Some((slot, mut presence)) = self.first_touch(device) else {
            return self.offer_in_vain(cohort, at);
        };
        while presence.until() <= at {
            presence.flip(device, self.world.cohort(cohort), &self.world.streams);
            self.events.flips += 1;
        }
        presence.set_stage(Stage::Ready);
        *self.records.presence(slot) = presence;
        self.grant(slot, device, at, Time::ZERO, end);
    }

    /// R18: a listed device that is offline at its turn waits aside.
    fn set_aside(&mut self, device: DeviceId) {
        let cohort = self.world.cohort_of(device);
        self.tally(cohort).turns += 1;
        self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
        if let Some((slot, mut presence)) = self.first_touch(device) {
            presence.set_stage(Stage::Waiting);
            self.settle(slot, presence);
        }
    }

    /// The device's record; none if it has none and never will do anything.
    #[inline(always)]
    fn first_touch(&mut self, device: DeviceId) -> Option<(u32, Presence)> {
        if self.records.every_device() {
            let slot = self.records.slot_of(device);
            return Some((slot, *self.records.presence(slot)));
        }
        let world = self.world;
        let now = world.ticks.start(self.tick);
        let id = world.cohort_of(device);
        let presence = Presence::first(device, id, now, world.cohort(id), &world.streams);
        let gone = !presence.online() && presence.until().is_never();
        (!gone).then(|| (self.records.make(device, presence), presence))
    }

    /// Store-and-forward for a device that never returns: the permit is spent all the same.
    fn offer_in_vain(&mut self, cohort: CohortId, at: Time) {
        assert!(self.world.offline == OfflineTurn::StoreAndForward, "offline devices wait aside");
        let tally = self.tally(cohort);
        tally.attempts[0] += 1;
        tally.latencies[LatencyKind::EligibleToPushed as usize].record(at.since(Time::ZERO));
        self.events.pushes += 1;
        self.moved(cohort, TaskState::Queued(QueueCause::RateLimited), TaskState::Notified);
    }

    /// The device's permit has come: pushes it, and runs it on to the end of the tick.
    #[inline(always)]
    fn grant(&mut self, slot: u32, device: DeviceId, at: Time, eligible: Time, end: Time) {
        let mut presence = *self.records.presence(slot);
        let first = presence.flight == Presence::NO_FLIGHT;
        let keeps = first && self.world.offline == OfflineTurn::StoreAndForward;
        match presence.stage() {
            Stage::Ready if presence.online() || keeps => {
                let flight = self.take_off(slot, device, presence);
                return self.push(flight, at, eligible, end);
            }
            // R15: it went offline since the boundary, or its deadline struck: the permit lapses.
            Stage::Ready => {
                presence.set_stage(Stage::Waiting);
                self.settle(slot, presence);
                self.requeue(presence.cohort(), QueueCause::RateLimited, QueueCause::Offline);
            }
            Stage::Waiting | Stage::Idle => {}
            Stage::Pushed => unreachable!("nobody is pushed twice at once"),
        }
        self.tally(presence.cohort()).lapsed_permits += 1;
        self.run_to(slot, end);
    }

    pub(super) fn requeue(&mut self, cohort: CohortId, from: QueueCause, to: QueueCause) {
        self.moved(cohort, TaskState::Queued(from), TaskState::Queued(to));
    }

    pub(super) fn moved(&mut self, cohort: CohortId, from: TaskState, to: TaskState) {
        let states = &mut self.tally(cohort).states;
        states[from.index()] -= 1;
        states[to.index()] += 1;
        self.open -= u64::from(to.is_final());
    }

    #[inline(always)]
    pub(super) fn tally(&mut self, cohort: CohortId) -> &mut Tally {
        &mut self.tallies[usize::from(cohort.0)]
    }

    /// Fetches what [`Shard::is_still_ready`] will look at.
    #[inline(always)]
    pub fn expect(&self, ready: &Ready) {
        self.records.prefetch(ready.slot as usize);
    }

    /// Whether the device has been online and waiting since the entry was made.
    #[inline(always)]
    pub fn is_still_ready(&mut self, ready: &Ready) -> bool {
        let device = self.records.device(ready.slot);
        let presence = self.records.presence(ready.slot);
        presence.stage() == Stage::Ready
            && presence.periods == ready.period
            && device == ready.device
    }

    /// Whether a device that has had no turn is online, as of the beginning of `tick`.
    pub fn is_online(&mut self, device: DeviceId, tick: u64) -> bool {
        if self.records.every_device() {
            let slot = self.records.slot_of(device);
            return self.records.presence(slot).online();
        }
        let world = self.world;
        let id = world.cohort_of(device);
        let now = world.ticks.start(tick);
        Presence::first_online(device, id, now, world.cohort(id), &world.streams)
    }
}
