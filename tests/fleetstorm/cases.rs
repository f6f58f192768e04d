//! Closed-form cases, each through the whole engine (`tests/data/cases.json`).

use fleetstorm::model::Span;
use fleetstorm::scheduler::state::FailureReason;
use fleetstorm::sim::outcome::{Ended, LatencyKind, Tally};

use super::case::case;
use super::runs::{load, result_files, run, run_seeded, scenario, simulate, total};

/// Skype hosts of 2006, the fleet of A01, A02 and A09.
const SKYPE: &str = r#"
online.renewal.on.weibull = { shape = 0.64, scale = "10.86 h" }
online.renewal.off.weibull = { shape = 0.63, scale = "9.48 h" }
download.takes = "0 s"
"#;

/// Offers to the whole fleet at once, which wait for devices that are offline.
const AT_ONCE: &str = "rate = 'unlimited'\noffline = 'store-and-forward'";

/// As [`AT_ONCE`], but one by one over five days: most devices have changed state often.
const OVER_DAYS: &str = "rate.constant.rate = '20_000 /d'\noffline = 'store-and-forward'";

const DEVICES: u32 = 100_000;

fn hours(h: u64) -> Span {
    Span::secs(h * 3600)
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Devices that were offline at their turn.
fn offline(tally: &Tally) -> u64 {
    tally.turns - tally.online_at_turn
}

/// Runs the law in the three ways that must agree: lazily, with every flip, and with every
/// flip and offers that come late.
fn in_every_mode(cohort: &str, check: impl Fn(&Tally)) {
    for (campaign, flips) in [(AT_ONCE, false), (OVER_DAYS, false), (OVER_DAYS, true)] {
        let flips = format!("every_flip = {flips}\nuntil = '2000 d'");
        check(&total(&scenario(DEVICES, campaign, cohort, &flips)));
    }
}

#[test]
fn a01_share_online() {
    in_every_mode(SKYPE, |tally| {
        assert_eq!(tally.turns, u64::from(DEVICES));
        let online = share(tally.online_at_turn, tally.turns);
        case("A01").check("fraction_online", online, tally.turns);
    });
}

#[test]
fn a02_wait_until_reachable() {
    in_every_mode(SKYPE, |tally| {
        let wait = tally.latency(LatencyKind::PushedToUpdated);
        assert_eq!(wait.count(), u64::from(DEVICES));
        let a02 = case("A02");
        a02.check("mean_wait_all_devices", wait.mean_s().unwrap() / 3600.0, wait.count());
        let mean = wait.sum_us() as f64 / offline(tally) as f64 / 3.6e9;
        a02.check("mean_wait_given_offline", mean, offline(tally));
        for h in [1, 6, 24, 168] {
            let reached = wait.share_at_most(hours(h));
            a02.check(&format!("reached_by_{h}h"), reached, wait.count());
        }
    });
}

fn residual(id: &'static str, off: &str) {
    let cohort = format!(
        "online.renewal.on.exponential.mean = '10 h'\nonline.renewal.off{off}\ndownload.takes = '0 s'"
    );
    in_every_mode(&cohort, |tally| {
        let wait = tally.latency(LatencyKind::PushedToUpdated);
        let devices = offline(tally);
        let mean = wait.sum_us() as f64 / devices as f64 / 3.6e9;
        case(id).check("mean_residual", mean, devices);
        if id == "A03b" {
            let max = wait.max().unwrap().as_secs_f64() / 3600.0;
            case(id).check("max_residual", max, devices);
        } else {
            let later = (1.0 - wait.share_at_most(hours(24))) * wait.count() as f64;
            case(id).check("P_residual_gt_24h", later / devices as f64, devices);
        }
    });
}

#[test]
fn a03a_residual_exponential() {
    residual("A03a", ".exponential.mean = '10 h'");
}

#[test]
fn a03b_residual_deterministic() {
    residual("A03b", " = '10 h'");
}

#[test]
fn a03c_residual_weibull() {
    residual("A03c", ".weibull = { shape = 0.5, scale = '5 h' }");
}

#[test]
fn a03d_residual_lognormal() {
    residual("A03d", ".lognormal-mean = { mean = '10 h', scv = 4.0 }");
}

#[test]
fn a03e_residual_hyper_exponential() {
    let branches = "{ share = 0.8, mean = '1 h' }, { share = 0.2, mean = '24 h' }";
    residual("A03e", &format!(".hyper-exponential = [{branches}]"));
}

#[test]
fn a09_never_returning_devices() {
    let cohort = format!("{SKYPE}never_returns = 0.02");
    let outcome = run(&scenario(2 * DEVICES, AT_ONCE, &cohort, "until = '2000 d'"));
    assert_eq!(outcome.ended, Ended::NothingLeft);
    let tally = outcome.total();
    let updated = tally.latency(LatencyKind::ActivationToUpdated);
    let reached = |h| updated.share_at_most(hours(h)) * share(updated.count(), tally.targeted);
    let a09 = case("A09");
    a09.check("reached_at_0", share(tally.online_at_turn, tally.turns), tally.turns);
    a09.check("reached_24h", reached(24), tally.targeted);
    a09.check("reached_168h", reached(168), tally.targeted);
    a09.check("plateau", tally.success_rate_of_targeted().unwrap(), tally.targeted);
}

#[test]
fn r01_geometric_retries() {
    let campaign = "rate = 'unlimited'\nretry.count = 2";
    let cohort = "download.takes = '0 s'\nfails.flash = 0.2";
    let tally = total(&scenario(500_000, campaign, cohort, ""));
    let n = tally.targeted;
    let r01 = case("R01");
    r01.check("P_success", share(tally.succeeded(), n), n);
    r01.check("mean_attempts", share(tally.attempts.iter().sum(), n), n);
}

#[test]
fn r02_success_brick_and_retryable() {
    let campaign = "rate = 'unlimited'\nretry.count = 3";
    let cohort = "download.takes = '0 s'\nfails = { flash = 0.029, bricks = 0.001 }";
    let tally = total(&scenario(1_000_000, campaign, cohort, ""));
    let n = tally.targeted;
    let r02 = case("R02");
    r02.check("P_success", share(tally.succeeded(), n), n);
    r02.check("P_brick", share(tally.bricked, n), n);
    r02.check("P_exhausted", share(tally.failed(), n), n);
}

#[test]
fn r03_interrupted_download() {
    for mode in ["restart", "resume"] {
        let cohort = format!(
            "online.renewal.on.exponential.mean = '1800 s'\nonline.renewal.off.exponential.mean = '900 s'
             download.takes = '600 s'\ninterrupted = '{mode}'"
        );
        let tally = total(&scenario(200_000, AT_ONCE, &cohort, ""));
        let n = tally.downloads;
        let mean = tally.latency(LatencyKind::Download).mean_s().unwrap();
        let r03 = case("R03");
        r03.check(&format!("{mode}_mean"), mean, n);
        r03.check("P_done_in_first_session", share(tally.downloads_uninterrupted, n), n);
        if mode == "restart" {
            r03.check("mean_interruptions_restart", share(tally.interruptions, n), n);
        }
    }
}

#[test]
fn s01_constant_rate_on_a_fleet_that_is_always_online() {
    for tick in ["1 ms", "1 s"] {
        let run = format!("tick = '{tick}'");
        let campaign = "rate.constant.rate = '500 /s'";
        let tally = total(&scenario(100_000, campaign, "download.takes = '120 s'", &run));
        let last = tally.latency(LatencyKind::EligibleToPushed).max().unwrap();
        let updated = tally.latency(LatencyKind::ActivationToUpdated);
        let s01 = case("S01");
        s01.check("last_push", last.as_secs_f64(), 1);
        s01.check("makespan", updated.max().unwrap().as_secs_f64(), 1);
        s01.check("mean_completion", updated.mean_s().unwrap(), 1);
    }
}

/// The fleet of S02 and T07.
const S02_FLEET: &str = "online.renewal.on.exponential.mean = '18 h'
online.renewal.off.exponential.mean = '6 h'
download.takes = '0 s'";

#[test]
fn s02_rate_and_offline_tail() {
    for flips in [false, true] {
        let campaign = "rate.constant.rate = '20_000 /h'\noffline = 'store-and-forward'";
        let run = format!("every_flip = {flips}");
        let tally = total(&scenario(200_000, campaign, S02_FLEET, &run));
        let done = tally.latency(LatencyKind::ActivationToUpdated);
        let n = done.count();
        let s02 = case("S02");
        s02.check("mean_completion", done.mean_s().unwrap() / 3600.0, n);
        for h in [5, 10, 24] {
            s02.check(&format!("done_by_{h}h"), done.share_at_most(hours(h)), n);
        }
        for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)] {
            s02.check(name, done.quantile(q).unwrap().as_secs_f64() / 3600.0, n);
        }
    }
}

#[test]
fn s08_burst_then_pace() {
    let campaign = "rate.constant = { rate = '10 /s', burst = 100 }";
    let tally = total(&scenario(1000, campaign, "download.takes = '0 s'", "tick = '1 ms'"));
    let pushed = tally.latency(LatencyKind::EligibleToPushed);
    let s08 = case("S08");
    s08.check("last_send", pushed.max().unwrap().as_secs_f64(), 1);
    s08.check("sent_at_0", pushed.histogram().count_at(0) as f64, 1);
}

#[test]
fn s12_slowest_of_a_million() {
    let cohort = "online.renewal = { on = '1 h', off.exponential.mean = '6 h', start = 'offline' }
                  download.takes = '0 s'";
    let text = scenario(1_000_000, AT_ONCE, cohort, "");
    let slowest = |seed| {
        let max = run_seeded(&text, seed).total().latency(LatencyKind::ActivationToUpdated).max();
        max.unwrap().as_secs_f64() / 3600.0
    };
    let mut hours: Vec<f64> = (1..=REPLICATIONS).map(slowest).collect();
    hours.sort_by(f64::total_cmp);
    let n = hours.len();
    let s12 = case("S12");
    s12.check("mean_max", hours.iter().sum::<f64>() / n as f64, n as u64);
    s12.check("median_max", (hours[(n - 1) / 2] + hours[n / 2]) / 2.0, n as u64);
}

/// Too few for the case's 95 % quantile; a hundred would take minutes.
const REPLICATIONS: u64 = 20;

#[test]
fn s14_share_of_timeouts() {
    let campaign = "rate = 'unlimited'\ntimeout = '10 min'";
    let cohort = "download.takes.lognormal-mean = { mean = '120 s', scv = 1.0 }";
    let tally = total(&scenario(500_000, campaign, cohort, ""));
    let timeouts = tally.failures[FailureReason::Timeout as usize];
    case("S14").check("P_timeout", share(timeouts, tally.targeted), tally.targeted);
}

#[test]
fn t06_one_result_for_any_number_of_threads() {
    let campaign = "rate.constant = { rate = '40_000 /h', burst = 20 }
                    retry = { count = 2, interval = '10 min' }\ntimeout = '60 min'";
    let cohort = format!(
        "{}reacts.exponential.mean = '1 min'\nfails = {{ flash = 0.1, bricks = 0.01 }}",
        SKYPE.replace("'0 s'", "'9 min'").replace("\"0 s\"", "\"9 min\"")
    );
    let loaded = load(&scenario(DEVICES, campaign, &cohort, "until = '20 d'"));
    let outputs = [1, 2, 3, 8, 16].map(|threads| {
        let outcome = simulate(&loaded, threads);
        result_files(&loaded, &outcome)
    });
    let mut distinct: Vec<_> = outputs.iter().collect();
    distinct.dedup();
    case("T06").check("distinct_output_hashes", distinct.len() as f64, 1);
}

#[test]
fn t07_common_random_numbers() {
    let mean = |rate: &str, seed| {
        let campaign = format!("rate.constant.rate = '{rate}'\noffline = 'store-and-forward'");
        let text = scenario(2000, &campaign, S02_FLEET, "every_flip = true\ntick = '10 s'");
        let tally = run_seeded(&text, seed).total();
        tally.latency(LatencyKind::ActivationToUpdated).mean_s().unwrap() / 3600.0
    };
    let pairs = 200;
    let slow: Vec<f64> = (0..pairs).map(|seed| mean("200 /h", seed)).collect();
    let fast: Vec<f64> = (0..pairs).map(|seed| mean("250 /h", seed)).collect();
    let paired: Vec<f64> = slow.iter().zip(&fast).map(|(s, f)| s - f).collect();
    let shifted = slow.iter().zip(fast.iter().cycle().skip(1));
    let independent: Vec<f64> = shifted.map(|(s, f)| s - f).collect();
    let t07 = case("T07");
    t07.check("mean_difference", paired.iter().sum::<f64>() / pairs as f64, pairs);
    let ratio = variance(&independent) / variance(&paired);
    t07.check("variance_ratio_independent_over_crn", ratio, pairs);
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}
