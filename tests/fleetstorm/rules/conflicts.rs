//! R12, R27: who joins later and where, tasks that wait for another campaign's, and what a device
//! runs in the end.

use fleetstorm::model::{DeviceId, Span};
use fleetstorm::scenario::{Loaded, load_text};
use fleetstorm::scheduler::state::{QueueCause, TaskState};
use fleetstorm::sim::outcome::{LatencyKind, Outcome, Tally};

use super::super::runs::{load, result_files, scenario, simulate, simulate_with};
use super::meeting::{counts, meeting, occupied, rollout, two};

const QUICK: &str = "download.takes = '10 s'";
const UNLIMITED: &str = "rate = 'unlimited'";
/// Done just before a boundary.
const LONG: &str = "download.takes = '99.5 s'";
const JOINERS: &str = include_str!("../../cases/wrong/joiners-of-a-continuous-job.toml");
const SECOND: &str = include_str!("../../cases/wrong/second-deployment-waits.toml");
const ATTEMPTS: &str = include_str!("../../cases/wrong/two-attempts-in-one-tick.toml");

fn longest(tally: &Tally, kind: LatencyKind) -> Span {
    tally.latency(kind).max().expect("somebody was pushed")
}

/// From the match to the push, at most.
fn waited(tally: &Tally) -> Span {
    longest(tally, LatencyKind::EligibleToPushed)
}

/// Both campaigns of a scenario have updated these many devices, and no other task is left.
fn assert_all_updated(outcome: &Outcome, devices: u64) {
    for outcome in std::iter::once(outcome).chain(&outcome.further) {
        assert_eq!(counts(&outcome.total()), [devices, devices, 0, 0, 0]);
    }
}

#[test]
fn r12_joiners_of_a_cohort_have_their_turn_at_the_end_of_its_part() {
    let text = include_str!("../../cases/panics/dynamic-by-cohort.toml");
    assert_all_updated(&simulate(&load(text), 1), 100);
    // At one push a minute, who joins after half an hour goes before all of the second cohort.
    let text = text
        .replace("joins.uniform = { from = '0 s', to = '1 h' }", "joins = '30 min'")
        .replace("joins.uniform = { from = \"0 s\", to = \"1 h\" }", "joins = '30 min'")
        .replace("rate = \"unlimited\"", "rate.constant.rate = '1 /min'");
    let outcome = simulate(&load(&text), 1);
    let [first, second] = [0, 1].map(|at| &outcome.cohorts[at].tally);
    assert_eq!(first.targeted + second.targeted, 100);
    // The first of them joins within the tick in which another permit has left.
    assert_eq!(waited(first), Span::secs(60 * first.targeted));
    assert_eq!(longest(second, LatencyKind::ActivationToUpdated), Span::secs(60 * 99 + 60));
}

/// A dynamic campaign on devices listed with a zone of their own, some of whom join.
fn zoned_inventory(campaign: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let zones = ["Asia/Tokyo", "", "Europe/Berlin", "America/Lima"];
    let cohort = |id: usize| if id.is_multiple_of(3) { "later" } else { "now" };
    let row = |id: usize| format!("d{id},1,{},{}\n", cohort(id), zones[id % 4]);
    let rows: String = (0..200).map(row).collect();
    std::fs::write(
        folder.path().join("fleet.csv"),
        format!("device,version,cohort,timezone\n{rows}"),
    )
    .unwrap();
    let text = format!(
        "format = 1\npackage.version = '2'\n[campaign]\nname = 'c'\n{campaign}\n\
         [fleet]\ninventory = 'fleet.csv'\n\
         [[fleet.cohort]]\nname = 'now'\n{QUICK}\n\
         [[fleet.cohort]]\nname = 'later'\n{QUICK}\njoins.uniform = {{ from = '0 s', to = '3 d' }}\n"
    );
    load_text("t.toml", &text, folder.path(), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn r12_a_dynamic_campaign_takes_joiners_in_every_order() {
    let window = "window = { from = '02:00', to = '05:00', clock = 'device' }";
    for lines in [
        "order = 'random'",
        "order = 'cohort'",
        "order = 'eligible'",
        window,
        &format!("order = 'cohort'\n{window}"),
        &format!("order = 'random'\n{window}\njoiners = 'at-once'"),
    ] {
        for dynamic in ["present-and-later", "later"] {
            let campaign = format!("rate.constant.rate = '1 /min'\ndynamic = '{dynamic}'\n{lines}");
            let loaded = zoned_inventory(&campaign);
            let outcome = simulate(&loaded, 1);
            let targeted = if dynamic == "later" { 67 } else { 200 };
            assert_eq!(counts(&outcome.total()), [targeted, targeted, 0, 0, 0], "{lines}");
            assert_eq!(simulate(&loaded, 3), outcome);
        }
    }
}

#[test]
fn r10_what_failed_as_occupied_is_retried_in_its_own_window() {
    let text = include_str!("../../cases/panics/occupied-retried-on-device-clock.toml");
    let outcome = simulate(&load(text), 1);
    let second = &outcome.further[0];
    assert_eq!(second.total().reopened, 100);
    assert_eq!(counts(&second.total()), [100, 100, 0, 0, 0]);
    // From 03:00 to 04:00 on their own clocks: after 2 h in Berlin, after 3 h elsewhere.
    let text = text.replace("\"00:00\", to = \"23:00\"", "\"03:00\", to = \"04:00\"");
    let outcome = simulate(&load(&text), 1);
    let [berlin, elsewhere] = [0, 1].map(|at| &outcome.further[0].cohorts[at].tally);
    for (tally, hours) in [(berlin, 2), (elsewhere, 3)] {
        assert!(tally.succeeded() > 40);
        let updated = longest(tally, LatencyKind::ActivationToUpdated);
        // It began after 5 min and loads for 20 min.
        assert_eq!(updated, Span::secs(hours * 3600 + 15 * 60));
    }
}

#[test]
fn r12_the_rate_holds_for_joiners_unless_they_go_at_once() {
    let at_once = simulate(&load(JOINERS), 1);
    let [present, joins] = [0, 1].map(|at| &at_once.cohorts[at].tally);
    assert_eq!((present.targeted, joins.targeted), (1_000, 50));
    // They join after 10 min, and are eligible from then on.
    assert_eq!(longest(joins, LatencyKind::ActivationToUpdated), Span::secs(10 * 60 + 1));
    assert_eq!(waited(joins), Span::ZERO);
    assert_eq!(waited(present), Span::secs(6 * 999));
    let in_turn = JOINERS.replace("rate.constant", "joiners = 'in-turn'\nrate.constant");
    let in_turn = simulate(&load(&in_turn), 1);
    assert_eq!(waited(&in_turn.cohorts[1].tally), Span::secs(6 * 1_049 - 600));
}

/// 100 devices of which half join after 10 min, with these rules, devices and steps.
fn half_joins(campaign: &str, cohort: &str, steps: &str) -> [Tally; 2] {
    let campaign = format!("dynamic = 'present-and-later'\njoiners = 'at-once'\n{campaign}");
    let cohort = format!("{QUICK}\n{cohort}");
    let joins =
        format!("[[fleet.cohort]]\nname = 'joins'\nshare = 0.5\njoins = '10 min'\n{cohort}\n[run]");
    let text = scenario(100, &campaign, &cohort, "until = '1 d'")
        .replace("share = 1.0", "share = 0.5")
        .replace("[run]", &joins);
    let loaded = load(&(text + steps));
    let outcome = simulate(&loaded, 1);
    assert_eq!(simulate(&loaded, 3), outcome);
    [0, 1].map(|at| outcome.cohorts[at].tally.clone())
}

/// From the activation to the last update; everybody is updated.
fn all_updated(tally: &Tally) -> Span {
    assert_eq!(tally.succeeded(), tally.targeted);
    assert!(tally.targeted > 40);
    longest(tally, LatencyKind::ActivationToUpdated)
}

#[test]
fn r12_windows_marks_suspensions_and_the_cap_hold_for_joiners_at_once() {
    let rate = "rate.constant.rate = '1 /min'";
    let updated = |lines: &str, steps: &str| {
        let [_, joins] = half_joins(&format!("{rate}\n{lines}"), "", steps);
        all_updated(&joins)
    };
    // They join just at a boundary, and come online in the tick that begins there.
    assert_eq!(updated("", ""), Span::secs(611));
    assert_eq!(updated("window = { from = '05:00', to = '06:00' }", ""), Span::secs(18_010));
    assert_eq!(updated("marks = '15 min'", ""), Span::secs(910));
    // With two in flight at a time, most of them wait for the others.
    assert!(updated("in_flight = 2", "") > Span::secs(600 + 20 * 10));
    let steps = "[[operator]]\nat = '5 min'\naction = 'suspend'\n\
                 [[operator]]\nat = '2 h'\naction = 'resume'\n";
    assert_eq!(updated("", steps), Span::secs(7210));
    // Canceled while they waited, they are not pushed.
    let cancel = steps.to_owned() + "[[operator]]\nat = '1 h'\naction.cancel-states = ['queued']\n";
    let [present, joins] = half_joins(rate, "", &cancel);
    assert_eq!((present.succeeded(), joins.canceled()), (5, joins.targeted));
    let devices = "[[operator]]\nat = '1 h'\naction.cancel-devices = ['0', '1', '2', '3', '4']\n";
    let [present, joins] = half_joins(rate, "", &(steps.to_owned() + devices));
    assert_eq!(present.open() + joins.open(), 0);
    assert!(joins.canceled() > 0, "{}", joins.canceled());
}

#[test]
fn r12_joiners_at_once_that_are_offline_or_ask_need_no_permit_either() {
    let never = "rate.constant.rate = '1 /h'";
    let off = "online.renewal = { on = '1 min', off = '5 min' }";
    let [_, joins] = half_joins(never, off, "");
    assert_eq!(all_updated(&joins), Span::secs(611));
    let window = "window = { from = '00:13', to = '23:00' }";
    let [_, joins] = half_joins(&format!("{never}\n{window}"), off, "");
    // Away from the 11th to the 16th minute.
    assert_eq!(all_updated(&joins), Span::secs(16 * 60 + 11));
    let polls = "confirms = { after = '1 min' }\npoll = { every = '10 min' }";
    let [_, joins] = half_joins(&format!("{never}\ndelivery = 'poll'"), polls, "");
    assert!(all_updated(&joins) <= Span::secs(1212));
    let [_, joins] = half_joins(&format!("{never}\nconfirm = true"), polls, "");
    assert!(all_updated(&joins) <= Span::secs(672));
}

#[test]
fn r12_a_device_is_eligible_from_its_match_on() {
    let cohort = "download.takes = '10 s'\njoins.uniform = { from = '1 h', to = '20 h' }";
    let lines = format!("{UNLIMITED}\ndynamic = 'present-and-later'");
    let outcome = simulate(&load(&scenario(100, &lines, cohort, "until = '1 d'")), 1);
    assert!(waited(&outcome.total()) < Span::secs(1));
    // So is one that reports a version it matches with.
    let lines = format!("{UNLIMITED}\nsource_versions = ['2']\ndynamic = 'later'");
    let outcome = two(100, "rate.constant.rate = '1 /min'", QUICK, "", &rollout("3", &lines, ""));
    assert_all_updated(&outcome, 100);
    assert!(waited(&outcome.further[0].total()) <= Span::secs(1));
}

/// The case of a second deployment, under the profile.
fn second_deployment(profile: &str) -> Outcome {
    let text = SECOND.replace("\"mender\"", &format!("\"{profile}\""));
    let polls = profile == "hawkbit" || profile == "mender";
    let text = if polls { text } else { text.replace("poll = { every = \"30 min\" }", "") };
    let loaded = load(&text);
    let outcome = simulate(&loaded, 1);
    for threads in [2, 3, 8] {
        assert_eq!(simulate(&loaded, threads), outcome, "{profile} on {threads} threads");
    }
    outcome
}

#[test]
fn r27_platforms_install_one_deployment_after_the_other() {
    for profile in ["mender", "aws-iot-jobs", "hawkbit", "azure-device-update"] {
        let outcome = second_deployment(profile);
        let [first, second] = [&outcome, &outcome.further[0]].map(Outcome::total);
        assert_eq!(counts(&second), [1_000, 1_000, 0, 0, 0], "{profile}");
        assert_eq!(outcome.versions, [("2.0.1".to_owned(), 1_000)], "{profile}");
        assert_eq!((first.failed(), first.open()), (0, 0), "{profile}");
        // Where the second replaces the first, the first goes on where it is in progress only.
        let replaces = profile == "hawkbit" || profile == "azure-device-update";
        assert_eq!(first.canceled() > 300, replaces, "{profile}: {}", first.canceled());
        assert_eq!(first.succeeded(), 1_000 - first.canceled(), "{profile}");
    }
}

#[test]
fn r27_queue_lets_the_second_task_wait_for_its_turn() {
    let outcome = meeting("conflict = 'queue'");
    assert_all_updated(&outcome, 1_000);
    let second = &outcome.further[0];
    // Each takes 100 s. That the first is done is heard of at the next boundary.
    let last = longest(&second.total(), LatencyKind::ActivationToUpdated);
    assert_eq!(last, Span::secs(999 + 100 + 1 + 100 - 500));
    assert_eq!(waited(&second.total()), Span::secs(1));
    // Those that wait are told apart from those that wait for the rate.
    let waiting = TaskState::Queued(QueueCause::Scheduled).index();
    let most = second.series.rows.iter().map(|row| row.states[waiting]).max().unwrap();
    assert!((590..=600).contains(&most), "{most}");
    // Its own rate holds, in the order in which devices become free.
    let slow = "rate.constant.rate = '1 /min'\nstart = '500 s'\nconflict = 'queue'";
    let cohort = "reacts = '10 s'\ndownload.takes = '90 s'";
    let slow = two(1_000, "rate.constant.rate = '1 /s'", cohort, "", &rollout("3", slow, ""));
    assert_all_updated(&slow, 1_000);
    let last = longest(&slow.further[0].total(), LatencyKind::ActivationToUpdated);
    assert_eq!(last, Span::secs(60 * 999 + 100));
}

#[test]
fn r27_supersede_cancels_what_has_not_begun_and_waits_for_the_rest() {
    let outcome = meeting("conflict = 'supersede'");
    let (first, second) = (outcome.total(), outcome.further[0].total());
    assert_eq!(counts(&second), [1_000, 1_000, 0, 0, 0]);
    assert_eq!(occupied(&outcome.further[0]), 0);
    assert_eq!(first.succeeded() + first.canceled(), 1_000);
    assert!((490..=491).contains(&first.succeeded()), "{}", first.succeeded());
    assert_eq!(outcome.versions, [("3".to_owned(), 1_000)]);
}

/// When each device had its n-th push, in seconds, by a log of every one.
fn pushes(text: &str, devices: u32) -> Vec<Vec<f64>> {
    let loaded = load(text);
    let log = |device: u32| {
        let outcome = simulate_with(&loaded, 1, Some(DeviceId(device)));
        let all = std::iter::once(&outcome).chain(&outcome.further);
        let pushed = all.flat_map(|outcome| &outcome.trace).filter(|e| e.event == "pushed");
        pushed.map(|entry| entry.at.as_secs_f64()).collect()
    };
    (0..devices).map(log).collect()
}

#[test]
fn r27_of_several_tasks_that_wait_the_oldest_comes_first() {
    let queue = |start: &str| format!("{UNLIMITED}\nstart = '{start}'\nconflict = 'queue'");
    let text = scenario(5, UNLIMITED, LONG, "")
        + &rollout("5", &queue("60 s"), "")
        + &rollout("4", &queue("20 s"), "")
        + &rollout("3", &queue("20 s"), "");
    let outcome = simulate(&load(&text), 1);
    assert_all_updated(&outcome, 5);
    assert_eq!(outcome.versions, [("5".to_owned(), 5)]);
    for pushed in pushes(&text, 5) {
        assert_eq!(pushed, [0.0, 300.0, 100.0, 200.0]);
    }
    // Without waiting ones that are canceled.
    let cancel = "[[operator]]\nat = '30 s'\naction.cancel = {}\n";
    let text = scenario(5, UNLIMITED, LONG, "")
        + &rollout("5", &queue("60 s"), "")
        + &rollout("4", &queue("20 s"), cancel);
    let outcome = simulate(&load(&text), 1);
    assert_eq!(counts(&outcome.further[1].total()), [5, 0, 0, 5, 0]);
    assert_eq!(outcome.further[0].total().succeeded(), 5);
    for pushed in pushes(&text, 5) {
        assert_eq!(pushed, [0.0, 100.0]);
    }
}

#[test]
fn r27_who_has_the_target_when_it_is_free_needs_no_task() {
    // Both campaigns bring the same version.
    let queue = format!("{UNLIMITED}\nstart = '10 s'\nconflict = 'queue'");
    let cohort = "download.takes = '100 s'\nfails.flash = 0.3";
    for lines in [&queue, &format!("{queue}\nmarks = '1 h'"), &format!("{queue}\nconfirm = true")] {
        let outcome = two(1_000, UNLIMITED, cohort, "", &rollout("2", lines, ""));
        let (first, second) = (outcome.total(), outcome.further[0].total());
        assert!((250..350).contains(&first.failed()), "{}", first.failed());
        assert_eq!(second.targeted, first.failed());
        assert_eq!(second.count(TaskState::NotRequired), first.succeeded());
        assert_eq!(second.succeeded() + second.failed(), second.targeted);
    }
    // The abort rule's percentage is of those that need it: below 100 failed of 1000.
    let abort = format!("{queue}\nabort = [{{ percent = 25, of = 'total' }}]");
    let outcome = two(1_000, UNLIMITED, cohort, "", &rollout("2", &abort, ""));
    assert_eq!(outcome.further[0].campaign.aborts.len(), 1);
    // Groups of devices of which many need nothing go on.
    let groups = format!(
        "{queue}\nstages.groups.group = [{{ percent = 50, success = 60, error = 90 }}, {{ percent = 50 }}]"
    );
    let outcome = two(1_000, UNLIMITED, cohort, "", &rollout("2", &groups, ""));
    assert_eq!(outcome.further[0].total().open(), 0);
}

#[test]
fn r27_a_task_whose_device_does_not_match_when_it_is_free_is_canceled() {
    let lines = format!("{UNLIMITED}\nstart = '10 s'\nconflict = 'queue'\nsource_versions = ['1']");
    let cohort = "download.takes = '100 s'\nfails.flash = 0.3";
    let outcome = two(1_000, UNLIMITED, cohort, "", &rollout("3", &lines, ""));
    let (first, second) = (outcome.total(), outcome.further[0].total());
    assert_eq!(second.canceled(), first.succeeded());
    assert_eq!(second.attempts[0], first.failed());
    assert_eq!(second.targeted, 1_000);
}

#[test]
fn r27_what_waits_ends_as_what_has_not_started() {
    let with = |more: &str, steps: &str| {
        let lines = format!("{UNLIMITED}\nstart = '10 s'\nconflict = 'queue'\n{more}");
        let steps = rollout("3", &lines, steps);
        two(100, UNLIMITED, "download.takes = '100 s'", "", &steps).further.remove(0)
    };
    let step = |action: &str| format!("[[operator]]\nat = '50 s'\naction{action}\n");
    let ends = [
        ("", step(" = 'terminate'"), [0, 100, 0]),
        ("not_started = 'canceled'", step(" = 'terminate'"), [0, 0, 100]),
        ("", step(".cancel = {}"), [0, 0, 100]),
        ("", step(".cancel-states = ['queued']"), [0, 0, 100]),
        ("", step(".cancel-states = ['scheduled', 'notified']"), [100, 0, 0]),
        ("", step(".cancel-devices = ['1', '2', '3']"), [97, 0, 3]),
        ("finish = '60 s'", String::new(), [0, 100, 0]),
        ("finish = '60 s'\nconfirm = true", String::new(), [0, 100, 0]),
        // Before its turn, in a phase that is to come, as well.
        (
            "stages.phases = [{ at = '1 h', percent = 100 }]",
            step(".cancel-devices = ['1', '2', '3']"),
            [97, 0, 3],
        ),
        ("", step(" = 'suspend'"), [0, 0, 0]),
    ];
    for (more, steps, expected) in ends {
        let tally = with(more, &steps).total();
        let found = [tally.succeeded(), tally.failed(), tally.canceled()];
        assert_eq!(found, expected, "{more} {steps}");
        assert_eq!(tally.targeted, 100);
    }
}

#[test]
fn r27_what_waits_keeps_stages_windows_and_permits() {
    let with = |more: &str| {
        let lines = format!("start = '10 s'\nconflict = 'queue'\n{more}");
        let outcome = two(100, UNLIMITED, LONG, "", &rollout("3", &lines, ""));
        assert_all_updated(&outcome, 100);
        // Since the run began.
        let last = longest(&outcome.further[0].total(), LatencyKind::ActivationToUpdated);
        last.as_secs_f64() + 10.0
    };
    let unlimited = |more: &str| with(&format!("{UNLIMITED}\n{more}"));
    assert_eq!(unlimited(""), 199.5);
    assert_eq!(
        unlimited("stages.phases = [{ percent = 50 }, { at = '1 h', percent = 100 }]"),
        3699.5
    );
    assert_eq!(unlimited("window = { from = '05:00', to = '06:00' }"), 5.0 * 3600.0 + 99.5);
    assert_eq!(with("rate.constant.rate = '1 /s'"), 199.5 + 99.0);
    assert_eq!(unlimited("order = 'eligible'"), 199.5);
    assert_eq!(unlimited("order = 'random'"), 199.5);
    // The user is asked once the device is free.
    assert_eq!(unlimited("confirm = true"), 200.5);
}

#[test]
fn r27_several_packages_wait_and_go_together() {
    let modules = "[fleet.modules]\nmcu = { '7' = 1.0 }\n";
    let second = "[[rollout.packages]]\nmodule = 'mcu'\nversion = '8'\n";
    for order in ["parallel", "sequence"] {
        let lines = format!("{UNLIMITED}\nstart = '10 s'\nconflict = 'queue'\nmodules = '{order}'");
        let with = |version: &str| {
            let text = scenario(100, UNLIMITED, LONG, "") + modules;
            simulate(&load(&(text + &rollout(version, &lines, "") + second)), 1)
        };
        let outcome = with("3");
        assert_eq!(outcome.further.len(), 2);
        assert_all_updated(&outcome, 100);
        // Of the version that the first campaign brings, the other package alone is left.
        let outcome = with("2");
        let [same, other] = [0, 1].map(|at| outcome.further[at].total());
        assert_eq!((same.targeted, same.count(TaskState::NotRequired)), (0, 100), "{order}");
        assert_eq!(counts(&other), [100, 100, 0, 0, 0], "{order}");
    }
}

#[test]
fn a_device_runs_what_it_installed_last_in_time() {
    let at = |tick: &str| {
        let text = ATTEMPTS.replace("[run]", &format!("[run]\ntick = '{tick}'"));
        simulate(&load(&text), 2).versions
    };
    let second = at("1 s");
    // The share whose first installation ends last is (35 / 40)^2 / 2: 766 of 2000.
    let (version, devices) = &second[0];
    assert_eq!(version, "2");
    assert!(devices.abs_diff(766) <= 4 * 22, "{devices}");
    for tick in ["50 ms", "1 min", "5 min"] {
        assert_eq!(at(tick), second, "{tick}");
    }
    // Device by device, by its log.
    let loaded = load(
        &ATTEMPTS
            .replace("devices = 2000", "devices = 60")
            .replace("[run]", "[run]\ntick = '5 min'"),
    );
    let whole = simulate(&loaded, 1);
    let first_last = (0..60).filter(|device| {
        let outcome = simulate_with(&loaded, 1, Some(DeviceId(*device)));
        let reported = |outcome: &Outcome| {
            let report = outcome.trace.iter().find(|e| e.event == "reports the target version");
            report.expect("it succeeds").at
        };
        reported(&outcome) > reported(&outcome.further[0])
    });
    let first_last = first_last.count() as u64;
    assert!(first_last > 10);
    assert_eq!(whole.versions, [("2".to_owned(), first_last), ("3".to_owned(), 60 - first_last)]);
}

#[test]
fn what_was_installed_offline_is_reported_together_and_the_last_one_runs() {
    // The first is installed after 150 s, the second after 230 s, both while the device is away.
    let first = format!("{UNLIMITED}\ntimeout = '1 min'");
    let cohort = "download.takes = '1 s'\ninstall = '149 s'\n\
        online.renewal = { on = '101 s', off = '1000 s', start = 'online' }";
    let second = rollout("3", &format!("{UNLIMITED}\nstart = '80 s'"), "");
    let outcome = two(10, &first, cohort, "until = '1 h'", &second);
    assert_eq!(outcome.total().late_reports, 10);
    assert_eq!(outcome.versions, [("3".to_owned(), 10)]);
    // In the other order of the scenario, so that only time can tell.
    let text = scenario(10, &format!("{UNLIMITED}\nstart = '80 s'"), cohort, "until = '1 h'");
    let outcome = simulate(&load(&(text + &rollout("3", &first, ""))), 1);
    assert_eq!(outcome.further[0].total().late_reports, 10);
    assert_eq!(outcome.versions, [("2".to_owned(), 10)]);
}

#[test]
fn waiting_tasks_do_not_depend_on_threads() {
    let flaky = "reacts = '5 s'\ndownload.takes = '30 s'\nfails = { flash = 0.2, bricks = 0.05 }\n\
        online.renewal = { on.exponential.mean = '10 min', off.exponential.mean = '5 min' }";
    let first = "rate.constant.rate = '1 /s'\ntimeout = '20 min'\nretry = { count = 1 }";
    let lines =
        "rate.constant.rate = '2 /s'\nstart = '1 min'\nconflict = 'queue'\norder = 'random'";
    let text = scenario(250, first, flaky, "until = '1 d'") + &rollout("3", lines, "");
    let loaded = load(&text);
    let one = simulate(&loaded, 1);
    assert!(one.further[0].total().succeeded() > 150);
    for threads in [2, 3, 8] {
        let more = simulate(&loaded, threads);
        assert!(result_files(&loaded, &one) == result_files(&loaded, &more), "{threads}");
    }
}
