//! When devices can be reached: patterns, windows, outages, traces.

use fleetstorm::fleet::Presence;
use fleetstorm::model::{CohortId, DeviceId, Span, Time};
use fleetstorm::sim::outcome::{Ended, LatencyKind, Outcome};
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

    /// What holds until an instant is found up to that one, at which it changes, and not after it.
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
        prop_assert!(until >= Time(at));
        let between = at + ((until.0.min(world.until.0) - at) as f64 * within) as u64;
        prop_assert_eq!(look(Time(between)).online(), state.online());
        prop_assert_eq!(look(Time(between)).until().min(world.until), until.min(world.until));
        if until < world.until {
            prop_assert_ne!(look(Time(until.0 + 1)).online(), state.online());
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

/// Devices that follow their own traces, and devices that follow any of them.
#[test]
fn recorded_traces_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    // Device 0 comes online after an hour, device 1 is online and leaves for two; of 3 hours each.
    let rows = "device,time_s,state\n0,3600,on\n0,10800,off\n1,1800,off\n1,9000,on\n";
    std::fs::write(folder.path().join("t.csv"), rows).unwrap();
    let read = |devices: u32, follows: &str| {
        let cohort = format!(
            "online.trace = {{ file = 't.csv', follows = '{follows}' }}\ndownload.takes = '0 s'"
        );
        let campaign = "rate = 'unlimited'\noffline = 'store-and-forward'\nstart = '2000 s'";
        let text = scenario(devices, campaign, &cohort, "until = '2 d'");
        fleetstorm::scenario::load_text("test.toml", &text, folder.path(), &[])
    };
    let own = simulate(&read(2, "own").unwrap(), 1).total();
    let waits = own.latency(LatencyKind::PushedToUpdated);
    assert_eq!((own.online_at_turn, waits.count()), (0, 2));
    // From 2000 s to 3600 s and to 9000 s.
    assert_eq!(waits.sum_us(), (1_600 + 7_000) * 1_000_000);
    let problems = read(3, "own").unwrap_err().to_string();
    assert!(problems.contains("needs a trace for each device; 1 have none"), "{problems}");
    assert!(problems.contains("the first without one is \"2\""), "{problems}");
    // Online for 2 of 3 hours, and for 1 of 3: half of the time over all.
    let any = simulate(&read(20_000, "random").unwrap(), 1).total();
    let share = any.online_at_turn as f64 / any.turns as f64;
    assert!((share - 0.5).abs() < 4.0 * (0.25f64 / 20_000.0).sqrt(), "{share}");
}

/// Measured downloads from a file, as steps and with lines between.
#[test]
fn empirical_laws_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d.csv"), "duration_s\n60\n120\n600\n").unwrap();
    for (between, mean) in [("step", 260.0), ("linear", (90.0 + 360.0) / 2.0)] {
        let law = format!("empirical = {{ file = 'd.csv', between = '{between}' }}");
        let cohort = format!("download.takes.{law}");
        let text = scenario(50_000, "rate = 'unlimited'", &cohort, "");
        let loaded = fleetstorm::scenario::load_text("test.toml", &text, folder.path(), &[]);
        let tally = simulate(&loaded.unwrap(), 1).total();
        let took = tally.latency(LatencyKind::Download);
        assert!((took.mean_s().unwrap() / mean - 1.0).abs() < 0.02, "{between}");
        let max = took.max().unwrap().as_secs_f64();
        assert!((590.0..=600.0).contains(&max), "{max}");
    }
}

/// Its install was to end when it wakes, its task has expired, and then it leaves for good.
#[test]
fn a_sleeper_that_leaves_for_good_is_not_waited_for() {
    let text = |seed: u32| {
        format!(
            "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\nrate = 'unlimited'
            offline = 'when-online'\nfinish = '4 d'\nexpiry_fails_started = true
            [fleet]\ndevices = 112\nversions = {{ '1' = 1.0 }}\n[[fleet.cohort]]\nname = 'a'
            online.cycle = {{ every = '24 h', active = '1 s', stays_awake = true }}
            charges = {{ from = '22:00', to = '06:00', probability = 0.88, jitter = '2 h' }}
            leaves.exponential.mean = '5 d'
            reacts = '0 s'\ndownload.takes = '0 s'\nverify = '0 s'
            install.lognormal = {{ median = '10 min', sigma = 0.1 }}
            [run]\nseed = {seed}\nuntil = '6 d'\ntick = '20 ms'"
        )
    };
    // Whoever goes on in the end is counted one by one in each run, and compared.
    let outcomes: Vec<Outcome> = (1800..1810).map(|seed| run(&text(seed))).collect();
    assert!(outcomes.iter().all(|outcome| outcome.total().open() == 0));
    assert!(outcomes.iter().any(|outcome| outcome.ended == Ended::AllFinal));
}

/// An outage that begins with the campaign, at the very instant of the device's turn.
#[test]
fn a_turn_comes_before_what_changes_at_its_instant() {
    for profile in ["", "profile = 'hawkbit'\n"] {
        let text = |flips: bool| {
            format!(
                "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\n{profile}start = '1 min'
                rate.constant.rate = '1 /min'\n[fleet]\ndevices = 1\nversions = {{ '1' = 1.0 }}
                [[fleet.cohort]]\nname = 'a'\ndownload.takes = '1 s'
                [[outage]]\nname = 'o'\nwhen.scheduled = {{ at = '1 min', lasts = '1 s' }}
                [run]\nuntil = '1 d'\nevery_flip = {flips}"
            )
        };
        let (lazy, full) = (run(&text(false)), run(&text(true)));
        assert_eq!(lazy.total(), full.total(), "{profile}");
        assert_eq!((lazy.total().online_at_turn, lazy.total().succeeded()), (1, 1), "{profile}");
    }
}
