//! Rollout policies: rates, caps, stages, aborts, storms.

use super::availability::AT_ONCE;
use super::runs::{hours, load, run, run_seeded, scenario, share, simulate, total};
use super::{Effort, Observed, observed};
use crate::model::{Span, Time};
use crate::scheduler::state::{FailureReason, TaskState};
use crate::sim::outcome::{LatencyKind, Outcome, SeriesRow};
use crate::stats::Latency;
use crate::stats::interval::mean_and_variance;

fn max_s(latency: &Latency) -> f64 {
    latency.max().map_or(f64::NAN, Span::as_secs_f64)
}

/// The last task's end in seconds.
fn makespan(outcome: &Outcome) -> f64 {
    max_s(outcome.total().latency(LatencyKind::ActivationToUpdated))
}

/// A constant rate to a fleet that is always online, with a fine and a coarse tick.
pub fn s01(_: Effort) -> Vec<Observed> {
    let mut all = Vec::new();
    for tick in ["1 ms", "1 s"] {
        let run = format!("tick = '{tick}'");
        let campaign = "rate.constant.rate = '500 /s'";
        let tally = total(&scenario(100_000, campaign, "download.takes = '120 s'", &run));
        let updated = tally.latency(LatencyKind::ActivationToUpdated);
        all.extend([
            observed("last_push", max_s(tally.latency(LatencyKind::EligibleToPushed)), 1.0),
            observed("makespan", max_s(updated), 1.0),
            observed("mean_completion", updated.mean_s().unwrap_or(f64::NAN), 1.0),
        ]);
    }
    all
}

/// The fleet of S02 and T07.
pub const S02_FLEET: &str = "online.renewal.on.exponential.mean = '18 h'
online.renewal.off.exponential.mean = '6 h'
download.takes = '0 s'";

/// A constant rate to a fleet of which a part is offline, lazily and with every flip.
pub fn s02(effort: Effort) -> Vec<Observed> {
    let devices = effort.of(200_000, 1_000_000);
    let mut all = Vec::new();
    for flips in [false, true] {
        let campaign =
            format!("rate.constant.rate = '{} /h'\noffline = 'store-and-forward'", devices / 10);
        let run = format!("every_flip = {flips}");
        let tally = total(&scenario(devices, &campaign, S02_FLEET, &run));
        let done = tally.latency(LatencyKind::ActivationToUpdated);
        let n = done.count() as f64;
        let quantile = |q| done.quantile(q).map_or(f64::NAN, Span::as_secs_f64) / 3600.0;
        all.extend([
            observed("mean_completion", done.mean_s().unwrap_or(f64::NAN) / 3600.0, n),
            observed("done_by_5h", done.share_at_most(hours(5)), n),
            observed("done_by_10h", done.share_at_most(hours(10)), n),
            observed("done_by_24h", done.share_at_most(hours(24)), n),
            observed("p50", quantile(0.5), n),
            observed("p95", quantile(0.95), n),
            observed("p99", quantile(0.99), n),
            observed("p99.9", quantile(0.999), n),
        ]);
    }
    all
}

/// A hundred in flight: the makespan with constant and with exponential downloads.
pub fn s03(effort: Effort) -> Vec<Observed> {
    let capped = |law: &str| {
        let cohort = format!("download.takes{law}");
        scenario(10_000, "rate = 'unlimited'\nin_flight = 100", &cohort, "tick = '1 ms'")
    };
    // A slot is given on at the next boundary: with ticks of 1 ms, 99 times 1 ms in a row.
    let lag = 0.099;
    let fixed = makespan(&run(&capped(" = '60 s'")));
    let loaded = load(&capped(".exponential.mean = '60 s'"));
    let replications = effort.of(60, 400);
    let makespans: Vec<f64> =
        (0..replications).map(|rep| makespan(&run_seeded(&loaded, 30 + rep))).collect();
    let (mean, variance) = mean_and_variance(&makespans);
    let n = replications as f64;
    vec![
        observed("makespan_det", fixed - lag, 1.0),
        observed("makespan_mean_exp", mean, n),
        observed("makespan_sd_exp", variance.sqrt(), n),
    ]
}

/// Pushes that left before this instant.
fn notified_before(outcome: &Outcome, minutes: f64) -> f64 {
    let at = Time((minutes * 60e6) as u64);
    let row = outcome.series.times.partition_point(|time| *time < at);
    outcome.series.rows[row].pushes as f64
}

fn last_push_minutes(outcome: &Outcome) -> f64 {
    max_s(outcome.total().latency(LatencyKind::EligibleToPushed)) / 60.0
}

fn exponential(of: &str, lag: &str) -> Outcome {
    let campaign = format!(
        "rate.exponential = {{ base = 50, factor = 2.0, every = 1000, max = 1000, of = '{of}' }}"
    );
    let cohort = format!("download.takes = '{lag}'");
    run(&scenario(100_000, &campaign, &cohort, "sample_every = '1 s'\nuntil = '1 d'"))
}

/// A rate that grows with what is notified.
pub fn s04(_: Effort) -> Vec<Observed> {
    let outcome = exponential("notified", "0 s");
    vec![
        observed("time_to_notify_all", last_push_minutes(&outcome), 1.0),
        observed("notified_at_38.75_min", notified_before(&outcome, 38.75), 1.0),
    ]
}

/// A rate that grows with what has succeeded, five minutes after the push.
pub fn s05(_: Effort) -> Vec<Observed> {
    let outcome = exponential("succeeded", "5 min");
    // Two pushes in one second: until then there is one every 1.2 s.
    let pushes = |second: usize| outcome.series.rows[second].pushes;
    let first = (0..10_000).find(|s| pushes(s + 1) - pushes(*s) > 1);
    vec![
        observed("time_to_notify_all", last_push_minutes(&outcome), 1.0),
        observed("notified_at_52.5_min", notified_before(&outcome, 52.5), 1.0),
        observed("rate_change_times", first.map_or(f64::NAN, |s| s as f64 / 60.0), 1.0),
    ]
}

/// One campaign that is aborted at 10 % failed of at least 100 finished; results one by one.
fn abort_case(p: f64, effort: Effort) -> Vec<Observed> {
    let campaign = "rate.constant.rate = '50 /s'\nabort = [{ percent = 10, min_executed = 100 }]";
    let cohort = format!("download.takes = '1 s'\nfails.flash = {p}");
    let text = scenario(10_000, campaign, &cohort, "tick = '20 ms'\nsample_every = '10 min'");
    let loaded = load(&text);
    let campaigns = effort.of(700, 5_000);
    let (mut aborted, mut at_first, mut finished, mut failures) = (0, 0, 0, 0);
    for seed in 0..campaigns {
        if let Some(abort) = run_seeded(&loaded, 5_000 + seed).campaign.aborts.first() {
            let counts = abort.abort.met_counts;
            aborted += 1;
            at_first += u64::from(counts.finished() == 100);
            finished += counts.finished();
            failures += counts.failed();
        }
    }
    let n = campaigns as f64;
    vec![
        observed("P_abort", share(aborted, campaigns), n),
        observed("P_abort_at_first_check", share(at_first, campaigns), n),
        observed("mean_finished_at_abort", share(finished, aborted), aborted as f64),
        observed("mean_failures_at_abort", share(failures, aborted), aborted as f64),
    ]
}

/// How often and when an abort rule at 10 % stops a campaign of which 5 % fail.
pub fn s06a(effort: Effort) -> Vec<Observed> {
    abort_case(0.05, effort)
}

/// As [`s06a`], 8 % fail.
pub fn s06b(effort: Effort) -> Vec<Observed> {
    abort_case(0.08, effort)
}

/// As [`s06a`], 15 % fail.
pub fn s06c(effort: Effort) -> Vec<Observed> {
    abort_case(0.15, effort)
}

/// How many devices are pushed before the first results can stop the campaign.
pub fn s07(_: Effort) -> Vec<Observed> {
    let campaign =
        "rate.constant.rate = '200 /min'\nabort = [{ percent = 10, min_executed = 100 }]";
    let cohort = "download.takes = '10 min'\nfails.flash = 1.0";
    let outcome = run(&scenario(10_000, campaign, cohort, "tick = '100 ms'"));
    let Some(abort) = outcome.campaign.aborts.first() else { return Vec::new() };
    vec![
        observed("abort_time", abort.abort.acted.as_secs_f64() / 60.0, 1.0),
        observed("devices_pushed_at_abort", abort.abort.acted_counts.notified as f64, 1.0),
        observed("devices_pushed_at_abort", outcome.total().attempts[0] as f64, 1.0),
    ]
}

/// A rate with a burst: no span of time holds more pushes than the two allow.
pub fn s08(_: Effort) -> Vec<Observed> {
    let campaign = "rate.constant = { rate = '10 /s', burst = 100 }";
    let run_table = "tick = '1 ms'\nsample_every = '100 ms'\nuntil = '1 h'";
    let outcome = run(&scenario(1000, campaign, "download.takes = '0 s'", run_table));
    let tally = outcome.total();
    let pushed = tally.latency(LatencyKind::EligibleToPushed);
    // Any window of w tenths of a second holds at most the burst and w pushes more.
    let sent: Vec<f64> = outcome.series.rows.iter().map(|row| row.pushes as f64).collect();
    let excess = |from: usize| {
        let within = |to: usize| sent[to] - sent[from] - 100.0 - (to - from) as f64;
        (from..sent.len()).map(within).fold(f64::NEG_INFINITY, f64::max)
    };
    let worst = (0..sent.len()).map(excess).fold(f64::NEG_INFINITY, f64::max);
    vec![
        observed("last_send", max_s(pushed), 1.0),
        observed("sent_at_0", pushed.histogram().count_at(0) as f64, 1.0),
        observed("max_excess_over_burst_plus_rt", worst, 1.0),
    ]
}

/// Four phases, two days apart: the size of each, and the mean start.
pub fn s10(_: Effort) -> Vec<Observed> {
    let campaign = "rate = 'unlimited'\nstages.phases = [{ percent = 5 }, \
        { at = '2 d', percent = 25 }, { at = '4 d', percent = 50 }, { at = '6 d', percent = 100 }]";
    let every = "sample_every = '1 d'\nuntil = '10 d'";
    let outcome = run(&scenario(100_000, campaign, "download.takes = '30 s'", every));
    let total = outcome.total();
    let starts = total.latency(LatencyKind::EligibleToPushed).mean_s().unwrap_or(f64::NAN);
    let pushed = |days: u64| {
        let at = Time(days * 86_400_000_000);
        let row = outcome.series.times.iter().position(|time| *time == at);
        row.map_or(0.0, |row| outcome.series.rows[row].pushes as f64)
    };
    let waves = [pushed(1), pushed(3) - pushed(1), pushed(5) - pushed(3)];
    let rest = total.turns as f64 - pushed(5);
    // The case gives the first wave; the others follow from the stages.
    let all = [waves[0], waves[1] / 4.0, waves[2] / 5.0, rest / 10.0];
    let waves = all.map(|wave| observed("wave_sizes", wave, 1.0));
    [vec![observed("mean_start", starts / 86_400.0, 1.0)], waves.to_vec()].concat()
}

/// The slowest of a million devices.
pub fn s12(effort: Effort) -> Vec<Observed> {
    let cohort = "online.renewal = { on = '1 h', off.exponential.mean = '6 h', start = 'offline' }
                  download.takes = '0 s'";
    let loaded = load(&scenario(1_000_000, AT_ONCE, cohort, ""));
    let replications = effort.of(20, 200);
    let slowest = |seed| makespan(&run_seeded(&loaded, seed)) / 3600.0;
    let mut hours: Vec<f64> = (1..=replications).map(slowest).collect();
    hours.sort_by(f64::total_cmp);
    let n = hours.len();
    let (mean, _) = mean_and_variance(&hours);
    let median = (hours[(n - 1) / 2] + hours[n / 2]) / 2.0;
    // With a step between two values, as quantiles of small samples are usually taken.
    let place = 0.95 * (n - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let p95 = hours[below] + part * (hours[(below + 1).min(n - 1)] - hours[below]);
    vec![
        observed("mean_max", mean, n as f64),
        observed("median_max", median, n as f64),
        observed("p95_max", p95, n as f64),
    ]
}

/// Everyone is offered at once and begins within five minutes: the busiest second.
pub fn s13(effort: Effort) -> Vec<Observed> {
    // Offers to everyone at once, answered after a random time; a download begins with each.
    let cohort = "reacts.uniform = { from = '0 s', to = '300 s' }\ndownload.takes = '1 h'";
    let run_table = "sample_every = '1 s'\nuntil = '310 s'";
    let loaded = load(&scenario(100_000, "rate = 'unlimited'", cohort, run_table));
    let downloading = TaskState::Downloading.index();
    let replications = effort.of(40, 400);
    let mut all = Vec::new();
    let mut peaks = Vec::new();
    for rep in 0..replications {
        let rows = run_seeded(&loaded, 700 + rep).series.rows;
        let begun =
            |pair: &[SeriesRow]| (pair[1].states[downloading] - pair[0].states[downloading]) as f64;
        let bins: Vec<f64> = rows[..=300].windows(2).map(begun).collect();
        peaks.push(bins.iter().copied().fold(0.0, f64::max));
        if rep == 0 {
            // Who reacts in the last instant is seen a row later.
            let last = rows[301].states[downloading] as f64;
            all.push(observed("mean_per_bin", last / bins.len() as f64, 1.0));
        }
    }
    let (mean, _) = mean_and_variance(&peaks);
    all.push(observed("mean_of_peak_bin", mean, replications as f64));
    all
}

/// The share of the tasks whose download takes longer than the timeout.
pub fn s14(effort: Effort) -> Vec<Observed> {
    let campaign = "rate = 'unlimited'\ntimeout = '10 min'";
    let cohort = "download.takes.lognormal-mean = { mean = '120 s', scv = 1.0 }";
    let loaded = load(&scenario(effort.of(500_000, 4_000_000), campaign, cohort, ""));
    let tally = simulate(&loaded, 1).total();
    let timeouts = tally.failures[FailureReason::Timeout as usize];
    vec![observed("P_timeout", share(timeouts, tally.targeted), tally.targeted as f64)]
}
