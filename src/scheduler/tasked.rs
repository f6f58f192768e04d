//! A task under its campaign's rules: the one way to change it.

use crate::model::Time;

use super::state::TaskState;
use super::task::{Effect, Input, Task, TaskPolicy};

/// The rules of a campaign's tasks, with what few campaigns want to know of a task beside it.
///
/// # Invariants
/// [`Task::next_deadline`] is the earliest of a task's alarms, wherever they are kept.
#[derive(Clone, Debug, Default)]
pub struct TaskRules {
    policy: TaskPolicy,
    /// By place; as long as some task needed it.
    alarms: Vec<Alarms>,
}

/// A task at hand, with its rules and all that is kept apart from it.
#[derive(Debug)]
pub struct Tasked<'a> {
    task: &'a mut Task,
    policy: &'a TaskPolicy,
    /// None: there is no alarm but the timeout's, which the task keeps itself.
    alarms: Option<&'a mut Alarms>,
}

/// Alarms of a task beside its timeout.
#[derive(Clone, Copy, Debug)]
struct Alarms {
    /// When the timeout strikes, whatever the others do.
    timeout: Time,
    /// When the present step has taken too long.
    step: Time,
    /// When the device hears that it is to stop; never: when it is back.
    hears: Time,
    /// The device is to stop, and has not answered.
    asked: bool,
}

impl Alarms {
    const NONE: Alarms =
        Alarms { timeout: Time::NEVER, step: Time::NEVER, hears: Time::NEVER, asked: false };
}

impl TaskRules {
    /// Rules of tasks none of which has an alarm of its own yet.
    pub fn new(policy: TaskPolicy) -> TaskRules {
        TaskRules { policy, alarms: Vec::new() }
    }

    /// The rules as they are now.
    pub fn policy(&self) -> &TaskPolicy {
        &self.policy
    }

    /// New rules for all tasks from now on; a timer that runs is not changed.
    pub fn set_policy(&mut self, policy: TaskPolicy) {
        self.policy = policy;
    }

    /// The task that is kept at `place`. No other may be there until it is final.
    #[inline(always)]
    pub fn of<'a>(&'a mut self, task: &'a mut Task, place: u32) -> Tasked<'a> {
        let TaskRules { policy, alarms } = self;
        let alarms = match policy.step {
            None => alarms.get_mut(place as usize).filter(|alarms| alarms.asked),
            Some(_) => Some(at(alarms, place)),
        };
        Tasked { task, policy, alarms }
    }

    /// R7, R8: the device, which goes about the task, is to stop, and hears of it at `hears`, or
    /// when it is back. Until it has answered, the task stays as it is; it is not tried again.
    ///
    /// # Panics
    /// If the task is final, or was not pushed.
    pub fn ask_to_stop(&mut self, task: &mut Task, place: u32, hears: Time) {
        let state = task.state;
        assert!(!state.is_final() && !state.is_waiting(), "nobody goes about the task");
        let was_kept = self.of(task, place).alarms.is_some();
        let alarms = at(&mut self.alarms, place);
        if !was_kept {
            *alarms = Alarms { timeout: task.deadline, ..Alarms::NONE };
        }
        (alarms.asked, alarms.hears) = (true, hears);
        task.deadline = alarms.earliest();
    }
}

#[inline(always)]
fn at(alarms: &mut Vec<Alarms>, place: u32) -> &mut Alarms {
    if place as usize >= alarms.len() {
        lengthen(alarms, place);
    }
    &mut alarms[place as usize]
}

#[cold]
fn lengthen(alarms: &mut Vec<Alarms>, place: u32) {
    alarms.resize(place as usize + 1, Alarms::NONE);
}

impl Tasked<'_> {
    /// Takes note of what happened at `now`.
    ///
    /// # Invariants
    /// No input leaves a final state.
    #[inline(always)]
    pub fn handle(self, now: Time, input: Input) -> Effect {
        match self.alarms {
            None => self.task.handle(now, input, self.policy),
            Some(alarms) => alarms.handle(self.task, now, input, self.policy),
        }
    }

    /// Ends it from outside, as the campaign's operator or a rule wants (R4, R5, R8).
    ///
    /// # Panics
    /// If it is final already.
    pub fn end(self, to: TaskState) {
        self.task.end(to);
    }

    /// Queues a failed task once more (R10); its attempts are counted on, its timers begin anew.
    ///
    /// # Panics
    /// If it has not failed.
    pub fn requeue(self) {
        self.task.requeue();
    }
}

impl Alarms {
    fn earliest(&self) -> Time {
        self.timeout.min(self.step).min(self.hears)
    }

    #[inline(never)]
    fn handle(&mut self, task: &mut Task, now: Time, input: Input, policy: &TaskPolicy) -> Effect {
        if task.state.is_waiting() {
            // What is left here is of a task before, or of before it was queued once more.
            *self = Alarms::NONE;
        }
        match input {
            _ if task.state.is_final() => task.handle(now, input, policy),
            Input::Deadline => self.strike(task, now, policy),
            Input::Connected if self.asked => Effect::AskToStop,
            _ => self.hear(task, now, input, policy),
        }
    }

    fn hear(&mut self, task: &mut Task, now: Time, input: Input, policy: &TaskPolicy) -> Effect {
        if input == Input::GoesOn {
            (self.asked, self.hears) = (false, Time::NEVER);
        }
        // R9: what is to be canceled is not tried again.
        let retry = policy.retry.filter(|_| !self.asked);
        let before = (task.state, task.percent);
        // The task's own rules know of the timeout alone.
        task.deadline = self.timeout;
        let effect = task.handle(now, input, &TaskPolicy { retry, ..*policy });
        if task.state.is_final() {
            return effect;
        }
        self.timeout = task.deadline;
        if let Some(step) = policy.step {
            // A failed attempt is no step, nor is a push; the next begins with the next progress.
            let progressed = before != (task.state, task.percent) && input != Input::Pushed;
            if let Effect::RetryAt(_) = effect {
                self.step = Time::NEVER;
            } else if task.state.is_in_progress() && progressed {
                self.step = now + step;
            }
        }
        task.deadline = self.earliest();
        effect
    }

    fn strike(&mut self, task: &mut Task, now: Time, policy: &TaskPolicy) -> Effect {
        let too_long = self.timeout.min(self.step);
        if too_long <= now {
            task.deadline = too_long;
            return task.handle(now, Input::Deadline, policy);
        }
        if self.hears > now {
            return Effect::Nothing;
        }
        // Should it be gone, it hears of it when it is back.
        self.hears = Time::NEVER;
        task.deadline = self.earliest();
        Effect::AskToStop
    }
}
