//! The flip model on one machine: one JSON line with events/s and bytes per device.
//!
//! `cargo bench --bench flip -- N [flips|lazy|limit] [THREADS] [DAYS]`; one measurement per
//! process, so that peak memory is its own. `benches/run` calls it for the whole table.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use fleetstorm::fleet::Presence;
use fleetstorm::model::{CohortId, Time};
use fleetstorm::scenario;
use fleetstorm::sim::{self, memory::reserve, prefetch::prefetch};
use serde_json::json;

const MODEL: &str = include_str!("../scenarios/flip-model.toml");

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let word = |at: usize, default: &str| args.get(at).map_or(default, |a| a).to_owned();
    let devices: u32 = word(0, "100000").parse().expect("number of devices");
    let mode = word(1, "flips");
    let threads: usize = word(2, "1").parse().expect("number of threads");
    let days: u64 = word(3, "1").parse().expect("days that the pushes take");
    match mode.as_str() {
        "limit" => limit(devices),
        "flips" | "lazy" => campaign(devices, &mode, threads, days),
        other => panic!("no such mode: {other}"),
    }
}

/// Runs the model with pushes spread over `days`, up to a day more.
fn campaign(devices: u32, mode: &str, threads: usize, days: u64) {
    let sets = [
        format!("fleet.devices={devices}"),
        format!("campaign.rate.constant.rate=\"{devices} /{days} d\""),
        format!("run.until=\"{} d\"", days + 1),
        format!("run.every_flip={}", mode == "flips"),
    ];
    let loaded = scenario::load_text("flip-model.toml", MODEL, ".".as_ref(), &sets)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let options = sim::Options {
        threads: Some(threads),
        trace: None,
        record: false,
        stop: &stop,
        progress: &mut |_| {},
    };
    let outcome = sim::run(&loaded, options).expect("memory for the fleet");
    let wall_s = begin.elapsed().as_secs_f64();
    let total = outcome.total();
    let events = outcome.events.total();
    let peak = fleetstorm::report::manifest::peak_memory().unwrap_or(0);
    let hours = |thousandths| total.time_to_updated(thousandths).map(|t| t.as_secs_f64() / 3600.0);
    println!(
        "{}",
        json!({
            "engine": "fleetstorm", "mode": mode, "n": devices, "threads": threads,
            "days": days, "events": events, "wall_s": wall_s,
            "events_per_s": events as f64 / wall_s,
            "ns_per_event": wall_s * 1e9 / events as f64,
            "peak_rss_bytes": peak, "bytes_per_device": peak as f64 / f64::from(devices),
            "succeeded": total.succeeded(), "failed": total.failed(), "open": total.open(),
            "p50_h": hours(50_000), "p90_h": hours(90_000), "p99_h": hours(99_000),
        })
    );
}

/// The least that an event can cost: the same records, read and written in random order with
/// the same prefetch, and nothing else done.
fn limit(devices: u32) {
    const AHEAD: usize = 64;
    let count = devices as usize;
    let mut records = reserve(count).expect("memory for the fleet");
    records.fill(Presence::new(CohortId(0), false, Time::NEVER));
    let order = shuffled(devices);
    let mut best = f64::INFINITY;
    for round in 0..5 {
        let begin = Instant::now();
        for (at, slot) in order.iter().enumerate() {
            prefetch(&records, order.get(at + AHEAD).map_or(usize::MAX, |slot| *slot as usize));
            records[*slot as usize].periods += round;
        }
        best = best.min(begin.elapsed().as_secs_f64());
    }
    let sum: u64 = records.iter().map(|record| u64::from(record.periods)).sum();
    assert_eq!(sum, 10 * count as u64, "every record was written in every round");
    println!(
        "{}",
        json!({
            "engine": "limit", "n": devices, "record_bytes": size_of::<Presence>(),
            "ns_per_record": best * 1e9 / count as f64,
        })
    );
}

/// 0 to `count`, in random order.
fn shuffled(count: u32) -> Vec<u32> {
    let mut random = fleetstorm::rng::SplitMix64(1);
    let mut order: Vec<u32> = (0..count).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
    }
    order
}
