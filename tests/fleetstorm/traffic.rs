//! Shared links and servers.

use fleetstorm::sim::outcome::{LatencyKind, Outcome};

use super::engine::assert_conserved;
use super::runs::{load, run, simulate};

fn scenario(devices: u32, campaign: &str, cohorts: &str, rest: &str) -> String {
    format!(
        "format = 1\npackage = {{ version = '2', size = '1 MB' }}\n[campaign]\nname = 'test'\n{campaign}
[fleet]\ndevices = {devices}\nversions = {{ '1' = 1.0 }}\n{cohorts}\n{rest}"
    )
}

fn cohort(name: &str, share: f64, rest: &str) -> String {
    format!("[[fleet.cohort]]\nname = '{name}'\nshare = {share}\n{rest}\n")
}

fn updated_by(outcome: &Outcome, cohort: usize) -> f64 {
    let latency = outcome.cohorts[cohort].tally.latency(LatencyKind::ActivationToUpdated);
    latency.max().unwrap().as_secs_f64()
}

/// 8 Mbit for each of 1000 devices over 80 Mbit/s: 100 s, however fast each could be alone.
#[test]
fn a_full_link_carries_what_it_can() {
    let cohorts = cohort("all", 1.0, "download.link = '50 Mbit/s'");
    let text = scenario(1000, "rate = 'unlimited'", &cohorts, "[backend]\negress = '80 Mbit/s'");
    let outcome = run(&text);
    // They have their shares from the first boundary on.
    let last = updated_by(&outcome, 0);
    assert!((last - 101.0).abs() < 1e-3, "{last}");
    let slow = run(&text.replace("50 Mbit/s", "40 kbit/s"));
    assert!((updated_by(&slow, 0) - 201.0).abs() < 1e-3, "nobody is slower than alone");
    let traffic = slow.traffic.as_ref().unwrap();
    assert_eq!(traffic.downloads_most, 1000);
    assert!((traffic.links[0].most_bps - 40e6).abs() < 1.0);
    assert!((traffic.links[0].carried_bits / 8e9 - 1.0).abs() < 0.01);
}

/// A shed request is no failure, and everybody has a turn in the end.
#[test]
fn whoever_is_shed_comes_back() {
    let cohorts = cohort("all", 1.0, "download.link = '8 Mbit/s'");
    let backend = "[backend]\nworkers = 2\nservice = '50 ms'\nqueue = 5\nconnections = 20
        retry_after = '2 s'\nbackoff = { base = '1 s', cap = '20 s' }\n[run]\ntick = '100 ms'";
    let outcome = run(&scenario(2_000, "rate = 'unlimited'", &cohorts, backend));
    assert_conserved(&outcome);
    let tally = outcome.total();
    assert_eq!((tally.succeeded(), tally.failed()), (2_000, 0));
    assert_eq!(tally.attempts[0], 2_000, "a shed request is no attempt");
    let traffic = outcome.traffic.as_ref().unwrap();
    let backend = traffic.backend.as_ref().unwrap();
    assert!(traffic.downloads_most <= 20, "{}", traffic.downloads_most);
    assert!(backend.shed_by_queue > 1_000 && backend.shed_by_connections > 100);
    let ended = backend.served + backend.shed_by_queue + backend.given_up;
    assert_eq!(backend.requests(), ended);
    assert_eq!(backend.served, 2_000 + backend.shed_by_connections);
    assert_eq!(backend.wait.count(), backend.served);
    // Two workers, 20 requests a second each.
    assert!((backend.busy_s / (backend.served as f64 * 0.05) - 1.0).abs() < 1e-9);
}

/// A fleet that polls a server which cannot serve it all at once.
#[test]
fn polls_wait_for_the_server_as_well() {
    let rest = "poll.every = '10 min'\ndownload.link = '8 Mbit/s'";
    let campaign = "delivery = 'poll'\nrate = 'unlimited'";
    let backend = "[backend]\nworkers = 1\nservice.exponential.mean = '200 ms'\npatience = '30 s'";
    let text = scenario(2_000, campaign, &cohort("all", 1.0, rest), backend);
    let outcome = run(&text);
    assert_eq!(outcome.total().succeeded(), 2_000);
    let backend = outcome.traffic.as_ref().unwrap().backend.as_ref().unwrap();
    assert!(backend.polls >= 2_000 && backend.download_requests >= 2_000);
    assert!(backend.given_up > 0);
    // Whoever is done polls as before.
    let idle = backend.idle_polls_per_s;
    assert!(idle > 0.1 * 2_000.0 / 600.0 && idle < 2_000.0 / 600.0, "{idle}");
    assert!((backend.idle_busy - idle * 0.2).abs() < 1e-9);
}

/// Interrupted for longer than the link is good: it costs a request more, not the download.
#[test]
fn an_expired_link_costs_a_request() {
    let rest = "online.renewal = { on = '30 s', off = '2 h', start = 'online' }
        download.link = '100 kbit/s'";
    let backend = "[backend]\nworkers = 10\nservice = '1 ms'\nlink_expires = '1 h'";
    let text = scenario(100, "rate = 'unlimited'", &cohort("all", 1.0, rest), backend);
    let outcome = run(&text);
    let tally = outcome.total();
    assert_eq!(tally.succeeded(), 100);
    // 80 s of download in periods of 30 s, of which each request takes up to a tick.
    assert_eq!(tally.interruptions, 200);
    let backend = outcome.traffic.as_ref().unwrap().backend.as_ref().unwrap();
    assert_eq!((backend.expired_links, backend.download_requests), (200, 300));
}

/// Regions that could fill the origin together.
#[test]
fn threads_change_nothing_where_regions_share_an_origin() {
    let rest = "download.link = '80 Mbit/s'";
    let cohorts: String = [("a", 0.6), ("b", 0.3), ("c", 0.1)]
        .map(|(name, share)| cohort(name, share, rest))
        .concat();
    let link = |name: &str| {
        format!("[[link]]\nname = '{name}'\ncapacity = '8 Mbit/s'\ncohorts = ['{name}']\n")
    };
    let links = format!("{}{}{}", link("a"), link("b"), link("c"));
    let text = scenario(
        1_000,
        "rate = 'unlimited'",
        &cohorts,
        &format!("[backend]\negress = '16 Mbit/s'\n{links}[run]\ntick = '100 ms'"),
    );
    let loaded = load(&text);
    let one = simulate(&loaded, 1);
    assert!(simulate(&loaded, 3) == one);
    // Region a is full with 600 downloads; b and c share the rest of the origin evenly.
    for (cohort, expected) in [(2, 400.0), (1, 400.0), (0, 600.0)] {
        let last = updated_by(&one, cohort);
        assert!((last / expected - 1.0).abs() < 0.01, "{cohort}: {last}");
    }
}

/// A class that somebody has left keeps the end that he would have had: the shard visits the tick
/// of it, and on how many threads there are depends which shards do.
#[test]
fn rows_of_traffic_do_not_depend_on_which_ticks_are_visited() {
    let rest = "online.renewal = { on.uniform = { from = '1 s', to = '10 min' }, off = '3 s' }
        interrupted = 'restart'\ndownload.link.lognormal = { median = '100 kbit/s', sigma = 1.0 }
        poll = { every = '25 min', jitter = 0.1 }";
    let backend = "[backend]\nconnections = 3\nretry_after = '10 s'\negress = '100 kbit/s'
        backoff = { base = '5 s', cap = '10 min', jitter = 'full' }";
    let text = scenario(
        138,
        "rate = 'unlimited'\noffline = 'when-online'",
        &cohort("c", 1.0, rest),
        &format!("{backend}\n[run]\ntick = '20 ms'\nuntil = '3 d'\nsample_every = '1 min'"),
    );
    let loaded = load(&text);
    let one = simulate(&loaded, 1);
    let traffic = one.traffic.as_ref().unwrap();
    for threads in [2, 3] {
        assert!(simulate(&loaded, threads).traffic.as_ref() == Some(traffic), "{threads} threads");
    }
    // The last row has all that was counted, and no row has less than the one before.
    let backend = traffic.backend.as_ref().unwrap();
    let last = traffic.rows.last().unwrap();
    assert_eq!((last.requests, last.shed), (backend.requests(), backend.shed()));
    assert!(traffic.rows.is_sorted_by_key(|row| (row.at, row.requests, row.shed)));
}

/// An origin that is full nearly all the time, and cells that are full now and then.
#[test]
fn threads_change_nothing_where_cells_are_full() {
    let rest = "online.renewal.on.exponential.mean = '4 min'
        online.renewal.off.exponential.mean = '2 min'
        download.link.lognormal = { median = '300 kbit/s', sigma = 0.7 }";
    let cohorts = cohort("a", 0.7, rest) + &cohort("b", 0.3, rest);
    let links = "[backend]\negress = '1.1 Mbit/s'
        [[link]]\nname = 'cell'\ncapacity = '200 kbit/s'\ncells = 6\n[run]\nuntil = '3 h'";
    let loaded = load(&scenario(2_000, "rate.constant.rate = '30 /min'", &cohorts, links));
    let one = simulate(&loaded, 1);
    assert!(simulate(&loaded, 3) == one);
    let links = &one.traffic.as_ref().unwrap().links;
    assert!(links[0].full_s > 10_000.0 && links[0].most_bps == 1.1e6);
    assert!(links[1..].iter().all(|link| link.full_s > 60.0 && link.full_s < 5_000.0));
}
