//! The campaign's rules in the scenario file: stages, windows, aborts, the operator's day.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::PushRate;
use super::moments::{Condition, TimeOfDay};
use crate::model::{EventRate, Span};

/// The window's clock that stands for each device's own.
pub const DEVICE_CLOCK: &str = "device";

/// How far into the target list the campaign goes, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Stages {
    /// The whole list at once.
    #[default]
    All,
    /// Cumulative percentages of the list at times, e.g. 5 % at once, 100 % after 2 d.
    Phases(Vec<Phase>),
    /// Groups that follow each other, each once the one before is good enough.
    Groups(Groups),
}

/// How the percentages of stages become numbers of devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageSizes {
    /// A stage ends after floor(the percentages up to it) of the list.
    #[default]
    Floor,
    /// A stage takes its share of what those before have left, rounded, halves up.
    Round,
    /// A stage takes floor(its own percentage), the last one what is left; a stage of nobody is
    /// refused.
    FloorEach,
}

/// What the percentages of stages are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageOf {
    /// The target list: a stage takes the next so many devices in push order.
    #[default]
    List,
    /// Each cohort: a stage takes the next so many devices of each.
    EachCohort,
}

/// From `at` on, so many percent of the target list may be pushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Since the run began.
    #[serde(default)]
    pub at: Span,
    /// Cumulative; up to three decimals.
    #[schemars(range(min = 0, max = 100))]
    pub percent: f64,
}

/// Groups of the target list, one behind the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// The groups in order; their percentages add up to 100.
    #[schemars(length(min = 1, max = 500))]
    pub group: Vec<Group>,
    /// What thresholds are percentages of.
    #[serde(default)]
    pub of: GroupOf,
}

/// One group of the target list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Share of the target list, whatever `stage_sizes` makes of it; up to three decimals.
    #[schemars(range(min = 0, max = 100))]
    pub percent: f64,
    /// The next group starts when at least so many percent of this one have succeeded.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default = "half")]
    pub success: u32,
    /// The campaign is suspended when more than so many percent of this one have failed.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default = "half")]
    pub error: u32,
}

/// What a group's thresholds are percentages of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupOf {
    /// All devices of the group, offline ones included.
    #[default]
    Total,
    /// Devices of the group that are finished.
    Finished,
}

/// One entry of a variable rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateFrom {
    /// Since the run began.
    #[serde(default)]
    pub at: Span,
    /// The rate from then on; none: nothing is pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<EventRate>,
}

/// What makes an exponential rate grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// Devices that were pushed.
    #[default]
    Notified,
    /// Devices that have succeeded.
    Succeeded,
}

/// A daily window; pushes start inside it only, what was started goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it opens each day, e.g. "22:00".
    pub from: TimeOfDay,
    /// When it closes, on the next day if that is earlier.
    pub to: TimeOfDay,
    /// An IANA time zone such as "Europe/Berlin", or "device" for the device's own.
    #[schemars(length(min = 1))]
    #[serde(default = "utc")]
    pub clock: String,
}

/// Which devices a dynamic campaign takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dynamic {
    /// Those that match when it starts, and later ones.
    PresentAndLater,
    /// Only devices that are activated, or report another version, after its start.
    Later,
}

/// When devices have their turn that match a dynamic campaign later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Joiners {
    /// At the end of the list, under the rate.
    #[default]
    InTurn,
    /// At once: the rate does not hold for their first push, windows, marks and the cap on tasks
    /// in flight do.
    AtOnce,
}

/// What happens where a device still has an unfinished task of another campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// The unfinished task stays; the new one fails as occupied.
    #[default]
    Keep,
    /// The unfinished task is canceled, unless it is in progress; then the new one fails as
    /// occupied.
    Overwrite,
    /// The new task waits until the unfinished one is final, and then has its turn.
    Queue,
    /// The unfinished task is canceled, unless it is in progress; then the new one waits until it
    /// is final.
    Supersede,
}

/// How a device with several packages to install goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleOrder {
    /// All at once.
    #[default]
    Parallel,
    /// One after the other; when one does not succeed, those after it are canceled.
    Sequence,
}

/// In which order devices have their turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As selected.
    #[default]
    List,
    /// Shuffled.
    Random,
    /// The scenario's first cohort first.
    Cohort,
    /// By the time they became eligible: online at the start, or back since; ties by device.
    Eligible,
}

/// What a timeout runs from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeoutFrom {
    /// The task's first progress report.
    #[default]
    Progress,
    /// The task's first push.
    Notification,
}

/// What devices that have not started become when the campaign is terminated or expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotStarted {
    /// Failed, as on Quectel's platform.
    #[default]
    Failed,
    /// Canceled.
    Canceled,
}

/// Stops the campaign when too many devices come to a bad end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbortRule {
    /// Which devices count.
    #[serde(default)]
    pub metric: AbortMetric,
    /// The rule is met at this share of `of`, in percent; up to two decimals.
    #[schemars(range(min = 0, max = 100))]
    pub percent: f64,
    /// It holds once so many devices are executed: finished, or notified if that is `of`.
    #[schemars(range(min = 1))]
    #[serde(default = "one")]
    pub min_executed: u32,
    /// What the percentage is of.
    #[serde(default)]
    pub of: AbortOf,
    /// What happens then; tasks in progress go on, except under cancel-all.
    #[serde(default)]
    pub action: AbortAction,
}

/// Which devices count in an abort rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbortMetric {
    /// All failures; with `failed_counts = "reported"` only those.
    #[default]
    Failed,
    /// Refused by the device or its user.
    Rejected,
    /// Failed by timeout.
    TimedOut,
    /// All failures.
    All,
}

/// What `failed` stands for in abort rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailedCounts {
    /// All failures, as everywhere else.
    #[default]
    All,
    /// Only what devices report: a failure code, or another version than the target; neither
    /// timeouts nor refusals.
    Reported,
}

/// What a cancel makes of a task that its device goes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cancel {
    /// It is canceled at once; what the device does goes on, and is reported in vain.
    #[default]
    AtOnce,
    /// The device is asked, at its next poll or when it is back. If it still downloads, it stops
    /// and the task is canceled; if it verifies or installs already, it goes on.
    AsksDevice,
}

/// What the percentage of an abort rule is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbortOf {
    /// Devices that succeeded or failed.
    #[default]
    Finished,
    /// Devices that were pushed.
    Notified,
    /// All targeted devices.
    Total,
}

/// What an abort rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbortAction {
    /// Tasks that have not started, or wait for a retry, are canceled; the campaign is over.
    #[default]
    CancelQueued,
    /// The campaign is suspended.
    Suspend,
    /// All open tasks are canceled.
    CancelAll,
}

/// One step of the operator's day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it is done, since the run began; or give `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// Done as soon as this holds, once, e.g. "failed > 500". Counts: notified, succeeded,
    /// finished, failed, rejected, timed-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What is done. Where the platform refuses it, nothing changes and the report says so.
    pub action: Act,
}

/// What an operator does to the campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Act {
    /// Activates a draft.
    Activate,
    /// Throws a draft away.
    Delete,
    /// Devices that have not started get nothing new; the others go on.
    Suspend,
    /// Goes on after a suspension.
    Resume,
    /// Devices that have not started never will; the others go on.
    Terminate,
    /// Cancels the campaign and its open tasks.
    Cancel {
        /// Also tasks in progress.
        #[serde(default = "yes")]
        in_progress: bool,
        /// Of a dynamic campaign also the tasks there are; else only the matching stops.
        #[serde(default)]
        tasks: bool,
    },
    /// Cancels the tasks in these states.
    CancelStates(Vec<TaskGroup>),
    /// Cancels the tasks of these devices (device ids), at most 200.
    CancelDevices(Vec<String>),
    /// As if these devices' users had agreed (device ids), at most 10.
    ConfirmDevices(Vec<String>),
    /// Queues all failed tasks once more.
    RetryFailed,
    /// Queues the failed tasks of these devices (device ids) once more.
    RetryDevices(Vec<String>),
    /// New values for the push rate; its kind stays.
    SetRate(PushRate),
    /// New tags; they replace all there were.
    SetTags(BTreeMap<String, String>),
    /// A new timeout; only where the campaign is dynamic.
    SetTimeout(Span),
}

/// States of tasks as platforms group them for a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskGroup {
    /// Queued before the campaign's start.
    Scheduled,
    /// Waiting for the user's consent.
    Unconfirmed,
    /// Queued since the start.
    Queued,
    /// Pushed, without progress.
    Notified,
    /// Downloading or installing.
    InProgress,
}

fn half() -> u32 {
    50
}

fn one() -> u32 {
    1
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}
