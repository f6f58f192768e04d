//! Task states, failure reasons, and the two vocabularies they are shown in.

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    AwaitingConfirmation,
    Queued(QueueCause),
    Notified,
    Confirmed,
    UrlReceived,
    Downloading,
    Downloaded,
    Installing,
    Succeeded,
    Failed(FailureReason),
    Canceled,
    NotRequired,
}

/// Why a queued task is not pushed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueCause {
    Offline,
    Scheduled,
    RateLimited,
    WindowClosed,
    Suspended,
}

/// Why a task failed; a closed set, each with its own counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// Code -1.
    Upgrade,
    /// Code -2.
    Download,
    /// Code -3.
    Verify,
    /// Code -4.
    Flash,
    VersionMismatch,
    Timeout,
    Occupied,
    Terminated,
    Expired,
    Rejected,
}

impl FailureReason {
    /// Every reason, by its position in lists.
    pub const ALL: [FailureReason; 10] = [
        FailureReason::Upgrade,
        FailureReason::Download,
        FailureReason::Verify,
        FailureReason::Flash,
        FailureReason::VersionMismatch,
        FailureReason::Timeout,
        FailureReason::Occupied,
        FailureReason::Terminated,
        FailureReason::Expired,
        FailureReason::Rejected,
    ];

    /// As reports and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            FailureReason::Upgrade => "upgrade",
            FailureReason::Download => "download",
            FailureReason::Verify => "verify",
            FailureReason::Flash => "flash",
            FailureReason::VersionMismatch => "version-mismatch",
            FailureReason::Timeout => "timeout",
            FailureReason::Occupied => "occupied",
            FailureReason::Terminated => "terminated",
            FailureReason::Expired => "expired",
            FailureReason::Rejected => "rejected",
        }
    }

    /// The code a device reports for it (R24), if it is one of the device's own.
    pub fn code(self) -> Option<i8> {
        match self {
            FailureReason::Upgrade => Some(-1),
            FailureReason::Download => Some(-2),
            FailureReason::Verify => Some(-3),
            FailureReason::Flash => Some(-4),
            FailureReason::VersionMismatch
            | FailureReason::Timeout
            | FailureReason::Occupied
            | FailureReason::Terminated
            | FailureReason::Expired
            | FailureReason::Rejected => None,
        }
    }
}

/// Number of [`TaskState`]s without their inner distinction of failure reasons.
pub const STATES: usize = 16;

impl TaskState {
    /// Every state once, in the order of [`TaskState::index`]; failures by one example.
    pub const ALL: [TaskState; STATES] = [
        TaskState::AwaitingConfirmation,
        TaskState::Queued(QueueCause::Offline),
        TaskState::Queued(QueueCause::Scheduled),
        TaskState::Queued(QueueCause::RateLimited),
        TaskState::Queued(QueueCause::WindowClosed),
        TaskState::Queued(QueueCause::Suspended),
        TaskState::Notified,
        TaskState::Confirmed,
        TaskState::UrlReceived,
        TaskState::Downloading,
        TaskState::Downloaded,
        TaskState::Installing,
        TaskState::Succeeded,
        TaskState::Failed(FailureReason::Upgrade),
        TaskState::Canceled,
        TaskState::NotRequired,
    ];

    /// Position in lists of length [`STATES`]; all failure reasons share one.
    #[inline(always)]
    pub fn index(self) -> usize {
        match self {
            TaskState::AwaitingConfirmation => 0,
            TaskState::Queued(QueueCause::Offline) => 1,
            TaskState::Queued(QueueCause::Scheduled) => 2,
            TaskState::Queued(QueueCause::RateLimited) => 3,
            TaskState::Queued(QueueCause::WindowClosed) => 4,
            TaskState::Queued(QueueCause::Suspended) => 5,
            TaskState::Notified => 6,
            TaskState::Confirmed => 7,
            TaskState::UrlReceived => 8,
            TaskState::Downloading => 9,
            TaskState::Downloaded => 10,
            TaskState::Installing => 11,
            TaskState::Succeeded => 12,
            TaskState::Failed(_) => 13,
            TaskState::Canceled => 14,
            TaskState::NotRequired => 15,
        }
    }

    /// The name in files: lower case, one word per part.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; STATES] = [
            "awaiting-confirmation",
            "queued-offline",
            "queued-scheduled",
            "queued-rate-limited",
            "queued-window-closed",
            "queued-suspended",
            "notified",
            "confirmed",
            "url-received",
            "downloading",
            "downloaded",
            "installing",
            "succeeded",
            "failed",
            "canceled",
            "not-required",
        ];
        NAMES[self.index()]
    }

    /// Not pushed yet.
    #[inline(always)]
    pub fn is_waiting(self) -> bool {
        matches!(self, TaskState::Queued(_) | TaskState::AwaitingConfirmation)
    }

    /// The device has reported progress.
    #[inline(always)]
    pub fn is_in_progress(self) -> bool {
        matches!(self, TaskState::Downloading | TaskState::Downloaded | TaskState::Installing)
    }

    /// Nothing a device reports changes such a task any more.
    #[inline(always)]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            TaskState::Succeeded
                | TaskState::Failed(_)
                | TaskState::Canceled
                | TaskState::NotRequired
        )
    }

    /// The status in Alibaba's API; none where Alibaba has no task.
    pub fn alibaba(self) -> Option<&'static str> {
        Some(match self {
            TaskState::AwaitingConfirmation => "CONFIRM",
            TaskState::Queued(_) => "QUEUED",
            TaskState::Notified | TaskState::Confirmed | TaskState::UrlReceived => "NOTIFIED",
            TaskState::Downloading | TaskState::Downloaded | TaskState::Installing => "IN_PROGRESS",
            TaskState::Succeeded => "SUCCEEDED",
            TaskState::Failed(_) => "FAILED",
            TaskState::Canceled => "CANCELED",
            TaskState::NotRequired => return None,
        })
    }

    /// Quectel's component status.
    pub fn quectel(self) -> &'static str {
        match self {
            TaskState::AwaitingConfirmation | TaskState::Notified => "Plan Received",
            TaskState::Queued(_) => "Plan Not Received",
            TaskState::Confirmed => "Upgrade Confirmed",
            TaskState::UrlReceived => "Ready to Download",
            TaskState::Downloading => "Downloading",
            TaskState::Downloaded => "Download Succeeded",
            TaskState::Installing => "Upgrading",
            TaskState::Succeeded => "Upgrade Succeeded",
            TaskState::Failed(FailureReason::Download) => "Download Failed",
            TaskState::Failed(_) | TaskState::Canceled => "Upgrade Failed",
            TaskState::NotRequired => "No Update Required",
        }
    }
}

/// Where a campaign stands (section 3 of the specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignStatus {
    Draft,
    Scheduled,
    Active,
    Suspended,
    Completed,
    Canceled,
    Terminated,
    Expired,
    Aborted,
    /// A draft that was thrown away.
    Deleted,
}

impl CampaignStatus {
    /// Every status.
    pub const ALL: [CampaignStatus; 10] = [
        CampaignStatus::Draft,
        CampaignStatus::Scheduled,
        CampaignStatus::Active,
        CampaignStatus::Suspended,
        CampaignStatus::Completed,
        CampaignStatus::Canceled,
        CampaignStatus::Terminated,
        CampaignStatus::Expired,
        CampaignStatus::Aborted,
        CampaignStatus::Deleted,
    ];

    /// As the reports call it.
    pub fn name(self) -> &'static str {
        match self {
            CampaignStatus::Draft => "draft",
            CampaignStatus::Scheduled => "scheduled",
            CampaignStatus::Active => "active",
            CampaignStatus::Suspended => "suspended",
            CampaignStatus::Completed => "completed",
            CampaignStatus::Canceled => "canceled",
            CampaignStatus::Terminated => "terminated",
            CampaignStatus::Expired => "expired",
            CampaignStatus::Aborted => "aborted",
            CampaignStatus::Deleted => "deleted",
        }
    }

    /// Nothing starts in it any more.
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            CampaignStatus::Draft
                | CampaignStatus::Scheduled
                | CampaignStatus::Active
                | CampaignStatus::Suspended
        )
    }

    /// The status of a job in Alibaba's API; none where Alibaba has no such thing.
    pub fn alibaba(self) -> Option<&'static str> {
        match self {
            CampaignStatus::Scheduled => Some("PLANNED"),
            CampaignStatus::Active => Some("IN_PROGRESS"),
            CampaignStatus::Completed | CampaignStatus::Expired => Some("COMPLETED"),
            CampaignStatus::Canceled | CampaignStatus::Terminated | CampaignStatus::Aborted => {
                Some("CANCELED")
            }
            CampaignStatus::Draft | CampaignStatus::Suspended | CampaignStatus::Deleted => None,
        }
    }

    /// The status of a plan in Quectel's console; none where Quectel has no such thing.
    pub fn quectel(self) -> Option<&'static str> {
        match self {
            CampaignStatus::Draft => Some("Saved"),
            CampaignStatus::Scheduled => Some("Activated"),
            CampaignStatus::Active => Some("Upgrading"),
            CampaignStatus::Suspended => Some("Suspended"),
            CampaignStatus::Terminated | CampaignStatus::Canceled | CampaignStatus::Aborted => {
                Some("Terminated")
            }
            CampaignStatus::Completed | CampaignStatus::Expired => Some("Ended"),
            CampaignStatus::Deleted => None,
        }
    }
}

/// Why an action on a campaign was refused; it has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CampaignError {
    #[error("the campaign is {}", .0.name())]
    Status(CampaignStatus),
    #[error("the platform has no such action")]
    Unsupported,
    #[error("the set of states is empty")]
    NoStates,
    #[error("a list of devices holds 1 to 200, not {0}")]
    Devices(usize),
    #[error("1 to 10 devices can be confirmed at once, not {0}")]
    Confirmations(usize),
    #[error("the kind of a rate cannot be changed, only its values")]
    RateKind,
    #[error("the package has an active dynamic campaign already")]
    DynamicExists,
    #[error("only a dynamic campaign's timeout and source versions can be changed")]
    StaticCampaign,
}

/// What a device's tasks in a campaign add up to, in Quectel's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceStatus {
    UpgradeFailed,
    Upgraded,
    Upgrading,
    NoUpdateRequired,
    NotUpgraded,
}

impl DeviceStatus {
    /// Every status, by its position in lists.
    pub const ALL: [DeviceStatus; 5] = [
        DeviceStatus::UpgradeFailed,
        DeviceStatus::Upgraded,
        DeviceStatus::Upgrading,
        DeviceStatus::NoUpdateRequired,
        DeviceStatus::NotUpgraded,
    ];

    /// As the platform shows it.
    pub fn name(self) -> &'static str {
        match self {
            DeviceStatus::UpgradeFailed => "Upgrade Failed",
            DeviceStatus::Upgraded => "Upgraded",
            DeviceStatus::Upgrading => "Upgrading",
            DeviceStatus::NoUpdateRequired => "No Update Required",
            DeviceStatus::NotUpgraded => "Not Upgraded",
        }
    }

    /// The status of a device with these tasks; tested in the order of Quectel's table.
    ///
    /// A canceled task is a terminated one there, hence failed. A task is entered once the
    /// device has the offer.
    pub fn of(tasks: &[TaskState]) -> DeviceStatus {
        let failed = |t: &TaskState| matches!(t, TaskState::Failed(_) | TaskState::Canceled);
        let waiting =
            |t: &TaskState| matches!(t, TaskState::Queued(_) | TaskState::AwaitingConfirmation);
        if tasks.iter().any(failed) {
            DeviceStatus::UpgradeFailed
        } else if !tasks.is_empty() && tasks.iter().all(|t| *t == TaskState::NotRequired) {
            DeviceStatus::NoUpdateRequired
        } else if !tasks.is_empty() && tasks.iter().all(|t| t.is_final()) {
            DeviceStatus::Upgraded
        } else if tasks.iter().any(|t| !waiting(t) && *t != TaskState::NotRequired) {
            DeviceStatus::Upgrading
        } else {
            DeviceStatus::NotUpgraded
        }
    }
}
