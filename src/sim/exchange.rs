//! What couples downloads and requests: shares of links and answers of servers, once per boundary.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::model::{Span, Time};
use crate::network::{Answer, Demand, Progress, Server, Shares};
use crate::rng::{Purpose, Streams, index_of};
use crate::stats::Latency;

use super::network::{Backend, Network, path_of};
use super::outcome::{BackendOutcome, LinkOutcome, TrafficOutcome, TrafficRow};
use super::rollout::lock;
use super::shard::Shard;
use super::ticks::Ticks;
use super::traffic::{Reply, Request, Wants};
use super::world::World;

/// Divides links and answers requests.
pub struct Exchange {
    shares: Shares,
    backend: Option<Backend>,
    /// Classes in which somebody loads: how far they are.
    live: BTreeMap<u32, Progress>,
    /// Downloads that were admitted.
    admitted: u64,
    outcome: TrafficOutcome,
    /// Since when links carry what they carry.
    since: Time,
    /// Distance of the rows in ticks, and whether that is fixed; the state since the last boundary,
    /// without its instant.
    every: u64,
    is_fixed: bool,
    state: TrafficRow,
    /// Tick of each row.
    row_ticks: Vec<u64>,
}

const ROWS_MAX: usize = 1000;

impl Exchange {
    /// `every`: distance of the rows in ticks, if that is fixed.
    pub fn new(network: &Network, every: Option<u64>) -> Exchange {
        let shares = network.shares.clone();
        let capacities = shares.capacities().iter();
        let link = |(name, capacity): (&String, &f64)| LinkOutcome {
            name: name.clone(),
            capacity_bps: *capacity,
            ..LinkOutcome::default()
        };
        let links = network.links.iter().zip(capacities).map(link).collect();
        let workers = |backend: &Backend| backend.server.as_ref().map_or(0, Server::workers);
        let outcome = |backend| BackendOutcome { workers: workers(backend), ..Default::default() };
        let backend = network.backend.as_ref().map(outcome);
        Exchange {
            shares,
            backend: network.backend.clone(),
            live: BTreeMap::new(),
            admitted: 0,
            outcome: TrafficOutcome { links, backend, ..TrafficOutcome::default() },
            since: Time::ZERO,
            every: every.unwrap_or(1),
            is_fixed: every.is_some(),
            state: TrafficRow::default(),
            row_ticks: Vec::new(),
        }
    }

    /// Keeps a part of the workers for polls of devices that nobody waits for.
    pub fn reserve(&mut self, idle_polls_per_s: f64) {
        let Some(Backend { server: Some(server), service, .. }) = &mut self.backend else { return };
        let busy = idle_polls_per_s * service.mean() / 1e6 / f64::from(server.workers());
        /// Something is left for the others, however bad it is.
        const MOST: f64 = 0.99;
        server.reserve(busy.min(MOST));
        let outcome = self.outcome.backend.as_mut().expect("there is a backend");
        (outcome.idle_polls_per_s, outcome.idle_busy) = (idle_polls_per_s, busy);
    }

    /// At the beginning of a tick, before anything else: what was asked is answered, and links
    /// are divided among who loads now.
    pub fn at_boundary(&mut self, tick: u64, shards: &[Mutex<Shard>], world: &World) {
        let now = world.ticks.start(tick);
        self.sample_to(tick, world.ticks);
        self.answer(now, shards, &world.streams);
        let mut changed = false;
        let mut loading = 0;
        for shard in shards {
            let mut shard = lock(shard);
            let traffic = shard.books.traffic.as_mut().expect("all share a network");
            changed |= std::mem::take(&mut traffic.changed);
            loading += traffic.loading;
        }
        if changed {
            self.divide(now, shards);
        }
        self.outcome.downloads_most = self.outcome.downloads_most.max(loading);
        self.set_state(loading);
    }

    fn answer(&mut self, now: Time, shards: &[Mutex<Shard>], streams: &Streams) {
        let Some(backend) = &mut self.backend else { return };
        let outcome = self.outcome.backend.as_mut().expect("there is a backend");
        let mut asked: Vec<(Request, u32)> = Vec::new();
        let (mut loading, mut expected_no_more) = (0, 0);
        for (shard, at) in shards.iter().zip(0..) {
            let mut shard = lock(shard);
            let traffic = shard.books.traffic.as_mut().expect("all share a network");
            asked.extend(traffic.requests.drain(..).map(|request| (request, at)));
            loading += traffic.loading;
            expected_no_more += traffic.expected_no_more;
        }
        // The place in the list of shards tells packages apart, not threads.
        asked.sort_by_key(|(request, at)| (request.at, request.device, request.wants, *at));
        let mut room = backend
            .connections
            .map(|most| most.saturating_sub(loading + self.admitted - expected_no_more));
        for (request, at) in asked {
            let mut reply = serve(backend, &request, now, streams, outcome);
            if request.wants == Wants::Download && reply.refused.is_none() {
                match &mut room {
                    Some(0) => {
                        outcome.shed_by_connections += 1;
                        reply.refused = Some(backend.retry_after);
                    }
                    Some(room) => *room -= 1,
                    None => {}
                }
                self.admitted += u64::from(reply.refused.is_none());
            }
            lock(&shards[at as usize]).inbox.replies.push(reply);
        }
    }

    fn divide(&mut self, now: Time, shards: &[Mutex<Shard>]) {
        self.account(now);
        let mut loads: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for shard in shards {
            let shard = lock(shard);
            let traffic = shard.books.traffic.as_ref().expect("all share a network");
            for (class, count, rates) in traffic.demands() {
                let sum = loads.entry(class).or_default();
                *sum = (sum.0 + count, sum.1 + rates);
            }
        }
        let demand = |(class, (count, rates)): (&u32, &(u64, u64))| Demand {
            path: path_of(*class),
            count: *count,
            rates: *rates,
        };
        let demands: Vec<Demand> = loads.iter().map(demand).collect();
        for class in loads.keys() {
            self.live.entry(*class).or_insert_with(|| Progress::begin(now, 0.0));
        }
        self.shares.divide(&demands);
        let gone: Vec<u32> =
            self.live.keys().filter(|class| !loads.contains_key(class)).copied().collect();
        self.live.retain(|class, _| loads.contains_key(class));
        for (progress, speed) in self.live.values_mut().zip(&self.shares.speeds) {
            progress.set_speed(now, *speed);
        }
        for shard in shards {
            let mut shard = lock(shard);
            let traffic = shard.books.traffic.as_mut().expect("all share a network");
            gone.iter().for_each(|class| traffic.quit(*class));
            self.live.iter().for_each(|(class, progress)| traffic.set(*class, *progress));
        }
    }

    /// Adds what links carried since that was last looked at.
    fn account(&mut self, now: Time) {
        let from = std::mem::replace(&mut self.since, now);
        let seconds = now.since(from).as_secs_f64();
        for (link, load) in self.outcome.links.iter_mut().zip(self.shares.loads()) {
            link.carried_bits += load * seconds;
            link.bits.add_flow(from, now, load);
            link.most_bps = link.most_bps.max(load);
            if load >= link.capacity_bps * (1.0 - 1e-9) {
                link.full_s += seconds;
            }
        }
    }

    /// Rows for the instants before `tick`: nothing has changed since the last boundary.
    fn sample_to(&mut self, tick: u64, ticks: Ticks) {
        loop {
            let next = self.row_ticks.last().map_or(0, |last| last + self.every);
            if next >= tick {
                return;
            }
            self.row_ticks.push(next);
            self.outcome.rows.push(TrafficRow { at: ticks.start(next), ..self.state.clone() });
            if self.row_ticks.len() > ROWS_MAX && !self.is_fixed {
                self.every *= 2;
                let (every, mut kept) = (self.every, self.row_ticks.iter());
                let mut keep =
                    |_: &TrafficRow| kept.next().is_some_and(|t| t.is_multiple_of(every));
                self.outcome.rows.retain(&mut keep);
                self.row_ticks.retain(|tick| tick.is_multiple_of(every));
            }
        }
    }

    fn set_state(&mut self, downloads: u64) {
        let backend = self.outcome.backend.as_ref();
        let count = |of: fn(&BackendOutcome) -> u64| backend.map_or(0, of);
        let server = self.backend.as_ref().and_then(|backend| backend.server.as_ref());
        self.state.downloads = downloads;
        self.state.load_bps.clear();
        self.state.load_bps.extend(self.shares.loads());
        self.state.requests = count(|b| b.requests());
        self.state.shed = count(|b| b.shed_by_queue + b.shed_by_connections);
        self.state.waiting = server.map_or(0, |server| server.waiting() as u64);
    }

    /// What it came to at `end`.
    pub fn finish(mut self, end: Time, ticks: Ticks) -> TrafficOutcome {
        self.account(end);
        self.sample_to(ticks.of(end), ticks);
        self.outcome.rows.push(TrafficRow { at: end, ..self.state });
        self.outcome
    }
}

/// Has the server look at the request.
fn serve(
    backend: &mut Backend,
    request: &Request,
    now: Time,
    streams: &Streams,
    outcome: &mut BackendOutcome,
) -> Reply {
    let Request { at, device, flight, wants } = *request;
    outcome.by_minute.add(at, 1);
    match wants {
        Wants::Offer => outcome.polls += 1,
        Wants::Download => outcome.download_requests += 1,
        Wants::Expired => outcome.expired_links += 1,
    }
    let reply = |at, refused| Reply { device, flight, at, wants, refused };
    let Some(server) = &mut backend.server else { return reply(now, None) };
    let mut stream = streams.stream(device, Purpose::Service, index_of(at));
    let service = Span::from_micros_f64(backend.service.sample(&mut stream));
    let answer = server.ask(at, service, backend.patience);
    outcome.waiting_most = outcome.waiting_most.max(server.waiting() as u64);
    let record = |latency: &mut Latency, end: Time| latency.record(end.since(at));
    match answer {
        Answer::Served { begins, ends } => {
            outcome.served += 1;
            outcome.busy_s += ends.since(begins).as_secs_f64();
            record(&mut outcome.wait, begins);
            record(&mut outcome.response, ends);
            reply(ends, None)
        }
        Answer::Shed => {
            outcome.shed_by_queue += 1;
            reply(at, Some(backend.retry_after))
        }
        Answer::GivenUp { at } => {
            outcome.given_up += 1;
            reply(at, Some(Span::ZERO))
        }
    }
}
