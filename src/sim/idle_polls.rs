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
//! Of on and off periods only their means count: who is offline when a poll is due polls on
//! return. Devices with other patterns (profiles, windows, cycles, traces, charging) are taken to
//! be online all the time, and nobody leaves for good.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::dist::Law;
use crate::fleet::{Cohort, Outage, Pattern, Polling, Start};
use crate::model::{DeviceId, Time, take};
use crate::stats::Minutes;

use super::asking::Moved;
use super::network::Backend;
use super::outcome::BackendOutcome;
use super::world::World;

/// The polls of all cohorts, and the part of the workers that they take.
#[derive(Debug, Default)]
pub struct IdlePolls {
    flows: Vec<Flow>,
    /// By cohort: the flow it is part of.
    of: Vec<usize>,
    /// When each flow changes next.
    next: BinaryHeap<Reverse<(Time, usize)>>,
    now: Time,
    /// Polls per second of all flows, in units of 2^-20, so that what is added can be taken away.
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

const UNITS: f64 = (1u64 << 20) as f64;
const MINUTE_US: u64 = Minutes::BIN.0;

impl IdlePolls {
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

/// What tells one flow from another.
#[derive(Clone, Debug, PartialEq)]
struct Kind {
    polling: Polling,
    /// Means of on and off periods in µs, where devices have them.
    periods: Option<(f64, f64)>,
    joins: Option<Law>,
    outages: Vec<Arc<Outage>>,
}

impl Kind {
    fn of(cohort: &Cohort) -> Kind {
        let plain = |pattern: &Pattern| matches!(pattern, Pattern::Periods);
        let has_periods = cohort.start != Start::Always
            && cohort.reach.as_ref().is_none_or(|reach| plain(&reach.pattern));
        let means = (cohort.period(true).mean(), cohort.period(false).mean());
        let has_means = means.0.is_finite() && means.1.is_finite() && means.1 > 0.0;
        Kind {
            polling: cohort.polling.expect("all cohorts poll, or none does"),
            periods: (has_periods && has_means).then_some(means),
            joins: cohort.joins.clone(),
            outages: cohort.reach.as_ref().map_or(Vec::new(), |reach| reach.outages.clone()),
        }
    }
}

/// The polls of cohorts that are alike.
///
/// # Shape
/// `due` and `slope` are rings of the coming bins: what is due in one of them alone, and by how much
/// more is due from it on. All amounts are to be multiplied by `scale`.
#[derive(Debug)]
struct Flow {
    kind: Kind,
    /// Bins to an interval; the number of the present one.
    bins: u64,
    bin: u64,
    due: Box<[f64]>,
    slope: Box<[f64]>,
    level: f64,
    scale: f64,
    /// Offline, with a poll that was due.
    waiting: f64,
    /// Devices that nobody waits for.
    devices: f64,
    /// Devices that have not joined at the beginning.
    to_join: f64,
    /// Polls per second now, in units of 2^-20.
    rate: u64,
    /// Beginnings and ends of outages, from the last to the first.
    changes: Vec<(Time, Change)>,
    /// Outages that go on.
    down: u32,
    /// Since when devices come back, how many do, and the share that has.
    returning: Option<(Time, usize, f64, f64)>,
}

/// An outage, by its place in the list, begins or ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Begins,
    Ends(usize),
}

impl Flow {
    /// `flows`: how many there are, since all of them together have to be cheap.
    fn new(kind: Kind, devices: f64, until: Time, flows: usize) -> Flow {
        /// Steps of all flows over the run, and their bins.
        const STEPS: u64 = 1 << 26;
        const BINS: u64 = 1 << 22;
        let every = kind.polling.every.0;
        let intervals = (until.0 / every).max(1);
        let cheap = (STEPS / intervals).min(BINS) / flows as u64;
        let bins = (every / 1_000_000).min(4096).min(cheap.max(8)).max(1);
        let length = ((1.0 + kind.polling.jitter) * bins as f64) as usize + 3;
        let mut changes: Vec<(Time, Change)> = Vec::new();
        for (at, outage) in kind.outages.iter().enumerate() {
            for (from, to) in &outage.spans {
                changes.extend([(*from, Change::Begins), (*to, Change::Ends(at))]);
            }
        }
        changes.sort_by_key(|(at, _)| Reverse(*at));
        let joins = kind.joins.is_some();
        let mut flow = Flow {
            kind,
            bins,
            bin: 0,
            due: vec![0.0; length].into(),
            slope: vec![0.0; length].into(),
            level: 0.0,
            scale: 1.0,
            waiting: 0.0,
            devices: if joins { 0.0 } else { devices },
            to_join: if joins { devices } else { 0.0 },
            rate: 0,
            changes,
            down: 0,
            returning: None,
        };
        flow.begin();
        flow
    }

    /// Polls have gone on for ever.
    fn begin(&mut self) {
        let interval = self.kind.polling.interval();
        let share = |bin: u64| interval.residual_cdf(self.start_of(bin).0 as f64);
        let shares: Vec<f64> = (0..self.due.len() as u64).map(share).collect();
        for (due, ends) in self.due.iter_mut().zip(shares.windows(2)) {
            *due = self.devices * (ends[1] - ends[0]);
        }
    }

    /// When a bin begins, exactly: an interval is a whole number of bins.
    fn start_of(&self, bin: u64) -> Time {
        let every = u128::from(self.kind.polling.every.0);
        Time((u128::from(bin) * every / u128::from(self.bins)) as u64)
    }

    /// When the present bin ends.
    fn ends(&self) -> Time {
        self.start_of(self.bin)
    }

    /// Begins the next bin.
    fn step(&mut self) {
        let (from, to) = (self.start_of(self.bin), self.start_of(self.bin + 1));
        self.meet_outages(to);
        let joined = self.join(from, to);
        let back = self.come_back(to);
        let at = (self.bin % self.due.len() as u64) as usize;
        self.level += std::mem::take(&mut self.slope[at]);
        let due = self.level.max(0.0) + std::mem::take(&mut self.due[at]);
        let polls = match self.kind.periods {
            Some((on, off)) => {
                let online = on / (on + off);
                let returns = self.waiting * (to.since(from).0 as f64 / off).min(1.0);
                self.waiting += due * (1.0 - online) - returns;
                due * online + returns
            }
            None => due,
        };
        let polls = polls + back + joined / self.scale;
        self.spread(polls);
        self.bin += 1;
        let seconds = to.since(from).as_secs_f64();
        self.rate = (polls.max(0.0) * self.scale / seconds * UNITS) as u64;
    }

    /// So many have polled in the present bin, and do so again an interval later.
    fn spread(&mut self, polls: f64) {
        let (bins, jitter) = (self.bins as f64, self.kind.polling.jitter);
        let (least, most) = ((1.0 - jitter) * bins, (1.0 + jitter) * bins);
        // A bin stands for what lies half a bin around it.
        let (first, last) = ((least + 0.5) as u64, (most + 0.5) as u64);
        if first == last {
            return self.owe(first, polls);
        }
        let each = polls / (most - least);
        self.owe(first.max(1), each * (first as f64 + 0.5 - least));
        self.owe(last, each * (most - (last as f64 - 0.5)));
        let ring = self.due.len() as u64;
        self.slope[((self.bin + first + 1) % ring) as usize] += each;
        self.slope[((self.bin + last) % ring) as usize] -= each;
    }

    fn owe(&mut self, bins: u64, polls: f64) {
        let ring = self.due.len() as u64;
        self.due[((self.bin + bins) % ring) as usize] += polls;
    }

    /// Devices that join within the bin poll at once.
    fn join(&mut self, from: Time, to: Time) -> f64 {
        let Some(joins) = &self.kind.joins else { return 0.0 };
        let joined = self.to_join * (joins.cdf(to.0 as f64) - joins.cdf(from.0 as f64));
        self.devices += joined;
        if self.down > 0 { 0.0 } else { joined }
    }

    /// Outages that begin or end before `to`.
    fn meet_outages(&mut self, to: Time) {
        while let Some((at, change)) = self.changes.pop_if(|(at, _)| *at < to) {
            match change {
                Change::Begins => {
                    self.clear();
                    self.down += 1;
                }
                Change::Ends(outage) => {
                    take(&mut self.down, 1);
                    if self.down == 0 {
                        self.clear();
                        let online = self.kind.periods.map_or(1.0, |(on, off)| on / (on + off));
                        self.waiting = self.devices * (1.0 - online);
                        self.returning = Some((at, outage, self.devices * online, 0.0));
                    }
                }
            }
        }
    }

    /// How many come back before `to` from an outage that is over.
    fn come_back(&mut self, to: Time) -> f64 {
        let Some((since, outage, devices, share)) = &mut self.returning else { return 0.0 };
        let reconnect = &self.kind.outages[*outage].reconnect;
        let now = reconnect.cdf(to.0.saturating_sub(since.0) as f64);
        let back = *devices * (now - std::mem::replace(share, now));
        if now >= 1.0 {
            self.returning = None;
        }
        back
    }

    /// Nobody has a poll due any more.
    fn clear(&mut self) {
        self.due.fill(0.0);
        self.slope.fill(0.0);
        (self.level, self.scale, self.waiting, self.returning) = (0.0, 1.0, 0.0, None);
    }

    /// Somebody waits for one of the devices from now on.
    fn remove_one(&mut self) {
        if self.devices < 1.5 {
            self.devices = 0.0;
            self.rate = 0;
            return self.clear();
        }
        let kept = 1.0 - 1.0 / self.devices;
        self.devices -= 1.0;
        self.scale *= kept;
        self.rate = (self.rate as f64 * kept) as u64;
        if self.scale < 1e-6 {
            self.unscale();
        }
    }

    /// Nobody waits for a device any more, which has just polled.
    fn add_one(&mut self) {
        self.devices += 1.0;
        match &mut self.returning {
            _ if self.down > 0 => {}
            Some((_, _, devices, share)) if *share == 0.0 => *devices += 1.0 / self.scale,
            _ => self.spread(1.0 / self.scale),
        }
    }

    fn unscale(&mut self) {
        let scale = std::mem::replace(&mut self.scale, 1.0);
        for amount in self.due.iter_mut().chain(self.slope.iter_mut()) {
            *amount *= scale;
        }
        self.level *= scale;
        self.waiting *= scale;
        if let Some((_, _, devices, _)) = &mut self.returning {
            *devices *= scale;
        }
    }
}
