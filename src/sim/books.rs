//! What a shard keeps account of: its future, and what became of its devices so far.

use crate::fleet::{Presence, Stage};
use crate::model::{CohortId, DeviceId, Time, take};
use crate::scheduler::state::{FailureReason, QueueCause, TaskState};
use crate::scheduler::{Ready, TaskResult, TaskRules};
use crate::stats::Minutes;

use super::calendar::{Calendar, Entering, Entry, Kind};
use super::idle::Idle;
use super::ledger::Ledger;
use super::memos::Memos;
use super::outcome::{Events, Tally};
use super::polls::Polls;
use super::stage_book::StageBook;
use super::trace::{TraceEntry, Tracer};
use super::traffic::Traffic;
use super::world::World;

/// A shard without its devices' records.
#[derive(Debug)]
pub struct Books<'w> {
    pub world: &'w World,
    pub calendar: Calendar,
    pub entering: Entering,
    pub idle: Idle,
    pub memos: Memos,
    /// Devices that became ready since the coordinator took them last.
    pub ready: Vec<Ready>,
    /// Slots of those that had no flight and are not in the calendar: most are pushed at once.
    pub fresh: Vec<u32>,
    /// By cohort.
    pub tallies: Vec<Tally>,
    /// Devices by version they run; to be summed over the shards, modulo 2^64.
    pub versions: Vec<u64>,
    pub events: Events,
    /// Offers that left, by minute.
    pub pushes: Minutes,
    /// Whether some device's next timer lies beyond the end of the run.
    pub cut_off: bool,
    /// Tasks that are not final.
    pub open: u64,
    /// By cohort: tasks that ended before their device's turn.
    pub withdrawn: Vec<u64>,
    /// Tasks pushed, and those of them that are final.
    pub started: u64,
    pub ended: u64,
    /// Of the pushed tasks, those that were pushed before and had failed (R10).
    pub restarted: u64,
    /// Tasks that are final while their device still goes about them.
    pub under_way: u64,
    /// Rules for tasks, as far as they can change; a task's place is its flight.
    pub rules: TaskRules,
    /// Whether somebody wants to know of each result.
    pub wants_results: bool,
    pub trace: Tracer,
    /// Since when the campaign is active.
    pub activated: Time,
    /// What became of tasks in the current tick.
    pub results: Vec<TaskResult>,
    /// Tasks that were queued once more after they had failed, in the current boundary.
    pub reopened: Vec<(DeviceId, FailureReason)>,
    /// What packages of one fleet know of each other; none where there is only one.
    pub ledger: Option<Box<Ledger>>,
    /// What becomes of each stage, if the campaign has stages.
    pub stages: Option<Box<StageBook>>,
    /// Polls of devices that ask for their offers.
    pub polls: Polls,
    /// What devices load over shared links and ask of servers, if they do.
    pub traffic: Option<Box<Traffic<'w>>>,
}

impl<'w> Books<'w> {
    /// Empty books: no device has a turn, no task is counted yet.
    pub fn new(world: &'w World) -> Books<'w> {
        Books {
            world,
            calendar: Calendar::new(),
            entering: Entering::new(),
            idle: Idle::new(world),
            memos: Memos::new(world),
            ready: Vec::new(),
            fresh: Vec::new(),
            tallies: vec![Tally::default(); world.cohorts.len()],
            versions: vec![0; world.versions.names.len()],
            events: Events::default(),
            pushes: Minutes::default(),
            cut_off: false,
            open: 0,
            withdrawn: vec![0; world.cohorts.len()],
            started: 0,
            ended: 0,
            restarted: 0,
            under_way: 0,
            rules: TaskRules::new(world.policy),
            wants_results: false,
            trace: Tracer::new(None),
            activated: Time::ZERO,
            results: Vec::new(),
            reopened: Vec::new(),
            ledger: None,
            stages: None,
            polls: Polls::default(),
            traffic: world.network.as_ref().map(|network| Box::new(Traffic::new(network))),
        }
    }

    /// The version the device, which has no flight, runs.
    #[inline(always)]
    pub fn version_of(&self, slot: u32, device: DeviceId, cohort: CohortId) -> u16 {
        match &self.ledger {
            None => self.world.version_of(device, cohort),
            Some(ledger) => ledger.installed[slot as usize].version,
        }
    }

    /// Since when the device, whose turn on the list has come, is eligible for its push.
    #[inline(always)]
    pub fn eligible_since(&self, slot: u32) -> Time {
        self.ledger.as_ref().map_or(self.activated, |ledger| ledger.since[slot as usize])
    }

    /// Nothing is lost and nothing counted twice.
    ///
    /// # Panics
    /// If the tallies do not add up.
    pub fn assert_conserved(&self) {
        self.tallies.iter().for_each(Tally::assert_conserved);
        let open: u64 = self.tallies.iter().map(Tally::open).sum();
        assert_eq!(open, self.open, "open tasks counted wrongly");
        if let Some(stages) = &self.stages {
            stages.assert_adds_up(&self.tallies);
        }
    }

    /// What became of a cohort's devices.
    #[inline(always)]
    pub fn tally(&mut self, cohort: CohortId) -> &mut Tally {
        &mut self.tallies[usize::from(cohort.0)]
    }

    /// Counts a task that goes from one state to another; a final one is not open any more.
    #[inline(always)]
    pub fn moved(&mut self, cohort: CohortId, from: TaskState, to: TaskState) {
        let states = &mut self.tally(cohort).states;
        take(&mut states[from.index()], 1);
        states[to.index()] += 1;
        take(&mut self.open, u64::from(to.is_final()));
    }

    /// Counts a queued task that waits for something else now.
    #[inline(always)]
    pub fn requeue(&mut self, cohort: CohortId, from: QueueCause, to: QueueCause) {
        self.moved(cohort, TaskState::Queued(from), TaskState::Queued(to));
    }

    /// Hands the device over to be pushed at its turn; `again`: its task was pushed before.
    #[inline(always)]
    pub fn make_ready(
        &mut self,
        slot: u32,
        device: DeviceId,
        presence: &mut Presence,
        now: Time,
        again: bool,
    ) {
        presence.set_stage(Stage::Ready);
        let lane = self.world.lanes.of(device, presence.cohort());
        let period = presence.periods;
        let module = self.world.module;
        self.ready.push(Ready { since: now, device, slot, period, lane, again, module });
    }

    /// R17: the device stands in the queue since `at`, or waits aside until it is back; `events`
    /// say so in the log.
    pub fn line_up(
        &mut self,
        slot: u32,
        device: DeviceId,
        presence: &mut Presence,
        at: Time,
        [queued, aside]: [&'static str; 2],
    ) {
        if presence.online() {
            self.make_ready(slot, device, presence, at, false);
            self.note_queued(device, at, queued, QueueCause::RateLimited);
        } else {
            presence.set_stage(Stage::Waiting);
            self.requeue(presence.cohort(), QueueCause::RateLimited, QueueCause::Offline);
            self.note_queued(device, at, aside, QueueCause::Offline);
        }
    }

    /// For the log: the device, which has no flight, was queued or requeued.
    #[inline(always)]
    pub fn note_queued(
        &mut self,
        device: DeviceId,
        at: Time,
        event: &'static str,
        cause: QueueCause,
    ) {
        let online = cause != QueueCause::Offline;
        let state = TaskState::Queued(cause);
        self.note_state(device, at, event, state, online);
    }

    /// For the log of a device that has no flight.
    #[inline(always)]
    pub fn note_state(
        &mut self,
        device: DeviceId,
        at: Time,
        event: &'static str,
        state: TaskState,
        online: bool,
    ) {
        let (attempt, version) = (0, None);
        let entry = || TraceEntry { at, event, state, attempt, online, device, version };
        self.trace.note(device, entry);
    }

    /// Enters a timer, unless it lies beyond the end of the run.
    #[inline(always)]
    pub fn enter(&mut self, due: Time, entry: Entry) {
        if due < self.world.until {
            self.entering.push(&mut self.calendar, self.world.ticks.of(due), entry);
        } else {
            self.cut_off |= !due.is_never();
        }
    }

    /// Sees to it that the calendar knows when the device's period ends.
    #[inline(always)]
    pub fn settle(&mut self, slot: u32, presence: &mut Presence) {
        if !presence.is_entered() {
            presence.set_entered();
            self.enter(presence.until(), Entry::new(Kind::Network, slot));
        }
    }

    /// What was entered is in the calendar from here on.
    pub fn flush(&mut self) {
        self.entering.flush(&mut self.calendar);
    }

    /// Ends the period of a device that has no flight, and does what follows from it.
    #[inline(always)]
    pub fn flip(&mut self, slot: u32, device: DeviceId, presence: &mut Presence) {
        let now = presence.until();
        let cohort = presence.cohort();
        let memo = self.memos.of(slot);
        presence.flip(device, self.world.cohort(cohort), &self.world.streams, memo);
        self.events.flips += 1;
        match (presence.stage(), presence.online()) {
            (Stage::Idle, _) => {}
            (Stage::Waiting, true) => {
                // R18: it waited aside and comes back.
                self.requeue(cohort, QueueCause::Offline, QueueCause::RateLimited);
                self.make_ready(slot, device, presence, now, false);
                self.note_queued(device, now, "online", QueueCause::RateLimited);
            }
            (Stage::Ready, false) => {
                presence.set_stage(Stage::Waiting);
                self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
                self.note_queued(device, now, "offline", QueueCause::Offline);
            }
            (Stage::Waiting, false) | (Stage::Ready, true) | (Stage::Pushed, _) => {
                unreachable!("state and stage agree")
            }
        }
    }
}
