//! R16: who is in which stage, how many, and what became of each.

use std::path::Path;

use fleetstorm::metric::{Measured, Query, Value};
use fleetstorm::scenario::{self, Loaded, load_text};
use fleetstorm::scheduler::Opener;
use fleetstorm::scheduler::state::CampaignStatus;
use fleetstorm::sim;
use fleetstorm::sim::outcome::{Outcome, StageTally};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::engine::assert_conserved;
use super::super::runs::{load, result_files, run, scenario, simulate, steps};

/// A file of `tests/cases/wrong`, with changes as for `--set`.
pub fn case(name: &str, sets: &[&str]) -> Loaded {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    scenario::load(&path(name), &sets).unwrap_or_else(|problems| panic!("{problems}"))
}

fn path(name: &str) -> std::path::PathBuf {
    let file = format!("tests/cases/wrong/{name}.toml");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// By stage: devices of each cohort.
fn devices(outcome: &Outcome) -> Vec<Vec<u64>> {
    let own = |tallies: &Vec<StageTally>| tallies.iter().map(|tally| tally.devices).collect();
    outcome.stages.iter().map(|stage| own(&stage.cohorts)).collect()
}

/// By stage: when it opened, in seconds, and by what.
fn opened(outcome: &Outcome) -> Vec<Option<(u64, Opener)>> {
    let opened = outcome.stages.iter().map(|stage| stage.opened);
    opened.map(|opening| opening.map(|o| (o.at.0 / 1_000_000, o.by))).collect()
}

/// The columns of the table of stages add up to what is counted by cohort.
pub fn assert_stages_add_up(outcome: &Outcome) {
    for (at, cohort) in outcome.cohorts.iter().enumerate().filter(|_| !outcome.stages.is_empty()) {
        let mut sum = StageTally::default();
        outcome.stages.iter().for_each(|stage| sum.merge(&stage.cohorts[at]));
        let tally = &cohort.tally;
        assert_eq!(sum.devices, tally.targeted, "{}", cohort.name);
        assert_eq!(sum.pushed, tally.attempts[0], "{}", cohort.name);
        assert_eq!(sum.succeeded, tally.succeeded(), "{}", cohort.name);
        assert_eq!(sum.failed, tally.failed(), "{}", cohort.name);
        assert_eq!(sum.canceled, tally.canceled(), "{}", cohort.name);
        assert_eq!(sum.open(), tally.open(), "{}", cohort.name);
    }
    for stage in &outcome.stages {
        let total = stage.total();
        assert!(stage.opened.is_some() || total.pushed == 0, "pushed before it opened: {stage:?}");
        assert!(total.pushed <= total.devices);
    }
}

#[test]
fn r16_a_canary_of_one_percent_is_one_device_of_fifty() {
    let loaded = case("canary-of-one-percent", &[]);
    let outcome = simulate(&loaded, 1);
    assert_eq!(devices(&outcome), [[1], [49]]);
    assert_eq!(sim::stage_sizes(&loaded), [("canary 1 % of 50".to_owned(), vec![1, 49])]);
    // The bad build stops there.
    assert_eq!(outcome.campaign.status, CampaignStatus::Suspended);
    assert_eq!((outcome.total().failed(), outcome.total().attempts[0]), (1, 1));
    assert_eq!(opened(&outcome), [Some((0, Opener::Start)), None]);
}

#[test]
fn r16_a_phase_of_nobody_is_refused() {
    let problems = scenario::load(&path("empty-phase"), &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.path, "campaign.stages.phases[0].percent");
    assert!(problem.message.contains("takes none of 5 devices"), "{}", problem.message);
    assert_eq!((problem.line, problem.column), (9, 31));
    // Ten are enough, and the last phase takes what rounding has left.
    let enough = ["fleet.devices=19".to_owned()];
    let loaded = scenario::load(&path("empty-phase"), &enough).unwrap();
    assert_eq!(sim::stage_sizes(&loaded)[0].1, [1, 7, 11]);
    // Without the platform's rule a phase may be empty.
    let floor = ["campaign.stage_sizes='floor'".to_owned()];
    let outcome = simulate(&scenario::load(&path("empty-phase"), &floor).unwrap(), 1);
    assert_eq!(devices(&outcome), [[0], [2], [3]]);
}

#[test]
fn r16_the_devices_of_a_stage_are_chosen_before_any_window_opens() {
    let small = "fleet.devices=20000";
    let loaded = case("canary-by-region", &[small]);
    let outcome = simulate(&loaded, 2);
    let of = |outcome: &Outcome, stage: usize| devices(outcome)[stage].clone();
    // One percent of the list, in which the cohorts alternate.
    assert_eq!(of(&outcome, 0), [100, 60, 40]);
    assert_eq!(outcome.stages[0].total().pushed, 200);
    assert_eq!(sim::stage_sizes(&loaded)[0].1, [200, 1_800, 18_000]);
    let day = 86_400;
    let times = [(0, Opener::Start), (day, Opener::Time), (2 * day, Opener::Time)];
    assert_eq!(opened(&outcome), times.map(Some));
    // Each waits for its own window: when they open makes no difference.
    let others = [
        "campaign.window.from='13:00'",
        "campaign.window.to='23:00'",
        "run.date='2027-03-01T17:30:00Z'",
        "run.seed=9",
    ];
    let moved = simulate(&case("canary-by-region", &[[small].as_slice(), &others].concat()), 1);
    assert_eq!(devices(&moved), devices(&outcome));
    // One percent of each cohort, where the stage asks for it.
    let each = case("canary-by-region", &[small, "campaign.stage_of='each-cohort'"]);
    let outcome = simulate(&each, 1);
    let cohorts: Vec<u64> = outcome.cohorts.iter().map(|cohort| cohort.devices).collect();
    let hundredth: Vec<u64> = cohorts.iter().map(|devices| devices / 100).collect();
    let tenth = |(all, first): (&u64, &u64)| all / 10 - first;
    assert_eq!(of(&outcome, 0), hundredth);
    assert_eq!(of(&outcome, 1), cohorts.iter().zip(&hundredth).map(tenth).collect::<Vec<_>>());
    assert_eq!(sim::stage_sizes(&each)[0].1[0], hundredth.iter().sum::<u64>());
}

/// Three cohorts of 500, 300 and 200 devices.
fn cohorts(campaign: &str, run_table: &str) -> Outcome {
    let cohort = |name: &str, share: f64, zone: &str| {
        format!(
            "[[fleet.cohort]]\nname = '{name}'\nshare = {share}\ntimezone = '{zone}'\n\
             download.takes = '10 s'\n"
        )
    };
    run(&format!(
        "format = 1\n[package]\nversion = '2'\n[campaign]\nname = 'x'\nrate = 'unlimited'\n\
         {campaign}\n[run]\nuntil = '10 d'\n{run_table}\n[fleet]\ndevices = 1000\n\
         versions = {{ '1' = 1.0 }}\n{}{}{}",
        cohort("a", 0.5, "UTC"),
        cohort("b", 0.3, "Asia/Tokyo"),
        cohort("c", 0.2, "America/New_York"),
    ))
}

#[test]
fn r16_stages_follow_the_push_order() {
    let phases = "stages.phases = [{ percent = 60 }, { at = '1 d', percent = 100 }]";
    // Cohort by cohort: the first stage is the first cohort and a part of the second.
    let by_cohort = cohorts(&format!("order = 'cohort'\n{phases}"), "");
    let sizes: Vec<u64> = by_cohort.cohorts.iter().map(|cohort| cohort.devices).collect();
    let of_second = 600 - sizes[0];
    assert_eq!(
        devices(&by_cohort),
        [[sizes[0], of_second, 0], [0, sizes[1] - of_second, sizes[2]]]
    );
    let last = |outcome: &Outcome, cohort: usize| outcome.stages[0].cohorts[cohort].last;
    assert_eq!(last(&by_cohort, 1).0, 10_000_000);
    // Groups as well, also on the devices' own clocks.
    let groups = "stages.groups.group = [{ percent = 60, success = 100 }, { percent = 40 }]";
    let window = "window = { from = '01:00', to = '02:00', clock = 'device' }";
    let zoned = cohorts(&format!("order = 'cohort'\n{groups}\n{window}"), "");
    assert_eq!(devices(&zoned), devices(&by_cohort));
    assert_eq!(zoned.total().succeeded(), 1_000);
    // 01:00 in Tokyo is 16:00 UTC; then the second group goes on there, 8 h before the others.
    let (at, by) = opened(&zoned)[1].unwrap();
    assert_eq!((at / 3_600, by), (16, Opener::Success));
    let random = cohorts(&format!("order = 'random'\n{phases}"), "");
    assert_eq!(devices(&random).iter().map(|d| d.iter().sum()).collect::<Vec<u64>>(), [600, 400]);
    assert_ne!(devices(&random), devices(&cohorts(phases, "")));
}

#[test]
fn r16_devices_beyond_the_last_stage_are_in_none() {
    let half = "stages.phases = [{ percent = 10 }, { at = '1 h', percent = 50 }]";
    let outcome =
        run(&scenario(200, &format!("rate = 'unlimited'\n{half}"), QUICK, "until = '1 d'"));
    assert_eq!(devices(&outcome), [[20], [80], [100]]);
    let stages: Vec<_> = outcome.stages.iter().map(|stage| stage.stage).collect();
    assert_eq!(stages, [Some(1), Some(2), None]);
    assert_eq!(opened(&outcome)[2], None);
    assert_eq!((outcome.total().succeeded(), outcome.total().open()), (100, 100));
    // Mender's last phase takes the rest.
    let rest = format!("rate = 'unlimited'\nstage_sizes = 'floor-each'\n{half}");
    let outcome = run(&scenario(200, &rest, QUICK, "until = '1 d'"));
    assert_eq!(devices(&outcome), [[20], [180]]);
}

const QUICK: &str = "download.takes = '10 s'";

#[test]
fn r16_a_stage_opens_at_its_campaigns_start_at_its_time_or_by_success() {
    let campaign = "rate = 'unlimited'\ndraft = true\n\
        stages.phases = [{ percent = 5 }, { at = '1 h', percent = 50 }, { at = '9 h', percent = 100 }]";
    let step = steps(&["'activate'"], &[(0, 7_200)]);
    let outcome = run(&(scenario(100, campaign, QUICK, "until = '1 d'") + &step));
    let hour = 3_600;
    let expected = [(2 * hour, Opener::Start), (2 * hour, Opener::Start), (9 * hour, Opener::Time)];
    assert_eq!(opened(&outcome), expected.map(Some));
    // Another campaign holds some of the second one's devices: they are in none of its stages.
    let second = "[[rollout]]\npackage.version = '3'\n[rollout.campaign]\nname = 'second'\n\
        rate = 'unlimited'\nstart = '100 s'\n\
        stages.groups.group = [{ percent = 50, success = 100 }, { percent = 50 }]\n";
    let first = "rate.constant.rate = '1 /s'";
    let text = scenario(200, first, "download.takes = '30 s'", "until = '1 h'") + second;
    let outcome = run(&text);
    let second = &outcome.further[0];
    assert_stages_add_up(second);
    let rest = second.stages.last().unwrap();
    assert_eq!((rest.stage, rest.total().failed), (None, second.total().failed()));
    assert!(rest.total().failed > 0, "{:?}", second.stages);
    assert_eq!(opened(second)[0], Some((100, Opener::Start)));
    assert_eq!(opened(second)[1].unwrap().1, Opener::Success);
    assert_eq!(opened(second)[2].unwrap().1, Opener::All);
}

#[test]
fn r16_what_a_group_came_to_stays_right_when_tasks_are_retried_by_hand() {
    let campaign = "rate = 'unlimited'\nfinish = '20 h'\nstages.groups.group = [\
        { percent = 30, success = 0, error = 100 }, { percent = 70, error = 100 }]";
    let retries = steps(&["'retry-failed'"], &[(0, 600), (0, 1_200), (0, 1_800)]);
    let cohort = "download.takes = '10 s'\nfails.flash = 0.5";
    let outcome = run(&(scenario(1_000, campaign, cohort, "until = '1 d'") + &retries));
    assert_stages_add_up(&outcome);
    assert!(outcome.total().reopened > 500);
    // An eighth and less is left in each group.
    for stage in &outcome.stages {
        let total = stage.total();
        assert!(total.failed * 8 < total.devices && total.open() == 0, "{total:?}");
    }
}

#[test]
fn r16_check_knows_the_sizes_of_every_run() {
    let lines = "rate = 'unlimited'\nselect.percent = 37.5\nblacklist = ['3', '5']\n\
        stages.phases = [{ percent = 3.3 }, { at = '1 h', percent = 100 }]";
    let text = scenario(999, lines, QUICK, "").replace("\"1\" = 1.0", "'1' = 0.7, '2' = 0.3");
    let later = "[[rollout]]\npackage.version = '3'\n[rollout.campaign]\nname = 'second'\n\
        rate = 'unlimited'\nsource_versions = ['1']\nconflict = 'overwrite'\n\
        stages.groups.group = [{ percent = 10 }, { percent = 90 }]\n";
    for text in [text.clone(), text + later] {
        let loaded = load(&text);
        let outcome = simulate(&loaded, 1);
        let of = |outcome: &Outcome| -> Vec<u64> {
            outcome.stages.iter().map(|stage| stage.total().devices).collect()
        };
        let known: Vec<Vec<u64>> = sim::stage_sizes(&loaded).into_iter().map(|s| s.1).collect();
        let run: Vec<Vec<u64>> =
            std::iter::once(&outcome).chain(&outcome.further).map(of).collect();
        assert_eq!(known, run);
    }
}

#[test]
fn check_prints_the_sizes_and_counts_who_matches() {
    let folder = tempfile::tempdir().unwrap();
    let call = |command: &str, text: &str| {
        std::fs::write(folder.path().join("s.toml"), text).unwrap();
        let mut program = assert_cmd::Command::new(env!("CARGO_BIN_EXE_fleetstorm"));
        let output = program.current_dir(folder.path()).args([command, "s.toml"]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let lines = "rate = 'unlimited'\nstage_sizes = 'floor-each'\n\
        stages.phases = [{ percent = 1 }, { at = '1 h', percent = 100 }]";
    let all = scenario(1_000, lines, QUICK, "");
    let (code, text, _) = call("check", &all);
    assert_eq!(code, 0);
    assert!(text.contains("  stages    1: 10, 2: 990 devices\n"), "{text}");
    // About 50 match, and of these one percent is nobody.
    let few = all.replace("\"1\" = 1.0", "'1' = 0.05, '2' = 0.95");
    for command in ["check", "run"] {
        let (code, _, problems) = call(command, &few);
        assert_eq!(code, 3, "{problems}");
        assert!(problems.contains("stage 1 of \"test\" takes none of"), "{problems}");
    }
}

#[test]
fn a_run_with_stages_has_a_table_of_them() {
    let phases =
        "rate = 'unlimited'\nstages.phases = [{ percent = 5 }, { at = '1 h', percent = 100 }]";
    let has = |campaign: &str| {
        let loaded = load(&scenario(100, campaign, QUICK, ""));
        let files = result_files(&loaded, &simulate(&loaded, 1));
        files.into_iter().find(|(name, _)| name == "stages.csv")
    };
    assert_eq!(has("rate = 'unlimited'"), None);
    let table = String::from_utf8(has(phases).unwrap().1).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("1,0,start,10,all,5,5,5,0,0,0"), "{table}");
}

#[test]
fn a_stage_has_metrics_of_its_own() {
    let outcome = simulate(&case("canary-of-one-percent", &[]), 1);
    let measured = Measured::new(&outcome);
    let value = |name: &str| measured.value(&Query::parse(name).unwrap());
    assert_eq!(value("stage.start{stage=\"1\"}"), Value::Number(0.0));
    assert_eq!(value("stage.exposed{stage=\"1\", cohort=\"all\"}"), Value::Number(1.0));
    let length = outcome.stages[0].cohorts[0].last.as_secs_f64();
    assert_eq!(value("stage.length{stage=\"1\"}"), Value::Number(length));
    assert_eq!(value("stage.start{stage=\"2\"}"), Value::NotReached);
    assert_eq!(value("stage.length{stage=\"2\"}"), Value::NotReached);
    assert_eq!(value("stage.exposed{stage=\"2\"}"), Value::Number(0.0));
    assert_eq!(value("stage.exposed{stage=\"3\"}"), Value::Missing);
    assert_eq!(value("stage.exposed"), Value::Missing);
}

#[test]
fn stages_are_named_in_the_file_by_what_the_platform_does() {
    let text = scenario(10, "rate = 'unlimited'\nstage_sizes = 'ceil'", QUICK, "");
    let message = load_text("t.toml", &text, "".as_ref(), &[]).unwrap_err().to_string();
    assert!(message.contains("floor-each"), "{message}");
}

const ACTS: [&str; 8] = [
    "'suspend'",
    "'resume'",
    "'retry-failed'",
    "'terminate'",
    "{ cancel = { in_progress = false } }",
    "{ cancel-states = ['queued', 'notified'] }",
    "{ cancel-devices = ['1', '2', '30'] }",
    "{ retry-devices = ['4', '5', '6'] }",
];

/// Random campaigns with stages.
pub fn text() -> impl Strategy<Value = String> {
    let stages = select(
        &[
            "stages.phases = [{ percent = 7 }, { at = '20 min', percent = 55.5 }, { at = '2 h', percent = 100 }]",
            "stages.phases = [{ at = '5 min', percent = 30 }, { at = '1 h', percent = 80 }]",
            "stages.groups.group = [{ percent = 10, success = 60 }, { percent = 40, success = 40, error = 90 }, { percent = 50 }]",
            "stages.groups = { of = 'finished', group = [{ percent = 20, success = 10, error = 70 }, { percent = 80 }] }",
        ][..],
    );
    let sizes = select(&["floor", "round", "floor-each"][..]);
    let of = select(&["list", "each-cohort"][..]);
    let order = select(&["list", "random", "cohort", "eligible"][..]);
    let rate = select(
        &[
            "'unlimited'",
            "{ constant = { rate = '2 /min', burst = 3 } }",
            "{ fixed-window = { pushes = 7, window = '3 min' } }",
            "{ variable = { table = [{ rate = '1 /min' }, { at = '17 min', rate = '9 /min' }] } }",
            "{ exponential = { base = 2, factor = 1.5, every = 5, max = 20 } }",
        ][..],
    );
    let extra = subsequence(
        vec![
            "marks = '7 min'",
            "window = { from = '00:10', to = '20:30', clock = 'device' }",
            "select.percent = 70.0",
            "confirm = true",
            "in_flight = 9",
            "finish = '5 h'",
            "not_started = 'canceled'",
            "retry = { count = 1, interval = '30 s' }",
            "timeout = '3 min'",
            "abort = [{ percent = 40, min_executed = 20, action = 'suspend' }]",
        ],
        0..7,
    );
    let operators = prop::collection::vec((0..ACTS.len(), 1u64..12_000), 0..4);
    let run = (any::<u32>(), any::<bool>(), 60u32..150);
    (stages, sizes, of, order, rate, extra, operators, run).prop_map(
        |(stages, sizes, of, order, rate, extra, operators, (seed, flips, devices))| {
            let campaign = format!(
                "rate = {rate}\n{stages}\nstage_sizes = '{sizes}'\nstage_of = '{of}'\n\
                 order = '{order}'\n{}",
                extra.join("\n")
            );
            let laws = "online.renewal = { on.exponential.mean = '20 min', off.exponential.mean = '9 min' }\n\
                reacts = '5 s'\ndownload.takes = '30 s'\ninstall.exponential.mean = '20 s'\n\
                fails = { flash = 0.2, bricks = 0.02, wrong_version = 0.05 }\n\
                confirms = { after.exponential.mean = '60 s', refuses = 0.1 }";
            let cohort = format!(
                "{laws}\n[[fleet.cohort]]\nname = 'tokyo'\nshare = 0.35\n\
                 timezone = 'Asia/Tokyo'\n{laws}"
            );
            let run = format!("seed = {seed}\nuntil = '7 h'\nsample_every = '5 min'\nevery_flip = {flips}");
            let text = scenario(devices, &campaign, &cohort, &run) + &steps(&ACTS, &operators);
            text.replacen("share = 1.0", "share = 0.65", 1)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn r16_random_stages_lose_nothing_and_are_the_same_on_any_number_of_threads(text in text()) {
        let loaded = load(&text);
        let outcome = simulate(&loaded, 1);
        assert_conserved(&outcome);
        assert_stages_add_up(&outcome);
        let sizes: u64 = sim::stage_sizes(&loaded)[0].1.iter().sum();
        let stages = outcome.stages.iter().filter(|stage| stage.stage.is_some());
        prop_assert_eq!(sizes, stages.map(|stage| stage.total().devices).sum::<u64>());
        prop_assert!(simulate(&loaded, 3) == outcome, "three threads give another outcome");
    }
}

#[test]
fn cohorts_have_the_sizes_that_their_shares_say() {
    let loaded = case("cohort-sizes", &[]);
    assert_eq!(loaded.cohort_sizes(), [36_000, 36_000, 18_000]);
    let outcome = simulate(&loaded, 3);
    let sizes: Vec<u64> = outcome.cohorts.iter().map(|cohort| cohort.tally.targeted).collect();
    assert_eq!(sizes, loaded.cohort_sizes());
}
