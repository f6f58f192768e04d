//! What the campaign's decisions mean for the tasks of a shard.

use crate::fleet::{Presence, Stage};
use crate::model::{CohortId, DeviceId, Time, left, take};
use crate::scheduler::state::{FailureReason, QueueCause, TaskState};
use crate::scheduler::{Order, StateSet, TaskResult};

use super::books::Books;
use super::flights::{Active, Fate};
use super::ledger::Status;
use super::meeting::Met;
use super::shard::Shard;
use super::trace::CREATED;

impl Shard<'_> {
    /// Carries out an order at the beginning of a tick, `now`.
    pub fn carry_out(&mut self, order: &Order, now: Time) {
        let asks = self.books.rules.policy().asks_to_stop;
        match order {
            Order::Activate => self.books.activated = now,
            Order::SetPolicy(policy) => self.books.rules.set_policy(*policy),
            Order::End { states, retries, to } => {
                if self.books.ledger.is_some() {
                    self.end_unturned_of_several(states, *to, now);
                } else if states.contains(self.books.world.first_state()) {
                    self.books.end_unturned(*to, now);
                }
                for slot in 0..self.records.len() as u32 {
                    self.end_if(slot, *to, now, asks, |state, waits| {
                        states.contains(state) || *retries && waits
                    });
                }
            }
            Order::EndDevices { devices, to } => {
                for slot in self.slots_of(devices) {
                    self.end_if(slot, *to, now, asks, |_, _| true);
                }
            }
            Order::Confirm { devices } => {
                for slot in self.slots_of(devices) {
                    self.confirm(slot, now);
                }
            }
            Order::Retry { devices } => {
                let slots = match devices {
                    Some(devices) => self.slots_of(devices),
                    None => (0..self.records.len() as u32).collect(),
                };
                for slot in slots {
                    self.retry_failed(slot, self.records.device(slot), now);
                }
            }
        }
    }

    /// Where those of the devices lie that have a record here, in order of the slots.
    fn slots_of(&self, devices: &[DeviceId]) -> Vec<u32> {
        let mut sorted = devices.to_vec();
        sorted.sort_unstable();
        let slots = 0..self.records.len() as u32;
        slots
            .filter(|slot| {
                self.records
                    .device_in_use(*slot)
                    .is_some_and(|device| sorted.binary_search(&device).is_ok())
            })
            .collect()
    }

    /// Ends the open task of the device at `slot` if `which` says so of its state, and of
    /// whether it waits for another try. If that is a cancel and it `asks`, a device that goes
    /// about its task is asked to stop instead.
    fn end_if(
        &mut self,
        slot: u32,
        to: TaskState,
        now: Time,
        asks: bool,
        which: impl Fn(TaskState, bool) -> bool,
    ) {
        let presence = *self.records.presence(slot);
        let (stage, cohort) = (presence.stage(), presence.cohort());
        if presence.flight == Presence::NO_FLIGHT {
            let state = match stage {
                Stage::Waiting => TaskState::Queued(QueueCause::Offline),
                Stage::Ready => TaskState::Queued(QueueCause::RateLimited),
                Stage::Idle | Stage::Pushed => return,
            };
            if which(state, false) {
                let device = self.records.device(slot);
                let online = presence.online();
                self.books.note_state(device, now, "ended by the campaign", to, online);
                self.books.end(device, cohort, (state, to), now);
                self.books.note_end(slot, device, now, to);
                self.release(slot);
            }
            return;
        }
        let keeps_failed = self.books.world.keeps_failed;
        let mut active = self.records.active(presence.flight).expect("a flight that is not over");
        let state = active.flight.task.state();
        let is_queued = state.is_waiting();
        let waits = !is_queued && (stage != Stage::Pushed || active.flight.attempt.is_resting());
        if state.is_final() || !which(state, waits) {
            return;
        }
        let attempt = &active.flight.attempt;
        let goes_about_it = !attempt.is_over() || attempt.is_silent();
        if asks && to == TaskState::Canceled && !is_queued && goes_about_it {
            self.books.ask_to_stop(&mut active, now);
            return self.enter_again(presence.flight, now);
        }
        self.books.tasked(&mut active).end(to);
        self.books.give_up(&mut active);
        self.books.note(&active, now, "ended by the campaign");
        let over = active.flight.attempt.is_over();
        let silent = active.flight.attempt.is_silent();
        let offline = matches!(state, TaskState::Queued(_)) && stage == Stage::Waiting;
        let counted = if offline { TaskState::Queued(QueueCause::Offline) } else { state };
        let device = active.device;
        self.books.ended += u64::from(!is_queued);
        self.books.end(device, cohort, (counted, to), now);
        if silent && matches!(to, TaskState::Failed(_)) {
            self.books.tally(cohort).bricked_failed += 1;
        }
        self.books.note_end(slot, device, now, to);
        if over {
            let active = self.records.active(presence.flight).expect("seen above");
            self.books.count_as_idle(&active);
        }
        if over && !(keeps_failed && matches!(to, TaskState::Failed(_))) {
            return self.end_flight(presence.flight);
        }
        // The timer it was entered under may be gone; what the device does goes on.
        self.enter_again(presence.flight, now);
    }

    /// R10: a failed task is queued once more, if the device still runs a source version.
    ///
    /// A device that is still busy with the attempt that failed, or has bricked, is not.
    fn retry_failed(&mut self, slot: u32, device: DeviceId, now: Time) {
        let flight = self.records.presence(slot).flight;
        if flight == Presence::NO_FLIGHT {
            return;
        }
        let world = self.books.world;
        let mut active = self.records.active(flight).expect("a flight that is not over");
        let attempt = &active.flight.attempt;
        let TaskState::Failed(reason) = active.flight.task.state() else { return };
        let is_source = world.fits(self.books.version_running(&active));
        // A user's refusal stands.
        let refused = reason == FailureReason::Rejected && active.flight.task.attempt() == 0;
        // R27: another campaign has taken the device meanwhile.
        let occupied = self.books.ledger.as_ref().is_some_and(|ledger| ledger.is_occupied(slot));
        if refused || occupied || !is_source || !attempt.is_over() || attempt.is_silent() {
            return;
        }
        self.books.tasked(&mut active).requeue();
        self.books.note(&active, now, "queued once more");
        let cohort = active.presence.cohort();
        let cause = if world.polls {
            active.presence.set_stage(Stage::Pushed);
            self.books.await_poll_from(&mut active, now);
            QueueCause::RateLimited
        } else if active.presence.online() {
            self.books.make_ready(slot, device, active.presence, now, false);
            QueueCause::RateLimited
        } else {
            active.presence.set_stage(Stage::Waiting);
            QueueCause::Offline
        };
        let queued = TaskState::Queued(cause);
        self.books.reopen(device, cohort, TaskState::Failed(reason), queued);
        self.books.reopened.push((device, reason));
        if let Some(ledger) = &mut self.books.ledger {
            ledger.reopen(slot);
        }
        self.enter_again(flight, now);
    }

    /// R19: an operator confirms in the user's place.
    fn confirm(&mut self, slot: u32, now: Time) {
        let flight = self.records.presence(slot).flight;
        if flight == Presence::NO_FLIGHT {
            return;
        }
        let mut active = self.records.active(flight).expect("a flight that is not over");
        if active.flight.task.state() == TaskState::AwaitingConfirmation {
            active.flight.attempt.withdraw();
            self.books.release(&mut active, now);
            self.enter_again(flight, now);
        }
    }

    /// Sees to it that the calendar knows of the flight's next timer.
    fn enter_again(&mut self, flight: u32, now: Time) {
        let mut active = self.records.active(flight).expect("a flight that is not over");
        // Nothing is due before the beginning of the tick.
        let fate = self.books.run(&mut active, now);
        assert!(fate == Fate::GoesOn, "the past is over");
        self.books.flush();
    }
}

/// Where a fleet has several packages.
impl Shard<'_> {
    /// Tasks whose device had no turn yet end; where another package of the campaign has begun,
    /// the device has been notified of this one as well.
    fn end_unturned_of_several(&mut self, states: &StateSet, to: TaskState, now: Time) {
        for slot in 0..self.records.len() as u32 {
            let ends = match self.status(slot) {
                Status::Open | Status::Behind | Status::Held => {
                    states.contains(self.unturned_state(slot))
                }
                Status::Committed => states.notified,
                _ => false,
            };
            if ends {
                self.end_unturned_at(slot, to, now);
            }
        }
    }

    /// How the device's task stands, as its campaign's other packages know it.
    pub fn status(&self, slot: u32) -> Status {
        self.books.ledger.as_ref().map_or(Status::None, |ledger| ledger.status[slot as usize])
    }

    /// Ends the device's task if it is open and had no turn; whether it was.
    pub fn end_unturned_at(&mut self, slot: u32, to: TaskState, now: Time) -> bool {
        let presence = *self.records.presence(slot);
        let unturned = self.status(slot).is_open() && presence.is_idle();
        if unturned {
            let from = self.unturned_state(slot);
            self.set_status(slot, Status::of_final(to));
            let device = self.records.device(slot);
            self.books.withdraw(device, presence.cohort(), (from, to), now);
            self.books.ledger.as_mut().expect("several packages meet").note_end(device, now);
            let event = match to {
                TaskState::Failed(FailureReason::Occupied) => "another task is in the way",
                _ => "ended by the campaign",
            };
            self.note_unturned(slot, now, event, to);
        }
        unturned
    }

    /// Ends the device's open task, whether it had a turn or not.
    pub fn end_open(&mut self, slot: u32, to: TaskState, now: Time) {
        if !self.end_unturned_at(slot, to, now) {
            self.end_if(slot, to, now, false, |_, _| true);
        }
    }

    /// Whether the device has begun with the task's package.
    pub fn is_in_progress(&mut self, slot: u32) -> bool {
        let flight = self.records.presence(slot).flight;
        let active = self.records.active(flight);
        active.is_some_and(|active| active.flight.task.state().is_in_progress())
    }

    /// Whether the device still goes about a task, final or not.
    pub fn is_busy(&mut self, slot: u32) -> bool {
        let flight = self.records.presence(slot).flight;
        let busy = |active: Active| {
            !active.flight.attempt.is_over() || !active.flight.task.state().is_final()
        };
        self.records.active(flight).is_some_and(busy)
    }

    /// Makes a task for a device that is not busy, and is eligible for it since `since`.
    pub fn make_task(&mut self, slot: u32, met: Met, (since, now): (Time, Time)) {
        let presence = *self.records.presence(slot);
        if presence.flight != Presence::NO_FLIGHT {
            self.end_flight(presence.flight);
        }
        self.set_status(slot, if met == Met::Busy { Status::Behind } else { Status::Open });
        let (device, first) = (self.records.device(slot), self.unturned_state(slot));
        let books = &mut self.books;
        books.ledger.as_mut().expect("several packages meet").since[slot as usize] = since;
        if let Some(stages) = &mut books.stages {
            stages.tally(device, presence.cohort()).devices += 1;
        }
        let tally = books.tally(presence.cohort());
        tally.targeted += 1;
        tally.states[first.index()] += 1;
        books.open += 1;
        self.note_unturned(slot, now, CREATED, first);
        if met == Met::Occupied {
            let state = TaskState::Failed(FailureReason::Occupied);
            self.end_unturned_at(slot, state, now);
            if self.books.wants_results {
                self.books.results.push(TaskResult { at: now, device, state });
            }
        }
    }

    /// For the log of a device that had no turn.
    pub fn note_unturned(&mut self, slot: u32, now: Time, event: &'static str, state: TaskState) {
        let device = self.records.device(slot);
        // It has run ahead, and tells the platform nothing of that.
        self.books.note_state(device, now, event, state, false);
    }

    /// What was in the way of the device's task is gone: it waits for its turn.
    pub fn reopen_occupied(&mut self, slot: u32, now: Time) {
        let cohort = self.records.presence(slot).cohort();
        let device = self.records.device(slot);
        let first = self.books.world.first_state();
        self.books.reopen(device, cohort, TaskState::Failed(FailureReason::Occupied), first);
        self.books.reopened.push((device, FailureReason::Occupied));
        self.set_status(slot, Status::Open);
        self.books.ledger.as_mut().expect("several packages meet").since[slot as usize] = now;
        self.note_unturned(slot, now, "queued once more", first);
    }

    /// The device is matched once more, but not for this package.
    pub fn forget_task(&mut self, slot: u32) {
        match self.status(slot) {
            Status::Succeeded | Status::NotRequired => self.set_status(slot, Status::NotRequired),
            _ => self.set_status(slot, Status::None),
        }
    }

    /// Sets what [`Shard::status`] tells.
    pub fn set_status(&mut self, slot: u32, status: Status) {
        let ledger = self.books.ledger.as_mut().expect("several packages meet");
        ledger.status[slot as usize] = status;
    }
}

impl Books<'_> {
    /// Tasks whose device had no turn yet end.
    fn end_unturned(&mut self, to: TaskState, now: Time) {
        if let Some(stages) = &mut self.stages {
            stages.end_unturned(to, now);
        }
        let since = now.since(self.activated);
        for (at, withdrawn) in std::mem::take(&mut self.withdrawn).into_iter().enumerate() {
            let cohort = CohortId(at as u16);
            let tally = self.tally(cohort);
            let unturned = left(tally.targeted, tally.turns + withdrawn);
            tally.ended.record_many(since, unturned);
            self.end_many(cohort, self.world.first_state(), to, unturned);
            self.withdrawn.push(withdrawn + unturned);
        }
    }

    fn note_end(&mut self, slot: u32, device: DeviceId, at: Time, to: TaskState) {
        if let Some(ledger) = &mut self.ledger {
            ledger.end(slot, device, at, to);
        }
    }

    /// The task of a device that had no turn yet ends.
    pub fn withdraw(
        &mut self,
        device: DeviceId,
        cohort: CohortId,
        (from, to): (TaskState, TaskState),
        now: Time,
    ) {
        self.withdrawn[usize::from(cohort.0)] += 1;
        if let Some(stages) = &mut self.stages {
            stages.tally(device, cohort).withdrawn += 1;
        }
        self.end(device, cohort, (from, to), now);
    }

    fn end(
        &mut self,
        device: DeviceId,
        cohort: CohortId,
        (from, to): (TaskState, TaskState),
        now: Time,
    ) {
        self.end_many(cohort, from, to, 1);
        self.count_end(device, cohort, to, now);
    }

    fn end_many(&mut self, cohort: CohortId, from: TaskState, to: TaskState, tasks: u64) {
        let tally = self.tally(cohort);
        take(&mut tally.states[from.index()], tasks);
        tally.states[to.index()] += tasks;
        if let TaskState::Failed(reason) = to {
            tally.failures[reason as usize] += tasks;
        }
        take(&mut self.open, tasks);
    }

    /// A failed task is open again.
    fn reopen(&mut self, device: DeviceId, cohort: CohortId, from: TaskState, to: TaskState) {
        let TaskState::Failed(reason) = from else { unreachable!("only failed ones are") };
        if let Some(stages) = &mut self.stages {
            take(&mut stages.tally(device, cohort).failed, 1);
        }
        self.open += 1;
        let tally = self.tally(cohort);
        take(&mut tally.states[from.index()], 1);
        tally.states[to.index()] += 1;
        take(&mut tally.failures[reason as usize], 1);
        tally.reopened += 1;
    }
}
