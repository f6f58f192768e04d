//! What couples downloads: shares of links, once per boundary; and the server's reception.

use std::sync::Mutex;

use crate::model::Time;
use crate::network::Shares;

use super::idle_polls::IdlePolls;
use super::network::Network;
use super::outcome::{BackendOutcome, LinkOutcome, TrafficOutcome, TrafficRow};
use super::reception::{Crowd, Reception};
use super::rollout::lock;
use super::shard::Shard;
use super::ticks::Ticks;
use super::world::World;

/// Divides links, and has the server answer requests.
pub struct Exchange {
    shares: Shares,
    reception: Option<Reception>,
    outcome: TrafficOutcome,
    /// By link: what it carries, in bit/s, and since when.
    carried: Vec<(f64, Time)>,
    /// Distance of the rows in ticks, and whether that is fixed.
    every: u64,
    is_fixed: bool,
    /// Tick of each row.
    row_ticks: Vec<u64>,
}

const ROWS_MAX: usize = 1000;

impl Exchange {
    /// `every`: distance of the rows in ticks, if that is fixed.
    pub fn new(world: &World, network: &Network, every: Option<u64>) -> Exchange {
        let shares = network.shares.clone();
        let link = |(name, capacity_bps): (&String, f64)| LinkOutcome {
            name: name.clone(),
            capacity_bps,
            ..LinkOutcome::default()
        };
        let links: Vec<_> = network.links.iter().zip(shares.capacities()).map(link).collect();
        let backend = network.backend.as_ref();
        Exchange {
            shares,
            reception: backend.map(|b| Reception::new(b, IdlePolls::new(world, b))),
            carried: vec![(0.0, Time::ZERO); links.len()],
            outcome: TrafficOutcome { links, ..TrafficOutcome::default() },
            every: every.unwrap_or(1),
            is_fixed: every.is_some(),
            row_ticks: Vec::new(),
        }
    }

    /// At the end of a tick: what was asked in it is answered.
    pub fn at_end(&mut self, tick: u64, crowd: &Crowd, world: &World) {
        if let Some(reception) = &mut self.reception {
            reception.attend(tick, crowd, &world.streams);
        }
    }

    /// At the beginning of a tick, before anything else: links are divided among who loads now.
    pub fn at_boundary(&mut self, tick: u64, shards: &[Mutex<Shard>], world: &World) {
        let now = world.ticks.start(tick);
        let mut changed = false;
        let mut loading = 0;
        for shard in shards {
            let mut shard = lock(shard);
            let traffic = shard.books.traffic.as_mut().expect("all share a network");
            changed |= std::mem::take(&mut traffic.changed);
            loading += traffic.loading;
            traffic.downloads.tell_changes(|change| self.shares.change(change));
        }
        self.sample_to(tick, loading, world.ticks);
        if changed {
            self.divide(now, shards);
        }
        self.outcome.downloads_most = self.outcome.downloads_most.max(loading);
        if self.next_row() == tick {
            self.sample(tick, loading, world.ticks);
        }
    }

    fn divide(&mut self, now: Time, shards: &[Mutex<Shard>]) {
        self.shares.divide(now);
        for shard in shards {
            let mut shard = lock(shard);
            let traffic = shard.books.traffic.as_mut().expect("all share a network");
            traffic.downloads.heed(&self.shares);
        }
        for link in &self.shares.news.loads {
            let load = self.shares.load(*link);
            let (carried, since) = &mut self.carried[*link as usize];
            if load != *carried {
                let was = std::mem::replace(carried, load);
                let from = std::mem::replace(since, now);
                account(&mut self.outcome.links[*link as usize], was, from, now);
            }
        }
    }

    /// Rows for the boundaries before `tick` that have none yet: whatever happened did so in ticks
    /// before them. Which ticks are visited in between depends on the number of threads.
    fn sample_to(&mut self, tick: u64, loading: u64, ticks: Ticks) {
        while self.next_row() < tick {
            self.sample(self.next_row(), loading, ticks);
        }
    }

    /// Tick of the next row.
    fn next_row(&self) -> u64 {
        self.row_ticks.last().map_or(0, |last| last + self.every)
    }

    fn sample(&mut self, tick: u64, loading: u64, ticks: Ticks) {
        let row = self.row(ticks.start(tick), loading);
        self.row_ticks.push(tick);
        self.outcome.rows.push(row);
        if self.row_ticks.len() > ROWS_MAX && !self.is_fixed {
            self.every *= 2;
            let (every, mut kept) = (self.every, self.row_ticks.iter());
            let mut keep = |_: &TrafficRow| kept.next().is_some_and(|t| t.is_multiple_of(every));
            self.outcome.rows.retain(&mut keep);
            self.row_ticks.retain(|tick| tick.is_multiple_of(every));
        }
    }

    /// How things stand at `at`, with so many downloads under way.
    fn row(&self, at: Time, downloads: u64) -> TrafficRow {
        let reception = self.reception.as_ref();
        let count = |of: fn(&BackendOutcome) -> u64| reception.map_or(0, |r| of(&r.outcome));
        TrafficRow {
            at,
            downloads,
            load_bps: self.shares.loads().collect(),
            requests: count(BackendOutcome::requests),
            shed: count(BackendOutcome::shed),
            waiting: reception.map_or(0, Reception::waiting),
        }
    }

    /// What it came to at `end`.
    pub fn finish(mut self, end: Time, shards: &[Mutex<Shard>], ticks: Ticks) -> TrafficOutcome {
        for (link, (load, since)) in self.outcome.links.iter_mut().zip(&self.carried) {
            account(link, *load, *since, end);
        }
        let loading = shards.iter().map(|shard| lock(shard).loading()).sum();
        self.sample_to(ticks.of(end), loading, ticks);
        let last = self.row(end, loading);
        self.outcome.rows.pop_if(|row| row.at == end);
        self.outcome.rows.push(last);
        self.outcome.backend = self.reception.take().map(|reception| reception.finish(end));
        self.outcome
    }
}

/// Adds what a link carried from one instant to another, at the same load.
fn account(link: &mut LinkOutcome, load: f64, from: Time, to: Time) {
    let seconds = to.since(from).as_secs_f64();
    link.carried_bits += load * seconds;
    link.bits.add_flow(from, to, load);
    link.most_bps = link.most_bps.max(load);
    if load >= link.capacity_bps * (1.0 - 1e-9) {
        link.full_s += seconds;
    }
}
