//! When devices can be reached: patterns, windows, outages, traces.

use fleetstorm::fleet::Presence;
use fleetstorm::model::{CohortId, DeviceId, Span, Time};
use fleetstorm::sim::outcome::LatencyKind;
use fleetstorm::sim::world_of;
use proptest::prelude::*;

use super::runs::{load, run, scenario, simulate};
use super::sweep;

/// A scenario in which every cohort's reach follows from the device and the instant alone.
fn stateless() -> impl Strategy<Value = String> {
    (sweep::reach(), sweep::outage(), 1u32..10_000, 1u32..150).prop_map(
        |(reach, outage, seed, devices)| {
            let cohort = format!("{reach}\ndownload.takes.exponential.mean = '20 min'");
            let campaign = "rate.constant.rate = '40 /h'\ntimeout = '600 min'\nretry.count = 1";
            let run = format!("seed = {seed}\nuntil = '6 d'\n{outage}");
            scenario(devices, campaign, &cohort, &run)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Not the same laws only, but the same devices: lazily and with every flip.
    #[test]
    fn a_reach_is_the_same_whether_or_not_flips_are_simulated(text in stateless()) {
        let lazy = simulate(&load(&text), 1);
        let full = simulate(&load(&text.replace("seed =", "every_flip = true\nseed =")), 2);
        let (lazy, full) = (lazy.total(), full.total());
        prop_assert_eq!(lazy.states, full.states);
        prop_assert_eq!(&lazy.attempts, &full.attempts);
        prop_assert_eq!(lazy.interruptions, full.interruptions);
        let of = |t: &fleetstorm::sim::outcome::Tally| {
            let latency = t.latency(LatencyKind::ActivationToUpdated);
            (latency.count(), latency.sum_us())
        };
        prop_assert_eq!(of(&lazy), of(&full));
    }

    /// What holds until an instant holds at every instant before, and not at that one.
    #[test]
    fn a_state_lasts_exactly_as_long_as_it_says(
        text in stateless(),
        device in 0u32..1_000,
        at in 0u64..5 * 86_400_000_000,
        within in 0.0f64..1.0,
    ) {
        let world = world_of(&load(&text));
        let cohort = world.cohort(CohortId(0));
        let look = |at: Time| {
            Presence::first(DeviceId(device), CohortId(0), at, cohort, &world.streams)
        };
        let state = look(Time(at));
        let until = state.until();
        prop_assert!(until > Time(at));
        let between = at + ((until.0.min(world.until.0) - at) as f64 * within) as u64;
        prop_assert_eq!(look(Time(between)).online(), state.online());
        prop_assert_eq!(look(Time(between)).until().min(world.until), until.min(world.until));
        if until < world.until {
            prop_assert_ne!(look(until).online(), state.online());
        }
    }
}

#[test]
fn a_scheduled_outage_holds_devices_back_until_it_is_over() {
    let outage = "[[outage]]\nname = 'core'\nwhen.scheduled = { at = '0 s', lasts = '2 h' }
        reconnect = { uniform = { from = '10 min', to = '30 min' } }";
    let text = scenario(1_000, "rate = 'unlimited'", "download.takes = '1 min'", outage);
    let updated = run(&text).total();
    let latency = updated.latency(LatencyKind::ActivationToUpdated);
    assert_eq!(latency.count(), 1_000);
    let (least, most) = (latency.min().unwrap(), latency.max().unwrap());
    assert!(
        least >= Span::secs(131 * 60 - 8) && most <= Span::secs(151 * 60 + 8),
        "{least} {most}"
    );
    assert_eq!(updated.online_at_turn, 0);
}

#[test]
fn a_download_brings_a_sleeping_device_through_unless_it_must_sleep() {
    let mean_h = |awake: bool| {
        let cohort = format!(
            "online.cycle = {{ every = '24 h', active = '30 s', stays_awake = {awake} }}
             download.takes = '80 s'"
        );
        let tally = run(&scenario(500, "rate = 'unlimited'", &cohort, "")).total();
        assert_eq!(tally.succeeded(), 500);
        tally.latency(LatencyKind::Download).mean_s().unwrap() / 3600.0
    };
    assert!((mean_h(true) * 3600.0 - 80.0).abs() < 0.1);
    // 80 s of download in windows of 30 s: two or three nights later.
    assert!((47.0..73.0).contains(&mean_h(false)), "{}", mean_h(false));
}
