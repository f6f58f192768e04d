//! R12, R27: campaigns that take devices as they come, and several of them on one fleet; several
//! packages in one campaign.

use fleetstorm::scheduler::state::{
    CampaignError, CampaignStatus, DeviceStatus, FailureReason, TaskState,
};
use fleetstorm::sim::outcome::{LatencyKind, Outcome, Tally};
use proptest::prelude::*;

use super::super::runs::{load, result_files, run, scenario, simulate, steps};

const QUICK: &str = "download.takes = '10 s'";
const UNLIMITED: &str = "rate = 'unlimited'";

/// A further campaign: version, lines of its campaign, operators' steps.
pub fn rollout(version: &str, campaign: &str, steps: &str) -> String {
    let steps = steps.replace("[[operator]]", "[[rollout.operator]]");
    format!(
        "[[rollout]]\n[rollout.package]\nversion = '{version}'\n\
         [rollout.campaign]\nname = 'second'\n{campaign}\n{steps}"
    )
}

pub fn two(devices: u32, first: &str, cohort: &str, run: &str, second: &str) -> Outcome {
    let text = scenario(devices, first, cohort, run) + second;
    let outcome = simulate(&load(&text), 1);
    assert_eq!(outcome.further.len(), text.matches("[[rollout]]").count());
    outcome
}

/// Targeted, succeeded, failed, canceled, open.
pub fn counts(tally: &Tally) -> [u64; 5] {
    [tally.targeted, tally.succeeded(), tally.failed(), tally.canceled(), tally.open()]
}

pub fn occupied(outcome: &Outcome) -> u64 {
    outcome.total().failures[FailureReason::Occupied as usize]
}

#[test]
fn r12_a_dynamic_campaign_takes_devices_that_are_activated_later() {
    let cohort = "download.takes = '10 s'\njoins.uniform = { from = '1 d', to = '5 d' }";
    let at_3_d = |campaign: &str| {
        let campaign = format!("{UNLIMITED}\nstart = '3 d'\n{campaign}");
        run(&scenario(10_000, &campaign, cohort, "until = '6 d'"))
    };
    let fixed = at_3_d("").total();
    assert_eq!(fixed.targeted, fixed.succeeded());
    assert!((4_700..5_300).contains(&fixed.targeted), "{}", fixed.targeted);
    let present = at_3_d("dynamic = 'present-and-later'");
    assert_eq!(counts(&present.total()), [10_000, 10_000, 0, 0, 0]);
    assert_eq!(present.campaign.status, CampaignStatus::Active);
    let later = at_3_d("dynamic = 'later'").total();
    assert_eq!(later.targeted, 10_000 - fixed.targeted);
    // Devices count from their activation on.
    let devices = |outcome: &Outcome, at: usize| -> u64 {
        let width = outcome.series.version_names.len();
        outcome.series.versions[at * width..(at + 1) * width].iter().sum()
    };
    assert_eq!(devices(&present, 0), 0);
    assert_eq!(devices(&present, present.series.times.len() - 1), 10_000);
}

#[test]
fn r12_a_dynamic_campaign_takes_devices_that_report_a_matching_version_later() {
    let second = |dynamic: &str| {
        let lines = format!("{UNLIMITED}\nsource_versions = ['2']\n{dynamic}");
        rollout("3", &lines, "")
    };
    let first = "rate.constant.rate = '1 /s'";
    for dynamic in ["dynamic = 'present-and-later'", "dynamic = 'later'"] {
        let outcome = two(100, first, QUICK, "", &second(dynamic));
        assert_eq!(counts(&outcome.total()), [100, 100, 0, 0, 0]);
        assert_eq!(counts(&outcome.further[0].total()), [100, 100, 0, 0, 0]);
        assert_eq!(outcome.versions, [("3".to_owned(), 100)]);
    }
    // A static one takes those that match when it starts.
    let outcome = two(100, first, QUICK, "", &second("start = '60 s'"));
    assert_eq!(outcome.further[0].total().targeted, 50);
    assert_eq!(outcome.versions, [("2".to_owned(), 50), ("3".to_owned(), 50)]);
}

#[test]
fn r12_a_device_is_matched_ten_times_at_most() {
    let first = format!("{UNLIMITED}\nsource_versions = ['1']\ndynamic = 'present-and-later'");
    let back = format!("{UNLIMITED}\nsource_versions = ['2']\ndynamic = 'present-and-later'");
    let outcome = two(50, &first, QUICK, "", &rollout("1", &back, ""));
    for outcome in [&outcome, &outcome.further[0]] {
        assert_eq!(counts(&outcome.total()), [500, 500, 0, 0, 0]);
    }
    assert_eq!(outcome.versions, [("1".to_owned(), 50)]);
}

#[test]
fn r12_the_newest_of_several_dynamic_campaigns_wins() {
    let cohort = "download.takes = '10 s'\njoins.uniform = { from = '1 d', to = '5 d' }";
    let dynamic = |start: &str| {
        format!("{UNLIMITED}\ndynamic = 'later'\nsource_versions = ['1']\nstart = '{start}'")
    };
    let share = |first: &str, second: &str| {
        let second = rollout("3", &dynamic(second), "");
        let outcome = two(1_000, &dynamic(first), cohort, "until = '6 d'", &second);
        (outcome.total().targeted, outcome.further[0].total().targeted)
    };
    assert_eq!(share("0 s", "0 s"), (0, 1_000));
    assert_eq!(share("1 h", "0 s"), (1_000, 0));
    let (first, second) = share("0 s", "3 d");
    assert!((450..550).contains(&first), "{first}");
    assert_eq!(second, 1_000 - first);
}

#[test]
fn r12_a_package_has_one_active_dynamic_campaign() {
    let dynamic = format!("{UNLIMITED}\ndynamic = 'present-and-later'");
    let scheduled = rollout("2", &format!("{dynamic}\nstart = '1 h'"), "");
    let cohort = "download.takes = '10 s'\njoins.uniform = { from = '0 s', to = '5 h' }";
    let outcome = two(10, &dynamic, cohort, "until = '1 d'", &scheduled);
    let log = &outcome.further[0].campaign.log;
    assert_eq!(log[0].refused, Some(CampaignError::DynamicExists));
    assert_eq!(outcome.further[0].campaign.status, CampaignStatus::Canceled);
    // A draft can be activated once the other has been canceled.
    let acts = steps(&["'activate'"], &[(0, 60), (0, 7200)]);
    let draft = rollout("2", &format!("{dynamic}\ndraft = true"), &acts);
    let cancel = "[[operator]]\nat = '1 h'\naction.cancel = {}\n";
    let outcome = two(10, &dynamic, cohort, "until = '1 d'", &(cancel.to_owned() + &draft));
    let refused: Vec<bool> =
        outcome.further[0].campaign.log.iter().map(|entry| entry.refused.is_some()).collect();
    assert_eq!(refused, [true, false, false]);
    assert_eq!(outcome.further[0].campaign.status, CampaignStatus::Active);
}

/// A first campaign of one push per second, and a second one half-way that meets it.
pub fn meeting(second: &str) -> Outcome {
    let lines = format!("{UNLIMITED}\nstart = '500 s'\n{second}");
    let first = "rate.constant.rate = '1 /s'";
    let cohort = "reacts = '10 s'\ndownload.takes = '90 s'";
    two(1_000, first, cohort, "", &rollout("3", &lines, ""))
}

#[test]
fn r27_keep_lets_the_second_task_fail_as_occupied() {
    let outcome = meeting("");
    let second = &outcome.further[0];
    assert_eq!(counts(&outcome.total()), [1_000, 1_000, 0, 0, 0]);
    // Those pushed more than 100 s before have finished.
    let taken = second.total().succeeded();
    assert!((400..=401).contains(&taken), "{taken}");
    assert_eq!(occupied(second), 1_000 - taken);
    assert_eq!(second.total().attempts[0], taken);
    assert_eq!(second.series.rows.last().unwrap().occupied, 1_000 - taken);
}

#[test]
fn r27_overwrite_cancels_the_first_task_unless_it_is_in_progress() {
    let outcome = meeting("conflict = 'overwrite'");
    let (first, second) = (outcome.total(), outcome.further[0].total());
    // 10 s without progress, 90 s in progress.
    let in_progress = occupied(&outcome.further[0]);
    assert!((90..=91).contains(&in_progress), "{in_progress}");
    assert_eq!(second.succeeded(), 1_000 - in_progress);
    assert_eq!(first.canceled(), 1_000 - first.succeeded());
    assert!((490..=491).contains(&first.succeeded()), "{}", first.succeeded());
}

#[test]
fn r27_tasks_for_other_modules_may_be_independent() {
    let modules = "[fleet.modules]\nmcu = { '1' = 1.0 }\n";
    let package = "[[rollout]]\n[rollout.package]\nversion = '9'\nmodule = 'mcu'\n";
    let second = |lines: &str| {
        format!("{modules}{package}[rollout.campaign]\nname = 'mcu'\n{UNLIMITED}\n{lines}\n")
    };
    let first = "rate.constant.rate = '1 /s'";
    let together = |lines: &str| two(100, first, QUICK, "", &second(lines)).further[0].total();
    assert_eq!(counts(&together("")), [100, 0, 100, 0, 0]);
    assert_eq!(counts(&together("modules_independent = true")), [100, 100, 0, 0, 0]);
}

#[test]
fn r10_what_failed_as_occupied_is_retried_when_nothing_is_in_the_way() {
    let first = "rate.constant.rate = '1 /s'";
    let retry = "[[operator]]\nat = '50 s'\naction = 'retry-failed'\n\
                 [[operator]]\nat = '10 min'\naction.retry-devices = ['70', '71']\n";
    let second = rollout("3", &format!("{UNLIMITED}\nstart = '30 s'\nfinish = '1 d'"), retry);
    let second = two(100, first, QUICK, "", &second).further.remove(0).total();
    // 20 of them are done with the first after 30 s, 40 after 50 s, all after 10 min.
    assert_eq!((second.reopened, second.succeeded(), second.failed()), (22, 42, 58));
    // Behind phases and groups they have their turn as well.
    for stages in [
        "stages.phases = [{ percent = 50 }, { at = '40 s', percent = 100 }]",
        "stages.groups.group = [{ percent = 50 }, { percent = 50 }]",
    ] {
        let lines = format!("{UNLIMITED}\nstart = '30 s'\nfinish = '1 d'\n{stages}");
        let second = two(100, first, QUICK, "", &rollout("3", &lines, retry));
        assert_eq!(second.further[0].total().succeeded(), 42, "{stages}");
    }
}

#[test]
fn r10_devices_with_several_packages_count_once_when_they_are_retried() {
    let steps = "[[operator]]\nat = '10 min'\naction = 'retry-failed'\n\
                 [[operator]]\nwhen = 'finished > 100'\naction.set-tags.a = 'too many'\n\
                 [[operator]]\nwhen = 'succeeded > 99'\naction.set-tags.b = 'all'\n";
    let lines = format!("{UNLIMITED}\nfinish = '1 d'");
    let second = "[fleet.modules]\nmcu = { '7' = 1.0 }\n".to_owned()
        + &rollout("3", &lines, steps)
        + "[[rollout.packages]]\nmodule = 'mcu'\nversion = '8'\n";
    let text = scenario(100, "rate.constant.rate = '1 /s'", QUICK, "") + &second;
    let outcome = simulate(&load(&text), 1);
    for package in &outcome.further {
        assert_eq!((package.total().reopened, package.total().succeeded()), (100, 100));
    }
    // The two packages of a device end at one instant.
    assert_eq!(outcome.further[0].campaign.steps_left, ["set-tags"]);
}

#[test]
fn r27_a_failed_task_is_not_retried_while_another_campaign_has_the_device() {
    let cohort = "download.takes = '60 s'\nfails.flash = 1.0";
    let retry = "[[operator]]\nat = '10 min'\naction = 'retry-failed'\n";
    let first = format!("{UNLIMITED}\nfinish = '1 d'");
    let alone = run(&(scenario(10, &first, cohort, "") + retry));
    assert_eq!(alone.total().reopened, 10);
    let second = rollout("3", &format!("{UNLIMITED}\nstart = '9 min 30 s'"), "");
    let met = two(10, &first, cohort, "", &(retry.to_owned() + &second));
    assert_eq!(met.total().reopened, 0);
}

/// A campaign of two packages; `order`: "parallel" or "sequence".
fn packages(order: &str, campaign: &str, cohort: &str, more: &str) -> Outcome {
    let first = format!("rate.constant.rate = '1 /s'\nmodules = '{order}'\n{campaign}");
    let text = scenario(100, &first, cohort, "");
    let second = "[[packages]]\nmodule = 'mcu'\nversion = '8'\n";
    let modules = "[fleet.modules]\nmcu = { '7' = 0.8, '8' = 0.2 }\n";
    run(&(text + modules + second + more))
}

#[test]
fn one_push_starts_all_packages_of_a_device() {
    let cohort = "reacts = '1 s'\ndownload.takes = '100 s'";
    for order in ["parallel", "sequence"] {
        let outcome = packages(order, "", cohort, "");
        let (modem, mcu) = (outcome.total(), outcome.further[0].total());
        assert_eq!(counts(&modem), [100, 100, 0, 0, 0]);
        let not_required = mcu.count(TaskState::NotRequired);
        assert_eq!(counts(&mcu)[..2], [100 - not_required, 100 - not_required]);
        assert!((10..30).contains(&not_required), "{not_required}");
        let seconds = |kind| mcu.latency(kind).max().unwrap().as_secs_f64();
        assert!((seconds(LatencyKind::PushedToUpdated) - 101.0).abs() < 1e-6);
        // One permit per device: the last of them leaves after 99 s.
        let last = seconds(LatencyKind::ActivationToUpdated);
        let longest = if order == "parallel" { 99.0 + 101.0 } else { 99.0 + 202.0 };
        assert!(last <= longest + 1e-6 && last > longest - 20.0, "{order}: {last}");
        let status = outcome.campaign.device_status.unwrap();
        assert_eq!(status[DeviceStatus::Upgraded as usize], 100);
        assert_eq!(outcome.further[0].versions, [("8".to_owned(), 100)]);
    }
}

#[test]
fn a_device_fails_with_its_first_failed_package() {
    let cohort = "download.takes = '10 s'\nfails.flash = 0.3";
    let abort = "abort = [{ percent = 100, min_executed = 1000 }]";
    let parallel = packages("parallel", abort, cohort, "");
    let sequence = packages("sequence", abort, cohort, "");
    let failed = parallel.total().failed();
    assert_eq!(failed, sequence.total().failed());
    assert_eq!(parallel.further[0].total().canceled(), 0);
    // Where the first package failed, the second never begins.
    let mcu = sequence.further[0].total();
    assert!(mcu.canceled() > 0 && mcu.canceled() <= failed);
    assert_eq!(mcu.attempts[0], mcu.targeted - mcu.canceled());
    for outcome in [parallel, sequence] {
        let status = outcome.campaign.device_status.unwrap();
        assert_eq!(status.iter().sum::<u64>(), 100);
        let bad = status[DeviceStatus::UpgradeFailed as usize];
        assert!(bad >= failed, "{bad} {failed}");
        assert_eq!(status[DeviceStatus::Upgraded as usize], 100 - bad);
    }
}

#[test]
fn abort_rules_count_devices_not_packages() {
    // Half of the devices fail with one package or both.
    let cohort = "download.takes = '10 s'\nfails.flash = 0.3";
    let abort = "abort = [{ percent = 30, min_executed = 20 }]";
    let outcome = packages("parallel", abort, cohort, "");
    let met = outcome.campaign.aborts[0].abort;
    assert_eq!(met.met_counts.finished(), 20);
    assert_eq!(met.met_counts.total, 100);
    assert!(met.acted_counts.notified <= 31, "{}", met.acted_counts.notified);
}

#[test]
fn devices_that_have_begun_go_on_with_their_other_packages() {
    let cohort = "download.takes = '100 s'";
    let terminate = "[[operator]]\nat = '50 s'\naction = 'terminate'\n";
    let outcome = packages("sequence", "", cohort, terminate);
    assert_eq!(outcome.total().succeeded(), 50);
    let mcu = outcome.further[0].total();
    assert_eq!(mcu.succeeded() + mcu.failed(), mcu.targeted);
    assert!((30..=50).contains(&mcu.succeeded()), "{}", mcu.succeeded());
    let cancel = "[[operator]]\nat = '50 s'\naction.cancel = {}\n";
    let outcome = packages("sequence", "", cohort, cancel);
    assert_eq!(outcome.total().canceled(), 100);
    assert_eq!(outcome.further[0].total().canceled(), outcome.further[0].total().targeted);
}

#[test]
fn a_refusal_ends_all_packages() {
    let cohort = "download.takes = '10 s'\nconfirms = { after = '1 min', refuses = 0.5 }";
    for order in ["parallel", "sequence"] {
        let outcome = packages(order, "confirm = true", cohort, "");
        let (modem, mcu) = (outcome.total(), outcome.further[0].total());
        assert!(modem.failed() > 30 && mcu.failed() + mcu.canceled() > 20);
        assert_eq!((modem.open(), mcu.open()), (0, 0));
        assert_eq!(mcu.attempts[0], mcu.succeeded());
    }
}

fn campaign_lines() -> impl Strategy<Value = String> {
    let rate = prop::sample::select(vec!["'unlimited'", "{ constant = { rate = '2 /s' } }"]);
    let start = prop::sample::select(vec!["0 s", "90 s", "200 s"]);
    let conflict = prop::sample::select(vec!["keep", "overwrite", "queue", "queue", "supersede"]);
    let extra = prop::sample::subsequence(
        vec![
            "modules = 'sequence'",
            "modules_independent = true",
            "confirm = true",
            "in_flight = 20",
            "finish = '5000 s'",
            "not_started = 'canceled'",
            "offline = 'store-and-forward'",
            "retry = { count = 1, interval = '30 s' }",
            "timeout = '3 min'",
            "joiners = 'at-once'",
            "window = { from = '09:00', to = '08:50', clock = 'device' }",
            "abort = [{ percent = 20, min_executed = 20, action = 'suspend' }]",
        ],
        0..6,
    );
    let kind = prop::sample::select(vec![
        "dynamic = 'present-and-later'",
        "dynamic = 'later'",
        "select.percent = 40.0",
        "stages.phases = [{ percent = 30.0 }, { at = '300 s', percent = 100.0 }]",
        "order = 'random'",
        "stages.groups.group = [{ percent = 40, success = 10, error = 80 }, { percent = 20, success = 20 }, { percent = 40 }]",
        "stages.groups = { of = 'finished', group = [{ percent = 40, success = 30, error = 80 }, { percent = 60 }] }\nmarks = '30 s'",
        "dynamic = 'present-and-later'\norder = 'cohort'",
        "",
    ]);
    (rate, start, conflict, extra, kind).prop_map(|(rate, start, conflict, extra, kind)| {
        let extra = extra.join("\n");
        format!("rate = {rate}\nstart = '{start}'\nconflict = '{conflict}'\n{kind}\n{extra}")
    })
}

const ACTS: [&str; 7] = [
    "'suspend'",
    "'resume'",
    "'retry-failed'",
    "'terminate'",
    "{ cancel = {} }",
    "{ cancel-states = ['queued', 'notified'] }",
    "{ cancel-devices = ['1', '2', '3'] }",
];

pub fn several() -> impl Strategy<Value = String> {
    let operators = prop::collection::vec((0..ACTS.len(), 1u64..1_000), 0..4);
    let campaigns = prop::collection::vec((campaign_lines(), operators, any::<bool>()), 2..4);
    let tick = prop::sample::select(vec!["1 s", "1 s", "30 s"]);
    let whole = (campaigns, any::<bool>(), any::<bool>(), any::<u32>(), tick);
    whole.prop_map(|(campaigns, joins, packages, seed, tick)| {
        let joins = if joins { "joins.uniform = { from = '0 s', to = '500 s' }" } else { "" };
        let cohort = format!(
            "online.renewal = {{ on.exponential.mean = '5 min', off.exponential.mean = '3 min' }}\n\
             reacts = '5 s'\ndownload.takes = '30 s'\ninstall.exponential.mean = '20 s'\n\
             fails = {{ flash = 0.2, bricks = 0.02, wrong_version = 0.05 }}\n\
             confirms = {{ after.exponential.mean = '60 s', refuses = 0.1 }}\n{joins}"
        );
        let run = format!("seed = {seed}\ntick = '{tick}'\nuntil = '6000 s'");
        let (lines, operators, _) = &campaigns[0];
        let east = "[[fleet.cohort]]\nname = 'east'\nshare = 0.5\ntimezone = 'Asia/Tokyo'\n";
        let mut text = scenario(60, lines, &cohort, &run)
            .replace("share = 1.0", "share = 0.5")
            .replace("[run]", &format!("{east}{cohort}\n[run]"))
            + &steps(&ACTS, operators);
        text += "[fleet.modules]\nmcu = { '7' = 0.8, '8' = 0.2 }\n";
        if packages {
            text += "[[packages]]\nmodule = 'mcu'\nversion = '8'\n";
        }
        for (version, (lines, operators, mcu)) in (3..).zip(&campaigns[1..]) {
            text += &rollout(&version.to_string(), lines, &steps(&ACTS, operators));
            if *mcu {
                text += &format!("[[rollout.packages]]\nmodule = 'mcu'\nversion = '1{version}'\n");
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Conservation is asserted at every boundary and at the end of each run.
    #[test]
    fn several_campaigns_do_not_depend_on_threads(text in several()) {
        let loaded = load(&text);
        let one = simulate(&loaded, 1);
        for threads in [2, 3] {
            let more = simulate(&loaded, threads);
            prop_assert!(result_files(&loaded, &one) == result_files(&loaded, &more), "{text}");
        }
        for outcome in std::iter::once(&one).chain(&one.further) {
            let devices: u64 = outcome.versions.iter().map(|(_, n)| n).sum();
            prop_assert!(devices <= 60);
        }
    }
}
