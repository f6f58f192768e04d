//! What the tasks of each device add up to, over packages and campaigns.

use std::sync::MutexGuard;

use crate::scheduler::state::{DeviceStatus, TaskState};

use super::outcome::{DeviceCounts, Outcome};
use super::rollout::{Rollout, lock};
use super::shard::Shard;

/// Devices by what their tasks came to. Where campaigns share the fleet, a device counts once, by
/// the tasks of the campaign that took it last.
pub fn counts(rollouts: &[Rollout], first: &Outcome) -> DeviceCounts {
    let is_shared = rollouts.len() > 1 || rollouts[0].worlds.len() > 1;
    if !is_shared {
        let tally = first.total();
        return DeviceCounts {
            targeted: tally.targeted,
            updated: tally.succeeded(),
            failed: tally.failed(),
            canceled: tally.canceled(),
            open: tally.open(),
        };
    }
    let mut newest: Vec<usize> = (0..rollouts.len()).collect();
    newest.sort_by_key(|at| std::cmp::Reverse((rollouts[*at].activated, *at)));
    let mut counts = DeviceCounts::default();
    for thread in 0..rollouts[0].threads {
        let mut all: Vec<Vec<MutexGuard<Shard>>> =
            newest.iter().map(|at| of_thread(&rollouts[*at], thread)).collect();
        for slot in 0..all[0][0].records.len() as u32 {
            let states = all.iter_mut().map(|shards| states_at(shards, slot));
            let last = states
                .into_iter()
                .find(|states| states.iter().any(|state| *state != TaskState::NotRequired));
            if let Some(states) = last {
                counts.add(&states);
            }
        }
    }
    counts
}

impl DeviceCounts {
    fn add(&mut self, states: &[TaskState]) {
        let any = |is: fn(&TaskState) -> bool| states.iter().any(is);
        self.targeted += 1;
        let count = match () {
            () if any(|state| matches!(state, TaskState::Failed(_))) => &mut self.failed,
            () if any(|state| !state.is_final()) => &mut self.open,
            () if any(|state| *state == TaskState::Canceled) => &mut self.canceled,
            () => &mut self.updated,
        };
        *count += 1;
    }
}

/// Devices by position in [`DeviceStatus::ALL`], where the campaign has several packages.
pub fn status(rollout: &Rollout) -> Option<[u64; DeviceStatus::ALL.len()]> {
    if rollout.worlds.len() == 1 {
        return None;
    }
    let mut counts = [0; DeviceStatus::ALL.len()];
    for thread in 0..rollout.threads {
        let mut shards = of_thread(rollout, thread);
        for slot in 0..shards[0].records.len() as u32 {
            let states = states_at(&mut shards, slot);
            if !states.is_empty() {
                counts[DeviceStatus::of(&states) as usize] += 1;
            }
        }
    }
    Some(counts)
}

/// The shards of all packages that one thread owns.
fn of_thread<'a, 'w>(rollout: &Rollout<'a, 'w>, thread: usize) -> Vec<MutexGuard<'a, Shard<'w>>> {
    rollout.shards.iter().skip(thread).step_by(rollout.threads).map(lock).collect()
}

fn states_at(shards: &mut [MutexGuard<Shard>], slot: u32) -> Vec<TaskState> {
    shards.iter_mut().filter_map(|shard| shard.state_of(slot)).collect()
}

impl Shard<'_> {
    /// The state of the device's task, where several packages meet; none: it has none.
    fn state_of(&mut self, slot: u32) -> Option<TaskState> {
        let status = self.status(slot);
        let flight = self.records.presence(slot).flight;
        match self.records.active(flight) {
            Some(active) if status.is_open() => Some(active.flight.task.state()),
            _ => status.as_state(),
        }
    }
}
