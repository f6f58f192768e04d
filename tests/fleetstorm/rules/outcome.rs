//! R21 to R26: progress, outcome, timers, retries.

use fleetstorm::model::{Span, Time};
use fleetstorm::scenario::load_text;
use fleetstorm::scheduler::state::{FailureReason, TaskState};
use fleetstorm::scheduler::{Effect, Input, Retry, Task, TaskPolicy, TaskRules, TimeoutFrom};
use fleetstorm::sim::outcome::{Ended, LatencyKind};
use proptest::prelude::*;

use super::super::runs::{run, scenario, total};

const NO_RULES: TaskPolicy = TaskPolicy {
    step: None,
    timeout: None,
    timeout_from: TimeoutFrom::FirstProgress,
    retry: None,
    asks_to_stop: false,
};
const TIMEOUT: TaskPolicy = TaskPolicy { timeout: Some(Span::secs(60)), ..NO_RULES };
const RETRY: TaskPolicy = TaskPolicy {
    timeout: Some(Span::secs(60)),
    retry: Some(Retry { count: 2, interval: Span::secs(10), needs_permit: true }),
    ..NO_RULES
};

fn at(seconds: u64) -> Time {
    Time::ZERO + Span::secs(seconds)
}

/// Hands one input to a task that nothing is kept apart from.
fn handle(task: &mut Task, now: Time, input: Input, policy: &TaskPolicy) -> Effect {
    TaskRules::new(*policy).of(task, 0).handle(now, input)
}

/// A task after these inputs, one each second from 0 s.
fn task(policy: &TaskPolicy, inputs: &[Input]) -> Task {
    let mut task = Task::default();
    for (second, input) in inputs.iter().enumerate() {
        handle(&mut task, at(second as u64), *input, policy);
    }
    task
}

const PUSHED: Input = Input::Pushed;
const PROGRESS: Input = Input::Progress { percent: 30 };
const FLASH: Input = Input::Failed(FailureReason::Flash);

#[test]
fn r21_first_progress_means_in_progress() {
    let notified = task(&NO_RULES, &[PUSHED]);
    assert_eq!(notified.state(), TaskState::Notified);
    for percent in [0, 50, 100] {
        let begun = task(&NO_RULES, &[PUSHED, Input::Progress { percent }]);
        assert_eq!(begun.state().alibaba(), Some("IN_PROGRESS"), "{percent} %");
    }
}

#[test]
fn r21_progress_never_goes_back() {
    let percent = |percent| Input::Progress { percent };
    let straight = task(&NO_RULES, &[PUSHED, percent(20), percent(80), percent(80)]);
    let late = task(&NO_RULES, &[PUSHED, percent(20), percent(80), percent(20)]);
    assert_eq!(straight, late);
    assert_eq!(task(&NO_RULES, &[PUSHED, percent(100)]), task(&NO_RULES, &[PUSHED, percent(255)]));
}

#[test]
fn r21_a_late_percentage_does_not_undo_the_installation() {
    let installing = task(&NO_RULES, &[PUSHED, PROGRESS, Input::Installing]);
    let late = task(&NO_RULES, &[PUSHED, PROGRESS, Input::Installing, PROGRESS]);
    assert_eq!(late, installing);
}

#[test]
fn r22_only_the_target_version_succeeds() {
    let complete = Input::Progress { percent: 100 };
    let before = [PUSHED, PROGRESS, complete, Input::Installing, Input::SourceVersion];
    let open = task(&NO_RULES, &before);
    assert!(!open.state().is_final(), "100 % alone never succeeds");
    let inputs = [&before[..], &[Input::TargetVersion]].concat();
    assert_eq!(task(&NO_RULES, &inputs).state(), TaskState::Succeeded);
    // Also of a device that never reported progress.
    let silent = task(&NO_RULES, &[PUSHED, Input::TargetVersion]);
    assert_eq!(silent.state(), TaskState::Succeeded);
}

#[test]
fn r23_a_third_version_is_a_mismatch_and_the_source_changes_nothing() {
    let open = task(&NO_RULES, &[PUSHED, PROGRESS]);
    let mut same = open;
    assert_eq!(handle(&mut same, at(9), Input::SourceVersion, &NO_RULES), Effect::Nothing);
    assert_eq!(same, open);
    let mismatch = TaskState::Failed(FailureReason::VersionMismatch);
    assert_eq!(task(&NO_RULES, &[PUSHED, PROGRESS, Input::OtherVersion]).state(), mismatch);
    let cohort = "download.takes = '1 s'\nfails.wrong_version = 1.0";
    let outcome = run(&scenario(50, "rate = 'unlimited'", cohort, ""));
    let failures = outcome.total().failures;
    assert_eq!(failures[FailureReason::VersionMismatch as usize], 50);
    assert_eq!(outcome.versions.len(), 1);
    assert!(outcome.versions[0].0 != "1" && outcome.versions[0].0 != "2", "a third version");
}

#[test]
fn r24_four_codes_four_reasons() {
    use FailureReason::*;
    let codes = [(-1, Upgrade), (-2, Download), (-3, Verify), (-4, Flash)];
    for (code, reason) in codes {
        assert_eq!(reason.code(), Some(code));
        let failed = task(&NO_RULES, &[PUSHED, PROGRESS, Input::Failed(reason)]);
        assert_eq!(failed.state(), TaskState::Failed(reason));
        let cohort = format!("download.takes = '1 s'\nfails.{} = 1.0", reason.name());
        let tally = total(&scenario(20, "rate = 'unlimited'", &cohort, ""));
        let mut expected = [0; FailureReason::ALL.len()];
        expected[reason as usize] = 20;
        assert_eq!((tally.failures, tally.failed()), (expected, 20));
        // Only what came after the failing phase is missing.
        let downloaded = if reason == Download { 0 } else { 20 };
        assert_eq!(tally.downloads, downloaded);
    }
    let with_code = FailureReason::ALL.iter().filter(|reason| reason.code().is_some());
    assert_eq!(with_code.count(), 4);
}

#[test]
fn r25_timeout_runs_from_first_progress() {
    let mut task = Task::default();
    handle(&mut task, at(0), PUSHED, &TIMEOUT);
    assert!(task.next_deadline().is_never(), "not from the push");
    handle(&mut task, at(100), PROGRESS, &TIMEOUT);
    assert_eq!(task.next_deadline(), at(160));
    handle(&mut task, at(120), Input::Progress { percent: 90 }, &TIMEOUT);
    handle(&mut task, at(130), Input::Connected, &TIMEOUT);
    handle(&mut task, at(140), Input::Installing, &TIMEOUT);
    assert_eq!(task.next_deadline(), at(160), "nothing restarts it");
    handle(&mut task, at(159), Input::Deadline, &TIMEOUT);
    assert!(!task.state().is_final(), "too early");
    handle(&mut task, at(160), Input::Deadline, &TIMEOUT);
    assert_eq!(task.state(), TaskState::Failed(FailureReason::Timeout));
}

#[test]
fn r25_a_step_timer_bounds_each_step_besides() {
    let policy = TaskPolicy { step: Some(Span::secs(20)), ..TIMEOUT };
    let (mut task, mut rules) = (Task::default(), TaskRules::new(policy));
    let mut handle = |seconds, input| {
        rules.of(&mut task, 7).handle(at(seconds), input);
        task
    };
    assert!(handle(0, PUSHED).next_deadline().is_never(), "not before the first progress");
    assert_eq!(handle(10, PROGRESS).next_deadline(), at(30));
    assert_eq!(handle(15, PROGRESS).next_deadline(), at(30), "that was no step");
    assert_eq!(handle(25, Input::Progress { percent: 50 }).next_deadline(), at(45));
    assert_eq!(handle(44, Input::Installing).next_deadline(), at(64));
    assert_eq!(handle(60, Input::Connected).next_deadline(), at(64));
    let ended = handle(64, Input::Deadline);
    assert_eq!(ended.state(), TaskState::Failed(FailureReason::Timeout));
}

#[test]
fn r25_a_step_timer_never_extends_the_timeout_and_rests_between_attempts() {
    let policy = TaskPolicy { step: Some(Span::secs(40)), ..RETRY };
    let (mut task, mut rules) = (Task::default(), TaskRules::new(policy));
    let mut handle = |seconds, input| {
        rules.of(&mut task, 7).handle(at(seconds), input);
        task
    };
    handle(0, PUSHED);
    let bound = handle(10, PROGRESS).next_deadline().min(at(50));
    assert_eq!(bound, at(50));
    let timeout = at(10) + policy.timeout.unwrap();
    assert_eq!(handle(20, FLASH).next_deadline(), timeout, "no step while it waits");
    assert_eq!(handle(30, PUSHED).next_deadline(), timeout);
    assert_eq!(handle(31, PROGRESS).next_deadline(), timeout.min(at(71)));
    assert_eq!(handle(60, Input::Installing).next_deadline(), timeout.min(at(100)));
    // A task queued once more by hand begins anew.
    rules.of(&mut task, 7).end(TaskState::Failed(FailureReason::Flash));
    rules.of(&mut task, 7).requeue();
    rules.of(&mut task, 7).handle(at(500), PUSHED);
    assert!(task.next_deadline().is_never());
    rules.of(&mut task, 7).handle(at(510), PROGRESS);
    assert_eq!(task.next_deadline(), at(550));
}

#[test]
fn r25_a_step_that_takes_too_long_ends_its_task() {
    // The download may take its time, the installation is too slow in half of the cases.
    let campaign = "rate.constant.rate = '1 /s'\nstep_timeout = '5 min'\ntimeout = '20 min'";
    let steps = |download: &str, install: &str| {
        let cohort = format!("download.takes = '{download}'\ninstall = {install}");
        total(&scenario(1_000, campaign, &cohort, ""))
    };
    let tally = steps("4 min", "{ uniform = { from = '0 s', to = '10 min' } }");
    let timed_out = tally.failures[FailureReason::Timeout as usize];
    assert!((450..550).contains(&timed_out), "{timed_out}");
    assert_eq!(tally.succeeded() + timed_out, 1_000);
    let longest = tally.latency(LatencyKind::PushedToUpdated).max().unwrap();
    assert!(longest <= Span::secs(540) && longest > Span::secs(530), "{longest}");
    assert_eq!(steps("6 min", "'0 s'").failures[FailureReason::Timeout as usize], 1_000);
}

#[test]
fn r25_a_retry_does_not_restart_the_timeout() {
    let mut task = task(&RETRY, &[PUSHED, PROGRESS]);
    let deadline = task.next_deadline();
    assert_eq!(handle(&mut task, at(20), FLASH, &RETRY), Effect::RetryAt(at(30)));
    handle(&mut task, at(30), PUSHED, &RETRY);
    handle(&mut task, at(31), PROGRESS, &RETRY);
    assert_eq!(task.next_deadline(), deadline);
}

#[test]
fn r25_a_late_report_is_counted_and_changes_nothing() {
    let ended = task(&TIMEOUT, &[PUSHED, PROGRESS]);
    let mut ended = ended;
    handle(&mut ended, at(61), Input::Deadline, &TIMEOUT);
    let before = ended;
    for late in [PROGRESS, Input::Installing, FLASH, Input::TargetVersion, Input::OtherVersion] {
        assert_eq!(handle(&mut ended, at(70), late, &TIMEOUT), Effect::Late);
        assert_eq!(ended, before);
    }
    let campaign = "rate.constant.rate = '1 /min'\ntimeout = '1 min'";
    let cohort = "reacts = '5 min'\ndownload.takes = '30 s'\ninstall = '40 s'";
    let outcome = run(&scenario(30, campaign, cohort, ""));
    let tally = outcome.total();
    assert_eq!(tally.failures[FailureReason::Timeout as usize], 30);
    // Ten seconds after the deadline, the last one as well.
    assert_eq!((tally.late_reports, outcome.under_way), (30, 0));
    assert_eq!(tally.latency(LatencyKind::ActivationToUpdated).count(), 0);
}

#[test]
fn r25_a_report_at_the_deadline_is_in_time() {
    let campaign = "rate = 'unlimited'\ntimeout = '1 min'";
    for (install, succeeded) in [("30 s", 10), ("30.000001 s", 0)] {
        let cohort = format!("download.takes = '30 s'\ninstall = '{install}'");
        let tally = total(&scenario(10, campaign, &cohort, ""));
        assert_eq!((tally.succeeded(), tally.failed()), (succeeded, 10 - succeeded));
    }
}

#[test]
fn r26_retries_keep_interval_and_count() {
    let mut task = Task::default();
    for attempt in 1..=3 {
        handle(&mut task, at(attempt * 100), PUSHED, &RETRY);
        assert_eq!(u64::from(task.attempt()), attempt);
        let effect = handle(&mut task, at(attempt * 100 + 5), FLASH, &RETRY);
        let again = Effect::RetryAt(at(attempt * 100 + 15));
        assert_eq!(effect, if attempt < 3 { again } else { Effect::Nothing });
    }
    assert_eq!(task.state(), TaskState::Failed(FailureReason::Flash));
    // Three attempts of 60 s, and two pauses of ten minutes.
    let campaign = "rate = 'unlimited'\nretry = { count = 2, interval = '10 min' }";
    let cohort = "download.takes = '60 s'\nfails.flash = 1.0";
    let outcome = run(&scenario(40, campaign, cohort, ""));
    let tally = outcome.total();
    assert_eq!(tally.attempts[..4], [40, 40, 40, 0]);
    assert_eq!((tally.retries, tally.failed()), (80, 40));
    assert_eq!(tally.attempt_failures[FailureReason::Flash as usize], 120);
    let expected = 3.0 * 60.0 + 2.0 * 600.0;
    // A permit is given at the next boundary, and the run ends at one.
    let end = outcome.end.as_secs_f64();
    assert!((expected..=expected + 3.0).contains(&end), "{end}");
}

#[test]
fn r26_the_visible_state_stays_while_retrying() {
    let mut task = task(&RETRY, &[PUSHED, PROGRESS, Input::Installing]);
    let visible = task.state();
    handle(&mut task, at(20), FLASH, &RETRY);
    assert_eq!(task.state(), visible);
    handle(&mut task, at(30), PUSHED, &RETRY);
    assert_eq!(task.state(), visible);
}

#[test]
fn r26_no_retry_after_a_timeout() {
    let campaign = "rate = 'unlimited'\ntimeout = '1 min'\nretry.count = 3";
    let tally = total(&scenario(25, campaign, "download.takes = '5 min'", ""));
    assert_eq!(tally.failures[FailureReason::Timeout as usize], 25);
    assert_eq!((tally.retries, tally.attempts[0]), (0, 25));
    // Nor of a retry that was waiting when the timeout struck.
    let campaign =
        "rate = 'unlimited'\ntimeout = '2 min'\nretry = { count = 3, interval = '5 min' }";
    let cohort = "download.takes = '1 min'\nfails.flash = 1.0";
    let tally = total(&scenario(25, campaign, cohort, ""));
    assert_eq!(tally.failures[FailureReason::Timeout as usize], 25);
    assert_eq!(tally.retries, 0);
}

#[test]
fn r26_a_retry_takes_a_permit_unless_told_otherwise() {
    // One permit a minute; all ten fail once a second after their push.
    let last = |needs_permit: bool| {
        let campaign = format!(
            "rate.constant.rate = '1 /min'\nretry = {{ count = 1, needs_permit = {needs_permit} }}"
        );
        let cohort = "download.takes = '1 s'\nfails.flash = 1.0";
        let outcome = run(&scenario(10, &campaign, cohort, ""));
        assert_eq!((outcome.ended, outcome.total().retries), (Ended::AllFinal, 10));
        let wait = outcome.total().latency(LatencyKind::EligibleToPushed).max();
        (wait.unwrap().as_secs_f64(), outcome.end.as_secs_f64())
    };
    let (_, end) = last(true);
    assert!((1141.0..=1143.0).contains(&end), "20 permits: {end}");
    let (wait, end) = last(false);
    assert_eq!(wait, 540.0);
    assert!((541.0..=543.0).contains(&end), "10 permits: {end}");
}

#[test]
fn r26_may_require_source_versions() {
    let campaign = "rate = 'unlimited'\nretry = { count = 1, needs_source_version = true }";
    let cohort = "download.takes = '1 s'\nfails.verify = 1.0";
    let with = format!("source_versions = ['1']\n{campaign}");
    assert_eq!(total(&scenario(20, &with, cohort, "")).retries, 20);
    // Without any the retry could never happen: the reader says so instead of ignoring it.
    let without = scenario(20, campaign, cohort, "");
    let refused = load_text("t.toml", &without, std::path::Path::new(""), &[]).unwrap_err();
    assert!(refused.to_string().contains("campaign.source_versions"), "{refused}");
}

#[test]
fn r26_a_wrong_version_is_retried() {
    let campaign = "rate = 'unlimited'\nretry.count = 2";
    let cohort = "download.takes = '1 s'\nfails.wrong_version = 1.0";
    assert_eq!(total(&scenario(20, campaign, cohort, "")).attempts[..3], [20, 20, 20]);
}

fn any_input() -> impl Strategy<Value = Input> {
    let reason = prop::sample::select(&FailureReason::ALL[..4]);
    prop_oneof![
        Just(Input::Pushed),
        any::<u8>().prop_map(|percent| Input::Progress { percent }),
        Just(Input::Installing),
        reason.prop_map(Input::Failed),
        Just(Input::TargetVersion),
        Just(Input::SourceVersion),
        Just(Input::OtherVersion),
        Just(Input::Deadline),
        Just(Input::Connected),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_final_state_is_ever_left(
        inputs in prop::collection::vec((0u64..100, any_input()), 0..60),
        timeout in prop::option::of(1u64..500),
        retry in prop::option::of((1u8..11, 0u64..300, any::<bool>())),
    ) {
        let policy = TaskPolicy {
            timeout: timeout.map(Span::secs),
            retry: retry.map(|(count, interval, needs_permit)| {
                Retry { count, interval: Span::secs(interval), needs_permit }
            }),
            ..NO_RULES
        };
        let mut task = Task::default();
        let mut now = 0;
        for (gap, input) in inputs {
            now += gap;
            let before = task;
            let effect = handle(&mut task, at(now), input, &policy);
            if before.state().is_final() {
                prop_assert_eq!(&task, &before);
                prop_assert!(matches!(effect, Effect::Late | Effect::Nothing));
                prop_assert!(task.next_deadline().is_never());
            }
            if before.next_deadline() != task.next_deadline() {
                let begun = before.next_deadline().is_never();
                prop_assert!(begun || task.state().is_final(), "a running timeout is restarted");
            }
            if let Effect::RetryAt(at) = effect {
                prop_assert!(at.0 >= now && task.attempt() <= policy.retry.unwrap().count);
            }
        }
    }
}
