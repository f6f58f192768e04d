//! Section 2 of the specification: task states, their two vocabularies, the device status.

use fleetstorm::scheduler::state::TaskState::*;
use fleetstorm::scheduler::state::{DeviceStatus, FailureReason, QueueCause, TaskState};

#[test]
fn task_states_in_both_vocabularies() {
    let failed = Failed(FailureReason::Flash);
    for (state, alibaba, quectel) in [
        (AwaitingConfirmation, Some("CONFIRM"), "Plan Received"),
        (Queued(QueueCause::Offline), Some("QUEUED"), "Plan Not Received"),
        (Queued(QueueCause::Scheduled), Some("QUEUED"), "Plan Not Received"),
        (Queued(QueueCause::RateLimited), Some("QUEUED"), "Plan Not Received"),
        (Queued(QueueCause::WindowClosed), Some("QUEUED"), "Plan Not Received"),
        (Queued(QueueCause::Suspended), Some("QUEUED"), "Plan Not Received"),
        (Notified, Some("NOTIFIED"), "Plan Received"),
        (Confirmed, Some("NOTIFIED"), "Upgrade Confirmed"),
        (UrlReceived, Some("NOTIFIED"), "Ready to Download"),
        (Downloading, Some("IN_PROGRESS"), "Downloading"),
        (Downloaded, Some("IN_PROGRESS"), "Download Succeeded"),
        (Installing, Some("IN_PROGRESS"), "Upgrading"),
        (Succeeded, Some("SUCCEEDED"), "Upgrade Succeeded"),
        (failed, Some("FAILED"), "Upgrade Failed"),
        (Failed(FailureReason::Download), Some("FAILED"), "Download Failed"),
        (Failed(FailureReason::Timeout), Some("FAILED"), "Upgrade Failed"),
        (Canceled, Some("CANCELED"), "Upgrade Failed"),
        (NotRequired, None, "No Update Required"),
    ] {
        assert_eq!((state.alibaba(), state.quectel()), (alibaba, quectel), "{state:?}");
    }
}

#[test]
fn every_state_has_a_place_and_a_name_of_its_own() {
    let mut names: Vec<_> = TaskState::ALL.iter().map(|state| state.name()).collect();
    for (at, state) in TaskState::ALL.iter().enumerate() {
        assert_eq!(state.index(), at);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TaskState::ALL.len());
    for (at, reason) in FailureReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, at);
        assert_eq!(Failed(reason).index(), Failed(FailureReason::Upgrade).index());
    }
}

#[test]
fn device_status_is_tested_in_the_order_of_the_table() {
    use DeviceStatus::*;
    let queued = Queued(QueueCause::RateLimited);
    let failed = Failed(FailureReason::Verify);
    for (tasks, status) in [
        // Any task failed.
        (&[failed][..], UpgradeFailed),
        (&[Succeeded, failed], UpgradeFailed),
        (&[Downloading, failed, NotRequired], UpgradeFailed),
        // Terminated counts as failed.
        (&[Canceled, Succeeded], UpgradeFailed),
        // All succeeded, or a mix of succeeded and not required.
        (&[Succeeded], Upgraded),
        (&[Succeeded, Succeeded], Upgraded),
        (&[NotRequired, Succeeded], Upgraded),
        // Any task entered.
        (&[Notified], Upgrading),
        (&[Confirmed], Upgrading),
        (&[queued, Installing], Upgrading),
        (&[Succeeded, queued], Upgrading),
        (&[Succeeded, Downloading], Upgrading),
        (&[NotRequired, UrlReceived], Upgrading),
        // All not required.
        (&[NotRequired], NoUpdateRequired),
        (&[NotRequired, NotRequired], NoUpdateRequired),
        // None entered.
        (&[queued], NotUpgraded),
        (&[queued, NotRequired], NotUpgraded),
        (&[Queued(QueueCause::Offline), queued], NotUpgraded),
        (&[], NotUpgraded),
    ] {
        assert_eq!(DeviceStatus::of(tasks), status, "{tasks:?}");
    }
    let words = DeviceStatus::ALL.map(DeviceStatus::name);
    let table = ["Upgrade Failed", "Upgraded", "Upgrading", "No Update Required", "Not Upgraded"];
    assert_eq!(words, table);
}
