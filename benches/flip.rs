//! The flip model: a million to a billion devices, one campaign; events/s and bytes per device.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use fleetstorm::model::{EventRate, Span};
use fleetstorm::scenario::{Loaded, file::*};
use fleetstorm::sim;

fn hours(h: u64) -> Span {
    Span::secs(h * 3600)
}

fn flip_model(devices: u32, every_flip: bool, spread: Span, until: Span) -> Loaded {
    let cohort = Cohort {
        name: "all".into(),
        share: None,
        versions: Default::default(),
        online: Online::Renewal {
            on: Law::Exponential { mean: hours(2) },
            off: Law::Exponential { mean: hours(4) },
            start: Start::Equilibrium,
        },
        never_returns: 0.0,
        reacts: Law::default(),
        download: Download::Takes(Law::Lognormal { median: Span::secs(120), sigma: 0.8 }),
        interrupted: Interrupted::Resume,
        verify: Law::default(),
        install: Law::Lognormal { median: Span::secs(60), sigma: 0.3 },
        fails: Fails { flash: 0.02, ..Fails::default() },
    };
    let scenario = Scenario {
        format: 1,
        package: Package { version: "2".into(), size: None, delta: Default::default() },
        campaign: Campaign {
            name: "flip".into(),
            select: Select::All,
            source_versions: vec![],
            blacklist: vec![],
            whitelist: vec![],
            rate: PushRate::Constant {
                rate: EventRate { count: u64::from(devices), per_us: spread.0 },
                burst: 1,
            },
            offline: OfflineTurn::WhenOnline,
            timeout: None,
            retry: Some(Retry {
                count: 2,
                interval: Span::ZERO,
                needs_permit: true,
                needs_source_version: false,
            }),
        },
        fleet: Fleet {
            devices: Some(devices),
            inventory: None,
            versions: [("1".to_owned(), 1.0)].into(),
            cohort: vec![cohort],
        },
        run: Run { every_flip, until, ..Run::default() },
    };
    Loaded {
        scenario,
        text: String::new(),
        inventory: None,
        measured: vec![None],
        select_list: None,
        blacklist: vec![],
        whitelist: None,
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let n: f64 = args[0].parse().unwrap();
    let threads: usize = args[1].parse().unwrap();
    let every_flip = args[2] == "flips";
    let (spread, until) =
        if args.get(3).is_some() { (hours(168), hours(240)) } else { (hours(24), hours(48)) };
    let loaded = flip_model(n as u32, every_flip, spread, until);
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let mut progress = |_p: sim::Progress| {};
    let outcome = sim::run(
        &loaded,
        sim::Options { threads: Some(threads), stop: &stop, progress: &mut progress },
    )
    .unwrap();
    let wall = begin.elapsed().as_secs_f64();
    let total = outcome.total();
    let events = outcome.events.total();
    let peak = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak: f64 = peak
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        * 1024.0;
    println!(
        "n={n} threads={threads} {} wall={wall:.3}s events={events} {:.2} M/s {:.1} ns/event peak={:.0} MiB {:.1} B/dev ok={} failed={} open={} ended={:?} {:?}",
        args[2],
        events as f64 / wall / 1e6,
        wall * 1e9 / events as f64,
        peak / 1048576.0,
        peak / n,
        total.succeeded(),
        total.failed(),
        total.open(),
        outcome.ended,
        outcome.events
    );
    let t = |p: f64| total.time_to_updated(p).map(|t| t.to_string());
    println!(
        "  t50={:?} t90={:?} t99={:?}  first try {}",
        t(0.5),
        t(0.9),
        t(0.99),
        total.first_try_successes
    );
}
