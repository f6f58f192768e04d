//! What becomes of the devices of each stage, in a shard.

use std::sync::Mutex;

use crate::model::{CohortId, DeviceId, Span, Time, take};
use crate::scheduler::state::TaskState;
use crate::scheduler::{DeviceList, Opening, StageOf};

use super::books::Books;
use super::outcome::Tally;
use super::records::split;
use super::rollout::{Rollout, lock};
use super::setup::Targets;
use super::shard::Shard;
use super::staging::Staging;
use super::world::World;

/// One stage at the end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct StageOutcome {
    /// Counted from 1; none: devices beyond the last stage, and those that were not listed since
    /// another campaign's task was in the way.
    pub stage: Option<u32>,
    /// When and why it opened, if it did.
    pub opened: Option<Opening>,
    /// In the scenario's order.
    pub cohorts: Vec<StageTally>,
}

impl StageOutcome {
    /// The sum over the cohorts.
    pub fn total(&self) -> StageTally {
        let mut total = StageTally::default();
        self.cohorts.iter().for_each(|tally| total.merge(tally));
        total
    }

    /// From its opening until the last task of its devices, or of some of them, was final; none
    /// while one is open.
    pub fn length(&self, of: &StageTally) -> Option<Span> {
        let over = of.devices > 0 && of.open() == 0;
        self.opened.filter(|_| over).map(|opened| of.last.since(opened.at))
    }
}

/// Devices of one stage and cohort.
///
/// # Invariants
/// Over all stages each count adds up to that of the cohort's [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTally {
    /// Devices with a task.
    pub devices: u64,
    pub turns: u64,
    /// Tasks that ended before their turn.
    pub withdrawn: u64,
    /// Devices that were pushed.
    pub pushed: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub canceled: u64,
    /// When a task became final last.
    pub last: Time,
}

impl StageTally {
    /// Tasks not final yet.
    pub fn open(&self) -> u64 {
        self.devices - self.succeeded - self.failed - self.canceled
    }

    fn end(&mut self, tasks: u64, to: TaskState, now: Time) {
        let count = match to {
            TaskState::Succeeded => &mut self.succeeded,
            TaskState::Canceled => &mut self.canceled,
            _ => &mut self.failed,
        };
        *count += tasks;
        self.last = self.last.max(now);
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &StageTally) {
        self.devices += other.devices;
        self.turns += other.turns;
        self.withdrawn += other.withdrawn;
        self.pushed += other.pushed;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.canceled += other.canceled;
        self.last = self.last.max(other.last);
    }
}

/// The stages of a shard's devices.
#[derive(Debug)]
pub struct StageBook {
    of: StageOf,
    stages: usize,
    cohorts: usize,
    /// Of cohort c in stage s: entry `s * cohorts + c`; those in no stage come last.
    pub tallies: Vec<StageTally>,
}

impl StageBook {
    /// Nobody has a task; who gets one is in no stage.
    pub fn empty(world: &World, stages: usize, of: StageOf) -> StageBook {
        let cohorts = world.cohorts.len();
        let tallies = vec![StageTally::default(); (stages + 1) * cohorts];
        StageBook { of, stages, cohorts, tallies }
    }

    /// The counts that the device is in.
    #[inline(always)]
    pub fn tally(&mut self, device: DeviceId, cohort: CohortId) -> &mut StageTally {
        let stage = self.of.stage(device).min(self.stages);
        &mut self.tallies[stage * self.cohorts + usize::from(cohort.0)]
    }

    /// The device, whose task has just been made, is in this stage.
    pub fn assign(&mut self, device: DeviceId, cohort: CohortId, stage: usize) {
        take(&mut self.tally(device, cohort).devices, 1);
        self.of.set(device, stage);
        self.tally(device, cohort).devices += 1;
    }

    /// Tasks whose device had no turn yet end.
    pub fn end_unturned(&mut self, to: TaskState, now: Time) {
        for tally in &mut self.tallies {
            let unturned = tally.devices - tally.turns - tally.withdrawn;
            tally.withdrawn += unturned;
            if unturned > 0 {
                tally.end(unturned, to, now);
            }
        }
    }

    /// # Panics
    /// If the stages do not add up to what is counted by cohort.
    pub fn assert_adds_up(&self, tallies: &[Tally]) {
        for (cohort, tally) in tallies.iter().enumerate() {
            let mut sum = StageTally::default();
            let own = self.tallies.iter().skip(cohort).step_by(self.cohorts);
            own.for_each(|own| sum.merge(own));
            assert_eq!(sum.devices, tally.targeted, "devices by stage");
            assert_eq!(sum.turns, tally.turns, "turns by stage");
            assert_eq!(sum.pushed, tally.attempts[0], "pushed by stage");
            assert_eq!(sum.succeeded, tally.succeeded(), "succeeded by stage");
            assert_eq!(sum.failed, tally.failed(), "failed by stage");
            assert_eq!(sum.canceled, tally.canceled(), "canceled by stage");
        }
    }
}

/// Opens the books of all shards where tasks are there from the beginning.
pub fn open(world: &World, targets: &Targets, staging: &Staging, shards: &[Mutex<Shard>]) {
    let count = shards.len() as u32;
    let book = |at| StageBook::empty(world, staging.sizes.len(), staging.of.part(at, count));
    let mut books: Vec<StageBook> = (0..count).map(book).collect();
    let is_uniform = world.cohorts.len() == 1 && targets.targeted.is_none();
    match &targets.list {
        // A billion devices that are all alike need not be looked at one by one.
        DeviceList::All(_) if is_uniform => {
            let before = |end: u64, at: u32| (end + u64::from(count - 1 - at)) / u64::from(count);
            let mut begin = 0;
            for (stage, size) in staging.sizes.iter().chain([&staging.rest]).enumerate() {
                for (at, book) in (0..count).zip(&mut books) {
                    book.tallies[stage].devices = before(begin + size, at) - before(begin, at);
                }
                begin += size;
            }
        }
        DeviceList::All(_) | DeviceList::Listed(_) => {
            for device in targets.in_order() {
                let (_, at) = split(device, count);
                books[at as usize].tally(device, world.cohort_of(device)).devices += 1;
            }
        }
    }
    for (shard, book) in shards.iter().zip(books) {
        lock(shard).books.stages = Some(Box::new(book));
    }
}

impl Rollout<'_, '_> {
    /// Opens the books where tasks are made when the campaign starts: nobody is in a stage so
    /// far.
    pub fn open_stages(&self) {
        let stages = self.campaign.stages();
        if stages == 0 {
            return;
        }
        let every = self.threads as u32;
        let of = StageOf::nobody(self.world().devices.count());
        for (at, shard) in self.shards.iter().enumerate() {
            let book = StageBook::empty(self.world(), stages, of.part(at as u32 % every, every));
            lock(shard).books.stages = Some(Box::new(book));
        }
    }

    /// The campaign's tasks have been made, and its list divided into stages.
    pub fn assign_stages(&self, staging: &Staging) {
        for device in self.targets.in_order() {
            let (slot, at) = split(device, self.threads as u32);
            for shard in self.shards.iter().skip(at as usize).step_by(self.threads) {
                let mut shard = lock(shard);
                if shard.status(slot).is_open() {
                    let cohort = self.world().cohort_of(device);
                    let book = shard.books.stages.as_mut().expect("the campaign has stages");
                    book.assign(device, cohort, staging.of.stage(device));
                }
            }
        }
    }

    /// What became of each stage, for one of the packages.
    pub fn stage_outcomes(&self, package: usize) -> Vec<StageOutcome> {
        let mut tallies: Vec<StageTally> = Vec::new();
        for shard in self.shards_of(package) {
            if let Some(own) = &lock(shard).books.stages {
                tallies.resize(own.tallies.len(), StageTally::default());
                tallies.iter_mut().zip(&own.tallies).for_each(|(sum, own)| sum.merge(own));
            }
        }
        let opened = self.campaign.opened();
        let cohorts = self.world().cohorts.len();
        let count = tallies.len() / cohorts;
        let stage = |(at, own): (usize, &[StageTally])| StageOutcome {
            stage: (at + 1 < count).then_some(at as u32 + 1),
            opened: opened.get(at).copied(),
            cohorts: own.to_vec(),
        };
        let mut stages: Vec<StageOutcome> =
            tallies.chunks(cohorts).enumerate().map(stage).collect();
        stages.pop_if(|rest| rest.total().devices == 0);
        stages
    }
}

impl Books<'_> {
    /// The device's turn has come.
    #[inline(always)]
    pub fn count_turn(&mut self, device: DeviceId, cohort: CohortId) {
        self.tally(cohort).turns += 1;
        if let Some(stages) = &mut self.stages {
            stages.tally(device, cohort).turns += 1;
        }
    }

    /// The device is pushed for the first time.
    #[inline(always)]
    pub fn count_pushed(&mut self, device: DeviceId, cohort: CohortId, now: Time) {
        let since = now.since(self.activated);
        self.tally(cohort).pushed.record(since);
        if let Some(stages) = &mut self.stages {
            stages.tally(device, cohort).pushed += 1;
        }
    }

    /// The device's task has become final.
    #[inline(always)]
    pub fn count_end(&mut self, device: DeviceId, cohort: CohortId, to: TaskState, now: Time) {
        if let Some(stages) = &mut self.stages {
            stages.tally(device, cohort).end(1, to, now);
        }
        if !matches!(to, TaskState::Succeeded | TaskState::NotRequired) {
            let since = now.since(self.activated);
            self.tally(cohort).ended.record(since);
        }
    }
}
