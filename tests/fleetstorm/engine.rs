//! Whole runs: one result for any number of threads, conservation, Little's law, edges.

use std::path::Path;

use fleetstorm::scenario::{self, Loaded};
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::sim::outcome::{Ended, LatencyKind, Outcome, Tally};

use super::runs::{load, result_files, run, scenario, simulate, total};

/// Every scenario that the repository ships, small enough for a test.
fn shipped() -> Vec<(String, Loaded)> {
    const MOST: u32 = 200_000;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut folders = vec![folder];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                let name = path.display().to_string();
                let open = |sets: &[String]| {
                    scenario::load(&path, sets).unwrap_or_else(|problems| panic!("{problems}"))
                };
                let loaded = open(&[]);
                let big = loaded.scenario.fleet.devices.is_some_and(|n| n > MOST);
                let shrink = ["fleet.devices=20000".to_owned()];
                found.push((name, if big { open(&shrink) } else { loaded }));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn t06_every_shipped_scenario_on_any_number_of_threads() {
    let shipped = shipped();
    assert!(!shipped.is_empty(), "there are scenarios");
    for (name, loaded) in shipped {
        let first = simulate(&loaded, 1);
        let files = result_files(&loaded, &first);
        for threads in [2, 3, 8] {
            let other = simulate(&loaded, threads);
            assert!(other == first, "{name}: another outcome on {threads} threads");
            assert!(result_files(&loaded, &other) == files, "{name}: {threads} threads");
        }
    }
}

/// Every row of the series adds up, per cohort, and nothing cumulative falls.
pub fn assert_conserved(outcome: &Outcome) {
    let cohorts = outcome.cohorts.len();
    let series = &outcome.series;
    assert_eq!(series.rows.len(), series.times.len() * cohorts);
    for row in series.rows.chunks(cohorts) {
        for (row, cohort) in row.iter().zip(&outcome.cohorts) {
            let not_required = row.states[TaskState::NotRequired.index()];
            let tasks = row.states.iter().sum::<u64>() - not_required;
            assert_eq!(tasks, cohort.tally.targeted, "cohort {}", cohort.name);
            assert_eq!(not_required, cohort.tally.count(TaskState::NotRequired));
        }
    }
    let counters = |at: usize| {
        let row = &series.rows[at];
        let finals = [TaskState::Succeeded, TaskState::Canceled]
            .map(|state| row.states[state.index()])
            .into_iter()
            .chain([row.pushes, row.repushes, row.retries, row.late_reports]);
        finals.collect::<Vec<u64>>()
    };
    for at in cohorts..series.rows.len() {
        let (before, after) = (counters(at - cohorts), counters(at));
        assert!(before.iter().zip(&after).all(|(b, a)| b <= a), "{before:?} then {after:?}");
    }
    let fleet: u64 = outcome.cohorts.iter().map(|cohort| cohort.devices).sum();
    for versions in series.versions.chunks(series.version_names.len()) {
        assert_eq!(versions.iter().sum::<u64>(), fleet, "every device runs one version");
    }
    for cohort in &outcome.cohorts {
        assert_tally(&cohort.tally);
    }
    assert_eq!(outcome.events.pushes, outcome.total().attempts.iter().sum::<u64>());
}

fn assert_tally(tally: &Tally) {
    tally.assert_conserved();
    let attempts: u64 = tally.attempts.iter().sum();
    assert_eq!(attempts - tally.attempts[0], tally.retries);
    assert_eq!(tally.latency(LatencyKind::EligibleToPushed).count(), attempts);
    assert_eq!(tally.latency(LatencyKind::PushedToUpdated).count(), tally.succeeded());
    assert_eq!(tally.latency(LatencyKind::ActivationToUpdated).count(), tally.succeeded());
    assert!(tally.first_try_successes <= tally.succeeded());
    assert!(tally.attempts[0] <= tally.targeted);
    assert!(tally.attempts.windows(2).all(|pair| pair[1] <= pair[0]));
    assert!(tally.downloads_uninterrupted <= tally.downloads);
    assert_eq!(tally.latency(LatencyKind::Download).count(), tally.downloads);
    assert!(tally.turns <= tally.targeted && tally.online_at_turn <= tally.turns);
}

const RENEWAL: &str = "online.renewal.on.exponential.mean = '2 h'
online.renewal.off.exponential.mean = '1 h'
";

#[test]
fn conservation_at_every_boundary() {
    for (offline, flips) in [("when-online", false), ("store-and-forward", true)] {
        let campaign = format!(
            "rate.constant.rate = '2_000 /h'\noffline = '{offline}'
             timeout = '40 min'\nretry = {{ count = 2, interval = '5 min' }}"
        );
        let cohort = format!(
            "{RENEWAL}download.takes.exponential.mean = '10 min'\ninstall = '2 min'
             fails = {{ upgrade = 0.05, download = 0.05, wrong_version = 0.05, bricks = 0.02 }}"
        );
        let run_table = format!("sample_every = '1 s'\nuntil = '1 d'\nevery_flip = {flips}");
        let outcome = run(&scenario(4000, &campaign, &cohort, &run_table));
        assert!(outcome.series.times.len() > 10_000);
        assert_conserved(&outcome);
        let tally = outcome.total();
        for count in [tally.succeeded(), tally.failed(), tally.retries, tally.bricked] {
            assert!(count > 0, "the scenario exercises everything: {tally:?}");
        }
    }
}

/// Time-average of tasks in the states, from the series, times the length of the run, in s.
fn task_seconds(outcome: &Outcome, states: &[TaskState]) -> f64 {
    let times = &outcome.series.times;
    let counts = outcome
        .series
        .rows
        .iter()
        .map(|row| states.iter().map(|state| row.states[state.index()]).sum::<u64>() as f64);
    // A row shows what is so from its instant on; trapezoids halve the error of sampling.
    let counts: Vec<f64> = counts.collect();
    (1..times.len())
        .map(|at| {
            let length = times[at].since(times[at - 1]).as_secs_f64();
            length * (counts[at] + counts[at - 1]) / 2.0
        })
        .sum()
}

#[test]
fn littles_law_in_every_state() {
    for (offline, flips) in [("when-online", false), ("store-and-forward", true)] {
        let campaign = format!("rate.constant.rate = '10_000 /h'\noffline = '{offline}'");
        let cohort = format!(
            "{RENEWAL}reacts.exponential.mean = '3 min'\ninterrupted = 'restart'
             download.takes.exponential.mean = '10 min'
             verify.exponential.mean = '2 min'\ninstall.exponential.mean = '4 min'"
        );
        let run_table = format!("sample_every = '1 s'\nuntil = '10 d'\nevery_flip = {flips}");
        let outcome = run(&scenario(10_000, &campaign, &cohort, &run_table));
        assert_eq!(outcome.ended, Ended::AllFinal);
        let tally = outcome.total();
        for (states, latency) in [
            (&[TaskState::Notified][..], LatencyKind::PushedToProgress),
            (&[TaskState::Downloading], LatencyKind::Download),
            (&[TaskState::Installing], LatencyKind::Install),
            (
                &[TaskState::Notified, TaskState::Downloading, TaskState::Installing],
                LatencyKind::PushedToUpdated,
            ),
        ] {
            let sum = tally.latency(latency).sum_us() as f64 / 1e6;
            let area = task_seconds(&outcome, states);
            // Sampling each second errs by at most half a second per task, at random signs.
            assert!((area / sum - 1.0).abs() < 1e-3, "{latency:?}: {area} against {sum}");
        }
    }
}

#[test]
fn lazy_devices_obey_the_same_laws() {
    let fates = |flips: bool| {
        let cohort = "online.renewal.on.weibull = { shape = 0.7, scale = '2 h' }
            online.renewal.off.lognormal = { median = '1 h', sigma = 1.0 }\nnever_returns = 0.01
            download.takes.exponential.mean = '20 min'\ninterrupted = 'restart'
            install = '5 min'\nfails = { flash = 0.05, bricks = 0.01 }";
        let campaign = "rate.constant.rate = '10_000 /h'\ntimeout = '120 min'\nretry.count = 1";
        let run_table = format!("until = '5 d'\nevery_flip = {flips}");
        total(&scenario(50_000, campaign, cohort, &run_table))
    };
    let (lazy, full) = (fates(false), fates(true));
    let n = lazy.targeted as f64;
    let counts = |t: &Tally| {
        let ends = [t.succeeded(), t.failed(), t.open(), t.bricked, t.first_try_successes];
        let middle = [t.retries, t.online_at_turn, t.downloads_uninterrupted, t.late_reports];
        [&ends[..], &middle, &t.failures].concat()
    };
    for (at, (a, b)) in counts(&lazy).into_iter().zip(counts(&full)).enumerate() {
        let p = (a + b) as f64 / (2.0 * n);
        let sigma = (2.0 * n * p * (1.0 - p).max(0.0)).sqrt();
        assert!((a as f64 - b as f64).abs() <= 4.0 * sigma, "count {at}: {a} and {b}");
    }
    for kind in [LatencyKind::ActivationToUpdated, LatencyKind::Download] {
        let (a, b) = (lazy.latency(kind), full.latency(kind));
        for q in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
            // The quantile of the one as a share of the other: free of any density.
            let share = b.share_at_most(a.quantile(q).unwrap());
            let sigma = (2.0 * q * (1.0 - q) / a.count() as f64).sqrt();
            // A histogram's cell holds what lies within 0.1 %.
            assert!((share - q).abs() < 4.0 * sigma + 1e-3, "{kind:?} {q}: {share}");
        }
    }
}

#[test]
fn more_pushes_per_minute_never_delay_the_last() {
    let mut last = None;
    for rate in ["10 /min", "20 /min", "50 /min", "200 /min", "5000 /min"] {
        let campaign = format!("rate.constant.rate = '{rate}'\noffline = 'store-and-forward'");
        let text = scenario(2000, &campaign, "download.takes = '30 s'", "");
        let pushed = total(&text).latency(LatencyKind::EligibleToPushed).max().unwrap();
        assert!(last.is_none_or(|last| pushed <= last), "{rate}");
        last = Some(pushed);
    }
}

#[test]
fn more_retries_never_lower_success() {
    let mut before = 0;
    for count in 1..=6 {
        let campaign = format!("rate.constant.rate = '5000 /h'\nretry.count = {count}");
        let cohort = format!("{RENEWAL}download.takes = '5 min'\nfails = {{ flash = 0.4 }}");
        let succeeded = total(&scenario(5000, &campaign, &cohort, "")).succeeded();
        assert!(succeeded > before, "{count} retries: {succeeded} after {before}");
        before = succeeded;
    }
}

#[test]
fn the_series_begins_with_the_fleet_as_it_was() {
    for tick in ["1 s", "10 min"] {
        let run_table = format!("tick = '{tick}'\nsample_every = '10 min'");
        let campaign = "rate.constant.rate = '10 /s'";
        let series = run(&scenario(50, campaign, "download.takes = '0 s'", &run_table)).series;
        assert_eq!((series.times[0].as_secs_f64(), series.rows[0].pushes), (0.0, 0), "tick {tick}");
        assert_eq!(series.rows[0].states[TaskState::Succeeded.index()], 0);
        let at = series.version_names.iter().position(|name| name == "1").unwrap();
        assert_eq!(series.versions[at], 50, "everybody runs the old version");
    }
}

#[test]
fn one_device() {
    let outcome = run(&scenario(1, "rate = 'unlimited'", "download.takes = '1 s'", ""));
    assert_eq!((outcome.total().succeeded(), outcome.ended), (1, Ended::AllFinal));
    assert_conserved(&outcome);
    assert_eq!(
        simulate(&load(&scenario(1, "rate = 'unlimited'", "download.takes = '1 s'", "")), 8),
        outcome
    );
}

#[test]
fn everybody_is_at_the_target_already() {
    let text = scenario(100, "rate = 'unlimited'", "download.takes = '1 s'", "");
    let outcome = run(&text.replace("version = \"2\"", "version = \"1\""));
    assert_conserved(&outcome);
    let tally = outcome.total();
    assert_eq!((tally.targeted, tally.count(TaskState::NotRequired)), (0, 100));
    assert_eq!((outcome.ended, tally.success_rate_of_targeted()), (Ended::AllFinal, None));
}

#[test]
fn nobody_ever_returns() {
    for (offline, pushes) in [("when-online", 0), ("store-and-forward", 100)] {
        let campaign = format!("rate = 'unlimited'\noffline = '{offline}'");
        let cohort = "never_returns = 1.0\ndownload.takes = '1 s'";
        let outcome = run(&scenario(100, &campaign, cohort, ""));
        assert_conserved(&outcome);
        assert_eq!(outcome.ended, Ended::NothingLeft);
        assert_eq!((outcome.events.pushes, outcome.total().open()), (pushes, 100));
    }
}

#[test]
fn a_run_ends_at_until() {
    let text = scenario(
        100,
        "rate.constant.rate = '1 /min'",
        "download.takes = '1 s'",
        "until = '10 min'",
    );
    let outcome = run(&text);
    assert_conserved(&outcome);
    assert_eq!((outcome.ended, outcome.end.as_secs_f64()), (Ended::Until, 600.0));
    assert_eq!(outcome.total().succeeded(), 10);
    assert_eq!(outcome.series.times.last(), Some(&outcome.end));
}
