//! Servers: the engine's queue under Poisson and finite-source arrivals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Effort, Observed, observed};
use crate::dist::Law;
use crate::model::{DeviceId, Span, Time};
use crate::network::{Answer, Server};
use crate::rng::{Purpose, Streams};
use crate::stats::Latency;

const MILLION: f64 = 1e6;
const SECOND: f64 = 1e6;

/// Clients that come by a Poisson process, each with a service of its own.
pub struct Arrivals {
    streams: Streams,
    gap: Law,
    pub now: Time,
    number: u32,
}

impl Arrivals {
    /// Arrivals at this mean rate, from time zero on.
    pub fn per_second(rate: f64, seed: u64) -> Arrivals {
        let gap = Law::Exponential { mean: SECOND / rate };
        Arrivals { streams: Streams::new(seed), gap, now: Time::ZERO, number: 0 }
    }

    /// When the next one comes.
    pub fn next(&mut self) -> Time {
        self.number += 1;
        let gap = self.draw(&self.gap, Purpose::Poll);
        self.now = self.now + Span::from_micros_f64(gap);
        self.now
    }

    /// A number of the one that came last.
    pub fn draw(&self, law: &Law, purpose: Purpose) -> f64 {
        law.sample(&mut self.streams.stream(DeviceId(self.number), purpose, 0))
    }
}

/// What was seen after the warm-up.
#[derive(Default)]
struct Seen {
    clients: u64,
    shed: u64,
    given_up: u64,
    delayed: u64,
    wait: Latency,
    sojourn: Latency,
    /// Seconds from the first to the last arrival.
    seconds: f64,
}

impl Seen {
    fn share(&self, part: u64) -> f64 {
        part as f64 / self.clients as f64
    }

    fn millions(&self) -> f64 {
        self.clients as f64 / MILLION
    }

    /// The time average of how many are in it: the sum of their times over the time.
    fn mean_number(&self, times: &Latency) -> f64 {
        times.sum_us() as f64 / SECOND / self.seconds
    }
}

/// An open queue with so many arrivals after the warm-up.
fn open(
    mut server: Server,
    rate: f64,
    service: &Law,
    patience: Option<&Law>,
    clients: u64,
) -> Seen {
    const WARM_UP: u64 = 100_000;
    let mut arrivals = Arrivals::per_second(rate, 1);
    let mut seen = Seen::default();
    let mut begin = Time::ZERO;
    for client in 0..WARM_UP + clients {
        let now = arrivals.next();
        let takes = Span::from_micros_f64(arrivals.draw(service, Purpose::Service));
        let waits = patience.map(|law| Span::from_micros_f64(arrivals.draw(law, Purpose::Backoff)));
        let answer = server.ask(now, takes, waits);
        if client < WARM_UP {
            begin = now;
            continue;
        }
        seen.clients += 1;
        match answer {
            Answer::Shed => seen.shed += 1,
            Answer::GivenUp { at } => {
                seen.given_up += 1;
                seen.delayed += 1;
                seen.wait.record(at.since(now));
            }
            Answer::Served { begins, ends } => {
                seen.delayed += u64::from(begins > now);
                seen.wait.record(begins.since(now));
                seen.sojourn.record(ends.since(now));
            }
        }
    }
    seen.seconds = arrivals.now.since(begin).as_secs_f64();
    seen
}

fn exponential_s(mean: f64) -> Law {
    Law::Exponential { mean: mean * SECOND }
}

fn clients(effort: Effort) -> u64 {
    effort.of(2_000_000, 20_000_000)
}

fn quantile_s(latency: &Latency, q: f64) -> f64 {
    latency.quantile(q).map_or(f64::NAN, Span::as_secs_f64)
}

/// One worker, exponential service (M/M/1).
pub fn q01(effort: Effort) -> Vec<Observed> {
    let seen = open(Server::new(1, None), 0.8, &exponential_s(1.0), None, clients(effort));
    let n = seen.millions();
    let late = 1.0 - seen.sojourn.share_at_most(Span::from_secs_f64(14.978_661));
    vec![
        observed("mean_wait", seen.wait.mean_s().unwrap_or(f64::NAN), n),
        observed("mean_sojourn", seen.sojourn.mean_s().unwrap_or(f64::NAN), n),
        observed("time_avg_in_system", seen.mean_number(&seen.sojourn), seen.seconds / MILLION),
        observed("sojourn_p95", quantile_s(&seen.sojourn, 0.95), n),
        observed("sojourn_p99", quantile_s(&seen.sojourn, 0.99), n),
        observed("P_sojourn_gt_14.978661", late, n),
    ]
}

/// Ten workers, exponential service (M/M/10).
pub fn q02(effort: Effort) -> Vec<Observed> {
    let seen = open(Server::new(10, None), 8.5, &exponential_s(1.0), None, clients(effort));
    let n = seen.millions();
    vec![
        observed("P_wait (Erlang C)", seen.share(seen.delayed), n),
        observed("mean_wait", seen.wait.mean_s().unwrap_or(f64::NAN), n),
        observed("mean_queue_length", seen.mean_number(&seen.wait), n),
        observed("wait_p95", quantile_s(&seen.wait, 0.95), n),
    ]
}

/// One worker, constant service (M/D/1).
pub fn q03(effort: Effort) -> Vec<Observed> {
    let seen = open(Server::new(1, None), 0.8, &Law::Constant(SECOND), None, clients(effort));
    let n = seen.millions();
    vec![
        observed("mean_wait", seen.wait.mean_s().unwrap_or(f64::NAN), n),
        observed("time_avg_in_system", seen.mean_number(&seen.sojourn), n),
    ]
}

/// One worker, lognormal service (M/G/1).
pub fn q04(effort: Effort) -> Vec<Observed> {
    let law = Law::lognormal_mean(SECOND, 4.0);
    let seen = open(Server::new(1, None), 0.5, &law, None, clients(effort));
    vec![observed("mean_wait", seen.wait.mean_s().unwrap_or(f64::NAN), seen.millions())]
}

/// A hard cap is a server without a queue.
fn erlang_b(law: &Law, effort: Effort) -> Vec<Observed> {
    let seen = open(Server::new(100, Some(0)), 90.0, law, None, clients(effort));
    vec![observed("P_reject", seen.share(seen.shed), seen.millions())]
}

/// Erlang's loss formula, service constant; the law must not matter.
pub fn q09a(effort: Effort) -> Vec<Observed> {
    erlang_b(&Law::Constant(SECOND), effort)
}

/// As [`q09a`], service exponential.
pub fn q09b(effort: Effort) -> Vec<Observed> {
    erlang_b(&exponential_s(1.0), effort)
}

/// As [`q09a`], service Weibull.
pub fn q09c(effort: Effort) -> Vec<Observed> {
    erlang_b(&Law::Weibull { shape: 0.5, scale: 0.5 * SECOND }, effort)
}

/// A fixed number of clients, each of which thinks, asks, and thinks again.
struct Closed {
    seconds: f64,
    asked: u64,
    shed: u64,
    sojourn: Latency,
    /// Seconds in which so many were in service.
    busy_s: Vec<f64>,
}

fn closed(mut server: Server, clients: u32, think: &Law, service: &Law, requests: u64) -> Closed {
    let streams = Streams::new(2);
    let mut counts = vec![0u32; clients as usize];
    let mut draw = |client: u32, law: &Law, purpose| {
        counts[client as usize] += 1;
        let index = counts[client as usize];
        Span::from_micros_f64(law.sample(&mut streams.stream(DeviceId(client), purpose, index)))
    };
    let mut next: BinaryHeap<Reverse<(Time, u32)>> = (0..clients)
        .map(|client| Reverse((Time::ZERO + draw(client, think, Purpose::Poll), client)))
        .collect();
    let mut ends: BinaryHeap<Reverse<Time>> = BinaryHeap::new();
    let workers = server.workers() as usize;
    let mut seen = Closed {
        seconds: 0.0,
        asked: 0,
        shed: 0,
        sojourn: Latency::default(),
        busy_s: vec![0.0; workers + 1],
    };
    let mut last = Time::ZERO;
    while let Some(Reverse((now, client))) = next.pop() {
        while let Some(Reverse(end)) = ends.peek().copied().filter(|end| end.0 <= now) {
            let busy = ends.len().min(workers);
            seen.busy_s[busy] += end.since(last).as_secs_f64();
            last = last.max(end);
            ends.pop();
        }
        seen.busy_s[ends.len().min(workers)] += now.since(last).as_secs_f64();
        last = now;
        if seen.asked == requests {
            break;
        }
        seen.asked += 1;
        let takes = draw(client, service, Purpose::Service);
        let back = match server.ask(now, takes, None) {
            Answer::Served { ends: end, .. } => {
                ends.push(Reverse(end));
                seen.sojourn.record(end.since(now));
                end
            }
            Answer::Shed => {
                seen.shed += 1;
                now
            }
            Answer::GivenUp { .. } => unreachable!("they are patient"),
        };
        next.push(Reverse((back + draw(client, think, Purpose::Poll), client)));
    }
    seen.seconds = last.as_secs_f64();
    seen
}

/// Twenty slots for 200 clients that think again when they are refused (Engset).
pub fn q10(effort: Effort) -> Vec<Observed> {
    let mut all = Vec::new();
    for hold in [exponential_s(1.0), Law::Constant(SECOND), Law::lognormal_mean(SECOND, 4.0)] {
        let requests = effort.of(1_000_000, 5_000_000);
        let seen = closed(Server::new(20, Some(0)), 200, &exponential_s(10.0), &hold, requests);
        // Each request that is served is an end as well.
        let n = (2 * seen.asked - seen.shed) as f64 / MILLION;
        let busy = seen.busy_s.iter().zip(0..).map(|(s, busy)| s * f64::from(busy)).sum::<f64>();
        all.extend([
            observed("fraction_of_time_full", seen.busy_s[20] / seen.seconds, n),
            observed("P_attempt_blocked", seen.shed as f64 / seen.asked as f64, n),
            observed("mean_busy_slots", busy / seen.seconds, n),
        ]);
    }
    all
}

/// Fifty clients that poll one worker in turns of thinking and asking.
pub fn q11(effort: Effort) -> Vec<Observed> {
    let requests = effort.of(1_000_000, 10_000_000);
    let think = exponential_s(60.0);
    let seen = closed(Server::new(1, None), 50, &think, &exponential_s(1.0), requests);
    let n = 2.0 * seen.asked as f64 / MILLION;
    vec![
        observed("throughput", seen.asked as f64 / seen.seconds, n),
        observed("mean_response", seen.sojourn.mean_s().unwrap_or(f64::NAN), n),
    ]
}

/// A hundred workers, and clients that give up while they wait (Erlang A).
pub fn q12(effort: Effort) -> Vec<Observed> {
    let patience = exponential_s(2.0);
    let n = effort.of(1_000_000, 10_000_000);
    let seen = open(Server::new(100, None), 110.0, &exponential_s(1.0), Some(&patience), n);
    // An arrival and what becomes of it.
    let events = 2.0 * seen.millions();
    vec![
        observed("P_abandon", seen.share(seen.given_up), events),
        observed("mean_queue", seen.mean_number(&seen.wait), events),
        observed("P_wait", seen.share(seen.delayed), events),
    ]
}
