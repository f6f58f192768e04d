//! Servers and polls: right values of whole runs.

use fleetstorm::model::{Span, Time};
use fleetstorm::scenario::{self, Loaded};
use fleetstorm::sim::outcome::{BackendOutcome, LatencyKind, Outcome, Tally};
use fleetstorm::stats::Minutes;

use super::runs::{load, run, simulate};

/// A case file, with changes as on the command line.
fn case(name: &str, sets: &[&str]) -> Loaded {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = std::path::Path::new(root).join(format!("tests/cases/{name}.toml"));
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    scenario::load(&path, &sets).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Runs a case on several threads, which change nothing.
fn outcome(name: &str, sets: &[&str]) -> Outcome {
    let loaded = case(name, sets);
    let one = simulate(&loaded, 1);
    assert!(simulate(&loaded, 3) == one, "{name}");
    one
}

fn backend(outcome: &Outcome) -> &BackendOutcome {
    outcome.traffic.as_ref().unwrap().backend.as_ref().unwrap()
}

fn greatest_s(tally: &Tally, kind: LatencyKind) -> f64 {
    tally.latency(kind).max().unwrap().as_secs_f64()
}

#[test]
fn an_answer_reaches_its_device_when_it_is_given() {
    for tick in ["1 s", "10 ms", "1 min"] {
        let outcome = outcome("wrong/answers-a-tick-late", &[&format!("run.tick='{tick}'")]);
        let last = greatest_s(&outcome.total(), LatencyKind::ActivationToUpdated);
        assert_eq!((last, backend(&outcome).requests()), (155.0, 2_480), "{tick}");
    }
}

#[test]
fn connections_are_counted_when_the_answer_is_given() {
    for tick in ["10 ms", "1 s", "1 min"] {
        let name = "wrong/connection-decided-too-early";
        let outcome = outcome(name, &[&format!("run.tick='{tick}'")]);
        assert_eq!(backend(&outcome).shed_by_connections, 0);
        assert_eq!(greatest_s(&outcome.total(), LatencyKind::PushedToProgress), 19.0);
    }
}

#[test]
fn polls_more_often_than_ticks_lie_after_what_caused_them() {
    let outcome = outcome("panics/poll-in-the-past", &[]);
    assert_eq!(outcome.total().succeeded(), 100);
    // 50 devices poll every minute and 50 every five, until their turn comes, one a minute; and
    // so they do when they are done.
    let minutes = outcome.end.as_secs_f64() / 60.0;
    let all = backend(&outcome).by_minute.total() as f64;
    let downloads = backend(&outcome).download_requests as f64;
    let expected = minutes * (50.0 + 50.0 / 5.0) + downloads;
    // Nobody polls while it loads, for a minute each.
    assert!((all / expected - 1.0).abs() < 0.03, "{all} {expected}");
}

#[test]
fn a_simulated_poll_is_no_idle_poll_as_well() {
    let outcome = outcome("wrong/idle-polls-counted-twice", &[]);
    let backend = backend(&outcome);
    assert!((backend.busy_s / 43_200.0 - 1.0).abs() < 0.01, "{}", backend.busy_s);
    assert!(backend.wait.mean_s().unwrap() <= 0.5);
    let polls = backend.polls + backend.idle_polls;
    assert!((polls as f64 / 43_200.0 - 1.0).abs() < 0.01, "{polls}");
    // 24 devices are done, one after the other.
    let done = backend.idle_polls as f64 / (24.0 * 12.0 * 6.0);
    assert!((done - 1.0).abs() < 0.05, "{done}");
}

#[test]
fn a_first_poll_has_the_residual_law_of_its_intervals() {
    let tally = outcome("wrong/first-poll-without-jitter", &[]).total();
    let days = |span: Option<Span>| span.unwrap().as_secs_f64() / 86_400.0;
    let pushed = &tally.pushed;
    for (observed, expected) in [
        (days(pushed.quantile(0.90)), 16.05),
        (days(pushed.quantile(0.99)), 19.4),
        (days(pushed.max()), 21.0),
        (pushed.mean_s().unwrap() / 86_400.0, 8.87),
    ] {
        assert!((observed - expected).abs() < 0.12, "{observed} {expected}");
    }
    assert!(days(pushed.max()) < 21.01);
}

/// Polls of idle devices within [from, to) hours.
fn polls_between(minutes: &Minutes, from: f64, to: f64) -> u64 {
    let within = |minute: u64| (from * 60.0..to * 60.0).contains(&(minute as f64));
    minutes.iter().filter(|(minute, _)| within(*minute)).map(|(_, polls)| polls).sum()
}

#[test]
fn polls_stay_in_step_after_a_common_outage() {
    let name = "wrong/polls-in-step-after-an-outage";
    let jitter = |jitter: f64| format!("fleet.cohort.all.poll.jitter={jitter}");
    let strict = outcome(name, &[&jitter(0.0)]);
    let minutes = &backend(&strict).by_minute;
    for hour in [2, 4, 6, 18] {
        assert_eq!(minutes.iter().find(|(m, _)| *m == hour * 60), Some((hour * 60, 12_000)));
        let around = polls_between(minutes, hour as f64 - 0.99, hour as f64 + 0.99);
        assert_eq!(around, 12_000, "within a minute, and none besides");
    }
    // The campaign begins when they all poll; each asks for its download as well, and a thousand
    // requests are served per second.
    let took = strict.total().pushed.max().unwrap();
    assert!(took <= Span::secs(24), "{took:?}");
    let loose = outcome(name, &[]);
    let minutes = &backend(&loose).by_minute;
    // The next poll is off by up to a quarter of two hours; later ones overlap with each other.
    let middle = 4.0 * 60.0;
    let (mut count, mut squares) = (0.0, 0.0);
    let near = |minute: u64| (minute as f64 + 0.5 - middle).abs() < 60.0;
    for (minute, polls) in minutes.iter().filter(|(minute, _)| near(*minute)) {
        count += polls as f64;
        squares += polls as f64 * (minute as f64 + 0.5 - middle).powi(2);
    }
    let deviation = (squares / count).sqrt();
    assert!((deviation / 17.32 - 1.0).abs() < 0.02, "{deviation} min");
    assert!((count - 12_000.0).abs() < 100.0, "{count}");
}

/// 12,000 polls in ten seconds, a thousand of which can be served per second, and 500 wait.
#[test]
fn idle_polls_in_step_overfill_the_queue() {
    let name = "wrong/polls-in-step-after-an-outage";
    let outcome = outcome(name, &["fleet.cohort.all.poll.jitter=0.0", "backend.queue=500"]);
    let backend = backend(&outcome);
    // At 2, 4, … 18 h; at 20 h they are no longer idle.
    let expected = 9.0 * (12_000.0 - 10_000.0 - 500.0);
    // A flow in bins of a second: its edges are softer than those of single polls.
    assert!((backend.idle_shed as f64 / expected - 1.0).abs() < 0.2, "{}", backend.idle_shed);
    assert!((backend.idle_busiest - 12_000.0 / 60_000.0).abs() < 1e-6);
    assert!(backend.shed_by_queue > 1_000, "{}", backend.shed_by_queue);
}

#[test]
fn waiting_for_a_slot_counts_from_the_first_poll() {
    let name = "wrong/waiting-for-a-slot";
    let outcome = outcome(name, &[]);
    let tally = outcome.total();
    assert_eq!((tally.turns, tally.online_at_turn), (1_000, 1_000));
    let latency = tally.latency(LatencyKind::EligibleToPushed);
    // Polls come every 8 h: who came in vain waits for a whole number of intervals, and a tick.
    let hours = latency.max().unwrap().as_secs_f64() / 3600.0;
    assert!(hours >= 8.0 && hours.fract() < 0.001, "{hours}");
    let at_once = latency.share_at_most(Span::secs(2));
    let eight = latency.share_at_most(Span::secs(8 * 3600 + 60));
    let between = latency.share_at_most(Span::secs(7 * 3600)) - at_once;
    assert!(at_once < 0.9 && eight > at_once && between == 0.0, "{at_once} {eight}");
}

#[test]
fn an_outage_interrupts_a_sleepers_download() {
    let outcome = outcome("wrong/outage-while-asleep", &[]);
    let tally = outcome.total();
    assert_eq!(tally.succeeded(), 20);
    // Who began within the 20 minutes before the outage is interrupted, and goes on when it wakes.
    let load = tally.latency(LatencyKind::Download);
    let went_on = 20 - load.count_at_most(Span::secs(20 * 60 + 1));
    assert!(went_on > 0 && tally.interruptions == went_on, "{} {went_on}", tally.interruptions);
    let without = run(&std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cases/wrong/outage-while-asleep.toml"
    ))
    .unwrap()
    .replace("lasts = \"5 min\"", "lasts = \"1 s\"")
    .replace("65 min", "23 h"));
    assert_eq!(without.total().interruptions, 0, "sleep itself interrupts nothing");
}

#[test]
fn sleepers_fall_at_the_same_instants_lazily_and_with_every_flip() {
    for cycle in ["stays_awake = true", "stays_awake = false"] {
        let text = |flips: bool| {
            format!(
                "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'
                rate.constant.rate = '20 /min'\nretry.count = 2
                [fleet]\ndevices = 300\nversions = {{ '1' = 1.0 }}
                [[fleet.cohort]]\nname = 'a'\ndownload.takes.exponential.mean = '50 min'
                online.cycle = {{ every = '1 h', active = '2 min', {cycle} }}
                reacts.exponential.mean = '30 s'\nfails.download = 0.2
                [[outage]]\nname = 'o'\nreconnect.exponential.mean = '30 s'
                when.scheduled = {{ at = '40 min', lasts = '3 min', every = '47 min' }}
                [run]\nuntil = '3 d'\nevery_flip = {flips}"
            )
        };
        let (lazy, full) = (run(&text(false)), simulate(&load(&text(true)), 3));
        assert_eq!(lazy.total(), full.total());
        assert!(lazy.total().interruptions > 100);
    }
}

#[test]
fn interruptions_count_when_they_happen() {
    for (timeout, given_up) in [("60 min", 83), ("5 min", 83), ("3 h", 0)] {
        let sets = [format!("campaign.timeout='{timeout}'")];
        let tally = outcome("wrong/interruptions-of-timed-out", &[&sets[0]]).total();
        assert_eq!(tally.interruptions, 83, "{timeout}");
        assert_eq!(tally.downloads_given_up, given_up, "{timeout}");
        let ended = tally.downloads + tally.downloads_failed + tally.downloads_given_up;
        assert_eq!(tally.downloads_begun, ended);
    }
    // Those still under way at the end came to no end, either.
    let sets = ["run.until='10 min'", "campaign.timeout='3 h'"];
    let tally = outcome("wrong/interruptions-of-timed-out", &sets).total();
    assert_eq!((tally.interruptions, tally.downloads_given_up), (83, 83));
}

/// A service and a delay belong to the request, whenever it is made.
#[test]
fn luck_at_the_server_does_not_follow_from_the_instant() {
    let text = |start: &str| {
        format!(
            "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\nstart = '{start}'
            rate.constant.rate = '1 /h'\n[backend]\nworkers = 1\nservice.exponential.mean = '20 s'
            patience = '1 h'\n[fleet]\ndevices = 50\nversions = {{ '1' = 1.0 }}
            [[fleet.cohort]]\nname = 'a'\ndownload.takes = '5 s'\n[run]\nuntil = '5 d'"
        )
    };
    let (early, late) = (run(&text("0 s")), run(&text("12345 s")));
    assert_eq!(backend(&early).response, backend(&late).response);
    assert!(backend(&early).response.max().unwrap() > Time(40_000_000).since(Time::ZERO));
}

/// The flow of idle polls against the same polls one by one, with on and off periods and outages.
#[test]
fn idle_polls_are_as_many_as_if_they_were_simulated() {
    let text = |campaign: &str| {
        format!(
            "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\ndelivery = 'poll'
            rate = 'unlimited'\n{campaign}\n[backend]\nworkers = 1000\nservice = '1 ms'
            [fleet]\ndevices = 20_000\nversions = {{ '1' = 1.0 }}
            [[fleet.cohort]]\nname = 'a'\nnever_returns = 0.1
            poll = {{ every = '30 min', jitter = 0.2 }}\ndownload.takes = '30 d'
            online.renewal = {{ on.exponential.mean = '3 h', off.exponential.mean = '1 h' }}
            [[outage]]\nname = 'o'\nwhen.scheduled = {{ at = '305 min', lasts = '1 h' }}
            reconnect.uniform = {{ from = '0 s', to = '2 min' }}\n[run]\nuntil = '10 h'"
        )
    };
    // One device is in flight for ever, and the others poll in vain; or nobody has a turn.
    let simulated = run(&text("in_flight = 1"));
    let idle = run(&text("start = '599 min'"));
    let (simulated, idle) = (&backend(&simulated), &backend(&idle));
    assert!(simulated.polls > 100 * simulated.idle_polls && idle.polls * 100 < idle.idle_polls);
    // What is expected of each device in four hours: an interval, and an hour more if it is offline
    // at its end.
    let missed = 0.25 * (1.0 - (-0.5f64 * 4.0 / 3.0).exp());
    let expected = 18_000.0 * 4.0 / (0.5 + missed);
    for (from, to, within) in [
        (1.0, 5.0, 0.01),
        (5.1, 6.0, 0.0),
        (6.1, 6.2, 0.03),
        (6.2, 6.4, 0.2),
        (6.4, 7.0, 0.05),
        (7.0, 9.9, 0.03),
    ] {
        let polls = |backend: &BackendOutcome| polls_between(&backend.by_minute, from, to) as f64;
        let (one, other) = (polls(simulated), polls(idle));
        assert!((one - other).abs() <= within * one, "{from} to {to} h: {one} and {other}");
        assert!(from != 1.0 || (one / expected - 1.0).abs() < 0.01, "{one} {expected}");
    }
}
