//! A part of the fleet that runs by itself from one boundary to the next.

use crate::fleet::{Presence, Stage};
use crate::model::{CohortId, DeviceId, Time};
use crate::scheduler::state::{QueueCause, TaskState};
use crate::scheduler::{Effect, Input, OfflineTurn, Ready, Turn};

use super::calendar::{Calendar, Entering, era};
use super::outcome::{Events, LatencyKind, Tally};
use super::prefetch::prefetch;
use super::records::Records;
use super::world::World;

/// How many devices ahead of its use a record is fetched: enough work for a memory latency.
const AHEAD: usize = 16;

/// Lists that are filled and emptied in each tick; kept, so that nothing is allocated.
#[derive(Debug, Default)]
struct Scratch {
    due: Vec<u32>,
    /// Devices with more than their network.
    busy: Vec<u32>,
}

/// One shard: its devices, their future, and what became of them so far.
///
/// # Invariants
/// Nothing in it depends on another shard, nor on the order of devices within a tick.
#[derive(Debug)]
pub struct Shard<'w> {
    pub(super) world: &'w World,
    pub(super) records: Records,
    calendar: Calendar,
    tick: u64,
    /// Turns to carry out at the beginning of the next [`Shard::run`].
    pub inbox: Vec<Turn>,
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
    scratch: Scratch,
}

impl<'w> Shard<'w> {
    pub fn new(world: &'w World, records: Records) -> Shard<'w> {
        Shard {
            tallies: vec![Tally::default(); world.cohorts.len()],
            versions: vec![0; world.versions.names.len()],
            world,
            records,
            calendar: Calendar::new(),
            tick: 0,
            inbox: Vec::new(),
            ready: Vec::new(),
            events: Events::default(),
            cut_off: false,
            open: 0,
            scratch: Scratch::default(),
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
            let presence =
                Presence::first(device, id, Time::ZERO, world.cohort(id), &world.streams);
            *self.records.presence(slot) = presence;
            self.enter(slot, presence.until());
        }
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
        entries as usize + self.inbox.len()
    }

    /// Carries out the turns of the inbox, in `tick`; the rest of the tick is still to come.
    pub fn take_turns(&mut self, tick: u64) {
        self.seek(tick);
        let end = self.world.ticks.start(tick + 1);
        let mut inbox = std::mem::take(&mut self.inbox);
        for at in 0..inbox.len() {
            if let Some(Turn::Ready { ready, .. }) = inbox.get(at + AHEAD) {
                prefetch(self.records.presences(), ready.slot as usize);
            }
            self.take_turn(inbox[at], end);
        }
        inbox.clear();
        self.inbox = inbox;
    }

    /// Carries out the turns of the inbox, and all events up to the end of `tick`.
    pub fn run(&mut self, tick: u64) {
        self.take_turns(tick);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.due.clear();
        self.calendar.drain(tick, &mut scratch.due);
        self.calendar.prefetch_chain(tick + 1);
        self.run_due(&mut scratch, self.world.ticks.start(tick + 1));
        self.scratch = scratch;
        self.ready.sort_unstable();
    }

    /// Goes to `tick`, and sorts what was entered from afar into its ticks.
    fn seek(&mut self, tick: u64) {
        let far = era(tick) != era(self.tick);
        self.tick = tick;
        if !far {
            return;
        }
        let mut moved = Vec::new();
        self.calendar.enter_era(era(tick), &mut moved);
        for at in 0..moved.len() {
            let ahead = moved.get(at + AHEAD).map_or(usize::MAX, |slot| *slot as usize);
            prefetch(self.records.presences(), ahead);
            let due = self.next_due(moved[at]);
            // Whoever is due in another era is entered there; this entry has become void.
            if era(self.world.ticks.of(due)) == era(tick) {
                self.enter(moved[at], due);
            }
        }
    }

    /// Runs each due device to `end`, the end of the tick; void entries are passed over.
    fn run_due(&mut self, scratch: &mut Scratch, end: Time) {
        let Scratch { due, busy } = scratch;
        busy.clear();
        let mut entering = Entering::new();
        self.run_alone(due, busy, end, &mut entering);
        for &slot in &*busy {
            let due = self.next_due(slot);
            if due < end
                && let Some(due) = self.run_from(slot, due, end)
            {
                if due < self.world.until {
                    entering.push(&mut self.calendar, self.world.ticks.of(due), slot);
                }
                self.cut_off |= self.is_cut_off(due);
            }
        }
        entering.finish(&mut self.calendar);
    }

    /// Runs the devices that have nothing but their network to `end`; lists the others.
    ///
    /// The records of later devices, and the flights of those listed, are fetched on the way,
    /// evenly spread, since the processor follows only a dozen fetches at a time.
    fn run_alone(&mut self, due: &[u32], busy: &mut Vec<u32>, end: Time, entering: &mut Entering) {
        let Shard { world, records, calendar, events, cut_off, .. } = self;
        let (presences, names, flights) = records.parts();
        due.iter().take(AHEAD).for_each(|slot| prefetch(presences, *slot as usize));
        for (at, &slot) in due.iter().enumerate() {
            prefetch(presences, due.get(at + AHEAD).map_or(usize::MAX, |slot| *slot as usize));
            let place = &mut presences[slot as usize];
            let mut presence = *place;
            if !presence.is_alone() {
                // A flight may begin in one cache line and end in the next.
                prefetch(flights, presence.flight as usize);
                prefetch(flights, presence.flight.wrapping_add(1) as usize);
                busy.push(slot);
                continue;
            }
            if presence.until() >= end {
                continue;
            }
            let device = names.device(slot);
            let cohort = world.cohort(presence.cohort());
            while presence.until() < end {
                presence.flip(device, cohort, &world.streams);
                events.flips += 1;
            }
            *place = presence;
            let until = presence.until();
            if until < world.until {
                entering.push(calendar, world.ticks.of(until), slot);
            }
            *cut_off |= until >= world.until && !until.is_never();
        }
    }

    /// Enters the device under the tick of its next timer.
    #[inline(always)]
    fn enter(&mut self, slot: u32, due: Time) {
        if due < self.world.until {
            self.calendar.insert(self.world.ticks.of(due), slot);
        }
        self.cut_off |= self.is_cut_off(due);
    }

    /// Whether a timer lies beyond the end of the run.
    fn is_cut_off(&self, due: Time) -> bool {
        due >= self.world.until && !due.is_never()
    }

    /// The earliest of the device's timers.
    fn next_due(&mut self, slot: u32) -> Time {
        let presence = *self.records.presence(slot);
        match presence.flight {
            Presence::NO_FLIGHT => presence.until(),
            flight => {
                let flight = self.records.flight(flight);
                let due = flight.attempt.due().min(flight.task.next_deadline());
                presence.until().min(due)
            }
        }
    }

    /// Handles the device's timers before `end`, in order, the first of them at `due`; with
    /// equal times the attempt comes before the network, and both before the deadline. Returns
    /// its next timer, or nothing if its record was given back.
    fn run_from(&mut self, slot: u32, mut due: Time, end: Time) -> Option<Time> {
        while due < end {
            let presence = *self.records.presence(slot);
            let kept = if presence.flight == Presence::NO_FLIGHT {
                self.flip(slot, due);
                true
            } else if self.records.flight(presence.flight).attempt.due() == due {
                self.step_attempt(slot, due)
            } else if presence.until() == due {
                self.flip(slot, due);
                true
            } else {
                self.strike_deadline(slot, due)
            };
            if !kept {
                return None;
            }
            due = self.next_due(slot);
        }
        Some(due)
    }

    /// The device comes online or goes offline.
    fn flip(&mut self, slot: u32, now: Time) {
        let world = self.world;
        let device = self.records.device(slot);
        let presence = self.records.presence(slot);
        let cohort = presence.cohort();
        presence.flip(device, world.cohort(cohort), &world.streams);
        self.events.flips += 1;
        let presence = *presence;
        match (presence.stage(), presence.online()) {
            (Stage::Idle, _) => {}
            (Stage::Waiting, true) => self.returned(slot, now),
            (Stage::Ready, false) => {
                self.records.presence(slot).set_stage(Stage::Waiting);
                if presence.flight == Presence::NO_FLIGHT {
                    self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
                }
            }
            (Stage::Pushed, online) => self.reconnect(slot, presence, online, now),
            (Stage::Waiting, false) | (Stage::Ready, true) => unreachable!("state and stage agree"),
        }
    }

    /// R18: a device that waited aside comes back.
    fn returned(&mut self, slot: u32, now: Time) {
        let presence = *self.records.presence(slot);
        if presence.flight == Presence::NO_FLIGHT {
            self.requeue(presence.cohort(), QueueCause::Offline, QueueCause::RateLimited);
        } else if !self.world.policy.retry.is_none_or(|retry| retry.needs_permit) {
            return self.push(slot, now, now);
        }
        self.make_ready(slot, now);
    }

    pub(super) fn make_ready(&mut self, slot: u32, now: Time) {
        let device = self.records.device(slot);
        let presence = self.records.presence(slot);
        presence.set_stage(Stage::Ready);
        let period = presence.periods;
        self.ready.push(Ready { since: now, device, slot, period });
    }

    fn reconnect(&mut self, slot: u32, presence: Presence, online: bool, now: Time) {
        let world = self.world;
        let device = self.records.device(slot);
        let flight = self.records.flight(presence.flight);
        if !online {
            return flight.attempt.disconnected(now);
        }
        let delivered = flight.attempt.is_delivered_unheard();
        let effect = flight.task.handle(now, Input::Connected, &world.policy);
        let luck = world.luck(device, presence.cohort(), flight.attempt.version);
        flight.attempt.connected(now, &luck);
        if effect == Effect::Repush && delivered {
            self.tally(presence.cohort()).repushes += 1;
        }
    }

    fn take_turn(&mut self, turn: Turn, end: Time) {
        match turn {
            Turn::Ready { ready, at } => {
                let before = self.next_due(ready.slot);
                if self.run_from(ready.slot, before, Time(at.0 + 1)).is_some() {
                    self.grant(ready.slot, at, ready.since, before, end);
                }
            }
            Turn::Aside { device } => self.set_aside(device),
            Turn::List { device, at, online } => {
                let cohort = self.world.cohort_of(device);
                let tally = self.tally(cohort);
                tally.turns += 1;
                tally.online_at_turn += u64::from(online);
                match self.first_touch(device) {
                    Some(slot) => {
                        // A new record is not in the calendar yet.
                        let entered = self.records.every_device();
                        let due = self.next_due(slot);
                        let before = if entered { due } else { Time::NEVER };
                        self.run_from(slot, due, Time(at.0 + 1));
                        self.records.presence(slot).set_stage(Stage::Ready);
                        self.grant(slot, at, Time::ZERO, before, end);
                    }
                    None => self.offer_in_vain(cohort, at),
                }
            }
        }
    }

    /// R18: a listed device that is offline at its turn waits aside.
    fn set_aside(&mut self, device: DeviceId) {
        let cohort = self.world.cohort_of(device);
        self.tally(cohort).turns += 1;
        self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
        if let Some(slot) = self.first_touch(device) {
            self.records.presence(slot).set_stage(Stage::Waiting);
            if !self.records.every_device() {
                let due = self.records.presence(slot).until();
                self.enter(slot, due);
            }
        }
    }

    /// The device's record; none if it has none and never will do anything.
    fn first_touch(&mut self, device: DeviceId) -> Option<u32> {
        if self.records.every_device() {
            return Some(self.records.slot_of(device));
        }
        let world = self.world;
        let now = world.ticks.start(self.tick);
        let id = world.cohort_of(device);
        let presence = Presence::first(device, id, now, world.cohort(id), &world.streams);
        let gone = !presence.online() && presence.until().is_never();
        (!gone).then(|| self.records.make(device, presence))
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
    ///
    /// `before` is the timer under which the calendar already holds the device.
    fn grant(&mut self, slot: u32, at: Time, eligible: Time, before: Time, end: Time) {
        let presence = *self.records.presence(slot);
        let first = presence.flight == Presence::NO_FLIGHT;
        let keeps = first && self.world.offline == OfflineTurn::StoreAndForward;
        match presence.stage() {
            Stage::Ready if presence.online() || keeps => self.push(slot, at, eligible),
            // R15: it went offline since the boundary, or its deadline struck: the permit lapses.
            Stage::Ready => {
                self.records.presence(slot).set_stage(Stage::Waiting);
                self.requeue(presence.cohort(), QueueCause::RateLimited, QueueCause::Offline);
                self.tally(presence.cohort()).lapsed_permits += 1;
            }
            Stage::Waiting | Stage::Idle => {
                self.tally(presence.cohort()).lapsed_permits += 1;
            }
            Stage::Pushed => unreachable!("nobody is pushed twice at once"),
        }
        let due = self.next_due(slot);
        if let Some(due) = self.run_from(slot, due, end) {
            let ticks = self.world.ticks;
            if before.is_never() || before < end || ticks.of(before) != ticks.of(due) {
                self.enter(slot, due);
            }
        }
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
    pub fn expect(&mut self, ready: &Ready) {
        prefetch(self.records.presences(), ready.slot as usize);
    }

    /// Whether the device has been online and waiting since the entry was made.
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
