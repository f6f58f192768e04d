//! Metrics of what became of tasks and devices.

use crate::scheduler::state::{FailureReason, TaskState};

use super::table::{
    Count, FAILED, FLEET, Higher, Level, Lower, Neither, Nothing, Share, n, of, tally, whole,
};
use super::{Label, Look, Metric, Query, Value};

/// What became of tasks and devices.
pub const TASKS: &[Metric] = &[
    whole(("devices.count", Nothing, FLEET), ("devices", Neither, Count), "All devices.", devices),
    tally(
        ("targeted.count", Nothing, FLEET),
        ("devices", Neither, Count),
        "Devices with a task.",
        |t, _| n(t.targeted),
    ),
    tally(
        ("not_required.count", Nothing, FLEET),
        ("devices", Neither, Count),
        "Devices that ran the target version from the beginning.",
        |t, _| n(t.count(TaskState::NotRequired)),
    ),
    tally(
        ("succeeded.count", Nothing, FLEET),
        ("devices", Higher, Count),
        "Tasks that succeeded.",
        |t, _| n(t.succeeded()),
    ),
    tally(
        ("failed.count", Nothing, FAILED),
        ("devices", Lower, Count),
        "Tasks that failed, for any reason or for one.",
        |t, query| by_reason(query, &t.failures).map_or(Value::Missing, n),
    ),
    tally(
        ("canceled.count", Nothing, FLEET),
        ("devices", Lower, Count),
        "Tasks that were canceled.",
        |t, _| n(t.canceled()),
    ),
    tally(
        ("open.count", Nothing, FLEET),
        ("devices", Lower, Count),
        "Tasks that are not final.",
        |t, _| n(t.open()),
    ),
    tally(
        ("attempt_failures.count", Nothing, FAILED),
        ("attempts", Lower, Count),
        "Attempts that failed, retried or not, for any reason or for one.",
        |t, query| by_reason(query, &t.attempt_failures).map_or(Value::Missing, n),
    ),
    tally(
        ("affected.count", Nothing, FLEET),
        ("devices", Lower, Count),
        "Devices that failed or bricked; one whose task failed since it had bricked counts once.",
        |t, _| n(t.affected()),
    ),
    tally(
        ("affected.share", Nothing, FLEET),
        ("1", Lower, Share),
        "Affected devices of the targeted.",
        |t, _| of(t.affected(), t.targeted),
    ),
    tally(
        ("bricked.share", Nothing, FLEET),
        ("1", Lower, Share),
        "Bricked devices of the targeted.",
        |t, _| of(t.bricked, t.targeted),
    ),
    tally(
        ("success.of_targeted", Nothing, FLEET),
        ("1", Higher, Share),
        "Succeeded of the targeted.",
        |t, _| of(t.succeeded(), t.targeted),
    ),
    tally(
        ("success.of_finished", Nothing, FLEET),
        ("1", Higher, Share),
        "Succeeded of those that succeeded or failed.",
        |t, _| of(t.succeeded(), t.succeeded() + t.failed()),
    ),
    tally(
        ("success.first_try", Nothing, FLEET),
        ("1", Higher, Share),
        "Succeeded in the first attempt, of the targeted.",
        |t, _| of(t.first_try_successes, t.targeted),
    ),
    tally(
        ("failed.share", Nothing, FAILED),
        ("1", Lower, Share),
        "Failed of the targeted, for any reason or for one.",
        |t, query| match by_reason(query, &t.failures) {
            Some(failed) => of(failed, t.targeted),
            None => Value::Missing,
        },
    ),
    tally(
        ("failed.of_finished", Nothing, FLEET),
        ("1", Lower, Share),
        "Failed of those that succeeded or failed.",
        |t, _| of(t.failed(), t.succeeded() + t.failed()),
    ),
    tally(("open.share", Nothing, FLEET), ("1", Lower, Share), "Open of the targeted.", |t, _| {
        of(t.open(), t.targeted)
    }),
    tally(
        ("canceled.share", Nothing, FLEET),
        ("1", Lower, Share),
        "Canceled of the targeted.",
        |t, _| of(t.canceled(), t.targeted),
    ),
    tally(
        ("online_at_turn.share", Nothing, FLEET),
        ("1", Neither, Share),
        "Turns that found the device online, of all turns.",
        |t, _| of(t.online_at_turn, t.turns),
    ),
    tally(
        ("attempts.mean", Nothing, FLEET),
        ("attempts", Lower, Level),
        "Attempts per device that was pushed.",
        |t, _| of(t.attempts.iter().sum(), t.attempts[0]),
    ),
    tally(
        ("bytes.per_device", Nothing, FLEET),
        ("B", Lower, Level),
        "Bytes loaded, those in vain included, per targeted device.",
        |t, _| of(t.bytes_downloaded + t.bytes_wasted, t.targeted),
    ),
];

/// All of the counts, or that of the reason that is asked about; none for an unknown one.
fn by_reason(query: &Query, counts: &[u64; FailureReason::ALL.len()]) -> Option<u64> {
    let Some(name) = query.label_of(Label::Reason) else { return Some(counts.iter().sum()) };
    let at = FailureReason::ALL.iter().position(|reason| reason.name() == name)?;
    Some(counts[at])
}

fn devices(look: &Look, query: &Query) -> Value {
    let cohorts = look.package.cohorts.iter();
    let own = cohorts.filter(|c| query.label_of(Label::Cohort).is_none_or(|name| c.name == name));
    n(own.map(|cohort| cohort.devices).sum())
}
