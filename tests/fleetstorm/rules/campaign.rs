//! R1 to R10: a campaign's life under an operator's hands.

use fleetstorm::model::{EventRate, Span, Time};
use fleetstorm::scheduler::state::{CampaignError, CampaignStatus, FailureReason, TaskState};
use fleetstorm::scheduler::{
    Action, Campaign, CampaignPolicy, DeviceList, Dispatcher, Lane, Limiter, NotStarted,
    OfflineTurn, Openings, Order, RateChange, Selection, Stages, StateSet, TaskPolicy,
};
use fleetstorm::sim::outcome::{Outcome, Tally};
use proptest::prelude::*;

use super::super::runs::{load, run, scenario, simulate};

/// Always online, one push a second; 60 s of download and 60 s of installation.
const STEADY: &str = "download.takes = '60 s'\ninstall = '60 s'";

/// A scenario of 1,000 devices, with lines for the campaign and the steps of an operator.
pub fn operated(campaign: &str, cohort: &str, steps: &[&str]) -> String {
    let steps: String = steps.iter().map(|step| format!("[[operator]]\n{step}\n")).collect();
    format!("{}{steps}", scenario(1_000, campaign, cohort, "until = '2 d'\nsample_every = '1 s'\n"))
}

fn outcome(campaign: &str, steps: &[&str]) -> Outcome {
    let campaign = format!("rate.constant.rate = '1 /s'\n{campaign}");
    run(&operated(&campaign, STEADY, steps))
}

fn refusals(outcome: &Outcome) -> Vec<&CampaignError> {
    outcome.campaign.log.iter().filter_map(|entry| entry.refused.as_ref()).collect()
}

/// Pushes that left until this second.
fn pushes_until(outcome: &Outcome, second: u64) -> u64 {
    // The series shows what was before its instants.
    let row = outcome.series.times.partition_point(|at| *at < Time((second + 1) * 1_000_000));
    outcome.series.rows[row].pushes
}

fn policy() -> CampaignPolicy {
    CampaignPolicy {
        draft: true,
        start: Time::ZERO,
        finish: Time::NEVER,
        in_flight: None,
        not_started: NotStarted::Failed,
        fails_started: false,
        can_suspend: true,
        confirms: false,
        dynamic: false,
        joins_at_once: false,
        abort: Vec::new(),
        task: TaskPolicy::default(),
    }
}

fn campaign(policy: CampaignPolicy) -> Campaign {
    let list = Selection::new(DeviceList::All(10), None);
    let lanes = vec![Lane::new(list, Openings::default())];
    let rate = EventRate { count: 1, per_us: 1_000_000 };
    let limiter = Limiter::constant(rate, 1);
    let dispatcher = Dispatcher::new(limiter, OfflineTurn::WhenOnline, true, lanes);
    Campaign::new(policy, dispatcher, Stages::One, 10)
}

#[test]
fn r01_only_a_draft_is_edited_or_deleted() {
    let mut draft = campaign(policy());
    let edited = CampaignPolicy { in_flight: Some(5), ..policy() };
    assert_eq!(draft.handle(Time(1), Action::Edit(Box::new(edited.clone()))), Ok(()));
    assert_eq!(draft.handle(Time(2), Action::Suspend), Err(CampaignError::Status(draft.status())));
    assert_eq!(draft.handle(Time(2), Action::Activate), Ok(()));
    assert_eq!(draft.status(), CampaignStatus::Active);
    let edited_policy = Order::SetPolicy(TaskPolicy::default());
    assert_eq!(draft.take_orders(), [edited_policy, Order::Activate]);
    let active = CampaignError::Status(CampaignStatus::Active);
    for action in [Action::Edit(Box::new(edited)), Action::Delete, Action::Activate] {
        assert_eq!(draft.handle(Time(3), action), Err(active.clone()));
        assert_eq!(draft.status(), CampaignStatus::Active);
        assert_eq!(draft.take_orders(), []);
    }
    let mut deleted = campaign(policy());
    assert_eq!(deleted.handle(Time(1), Action::Delete), Ok(()));
    assert_eq!(deleted.status(), CampaignStatus::Deleted);
    assert!(deleted.handle(Time(2), Action::Activate).is_err());
}

#[test]
fn r01_a_draft_does_nothing_until_it_is_activated() {
    let outcome = outcome("draft = true", &["at = '1 h'\naction = 'activate'"]);
    assert_eq!(pushes_until(&outcome, 3_599), 0);
    assert_eq!(outcome.total().succeeded(), 1_000);
    assert_eq!(outcome.end, Time((3_600 + 999 + 120 + 1) * 1_000_000));
    assert_eq!(outcome.campaign.status, CampaignStatus::Completed);
}

#[test]
fn r03_suspended_devices_go_on_the_others_wait() {
    let steps = ["at = '100 s'\naction = 'suspend'", "at = '1000 s'\naction = 'resume'"];
    let outcome = outcome("", &steps);
    assert_eq!(pushes_until(&outcome, 99), 100);
    assert_eq!(pushes_until(&outcome, 999), 100);
    let total = outcome.total();
    // Each of the others is pushed 900 s later than else.
    assert_eq!(total.succeeded(), 1_000);
    assert_eq!(outcome.end, Time((999 + 900 + 120 + 1) * 1_000_000));
    // Those that were pushed before went on in the meantime.
    let at = outcome.series.times.partition_point(|at| *at <= Time(500_000_000)) - 1;
    assert_eq!(outcome.series.rows[at].states[TaskState::Succeeded.index()], 100);
    let suspended = TaskState::ALL.iter().position(|s| s.name() == "queued-suspended").unwrap();
    assert_eq!(outcome.series.rows[at].states[suspended], 900);
}

#[test]
fn r04_terminated_devices_fail_or_are_canceled_and_started_ones_go_on() {
    let steps = ["at = '100 s'\naction = 'terminate'"];
    let failed = outcome("", &steps);
    let total = failed.total();
    assert_eq!((total.succeeded(), total.failed(), total.canceled()), (100, 900, 0));
    assert_eq!(total.failures[FailureReason::Terminated as usize], 900);
    assert_eq!(failed.campaign.status, CampaignStatus::Terminated);
    let canceled = outcome("not_started = 'canceled'", &steps).total();
    assert_eq!((canceled.succeeded(), canceled.failed(), canceled.canceled()), (100, 0, 900));
}

#[test]
fn r05_expiry_ends_what_has_not_started_and_by_a_switch_the_rest() {
    let ends = |campaign: &str| {
        let outcome = outcome(&format!("finish = '100 s'\n{campaign}"), &[]);
        assert_eq!(outcome.campaign.status, CampaignStatus::Expired);
        let total = outcome.total();
        (total.succeeded(), total.failures[FailureReason::Expired as usize], total.canceled())
    };
    assert_eq!(ends(""), (100, 900, 0));
    assert_eq!(ends("not_started = 'canceled'"), (100, 0, 900));
    // None of those that were pushed was finished after 100 s.
    assert_eq!(ends("expiry_fails_started = true"), (0, 1_000, 0));
    assert_eq!(ends("not_started = 'canceled'\nexpiry_fails_started = true"), (0, 100, 900));
}

#[test]
fn r06_a_new_rate_holds_from_the_next_push_and_its_kind_stays() {
    let outcome = outcome(
        "",
        &[
            "at = '100 s'\naction.set-rate.constant.rate = '10 /s'",
            "at = '150 s'\naction.set-rate.fixed-window.pushes = 1",
            "at = '160 s'\naction.set-tags = { ring = 'late', owner = 'me' }",
            "at = '170 s'\naction.set-timeout = '1 h'",
        ],
    );
    // 100 at one per second, then 900 at ten.
    assert_eq!(pushes_until(&outcome, 99), 100);
    assert!((608..=612).contains(&pushes_until(&outcome, 150)));
    assert_eq!(refusals(&outcome), [&CampaignError::RateKind, &CampaignError::StaticCampaign]);
    let tags = [("owner", "me"), ("ring", "late")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(outcome.campaign.tags, tags);
    assert_eq!(outcome.total().succeeded(), 1_000);
}

#[test]
fn r06_a_dynamic_campaign_takes_a_new_timeout() {
    let mut dynamic = campaign(CampaignPolicy { draft: false, dynamic: true, ..policy() });
    let minute = Some(Span::secs(60));
    assert_eq!(dynamic.handle(Time(1), Action::SetTimeout(minute)), Ok(()));
    let policy = TaskPolicy { timeout: minute, ..TaskPolicy::default() };
    assert_eq!(dynamic.take_orders(), [Order::SetPolicy(policy)]);
}

#[test]
fn r07_a_canceled_campaign_cancels_its_tasks_with_or_without_those_in_progress() {
    // After 150 s, 30 are through and 60 + 60 are downloading or installing.
    let ends = |step: &str| {
        let outcome = outcome("", &[step]);
        assert_eq!(outcome.campaign.status, CampaignStatus::Canceled);
        let total = outcome.total();
        assert_eq!(total.failed(), 0);
        (total.succeeded(), total.canceled())
    };
    assert_eq!(ends("at = '150 s'\naction.cancel = {}"), (30, 970));
    assert_eq!(ends("at = '150 s'\naction.cancel.in_progress = false"), (150, 850));
}

#[test]
fn r07_a_dynamic_campaigns_tasks_go_on() {
    let mut dynamic = campaign(CampaignPolicy { draft: false, dynamic: true, ..policy() });
    let cancel = |tasks| Action::Cancel { in_progress: true, tasks };
    assert_eq!(dynamic.handle(Time(1), cancel(false)), Ok(()));
    assert_eq!(dynamic.take_orders(), []);
    assert!(!dynamic.next_push(Time(2), false).is_never());
    let mut dynamic = campaign(CampaignPolicy { draft: false, dynamic: true, ..policy() });
    assert_eq!(dynamic.handle(Time(1), cancel(true)), Ok(()));
    assert!(!dynamic.take_orders().is_empty());
    assert!(dynamic.next_push(Time(2), false).is_never());
}

#[test]
fn r07_the_rate_of_a_dynamic_campaign_goes_on_with_its_tasks() {
    let table = "dynamic = 'present-and-later'\nrate.variable.table = [{ rate = '1 /s' }, \
        { at = '100 s' }, { at = '1000 s', rate = '1 /s' }]";
    let cancel = "[[operator]]\nat = '50 s'\naction.cancel = {}\n";
    let outcome = run(&(scenario(200, table, "download.takes = '0 s'", "") + cancel));
    assert_eq!(outcome.campaign.status, CampaignStatus::Canceled);
    // A hundred in the first 100 s, and a hundred from 1,000 s on.
    assert_eq!(outcome.total().succeeded(), 200);
    assert_eq!(outcome.total().time_to_updated(100_000), Some(Span(1_099_000_000)));
}

#[test]
fn r08_tasks_are_canceled_by_state_or_by_device() {
    let canceled = |step: &str| {
        let outcome = outcome("", &[step]);
        (outcome.total().canceled(), outcome.campaign.log[0].refused.clone())
    };
    // 850 are queued, 60 download, 60 install, 30 are through.
    assert_eq!(canceled("at = '150 s'\naction.cancel-states = ['queued']"), (850, None));
    assert_eq!(canceled("at = '150 s'\naction.cancel-states = ['in-progress']"), (120, None));
    assert_eq!(
        canceled("at = '150 s'\naction.cancel-states = ['scheduled', 'notified']"),
        (0, None)
    );
    let (none, refused) = canceled("at = '150 s'\naction.cancel-states = []");
    assert_eq!((none, refused), (0, Some(CampaignError::NoStates)));
    // The last two have had no turn, one downloads, one is through.
    let four = "at = '150 s'\naction.cancel-devices = ['998', '999', '140', '5']";
    assert_eq!(canceled(four), (3, None));
    let many: Vec<String> = (0..201).map(|n| format!("'{n}'")).collect();
    let many = format!("at = '0 s'\naction.cancel-devices = [{}]", many.join(","));
    assert_eq!(canceled(&many), (0, Some(CampaignError::Devices(201))));
    assert_eq!(
        canceled("at = '0 s'\naction.cancel-devices = []").1,
        Some(CampaignError::Devices(0))
    );
}

#[test]
fn r08_before_the_start_queued_tasks_are_scheduled_ones() {
    let at = |states: &str| {
        let step = format!("at = '10 s'\naction.cancel-states = ['{states}']");
        outcome("start = '1 h'", &[&step]).total().canceled()
    };
    assert_eq!((at("scheduled"), at("queued")), (1_000, 0));
}

#[test]
fn r09_a_task_canceled_by_hand_is_never_retried() {
    let campaign = "retry = { count = 5, interval = '10 min' }";
    let cohort = "download.takes = '60 s'\nfails.flash = 1.0";
    let campaign = format!("rate.constant.rate = '1 /s'\n{campaign}");
    let steps = ["at = '150 s'\naction.cancel-states = ['notified', 'in-progress', 'queued']"];
    let total = run(&operated(&campaign, cohort, &steps)).total();
    // Those that failed once before wait for their retry; that, too, is taken from them.
    assert_eq!((total.canceled(), total.retries), (1_000, 0));
}

#[test]
fn r10_failed_tasks_are_retried_by_hand_while_the_campaign_is_active() {
    let cohort = "download.takes = '60 s'\nfails.flash = 0.5";
    let retry = "at = '1 h'\naction = 'retry-failed'";
    let tally = |campaign: &str, steps: &[&str]| {
        let campaign = format!("rate.constant.rate = '1 /s'\n{campaign}");
        run(&operated(&campaign, cohort, steps))
    };
    let once = tally("", &[]).total();
    // Without an end of validity the campaign is over once all tasks are final.
    let refused = tally("", &[retry]);
    assert_eq!(refused.total().failed(), once.failed());
    assert_eq!(refusals(&refused), [&CampaignError::Status(CampaignStatus::Completed)]);
    let retried = tally("finish = '2 d'", &[retry]).total();
    assert_eq!(retried.reopened, once.failed());
    assert_eq!(retried.retries, once.failed());
    assert!(retried.failed() < once.failed() * 6 / 10 && retried.failed() > once.failed() * 4 / 10);
    // After the end of validity nothing is retried.
    let late = tally("finish = '30 min'", &[retry]);
    assert_eq!(refusals(&late), [&CampaignError::Status(CampaignStatus::Expired)]);
}

#[test]
fn r10_a_device_that_is_retried_is_counted_once() {
    let cohort = "download.takes = '60 s'\nfails.flash = 0.5";
    let steps = [
        "at = '1 h'\naction = 'retry-failed'",
        "when = 'notified > 1000'\naction.set-tags.a = 'too many notified'",
        "when = 'finished > 1000'\naction.set-tags.a = 'too many finished'",
        "when = 'failed > 600'\naction.set-tags.a = 'too many failed'",
    ];
    let campaign = "rate.constant.rate = '1 /s'\nfinish = '2 d'";
    let outcome = run(&operated(campaign, cohort, &steps));
    assert!(outcome.total().reopened > 400);
    assert_eq!(outcome.campaign.steps_left, ["set-tags"; 3]);
    let groups = "stages.groups = { group = [{ percent = 50, success = 0, error = 70 }, \
                  { percent = 50, error = 70 }] }";
    let outcome = run(&operated(&format!("{campaign}\n{groups}"), cohort, &steps[..1]));
    let total = outcome.total();
    assert_eq!((total.reopened > 400, total.open()), (true, 0), "{:?}", outcome.campaign.log);
}

#[test]
fn r10_a_device_on_another_version_is_not_retried() {
    let cohort = "download.takes = '60 s'\nfails = { wrong_version = 0.3, flash = 0.3 }";
    let campaign = "rate.constant.rate = '1 /s'\nfinish = '2 d'\nsource_versions = ['1']";
    let steps = ["at = '1 h'\naction = 'retry-failed'"];
    let once = run(&operated(campaign, cohort, &[])).total();
    let total = run(&operated(campaign, cohort, &steps)).total();
    assert_eq!(total.reopened, once.failures[FailureReason::Flash as usize]);
}

#[test]
fn r10_an_offline_device_is_queued_when_it_returns() {
    let cohort = "download.takes = '60 s'\nfails.download = 1.0\n\
        online.renewal = { on.exponential.mean = '1 h', off.exponential.mean = '1 h' }";
    let campaign = "rate = 'unlimited'\nfinish = '40 h'";
    let steps = ["at = '30 h'\naction.retry-devices = ['1', '2', '3', '4', '5', '6', '7', '8']"];
    let total = run(&operated(campaign, cohort, &steps)).total();
    assert_eq!((total.reopened, total.retries, total.failed()), (8, 8, 1_000));
}

#[test]
fn a_platform_without_suspension_refuses_it() {
    let steps = ["at = '1 s'\naction = 'suspend'", "at = '2 s'\naction = 'terminate'"];
    let outcome = outcome("can_suspend = false", &steps);
    assert_eq!(refusals(&outcome), [&CampaignError::Unsupported; 2]);
    assert_eq!(outcome.total().succeeded(), 1_000);
}

#[test]
fn a_condition_triggers_once_it_holds() {
    let cohort = "download.takes = '60 s'\nfails.flash = 0.5";
    let steps = ["when = 'failed > 100'\naction = 'terminate'"];
    let outcome = run(&operated("rate.constant.rate = '1 /s'", cohort, &steps));
    let flash = outcome.total().failures[FailureReason::Flash as usize];
    // 60 s of pushes are under way when the 101st fails; half of them fail as well.
    assert!((115..150).contains(&flash), "{flash}");
    assert_eq!(outcome.campaign.log.len(), 1);
}

/// Every action, as a line of a step.
const ACTS: [&str; 14] = [
    "'activate'",
    "'delete'",
    "'suspend'",
    "'resume'",
    "'terminate'",
    "'retry-failed'",
    "{ cancel = {} }",
    "{ cancel = { in_progress = false } }",
    "{ cancel-states = ['queued', 'notified'] }",
    "{ cancel-states = ['in-progress'] }",
    "{ cancel-devices = ['3', '77', '150'] }",
    "{ retry-devices = ['3', '77', '150'] }",
    "{ set-rate = { constant = { rate = '5 /min' } } }",
    "{ set-rate = { constant = { rate = '50 /s' } } }",
];

fn totals_are_conserved(tally: &Tally) {
    tally.assert_conserved();
    assert_eq!(
        tally.targeted,
        tally.open() + tally.succeeded() + tally.failed() + tally.canceled()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever operators do, nothing is lost, and threads change nothing. (Debug builds hold
    /// the counts of every boundary against each other.)
    #[test]
    fn random_operators_lose_nothing(
        steps in prop::collection::vec((0usize..ACTS.len(), 0u64..40_000), 0..8),
        every_flip: bool,
        draft: bool,
        course in 0usize..6,
        seed in 0u64..1_000,
    ) {
        let course = [
            "",
            "in_flight = 20",
            "finish = '5 h'",
            "start = '1 h'\nstages.phases = [{ percent = 5 }, { at = '3 h', percent = 100 }]",
            "abort = [{ percent = 20, min_executed = 10, action = 'cancel-all' }]\nmarks = '10 min'",
            "order = 'random'\nwindow = { from = '01:00', to = '03:00' }",
        ][course];
        let campaign = format!(
            "rate.constant = {{ rate = '3 /min', burst = 5 }}\ntimeout = '2 h'\n\
             retry = {{ count = 1, interval = '10 min' }}\ndraft = {draft}\n{course}"
        );
        let cohort = "fails = { flash = 0.2, download = 0.1, bricks = 0.05 }\nnever_returns = 0.05\n\
            download.takes.exponential.mean = '10 min'\ninstall = '5 min'\n\
            online.renewal = { on.exponential.mean = '1 h', off.exponential.mean = '1 h' }";
        let run = format!("until = '2 d'\nevery_flip = {every_flip}\nseed = {seed}\n");
        let steps = super::super::runs::steps(&ACTS, &steps);
        let activate = "[[operator]]\nat = '30000 s'\naction = 'activate'\n";
        let text = format!("{}{steps}{activate}", scenario(200, &campaign, cohort, &run));
        let loaded = load(&text);
        let one = simulate(&loaded, 1);
        totals_are_conserved(&one.total());
        let three = simulate(&loaded, 3);
        let numbers = |outcome: &Outcome| Tally { latencies: Default::default(), ..outcome.total() };
        prop_assert_eq!(numbers(&one), numbers(&three));
        prop_assert!(one == three, "threads change latencies or the series");
    }
}

#[test]
fn a_set_of_states_names_what_it_holds() {
    assert!(StateSet::default().is_empty() && !StateSet::ALL.is_empty());
    assert!(StateSet::ALL.contains(TaskState::Downloaded));
    assert!(!StateSet::ALL.contains(TaskState::Succeeded));
    assert!(!StateSet::NOT_STARTED.contains(TaskState::Notified));
    let change = RateChange::FixedWindow { pushes: 1 };
    assert_eq!(Action::SetRate(change).name(), "set-rate");
}

#[test]
fn r01_a_draft_activated_late_begins_where_its_plan_stands() {
    let steps = ["at = '2 h'\naction = 'activate'"];
    let campaign = "draft = true\nstages.phases = [{ at = '1 h', percent = 100 }]";
    let outcome = outcome(campaign, &steps);
    assert_eq!(outcome.total().succeeded(), 1_000);
    // What is counted from the activation is.
    assert_eq!(outcome.total().time_to_updated(100_000), Some(Span((999 + 120) * 1_000_000)));
}

#[test]
fn r10_a_condition_met_by_the_last_result_is_acted_on() {
    let cohort = "download.takes = '60 s'\nfails.flash = 0.5";
    let campaign = "rate = 'unlimited'\nfinish = '1 d'";
    let steps = ["when = 'failed > 9'\naction = 'retry-failed'"];
    let total = run(&operated(campaign, cohort, &steps)).total();
    assert!(total.reopened > 400, "{}", total.reopened);
}

#[test]
fn r10_who_has_the_target_or_was_refused_is_not_retried() {
    let steps = ["at = '2 h'\naction = 'retry-failed'"];
    // They time out and succeed late: nothing is left to be done for them.
    let campaign = "rate = 'unlimited'\nfinish = '1 d'\ntimeout = '5 min'";
    let late = run(&operated(campaign, "download.takes = '10 min'", &steps)).total();
    assert_eq!((late.failed(), late.reopened), (1_000, 0));
    let campaign = "rate = 'unlimited'\nfinish = '1 d'\nconfirm = true";
    let cohort = "download.takes = '1 s'\nconfirms.refuses = 1.0";
    let refused = run(&operated(campaign, cohort, &steps)).total();
    assert_eq!((refused.failed(), refused.reopened), (1_000, 0));
}

#[test]
fn r10_a_place_in_the_queue_from_before_is_void() {
    // Timed out while it waited for its retry, then queued once more: it takes a slot.
    let campaign = "rate.variable.table = [{ rate = '1 /s' }, { at = '100 s' }, \
        { at = '3 h', rate = '10 /s' }]\nfinish = '2 d'\ntimeout = '30 min'\nin_flight = 1\n\
        retry = { count = 3, interval = '10 s' }";
    let cohort = "download.takes = '5 s'\nfails.flash = 1.0";
    let steps = ["at = '1 h'\naction = 'retry-failed'"];
    let outcome = run(&operated(campaign, cohort, &steps));
    let in_flight = |row: &fleetstorm::sim::outcome::SeriesRow| {
        let open = TaskState::ALL.iter().filter(|s| !s.is_final());
        open.filter(|s| !s.name().starts_with("queued")).map(|s| row.states[s.index()]).sum::<u64>()
    };
    assert_eq!(outcome.series.rows.iter().map(in_flight).max(), Some(1));
}

#[test]
fn a_step_that_never_came_is_reported() {
    let steps = ["when = 'failed > 5'\naction = 'terminate'", "at = '3 d'\naction = 'suspend'"];
    let outcome = outcome("", &steps);
    assert_eq!(outcome.campaign.steps_left, ["suspend", "terminate"]);
    assert_eq!(outcome.total().succeeded(), 1_000);
}

#[test]
fn steps_are_done_in_the_order_of_their_times() {
    let steps = ["at = '10 min'\naction = 'resume'", "at = '5 min'\naction = 'suspend'"];
    assert!(refusals(&outcome("", &steps)).is_empty());
}
