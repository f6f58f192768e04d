//! Random scenarios: whatever is asked for, nothing is lost and threads change nothing.

use fleetstorm::sim::outcome::{Ended, LatencyKind};
use proptest::prelude::*;
use proptest::sample::select;

use super::engine::assert_conserved;
use super::runs::{load, simulate, steps};

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
    let always = Just("online.always = {}".to_owned());
    let plain = prop_oneof![1 => always, 4 => renewal];
    prop_oneof![3 => plain, 2 => reach()]
}

/// What more than on and off periods decides whether devices are online.
pub fn reach() -> impl Strategy<Value = String> {
    // Flips of a few seconds over weeks would only take time.
    let long = || select(&["'10 min'", "{ exponential.mean = '2 h' }", "'1 d'"][..]);
    let paced = (long(), long()).prop_map(|(on, off)| {
        format!("online.renewal = {{ on = {on}, off = {off} }}\npace.gamma.shape = 1.5")
    });
    let daily = (0.0..0.5, 0.0..1.0, select(&["10 min", "6 h", "9 d"][..])).prop_map(
        |(mean, amplitude, holds)| {
            format!(
                "online.daily = {{ mean = {mean:.2}, amplitude = {amplitude:.2}, peak = '20:00',
                 holds = '{holds}' }}\ntimezone = 'Europe/Berlin'"
            )
        },
    );
    let hours = prop::collection::vec(0.0..1.0, 24).prop_map(|hours| {
        let hours: Vec<String> = hours.iter().map(|share| format!("{share:.1}")).collect();
        format!("online.profile.share = [{}]", hours.join(", "))
    });
    let nightly = window().prop_map(|window| format!("online.nightly = {window}"));
    let cycle = (select(&["10 min", "1 h", "24 h"][..]), 1..500, any::<bool>()).prop_map(
        |(every, active, awake)| {
            format!(
                "online.cycle = {{ every = '{every}', active = '{active} s',                  stays_awake = {awake} }}"
            )
        },
    );
    let pattern = prop_oneof![paced, daily, hours, nightly, cycle];
    let charges = prop::option::of(window());
    let leaves = prop::option::of(select(&["2 h", "5 d"][..]));
    (pattern, charges, leaves).prop_map(|(pattern, charges, leaves)| {
        let charges = charges.map_or(String::new(), |window| format!("\ncharges = {window}"));
        let leaves = leaves
            .map_or(String::new(), |mean| format!("\nleaves = {{ exponential.mean = '{mean}' }}"));
        format!("{pattern}{charges}{leaves}")
    })
}

fn window() -> impl Strategy<Value = String> {
    let hours = select(&["from = '22:00', to = '06:00'", "from = '09:30', to = '17:00'"][..]);
    let jitter = select(&["0 s", "20 min", "2 h"][..]);
    (hours, 0.2..1.0, jitter).prop_map(|(hours, probability, jitter)| {
        format!("{{ {hours}, probability = {probability:.2}, jitter = '{jitter}' }}")
    })
}

/// Outages of the whole fleet, at random or at known times.
pub fn outage() -> impl Strategy<Value = String> {
    let up = select(&["'2 h'", "{ weibull = { shape = 0.7, scale = '1 d' } }"][..]);
    let random = (up, period(), any::<bool>()).prop_map(|(up, down, each)| {
        format!(
            "[[outage]]\nname = 'random'\neach = {each}\nwhen.random = {{ up = {up}, down = {down} }}
             reconnect = {{ uniform = {{ from = '0 s', to = '5 min' }} }}\n"
        )
    });
    let scheduled = "[[outage]]\nname = 'scheduled'\nwhen.scheduled = { at = '1 h', lasts = '2 h', every = '1 d' }\n";
    prop_oneof![3 => Just(String::new()), 1 => random, 1 => Just(scheduled.to_owned())]
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
poll = {{ every = '25 min', jitter = 0.1 }}\nconfirms = {{ after = '3 h', refuses = 0.2 }}
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
    let parts = (rate, offline, timeout, retry, percent, of_one_task());
    parts.prop_map(|(rate, offline, timeout, retry, percent, task)| {
        let mut lines = vec![rate, format!("offline = '{offline}'")];
        lines.extend(timeout.map(|minutes| format!("timeout = '{minutes} min'")));
        lines.extend(retry.map(|(count, interval, permit)| {
            format!(
                "retry = {{ count = {count}, interval = '{interval}', needs_permit = {permit} }}"
            )
        }));
        lines.extend(percent.map(|percent: f64| format!("select.percent = {percent:.3}")));
        lines.extend(task.into_iter().map(str::to_owned));
        lines.join("\n")
    })
}

/// What else bears upon one task: users, step timers, polls, cancels, retries by hand.
fn of_one_task() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(
        vec![
            "confirm = true",
            "step_timeout = '7 min'",
            "delivery = 'poll'",
            "cancel = 'asks-device'",
            "timeout_from = 'notification'",
            "finish = '4 d'\nexpiry_fails_started = true",
            "abort = [{ percent = 60, min_executed = 9, action = 'cancel-all' }, \
             { percent = 20, of = 'notified', action = 'suspend' }]",
        ],
        0..6,
    )
}

const ACTS: [&str; 9] = [
    "'suspend'",
    "'resume'",
    "'retry-failed'",
    "'retry-failed'",
    "{ cancel = {} }",
    "{ cancel-states = ['in-progress'] }",
    "{ cancel-states = ['notified', 'in-progress'] }",
    "{ cancel-devices = ['0', '1'] }",
    "{ confirm-devices = ['0', '1'] }",
];

/// An operator's steps; half of the campaigns have none.
fn operators() -> impl Strategy<Value = String> {
    let chosen = prop::collection::vec((0..ACTS.len(), 0u64..200_000), 1..6);
    let some = chosen.prop_map(|chosen| steps(&ACTS, &chosen));
    prop_oneof![Just(String::new()), some]
}

/// Servers and shared links; the latter need downloads over links of the devices' own.
fn network() -> impl Strategy<Value = (bool, String)> {
    let links = (select(&["100 kbit/s", "5 Mbit/s", "1 Gbit/s"][..]), 1..4, any::<bool>())
        .prop_map(|(egress, cells, linked)| match linked {
            true => format!(
                "egress = '{egress}'\n[[link]]\nname = 'cells'\ncapacity = '300 kbit/s'\n\
                 cells = {cells}\ncohorts = ['c0']\n"
            ),
            false => format!("egress = '{egress}'\n"),
        });
    let workers = (1..4, law(), prop::option::of(0..5), prop::option::of(1..600)).prop_map(
        |(workers, service, queue, patience)| {
            let queue = queue.map_or(String::new(), |n| format!("queue = {n}\n"));
            let patience = patience.map_or(String::new(), |s| format!("patience = '{s} s'\n"));
            format!("workers = {workers}\nservice = {service}\n{queue}{patience}")
        },
    );
    let connections = (1..20, select(&["full", "half", "none"][..])).prop_map(|(n, jitter)| {
        format!(
            "connections = {n}\nretry_after = '10 s'\nlink_expires = '1 h'\n\
             backoff = {{ base = '5 s', cap = '10 min', jitter = '{jitter}' }}\n"
        )
    });
    let of = prop::option::of::<BoxedStrategy<String>>;
    (of(workers.boxed()), of(connections.boxed()), of(links.boxed())).prop_map(|(w, c, links)| {
        let linked = links.is_some();
        let parts: String = [w, c, links].into_iter().flatten().collect();
        (linked, if parts.is_empty() { parts } else { format!("[backend]\n{parts}") })
    })
}

pub fn text() -> impl Strategy<Value = String> {
    let run = (1u32..10_000, select(&["20 ms", "1 s", "1 min"][..]), any::<bool>(), 1..20);
    let cohorts = prop::collection::vec(cohort(), 1..4);
    let parts = (campaign(), cohorts, outage(), network(), operators(), 2u32..200, run);
    parts.prop_map(|(campaign, cohorts, outage, network, operators, devices, run)| {
        let (linked, network) = network;
        let (seed, tick, flips, days) = run;
        let cohorts: Vec<String> = match linked {
            true => cohorts.iter().map(|cohort| over_link(cohort)).collect(),
            false => cohorts,
        };
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
            "format = 1\npackage = {{ version = '2', size = '1 MB' }}\n[campaign]\nname = 'sweep'\n{campaign}
[run]\nseed = {seed}\ntick = '{tick}'\nevery_flip = {flips}\nuntil = '{days} d'\nsample_every = '1 h'
[fleet]\ndevices = {devices}\nversions = {{ '1' = 0.8, '1.5' = 0.1, '2' = 0.1 }}\n{tables}{outage}{network}{operators}"
        )
    })
}

/// The cohort, with its downloads over links.
fn over_link(cohort: &str) -> String {
    let link = "download.link.lognormal = { median = '100 kbit/s', sigma = 1.0 }";
    let over = |line: &str| match line.starts_with("download") {
        true => link.to_owned(),
        false => line.to_owned(),
    };
    cohort.lines().map(|line| over(line) + "\n").collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]
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
        let is_over = tally.open() == 0 && outcome.under_way == 0;
        prop_assert!(is_over || outcome.ended != Ended::AllFinal, "{:?}", outcome.ended);
        // A step that does nothing may come later.
        let waits = text.contains("[[operator]]");
        prop_assert!(!is_over || waits || outcome.ended == Ended::AllFinal, "{:?}", outcome.ended);
        prop_assert!(simulate(&loaded, 3) == outcome, "three threads give another outcome");
    }
}
