//! What can be done to a campaign, and what follows from it for tasks.

use crate::model::{DeviceId, Span, Time};

use crate::scheduler::abort::AbortRule;
use crate::scheduler::limiter::RateChange;
use crate::scheduler::state::{CampaignError, CampaignStatus, TaskState};
use crate::scheduler::task::TaskPolicy;

/// Rules a campaign sets for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignPolicy {
    /// It begins as a draft, which nobody is told of until it is activated.
    pub draft: bool,
    /// Pushes begin here (R15).
    pub start: Time,
    /// The end of its validity (R5).
    pub finish: Time,
    /// Tasks in flight at most.
    pub in_flight: Option<u64>,
    /// What devices that have not started become when it is terminated or expires (R4).
    pub not_started: NotStarted,
    /// Whether an expired campaign's started tasks fail, too (R5).
    pub fails_started: bool,
    /// Whether the platform can suspend, resume and terminate.
    pub can_suspend: bool,
    /// Users are asked first (R19).
    pub confirms: bool,
    /// It also takes devices that come later (R12).
    pub dynamic: bool,
    /// The rate does not hold for those who do.
    pub joins_at_once: bool,
    pub abort: Vec<AbortRule>,
    pub task: TaskPolicy,
}

/// What becomes of devices that have not started (R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    Failed,
    Canceled,
}

/// What an operator does to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Changes a draft (R1).
    Edit(Box<CampaignPolicy>),
    Delete,
    Activate,
    Suspend,
    Resume,
    Terminate,
    /// R7: a static campaign's tasks; of a dynamic one only the matching stops unless `tasks`.
    Cancel {
        in_progress: bool,
        tasks: bool,
    },
    /// R8.
    CancelStates(StateSet),
    CancelDevices(Vec<DeviceId>),
    /// R10: all failed tasks, or those of these devices.
    RetryFailed(Option<Vec<DeviceId>>),
    /// R19: as if these devices' users had agreed; 1 to 10 of them.
    Confirm(Vec<DeviceId>),
    /// R6.
    SetRate(RateChange),
    /// Key and value; they replace all tags.
    SetTags(Vec<(String, String)>),
    SetTimeout(Option<Span>),
}

impl Action {
    /// The name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Edit(_) => "edit",
            Action::Delete => "delete",
            Action::Activate => "activate",
            Action::Suspend => "suspend",
            Action::Resume => "resume",
            Action::Terminate => "terminate",
            Action::Cancel { .. } => "cancel",
            Action::CancelStates(_) => "cancel-states",
            Action::CancelDevices(_) => "cancel-devices",
            Action::RetryFailed(None) => "retry-failed",
            Action::RetryFailed(Some(_)) => "retry-devices",
            Action::Confirm(_) => "confirm-devices",
            Action::SetRate(_) => "set-rate",
            Action::SetTags(_) => "set-tags",
            Action::SetTimeout(_) => "set-timeout",
        }
    }
}

/// A set of states that are not final, as platforms tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSet {
    /// Queued while the campaign is scheduled.
    pub scheduled: bool,
    pub unconfirmed: bool,
    pub queued: bool,
    pub notified: bool,
    pub in_progress: bool,
}

impl StateSet {
    /// Every state that is not final.
    pub const ALL: StateSet = StateSet {
        scheduled: true,
        unconfirmed: true,
        queued: true,
        notified: true,
        in_progress: true,
    };
    /// States in which no offer has left.
    pub const NOT_STARTED: StateSet =
        StateSet { notified: false, in_progress: false, ..StateSet::ALL };

    /// Whether there is no state in the set.
    pub fn is_empty(&self) -> bool {
        *self == StateSet::default()
    }

    /// `queued` stands for `scheduled` as well.
    pub fn contains(&self, state: TaskState) -> bool {
        match state {
            TaskState::AwaitingConfirmation => self.unconfirmed,
            TaskState::Queued(_) => self.queued,
            TaskState::Notified | TaskState::Confirmed | TaskState::UrlReceived => self.notified,
            state if state.is_in_progress() => self.in_progress,
            _ => false,
        }
    }
}

/// What a decision means for the devices' tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ends the tasks in these states; with `retries` also those that wait for another try.
    End {
        states: StateSet,
        retries: bool,
        to: TaskState,
    },
    EndDevices {
        devices: Vec<DeviceId>,
        to: TaskState,
    },
    /// Queues failed tasks once more (R10).
    Retry {
        devices: Option<Vec<DeviceId>>,
    },
    /// The campaign is active from now on.
    Activate,
    /// Users have agreed (R19).
    Confirm {
        devices: Vec<DeviceId>,
    },
    SetPolicy(TaskPolicy),
}

/// A device's task ended by what the device reported, or by a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskResult {
    pub at: Time,
    pub device: DeviceId,
    pub state: TaskState,
}

/// Something happened to the campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Time,
    /// What was done, by its name in files.
    pub what: &'static str,
    /// The status since.
    pub status: CampaignStatus,
    /// Why it was refused, if it was.
    pub refused: Option<CampaignError>,
}
