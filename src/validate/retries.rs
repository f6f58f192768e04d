//! Attempts, interruptions, backoff.

use super::availability::AT_ONCE;
use super::runs::{scenario, share, total};
use super::{Effort, Observed, observed};
use crate::fleet::{Backoff, Jitter};
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams};
use crate::sim::outcome::LatencyKind;

/// Attempts until one succeeds, at most three.
pub fn r01(effort: Effort) -> Vec<Observed> {
    let campaign = "rate = 'unlimited'\nretry.count = 2";
    let cohort = "download.takes = '0 s'\nfails.flash = 0.2";
    let tally = total(&scenario(effort.of(500_000, 2_000_000), campaign, cohort, ""));
    let n = tally.targeted;
    vec![
        observed("P_success", share(tally.succeeded(), n), n as f64),
        observed("mean_attempts", share(tally.attempts.iter().sum(), n), n as f64),
    ]
}

/// Each attempt succeeds, bricks the device, or may be tried again.
pub fn r02(effort: Effort) -> Vec<Observed> {
    let campaign = "rate = 'unlimited'\nretry.count = 3";
    let cohort = "download.takes = '0 s'\nfails = { flash = 0.029, bricks = 0.001 }";
    let tally = total(&scenario(effort.of(1_000_000, 10_000_000), campaign, cohort, ""));
    let n = tally.targeted;
    vec![
        observed("P_success", share(tally.succeeded(), n), n as f64),
        observed("P_brick", share(tally.bricked, n), n as f64),
        observed("P_exhausted", share(tally.failed(), n), n as f64),
    ]
}

/// Downloads that are interrupted, and go on or begin anew.
pub fn r03(effort: Effort) -> Vec<Observed> {
    let mut all = Vec::new();
    for (mode, mean) in [("restart", "restart_mean"), ("resume", "resume_mean")] {
        let cohort = format!(
            "online.renewal.on.exponential.mean = '1800 s'\n\
             online.renewal.off.exponential.mean = '900 s'\n\
             download.takes = '600 s'\ninterrupted = '{mode}'"
        );
        let tally = total(&scenario(effort.of(200_000, 1_000_000), AT_ONCE, &cohort, ""));
        let n = tally.downloads;
        let took = tally.latency(LatencyKind::Download).mean_s().unwrap_or(f64::NAN);
        all.push(observed(mean, took, n as f64));
        let first = share(tally.downloads_uninterrupted, n);
        all.push(observed("P_done_in_first_session", first, n as f64));
        if mode == "restart" {
            let interruptions = share(tally.interruptions, n);
            all.push(observed("mean_interruptions_restart", interruptions, n as f64));
        }
    }
    all
}

/// Delays between ten attempts that grow up to a cap, with and without jitter.
pub fn r04(effort: Effort) -> Vec<Observed> {
    let backoff =
        |jitter| Backoff { base: Span::secs(1), factor: 2.0, cap: Span::secs(60), jitter };
    let sum: Span = (1..10)
        .fold(Span::ZERO, |sum, failures| Span(sum.0 + backoff(Jitter::None).delay(failures).0));
    let streams = Streams::new(5);
    let devices = effort.of(500_000, 5_000_000);
    // Ten attempts, each of which fails with probability one half.
    let total = |jitter: Jitter, device: u32| {
        let backoff = backoff(jitter);
        let mut luck = streams.stream(DeviceId(device), Purpose::Attempt, 0);
        let mut now = Time::ZERO;
        for failures in 1..10 {
            if luck.next_u64() < 1 << 63 {
                break;
            }
            now = now + backoff.draw(failures, failures, DeviceId(device), &streams);
        }
        now.as_secs_f64()
    };
    let mean = |jitter| (0..devices).map(|d| total(jitter, d)).sum::<f64>() / f64::from(devices);
    vec![
        observed("sum_of_9_delays_no_jitter", sum.as_secs_f64(), 1.0),
        observed("mean_total_delay_no_jitter", mean(Jitter::None), devices),
        observed("mean_total_delay_full_jitter", mean(Jitter::Full), devices),
    ]
}
