//! Virtual time and tokio's time come to the same.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use fleetstorm::live;
use fleetstorm::model::{DeviceId, Time};
use fleetstorm::scenario::{self, Loaded};
use fleetstorm::sim::Options;
use fleetstorm::sim::outcome::{Ended, Outcome};
use proptest::prelude::*;

use super::golden::scenarios;
use super::rules::meeting::several;
use super::rules::stages;
use super::runs::{load, scenario, simulate, simulate_with};
use super::sweep;

/// Runs on a clock that skips what nobody waits for.
fn paused(loaded: &Loaded, scale: f64, trace: Option<DeviceId>) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options =
        Options { threads: None, trace, record: false, stop: &stop, progress: &mut progress };
    live::run_on(&runtime.unwrap(), loaded, scale, options).unwrap()
}

#[test]
fn real_time_takes_its_time_and_gives_the_same() {
    let campaign = "rate.constant.rate = '10 /s'";
    let loaded = load(&scenario(100, campaign, "download.takes = '5 s'", ""));
    let trace = Some(DeviceId(50));
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options =
        Options { threads: None, trace, record: false, stop: &stop, progress: &mut progress };
    let clock = Instant::now();
    let paced = live::run(&loaded, 30.0, options).unwrap();
    // The last report is the one after 14.9 s, which come after half a second.
    assert!(clock.elapsed().as_secs_f64() >= 14.9 / 30.0);
    assert_eq!(paced, simulate_with(&loaded, 2, trace));
    assert_eq!(paced.end, Time(15_000_000));
}

#[test]
fn a_stop_ends_a_run_in_real_time_soon() {
    let loaded =
        load(&scenario(100, "rate.constant.rate = '1 /min'", "download.takes = '5 d'", ""));
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options =
        Options { threads: None, trace: None, record: false, stop: &stop, progress: &mut progress };
    let clock = Instant::now();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        live::run(&loaded, 1.0, options).unwrap()
    });
    assert_eq!(outcome.ended, Ended::Interrupted);
    assert!(clock.elapsed().as_secs() < 20);
}

/// Every scenario of the library, with a fleet of a few hundred where it is generated, and
/// samples at fixed distances.
#[test]
fn the_library_comes_to_the_same_in_paused_time() {
    let (mut runs, mut entries) = (0, 0);
    for path in scenarios() {
        let sampled = || "run.sample_every='1 h'".to_owned();
        let few = scenario::load(&path, &["fleet.devices=300".to_owned(), sampled()]);
        // Without devices of its own a scenario has an inventory.
        let loaded = few.or_else(|_| scenario::load(&path, &[sampled()])).unwrap();
        for device in [0, 7, 123] {
            let trace = Some(DeviceId(device));
            let simulated = simulate_with(&loaded, 2, trace);
            let live = paused(&loaded, 600.0, trace);
            entries += simulated.trace.len();
            assert_eq!(live.trace, simulated.trace, "{}: device {device}", path.display());
            assert_eq!(live.end, simulated.end, "{}", path.display());
            assert!(live == simulated, "{}", path.display());
        }
        runs += 1;
    }
    assert!(runs > 20 && entries > 200, "{runs} scenarios, {entries} entries");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 30, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn random_scenarios_come_to_the_same_in_paused_time(text in sweep::text()) {
        let loaded = load(&text);
        prop_assert!(paused(&loaded, 1e6, None) == simulate(&loaded, 1), "{text}");
    }

    #[test]
    fn random_stages_come_to_the_same_in_paused_time(text in stages::text()) {
        let loaded = load(&text);
        prop_assert!(paused(&loaded, 1e4, None) == simulate(&loaded, 1), "{text}");
    }

    #[test]
    fn several_campaigns_come_to_the_same_in_paused_time(text in several()) {
        let loaded = load(&text);
        prop_assert!(paused(&loaded, 1e3, None) == simulate(&loaded, 1), "{text}");
    }
}
