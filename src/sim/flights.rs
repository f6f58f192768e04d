//! Tasks under way: what devices report, and what the scheduler makes of it.

mod hearing;

use crate::fleet::{Attempt, Luck, Presence, Report, Stage, Verdict};
use crate::model::{CohortId, DeviceId, Span, Time};
use crate::scheduler::state::{FailureReason, QueueCause, TaskState};
use crate::scheduler::{Effect, Input, Task, TaskResult, Tasked};

use super::books::Books;
use super::calendar::{Entry, Kind};
use super::ledger::Ledger;
use super::outcome::{LatencyKind, MAX_ATTEMPT_COUNTED, Tally};
use super::records::Flight;
use super::trace::{self, TraceEntry};
use super::world::World;

/// A device with a task under way, where its records lie.
pub struct Active<'a> {
    pub device: DeviceId,
    /// Where its flight lies.
    pub index: u32,
    pub presence: &'a mut Presence,
    pub flight: &'a mut Flight,
}

impl Active<'_> {
    /// The cohort the device belongs to.
    #[inline(always)]
    pub fn cohort(&self) -> CohortId {
        self.presence.cohort()
    }

    #[inline(always)]
    fn luck<'w>(&self, world: &'w World) -> Luck<'w> {
        world.luck(self.device, self.cohort())
    }

    /// Whether the task waits for a push it has not had, though it has a flight.
    fn is_queued(&self) -> bool {
        matches!(self.flight.task.state(), TaskState::Queued(_))
    }

    /// Its task is final, and the device still goes about it; one that is gone for good, and has
    /// nothing left to do by itself, does not.
    pub fn is_under_way(&self) -> bool {
        let Flight { attempt, task, .. } = &*self.flight;
        task.state().is_final() && !attempt.is_over() && !self.is_stranded()
    }

    /// The device waits for the network, and is gone for good.
    pub fn is_stranded(&self) -> bool {
        let is_gone = !self.presence.online() && self.presence.until().is_never();
        is_gone && self.flight.attempt.due().is_never()
    }

    /// When its next timer is due.
    pub fn due(&self) -> Time {
        let Flight { attempt, task, .. } = &*self.flight;
        attempt.due().min(self.presence.until()).min(task.next_deadline())
    }

    /// Whether a timer lies before `end`.
    #[inline(always)]
    pub fn is_due(&self, end: Time) -> bool {
        let Flight { attempt, task, .. } = &*self.flight;
        attempt.due() < end || self.presence.until() < end || task.next_deadline() < end
    }
}

/// What becomes of a flight after an event.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    GoesOn,
    /// It goes on when the server has seen to what its device asked.
    Held,
    /// Nothing can come of it any more.
    Over,
}

impl Books<'_> {
    /// The offer leaves at `now`; the device has been eligible for it since `eligible`.
    #[inline(always)]
    pub fn offer(&mut self, active: &mut Active, now: Time, eligible: Time) {
        let world = self.world;
        let cohort = active.cohort();
        let before = active.flight.task.state();
        self.tasked(active).handle(now, Input::Pushed);
        let number = active.flight.task.attempt();
        let after = active.flight.task.state();
        let luck = active.luck(world);
        let version = self.version_running(active);
        let online = active.presence.online();
        let (attempt, report) = Attempt::offer(now, online, number, version, &luck);
        match self.traffic {
            None => active.flight.attempt = attempt,
            Some(_) => {
                self.abandon(active, now);
                active.flight.attempt = attempt;
                self.follow(active, now, false);
            }
        }
        active.presence.set_stage(Stage::Pushed);
        self.events.pushes += 1;
        self.pushes.add(now, 1);
        self.note(active, now, "pushed");
        if before != after {
            self.moved(cohort, before, after);
            self.started += 1;
            self.restarted += u64::from(number > 1);
            if let (Some(ledger), 1) = (&mut self.ledger, number) {
                ledger.start(active.flight.slot, active.device, now);
            }
        }
        if number == 1 {
            self.count_pushed(active.device, cohort, now);
        }
        let tally = self.tally(cohort);
        tally.attempts[usize::from(number - 1).min(MAX_ATTEMPT_COUNTED - 1)] += 1;
        tally.retries += u64::from(number > 1);
        record(tally, LatencyKind::EligibleToPushed, now.since(eligible));
        if let Some(Report::Progress { took }) = report {
            self.hear_progress(active, now, took);
        }
    }

    /// The flight's task, to be changed.
    #[inline(always)]
    pub fn tasked<'a>(&'a mut self, active: &'a mut Active) -> Tasked<'a> {
        self.rules.of(&mut active.flight.task, active.index)
    }

    /// Handles the device's timers before `end`, in order; with equal times the attempt comes
    /// before the network, and both before the deadline. The calendar knows of the next one.
    #[inline(always)]
    pub fn run(&mut self, active: &mut Active, end: Time) -> Fate {
        loop {
            let (attempt, network) = (active.flight.attempt.due(), active.presence.until());
            let deadline = active.flight.task.next_deadline();
            let due = attempt.min(network).min(deadline);
            if due >= end {
                if network == due {
                    self.settle(active.flight.slot, active.presence);
                } else {
                    self.enter(due, Entry::new(active.flight.kind_at(due), active.index));
                }
                return Fate::GoesOn;
            }
            // What is open now is under way from its deadline on only.
            let is_final = active.flight.task.state().is_final();
            let was_under_way = is_final && active.is_under_way();
            let fate = if attempt == due {
                self.step_attempt(active, due)
            } else if network == due {
                self.flip_active(active, due)
            } else {
                self.strike_deadline(active, due)
            };
            if is_final {
                self.count_under_way(active, was_under_way);
            }
            if fate != Fate::GoesOn {
                return fate;
            }
        }
    }

    /// The device comes online or goes offline.
    #[inline(never)]
    fn flip_active(&mut self, active: &mut Active, now: Time) -> Fate {
        let world = self.world;
        let cohort = active.cohort();
        let memo = self.memos.of(active.flight.slot);
        let was_online = active.presence.online();
        active.presence.flip(active.device, world.cohort(cohort), &world.streams, memo);
        if active.presence.online() == was_online {
            self.fall_in_sleep(active, now);
            return Fate::GoesOn;
        }
        self.events.flips += 1;
        match (active.presence.stage(), active.presence.online()) {
            (Stage::Waiting, true) => {
                // R18, R26: it comes back to be tried again.
                if active.is_queued() {
                    self.requeue(cohort, QueueCause::Offline, QueueCause::RateLimited);
                }
                self.note(active, now, "online");
                match self.world.polls {
                    true => self.poll_late(active, now),
                    false => {
                        active.presence.set_stage(Stage::Ready);
                        self.retry(active, now);
                    }
                }
            }
            (Stage::Ready, false) => {
                active.presence.set_stage(Stage::Waiting);
                if active.is_queued() {
                    self.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
                }
                self.note(active, now, "offline");
            }
            // It has been awake all the time.
            (Stage::Pushed, true) if active.flight.attempt.is_loading() => {}
            (Stage::Pushed, true) => {
                self.note(active, now, "online");
                self.reconnect(active, now);
                if self.fate(active) == Fate::Over {
                    return Fate::Over;
                }
            }
            (Stage::Pushed, false) if self.stays_awake(active, now) => {
                self.watch_sleep(active, now);
            }
            (Stage::Pushed, false) => self.disconnect(active, now),
            (Stage::Idle | Stage::Waiting, _) | (Stage::Ready, true) => {
                unreachable!("state and stage agree")
            }
        }
        self.held_or(active.index, Fate::GoesOn)
    }

    fn reconnect(&mut self, active: &mut Active, now: Time) {
        let world = self.world;
        let luck = active.luck(world);
        let delivered = active.flight.attempt.is_delivered_unheard();
        let effect = self.tasked(active).handle(now, Input::Connected);
        if effect == Effect::AskToStop && self.is_stopped(active, now) {
            return;
        }
        if active.flight.attempt.is_downloading() && luck.cohort.asks {
            self.ask_to_go_on(active, now);
        } else {
            active.flight.attempt.connected(now, &luck);
            self.follow(active, now, false);
            self.poll_on_return(active, now);
        }
        if effect == Effect::Repush && delivered {
            self.note(active, now, "pushed again");
            self.tally(active.cohort()).repushes += 1;
        }
    }

    /// The device's first progress report, `took` after the offer left; none if it comes late.
    pub fn hear_progress(&mut self, active: &mut Active, now: Time, took: Span) {
        if self.hear(active, now, Input::Progress { percent: 0 }) != Effect::Late {
            let tally = self.tally(active.cohort());
            tally.downloads_begun += 1;
            record(tally, LatencyKind::PushedToProgress, took);
        }
    }

    /// The device's attempt has something to do at `now`.
    #[inline(always)]
    fn step_attempt(&mut self, active: &mut Active, now: Time) -> Fate {
        let luck = active.luck(self.world);
        let online = active.presence.online() || self.stays_awake(active, now);
        let report = match self.traffic {
            None => active.flight.attempt.step(now, online, &luck),
            Some(_) => self.step_followed(active, now, online, &luck),
        };
        match report {
            None => {
                if !online
                    && let Some(ledger) = &mut self.ledger
                    && active.flight.attempt.has_unreported_version()
                {
                    ledger.install_unreported(active.flight.slot, now);
                }
                return Fate::GoesOn;
            }
            Some(Report::Asks) => {
                self.ask_to_load(active, now);
                return Fate::Held;
            }
            Some(Report::Answered) => {
                self.hear_answer(active, now);
                return self.held_or(active.index, Fate::GoesOn);
            }
            Some(Report::Progress { took }) => {
                self.hear_progress(active, now, took);
                return Fate::GoesOn;
            }
            Some(Report::Downloaded { took, interruptions }) => {
                self.events.phases += 1;
                self.count_bytes(active);
                if self.hear(active, now, Input::Installing) != Effect::Late {
                    let tally = self.tally(active.cohort());
                    tally.downloads += 1;
                    tally.downloads_uninterrupted += u64::from(interruptions == 0);
                    record(tally, LatencyKind::Download, took);
                }
                return Fate::GoesOn;
            }
            Some(Report::Rested) => {
                self.events.timers += 1;
                self.wake(active, now);
                let fate = self.fate(active);
                return self.held_or(active.index, fate);
            }
            Some(Report::Result { verdict, took }) => {
                self.events.phases += 1;
                self.hear_result(active, now, verdict, took);
            }
            Some(Report::Silence) => {
                self.events.phases += 1;
                self.note(active, now, "bricked");
                let state = active.flight.task.state();
                let tally = self.tally(active.cohort());
                tally.bricked += 1;
                tally.bricked_failed += u64::from(matches!(state, TaskState::Failed(_)));
            }
        }
        self.fate(active)
    }

    /// A step of the attempt, with account taken of what it does to a download.
    #[inline(never)]
    fn step_followed(
        &mut self,
        active: &mut Active,
        now: Time,
        online: bool,
        luck: &Luck,
    ) -> Option<Report> {
        let was_loading = active.flight.attempt.is_loading();
        let report = active.flight.attempt.step(now, online, luck);
        self.follow(active, now, was_loading);
        report
    }

    /// R18, R19: the device is listed: its user is asked, or it may ask for the offer.
    pub fn enrol(&mut self, active: &mut Active, now: Time) {
        self.abandon(active, now);
        self.begin_polls(active.index);
        active.presence.set_stage(Stage::Pushed);
        if self.world.confirms {
            active.flight.task = Task::awaiting_confirmation();
            let (at, _) = active.luck(self.world).consent(now);
            active.flight.attempt.rest(at);
        } else {
            self.await_poll_from(active, now);
        }
    }

    /// What a device waited for has come: its user's answer, its poll, or the time to retry.
    fn wake(&mut self, active: &mut Active, now: Time) {
        if active.flight.task.state() != TaskState::AwaitingConfirmation {
            return match self.awaits_answer(active) {
                true => self.hear_answer(active, now),
                false => self.poll(active, now),
            };
        }
        let (_, agrees) = active.luck(self.world).consent(now);
        match agrees {
            true => self.release(active, now),
            false => {
                self.hear(active, now, Input::Refused);
            }
        }
    }

    /// R19: the user has agreed.
    pub fn release(&mut self, active: &mut Active, now: Time) {
        self.hear(active, now, Input::Released);
        if self.world.polls {
            return self.await_poll_from(active, now);
        }
        if !active.presence.online() {
            self.requeue(active.cohort(), QueueCause::RateLimited, QueueCause::Offline);
        }
        self.retry(active, now);
    }

    /// R26: the time has come to try again, or the device is back for it: it is pushed, queued
    /// for a permit, or waits aside.
    pub fn retry(&mut self, active: &mut Active, now: Time) {
        let needs_permit = self.world.policy.retry.is_none_or(|retry| retry.needs_permit);
        let (slot, again) = (active.flight.slot, !active.is_queued());
        if !active.presence.online() {
            // One that polls does so when it is back.
            if active.presence.stage() == Stage::Pushed && !again && self.world.polls {
                self.requeue(active.cohort(), QueueCause::RateLimited, QueueCause::Offline);
            }
            active.presence.set_stage(Stage::Waiting);
            self.note(active, now, "is due, but offline");
        } else if needs_permit || self.world.is_gated || !again {
            self.make_ready(slot, active.device, active.presence, now, again);
        } else {
            self.offer(active, now, now);
        }
    }

    /// R25: the deadline of the device's task has come.
    #[inline(never)]
    fn strike_deadline(&mut self, active: &mut Active, now: Time) -> Fate {
        self.events.timers += 1;
        if self.hear(active, now, Input::Deadline) == Effect::AskToStop {
            self.is_stopped(active, now);
        } else if active.flight.task.state().is_final() {
            self.give_up(active);
        }
        self.fate(active)
    }

    /// Whether anything can still come of the flight.
    #[inline(always)]
    fn fate(&mut self, active: &Active) -> Fate {
        let Flight { attempt, task, .. } = &*active.flight;
        let is_final = task.state().is_final();
        if is_final && attempt.is_over() {
            self.count_as_idle(active);
        }
        // A silent device's task hangs on; only a deadline can end it.
        let hangs = !is_final && attempt.is_silent() && task.next_deadline().is_never();
        let keeps = self.world.keeps_failed && matches!(task.state(), TaskState::Failed(_));
        let keeps_hanging = self.world.every_flip || self.world.keeps_open;
        let over = is_final && attempt.is_over() && !keeps || hangs && !keeps_hanging;
        if over { Fate::Over } else { Fate::GoesOn }
    }
}

impl Flight {
    /// Under what kind the calendar holds the timer that is due at `due`.
    #[inline(always)]
    fn kind_at(&self, due: Time) -> Kind {
        match () {
            () if self.attempt.due() != due => Kind::Other,
            () if self.attempt.is_downloading() => Kind::Download,
            () if self.attempt.is_installing() => Kind::Install,
            () => Kind::Other,
        }
    }
}

/// Whether the attempt ended in a version report, rather than a failure code.
fn reported_version(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Target | Verdict::WrongVersion)
}

#[inline(always)]
fn failure(reason: FailureReason) -> (Input, Option<FailureReason>) {
    (Input::Failed(reason), Some(reason))
}

#[inline(always)]
fn record(tally: &mut Tally, kind: LatencyKind, span: Span) {
    tally.latencies[kind as usize].record(span);
}
