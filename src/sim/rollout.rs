//! One campaign's part of each boundary: what it hears, decides and plans.

mod view;

use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::model::{DeviceId, Time, left};
use crate::scenario::Loaded;
use crate::scenario::rules::Conflict;
use crate::scheduler::state::{FailureReason, STATES, TaskState};
use crate::scheduler::{Abort, Campaign, FleetView, Order, Ready, TaskResult, Timeline, Turn};
use crate::stats::Minutes;

use view::View;

use super::devices;
use super::ledger::Status;
use super::outcome::{
    AbortOutcome, CampaignOutcome, CohortOutcome, DeviceCounts, Ended, Events, Outcome, SeriesRow,
    Tally, series_parts, show_cause,
};
use super::plan;
use super::records::split;
use super::sampler::Sampler;
use super::setup::Targets;
use super::shard::{Listed, Shard};
use super::stage_book;
use super::staging::Staging;
use super::trace::TraceEntry;
use super::world::World;

/// A campaign with its packages, each in shards of its own.
pub struct Rollout<'a, 'w> {
    /// By package.
    pub parts: Vec<&'a Loaded>,
    pub worlds: &'w [World],
    /// Package after package, each by thread.
    pub shards: &'a [Mutex<Shard<'w>>],
    pub threads: usize,
    pub campaign: Campaign,
    pub timeline: Timeline,
    /// Whether decisions follow from what becomes of devices.
    pub wants_results: bool,
    /// When it started.
    pub activated: Time,
    pub targets: Targets,
    /// So many pushed tasks the campaign knows of.
    heard_of: u64,
    /// By package.
    samplers: Vec<Sampler>,
    /// By package: the greatest number of tasks in flight so far.
    in_flight_most: Vec<u64>,
    ready: Vec<Ready>,
    results: Vec<TaskResult>,
    /// By device, where there are several packages.
    pub together: Vec<Together>,
}

/// What became of one device's tasks for several packages, for a campaign that counts devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Together {
    pub open: u8,
    /// Why the device counts as failed.
    pub failed: Option<FailureReason>,
}

impl Together {
    /// A failed task is tried again; why the device counted as failed, if it did.
    fn reopen(&mut self) -> Option<FailureReason> {
        self.open += 1;
        self.failed.take()
    }

    /// What the device's result is, if it has one now: failed with its first failed task,
    /// updated with the last of its tasks.
    fn hear(&mut self, state: TaskState) -> bool {
        let had_failed = self.failed.is_some();
        self.open = self.open.saturating_sub(1);
        if let (false, TaskState::Failed(reason)) = (had_failed, state) {
            self.failed = Some(reason);
        }
        !had_failed && (self.failed.is_some() || self.open == 0)
    }
}

/// Where a rollout stands after a tick.
pub struct Survey {
    /// Open tasks, and those that are final while their device still goes about them.
    pub open: u64,
    pub under_way: u64,
    /// Something happened that the campaign has not heard of.
    pub unheard: bool,
    /// Some device's next timer lies beyond the end of the run.
    pub is_cut_off: bool,
    /// The next tick that has something to do; the greatest number: none.
    pub next: u64,
    /// Events handled so far.
    pub events: u64,
}

impl Survey {
    /// Adds what another rollout has left.
    pub fn add(&mut self, other: &Survey) {
        self.open += other.open;
        self.under_way += other.under_way;
        self.unheard |= other.unheard;
        self.is_cut_off |= other.is_cut_off;
        self.next = self.next.min(other.next);
        self.events += other.events;
    }
}

/// The shard, once no other thread holds it.
///
/// # Panics
/// If a thread panicked while it held the shard.
pub fn lock<'a, 'w>(shard: &'a Mutex<Shard<'w>>) -> MutexGuard<'a, Shard<'w>> {
    shard.lock().expect("a shard's thread panicked")
}

impl<'a, 'w> Rollout<'a, 'w> {
    /// The campaign of `parts` on these targets; `shared`: its tasks are made when it starts.
    pub fn new(
        parts: Vec<&'a Loaded>,
        worlds: &'w [World],
        shards: &'a [Mutex<Shard<'w>>],
        mut targets: Targets,
        shared: bool,
    ) -> Rollout<'a, 'w> {
        let rules = (!shared).then_some(&parts[0].scenario.campaign);
        let staging = rules.and_then(|rules| Staging::of_list(rules, &worlds[0], &mut targets));
        if let Some(staging) = &staging {
            stage_book::open(&worlds[0], &targets, staging, shards);
        }
        let campaign = plan::campaign(parts[0], &worlds[0], &targets, staging.as_ref());
        let campaign = if shared { campaign.not_begun() } else { campaign };
        let timeline = plan::timeline(parts[0]);
        let every = parts[0].scenario.run.sample_every.map(|span| worlds[0].sample_ticks(span));
        Rollout {
            wants_results: campaign.needs_results() || timeline.has_conditions(),
            threads: shards.len() / worlds.len(),
            samplers: worlds
                .iter()
                .map(|w| Sampler::new(every, w.versions.names.clone()))
                .collect(),
            in_flight_most: vec![0; worlds.len()],
            parts,
            worlds,
            shards,
            campaign,
            timeline,
            activated: Time::ZERO,
            targets,
            heard_of: 0,
            ready: Vec::new(),
            results: Vec::new(),
            together: Vec::new(),
        }
    }

    /// The world of the campaign's first package.
    pub fn world(&self) -> &'w World {
        &self.worlds[0]
    }

    /// Tells the campaign what became of tasks since the last boundary, in order.
    pub fn hear(&mut self, now: Time) {
        for shard in self.shards {
            self.results.append(&mut lock(shard).books.results);
        }
        self.results.sort_by_key(|result| (result.at, result.device));
        if !self.together.is_empty() {
            let together = &mut self.together;
            self.results.retain(|r| together[r.device.0 as usize].hear(r.state));
        }
        self.heard_of = self.notified();
        self.campaign.hear(&self.results, self.heard_of, now);
        self.results.clear();
    }

    /// Tells the campaign how many tasks are in flight, if it wants to know.
    pub fn count_flights(&mut self) {
        if self.world().caps_flights {
            let sum = |(started, ended), shard| {
                let shard: MutexGuard<Shard> = lock(shard);
                (started + shard.books.started, ended + shard.books.ended)
            };
            let (started, ended) = self.shards.iter().fold((0, 0), sum);
            self.campaign.set_in_flight(left(started, ended));
        }
    }

    /// Devices that were pushed.
    fn notified(&self) -> u64 {
        let started = |shard| {
            let shard: MutexGuard<Shard> = lock(shard);
            let followed = shard.books.ledger.as_ref().map_or(0, |ledger| ledger.followed);
            left(shard.books.started, shard.books.restarted + followed)
        };
        self.shards.iter().map(started).sum()
    }

    /// Does in all shards what the campaign orders, and tells it which tasks were queued once more.
    pub fn carry_out(&mut self, order: &Order, now: Time) {
        if let Order::Activate = order {
            self.activated = now;
        }
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        if let Order::EndDevices { devices, to } = order {
            for device in devices {
                let listed = self.campaign.withdraw(*device);
                let (slot, at) = split(*device, self.threads as u32);
                for shard in shards.iter_mut().skip(at as usize).step_by(self.threads) {
                    if shard.books.ledger.is_some() {
                        shard.end_unturned_at(slot, *to, now);
                    } else if listed {
                        let world = &self.worlds[0];
                        let (cohort, from) = (world.cohort_of(*device), world.first_state());
                        shard.books.withdraw(*device, cohort, (from, *to), now);
                    }
                }
            }
        }
        shards.iter_mut().for_each(|shard| shard.carry_out(order, now));
        let mut reopened = Vec::new();
        shards.iter_mut().for_each(|shard| reopened.append(&mut shard.books.reopened));
        if self.wants_results && !reopened.is_empty() {
            if !self.together.is_empty() {
                let counted = |(device, _): &(DeviceId, FailureReason)| {
                    Some((*device, self.together[device.0 as usize].reopen()?))
                };
                reopened = reopened.iter().filter_map(counted).collect();
            }
            self.campaign.take_back(&reopened);
        }
    }

    /// Plans the pushes of `tick`, at most `limit` of them; whether there are more.
    pub fn turn_out(&mut self, tick: u64, limit: usize) -> bool {
        let ticks = self.world().ticks;
        let (from, to) = (ticks.start(tick), ticks.start(tick + 1));
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        for shard in &mut shards {
            self.ready.append(&mut shard.books.ready);
        }
        self.campaign.add_ready(&mut self.ready);
        let conflict = self.parts[0].scenario.campaign.conflict;
        let queues = matches!(conflict, Conflict::Queue | Conflict::Supersede);
        let mut view = View { shards: &mut shards, threads: self.threads, tick, queues };
        self.campaign.plan(from, to, &mut view, limit)
    }

    /// What is left after `tick`; completes the campaign if that is nothing.
    pub fn survey(&mut self, tick: u64) -> Survey {
        let (mut open, mut under_way, mut events) = (0, 0, 0);
        let (mut heard, mut ready, mut is_cut_off, mut next) = (true, false, false, u64::MAX);
        for (shards, most) in self.shards.chunks(self.threads).zip(&mut self.in_flight_most) {
            let mut in_flight = 0;
            for shard in shards {
                let mut shard = lock(shard);
                if cfg!(debug_assertions) {
                    shard.books.assert_conserved();
                }
                open += shard.books.open;
                under_way += shard.books.under_way;
                in_flight += left(shard.books.started, shard.books.ended);
                ready |= !shard.books.ready.is_empty();
                events += shard.events().total();
                heard &= shard.books.results.is_empty();
                is_cut_off |= shard.is_cut_off();
                next = next.min(shard.next_tick().unwrap_or(u64::MAX));
            }
            *most = (*most).max(in_flight);
        }
        let world = self.world();
        let following = world.ticks.start(tick + 1);
        let unheard = self.wants_results && (!heard || self.notified() != self.heard_of);
        if open == 0 && !unheard {
            self.campaign.complete(following);
        }
        self.count_flights();
        let permit = self.campaign.next_push(following, ready);
        if !permit.is_never() {
            next = next.min(world.ticks.of(permit));
        }
        // A device that polls is answered at once.
        if unheard || world.polls && ready {
            next = tick + 1;
        }
        // What is due at an instant is done at the first boundary not before it.
        let now = world.ticks.start(tick);
        let due = self.campaign.next_event(now).min(self.timeline.next());
        if !due.is_never() {
            next = next.min(world.boundary_at(due)).max(tick + 1);
        }
        Survey { open, under_way, unheard, is_cut_off, next, events }
    }

    /// Rows of the series up to the start of tick `to`; `versions` by package.
    pub fn sample(&mut self, to: u64, versions: impl Fn(&World) -> Vec<u64>) {
        for package in 0..self.worlds.len() {
            if self.samplers[package].is_due(to) {
                let world = &self.worlds[package];
                let rows = self.rows(package);
                let (ticks, campaign) = (world.ticks, &self.campaign);
                let cause = |at| campaign.queue_cause(at);
                let (start, versions) = (|tick| ticks.start(tick), versions(world));
                self.samplers[package].advance(to, start, cause, &rows, &versions);
            }
        }
    }

    /// The shards of one package.
    pub fn shards_of(&self, package: usize) -> &'a [Mutex<Shard<'w>>] {
        &self.shards[package * self.threads..(package + 1) * self.threads]
    }

    fn rows(&self, package: usize) -> Vec<SeriesRow> {
        let cohorts = self.world().cohorts.len();
        let parts = series_parts(cohorts);
        let mut rows = vec![SeriesRow::default(); parts];
        for shard in self.shards_of(package) {
            for (cohort, tally) in lock(shard).books.tallies.iter().enumerate() {
                add_to_row(&mut rows[cohort.min(parts - 1)], tally);
            }
        }
        rows
    }

    /// What the campaign came to.
    fn campaign_outcome(&self) -> CampaignOutcome {
        let campaign = &self.campaign;
        let overshoot =
            |abort: &Abort| AbortOutcome { abort: *abort, overshoot: campaign.overshoot(abort) };
        CampaignOutcome {
            name: self.parts[0].scenario.campaign.name.clone(),
            activated: campaign.activated(),
            status: campaign.status(),
            log: campaign.log().to_vec(),
            exposed: self.notified(),
            steps_left: self.timeline.left(),
            aborts: campaign.aborts().iter().map(overshoot).collect(),
            rules: campaign.rules(),
            tags: campaign.tags().to_vec(),
            device_status: devices::status(self),
        }
    }

    /// What became of each package, as of `end`; `versions` by package.
    pub fn finish(
        &mut self,
        ended: Ended,
        end: Time,
        versions: impl Fn(&World) -> Vec<u64>,
    ) -> Vec<Outcome> {
        let campaign = self.campaign_outcome();
        let samplers = std::mem::take(&mut self.samplers);
        let packages = samplers.into_iter().enumerate();
        let outcome = |(package, sampler)| {
            let versions = versions(&self.worlds[package]);
            self.finish_package(package, sampler, (ended, end), campaign.clone(), versions)
        };
        packages.map(outcome).collect()
    }

    fn finish_package(
        &self,
        package: usize,
        mut sampler: Sampler,
        (ended, end): (Ended, Time),
        campaign: CampaignOutcome,
        versions: Vec<u64>,
    ) -> Outcome {
        let world = &self.worlds[package];
        let rows = self.rows(package);
        let mut events = Events::default();
        let cohort = |(name, devices): (&String, &u64)| {
            let (name, devices) = (name.clone(), *devices);
            CohortOutcome { name, devices, tally: Tally::default() }
        };
        let mut cohorts: Vec<CohortOutcome> =
            world.cohort_names.iter().zip(&self.targets.devices).map(cohort).collect();
        let (mut trace, mut pushes): (Vec<TraceEntry>, _) = (Vec::new(), Minutes::default());
        let mut under_way = 0;
        for shard in self.shards_of(package) {
            let mut shard = lock(shard);
            trace.append(&mut shard.books.trace.entries);
            events.merge(&shard.events_before(end));
            pushes.merge(&shard.books.pushes);
            if cfg!(debug_assertions) {
                shard.assert_under_way();
            }
            under_way += shard.books.under_way;
            for (cohort, tally) in cohorts.iter_mut().zip(&shard.books.tallies) {
                cohort.tally.merge(tally);
            }
        }
        let cause = self.campaign.queue_cause(end);
        for CohortOutcome { tally, .. } in &mut cohorts {
            tally.count_given_up();
            show_cause(&mut tally.states, cause);
            tally.assert_conserved();
        }
        let names = world.versions.names.iter().cloned();
        let versions_at_end = names.zip(versions.iter().copied()).filter(|(_, n)| *n > 0).collect();
        let cause = |at| self.campaign.queue_cause(at);
        let ticks = world.ticks;
        sampler.advance(ticks.of(end), |tick| ticks.start(tick), cause, &rows, &versions);
        let series = sampler.finish(end, cause(end), &rows, &versions);
        let module = self.parts[package].scenario.package.module.clone();
        let target = self.parts[package].scenario.package.version.clone();
        Outcome {
            ended,
            end,
            under_way,
            cohorts,
            series,
            versions: versions_at_end,
            events,
            pushes,
            in_flight_most: self.in_flight_most[package],
            campaign,
            module,
            target,
            trace,
            further: Vec::new(),
            devices: DeviceCounts::default(),
            traffic: None,
            stages: self.stage_outcomes(package),
        }
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
    row.occupied += tally.failures[FailureReason::Occupied as usize];
}
