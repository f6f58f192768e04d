//! What devices report, and how it is counted.

use super::*;

impl Books<'_> {
    /// Hands a report to the task, and keeps the counts of states.
    #[inline(always)]
    pub fn hear(&mut self, active: &mut Active, now: Time, input: Input) -> Effect {
        let cohort = active.cohort();
        let before = active.flight.task.state();
        let effect = self.tasked(active).handle(now, input);
        let after = active.flight.task.state();
        if before != after {
            self.moved(cohort, before, after);
            if let TaskState::Failed(reason) = after {
                let silent = active.flight.attempt.is_silent();
                let tally = self.tally(cohort);
                tally.failures[reason as usize] += 1;
                tally.bricked_failed += u64::from(silent);
            }
            if after.is_final() {
                self.ended += u64::from(!before.is_waiting());
                self.count_end(active.device, cohort, after, now);
                if let Some(ledger) = &mut self.ledger {
                    ledger.end(active.flight.slot, active.device, now, after);
                }
                if self.wants_results && after != TaskState::Canceled {
                    self.results.push(TaskResult { at: now, device: active.device, state: after });
                }
            }
        }
        if effect == Effect::Late {
            self.tally(cohort).late_reports += 1;
        }
        // A device that is to stop is told so once it is there.
        if effect != Effect::AskToStop {
            let version = self.reported_version(active, now, input);
            self.note_report(active, now, trace::event(input), version);
        }
        effect
    }

    /// The version that the device tells in its report, if it tells one.
    #[inline(always)]
    pub(super) fn reported_version(&self, active: &Active, now: Time, input: Input) -> Option<u16> {
        let version = match input {
            Input::TargetVersion => self.world.versions.target,
            Input::OtherVersion => self.world.versions.other,
            _ => return None,
        };
        let reported = |ledger: &Ledger| ledger.reported(active.flight.slot, now, version);
        Some(self.ledger.as_deref().map_or(version, reported))
    }

    /// The version that the device runs.
    #[inline(always)]
    pub fn version_running(&self, active: &Active) -> u16 {
        match &self.ledger {
            None => active.flight.attempt.version,
            Some(ledger) => ledger.installed[active.flight.slot as usize].version,
        }
    }

    /// For the log of a traced device.
    #[inline(always)]
    pub fn note(&mut self, active: &Active, at: Time, event: &'static str) {
        self.note_report(active, at, event, None);
    }

    #[inline(always)]
    pub(super) fn note_report(
        &mut self,
        active: &Active,
        at: Time,
        event: &'static str,
        version: Option<u16>,
    ) {
        self.trace.note(active.device, || {
            let (task, online) = (&active.flight.task, active.presence.online());
            let waits = active.presence.stage() == Stage::Waiting;
            let state = match task.state() {
                TaskState::Queued(_) if waits => TaskState::Queued(QueueCause::Offline),
                state => state,
            };
            let device = active.device;
            TraceEntry { at, event, state, attempt: task.attempt(), online, device, version }
        });
    }

    /// The device has loaded the whole image.
    #[inline(always)]
    pub(super) fn count_bytes(&mut self, active: &Active) {
        let bytes = self.world.downloads.bytes(active.flight.attempt.version);
        self.tally(active.cohort()).bytes_downloaded += bytes;
    }

    /// A download is about to be interrupted that will begin anew: what it has so far is lost.
    pub fn count_waste(&mut self, active: &Active, now: Time) {
        let (cohort, attempt) = (active.cohort(), &active.flight.attempt);
        if !self.world.cohort(cohort).restarts || !attempt.is_downloading() {
            return;
        }
        let whole = attempt.download_takes(&active.luck(self.world)).0.max(1);
        let done = whole - attempt.due().since(now).0.min(whole);
        let bytes = u128::from(self.world.downloads.bytes(attempt.version));
        let wasted = (bytes * u128::from(done) / u128::from(whole)) as u64;
        self.tally(cohort).bytes_wasted += wasted;
    }

    #[inline(always)]
    pub(super) fn hear_result(
        &mut self,
        active: &mut Active,
        now: Time,
        verdict: Verdict,
        took: Span,
    ) {
        let cohort = active.cohort();
        let (input, reason) = match verdict {
            Verdict::Target => (Input::TargetVersion, None),
            Verdict::WrongVersion => (Input::OtherVersion, Some(FailureReason::VersionMismatch)),
            Verdict::Upgrade => failure(FailureReason::Upgrade),
            Verdict::Download => failure(FailureReason::Download),
            Verdict::Verify => failure(FailureReason::Verify),
            Verdict::Flash => failure(FailureReason::Flash),
            Verdict::Reject => (Input::Refused, Some(FailureReason::Rejected)),
            Verdict::Brick => unreachable!("a bricked device reports nothing"),
        };
        if verdict == Verdict::Download {
            self.count_bytes(active);
        }
        self.change_version(active, now, verdict);
        let effect = self.hear(active, now, input);
        let flight = &mut *active.flight;
        if let Effect::RetryAt(at) = effect {
            flight.attempt.rest(at);
            if self.world.polls {
                self.await_poll_from(active, at);
            }
        }
        let flight = &mut *active.flight;
        let state = flight.task.state();
        let (pushed, attempt) = (flight.task.first_pushed(), flight.task.attempt());
        let activated = self.activated;
        let tally = self.tally(cohort);
        if let Some(reason) = reason {
            tally.attempt_failures[reason as usize] += 1;
        }
        tally.downloads_failed += u64::from(effect != Effect::Late && verdict == Verdict::Download);
        if effect != Effect::Late && reported_version(verdict) {
            record(tally, LatencyKind::Install, took);
        }
        if state == TaskState::Succeeded && effect == Effect::Nothing {
            tally.first_try_successes += u64::from(attempt == 1);
            record(tally, LatencyKind::PushedToUpdated, now.since(pushed));
            record(tally, LatencyKind::ActivationToUpdated, now.since(activated));
        }
    }

    #[inline(always)]
    pub(super) fn change_version(&mut self, active: &mut Active, now: Time, verdict: Verdict) {
        let to = match verdict {
            Verdict::Target => self.world.versions.target,
            Verdict::WrongVersion => self.world.versions.other,
            _ => return,
        };
        let before = match &mut self.ledger {
            None => Some(std::mem::replace(&mut active.flight.attempt.version, to)),
            Some(ledger) => ledger.install(active.flight.slot, active.device, now, to),
        };
        let Some(from) = before else { return };
        // One shard holds what the fleet began with; only the sum over shards is a count.
        let count = &mut self.versions;
        count[usize::from(from)] = count[usize::from(from)].wrapping_sub(1);
        count[usize::from(to)] = count[usize::from(to)].wrapping_add(1);
    }
}
