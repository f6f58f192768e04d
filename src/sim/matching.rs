//! Tasks that are made while the run goes on: at a campaign's start, and for devices that match
//! later (R11, R12); and what happens where two campaigns meet on a device (R27).

use std::sync::{Mutex, MutexGuard};

use crate::model::{DeviceId, Time};
use crate::scenario::Loaded;
use crate::scenario::file::{Package, Select};
use crate::scenario::rules::{Conflict, Dynamic, ModuleOrder, Order};
use crate::scheduler::DeviceList;
use crate::scheduler::state::TaskState;

use super::ledger::{Ledger, Peers, Status};
use super::plan;
use super::records::split;
use super::rollout::{Rollout, Together, lock};
use super::setup;
use super::shard::Shard;
use super::staging::Staging;
use super::world::World;

/// A device is matched at most so often by one campaign (R12).
const MATCHES_MAX: u8 = 10;

/// Opens the books in which packages tell each other of their devices.
pub fn open_ledgers(worlds: &[World], shards: &mut [Mutex<Shard>], threads: usize) {
    for (package, world) in worlds.iter().enumerate() {
        let is_first_of_module = worlds[..package].iter().all(|w| w.module_id != world.module_id);
        for (thread, shard) in shards.iter_mut().skip(package * threads).take(threads).enumerate() {
            let books = &mut shard.get_mut().expect("nobody has it yet").books;
            let own = (thread as u32..world.devices.count()).step_by(threads).map(DeviceId);
            let installed = own.map(|device| world.version_of(device, world.cohort_of(device)));
            books.ledger = Some(Box::new(Ledger::new(installed.collect(), false)));
            if !is_first_of_module {
                books.versions.fill(0);
            }
        }
    }
}

/// Which packages have to do with each other.
pub fn peers(rollouts: &[Rollout]) -> Vec<Peers> {
    let all: Vec<(usize, usize)> = rollouts
        .iter()
        .enumerate()
        .flat_map(|(at, rollout)| rollout.worlds.iter().map(move |world| (at, world.module_id)))
        .collect();
    let peers = |(own, &(rollout, module)): (usize, &(usize, usize))| {
        let others = all.iter().enumerate().filter(|(at, _)| *at != own);
        let campaign = &rollouts[rollout].parts[0].scenario.campaign;
        Peers {
            later: (own + 1..all.len()).filter(|at| all[*at].0 == rollout).collect(),
            same_module: others.filter(|(_, other)| other.1 == module).map(|(at, _)| at).collect(),
            in_sequence: campaign.modules == ModuleOrder::Sequence,
        }
    };
    all.iter().enumerate().map(peers).collect()
}

/// Makes tasks.
#[derive(Debug)]
pub struct Matching {
    /// Devices that are activated later, the last one first.
    joins: Vec<(Time, DeviceId)>,
    /// By campaign, how often each device was matched; empty where the campaign is static.
    matches: Vec<Vec<u8>>,
}

type Guards<'a, 'w> = Vec<MutexGuard<'a, Shard<'w>>>;

impl Matching {
    pub fn new(rollouts: &[Rollout]) -> Matching {
        let world = rollouts[0].world();
        let devices = (0..world.devices.count()).map(DeviceId);
        let joins = devices.map(|d| (world.joined(d, world.cohort(world.cohort_of(d))), d));
        let mut joins: Vec<(Time, DeviceId)> = joins.filter(|(at, _)| *at > Time::ZERO).collect();
        joins.sort_unstable_by(|a, b| b.cmp(a));
        let is_dynamic = |rollout: &Rollout| dynamic(rollout).is_some();
        let counts = |rollout| match is_dynamic(rollout) {
            true => vec![0; world.devices.count() as usize],
            false => Vec::new(),
        };
        if rollouts.iter().any(is_dynamic) {
            for shard in rollouts.iter().flat_map(|rollout| rollout.shards) {
                let mut shard = lock(shard);
                shard.books.ledger.as_mut().expect("they are shared").wants_reports = true;
            }
        }
        Matching { joins, matches: rollouts.iter().map(counts).collect() }
    }

    /// Whether there may be tasks to make, by time alone or by what devices have reported.
    pub fn may_make_tasks(&self, rollouts: &[Rollout]) -> bool {
        rollouts.iter().any(|rollout| rollout.campaign.is_scheduled())
            || is_matching(rollouts) && (!self.joins.is_empty() || has_reports(rollouts))
    }

    /// The next tick in which something is to be done; the greatest number: none.
    pub fn next(&self, rollouts: &[Rollout], tick: u64) -> u64 {
        let due = self.joins.last().map_or(Time::NEVER, |join| join.0);
        match () {
            () if is_matching(rollouts) && has_reports(rollouts) => tick + 1,
            () if due.is_never() => u64::MAX,
            () => rollouts[0].world().boundary_at(due).max(tick + 1),
        }
    }

    /// R12: tells the campaign whether another dynamic one of its package is active.
    pub fn find_rival(&self, own: usize, rollouts: &mut [Rollout]) {
        let Package { module, version, .. } = &rollouts[own].parts[0].scenario.package;
        let rivals = |(at, rollout): (usize, &Rollout)| {
            let other = &rollout.parts[0].scenario.package;
            at != own
                && rollout.campaign.is_matching()
                && (&other.module, &other.version) == (module, version)
        };
        let rivaled = rollouts.iter().enumerate().any(rivals);
        rollouts[own].campaign.set_rivaled(rivaled);
    }

    /// The campaign has started: makes its tasks.
    pub fn start(&mut self, own: usize, rollouts: &mut [Rollout], now: Time) {
        rollouts[own].activated = now;
        if rollouts[own].worlds.len() > 1 {
            let devices = rollouts[own].world().devices.count() as usize;
            rollouts[own].together = vec![Together::default(); devices];
        }
        rollouts[own].open_stages();
        let mut fleet = Meeting::of(rollouts);
        let devices = fleet.present(own, now);
        let mut listed = Vec::new();
        let total = devices.len() as u64;
        for (device, packages) in devices {
            self.note_match(own, device);
            if fleet.make_tasks(own, device, packages, now) == Some(Made::Listed) {
                listed.push(device);
            }
        }
        drop(fleet.shards);
        let rollout = &mut rollouts[own];
        let (part, world) = (rollout.parts[0], rollout.world());
        let random = part.scenario.campaign.order == Order::Random;
        rollout.targets.list = match random {
            true => plan::shuffled(world, listed.into_iter()),
            false => DeviceList::Listed(listed),
        };
        rollout.targets.targeted = None;
        let rules = &part.scenario.campaign;
        let staging = Staging::of_list(rules, world, &mut rollout.targets);
        if let Some(staging) = &staging {
            rollout.assign_stages(staging);
        }
        let lanes = plan::lanes(part, world, &rollout.targets, staging.as_ref());
        let stages = plan::stages(rules, staging.as_ref());
        rollout.campaign.populate(lanes, stages, total, now);
    }

    /// Makes the tasks of devices that came, or reported another version, before `now`.
    pub fn take_later(&mut self, rollouts: &mut [Rollout], now: Time) {
        let mut reports: Vec<(Time, DeviceId)> = Vec::new();
        for shard in rollouts.iter().flat_map(|rollout| rollout.shards) {
            let mut shard = lock(shard);
            let ledger = shard.books.ledger.as_mut().expect("they are shared");
            reports.extend(ledger.reports.drain(..).map(|report| (report.at, report.device)));
        }
        while let Some((at, device)) = self.joins.pop_if(|(at, _)| *at <= now) {
            count_joined(rollouts, device);
            reports.push((at, device));
        }
        reports.sort_unstable();
        // R12: the newest campaign that a device matches takes it.
        let matching = |at: &usize| rollouts[*at].campaign.is_matching();
        let mut newest: Vec<usize> = (0..rollouts.len()).filter(matching).collect();
        newest.sort_by_key(|at| std::cmp::Reverse((rollouts[*at].activated, *at)));
        if newest.is_empty() || reports.is_empty() {
            return;
        }
        let mut fleet = Meeting::of(rollouts);
        for (_, device) in reports {
            for &own in &newest {
                let packages = fleet.fitting(own, device, now);
                if packages == 0 || self.matches[own][device.0 as usize] >= MATCHES_MAX {
                    continue;
                }
                match fleet.make_tasks(own, device, packages, now) {
                    Some(Made::Listed) => fleet.append(own, device),
                    Some(Made::Occupied) => {}
                    None => continue,
                }
                fleet.rollouts[own].campaign.add_target();
                self.note_match(own, device);
                break;
            }
        }
    }

    /// Counts the devices that came up to the end of the run, after the last boundary.
    pub fn count_later(&mut self, rollouts: &mut [Rollout], end: Time) {
        while let Some((_, device)) = self.joins.pop_if(|(at, _)| *at <= end) {
            count_joined(rollouts, device);
        }
    }

    fn note_match(&mut self, own: usize, device: DeviceId) {
        if let Some(matches) = self.matches[own].get_mut(device.0 as usize) {
            *matches += 1;
        }
    }
}

fn is_matching(rollouts: &[Rollout]) -> bool {
    rollouts.iter().any(|rollout| rollout.campaign.is_matching())
}

fn has_reports(rollouts: &[Rollout]) -> bool {
    let reported = |shard| {
        let shard: MutexGuard<Shard> = lock(shard);
        shard.books.ledger.as_ref().is_some_and(|ledger| !ledger.reports.is_empty())
    };
    rollouts.iter().flat_map(|rollout| rollout.shards).any(reported)
}

fn dynamic(rollout: &Rollout) -> Option<Dynamic> {
    rollout.parts[0].scenario.campaign.dynamic
}

/// From its activation on a device counts among those that run its versions.
fn count_joined(rollouts: &[Rollout], device: DeviceId) {
    let mut modules = Vec::new();
    for rollout in rollouts {
        for (package, world) in rollout.worlds.iter().enumerate() {
            if !modules.contains(&world.module_id) {
                modules.push(world.module_id);
                let (slot, at) = split(device, rollout.threads as u32);
                let mut shard = lock(&rollout.shards_of(package)[at as usize]);
                let version = shard.books.version_of(slot, device, world.cohort_of(device));
                let count = &mut shard.books.versions[usize::from(version)];
                *count = count.wrapping_add(1);
            }
        }
    }
}

/// R10: queues once more what failed as occupied, and notes which devices still are, so that no
/// other task of theirs is retried.
pub fn retry_occupied(
    own: usize,
    rollouts: &mut [Rollout],
    devices: Option<&[DeviceId]>,
    now: Time,
) {
    let mut fleet = Meeting::of(rollouts);
    let (count, worlds) = (fleet.rollouts[own].world().devices.count(), fleet.rollouts[own].worlds);
    let independent = fleet.rollouts[own].parts[0].scenario.campaign.modules_independent;
    for device in (0..count).map(DeviceId) {
        let is_named = devices.is_none_or(|devices| devices.contains(&device));
        let mut is_reopened = false;
        for (package, world) in worlds.iter().enumerate() {
            let in_the_way =
                fleet.unfinished(own, device, |m| !independent || m == world.module_id);
            let is_occupied = !in_the_way.is_empty();
            let runs = fleet.runs(own, package, device, now);
            let (shard, slot) = fleet.shard(own, package, device);
            let ledger = shard.books.ledger.as_mut().expect("they are shared");
            ledger.occupied.resize(ledger.status.len(), false);
            ledger.occupied[slot as usize] = is_occupied;
            let fits = runs.is_some_and(|version| world.fits(version));
            if is_named && !is_occupied && fits && ledger.status[slot as usize] == Status::Occupied
            {
                shard.reopen_occupied(slot, now);
                is_reopened = true;
            }
        }
        if is_reopened {
            fleet.append(own, device);
        }
    }
}

/// What became of a match.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    Listed,
    /// Another campaign's task is in the way.
    Occupied,
}

/// All campaigns at a boundary, with the whole fleet at hand.
struct Meeting<'a, 'b, 'w> {
    /// By campaign.
    shards: Vec<Guards<'a, 'w>>,
    rollouts: &'b mut [Rollout<'a, 'w>],
}

impl<'a, 'b, 'w> Meeting<'a, 'b, 'w> {
    fn of(rollouts: &'b mut [Rollout<'a, 'w>]) -> Meeting<'a, 'b, 'w> {
        let shards = |rollout: &Rollout<'a, 'w>| rollout.shards.iter().map(lock).collect();
        Meeting { shards: rollouts.iter().map(shards).collect(), rollouts }
    }

    fn shard(&mut self, rollout: usize, package: usize, device: DeviceId) -> (&mut Shard<'w>, u32) {
        let threads = self.rollouts[rollout].threads;
        let (slot, at) = split(device, threads as u32);
        (&mut self.shards[rollout][package * threads + at as usize], slot)
    }

    /// The version the device runs, if it has been activated.
    fn runs(&self, rollout: usize, package: usize, device: DeviceId, now: Time) -> Option<u16> {
        let Rollout { threads, worlds, .. } = &self.rollouts[rollout];
        let world = &worlds[package];
        let (slot, at) = split(device, *threads as u32);
        let shard = &self.shards[rollout][package * threads + at as usize];
        let id = world.cohort_of(device);
        let version = shard.books.version_of(slot, device, id);
        (world.joined(device, world.cohort(id)) <= now).then_some(version)
    }

    /// The devices that match now, in the campaign's order, each with the set of packages that
    /// it needs, as bits (R11).
    fn present(&mut self, own: usize, now: Time) -> Vec<(DeviceId, u16)> {
        let rollout = &self.rollouts[own];
        let (parts, worlds): (Vec<&Loaded>, &[World]) = (rollout.parts.clone(), rollout.worlds);
        if dynamic(rollout) == Some(Dynamic::Later) {
            return Vec::new();
        }
        let list = rollout.targets.list.clone();
        let mut needs: Vec<Box<[u64]>> = Vec::new();
        let mut at_target = Vec::new();
        for (package, world) in worlds.iter().enumerate() {
            let runs = |device| self.runs(own, package, device, now);
            let note = |device| at_target.push((package, device));
            needs.push(setup::matching(parts[package], world, &list, runs, note));
        }
        for (package, device) in at_target {
            let (shard, slot) = self.shard(own, package, device);
            let cohort = shard.records.presence(slot).cohort();
            shard.books.tally(cohort).states[TaskState::NotRequired.index()] += 1;
            shard.set_status(slot, Status::NotRequired);
        }
        let any = |word: usize| needs.iter().fold(0, |all, bits| all | bits[word]);
        let mut bits: Box<[u64]> = (0..needs[0].len()).map(any).collect();
        if let Select::Percent(percent) = parts[0].scenario.campaign.select {
            let thousandths = (percent * 1000.0).round() as u32;
            setup::cut_to_percentage(&worlds[0], &list, thousandths, &mut bits);
        }
        let is_set = |bits: &[u64], at: u64| bits[(at / 64) as usize] >> (at % 64) & 1 == 1;
        let packages = |at: u64| {
            let needed = (0..needs.len()).filter(|package| is_set(&needs[*package], at));
            needed.fold(0u16, |all, package| all | 1 << package)
        };
        setup::positions(&bits).map(|at| (list.at(at), packages(at))).collect()
    }

    /// Which of its packages a dynamic campaign has for the device, as bits; none if it has a
    /// task already.
    fn fitting(&mut self, own: usize, device: DeviceId, now: Time) -> u16 {
        let (parts, worlds) = (self.rollouts[own].parts.clone(), self.rollouts[own].worlds);
        if !setup::may_be_targeted(parts[0], device) {
            return 0;
        }
        let mut packages = 0;
        for (package, world) in worlds.iter().enumerate() {
            let (shard, slot) = self.shard(own, package, device);
            if shard.status(slot).is_open() {
                return 0;
            }
            if self.runs(own, package, device, now).is_some_and(|version| world.fits(version)) {
                packages |= 1 << package;
            }
        }
        packages
    }

    /// Makes the device's tasks for these packages, or lets them fail where another campaign's
    /// task is in the way (R27); none: the device is still busy with a task before.
    fn make_tasks(
        &mut self,
        own: usize,
        device: DeviceId,
        packages: u16,
        now: Time,
    ) -> Option<Made> {
        let worlds = self.rollouts[own].worlds;
        let campaign = &self.rollouts[own].parts[0].scenario.campaign;
        let (overwrites, independent) =
            (campaign.conflict == Conflict::Overwrite, campaign.modules_independent);
        let modules: Vec<usize> = bits(packages).map(|package| worlds[package].module_id).collect();
        let in_the_way = self.unfinished(own, device, |m| !independent || modules.contains(&m));
        let immune = |&(rollout, package): &(usize, usize)| {
            let (shard, slot) = self.shard(rollout, package, device);
            shard.is_in_progress(slot)
        };
        let occupied = match overwrites {
            true => in_the_way.iter().any(immune),
            false => !in_the_way.is_empty(),
        };
        if bits(packages).any(|package| {
            let (shard, slot) = self.shard(own, package, device);
            shard.is_busy(slot)
        }) {
            return None;
        }
        for package in 0..worlds.len() {
            let (shard, slot) = self.shard(own, package, device);
            match packages >> package & 1 {
                1 => shard.make_task(slot, occupied, now),
                _ => shard.forget_task(slot),
            }
        }
        if let Some(together) = self.rollouts[own].together.get_mut(device.0 as usize) {
            *together = Together { open: packages.count_ones() as u8, failed: None };
        }
        if occupied {
            return Some(Made::Occupied);
        }
        for (rollout, package) in in_the_way {
            if self.waits_for_turn(rollout, device) {
                self.rollouts[rollout].campaign.pass_over(device);
            }
            for other in 0..self.rollouts[rollout].worlds.len() {
                let (shard, slot) = self.shard(rollout, other, device);
                // What the campaign has not begun with there it never will.
                if other == package || shard.status(slot) == Status::Open {
                    shard.end_open(slot, TaskState::Canceled, now);
                }
            }
        }
        Some(Made::Listed)
    }

    /// Whether the device stands on the campaign's list.
    fn waits_for_turn(&mut self, rollout: usize, device: DeviceId) -> bool {
        (0..self.rollouts[rollout].worlds.len()).any(|package| {
            let (shard, slot) = self.shard(rollout, package, device);
            shard.status(slot) == Status::Open
        }) && (0..self.rollouts[rollout].worlds.len()).all(|package| {
            let (shard, slot) = self.shard(rollout, package, device);
            shard.status(slot) != Status::Open || shard.records.presence(slot).is_idle()
        })
    }

    /// The device's turn comes at the end of its list.
    fn append(&mut self, own: usize, device: DeviceId) {
        let rollout = &mut self.rollouts[own];
        let world = rollout.world();
        rollout.campaign.append(device, world.lanes.of(device, world.cohort_of(device)));
    }

    /// Other campaigns' unfinished tasks on the device, for modules that `counts`.
    fn unfinished(
        &mut self,
        own: usize,
        device: DeviceId,
        counts: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut unfinished = Vec::new();
        for rollout in (0..self.rollouts.len()).filter(|at| *at != own) {
            for (package, world) in self.rollouts[rollout].worlds.iter().enumerate() {
                let (shard, slot) = self.shard(rollout, package, device);
                if counts(world.module_id) && shard.status(slot).is_open() {
                    unfinished.push((rollout, package));
                }
            }
        }
        unfinished
    }
}

fn bits(set: u16) -> impl Iterator<Item = usize> {
    (0..16).filter(move |bit| set >> bit & 1 == 1)
}
