//! Where campaigns meet on devices (R27): all of them at a boundary, with the whole fleet at hand.

use std::sync::MutexGuard;

use crate::model::{DeviceId, Time};
use crate::scenario::Loaded;
use crate::scenario::rules::{Conflict, Dynamic};
use crate::scheduler::state::TaskState;

use super::ledger::Status;
use super::records::split;
use super::rollout::{Rollout, Together, lock};
use super::setup;
use super::shard::Shard;
use super::world::World;

type Guards<'a, 'w> = Vec<MutexGuard<'a, Shard<'w>>>;

/// What a task meets on its device when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    Nobody,
    /// Another campaign's task is in the way: it fails.
    Occupied,
    /// Another campaign's task comes first.
    Busy,
}

/// All campaigns at a boundary, with the whole fleet at hand.
pub struct Meeting<'a, 'b, 'w> {
    /// By campaign.
    pub shards: Vec<Guards<'a, 'w>>,
    pub rollouts: &'b mut [Rollout<'a, 'w>],
}

impl<'a, 'b, 'w> Meeting<'a, 'b, 'w> {
    /// With all shards locked.
    pub fn of(rollouts: &'b mut [Rollout<'a, 'w>]) -> Meeting<'a, 'b, 'w> {
        let shards = |rollout: &Rollout<'a, 'w>| rollout.shards.iter().map(lock).collect();
        Meeting { shards: rollouts.iter().map(shards).collect(), rollouts }
    }

    /// The shard of the campaign's package that has the device, and its place there.
    pub fn shard(
        &mut self,
        rollout: usize,
        package: usize,
        device: DeviceId,
    ) -> (&mut Shard<'w>, u32) {
        let threads = self.rollouts[rollout].threads;
        let (slot, at) = split(device, threads as u32);
        (&mut self.shards[rollout][package * threads + at as usize], slot)
    }

    /// The version the device runs, if it has been activated.
    pub fn runs(&self, rollout: usize, package: usize, device: DeviceId, now: Time) -> Option<u16> {
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
    pub fn present(&mut self, own: usize, now: Time) -> Vec<(DeviceId, u16)> {
        let rollout = &self.rollouts[own];
        let (parts, worlds): (Vec<&Loaded>, &[World]) = (rollout.parts.clone(), rollout.worlds);
        if parts[0].scenario.campaign.dynamic == Some(Dynamic::Later) {
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
        let select = &parts[0].scenario.campaign.select;
        setup::cut_to_percentage(&worlds[0], &list, select, &mut bits);
        let is_set = |bits: &[u64], at: u64| bits[(at / 64) as usize] >> (at % 64) & 1 == 1;
        let packages = |at: u64| {
            let needed = (0..needs.len()).filter(|package| is_set(&needs[*package], at));
            needed.fold(0u16, |all, package| all | 1 << package)
        };
        setup::positions(&bits).map(|at| (list.at(at), packages(at))).collect()
    }

    /// Which of its packages a dynamic campaign has for the device, as bits; none if it has a
    /// task already.
    pub fn fitting(&mut self, own: usize, device: DeviceId, now: Time) -> u16 {
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

    /// Makes the device's tasks for these packages, which it is eligible for since `since`; none:
    /// it is still busy with a task before.
    pub fn make_tasks(
        &mut self,
        own: usize,
        device: DeviceId,
        packages: u16,
        (since, now): (Time, Time),
    ) -> Option<Met> {
        let worlds = self.rollouts[own].worlds;
        let in_the_way = self.in_the_way(own, device, packages, since);
        let (met, overwritten) = self.meet(own, device, in_the_way);
        if bits(packages).any(|package| {
            let (shard, slot) = self.shard(own, package, device);
            shard.is_busy(slot)
        }) {
            return None;
        }
        for package in 0..worlds.len() {
            let (shard, slot) = self.shard(own, package, device);
            match packages >> package & 1 {
                1 => shard.make_task(slot, met, (since, now)),
                _ => shard.forget_task(slot),
            }
        }
        if let Some(together) = self.rollouts[own].together.get_mut(device.0 as usize) {
            *together = Together { open: packages.count_ones() as u8, failed: None };
        }
        self.overwrite(overwritten, device, now);
        Some(met)
    }

    /// What a new task of the campaign comes to where others are in the way (R27), and which of
    /// them are canceled for it.
    fn meet(
        &mut self,
        own: usize,
        device: DeviceId,
        in_the_way: Vec<(usize, usize)>,
    ) -> (Met, Vec<(usize, usize)>) {
        let conflict = self.rollouts[own].parts[0].scenario.campaign.conflict;
        if in_the_way.is_empty() {
            return (Met::Nobody, in_the_way);
        }
        let in_progress = |&(rollout, package): &(usize, usize)| {
            let (shard, slot) = self.shard(rollout, package, device);
            shard.is_in_progress(slot)
        };
        // A task in progress is never overwritten.
        let (immune, others): (Vec<_>, Vec<_>) = match conflict {
            Conflict::Keep | Conflict::Queue => (in_the_way, Vec::new()),
            Conflict::Overwrite | Conflict::Supersede => {
                in_the_way.into_iter().partition(in_progress)
            }
        };
        match conflict {
            _ if immune.is_empty() => (Met::Nobody, others),
            Conflict::Keep | Conflict::Overwrite => (Met::Occupied, Vec::new()),
            Conflict::Queue | Conflict::Supersede => (Met::Busy, others),
        }
    }

    /// Cancels what campaigns have not finished with the device.
    fn overwrite(&mut self, tasks: Vec<(usize, usize)>, device: DeviceId, now: Time) {
        for (rollout, package) in tasks {
            if self.waits_for_turn(rollout, device) {
                self.rollouts[rollout].campaign.pass_over(device);
            }
            for other in 0..self.rollouts[rollout].worlds.len() {
                let (shard, slot) = self.shard(rollout, other, device);
                // What the campaign has not begun with there it never will.
                let status = shard.status(slot);
                if other == package || status == Status::Open || status.is_behind() {
                    shard.end_open(slot, TaskState::Canceled, now);
                }
            }
        }
    }

    /// Whether the device stands on the campaign's list.
    fn waits_for_turn(&mut self, rollout: usize, device: DeviceId) -> bool {
        let listed = |status: Status| matches!(status, Status::Open | Status::Behind);
        (0..self.rollouts[rollout].worlds.len()).any(|package| {
            let (shard, slot) = self.shard(rollout, package, device);
            listed(shard.status(slot))
        }) && (0..self.rollouts[rollout].worlds.len()).all(|package| {
            let (shard, slot) = self.shard(rollout, package, device);
            !listed(shard.status(slot)) || shard.records.presence(slot).is_idle()
        })
    }

    /// The device's turn comes at the end of its list.
    pub fn append(&mut self, own: usize, device: DeviceId) {
        let rollout = &mut self.rollouts[own];
        let world = rollout.world();
        rollout.campaign.append(device, world.lanes.of(device, world.cohort_of(device)));
    }

    /// The device, which matches a dynamic campaign later, has its turn as such ones have.
    pub fn join(&mut self, own: usize, device: DeviceId) {
        let rollout = &mut self.rollouts[own];
        let world = rollout.world();
        rollout.campaign.join(device, world.lanes.of(device, world.cohort_of(device)));
    }

    /// Other campaigns' tasks on the device that those of the campaign for these packages, made
    /// at `since`, must not meet.
    pub fn in_the_way(
        &mut self,
        own: usize,
        device: DeviceId,
        packages: u16,
        since: Time,
    ) -> Vec<(usize, usize)> {
        let Rollout { worlds, parts, .. } = &self.rollouts[own];
        let independent = parts[0].scenario.campaign.modules_independent;
        let modules: Vec<usize> = bits(packages).map(|package| worlds[package].module_id).collect();
        let counts = |module| !independent || modules.contains(&module);
        self.unfinished(own, device, since, counts)
    }

    /// Other campaigns' unfinished tasks on the device, for modules that `counts`, but for those
    /// that stand behind a task made at `since`.
    fn unfinished(
        &mut self,
        own: usize,
        device: DeviceId,
        since: Time,
        counts: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut unfinished = Vec::new();
        for rollout in (0..self.rollouts.len()).filter(|at| *at != own) {
            for (package, world) in self.rollouts[rollout].worlds.iter().enumerate() {
                let (shard, slot) = self.shard(rollout, package, device);
                let status = shard.status(slot);
                // Of several that wait, the oldest task comes first.
                let later = status.is_behind() && (shard.since(slot), rollout) > (since, own);
                if counts(world.module_id) && status.is_open() && !later {
                    unfinished.push((rollout, package));
                }
            }
        }
        unfinished
    }
}

/// Positions of the set bits.
pub fn bits(set: u16) -> impl Iterator<Item = usize> {
    (0..16).filter(move |bit| set >> bit & 1 == 1)
}
