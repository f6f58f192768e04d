//! Random numbers, laws, intervals, determinism.

use serde_json::Value;

use super::policies::S02_FLEET;
use super::runs::{load, run_seeded, scenario, simulate};
use super::{Effort, Observed, cases, observed};
use crate::dist::Law;
use crate::model::DeviceId;
use crate::rng::{Purpose, SplitMix64, Streams, philox2x64, philox4x32, philox4x64};
use crate::sim::outcome::LatencyKind;
use crate::stats::interval::{
    clopper_pearson, mean_and_variance, quantile_ranks, wilson, zero_failures_upper,
};
use crate::stats::steady::mser5;

fn model(id: &str) -> Value {
    let case = cases::all().into_iter().find(|case| case.id == id);
    case.expect("a case of the file").model
}

fn hex(text: &Value) -> Vec<u64> {
    let text = text.as_str().unwrap_or_default();
    text.split_whitespace().filter_map(|word| u64::from_str_radix(word, 16).ok()).collect()
}

fn words<const N: usize>(text: &Value) -> [u64; N] {
    hex(text).try_into().unwrap_or([0; N])
}

fn words32<const N: usize>(text: &Value) -> [u32; N] {
    words::<N>(text).map(|word| word as u32)
}

/// The generators against their published vectors.
pub fn t01(_: Effort) -> Vec<Observed> {
    let model = model("T01");
    let each = |key: &str, holds: &dyn Fn(&Value) -> bool| {
        model[key].as_array().is_some_and(|rows| !rows.is_empty() && rows.iter().all(holds))
    };
    let splitmix = |seed: u64, expected: &[u64]| {
        let mut sequence = SplitMix64(seed);
        !expected.is_empty() && expected.iter().all(|word| sequence.next_u64() == *word)
    };
    let plain: Vec<u64> = model["splitmix64_seed_1234567"]
        .as_array()
        .map_or(vec![], |words| words.iter().filter_map(Value::as_u64).collect());
    let zero: Vec<u64> = model["splitmix64_seed_0_hex"]
        .as_array()
        .map_or(vec![], |words| words.iter().flat_map(hex).collect());
    let matches = each("philox4x32_10", &|row| {
        philox4x32(words32(&row["ctr"]), words32(&row["key"])) == words32(&row["out"])
    }) && each("philox2x64_10", &|row| {
        philox2x64(words(&row["ctr"]), words::<1>(&row["key"])[0]) == words(&row["out"])
    }) && each("philox4x64_10", &|row| {
        philox4x64(words(&row["ctr"]), words(&row["key"])) == words(&row["out"])
    }) && splitmix(1_234_567, &plain)
        && splitmix(0, &zero);
    vec![observed("all_match", f64::from(u8::from(matches)), 1.0)]
}

/// The laws of the table, in its order.
fn laws() -> [Law; 8] {
    [
        Law::Exponential { mean: 10.0 },
        Law::Weibull { shape: 0.63, scale: 9.48 },
        Law::Lognormal { mu: 1.4, sigma: 1.73 },
        Law::Gamma { shape: 0.5, scale: 28.53 },
        Law::Pareto { alpha: 2.5, min: 1.0 },
        Law::Lomax { alpha: 1.5, scale: 3.0 },
        Law::LogLogistic { median: 4.0, shape: 3.0 },
        Law::Uniform { from: 2.0, to: 6.0 },
    ]
}

/// The laws' samples, means and variances against the table.
pub fn t02(_: Effort) -> Vec<Observed> {
    const SAMPLES: u32 = 100_000;
    let table = model("T02");
    let mut all = Vec::new();
    for (law, row) in laws().iter().zip(table["table"].as_array().into_iter().flatten()) {
        let streams = Streams::new(42);
        let stream = |device| streams.stream(DeviceId(device), Purpose::Period, 0);
        let mut values: Vec<f64> =
            (0..SAMPLES).map(|device| law.sample(&mut stream(device))).collect();
        values.sort_unstable_by(f64::total_cmp);
        let n = f64::from(SAMPLES);
        let distance = values.iter().zip(0..).map(|(value, rank)| {
            let expected = law.cdf(*value);
            (expected - f64::from(rank) / n).abs().max((f64::from(rank + 1) / n - expected).abs())
        });
        let mut distance = distance.fold(0.0, f64::max);
        // The table's own numbers must lie on the distribution function.
        for (key, p) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let off = row[key].as_f64().map_or(1.0, |quantile| (law.cdf(quantile) - p).abs());
            distance = distance.max(off);
        }
        if row["mean"].as_f64().is_none_or(|mean| (law.mean() / mean - 1.0).abs() > 1e-9) {
            distance = 1.0;
        }
        if row["sd"].as_f64().is_some_and(|sd| (law.variance().sqrt() / sd - 1.0).abs() > 1e-9) {
            distance = 1.0;
        }
        all.push(observed("KS_statistic_n_1e5_max", distance, 1.0));
    }
    all
}

/// Ranks that enclose a quantile with the given confidence.
pub fn t03(_: Effort) -> Vec<Observed> {
    let Some((low, high, coverage)) = quantile_ranks(10_000, 0.99, 0.95) else { return vec![] };
    vec![
        observed("lower_rank", low as f64, 1.0),
        observed("upper_rank", high as f64, 1.0),
        observed("exact_coverage", coverage, 1.0),
    ]
}

/// Intervals for proportions, one of them without any failure.
pub fn t04(_: Effort) -> Vec<Observed> {
    let (score, exact) = (wilson(995, 1000, 0.95), clopper_pearson(995, 1000, 0.95));
    let none = zero_failures_upper(1000, 0.95);
    vec![
        observed("wilson_lo", score.low, 1.0),
        observed("wilson_hi", score.high, 1.0),
        observed("clopper_pearson_lo", exact.low, 1.0),
        observed("clopper_pearson_hi", exact.high, 1.0),
        observed("zero_failures_in_1000_95pct_upper", none, 1.0),
    ]
}

/// Where a fixed series is cut off as warm-up (MSER-5).
pub fn t05(_: Effort) -> Vec<Observed> {
    let y = |i: u32| {
        let i = f64::from(i);
        10.0 * libm::exp(-i / 40.0) + libm::sin(0.7 * i) + 0.3 * libm::cos(2.3 * i)
    };
    let series: Vec<f64> = (0..600).map(y).collect();
    let Some(found) = mser5(&series) else { return Vec::new() };
    vec![
        observed("d_star_batches", found.dropped as f64 / 5.0, 1.0),
        observed("observations_removed", found.dropped as f64, 1.0),
        observed("mean_before", found.mean_before, 1.0),
        observed("mean_after", found.mean_after, 1.0),
    ]
}

/// One scenario on 1 to 16 threads: how many different outcomes there are.
pub fn t06(effort: Effort) -> Vec<Observed> {
    let campaign = "rate.constant = { rate = '40_000 /h', burst = 20 }
        retry = { count = 2, interval = '10 min' }\ntimeout = '60 min'
        abort = [{ metric = 'all', percent = 15, min_executed = 50_000, action = 'cancel-queued' }]";
    let cohort = format!(
        "{}reacts.exponential.mean = '1 min'\nfails = {{ flash = 0.1, bricks = 0.01 }}",
        super::availability::SKYPE.replace("'0 s'", "'9 min'")
    );
    let outage = "until = '20 d'\n[[outage]]\nname = 'carrier'
        when.random = { up.exponential.mean = '2 d', down.exponential.mean = '2 h' }";
    let loaded = load(&scenario(effort.of(100_000, 200_000), campaign, &cohort, outage));
    let mut outcomes = [1, 2, 3, 8, 16].map(|threads| simulate(&loaded, threads)).to_vec();
    outcomes.dedup();
    vec![observed("distinct_output_hashes", outcomes.len() as f64, 1.0)]
}

/// The same seeds for two rates: how much variance that takes from the difference.
pub fn t07(effort: Effort) -> Vec<Observed> {
    let load = |rate: &str| {
        let campaign = format!("rate.constant.rate = '{rate}'\noffline = 'store-and-forward'");
        load(&scenario(2000, &campaign, S02_FLEET, "every_flip = true\ntick = '10 s'"))
    };
    let (slow, fast) = (load("200 /h"), load("250 /h"));
    let pairs = effort.of(100, 400);
    let means = |loaded| {
        let mean = |seed| {
            let tally = run_seeded(loaded, seed).total();
            let mean = tally.latency(LatencyKind::ActivationToUpdated).mean_s();
            mean.unwrap_or(f64::NAN) / 3600.0
        };
        (0..pairs).map(mean).collect::<Vec<f64>>()
    };
    let (slow, fast) = (means(&slow), means(&fast));
    let paired: Vec<f64> = slow.iter().zip(&fast).map(|(s, f)| s - f).collect();
    let shifted = slow.iter().zip(fast.iter().cycle().skip(1));
    let independent: Vec<f64> = shifted.map(|(s, f)| s - f).collect();
    let ((mean, with), (_, without)) =
        (mean_and_variance(&paired), mean_and_variance(&independent));
    vec![
        observed("mean_difference", mean, pairs as f64),
        observed("variance_ratio_independent_over_crn", without / with, pairs as f64),
    ]
}
