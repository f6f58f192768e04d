//! Closed-form cases of rollout policies: rates, caps, stages, aborts, storms.

use fleetstorm::model::{Span, Time};
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::sim::outcome::{LatencyKind, Outcome};

use super::case::case;
use super::runs::{load, run, run_seeded, scenario, simulate};

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// The last task's end in seconds.
fn makespan(outcome: &Outcome) -> f64 {
    let total = outcome.total();
    total.latency(LatencyKind::ActivationToUpdated).max().unwrap().as_secs_f64()
}

#[test]
fn s03_tasks_in_flight_are_capped() {
    let capped = |law: &str| {
        let cohort = format!("download.takes{law}");
        scenario(10_000, "rate = 'unlimited'\nin_flight = 100", &cohort, "tick = '1 ms'")
    };
    // A slot is given on at the next boundary: with ticks of 1 ms, 99 times 1 ms in a row.
    let lag = 0.099;
    let fixed = makespan(&run(&capped(" = '60 s'")));
    case("S03").check("makespan_det", fixed - lag, 1);
    let text = capped(".exponential.mean = '60 s'");
    let reps = 100;
    let makespans: Vec<f64> = (0..reps).map(|rep| makespan(&run_seeded(&text, 30 + rep))).collect();
    case("S03").check("makespan_mean_exp", mean(&makespans), reps);
    case("S03").check("makespan_sd_exp", deviation(&makespans), reps);
}

/// Pushes that left before this instant.
fn notified_before(outcome: &Outcome, minutes: f64) -> f64 {
    let at = Time((minutes * 60e6) as u64);
    let row = outcome.series.times.partition_point(|time| *time < at);
    outcome.series.rows[row].pushes as f64
}

fn last_push_minutes(outcome: &Outcome) -> f64 {
    outcome.total().latency(LatencyKind::EligibleToPushed).max().unwrap().as_secs_f64() / 60.0
}

fn exponential(of: &str, lag: &str) -> Outcome {
    let campaign = format!(
        "rate.exponential = {{ base = 50, factor = 2.0, every = 1000, max = 1000, of = '{of}' }}"
    );
    let cohort = format!("download.takes = '{lag}'");
    run(&scenario(100_000, &campaign, &cohort, "sample_every = '1 s'\nuntil = '1 d'"))
}

#[test]
fn s04_exponential_rollout_by_notified_devices() {
    let outcome = exponential("notified", "0 s");
    case("S04").check("time_to_notify_all", last_push_minutes(&outcome), 1);
    case("S04").check("notified_at_38.75_min", notified_before(&outcome, 38.75), 1);
}

#[test]
fn s05_exponential_rollout_by_succeeded_devices() {
    let outcome = exponential("succeeded", "5 min");
    case("S05").check("time_to_notify_all", last_push_minutes(&outcome), 1);
    case("S05").check("notified_at_52.5_min", notified_before(&outcome, 52.5), 1);
    // Two pushes in one second: until then there is one every 1.2 s.
    let pushes = |second: usize| outcome.series.rows[second].pushes;
    let first = (0..).find(|s| pushes(s + 1) - pushes(*s) > 1).unwrap();
    case("S05").check("rate_change_times", first as f64 / 60.0, 1);
}

/// One campaign that is aborted at 10 % failed of at least 100 finished; results one by one.
fn abort_case(id: &'static str, p: f64) {
    let campaign = "rate.constant.rate = '50 /s'\nabort = [{ percent = 10, min_executed = 100 }]";
    let cohort = format!("download.takes = '1 s'\nfails.flash = {p}");
    let text = scenario(10_000, campaign, &cohort, "tick = '20 ms'\nsample_every = '10 min'");
    let loaded = load(&text);
    let campaigns = 1_500;
    let (mut aborted, mut at_first, mut finished, mut failures) = (0, 0, 0, 0);
    for seed in 0..campaigns {
        let mut loaded = loaded.clone();
        loaded.scenario.run.seed = 5_000 + seed;
        if let Some(abort) = simulate(&loaded, 1).campaign.aborts.first() {
            let counts = abort.abort.met_counts;
            aborted += 1;
            at_first += u64::from(counts.finished() == 100);
            finished += counts.finished();
            failures += counts.failed();
        }
    }
    let share = |part: u64| part as f64 / campaigns as f64;
    case(id).check("P_abort", share(aborted), campaigns);
    case(id).check("P_abort_at_first_check", share(at_first), campaigns);
    case(id).check("mean_finished_at_abort", finished as f64 / aborted as f64, aborted);
    case(id).check("mean_failures_at_abort", failures as f64 / aborted as f64, aborted);
}

#[test]
fn s06a_a_good_build_is_rarely_aborted() {
    abort_case("S06a", 0.05);
}

#[test]
fn s06b_a_doubtful_build_is_aborted_half_the_time() {
    abort_case("S06b", 0.08);
}

#[test]
fn s06c_a_bad_build_is_always_aborted() {
    abort_case("S06c", 0.15);
}

#[test]
fn s07_devices_exposed_by_late_results() {
    let campaign =
        "rate.constant.rate = '200 /min'\nabort = [{ percent = 10, min_executed = 100 }]";
    let cohort = "download.takes = '10 min'\nfails.flash = 1.0";
    let outcome = run(&scenario(10_000, campaign, cohort, "tick = '100 ms'"));
    let abort = outcome.campaign.aborts[0];
    case("S07").check("abort_time", abort.abort.acted.as_secs_f64() / 60.0, 1);
    case("S07").check("devices_pushed_at_abort", abort.abort.acted_counts.notified as f64, 1);
    assert_eq!(outcome.total().attempts[0], abort.abort.acted_counts.notified);
}

#[test]
fn s10_staged_waves() {
    let campaign = "rate = 'unlimited'\nstages.phases = [{ percent = 5 }, \
        { at = '2 d', percent = 25 }, { at = '4 d', percent = 50 }, { at = '6 d', percent = 100 }]";
    let every = "sample_every = '1 d'\nuntil = '10 d'";
    let outcome = run(&scenario(100_000, campaign, "download.takes = '30 s'", every));
    let total = outcome.total();
    let starts = total.latency(LatencyKind::EligibleToPushed);
    case("S10").check("mean_start", starts.mean_s().unwrap() / 86_400.0, 1);
    let day =
        |days: u64| outcome.series.times.iter().position(|t| *t == Time(days * 86_400_000_000));
    let waves: Vec<u64> = [1, 3, 5].map(|d| outcome.series.rows[day(d).unwrap()].pushes).to_vec();
    case("S10").check("wave_sizes", waves[0] as f64, 1);
    assert_eq!(
        (waves[1] - waves[0], waves[2] - waves[1], total.turns - waves[2]),
        (20_000, 25_000, 50_000)
    );
}

#[test]
fn s13_a_reconnect_storm_with_jitter() {
    // Offers to everyone at once, answered after a random time; a download begins with each.
    let cohort = "reacts.uniform = { from = '0 s', to = '300 s' }\ndownload.takes = '1 h'";
    let text =
        scenario(100_000, "rate = 'unlimited'", cohort, "sample_every = '1 s'\nuntil = '310 s'");
    let downloading = TaskState::Downloading.index();
    let reps = 60;
    let peak = |seed: u64| {
        let rows = run_seeded(&text, seed).series.rows;
        let begun = |w: &[_]| {
            let [before, after]: &[fleetstorm::sim::outcome::SeriesRow; 2] = w.try_into().unwrap();
            after.states[downloading] - before.states[downloading]
        };
        let bins: Vec<u64> = rows[..=300].windows(2).map(begun).collect();
        assert_eq!(bins.len(), 300);
        assert!(rows[301].states[downloading] == 100_000);
        *bins.iter().max().unwrap() as f64
    };
    let peaks: Vec<f64> = (0..reps).map(|rep| peak(700 + rep)).collect();
    case("S13").check("mean_of_peak_bin", mean(&peaks), reps);
    case("S13").check("mean_per_bin", 100_000.0 / Span::secs(300).as_secs_f64(), 1);
}
