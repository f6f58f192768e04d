//! Tasks that are made while the run goes on: at a campaign's start, and for devices that match
//! later (R11, R12).

use std::sync::{Mutex, MutexGuard};

use crate::model::{DeviceId, Time};
use crate::scenario::file::Package;
use crate::scenario::rules::{Conflict, Dynamic, ModuleOrder, Order};
use crate::scheduler::DeviceList;

use super::ledger::{Ledger, Peers, Status};
use super::meeting::{Meeting, Met};
use super::plan;
use super::records::split;
use super::rollout::{Rollout, Together, lock};
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
            books.ledger = Some(Box::new(Ledger::new(package as u16, installed)));
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
    /// Some campaign's tasks wait where others are in the way.
    queues: bool,
}

impl Matching {
    /// Before the first match; tells the shards' ledgers what they are to keep.
    ///
    /// # Panics
    /// If a shard has no ledger.
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
        let (dynamic, queues) = (rollouts.iter().any(is_dynamic), rollouts.iter().any(queues));
        for shard in rollouts.iter().flat_map(|rollout| rollout.shards) {
            let mut shard = lock(shard);
            let ledger = shard.books.ledger.as_mut().expect("they are shared");
            (ledger.wants_reports, ledger.wants_ends) = (dynamic, queues);
        }
        Matching { joins, matches: rollouts.iter().map(counts).collect(), queues }
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
            () if self.queues && has_ends(rollouts) => tick + 1,
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
            let met = fleet.make_tasks(own, device, packages, (now, now));
            if matches!(met, Some(Met::Nobody | Met::Busy)) {
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
        for (at, device) in reports {
            for &own in &newest {
                let packages = fleet.fitting(own, device, now);
                if packages == 0 || self.matches[own][device.0 as usize] >= MATCHES_MAX {
                    continue;
                }
                match fleet.make_tasks(own, device, packages, (at, now)) {
                    Some(Met::Nobody | Met::Busy) => fleet.join(own, device),
                    Some(Met::Occupied) => {}
                    None => continue,
                }
                fleet.rollouts[own].campaign.add_target();
                self.note_match(own, device);
                break;
            }
        }
    }

    /// R27: sees who waited for a task of another campaign that has ended before `now`.
    pub fn free_devices(&self, rollouts: &mut [Rollout], now: Time) {
        if !self.queues {
            return;
        }
        let mut ends: Vec<(DeviceId, Time)> = Vec::new();
        for shard in rollouts.iter().flat_map(|rollout| rollout.shards) {
            let mut shard = lock(shard);
            ends.append(&mut shard.books.ledger.as_mut().expect("they are shared").ends);
        }
        if ends.is_empty() {
            return;
        }
        ends.sort_unstable();
        let mut fleet = Meeting::of(rollouts);
        for ends in ends.chunk_by(|a, b| a.0 == b.0) {
            let (device, last) = ends[ends.len() - 1];
            fleet.free(device, last, now);
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

fn has_ends(rollouts: &[Rollout]) -> bool {
    let ended = |shard| {
        let shard: MutexGuard<Shard> = lock(shard);
        shard.books.ledger.as_ref().is_some_and(|ledger| !ledger.ends.is_empty())
    };
    rollouts.iter().flat_map(|rollout| rollout.shards).any(ended)
}

fn queues(rollout: &Rollout) -> bool {
    let conflict = rollout.parts[0].scenario.campaign.conflict;
    matches!(conflict, Conflict::Queue | Conflict::Supersede)
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
    for device in (0..count).map(DeviceId) {
        let is_named = devices.is_none_or(|devices| devices.contains(&device));
        let mut is_reopened = false;
        for (package, world) in worlds.iter().enumerate() {
            let (shard, slot) = fleet.shard(own, package, device);
            let since = shard.since(slot);
            let is_occupied = !fleet.in_the_way(own, device, 1 << package, since).is_empty();
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
