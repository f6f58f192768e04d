//! A part of the fleet that runs by itself from one boundary to the next.

mod fetching;
mod turns;

use crate::fleet::{Presence, Stage};
use crate::model::{CohortId, DeviceId, Time};
use crate::scheduler::state::{QueueCause, TaskState};
use crate::scheduler::{OfflineTurn, Ready};

use super::asking::{Answer, Asks, Request};
use super::books::Books;
use super::calendar::Due;
use super::flights::Fate;
use super::outcome::{Events, LatencyKind};
use super::prefetch::prefetch;
use super::records::Records;
use super::traffic::is_on_link;
use super::world::World;

/// How many devices ahead of its use a record is fetched: enough work for a memory latency.
const AHEAD: usize = 40;

/// Flights whose records are fetched together.
const GROUP: usize = 32;

/// Turns to carry out, by what is to be done.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Devices whose turn on the list came while they were offline.
    pub aside: Vec<DeviceId>,
    pub listed: Vec<Listed>,
    /// Devices from the ready queue, with the instants of their permits.
    pub ready: Vec<(Ready, Time)>,
    /// Devices whose user is to be asked, or that may ask for the offer, from now on.
    pub enrolled: Vec<DeviceId>,
    /// Devices that asked in vain.
    pub refused: Vec<Ready>,
}

/// A device whose turn on the list has come, with the instant of its permit.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub device: DeviceId,
    pub at: Time,
    pub online: bool,
}

/// Something that is due within a tick.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Listed(Listed),
    Ready(Ready),
    /// A device comes online or goes offline, at its place.
    Network(u32),
    /// A timer of a flight.
    Flight(u32),
}

impl Inbox {
    fn len(&self) -> usize {
        self.aside.len()
            + self.listed.len()
            + self.ready.len()
            + self.enrolled.len()
            + self.refused.len()
    }
}

/// One shard: its devices, their future, and what became of them so far.
///
/// # Invariants
/// Nothing in it depends on another shard, nor on the order of devices within a tick. Between
/// two calls the calendar holds every device under the earliest of its timers.
// Aligned, so that no two shards, which different threads change, share a cache line.
#[derive(Debug)]
#[repr(align(128))]
pub struct Shard<'w> {
    pub records: Records,
    pub books: Books<'w>,
    tick: u64,
    /// Turns to carry out at the beginning of the next [`Shard::run`].
    pub inbox: Inbox,
    /// What a tick holds; kept, so that nothing is allocated.
    due: Due,
}

impl<'w> Shard<'w> {
    /// At the first tick, with records that are still empty.
    pub fn new(world: &'w World, records: Records) -> Shard<'w> {
        Shard {
            records,
            books: Books::new(world),
            tick: 0,
            inbox: Inbox::default(),
            due: Due::default(),
        }
    }

    /// Makes the records of all devices of the shard, if every one has its own.
    pub fn populate(&mut self) {
        if !self.records.every_device() {
            return;
        }
        let Shard { records, books, .. } = self;
        let world = books.world;
        for slot in 0..records.presences().len() as u32 {
            let device = records.device(slot);
            let id = world.cohort_of(device);
            let presence = records.presence(slot);
            let cohort = world.cohort(id);
            *presence = Presence::first(device, id, Time::ZERO, cohort, &world.streams);
            books.idle.add(device, presence, world, books.memos.of(slot));
        }
    }

    /// The next tick that has something to do; it may turn out to be little.
    pub fn next_tick(&mut self) -> Option<u64> {
        let ticks = self.books.world.ticks;
        let traffic = self.books.traffic.as_mut().and_then(|traffic| traffic.next_tick(ticks));
        let fresh = (!self.books.fresh.is_empty()).then_some(self.tick + 1);
        let idle = self.books.idle.next_tick(self.books.world);
        let next = [self.books.calendar.next_tick(), idle, fresh, traffic];
        next.into_iter().flatten().min()
    }

    /// About how many entries [`Shard::run`] of `tick` will look at.
    pub fn load_at(&self, tick: u64) -> usize {
        let Books { calendar, idle, .. } = &self.books;
        let idle = match self.records.every_device() && idle.is_due(tick) {
            true => self.records.len(),
            false => 0,
        };
        calendar.load_at(tick) + idle + self.inbox.len()
    }

    /// Whether some device's next timer lies beyond the end of the run.
    pub fn is_cut_off(&self) -> bool {
        let loads = self.books.traffic.as_ref().is_some_and(|traffic| traffic.loading > 0);
        self.books.cut_off || self.books.idle.cut_off || loads
    }

    /// Whether an open task waits for a timer beyond the end of the run.
    pub fn waits_beyond(&mut self) -> bool {
        if self.books.idle.cut_off {
            return true;
        }
        let waits = |records: &mut Records, slot: u32| {
            if is_on_link(records, slot) {
                return true;
            }
            let presence = *records.presence(slot);
            match records.active(presence.flight) {
                Some(active) => !active.flight.task.state().is_final() && !active.due().is_never(),
                None => !presence.is_idle() && !presence.until().is_never(),
            }
        };
        (0..self.records.len() as u32).any(|slot| waits(&mut self.records, slot))
    }

    /// Events before `end`, which must not lie before the end of the last tick.
    pub fn events_before(&mut self, end: Time) -> Events {
        let Books { idle, world, events, .. } = &self.books;
        Events { flips: events.flips + idle.flips_before(end, world, &mut self.records), ..*events }
    }

    /// Events so far, a little ahead of the last tick.
    pub fn events(&self) -> Events {
        let events = self.books.events;
        Events { flips: events.flips + self.books.idle.flips, ..events }
    }

    /// Carries out the turns of the inbox, in `tick`; the rest of the tick is still to come.
    pub fn take_turns(&mut self, tick: u64) {
        let end = self.books.world.ticks.start(tick + 1);
        self.take_turns_to(tick, end);
    }

    /// As [`Shard::take_turns`], with devices that have a turn going on to `end`.
    fn take_turns_to(&mut self, tick: u64, end: Time) {
        self.tick = tick;
        self.run_idle(tick);
        self.books.open_traffic(tick, &mut self.records);
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.aside.drain(..).for_each(|device| self.set_aside(device));
        inbox.listed.drain(..).for_each(|listed| self.take_turn(listed, end));
        for at in 0..inbox.ready.len() {
            if let Some((ready, _)) = inbox.ready.get(at + AHEAD) {
                self.records.prefetch(ready.slot as usize);
            }
            let (ready, at) = inbox.ready[at];
            let Ready { slot, device, since, .. } = ready;
            let presence = *self.records.presence(slot);
            if presence.flight != Presence::NO_FLIGHT || presence.until() <= at {
                self.run_to(slot, Time(at.0 + 1));
            }
            match self.records.presence(slot).stage() {
                // R15: its deadline struck before its permit, which lapses.
                Stage::Idle | Stage::Pushed => {
                    self.books.tally(presence.cohort()).lapsed_permits += 1;
                }
                _ => self.grant(slot, device, at, since, end),
            }
        }
        inbox.ready.clear();
        inbox.enrolled.drain(..).for_each(|device| self.enrol(device));
        inbox.refused.drain(..).for_each(|ready| self.send_away(ready, end));
        self.inbox = inbox;
        self.settle_fresh();
        self.books.flush();
    }

    /// What a device asked in `tick` is answered at `at`; it goes on to the end of the tick.
    pub fn answer(&mut self, request: &Request, at: Time, answer: Answer) {
        let Request { flight, asks, .. } = *request;
        let end = self.books.world.ticks.start(self.tick + 1);
        let mut active = self.records.active(flight).expect("it waits for the answer");
        match asks {
            Asks::Worker { .. } => self.books.take_answer(&mut active, request.at, at, answer),
            Asks::Start => self.books.take_start(&mut active, at, answer),
        }
        if !self.books.holds(flight) && self.books.run(&mut active, end) == Fate::Over {
            self.end_flight(flight);
        }
    }

    /// Carries out turns that came up after the tick was run.
    pub fn go_on_with_turns(&mut self) {
        self.take_turns(self.tick);
    }

    /// Downloads under way.
    pub fn loading(&self) -> u64 {
        self.books.traffic.as_ref().map_or(0, |traffic| traffic.loading)
    }

    fn run_idle(&mut self, tick: u64) {
        let Books { idle, world, memos, .. } = &mut self.books;
        idle.run(tick, world, &mut self.records, memos);
    }

    /// Devices that have become ready and were not pushed at once stay, and may go offline.
    fn settle_fresh(&mut self) {
        let Shard { records, books, .. } = self;
        let mut fresh = std::mem::take(&mut books.fresh);
        for slot in fresh.drain(..) {
            let presence = records.presence(slot);
            if presence.stage() == Stage::Ready {
                books.settle(slot, presence);
            }
        }
        books.fresh = fresh;
    }

    /// Carries out the turns of the inbox, and all events up to the end of `tick`.
    pub fn run(&mut self, tick: u64) {
        self.take_turns(tick);
        let mut due = std::mem::take(&mut self.due);
        self.books.calendar.drain(tick, &mut due);
        self.books.calendar.prefetch_chain(tick + 1);
        let end = self.books.world.ticks.start(tick + 1);
        let [networks, flights @ ..] = &due;
        flights.iter().for_each(|list| self.expect_flights(list));
        self.run_networks(networks, end);
        flights.iter().for_each(|list| self.run_flights(list, end));
        due.iter_mut().for_each(Vec::clear);
        self.due = due;
        self.close();
    }

    /// Opens a tick that is run piece by piece.
    pub fn open(&mut self, tick: u64) {
        let (listed, ready) =
            (std::mem::take(&mut self.inbox.listed), std::mem::take(&mut self.inbox.ready));
        self.take_turns_to(tick, self.books.world.ticks.start(tick));
        (self.inbox.listed, self.inbox.ready) = (listed, ready);
    }

    /// Hands out what is due in the tick that was opened and was not handed out before.
    pub fn due(&mut self, tick: u64, mut hand_out: impl FnMut(Time, What)) {
        self.inbox.listed.drain(..).for_each(|turn| hand_out(turn.at, What::Listed(turn)));
        self.inbox.ready.drain(..).for_each(|(turn, at)| hand_out(at, What::Ready(turn)));
        let mut due = std::mem::take(&mut self.due);
        self.books.calendar.drain(tick, &mut due);
        let end = self.books.world.ticks.start(tick + 1);
        let [networks, flights @ ..] = &mut due;
        for slot in networks.drain(..) {
            let until = self.records.presence(slot).until();
            if until < end {
                hand_out(until, What::Network(slot));
            }
        }
        for flight in flights.iter_mut().flat_map(|list| list.drain(..)) {
            let due = self.records.active(flight).map_or(Time::NEVER, |active| active.due());
            if due < end && !self.books.holds(flight) {
                hand_out(due, What::Flight(flight));
            }
        }
        self.due = due;
    }

    /// Does what is due at `at`, and nothing later.
    pub fn act(&mut self, what: What, at: Time, tick: u64) {
        let end = Time(at.0 + 1);
        match what {
            What::Listed(turn) => {
                self.inbox.listed.push(turn);
                self.take_turns_to(tick, end);
            }
            What::Ready(turn) => {
                self.inbox.ready.push((turn, at));
                self.take_turns_to(tick, end);
            }
            What::Network(slot) => self.run_networks(&[slot], end),
            What::Flight(flight) => self.run_flight(flight, end),
        }
        self.settle_fresh();
        self.books.flush();
    }

    /// Closes the tick.
    pub fn close(&mut self) {
        self.books.flush();
        self.books.ready.sort_unstable();
        self.books.results.sort_unstable_by_key(|result| (result.at, result.device));
    }

    /// Runs the listed devices, whose network may be due, to `end`.
    fn run_networks(&mut self, list: &[u32], end: Time) {
        list.iter().take(AHEAD).for_each(|slot| self.records.prefetch(*slot as usize));
        self.expect_around(list);
        let keeps_more = self.keeps_more();
        for (at, &slot) in list.iter().enumerate() {
            self.records.prefetch(list.get(at + AHEAD).map_or(usize::MAX, |slot| *slot as usize));
            if keeps_more {
                self.fetch_around_next(list, at);
            }
            let presence = self.records.presence(slot);
            // Idle devices have run ahead.
            if presence.until() < end && !presence.is_idle() {
                self.run_to(slot, end);
            }
        }
    }

    /// Handles all timers of the device before `end`.
    #[inline(always)]
    fn run_to(&mut self, slot: u32, end: Time) {
        match self.records.presence(slot).flight {
            Presence::NO_FLIGHT => self.run_network(slot, end),
            flight => self.run_flight(flight, end),
        }
    }

    /// Runs a device without a flight to `end`.
    #[inline(always)]
    fn run_network(&mut self, slot: u32, end: Time) {
        let Shard { records, books, .. } = self;
        let device = records.device(slot);
        let presence = records.presence(slot);
        while presence.until() < end {
            books.flip(slot, device, presence);
        }
        if presence.stage() == Stage::Ready {
            books.fresh.push(slot);
        } else {
            books.settle(slot, presence);
        }
    }

    /// Fetches the first flights of a list.
    fn expect_flights(&self, list: &[u32]) {
        let flights = self.records.flights();
        list.iter().take(GROUP).for_each(|index| prefetch(flights, *index as usize));
    }

    /// Runs the flights of a list to `end`; the first were fetched by
    /// [`Shard::expect_flights`].
    fn run_flights(&mut self, list: &[u32], end: Time) {
        for (at, group) in list.chunks(GROUP).enumerate() {
            for index in group {
                let slot = self.records.flights()[*index as usize].slot as usize;
                self.records.prefetch(slot);
            }
            self.expect_flights(&list[((at + 1) * GROUP).min(list.len())..]);
            if self.keeps_more() {
                self.expect_beside(group);
            }
            group.iter().for_each(|index| self.run_flight(*index, end));
        }
    }

    /// Handles all timers of the flight's device before `end`.
    #[inline(always)]
    fn run_flight(&mut self, index: u32, end: Time) {
        let Some(mut active) = self.records.active(index) else { return };
        let runs = active.is_due(end) && !self.books.holds(index);
        if runs && self.books.run(&mut active, end) == Fate::Over {
            self.end_flight(index);
        }
    }

    /// Nothing can come of the flight any more.
    #[inline(always)]
    pub fn end_flight(&mut self, index: u32) {
        let slot = self.records.end_flight(index);
        self.rejoin_idle(slot);
    }

    /// The device at `slot`, which has no flight, waits for nothing any more.
    pub fn release(&mut self, slot: u32) {
        self.records.release(slot);
        self.rejoin_idle(slot);
    }

    #[inline(always)]
    fn rejoin_idle(&mut self, slot: u32) {
        let Shard { records, books, .. } = self;
        if records.every_device() {
            let device = records.device(slot);
            let presence = records.presence(slot);
            let (world, memo) = (books.world, books.memos.of(slot));
            let cohort = world.cohort(presence.cohort());
            presence.forget_look(device, cohort, &world.streams, memo);
            books.idle.add(device, presence, world, memo);
        }
    }

    /// Fetches what [`Shard::is_still_ready`] will look at.
    #[inline(always)]
    pub fn expect(&self, ready: &Ready) {
        self.records.prefetch(ready.slot as usize);
    }

    /// Fetches what [`Shard::is_online`] will look at.
    #[inline(always)]
    pub fn expect_listed(&self, device: DeviceId) {
        if self.records.every_device() {
            self.records.prefetch(self.records.slot_of(device) as usize);
        }
    }

    /// Whether the device has been online and waiting since the entry was made.
    #[inline(always)]
    pub fn is_still_ready(&mut self, ready: &Ready) -> bool {
        let device = self.records.device(ready.slot);
        let presence = self.records.presence(ready.slot);
        let ready_since = presence.stage() == Stage::Ready
            && presence.periods == ready.period
            && device == ready.device;
        // An entry from before a retry by hand does not stand for it.
        let flight = presence.flight;
        ready_since
            && (flight == Presence::NO_FLIGHT
                || self.records.flights()[flight as usize].task.state().is_waiting() != ready.again)
    }

    /// Whether a device that has had no turn is online, as of the beginning of `tick`.
    pub fn is_online(&mut self, device: DeviceId, tick: u64) -> bool {
        let world = self.books.world;
        let now = world.ticks.start(tick);
        if self.records.every_device() {
            let slot = self.records.slot_of(device);
            let mut then = *self.records.presence(slot);
            let cohort = world.cohort(then.cohort());
            then.back_to(now, device, cohort, &world.streams);
            return then.online();
        }
        let id = world.cohort_of(device);
        Presence::first_online(device, id, now, world.cohort(id), &world.streams)
    }
}
