//! The state machine of one task: what the scheduler makes of a device's reports.

use crate::model::{Span, Time};

use super::state::{FailureReason, QueueCause, TaskState};

/// One module of one device in one campaign.
///
/// # Invariants
/// It changes through [`super::TaskRules`] alone, which keeps what is apart from it in step.
// Packed, so that it ends without padding: with its neighbours it fills a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub struct Task {
    first_pushed: Time,
    /// The earliest of its alarms: the timeout's, if it is running, and those apart from it.
    pub(super) deadline: Time,
    pub(super) state: TaskState,
    /// Number of the current attempt, from 1; 0 before the first push.
    attempt: u8,
    /// Greatest progress reported in the current attempt.
    pub(super) percent: u8,
}

/// Rules a campaign sets for its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskPolicy {
    pub timeout: Option<Span>,
    /// What the timeout runs from (R25).
    pub timeout_from: TimeoutFrom,
    /// No report may bring the task further for so long, from its first progress on; besides,
    /// the timeout holds (R25).
    pub step: Option<Span>,
    pub retry: Option<Retry>,
    /// A device that goes about a task is asked whether it stops before the task is canceled
    /// (R7, R8); else the task is canceled at once.
    pub asks_to_stop: bool,
}

/// What a timeout runs from (R25); nothing restarts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutFrom {
    #[default]
    FirstProgress,
    Notification,
    /// The device's consent to the offer, or its first progress if that comes first.
    Confirmation,
}

/// Automatic retry (R26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    pub count: u8,
    pub interval: Span,
    pub needs_permit: bool,
}

/// Something happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The offer left for the device, by permit.
    Pushed,
    /// The user agreed, or nobody needs to be asked (R19): it waits for its push.
    Released,
    /// The user, or the device's own check, refused (R28).
    Refused,
    /// The device accepts the offer.
    Accepted,
    /// The device asks for the download's link.
    UrlRequested,
    /// The device reports that it has all of the image.
    Downloaded,
    /// The device reports that it downloads.
    Progress { percent: u8 },
    /// The device reports that it verifies and installs.
    Installing,
    /// The device reports a failure code.
    Failed(FailureReason),
    /// The device reports the target version.
    TargetVersion,
    /// The device reports the version it had.
    SourceVersion,
    /// The device reports any other version.
    OtherVersion,
    /// The deadline has come.
    Deadline,
    /// The device reconnected.
    Connected,
    /// The device was asked to stop, and has.
    Stopped,
    /// The device was asked to stop, and goes on: it cannot stop any more.
    GoesOn,
}

/// What an input asks for, beyond the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// Try again at this instant.
    RetryAt(Time),
    /// Send the offer again.
    Repush,
    /// The device can be told to stop now, if it is there: it answers with [`Input::Stopped`] or
    /// [`Input::GoesOn`].
    AskToStop,
    /// The report came after the task was final; it is counted and changes nothing.
    Late,
}

impl Default for Task {
    fn default() -> Task {
        Task {
            first_pushed: Time::NEVER,
            deadline: Time::NEVER,
            state: TaskState::Queued(QueueCause::RateLimited),
            attempt: 0,
            percent: 0,
        }
    }
}

impl Task {
    /// A task that waits for its user's consent (R19).
    pub fn awaiting_confirmation() -> Task {
        Task { state: TaskState::AwaitingConfirmation, ..Task::default() }
    }

    /// Where the task stands.
    #[inline(always)]
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// The number of the current attempt, from 1; 0 before the first push.
    #[inline(always)]
    pub fn attempt(&self) -> u8 {
        self.attempt
    }

    /// When the task was first pushed.
    #[inline(always)]
    pub fn first_pushed(&self) -> Time {
        self.first_pushed
    }

    /// When to hand in [`Input::Deadline`].
    #[inline(always)]
    pub fn next_deadline(&self) -> Time {
        self.deadline
    }

    /// Takes note of what happened at `now`, where nothing is apart from the task.
    #[inline(always)]
    pub(super) fn handle(&mut self, now: Time, input: Input, policy: &TaskPolicy) -> Effect {
        if self.state.is_final() {
            return match input {
                Input::Connected | Input::Deadline => Effect::Nothing,
                _ => Effect::Late,
            };
        }
        match input {
            Input::Pushed => self.pushed(now, policy),
            Input::Released if self.state == TaskState::AwaitingConfirmation => {
                self.state = TaskState::Queued(QueueCause::RateLimited);
                Effect::Nothing
            }
            Input::Released => Effect::Nothing,
            Input::Refused => self.finish(TaskState::Failed(FailureReason::Rejected)),
            Input::Accepted if self.state == TaskState::Notified => {
                if policy.timeout_from == TimeoutFrom::Confirmation {
                    self.start_timeout(now, policy);
                }
                self.state = TaskState::Confirmed;
                Effect::Nothing
            }
            Input::UrlRequested
                if matches!(self.state, TaskState::Notified | TaskState::Confirmed) =>
            {
                self.state = TaskState::UrlReceived;
                Effect::Nothing
            }
            // What was accepted or asked for before is old news.
            Input::Accepted | Input::UrlRequested => Effect::Nothing,
            Input::Downloaded if self.state == TaskState::Installing => Effect::Nothing,
            Input::Downloaded => {
                self.start_timeout(now, policy);
                self.percent = 100;
                self.state = TaskState::Downloaded;
                Effect::Nothing
            }
            // R21: a late percentage does not undo that the download ended.
            Input::Progress { .. } if self.percent == 100 => Effect::Nothing,
            Input::Progress { percent } => {
                self.start_timeout(now, policy);
                self.percent = self.percent.max(percent.min(100));
                self.state = TaskState::Downloading;
                Effect::Nothing
            }
            Input::Installing => {
                self.start_timeout(now, policy);
                self.percent = 100;
                self.state = TaskState::Installing;
                Effect::Nothing
            }
            // R22: nothing else succeeds.
            Input::TargetVersion => self.finish(TaskState::Succeeded),
            Input::Failed(reason) => self.failed(now, reason, policy),
            // R23: the old version changes nothing; a third one is a failed attempt.
            Input::SourceVersion => Effect::Nothing,
            Input::OtherVersion => self.failed(now, FailureReason::VersionMismatch, policy),
            Input::Deadline if now >= { self.deadline } => {
                self.finish(TaskState::Failed(FailureReason::Timeout))
            }
            Input::Deadline => Effect::Nothing,
            // R18: an offer that nothing came of is sent again.
            Input::Connected if self.state == TaskState::Notified => Effect::Repush,
            Input::Connected | Input::GoesOn => Effect::Nothing,
            Input::Stopped => self.finish(TaskState::Canceled),
        }
    }

    #[inline(always)]
    fn pushed(&mut self, now: Time, policy: &TaskPolicy) -> Effect {
        self.attempt = self.attempt.saturating_add(1);
        self.percent = 0;
        if let TaskState::Queued(_) = self.state {
            if { self.first_pushed }.is_never() {
                self.first_pushed = now;
            }
            self.state = TaskState::Notified;
            if policy.timeout_from == TimeoutFrom::Notification {
                self.start_timeout(now, policy);
            }
        }
        // R26: a retry leaves the visible state as it is.
        Effect::Nothing
    }

    /// R25: the timeout runs from the first progress; no retry restarts it.
    #[inline(always)]
    fn start_timeout(&mut self, now: Time, policy: &TaskPolicy) {
        if let (true, Some(timeout)) = (self.deadline.is_never(), policy.timeout) {
            self.deadline = now + timeout;
        }
    }

    #[inline(always)]
    fn failed(&mut self, now: Time, reason: FailureReason, policy: &TaskPolicy) -> Effect {
        match policy.retry {
            Some(retry) if self.attempt <= retry.count => Effect::RetryAt(now + retry.interval),
            _ => self.finish(TaskState::Failed(reason)),
        }
    }

    /// See [`super::Tasked::end`].
    pub(super) fn end(&mut self, to: TaskState) {
        assert!(!self.state.is_final() && to.is_final(), "a final state is never left");
        self.finish(to);
    }

    /// See [`super::Tasked::requeue`].
    pub(super) fn requeue(&mut self) {
        assert!(matches!(self.state, TaskState::Failed(_)), "only a failed task is tried again");
        self.state = TaskState::Queued(QueueCause::RateLimited);
        self.percent = 0;
    }

    #[inline(always)]
    fn finish(&mut self, state: TaskState) -> Effect {
        self.state = state;
        self.deadline = Time::NEVER;
        Effect::Nothing
    }
}
