//! One task from the push to its end: step timers, cancels that ask the device, failures that
//! count everywhere alike, and what goes on after a task is final.

use fleetstorm::model::{Span, Time};
use fleetstorm::scheduler::state::{CampaignStatus, FailureReason, TaskState};
use fleetstorm::scheduler::{
    Effect, Highest, Input, Retry, Task, TaskPolicy, TaskRules, TimeoutFrom,
};
use fleetstorm::sim::outcome::{Ended, Outcome, Tally};
use proptest::prelude::*;

use super::super::runs::{load, run, scenario, simulate, total};
use super::campaign::operated;

/// A scenario that has its right numbers in its first line.
fn case(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    std::fs::read_to_string(root.join(name).with_extension("toml")).unwrap()
}

fn without(text: &str, line: &str) -> String {
    assert!(text.contains(line), "{line}");
    text.replace(line, "")
}

/// Succeeded, failed, canceled, open.
fn ends(tally: &Tally) -> [u64; 4] {
    [tally.succeeded(), tally.failed(), tally.canceled(), tally.open()]
}

fn runs_at_end(outcome: &Outcome, version: &str) -> u64 {
    outcome.versions.iter().filter(|(name, _)| name == version).map(|(_, n)| n).sum()
}

#[test]
fn r25_a_task_retried_by_hand_begins_its_steps_anew() {
    let text = case("wrong/retry-under-step-timeout");
    let with = total(&text);
    assert_eq!(ends(&with), [85, 15, 0, 0]);
    assert_eq!(with, total(&without(&text, "step_timeout = \"10 min\"")));
}

#[test]
fn r25_users_who_agree_are_served_under_a_step_timer() {
    let text = case("panics/consent-with-step-timeout");
    assert_eq!(ends(&total(&text)), [100, 0, 0, 0]);
    // A task that waits for its user has taken no step.
    let slow = text.replace("exponential.mean = \"10 min\"", "exponential.mean = \"2 h\"");
    assert_eq!(ends(&total(&slow)), [100, 0, 0, 0]);
}

#[test]
fn r30_overshoot_counts_who_fails_after_the_condition_was_met() {
    let text = case("wrong/overshoot-after-retry");
    let overshoot = |text: &str| {
        let aborts = run(text).campaign.aborts;
        assert_eq!(aborts.len(), 1);
        (aborts[0].abort.met_counts.failed(), aborts[0].overshoot)
    };
    assert_eq!(overshoot(&text), (11, 88 + 51));
    let step = "[[operator]]\nat = \"3 h\"\naction = \"retry-failed\"\n";
    assert_eq!(overshoot(&without(&text, step)), (11, 88));
    let text = case("wrong/overshoot-between-met-and-acted");
    assert_eq!(overshoot(&text), (5, 5));
}

#[test]
fn r29_failed_means_every_failure() {
    let text = case("wrong/failed-means-two-things");
    let outcome = run(&text);
    let abort = outcome.campaign.aborts[0];
    assert_eq!((abort.abort.met_counts.failed(), abort.abort.met_counts.finished()), (10, 10));
    assert_eq!(outcome.campaign.status, CampaignStatus::Aborted);
    // In the operator's conditions and in groups, too.
    let abort = "abort = [{ metric = \"failed\", percent = 1, min_executed = 10 }]";
    let when = "[[operator]]\nwhen = 'failed > 9'\naction = 'suspend'\n";
    let operated = run(&(without(&text, abort) + when));
    assert_eq!(operated.campaign.status, CampaignStatus::Suspended);
    let groups = "stages.groups = { group = [{ percent = 10, error = 9 }, { percent = 90 }] }";
    let grouped = run(&text.replace(abort, groups));
    assert_eq!(grouped.campaign.log[0].what, "error-threshold");
    // AWS tells them apart.
    let aws = run(&text.replace("name = \"x\"", "name = \"x\"\nprofile = \"aws-iot-jobs\""));
    assert!(aws.campaign.aborts.is_empty());
    let rule = aws.campaign.rules[0];
    assert_eq!((rule.met, rule.left_out[FailureReason::Timeout as usize]), (None, 1_000));
}

#[test]
fn r29_a_rule_that_is_never_met_tells_what_it_saw() {
    // All fail but the first; 2 of 3 is the most with so many executed.
    let cohort = |flash: f64| format!("download.takes = '60 s'\nfails.flash = {flash}");
    let campaign = "rate.constant.rate = '1 /min'\nabort = [\
        { percent = 90, min_executed = 10 },\
        { metric = 'rejected', percent = 1 },\
        { percent = 1, min_executed = 51 }]";
    let outcome = run(&scenario(50, campaign, &cohort(0.5), ""));
    let rules = &outcome.campaign.rules;
    assert_eq!((rules.len(), outcome.campaign.aborts.len()), (3, 0));
    let highest = rules[0].highest.unwrap();
    assert!(highest.of >= 10 && highest.bad * 10 < highest.of * 9 && highest.at > Time::ZERO);
    let failed = outcome.total().failed();
    assert!(highest.bad * 50 >= failed * highest.of, "the share at the end is not higher");
    assert_eq!(rules[0].left_out, [0; FailureReason::ALL.len()]);
    let nobody = Highest { at: Time(60_000_000), bad: 0, of: 1 };
    assert_eq!(rules[1].highest, Some(nobody));
    assert_eq!(rules[1].left_out.iter().sum::<u64>(), failed);
    assert_eq!((rules[2].highest, rules[2].executed), (None, 50));
    // A rule that is met is there as well.
    let outcome = run(&scenario(50, campaign, &cohort(1.0), ""));
    let met = outcome.campaign.rules[0];
    assert_eq!(met.met, Some(outcome.campaign.aborts[0].abort.met));
}

#[test]
fn r29_tasks_that_fail_as_occupied_count_as_failed() {
    let second = "[[rollout]]\npackage.version = '3'\n[rollout.campaign]\nname = 'second'\n\
        rate = 'unlimited'\nstart = '60 s'\nfinish = '1 h'\n\
        abort = [{ percent = 50, action = 'suspend' }]\n";
    let retry = "[[rollout.operator]]\nat = '30 min'\naction = 'resume'\n\
        [[rollout.operator]]\nat = '31 min'\naction = 'retry-failed'\n";
    let first = scenario(20, "rate = 'unlimited'", "download.takes = '10 min'", "");
    let outcome = &run(&format!("{first}{second}")).further[0];
    assert_eq!(outcome.total().failures[FailureReason::Occupied as usize], 20);
    assert_eq!(outcome.campaign.aborts[0].abort.met, Time(60_000_000));
    assert_eq!(outcome.campaign.status, CampaignStatus::Suspended);
    // What is taken back counts no more, and nothing falls below zero.
    let outcome = &run(&format!("{first}{second}{retry}")).further[0];
    assert_eq!(ends(&outcome.total()), [20, 0, 0, 0]);
    assert_eq!(outcome.campaign.aborts[0].overshoot, 19);
}

#[test]
fn r08_a_device_that_installs_refuses_a_cancel() {
    let text = case("wrong/cancel-while-installing");
    let outcome = run(&text);
    assert_eq!(ends(&outcome.total()), [100, 0, 0, 0]);
    assert_eq!(outcome.total().cancels_refused, 100);
    assert_eq!(outcome.campaign.status, CampaignStatus::Canceled);
    let early = run(&text.replace("15 min", "5 min"));
    assert_eq!(ends(&early.total()), [0, 0, 100, 0]);
    assert_eq!((early.total().cancels_refused, runs_at_end(&early, "1.0")), (0, 100));
    // They stop: nothing is reported late, and the last one hears of it within a poll.
    assert_eq!((early.total().late_reports, early.under_way), (0, 0));
    assert!(early.end <= Time(361_000_000), "{}", early.end);
    // Where nobody is asked they are canceled at once, and install all the same.
    let at_once =
        text.replace("profile = \"hawkbit\"", "profile = \"hawkbit\"\ncancel = 'at-once'");
    let outcome = run(&at_once);
    assert_eq!(ends(&outcome.total()), [0, 0, 100, 0]);
    assert_eq!((runs_at_end(&outcome, "2.0"), outcome.total().late_reports), (100, 100));
}

/// 1,000 devices, 60 s of download and 60 s of installation each, one push a second.
fn asked(campaign: &str, cohort: &str, steps: &[&str]) -> Outcome {
    let campaign = format!("rate.constant.rate = '1 /s'\ncancel = 'asks-device'\n{campaign}");
    let cohort = format!("download.takes = '60 s'\ninstall = '60 s'\n{cohort}");
    run(&operated(&campaign, &cohort, steps))
}

#[test]
fn r08_a_device_that_is_pushed_hears_of_a_cancel_at_once() {
    // At 300 s those of the first 181 s are done, the next 60 install, and 59 load.
    let cancel = "at = '300 s'\naction.cancel = {}";
    let outcome = asked("", "", &[cancel]);
    let tally = outcome.total();
    assert_eq!((ends(&tally), tally.cancels_refused), ([241, 0, 759, 0], 60));
    let states = "at = '300 s'\naction.cancel-states = ['in-progress']";
    let tally = asked("", "", &[states]).total();
    assert_eq!((ends(&tally), tally.cancels_refused), ([941, 0, 59, 0], 60));
    let devices = "at = '300 s'\naction.cancel-devices = ['1', '200', '280', '900']";
    let tally = asked("", "", &[devices]).total();
    assert_eq!((ends(&tally), tally.cancels_refused), ([998, 0, 2, 0], 1));
    // The tenth fails at 129 s: those that load then are stopped, those that install go on.
    let abort = "abort = [{ percent = 50, min_executed = 10, action = 'cancel-all' }]";
    let tally = asked(abort, "fails.flash = 1.0", &[]).total();
    assert_eq!((tally.failed(), tally.cancels_refused, tally.open()), (71, 60, 0));
}

#[test]
fn r08_a_cancel_stays_open_until_its_device_is_back_and_ends_with_one_that_is_not() {
    let cancel = "at = '30 s'\naction.cancel = {}";
    let away = "[[outage]]\nname = 'o'\nwhen.scheduled = { at = '20 s', lasts = '2 h' }\n";
    let campaign = "rate = 'unlimited'\ncancel = 'asks-device'";
    let cohort = "download.takes = '60 s'\ninstall = '60 s'";
    let outcome = run(&format!("{}{away}", operated(campaign, cohort, &[cancel])));
    assert_eq!(ends(&outcome.total()), [0, 0, 1_000, 0]);
    let (time, rows) = (&outcome.series.times, &outcome.series.rows);
    let before = time.partition_point(|at| *at < Time(7_220_000_000));
    assert_eq!(rows[before].states[TaskState::Downloading.index()], 1_000);
    // One that is never back is never canceled; a timeout ends it.
    let gone = cohort.to_owned() + "\nleaves = '20 s'";
    let outcome = run(&operated(campaign, &gone, &[cancel]));
    assert_eq!((ends(&outcome.total()), outcome.ended), ([0, 0, 0, 1_000], Ended::NothingLeft));
    let outcome = run(&operated(&format!("{campaign}\ntimeout = '5 min'"), &gone, &[cancel]));
    assert_eq!((ends(&outcome.total()), outcome.ended), ([0, 1_000, 0, 0], Ended::AllFinal));
}

#[test]
fn r09_what_is_to_be_canceled_is_not_tried_again() {
    // The installation goes on and fails: that is the end of it.
    let campaign = "retry = { count = 3, interval = '0 s' }";
    let devices = "at = '100 s'\naction.cancel-devices = ['0', '1', '2']";
    let tally = asked(campaign, "fails.flash = 1.0\npoll.every = '1 h'\n", &[devices]).total();
    // Refused, so that they go on as any other.
    assert_eq!((tally.cancels_refused, tally.attempts[3]), (3, 1_000));
    // With polls the cancel is not heard before the failure. Those that wait for their next try
    // are canceled at once.
    let polls =
        "retry = { count = 3, interval = '0 s' }\ndelivery = 'poll'\ncancel = 'asks-device'";
    let cohort = "download.takes = '60 s'\nfails.flash = 1.0\npoll.every = '1 h'";
    let cancel = "at = '1801 s'\naction.cancel-states = ['in-progress']";
    let tally = run(&operated(&format!("rate = 'unlimited'\n{polls}"), cohort, &[cancel])).total();
    assert_eq!((tally.failed() + tally.canceled(), tally.cancels_refused), (1_000, 0));
    let once = tally.failed() - tally.attempts[1];
    assert!((10..30).contains(&once), "those that loaded then: {once}");
}

#[test]
fn a_run_ends_when_no_device_goes_about_a_task_any_more() {
    let text = case("wrong/late-success");
    let outcome = run(&text);
    assert_eq!((ends(&outcome.total()), runs_at_end(&outcome, "4.5")), ([0, 5, 2, 0], 5));
    assert_eq!((outcome.ended, outcome.under_way), (Ended::AllFinal, 0));
    assert_eq!(outcome.total().late_reports, 5);
    // The campaign is complete with its last task.
    let complete = outcome.campaign.log.last().unwrap();
    assert_eq!((complete.what, complete.at.0 / 60_000_000), ("complete", 50));
    assert_eq!(outcome.end.0 / 60_000_000, 52);
    assert_eq!(run(&(text.clone() + "every_flip = true\n")).end, outcome.end);
    // What is under way at the end of the time is told.
    let cut = run(&text.replace("until = \"2 h\"", "until = \"51 min\""));
    assert_eq!((cut.ended, cut.under_way, cut.total().open()), (Ended::Until, 1, 0));
    assert_eq!(runs_at_end(&cut, "4.5"), 4);
}

#[test]
fn a_device_that_is_gone_for_good_holds_no_run_up() {
    // They load, install or have installed when they leave.
    for flips in [false, true] {
        let campaign = "rate = 'unlimited'\ntimeout = '5 min'";
        let cohort = "download.takes = '5 min'\ninstall.uniform = { from = '0 s', to = '10 min' }\n\
            verify = '1 min'\nleaves.uniform = { from = '1 min', to = '20 min' }";
        let run_table = format!("until = '30 d'\nevery_flip = {flips}");
        let text = scenario(500, campaign, cohort, &run_table);
        let outcome = run(&text);
        assert_eq!((outcome.ended, outcome.under_way), (Ended::AllFinal, 0));
        assert_eq!((outcome.total().open(), outcome.total().succeeded()), (0, 0));
        assert!(outcome.end < Time(17 * 60_000_000), "{}", outcome.end);
        let reported = runs_at_end(&outcome, "2");
        assert!((50..450).contains(&reported), "{reported}");
        assert!(simulate(&load(&text), 3) == outcome);
    }
}

#[test]
fn r01_the_log_shows_the_activation_before_the_start() {
    let text = operated(
        "draft = true\nrate = 'unlimited'",
        "download.takes = '1 s'",
        &["at = '2 h'\naction = 'activate'"],
    );
    let outcome = run(&text);
    let log: Vec<_> = outcome.campaign.log.iter().map(|e| (e.what, e.status)).collect();
    let (scheduled, active) = (CampaignStatus::Scheduled, CampaignStatus::Active);
    assert_eq!(log[..2], [("activate", scheduled), ("start", active)]);
    assert_eq!(outcome.campaign.activated, Some(Time(7_200_000_000)));
    let never = operated(
        "draft = true\nrate = 'unlimited'",
        "download.takes = '1 s'",
        &["at = '2 h'\naction = 'delete'", "at = '3 h'\naction = 'activate'"],
    );
    assert_eq!(run(&never).campaign.activated, None);
}

const POLICY: TaskPolicy = TaskPolicy {
    timeout: Some(Span(60)),
    timeout_from: TimeoutFrom::FirstProgress,
    step: None,
    retry: Some(Retry { count: 2, interval: Span(10), needs_permit: true }),
    asks_to_stop: true,
};

#[test]
fn r08_a_task_stays_as_it_is_until_its_device_has_answered() {
    let (mut task, mut rules) = (Task::default(), TaskRules::new(POLICY));
    rules.of(&mut task, 3).handle(Time(0), Input::Pushed);
    rules.of(&mut task, 3).handle(Time(1), Input::Progress { percent: 0 });
    rules.ask_to_stop(&mut task, 3, Time(20));
    assert_eq!((task.state(), task.next_deadline()), (TaskState::Downloading, Time(20)));
    assert_eq!(rules.of(&mut task, 3).handle(Time(19), Input::Deadline), Effect::Nothing);
    assert_eq!(rules.of(&mut task, 3).handle(Time(20), Input::Deadline), Effect::AskToStop);
    // It is not there: the timeout runs on, and it is asked when it is back.
    assert_eq!(task.next_deadline(), Time(61));
    assert_eq!(rules.of(&mut task, 3).handle(Time(30), Input::Connected), Effect::AskToStop);
    let mut refused = (task, rules.clone());
    rules.of(&mut task, 3).handle(Time(30), Input::Stopped);
    assert_eq!((task.state(), task.next_deadline()), (TaskState::Canceled, Time::NEVER));
    // One that goes on is a task as any other.
    let (task, rules) = (&mut refused.0, &mut refused.1);
    rules.of(task, 3).handle(Time(30), Input::GoesOn);
    assert_eq!((task.state(), task.next_deadline()), (TaskState::Downloading, Time(61)));
    assert_eq!(rules.of(task, 3).handle(Time(31), Input::Connected), Effect::Nothing);
    let flash = Input::Failed(FailureReason::Flash);
    assert_eq!(rules.of(task, 3).handle(Time(40), flash), Effect::RetryAt(Time(50)));
    rules.of(task, 3).handle(Time(61), Input::Deadline);
    assert_eq!(task.state(), TaskState::Failed(FailureReason::Timeout));
}

/// What is expected of a task's alarms, each told by itself.
#[derive(Debug, Default)]
struct Model {
    percent: u8,
    timeout: Option<u64>,
    step: Option<u64>,
    hears: Option<u64>,
    asked: bool,
}

impl Model {
    fn earliest(&self) -> Option<u64> {
        [self.timeout, self.step, self.hears].into_iter().flatten().min()
    }

    /// Takes note of an input and what it did.
    fn hear(&mut self, now: u64, input: Input, changed: bool, task: &Task, step: Option<u64>) {
        let before = self.percent;
        self.percent = match input {
            Input::Pushed => 0,
            Input::Progress { percent } if before < 100 => before.max(percent.min(100)),
            Input::Installing => 100,
            _ => before,
        };
        if input == Input::GoesOn {
            (self.asked, self.hears) = (false, None);
        }
        let progressed = changed || self.percent != before;
        if task.state().is_in_progress() && progressed && input != Input::Pushed {
            self.timeout = self.timeout.or(Some(now + 60));
            self.step = step.map(|step| now + step);
        }
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        3 => Just(Input::Pushed),
        5 => (0u8..=101).prop_map(|percent| Input::Progress { percent }),
        2 => Just(Input::Installing),
        2 => Just(Input::Failed(FailureReason::Flash)),
        1 => Just(Input::TargetVersion),
        2 => Just(Input::Connected),
        1 => Just(Input::GoesOn),
        1 => Just(Input::Stopped),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// One task after the other at the same place.
    #[test]
    fn alarms_are_those_of_the_task_at_hand(
        step in prop::option::of(1u64..40),
        inputs in prop::collection::vec((0u64..20, any_input(), prop::option::of(0u64..30)), 0..80),
    ) {
        let mut rules = TaskRules::new(TaskPolicy { step: step.map(Span), ..POLICY });
        let (mut task, mut model, mut now) = (Task::default(), Model::default(), 0);
        for (gap, input, ask) in inputs {
            now += gap;
            if task.state().is_final() {
                (task, model) = (Task::default(), Model::default());
            }
            if model.earliest().is_some_and(|at| at <= now) {
                let too_long = model.timeout.min(model.step.or(model.timeout));
                let times_out = too_long.is_some_and(|at| at <= now);
                let effect = rules.of(&mut task, 1).handle(Time(now), Input::Deadline);
                let timed_out = task.state() == TaskState::Failed(FailureReason::Timeout);
                prop_assert_eq!(timed_out, times_out);
                prop_assert_eq!(effect == Effect::AskToStop, !times_out);
                model.hears = None;
                continue;
            }
            let before = task.state();
            let effect = rules.of(&mut task, 1).handle(Time(now), input);
            prop_assert_eq!(effect == Effect::AskToStop, model.asked && input == Input::Connected);
            if let Effect::RetryAt(_) = effect {
                prop_assert!(!model.asked, "what is to be canceled is tried again");
                model.step = None;
            }
            model.hear(now, input, task.state() != before, &task, step);
            let is_open = !task.state().is_final() && !task.state().is_waiting();
            if let (Some(after), true) = (ask, is_open) {
                rules.ask_to_stop(&mut task, 1, Time(now + after));
                (model.asked, model.hears) = (true, Some(now + after));
            }
            let earliest = model.earliest().filter(|_| !task.state().is_final());
            prop_assert_eq!(task.next_deadline(), earliest.map_or(Time::NEVER, Time));
        }
    }
}

#[test]
fn each_step_finds_what_the_one_before_has_left() {
    // The campaign is activated and canceled at one instant, where its tasks are made just then.
    let steps =
        ["at = '90 s'\naction = 'activate'", "at = '90 s'\naction.cancel-states = ['queued']"];
    let campaign = "draft = true\nrate = 'unlimited'\ndynamic = 'present-and-later'";
    let outcome = run(&operated(campaign, "download.takes = '1 s'", &steps));
    assert_eq!(ends(&outcome.total()), [0, 0, 1_000, 0]);
}
