//! The coordinator: decides at each boundary, lets the shards run to the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::model::{DeviceId, Span, Time};
use crate::scenario::Loaded;
use crate::scheduler::state::{STATES, TaskState};
use crate::scheduler::{Abort, Campaign, FleetView, Order, Ready, TaskResult, Timeline, Turn};

use super::gate::Gate;
use super::outcome::{
    AbortOutcome, CampaignOutcome, CohortOutcome, Ended, Events, Outcome, Series, SeriesRow, Tally,
    show_cause,
};
use super::pace::Pace;
use super::plan;
use super::records::{Records, split};
use super::sampler::Sampler;
use super::setup::{self, Targets};
use super::shard::{Listed, Shard};
use super::trace::{TraceEntry, Tracer};
use super::world::World;

/// How to run, as opposed to what: none of it changes the result.
pub struct Options<'a> {
    /// Threads; none: as many as the machine has cores.
    pub threads: Option<usize>,
    /// The device to keep a log of.
    pub trace: Option<DeviceId>,
    /// Virtual seconds per second of wall time; none: as fast as it goes.
    pub pace: Option<f64>,
    /// Set it to end the run early, with what it has so far.
    pub stop: &'a AtomicBool,
    /// Called a few times per second.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub now: Time,
    /// The run's `until`.
    pub until: Time,
    pub targeted: u64,
    /// Tasks that are final.
    pub finished: u64,
    pub events: u64,
}

/// Simulates the campaign.
///
/// # Invariants
/// The result depends on the scenario alone, not on the number of threads.
///
/// # Errors
/// If the system refuses memory for the fleet.
pub fn run(loaded: &Loaded, options: Options) -> std::io::Result<Outcome> {
    let world = setup::world(loaded);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).clamp(1, THREADS_MAX);
    let targets = setup::targets(loaded, &world, threads as u32);
    let campaign = plan::campaign(loaded, &world, &targets);
    let timeline = plan::timeline(loaded);
    let wants_results = campaign.needs_results() || timeline.has_conditions();
    let shards = shards(&world, &targets, threads, wants_results, options.trace)?;
    let every = loaded.scenario.run.sample_every.map(|span| sample_ticks(&world, span));
    let gate = Gate::new(threads);
    std::thread::scope(|scope| {
        let spawn = |at: usize| {
            let (shards, gate) = (&shards, &gate);
            scope.spawn(move || gate.work(|job| do_job(&mut lock(&shards[at]), job)))
        };
        let workers: Vec<Thread> = (1..threads).map(|at| spawn(at).thread().clone()).collect();
        let _stop = StopOnDrop { gate: &gate, workers: &workers };
        let coordinator = Coordinator {
            world: &world,
            shards: &shards,
            gate: &gate,
            workers: &workers,
            campaign,
            timeline,
            wants_results,
            heard_of: 0,
            sampler: Sampler::new(every, world.versions.names.clone()),
            ready: Vec::new(),
            results: Vec::new(),
            options,
        };
        Ok(coordinator.run(&targets))
    })
}

const THREADS_MAX: usize = 1024;

/// Turns handed out in one go; bounds memory where a whole fleet is pushed in one tick.
const TURNS_AT_ONCE: usize = 1 << 16;

/// Below about this many events in a tick, waking the other threads costs more than it saves.
const WORTH_SHARING: usize = 48;

/// The run's distance of samples in whole ticks, at least one.
fn sample_ticks(world: &World, every: Span) -> u64 {
    (world.ticks.of(Time(every.0.saturating_sub(1))) + 1).max(1)
}

fn shards<'w>(
    world: &'w World,
    targets: &Targets,
    threads: usize,
    wants_results: bool,
    trace: Option<DeviceId>,
) -> std::io::Result<Vec<Mutex<Shard<'w>>>> {
    let count = world.devices.count();
    let shard = |at: usize| {
        let records = Records::new(at as u32, threads as u32, count, world.every_flip)?;
        let mut shard = Shard::new(world, records);
        shard.books.wants_results = wants_results;
        shard.books.trace = Tracer::new(trace);
        for (tally, targeted) in shard.books.tallies.iter_mut().zip(&targets.targeted_in[at]) {
            tally.targeted = *targeted;
            tally.states[world.first_state().index()] = *targeted;
            shard.books.open += *targeted;
        }
        if at == 0 {
            shard.books.versions.clone_from(&targets.versions);
            for (tally, count) in shard.books.tallies.iter_mut().zip(&targets.not_required) {
                tally.states[TaskState::NotRequired.index()] = *count;
            }
        }
        Ok(Mutex::new(shard))
    };
    (0..threads).map(shard).collect()
}

fn lock<'a, 'w>(shard: &'a Mutex<Shard<'w>>) -> MutexGuard<'a, Shard<'w>> {
    shard.lock().expect("a shard's thread panicked")
}

/// What a gate's job number means.
#[derive(Clone, Copy, PartialEq)]
enum Job {
    Populate,
    TakeTurns,
    Run,
}

fn encode(job: Job, tick: u64) -> u64 {
    tick << 2 | job as u64
}

fn do_job(shard: &mut Shard, code: u64) {
    let tick = code >> 2;
    match code & 3 {
        code if code == Job::Populate as u64 => shard.populate(),
        code if code == Job::TakeTurns as u64 => shard.take_turns(tick),
        _ => shard.run(tick),
    }
}

/// Lets the workers go, also when the coordinator panics.
struct StopOnDrop<'a> {
    gate: &'a Gate,
    workers: &'a [Thread],
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.gate.stop(self.workers);
    }
}

struct Coordinator<'a, 'w, 'o> {
    world: &'w World,
    shards: &'a [Mutex<Shard<'w>>],
    gate: &'a Gate,
    workers: &'a [Thread],
    campaign: Campaign,
    timeline: Timeline,
    /// Whether decisions follow from what becomes of devices.
    wants_results: bool,
    /// So many pushed tasks the campaign knows of.
    heard_of: u64,
    sampler: Sampler,
    ready: Vec<Ready>,
    results: Vec<TaskResult>,
    options: Options<'o>,
}

/// The shards between two ticks, when the coordinator has them to itself.
struct View<'a, 'b, 'w> {
    shards: &'b mut [MutexGuard<'a, Shard<'w>>],
    tick: u64,
}

impl<'w> View<'_, '_, 'w> {
    #[inline(always)]
    fn shard(&mut self, device: DeviceId) -> &mut Shard<'w> {
        let (_, at) = split(device, self.shards.len() as u32);
        &mut self.shards[at as usize]
    }
}

impl FleetView for View<'_, '_, '_> {
    #[inline(always)]
    fn is_online(&mut self, device: DeviceId) -> bool {
        let tick = self.tick;
        self.shard(device).is_online(device, tick)
    }

    #[inline(always)]
    fn is_still_ready(&mut self, ready: &Ready) -> bool {
        self.shard(ready.device).is_still_ready(ready)
    }

    #[inline(always)]
    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::List { device, at, online } => {
                self.shard(device).inbox.listed.push(Listed { device, at, online });
            }
            Turn::Aside { device } => self.shard(device).inbox.aside.push(device),
            Turn::Enrol { device } => self.shard(device).inbox.enrolled.push(device),
            Turn::NotNow { ready } => self.shard(ready.device).inbox.refused.push(ready),
            Turn::Ready { ready, at } => self.shard(ready.device).inbox.ready.push((ready, at)),
        }
    }

    #[inline(always)]
    fn expect(&mut self, ready: &Ready) {
        self.shard(ready.device).expect(ready);
    }

    #[inline(always)]
    fn expect_listed(&mut self, device: DeviceId) {
        self.shard(device).expect_listed(device);
    }
}

impl Coordinator<'_, '_, '_> {
    fn run(mut self, targets: &Targets) -> Outcome {
        self.share(encode(Job::Populate, 0), usize::MAX);
        self.campaign.advance(Time::ZERO);
        self.sample(0);
        let mut tick = 0;
        let mut reported = Instant::now();
        let mut boundaries = 0u64;
        let pace = self.options.pace.map(Pace::new);
        let ended = loop {
            if let Some(pace) = &pace {
                pace.wait_for(self.world.ticks.start(tick), self.options.stop);
            }
            self.decide(tick);
            self.turn_out(tick);
            let load = self.load_at(tick);
            self.share(encode(Job::Run, tick), load);
            let next = match self.next_boundary(tick) {
                Ok(next) => next,
                Err(ended) => break ended,
            };
            self.sample(next);
            tick = next;
            boundaries += 1;
            if (boundaries.is_multiple_of(64) || self.options.pace.is_some())
                && reported.elapsed() > Duration::from_millis(100)
            {
                reported = Instant::now();
                self.report(tick);
            }
        };
        self.finish(tick, ended, targets)
    }

    /// Does at the beginning of `tick` what results, time and operators ask for.
    fn decide(&mut self, tick: u64) {
        let now = self.world.ticks.start(tick);
        if self.wants_results {
            self.hear(now);
        }
        self.campaign.advance(now);
        self.timeline.apply(now, &mut self.campaign);
        for order in self.campaign.take_orders() {
            self.carry_out(&order, now);
        }
        self.count_flights();
    }

    /// Tells the campaign what became of tasks since the last boundary, in order.
    fn hear(&mut self, now: Time) {
        for shard in self.shards {
            self.results.append(&mut lock(shard).books.results);
        }
        self.results.sort_by_key(|result| (result.at, result.device));
        self.heard_of = self.started_and_ended().0;
        self.campaign.hear(&self.results, self.heard_of, now);
        self.results.clear();
    }

    /// Tells the campaign how many tasks are in flight, if it wants to know.
    fn count_flights(&mut self) {
        if self.world.caps_flights {
            let (started, ended) = self.started_and_ended();
            self.campaign.set_in_flight(started - ended);
        }
    }

    fn started_and_ended(&self) -> (u64, u64) {
        self.shards.iter().map(lock).fold((0, 0), |(started, ended), shard| {
            (started + shard.books.started, ended + shard.books.ended)
        })
    }

    fn carry_out(&mut self, order: &Order, now: Time) {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        if let Order::EndDevices { devices, to } = order {
            for device in devices {
                if self.campaign.withdraw(*device) {
                    let (_, at) = split(*device, shards.len() as u32);
                    let cohort = self.world.cohort_of(*device);
                    shards[at as usize].books.withdraw(cohort, *to);
                }
            }
        }
        shards.iter_mut().for_each(|shard| shard.carry_out(order, now));
    }

    /// Plans the pushes of `tick` and hands them to the shards.
    fn turn_out(&mut self, tick: u64) {
        let (from, to) = (self.world.ticks.start(tick), self.world.ticks.start(tick + 1));
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        for shard in &mut shards {
            self.ready.append(&mut shard.books.ready);
        }
        self.campaign.add_ready(&mut self.ready);
        loop {
            let mut view = View { shards: &mut shards, tick };
            let more = self.campaign.plan(from, to, &mut view, TURNS_AT_ONCE);
            if !more || self.options.stop.load(Ordering::Relaxed) {
                return;
            }
            drop(shards);
            self.share(encode(Job::TakeTurns, tick), usize::MAX);
            shards = self.shards.iter().map(lock).collect();
        }
    }

    fn load_at(&self, tick: u64) -> usize {
        self.shards.iter().map(|shard| lock(shard).load_at(tick)).sum()
    }

    /// Has each shard do the job, on all threads if there is enough of it.
    fn share(&self, job: u64, load: usize) {
        if self.workers.is_empty() || load < WORTH_SHARING {
            return self.shards.iter().for_each(|shard| do_job(&mut lock(shard), job));
        }
        self.gate.open(job, self.workers);
        do_job(&mut lock(&self.shards[0]), job);
        self.gate.wait(self.workers.len());
    }

    /// The next tick that has something to do, or why there is none.
    fn next_boundary(&mut self, tick: u64) -> Result<u64, Ended> {
        let (mut open, mut ready, mut cut_off, mut next) = (0, false, false, u64::MAX);
        let (mut heard, mut started) = (true, 0);
        for shard in self.shards {
            let shard = lock(shard);
            if cfg!(debug_assertions) {
                shard.books.assert_conserved();
            }
            open += shard.books.open;
            ready |= !shard.books.ready.is_empty();
            heard &= shard.books.results.is_empty();
            started += shard.books.started;
            cut_off |= shard.is_cut_off();
            next = next.min(shard.next_tick().unwrap_or(u64::MAX));
        }
        let unheard = self.wants_results && (!heard || started != self.heard_of);
        if open == 0 && !unheard {
            self.campaign.complete(self.world.ticks.start(tick + 1));
            if self.timeline.next() >= self.world.until {
                return Err(Ended::AllFinal);
            }
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Ended::Interrupted);
        }
        let following = self.world.ticks.start(tick + 1);
        self.count_flights();
        let permit = self.campaign.next_push(following, ready);
        if !permit.is_never() {
            next = next.min(self.world.ticks.of(permit));
        }
        // A device that polls is answered at once.
        if unheard || self.world.polls && ready {
            next = tick + 1;
        }
        // What is due at an instant is done at the first boundary not before it.
        let now = self.world.ticks.start(tick);
        let due = self.campaign.next_event(now).min(self.timeline.next());
        if !due.is_never() {
            next = next.min(self.world.ticks.of(Time(due.0.saturating_sub(1))) + 1).max(tick + 1);
        }
        match next {
            u64::MAX if cut_off => Err(Ended::Until),
            u64::MAX => Err(Ended::NothingLeft),
            next if self.world.ticks.start(next) >= self.world.until => Err(Ended::Until),
            next => Ok(next),
        }
    }

    /// Rows of the series up to the start of tick `to`.
    fn sample(&mut self, to: u64) {
        if !self.sampler.is_due(to) {
            return;
        }
        let (rows, versions) = self.rows();
        let (ticks, campaign) = (self.world.ticks, &self.campaign);
        let cause = |at| campaign.queue_cause(at);
        self.sampler.advance(to, |tick| ticks.start(tick), cause, &rows, &versions);
    }

    fn rows(&self) -> (Vec<SeriesRow>, Vec<u64>) {
        let mut rows = vec![SeriesRow::default(); self.world.cohorts.len()];
        let mut versions = vec![0u64; self.world.versions.names.len()];
        for shard in self.shards {
            let shard = lock(shard);
            for (row, tally) in rows.iter_mut().zip(&shard.books.tallies) {
                add_to_row(row, tally);
            }
            for (sum, count) in versions.iter_mut().zip(&shard.books.versions) {
                // A shard's count may be negative, modulo 2^64; the sum is not.
                *sum = sum.wrapping_add(*count);
            }
        }
        (rows, versions)
    }

    fn report(&mut self, tick: u64) {
        let (mut targeted, mut open, mut events) = (0, 0, Events::default());
        for shard in self.shards {
            let shard = lock(shard);
            targeted += shard.books.tallies.iter().map(|tally| tally.targeted).sum::<u64>();
            open += shard.books.open;
            events.merge(&shard.events());
        }
        (self.options.progress)(Progress {
            now: self.world.ticks.start(tick),
            until: self.world.until,
            targeted,
            finished: targeted - open,
            events: events.total(),
        });
    }

    fn finish(mut self, tick: u64, ended: Ended, targets: &Targets) -> Outcome {
        let end = match ended {
            Ended::Until => self.world.until,
            Ended::AllFinal | Ended::NothingLeft | Ended::Interrupted => {
                self.world.ticks.start(tick + 1)
            }
        };
        let ticks = self.world.ticks;
        if self.wants_results {
            self.hear(end);
            for order in self.campaign.take_orders() {
                self.carry_out(&order, end);
            }
        }
        let (rows, versions) = self.rows();
        let mut events = Events::default();
        let mut cohorts: Vec<CohortOutcome> = self
            .world
            .cohort_names
            .iter()
            .zip(&targets.devices)
            .map(|(name, devices)| CohortOutcome {
                name: name.clone(),
                devices: *devices,
                tally: Tally::default(),
            })
            .collect();
        let mut trace: Vec<TraceEntry> = Vec::new();
        for shard in self.shards {
            let mut shard = lock(shard);
            trace.append(&mut shard.books.trace.entries);
            events.merge(&shard.events_before(end));
            for (cohort, tally) in cohorts.iter_mut().zip(&shard.books.tallies) {
                cohort.tally.merge(tally);
            }
        }
        let cause = self.campaign.queue_cause(end);
        for CohortOutcome { tally, .. } in &mut cohorts {
            show_cause(&mut tally.states, cause);
            tally.assert_conserved();
        }
        let failed = self.campaign.counts().failed();
        let overshoot = |abort: &Abort| AbortOutcome {
            abort: *abort,
            overshoot: failed - abort.acted_counts.failed(),
        };
        let campaign = CampaignOutcome {
            status: self.campaign.status(),
            log: self.campaign.log().to_vec(),
            steps_left: self.timeline.left(),
            aborts: self.campaign.aborts().iter().map(overshoot).collect(),
            tags: self.campaign.tags().to_vec(),
        };
        let names = self.world.versions.names.iter().cloned();
        let versions_at_end = names.zip(versions.iter().copied()).filter(|(_, n)| *n > 0).collect();
        let mut sampler = self.sampler;
        let cause = |at| self.campaign.queue_cause(at);
        sampler.advance(ticks.of(end), |tick| ticks.start(tick), cause, &rows, &versions);
        let series: Series = sampler.finish(end, cause(end), &rows, &versions);
        Outcome { ended, end, cohorts, series, versions: versions_at_end, events, campaign, trace }
    }
}

fn add_to_row(row: &mut SeriesRow, tally: &Tally) {
    for at in 0..STATES {
        row.states[at] += tally.states[at];
    }
    row.pushes += tally.attempts.iter().sum::<u64>();
    row.repushes += tally.repushes;
    row.retries += tally.retries;
    row.late_reports += tally.late_reports;
}
