//! Random scenarios: whatever is asked for, nothing is lost and threads change nothing.

use fleetstorm::sim::outcome::{Ended, LatencyKind};
use proptest::prelude::*;
use proptest::sample::select;

use super::engine::assert_conserved;
use super::runs::{load, simulate};

fn law() -> impl Strategy<Value = String> {
    let span = select(&["0 s", "3 s", "90 s", "10 min", "2 h", "1 d"][..]);
    let some = select(&["3 s", "90 s", "10 min", "2 h", "1 d"][..]);
    prop_oneof![
        span.prop_map(|s| format!("'{s}'")),
        some.clone().prop_map(|s| format!("{{ exponential = {{ mean = '{s}' }} }}")),
        (some.clone(), 0.4..3.0)
            .prop_map(|(s, k)| { format!("{{ weibull = {{ shape = {k:.2}, scale = '{s}' }} }}") }),
        (some.clone(), 0.1..2.0).prop_map(|(s, k)| {
            format!("{{ lognormal = {{ median = '{s}', sigma = {k:.2} }} }}")
        }),
        some.prop_map(|s| format!("{{ uniform = {{ from = '1 s', to = '{s}' }} }}")),
    ]
}

/// A law without zero: periods of no length are refused.
fn period() -> impl Strategy<Value = String> {
    law().prop_filter("a period has a length", |law| !law.contains("'0 s'"))
}

fn online() -> impl Strategy<Value = String> {
    let start = select(&["equilibrium", "online", "offline"][..]);
    let renewal = (period(), period(), start).prop_map(|(on, off, start)| {
        format!("online.renewal = {{ on = {on}, off = {off}, start = '{start}' }}")
    });
    prop_oneof![1 => Just("online.always = {}".to_owned()), 4 => renewal]
}

fn cohort() -> impl Strategy<Value = String> {
    let fails = prop::array::uniform6(prop_oneof![3 => Just(0.0), 1 => 0.0..0.16]);
    let laws = prop::array::uniform4(law());
    let gone = prop_oneof![3 => Just(0.0), 1 => 0.0..0.5];
    let mode = select(&["resume", "restart"][..]);
    (online(), laws, fails, gone, mode).prop_map(|(online, laws, fails, gone, mode)| {
        let [reacts, download, verify, install] = laws;
        let kinds = ["upgrade", "download", "verify", "flash", "wrong_version", "bricks"];
        let fails: Vec<_> = kinds.iter().zip(fails).map(|(k, p)| format!("{k} = {p:.3}")).collect();
        format!(
            "{online}\nreacts = {reacts}\ndownload.takes = {download}\nverify = {verify}
install = {install}\nnever_returns = {gone:.3}\ninterrupted = '{mode}'
fails = {{ {} }}\n",
            fails.join(", ")
        )
    })
}

fn campaign() -> impl Strategy<Value = String> {
    let rate = prop_oneof![
        Just("rate = 'unlimited'".to_owned()),
        (1..500, select(&["s", "min", "h"][..]), 1..50).prop_map(|(n, unit, b)| format!(
            "rate.constant = {{ rate = '{n} /{unit}', burst = {b} }}"
        )),
        (1..50, select(&["1 min", "97 s", "1 h"][..]))
            .prop_map(|(n, w)| format!("rate.fixed-window = {{ pushes = {n}, window = '{w}' }}")),
    ];
    let offline = select(&["when-online", "store-and-forward"][..]);
    let timeout = prop::option::of(1..1440);
    let retry = prop::option::of((1..5, select(&["0 s", "10 min", "1 d"][..]), any::<bool>()));
    let percent = prop::option::of(0.001..100.0);
    (rate, offline, timeout, retry, percent).prop_map(|(rate, offline, timeout, retry, percent)| {
        let mut lines = vec![rate, format!("offline = '{offline}'")];
        lines.extend(timeout.map(|minutes| format!("timeout = '{minutes} min'")));
        lines.extend(retry.map(|(count, interval, permit)| {
            format!(
                "retry = {{ count = {count}, interval = '{interval}', needs_permit = {permit} }}"
            )
        }));
        lines.extend(percent.map(|percent: f64| format!("select.percent = {percent:.3}")));
        lines.join("\n")
    })
}

pub fn text() -> impl Strategy<Value = String> {
    let run = (1u32..10_000, select(&["20 ms", "1 s", "1 min"][..]), any::<bool>(), 1..20);
    let cohorts = prop::collection::vec(cohort(), 1..4);
    (campaign(), cohorts, 1u32..200, run).prop_map(|(campaign, cohorts, devices, run)| {
        let (seed, tick, flips, days) = run;
        let share = |at: usize| match at {
            0 => 1.0 - 0.25 * (cohorts.len() - 1) as f64,
            _ => 0.25,
        };
        let tables: String = cohorts
            .iter()
            .enumerate()
            .map(|(at, c)| format!("[[fleet.cohort]]\nname = 'c{at}'\nshare = {:.2}\n{c}", share(at)))
            .collect();
        format!(
            "format = 1\npackage.version = '2'\n[campaign]\nname = 'sweep'\n{campaign}
[run]\nseed = {seed}\ntick = '{tick}'\nevery_flip = {flips}\nuntil = '{days} d'\nsample_every = '1 h'
[fleet]\ndevices = {devices}\nversions = {{ '1' = 0.8, '1.5' = 0.1, '2' = 0.1 }}\n{tables}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_scenarios_lose_nothing_on_any_number_of_threads(text in text()) {
        let loaded = load(&text);
        let outcome = simulate(&loaded, 1);
        // A failure prints the scenario, which is the minimal input.
        assert_conserved(&outcome);
        let tally = outcome.total();
        prop_assert_eq!(tally.latency(LatencyKind::ActivationToUpdated).count(), tally.succeeded());
        prop_assert_eq!(tally.failures.iter().sum::<u64>(), tally.failed());
        let failed_attempts: u64 = tally.attempt_failures.iter().sum();
        prop_assert!(failed_attempts <= tally.attempts.iter().sum::<u64>());
        prop_assert_eq!(outcome.ended == Ended::AllFinal, tally.open() == 0);
        prop_assert!(simulate(&loaded, 3) == outcome, "three threads give another outcome");
    }
}
