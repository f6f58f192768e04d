//! Tasks under way: what devices report, and what the scheduler makes of it.

use crate::fleet::{Attempt, Presence, Report, Stage, Verdict};
use crate::model::{Span, Time};
use crate::scheduler::state::{FailureReason, TaskState};
use crate::scheduler::{Effect, Input, Task};

use super::outcome::{LatencyKind, MAX_ATTEMPT_COUNTED, Tally};
use super::records::Flight;
use super::shard::Shard;

impl Shard<'_> {
    /// The offer leaves at `now`; the device has been eligible for it since `eligible`.
    pub(super) fn push(&mut self, slot: u32, now: Time, eligible: Time) {
        let world = self.world;
        let device = self.records.device(slot);
        let presence = *self.records.presence(slot);
        let cohort = presence.cohort();
        let (mut task, version) = match presence.flight {
            Presence::NO_FLIGHT => (Task::default(), world.version_of(device, cohort)),
            index => {
                let flight = self.records.flight(index);
                (std::mem::take(&mut flight.task), flight.attempt.version)
            }
        };
        let before = task.state();
        task.handle(now, Input::Pushed, &world.policy);
        let number = task.attempt();
        let after = task.state();
        let luck = world.luck(device, cohort, version);
        let (attempt, report) = Attempt::offer(now, presence.online(), number, version, &luck);
        let flight = Flight { attempt, task };
        let index = match presence.flight {
            Presence::NO_FLIGHT => self.records.add_flight(flight),
            index => {
                *self.records.flight(index) = flight;
                index
            }
        };
        let presence = self.records.presence(slot);
        presence.flight = index;
        presence.set_stage(Stage::Pushed);
        self.events.pushes += 1;
        if before != after {
            self.moved(cohort, before, after);
        }
        let tally = self.tally(cohort);
        tally.attempts[usize::from(number - 1).min(MAX_ATTEMPT_COUNTED - 1)] += 1;
        tally.retries += u64::from(number > 1);
        record(tally, LatencyKind::EligibleToPushed, now.since(eligible));
        if let Some(Report::Progress { took }) = report {
            let presence = *self.records.presence(slot);
            self.hear_progress(presence, now, took);
        }
    }

    fn hear_progress(&mut self, presence: Presence, now: Time, took: Span) {
        self.hear(presence, now, Input::Progress { percent: 0 });
        record(self.tally(presence.cohort()), LatencyKind::PushedToProgress, took);
    }

    /// The device's attempt has something to do at `now`. Returns whether the record is kept.
    pub(super) fn step_attempt(&mut self, slot: u32, now: Time) -> bool {
        let world = self.world;
        let device = self.records.device(slot);
        let presence = *self.records.presence(slot);
        loop {
            let flight = self.records.flight(presence.flight);
            let luck = world.luck(device, presence.cohort(), flight.attempt.version);
            let Some(report) = flight.attempt.step(now, presence.online(), &luck) else { break };
            match report {
                Report::Rested => {
                    self.events.timers += 1;
                    self.retry(slot, presence.online(), now);
                    return true;
                }
                Report::Progress { took } => self.hear_progress(presence, now, took),
                Report::Downloaded { took, interruptions } => {
                    self.events.phases += 1;
                    if self.hear(presence, now, Input::Installing) == Effect::Late {
                        continue;
                    }
                    let tally = self.tally(presence.cohort());
                    tally.downloads += 1;
                    tally.downloads_uninterrupted += u64::from(interruptions == 0);
                    tally.interruptions += u64::from(interruptions);
                    record(tally, LatencyKind::Download, took);
                }
                Report::Result { verdict, took } => {
                    self.events.phases += 1;
                    self.hear_result(presence, now, verdict, took);
                    return self.conclude(slot, presence);
                }
                Report::Silence => {
                    self.events.phases += 1;
                    self.tally(presence.cohort()).bricked += 1;
                    return self.conclude(slot, presence);
                }
            }
        }
        true
    }

    /// Hands a report to the task, and keeps the counts of states.
    fn hear(&mut self, presence: Presence, now: Time, input: Input) -> Effect {
        let world = self.world;
        let task = &mut self.records.flight(presence.flight).task;
        let before = task.state();
        let effect = task.handle(now, input, &world.policy);
        let after = task.state();
        if before != after {
            self.moved(presence.cohort(), before, after);
            if let TaskState::Failed(reason) = after {
                self.tally(presence.cohort()).failures[reason as usize] += 1;
            }
        }
        if effect == Effect::Late {
            self.tally(presence.cohort()).late_reports += 1;
        }
        effect
    }

    fn hear_result(&mut self, presence: Presence, now: Time, verdict: Verdict, took: Span) {
        let cohort = presence.cohort();
        let (input, reason) = match verdict {
            Verdict::Target => (Input::TargetVersion, None),
            Verdict::WrongVersion => (Input::OtherVersion, Some(FailureReason::VersionMismatch)),
            Verdict::Upgrade => failure(FailureReason::Upgrade),
            Verdict::Download => failure(FailureReason::Download),
            Verdict::Verify => failure(FailureReason::Verify),
            Verdict::Flash => failure(FailureReason::Flash),
            Verdict::Brick => unreachable!("a bricked device reports nothing"),
        };
        self.change_version(presence, verdict);
        let effect = self.hear(presence, now, input);
        let flight = self.records.flight(presence.flight);
        if let Effect::RetryAt(at) = effect {
            flight.attempt.rest(at);
        }
        let state = flight.task.state();
        let (pushed, attempt) = (flight.task.first_pushed(), flight.task.attempt());
        let tally = self.tally(cohort);
        if let Some(reason) = reason {
            tally.attempt_failures[reason as usize] += 1;
        }
        if effect != Effect::Late && reported_version(verdict) {
            record(tally, LatencyKind::Install, took);
        }
        if state == TaskState::Succeeded && effect == Effect::Nothing {
            tally.first_try_successes += u64::from(attempt == 1);
            record(tally, LatencyKind::PushedToUpdated, now.since(pushed));
            record(tally, LatencyKind::ActivationToUpdated, now.since(Time::ZERO));
        }
    }

    fn change_version(&mut self, presence: Presence, verdict: Verdict) {
        let to = match verdict {
            Verdict::Target => self.world.versions.target,
            Verdict::WrongVersion => self.world.versions.other,
            _ => return,
        };
        let attempt = &mut self.records.flight(presence.flight).attempt;
        let from = std::mem::replace(&mut attempt.version, to);
        // One shard holds what the fleet began with; only the sum over shards is a count.
        let count = &mut self.versions;
        count[usize::from(from)] = count[usize::from(from)].wrapping_sub(1);
        count[usize::from(to)] = count[usize::from(to)].wrapping_add(1);
    }

    /// R26: the retry's time has come; it is pushed, queued for a permit, or waits aside.
    fn retry(&mut self, slot: u32, online: bool, now: Time) {
        let needs_permit = self.world.policy.retry.is_none_or(|retry| retry.needs_permit);
        if !online {
            self.records.presence(slot).set_stage(Stage::Waiting);
        } else if needs_permit {
            self.make_ready(slot, now);
        } else {
            self.push(slot, now, now);
        }
    }

    /// R25: the deadline of the device's task has come. Returns whether the record is kept.
    pub(super) fn strike_deadline(&mut self, slot: u32, now: Time) -> bool {
        self.events.timers += 1;
        let presence = *self.records.presence(slot);
        self.hear(presence, now, Input::Deadline);
        self.conclude(slot, presence)
    }

    /// Ends the flight if nothing can come of it any more, and gives the record back if
    /// nothing can come of the device. Returns whether the record is kept.
    fn conclude(&mut self, slot: u32, presence: Presence) -> bool {
        let flight = self.records.flight(presence.flight);
        let is_final = flight.task.state().is_final();
        let attempt_ends = flight.attempt.is_over();
        // A silent device's task hangs on; only a deadline can end it.
        let hangs =
            !is_final && flight.attempt.is_silent() && flight.task.next_deadline().is_never();
        if !(is_final && attempt_ends || hangs && !self.records.every_device()) {
            return true;
        }
        self.records.remove_flight(presence.flight);
        let own = self.records.presence(slot);
        own.flight = Presence::NO_FLIGHT;
        own.set_stage(Stage::Idle);
        self.records.give_back(slot);
        self.records.every_device()
    }
}

/// Whether the attempt ended in a version report, rather than a failure code.
fn reported_version(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Target | Verdict::WrongVersion)
}

fn failure(reason: FailureReason) -> (Input, Option<FailureReason>) {
    (Input::Failed(reason), Some(reason))
}

fn record(tally: &mut Tally, kind: LatencyKind, span: Span) {
    tally.latencies[kind as usize].record(span);
}
