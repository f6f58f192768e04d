//! The coordinator: decides at each boundary, lets the shards run to the next.

mod conduct;

pub use conduct::conduct;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::model::{DeviceId, Time};
use crate::scenario::Loaded;
use crate::scheduler::state::TaskState;
use crate::scheduler::{Order, Registry};

use super::devices;
use super::exchange::Exchange;
use super::gate::Gate;
use super::ledger::{self, Peers};
use super::matching::{self, Matching};
use super::network::Network;
use super::outcome::{Ended, Events, Outcome};
use super::pace::Pace;
use super::reception::Crowd;
use super::recorded;
use super::records::Records;
use super::rollout::{Rollout, lock};
use super::setup::{self, Targets};
use super::shard::{Shard, What};
use super::trace::Tracer;
use super::world::World;

/// How to run, as opposed to what: none of it changes the result.
pub struct Options<'a> {
    /// Threads; none: as many as the machine has cores.
    pub threads: Option<usize>,
    /// The device to keep a log of.
    pub trace: Option<DeviceId>,
    /// Whether to keep what [`record`] returns.
    pub record: bool,
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

/// Simulates the scenario's campaigns.
///
/// # Invariants
/// The result depends on the scenario alone, not on the number of threads.
///
/// # Errors
/// If the system refuses memory for the fleet.
pub fn run(loaded: &Loaded, options: Options) -> std::io::Result<Outcome> {
    conduct(loaded, options, |coordinator| coordinator.run().0)
}

/// As [`run`], with a register of every task and all that happened to it.
///
/// Every change of every device is simulated, as with `run.every_flip`.
///
/// # Errors
/// If the system refuses memory for the fleet.
pub fn record(loaded: &Loaded, options: Options) -> std::io::Result<(Outcome, Registry)> {
    let options = Options { record: true, ..options };
    let with = |coordinator: Coordinator| coordinator.run();
    let (outcome, registry) = conduct(loaded, options, with)?;
    Ok((outcome, registry.expect("it was asked for")))
}

/// Something a device or the scheduler does at an instant within a tick.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    at: Time,
    package: usize,
    what: What,
}

impl Work {
    /// When it happens.
    pub fn at(&self) -> Time {
        self.at
    }
}

const REPORT_EVERY: Duration = Duration::from_millis(100);

const THREADS_MAX: usize = 1024;

/// Turns handed out in one go; bounds memory where a whole fleet is pushed in one tick.
const TURNS_AT_ONCE: usize = 1 << 16;

/// Below about this many events in a tick, waking the other threads costs more than it saves.
const WORTH_SHARING: usize = 48;

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

/// One thread's part of a job: each package's shard in turn, with what it has to say to those
/// after it.
fn do_jobs(shards: &[Mutex<Shard>], peers: &[Peers], threads: usize, thread: usize, job: u64) {
    for package in 0..shards.len() / threads {
        do_job(&mut lock(&shards[package * threads + thread]), job);
        if let Some(peers) = peers.get(package) {
            ledger::pass_on(package, peers, |peer, act| {
                act(&mut lock(&shards[peer * threads + thread]));
            });
        }
    }
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

/// Decides at each boundary, and has the shards run to the next.
pub struct Coordinator<'a, 'w, 'o> {
    loaded: &'a Loaded,
    rollouts: Vec<Rollout<'a, 'w>>,
    /// Who gets tasks while the run goes on; none: all tasks are there from the beginning.
    matching: Option<Matching>,
    /// Package after package, each by thread.
    shards: &'a [Mutex<Shard<'w>>],
    /// By package.
    peers: &'a [Peers],
    gate: &'a Gate,
    workers: &'a [Thread],
    options: Options<'o>,
    /// Whether more threads pay.
    pace: Pace,
    /// What devices share, if they do.
    exchange: Option<Exchange>,
    /// When progress was reported last.
    reported: Instant,
    boundaries: u64,
    /// Events handled, and the last tick in which there were any.
    events: u64,
    last_active: u64,
}

impl<'o> Coordinator<'_, '_, 'o> {
    fn run(mut self) -> (Outcome, Option<Registry>) {
        self.begin();
        let mut tick = 0;
        let ended = loop {
            self.decide(tick);
            self.turn_out(tick);
            let load = self.load_at(tick);
            self.share(encode(Job::Run, tick), load);
            self.answer(tick);
            match self.next_boundary(tick) {
                Ok(next) => tick = next,
                Err(ended) => break ended,
            }
            self.pass(tick);
        };
        self.finish(tick, ended)
    }

    /// Who may want the run to end.
    pub fn stop(&self) -> &'o AtomicBool {
        self.options.stop
    }

    /// When the tick begins.
    pub fn start_of(&self, tick: u64) -> Time {
        self.rollouts[0].world().ticks.start(tick)
    }

    /// Before the first tick.
    pub fn begin(&mut self) {
        self.share(encode(Job::Populate, 0), usize::MAX);
        if self.matching.is_none() {
            self.rollouts.iter_mut().for_each(|rollout| rollout.campaign.advance(Time::ZERO));
        }
        self.sample(0);
    }

    /// Between two ticks: takes samples up to the beginning of `tick`, and reports now and then.
    fn pass(&mut self, tick: u64) {
        self.sample(tick);
        self.boundaries += 1;
        if self.boundaries.is_multiple_of(64) && self.reported.elapsed() > REPORT_EVERY {
            self.reported = Instant::now();
            self.report(tick);
        }
    }

    /// Opens a tick that is run piece by piece: decides, and returns what is due in it.
    pub fn open(&mut self, tick: u64) -> Vec<Work> {
        self.decide(tick);
        for rollout in &mut self.rollouts {
            rollout.turn_out(tick, usize::MAX);
        }
        for shard in self.shards {
            lock(shard).open(tick);
        }
        self.due(tick)
    }

    /// Does one piece of work at its instant, and returns what else is due in the tick by that.
    pub fn act(&mut self, work: Work, tick: u64) -> Vec<Work> {
        lock(&self.shards[work.package]).act(work.what, work.at, tick);
        self.due(tick)
    }

    /// Closes a tick of which all work is done; the next one, or why there is none.
    ///
    /// # Errors
    /// Why the run ends.
    pub fn close(&mut self, tick: u64) -> Result<u64, Ended> {
        self.shards.iter().for_each(|shard| lock(shard).close());
        self.answer(tick);
        let next = self.next_boundary(tick)?;
        self.boundaries |= 63;
        self.pass(next);
        Ok(next)
    }

    /// What is due in the tick and was not returned before.
    fn due(&self, tick: u64) -> Vec<Work> {
        let mut works = Vec::new();
        for (package, shard) in self.shards.iter().enumerate() {
            if let Some(peers) = self.peers.get(package) {
                ledger::pass_on(package, peers, |peer, act| act(&mut lock(&self.shards[peer])));
            }
            lock(shard).due(tick, |at, what| works.push(Work { at, package, what }));
        }
        works
    }

    /// At the end of `tick`: the server answers what was asked in it.
    fn answer(&mut self, tick: u64) {
        if let Some(exchange) = &mut self.exchange {
            let threads = self.workers.len() + 1;
            let crowd = Crowd { shards: self.shards, peers: self.peers, threads };
            exchange.at_end(tick, &crowd, self.rollouts[0].world());
        }
    }

    /// Does at the beginning of `tick` what results, time and operators ask for.
    fn decide(&mut self, tick: u64) {
        let world = self.rollouts[0].world();
        let now = world.ticks.start(tick);
        if let Some(exchange) = &mut self.exchange {
            exchange.at_boundary(tick, self.shards, world);
        }
        if let Some(matching) = &mut self.matching {
            matching.free_devices(&mut self.rollouts, now);
            matching.take_later(&mut self.rollouts, now);
        }
        for at in 0..self.rollouts.len() {
            if let Some(matching) = &self.matching {
                matching.find_rival(at, &mut self.rollouts);
            }
            let rollout = &mut self.rollouts[at];
            if rollout.wants_results {
                rollout.hear(now);
            }
            rollout.campaign.advance(now);
            self.carry_out_orders(at, now);
            // Each step finds the tasks as the one before has left them.
            let acts = |rollout: &mut Rollout| rollout.timeline.act(now, &mut rollout.campaign);
            while acts(&mut self.rollouts[at]) {
                self.carry_out_orders(at, now);
            }
        }
        if let Some(matching) = &self.matching {
            matching.free_devices(&mut self.rollouts, now);
        }
        self.rollouts.iter_mut().for_each(Rollout::count_flights);
    }

    /// Does to the tasks of one rollout what its campaign has decided.
    fn carry_out_orders(&mut self, at: usize, now: Time) {
        for order in self.rollouts[at].campaign.take_orders() {
            if let (Order::Retry { devices }, Some(_)) = (&order, &self.matching) {
                matching::retry_occupied(at, &mut self.rollouts, devices.as_deref(), now);
            }
            self.rollouts[at].carry_out(&order, now);
            if let (Order::Activate, Some(matching)) = (&order, &mut self.matching) {
                matching.start(at, &mut self.rollouts, now);
            }
        }
    }

    /// Plans the pushes of `tick` and hands them to the shards.
    fn turn_out(&mut self, tick: u64) {
        for at in 0..self.rollouts.len() {
            while self.rollouts[at].turn_out(tick, TURNS_AT_ONCE)
                && !self.options.stop.load(Ordering::Relaxed)
            {
                self.share(encode(Job::TakeTurns, tick), usize::MAX);
            }
        }
    }

    fn load_at(&self, tick: u64) -> usize {
        self.shards.iter().map(|shard| lock(shard).load_at(tick)).sum()
    }

    /// Has each shard do the job, on all threads if there is enough of it.
    fn share(&mut self, job: u64, load: usize) {
        let threads = self.workers.len() + 1;
        let alone =
            || (0..threads).for_each(|at| do_jobs(self.shards, self.peers, threads, at, job));
        if self.workers.is_empty() || load < WORTH_SHARING {
            return alone();
        }
        // How much there is to do is not known of whole fleets; they are worth every thread.
        let is_known = load < usize::MAX;
        let began = Instant::now();
        if is_known && !self.pace.is_together() {
            alone();
            return self.pace.was_alone(load, began.elapsed());
        }
        self.gate.open(job, self.workers);
        do_jobs(self.shards, self.peers, threads, 0, job);
        self.gate.wait(self.workers.len());
        if is_known {
            self.pace.was_together(load, began.elapsed());
        }
    }

    /// The next tick that has something to do, or why there is none.
    fn next_boundary(&mut self, tick: u64) -> Result<u64, Ended> {
        let world = self.rollouts[0].world();
        let mut all = self.rollouts[0].survey(tick);
        for rollout in &mut self.rollouts[1..] {
            all.add(&rollout.survey(tick));
        }
        // The calendar may hold timers that turn out to be void.
        if std::mem::replace(&mut self.events, all.events) != all.events {
            self.last_active = tick;
        }
        let acts = |rollout: &Rollout| rollout.timeline.next() < world.until;
        let makes = |matching: &Matching| matching.may_make_tasks(&self.rollouts);
        let more = self.matching.as_ref().is_some_and(makes);
        let is_over = all.open == 0 && all.under_way == 0 && !all.unheard;
        if is_over && !more && !self.rollouts.iter().any(acts) {
            return Err(Ended::AllFinal);
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(Ended::Interrupted);
        }
        if let Some(matching) = &self.matching {
            all.next = all.next.min(matching.next(&self.rollouts, tick));
        }
        match all.next {
            u64::MAX if all.under_way > 0 => Err(Ended::Until),
            u64::MAX if all.is_cut_off && self.waits_beyond() => Err(Ended::Until),
            u64::MAX => Err(Ended::NothingLeft),
            next if world.ticks.start(next) >= world.until => Err(Ended::Until),
            next => Ok(next),
        }
    }

    /// Whether an open task waits for a timer beyond the end of the run.
    fn waits_beyond(&self) -> bool {
        self.shards.iter().any(|shard| lock(shard).waits_beyond())
    }

    /// Rows of the series up to the start of tick `to`.
    fn sample(&mut self, to: u64) {
        let Coordinator { rollouts, shards, .. } = self;
        for rollout in rollouts {
            rollout.sample(to, |world| versions_of(shards, world));
        }
    }

    fn report(&mut self, tick: u64) {
        let (mut targeted, mut open, mut events) = (0, 0, Events::default());
        for shard in self.shards {
            let shard = lock(shard);
            targeted += shard.books.tallies.iter().map(|tally| tally.targeted).sum::<u64>();
            open += shard.books.open;
            events.merge(&shard.events());
        }
        let world = self.rollouts[0].world();
        (self.options.progress)(Progress {
            now: world.ticks.start(tick),
            until: world.until,
            targeted,
            finished: targeted - open,
            events: events.total(),
        });
    }

    /// What the run came to, after `tick`, and its register if that is kept.
    pub fn finish(mut self, tick: u64, ended: Ended) -> (Outcome, Option<Registry>) {
        let world = self.rollouts[0].world();
        let end = match ended {
            Ended::Until => world.until,
            Ended::NothingLeft => world.ticks.start(self.last_active + 1),
            Ended::AllFinal | Ended::Interrupted => world.ticks.start(tick + 1),
        };
        if let Some(matching) = &mut self.matching {
            matching.count_later(&mut self.rollouts, end);
        }
        let exchange = self.exchange.take();
        let traffic = exchange.map(|exchange| exchange.finish(end, self.shards, world.ticks));
        let mut outcomes: Vec<Outcome> = Vec::new();
        for rollout in &mut self.rollouts {
            if rollout.wants_results {
                rollout.hear(end);
                for order in rollout.campaign.take_orders() {
                    rollout.carry_out(&order, end);
                }
            }
        }
        for rollout in &mut self.rollouts {
            outcomes.extend(rollout.finish(ended, end, |world| versions_of(self.shards, world)));
        }
        let registry = || recorded::registry(self.loaded, &self.rollouts, &mut outcomes);
        let registry = self.options.record.then(registry);
        let devices = devices::counts(&self.rollouts, &outcomes[0]);
        let further = outcomes.split_off(1);
        let traffic = traffic.map(Box::new);
        (Outcome { further, traffic, devices, ..outcomes.remove(0) }, registry)
    }
}

/// Devices by what they run of the module, in all that have it.
fn versions_of(shards: &[Mutex<Shard>], world: &World) -> Vec<u64> {
    let mut versions = vec![0u64; world.versions.names.len()];
    for shard in shards.iter().map(lock) {
        if shard.books.world.module_id == world.module_id {
            for (sum, count) in versions.iter_mut().zip(&shard.books.versions) {
                // A shard's count may be negative, modulo 2^64; the sum is not.
                *sum = sum.wrapping_add(*count);
            }
        }
    }
    versions
}
