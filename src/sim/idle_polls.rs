//! Polls of devices that nobody waits for: those that had no turn yet, and those whose task is
//! final. They are not simulated one by one, but counted as a flow.
//!
//! # Model
//! Of the devices of each cohort that nobody waits for it is known how many have their next poll
//! due in each of the coming bins, a part of the polls' interval. What is due in a bin polls, and is
//! due again an interval later, spread by the jitter. A common outage stops the polls of its
//! cohorts; devices poll as soon as they are back, so that polls go on in step afterwards. All of
//! it is expected numbers: the same whatever the threads, and without noise.
//!
//! Who is offline when a poll is due polls on return. Of on and off periods only the means count,
//! as if the periods were exponential: a device that has just polled is online, and forgets that
//! with the rate of both kinds of change. Devices with other patterns (profiles, windows, cycles, traces, charging) are taken to
//! be online all the time, and nobody leaves for good.

mod flow;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::{DeviceId, Time};
use crate::stats::Minutes;

use super::asking::Moved;
use super::network::Backend;
use super::outcome::BackendOutcome;
use super::world::World;
use flow::{Flow, Kind, UNITS};

/// The polls of all cohorts, and the part of the workers that they take.
#[derive(Debug, Default)]
pub struct IdlePolls {
    flows: Vec<Flow>,
    /// By cohort: the flow it is part of.
    of: Vec<usize>,
    /// When each flow changes next.
    next: BinaryHeap<Reverse<(Time, usize)>>,
    now: Time,
    /// Polls per second of all flows, in [`UNITS`].
    rate: u64,
    load: Option<Load>,
    /// The part of a poll that was not counted yet.
    rest: f64,
    polls: f64,
    shed: f64,
}

/// What idle polls are to the workers.
#[derive(Debug)]
struct Load {
    workers: f64,
    service_s: f64,
    queue: f64,
    /// Worker seconds that wait to be done.
    backlog_s: f64,
    /// The share of the polls that finds the queue full.
    shed_share: f64,
    /// Worker seconds that were taken, and that were asked for in the present minute.
    busy_s: f64,
    minute: (u64, f64),
    busiest: f64,
}

/// Something is left for the others, however bad it is.
const MOST: f64 = 0.99;

const MINUTE_US: u64 = Minutes::BIN.0;

impl IdlePolls {
    /// Every device of a cohort that polls is idle at first; no polls if no cohort does.
    pub fn new(world: &World, backend: &Backend) -> IdlePolls {
        let load = backend.server.as_ref().map(|server| Load {
            workers: f64::from(server.workers()),
            service_s: backend.service.mean() / 1e6,
            queue: server.queue().map_or(f64::INFINITY, f64::from),
            backlog_s: 0.0,
            shed_share: 0.0,
            busy_s: 0.0,
            minute: (0, 0.0),
            busiest: 0.0,
        });
        let mut polls = IdlePolls { load, ..IdlePolls::default() };
        if world.cohorts.iter().all(|cohort| cohort.polling.is_none()) {
            return polls;
        }
        let mut devices = vec![0.0; world.cohorts.len()];
        for device in (0..world.devices.count()).map(DeviceId) {
            devices[usize::from(world.cohort_of(device).0)] += 1.0;
        }
        let mut kinds: Vec<(Kind, f64)> = Vec::new();
        for (cohort, devices) in world.cohorts.iter().zip(devices) {
            let kind = Kind::of(cohort);
            let there = devices * cohort.share_that_returns();
            let known = kinds.iter().position(|(other, _)| *other == kind);
            let at = known.unwrap_or(kinds.len());
            polls.of.push(at);
            match known {
                Some(at) => kinds[at].1 += there,
                None => kinds.push((kind, there)),
            }
        }
        let count = kinds.len();
        let flow = |(kind, devices)| Flow::new(kind, devices, world.until, count);
        polls.flows = kinds.into_iter().map(flow).collect();
        polls.next = (0..count).map(|at| Reverse((Time::ZERO, at))).collect();
        polls
    }

    /// A device's polls are simulated from now on, or no longer.
    pub fn note(&mut self, moved: &Moved) {
        let Some(flow) = self.of.get(usize::from(moved.cohort.0)) else { return };
        let flow = &mut self.flows[*flow];
        self.rate -= flow.rate;
        match moved.is_simulated {
            true => flow.remove_one(),
            false => flow.add_one(),
        }
        self.rate += flow.rate;
    }

    /// Goes on to `to`.
    pub fn run_to(&mut self, to: Time, outcome: &mut BackendOutcome) {
        if self.flows.is_empty() {
            return;
        }
        while let Some(Reverse((at, flow))) =
            self.next.peek().copied().filter(|next| next.0.0 <= to)
        {
            self.flow_on(at, outcome);
            self.next.pop();
            let own = &mut self.flows[flow];
            self.rate -= own.rate;
            own.step();
            self.rate += own.rate;
            self.next.push(Reverse((own.ends(), flow)));
        }
        self.flow_on(to, outcome);
    }

    /// Polls go on at the present rate up to `to`.
    fn flow_on(&mut self, to: Time, outcome: &mut BackendOutcome) {
        while self.now < to {
            let minute = self.now.0 / MINUTE_US;
            let until = to.min(Time((minute + 1) * MINUTE_US));
            let from = std::mem::replace(&mut self.now, until);
            if self.rate == 0 && self.load.as_ref().is_none_or(|load| load.backlog_s <= 0.0) {
                continue;
            }
            let seconds = until.since(from).as_secs_f64();
            let polls = self.rate as f64 / UNITS * seconds;
            self.polls += polls;
            self.rest += polls;
            let whole = self.rest as u64;
            self.rest -= whole as f64;
            outcome.by_minute.add(from, whole);
            outcome.idle_polls += whole;
            if let Some(load) = &mut self.load {
                self.shed += load.take(minute, polls, seconds);
            }
        }
    }

    /// The part of the workers' time that idle polls take now.
    pub fn busy(&self) -> f64 {
        let Some(load) = &self.load else { return 0.0 };
        match load.backlog_s > 0.0 {
            true => MOST,
            false if self.rate == 0 => 0.0,
            false => (self.rate as f64 / UNITS * load.service_s / load.workers).min(MOST),
        }
    }

    /// The share of requests that find the queue full of idle polls.
    pub fn shed_share(&self) -> f64 {
        self.load.as_ref().map_or(0.0, |load| load.shed_share)
    }

    /// Adds up what it came to.
    pub fn finish(&mut self, end: Time, outcome: &mut BackendOutcome) {
        let seconds = end.as_secs_f64().max(1e-6);
        outcome.idle_polls_per_s = self.polls / seconds;
        outcome.idle_shed = libm::round(self.shed) as u64;
        if let Some(load) = &mut self.load {
            load.end_minute(u64::MAX);
            // Nobody polls a server whose services have no mean: that is no load, not none known.
            if self.polls > 0.0 {
                outcome.idle_busy = self.polls * load.service_s / load.workers / seconds;
            }
            outcome.idle_busiest = load.busiest;
            let all = load.workers * seconds;
            outcome.busy_s = (outcome.busy_s + load.busy_s).min(all);
        }
    }
}

impl Load {
    /// So many polls come within so many seconds; how many of them are shed.
    fn take(&mut self, minute: u64, polls: f64, seconds: f64) -> f64 {
        self.end_minute(minute);
        let asked = polls * self.service_s;
        self.minute.1 += asked;
        let work = self.backlog_s + asked;
        let done = work.min(self.workers * seconds);
        self.busy_s += done;
        self.backlog_s = work - done;
        let most = self.queue * self.service_s;
        let shed = match self.backlog_s > most {
            true => (self.backlog_s - most) / self.service_s,
            false => 0.0,
        };
        self.backlog_s = self.backlog_s.min(most);
        self.shed_share = if polls > 0.0 { (shed / polls).min(1.0) } else { 0.0 };
        shed
    }

    fn end_minute(&mut self, minute: u64) {
        if self.minute.0 != minute {
            self.busiest = self.busiest.max(self.minute.1 / self.workers / 60.0);
            self.minute = (minute, 0.0);
        }
    }
}
