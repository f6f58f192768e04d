//! R18, R19, R28: devices that ask by themselves, users who agree or refuse.

use fleetstorm::model::Time;
use fleetstorm::scheduler::state::{CampaignError, FailureReason, TaskState};
use fleetstorm::sim::outcome::{LatencyKind, Outcome, Tally};
use proptest::prelude::*;

use super::super::runs::{load, run, scenario, simulate, total};
use super::campaign::operated;

const DAILY: &str = "download.takes = '0 s'\npoll.every = '24 h'";

#[test]
fn r18_a_poll_without_a_permit_waits_for_the_next_poll() {
    // One device polls per second; one in ten is served, the others ask again a day later.
    let campaign = "rate.constant.rate = '6 /min'\ndelivery = 'poll'";
    let tally = total(&scenario(86_400, campaign, DAILY, "until = '1 d'"));
    let served = tally.succeeded();
    // 10 s from a permit to the next, and 1 / (1 - 1/e) - 1 = 0.58 ticks to the next poll.
    assert!((8_080..=8_250).contains(&served), "{served}");
    // Nobody waits for a permit: who gets one gets it at its poll.
    assert!(tally.latency(LatencyKind::EligibleToPushed).max().unwrap().0 <= 2_000_000);
}

#[test]
fn r18_jitter_keeps_the_mean_and_spreads_the_polls() {
    // Everybody is offered at once, and fails; retries come at polls.
    let campaign = "rate = 'unlimited'\ndelivery = 'poll'\nin_flight = 1";
    let intervals = |jitter: f64| {
        let cohort =
            format!("download.takes = '40 d'\npoll = {{ every = '1 h', jitter = {jitter} }}");
        // One device is in flight for ever; the others poll in vain.
        let outcome = run(&scenario(200, campaign, &cohort, "until = '10 d'"));
        outcome.events.timers as f64 / 199.0 / 240.0
    };
    for jitter in [0.0, 0.5, 1.0] {
        let polls_per_hour = intervals(jitter);
        assert!((0.98..1.02).contains(&polls_per_hour), "{jitter}: {polls_per_hour}");
    }
}

#[test]
fn r19_tasks_wait_until_their_user_agrees() {
    let campaign = "rate.constant.rate = '10 /s'\nconfirm = true";
    let cohort = "confirms = { after.exponential.mean = '1 h', refuses = 0.2 }\n\
        download.takes = '60 s'";
    let outcome = run(&scenario(10_000, campaign, cohort, "sample_every = '1 h'"));
    let total = outcome.total();
    let rejected = total.failures[FailureReason::Rejected as usize];
    assert!((1_850..2_150).contains(&rejected), "{rejected}");
    assert_eq!(total.succeeded() + rejected, 10_000);
    // Refused before any push.
    assert_eq!(total.attempts[0], total.succeeded());
    let waiting = |row: usize| {
        outcome.series.rows[row].states[TaskState::AwaitingConfirmation.index()] as f64 / 1e4
    };
    assert_eq!(waiting(0), 1.0);
    assert!((waiting(1) - (-1f64).exp()).abs() < 0.02, "{}", waiting(1));
}

#[test]
fn r19_an_operator_confirms_or_cancels_what_waits() {
    let cohort = "confirms.after = '30 d'\ndownload.takes = '60 s'";
    let tally = |step: &str| {
        let campaign = "rate = 'unlimited'\nconfirm = true";
        let outcome = run(&operated(campaign, cohort, &[step]));
        let refused = outcome.campaign.log.iter().find_map(|entry| entry.refused.clone());
        (outcome.total().succeeded(), outcome.total().canceled(), refused)
    };
    let ids = |n: usize| (0..n).map(|i| format!("'{i}'")).collect::<Vec<_>>().join(",");
    let confirm = |n: usize| format!("at = '1 h'\naction.confirm-devices = [{}]", ids(n));
    assert_eq!(tally(&confirm(10)), (10, 0, None));
    assert_eq!(tally(&confirm(11)), (0, 0, Some(CampaignError::Confirmations(11))));
    let cancel = |states: &str| format!("at = '1 h'\naction.cancel-states = ['{states}']");
    assert_eq!(tally(&cancel("queued")), (0, 0, None));
    assert_eq!(tally(&cancel("unconfirmed")), (0, 1_000, None));
}

#[test]
fn r28_a_device_that_refuses_is_rejected_and_not_retried() {
    let campaign = "rate = 'unlimited'\nretry = { count = 3 }";
    for reacts in ["0 s", "10 s"] {
        let cohort = format!("reacts = '{reacts}'\ndownload.takes = '60 s'\nfails.rejects = 0.3");
        let tally = total(&scenario(10_000, campaign, &cohort, ""));
        let rejected = tally.failures[FailureReason::Rejected as usize];
        assert!((2_800..3_200).contains(&rejected), "{rejected}");
        assert_eq!((tally.succeeded(), tally.retries), (10_000 - rejected, 0));
        // It began no download.
        assert_eq!(tally.latency(LatencyKind::PushedToProgress).count(), tally.succeeded());
    }
}

fn numbers(outcome: &Outcome) -> Tally {
    Tally { latencies: Default::default(), ..outcome.total() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Polls, consent and operators together lose nothing, and threads change nothing.
    #[test]
    fn random_polls_and_users_lose_nothing(
        poll: bool,
        confirm: bool,
        every_flip: bool,
        course in 0usize..5,
        steps in prop::collection::vec((0usize..8, 0u64..60_000), 0..5),
        seed in 0u64..1_000,
    ) {
        let course = [
            "rate = 'unlimited'",
            "rate.constant.rate = '2 /min'\nin_flight = 10",
            "rate.constant.rate = '2 /min'\nwindow = { from = '02:00', to = '04:00' }",
            "rate = 'unlimited'\nstages.phases = [{ percent = 20 }, { at = '3 h', percent = 100 }]",
            "rate = 'unlimited'\nabort = [{ percent = 30, min_executed = 20 }]\nfinish = '12 h'",
        ][course];
        let acts = [
            "'suspend'",
            "'resume'",
            "'terminate'",
            "'retry-failed'",
            "{ cancel-states = ['unconfirmed'] }",
            "{ cancel-states = ['queued', 'in-progress'] }",
            "{ confirm-devices = ['3', '77', '150'] }",
            "{ cancel-devices = ['3', '77', '151'] }",
        ];
        let delivery = if poll { "poll" } else { "push" };
        let campaign = format!(
            "{course}\ndelivery = '{delivery}'\nconfirm = {confirm}\ntimeout = '2 h'\n\
             retry = {{ count = 1, interval = '10 min', needs_permit = {confirm} }}"
        );
        let cohort = "poll = { every = '1 h', jitter = 0.2 }\n\
            confirms = { after.exponential.mean = '2 h', refuses = 0.2 }\n\
            fails = { flash = 0.2, bricks = 0.05, rejects = 0.1 }\nnever_returns = 0.05\n\
            download.takes.exponential.mean = '10 min'\ninstall = '5 min'\n\
            online.renewal = { on.exponential.mean = '1 h', off.exponential.mean = '1 h' }";
        let run = format!("until = '2 d'\nevery_flip = {every_flip}\nseed = {seed}\n");
        let steps = super::super::runs::steps(&acts, &steps);
        let loaded = load(&format!("{}{steps}", scenario(200, &campaign, cohort, &run)));
        let one = simulate(&loaded, 1);
        let three = simulate(&loaded, 3);
        prop_assert_eq!(numbers(&one), numbers(&three));
        prop_assert!(one == three, "threads change latencies or the series");
        prop_assert!(one.end <= Time(2 * 86_400_000_000));
    }
}
