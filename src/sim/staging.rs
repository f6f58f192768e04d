//! Which stage each target is in (R16): decided before anyone is pushed.

use crate::model::{DeviceId, Time};
use crate::scenario::Loaded;
use crate::scenario::file::Campaign;
use crate::scenario::rules::{self, Order, Stages};
use crate::scheduler::{DeviceList, StageOf};

use super::setup::{self, Targets};
use super::world::World;

/// A target list divided into stages.
#[derive(Debug)]
pub struct Staging {
    /// Devices of each stage.
    pub sizes: Vec<u64>,
    /// Those in no stage.
    pub rest: u64,
    pub of: StageOf,
}

impl Staging {
    /// The stages of a campaign's list; none: it has no stages. Where each stage takes devices
    /// of each cohort, the list is put in order of stage.
    pub fn of_list(campaign: &Campaign, world: &World, targets: &mut Targets) -> Option<Staging> {
        if campaign.stages == Stages::All {
            return None;
        }
        let each = campaign.stage_of == rules::StageOf::EachCohort;
        let by_cohort = each || campaign.order == Order::Cohort;
        let totals = totals(world, targets, by_cohort);
        let total: u64 = totals.iter().sum();
        let ends = match each {
            true => totals.iter().map(|own| cumulated(&campaign.stage_sizes(*own))).collect(),
            false => in_rows(&cumulated(&campaign.stage_sizes(total)), &totals),
        };
        let sizes = sizes(&ends);
        let rest = total - sizes.iter().sum::<u64>();
        let of = match (&targets.list, by_cohort) {
            (DeviceList::All(_), false) => StageOf::Starts(starts(targets, &ends[0])),
            _ => numbered(world, targets, by_cohort, &ends),
        };
        // Lanes are gone through from the front; those of cohorts are in order as they are.
        if each && campaign.order != Order::Cohort {
            sort(targets, &of, sizes.len());
        }
        Some(Staging { sizes, rest, of })
    }

    /// Where each stage ends in each lane's part of the list.
    pub fn lane_ends(&self, world: &World, targets: &Targets) -> Vec<Vec<u64>> {
        if world.lanes.count() == 1 {
            return vec![cumulated(&self.sizes)];
        }
        let mut sizes = vec![vec![0; self.sizes.len()]; world.lanes.count()];
        for device in targets.in_order() {
            let lane = world.lanes.of(device, world.cohort_of(device));
            if let Some(size) = sizes[usize::from(lane)].get_mut(self.of.stage(device)) {
                *size += 1;
            }
        }
        sizes.iter().map(|sizes| cumulated(sizes)).collect()
    }
}

/// Names of the campaigns that have stages, and the sizes of these as the run takes them; where
/// tasks are made later, for the fleet as it is at the beginning.
pub fn stage_sizes(loaded: &Loaded) -> Vec<(String, Vec<u64>)> {
    let mut found = Vec::new();
    let mut position = 0;
    for parts in loaded.campaigns() {
        let campaign = &parts[0].scenario.campaign;
        if campaign.stages != Stages::All {
            let worlds = parts.iter().enumerate();
            let worlds = worlds.map(|(at, part)| setup::world(loaded, part, at, position + at));
            let worlds: Vec<World> = worlds.collect();
            let mut targets = match setup::is_shared(loaded) {
                true => at_first(&parts, &worlds),
                false => setup::targets(parts[0], &worlds[0], 1),
            };
            let staging = Staging::of_list(campaign, &worlds[0], &mut targets);
            found.push((campaign.name.clone(), staging.expect("it has stages").sizes));
        }
        position += parts.len();
    }
    found
}

/// Who would be targeted at the beginning of the run.
fn at_first(parts: &[&Loaded], worlds: &[World]) -> Targets {
    let mut targets = Targets::none(parts[0], &worlds[0], 1);
    let mut bits = vec![0u64; targets.list.len().div_ceil(64) as usize].into_boxed_slice();
    for (part, world) in parts.iter().zip(worlds) {
        let runs = |device| {
            let id = world.cohort_of(device);
            let is_there = world.joined(device, world.cohort(id)) == Time::ZERO;
            is_there.then(|| world.version_of(device, id))
        };
        let own = setup::matching(part, world, &targets.list, runs, |_| {});
        bits.iter_mut().zip(own).for_each(|(all, own)| *all |= own);
    }
    let select = &parts[0].scenario.campaign.select;
    setup::cut_to_percentage(&worlds[0], &targets.list, select, &mut bits);
    targets.targeted = Some(bits);
    targets
}

/// Targets in all, or of each cohort.
fn totals(world: &World, targets: &Targets, by_cohort: bool) -> Vec<u64> {
    if !by_cohort {
        let bits = |bits: &[u64]| bits.iter().map(|word| u64::from(word.count_ones())).sum();
        return vec![targets.targeted.as_deref().map_or(targets.list.len(), bits)];
    }
    let mut totals = vec![0; world.cohorts.len()];
    targets.in_order().for_each(|device| totals[usize::from(world.cohort_of(device).0)] += 1);
    totals
}

fn cumulated(sizes: &[u64]) -> Vec<u64> {
    let add = |end: &mut u64, size: &u64| {
        *end += size;
        Some(*end)
    };
    sizes.iter().scan(0, add).collect()
}

/// Where stages that end there end in rows of so many devices, one row behind the other.
fn in_rows(ends: &[u64], totals: &[u64]) -> Vec<Vec<u64>> {
    let mut before = 0;
    let row = |total: &u64| {
        let own = ends.iter().map(|end| end.saturating_sub(before).min(*total)).collect();
        before += total;
        own
    };
    totals.iter().map(row).collect()
}

/// Sizes of the stages from where they end in each row.
fn sizes(ends: &[Vec<u64>]) -> Vec<u64> {
    let mut before = 0;
    let size = |stage: usize| {
        let end: u64 = ends.iter().map(|row| row[stage]).sum();
        end - std::mem::replace(&mut before, end)
    };
    (0..ends[0].len()).map(size).collect()
}

/// First devices of the stages after the first, and of what lies behind the last.
fn starts(targets: &Targets, ends: &[u64]) -> Vec<DeviceId> {
    const NOBODY: DeviceId = DeviceId(u32::MAX);
    if targets.targeted.is_none() {
        let is_there = |end: &u64| *end < targets.list.len();
        let first = |end| if is_there(end) { targets.list.at(*end) } else { NOBODY };
        return ends.iter().map(first).collect();
    }
    let mut devices = (0u64..).zip(targets.in_order()).peekable();
    let first = |end: &u64| {
        while devices.next_if(|(rank, _)| rank < end).is_some() {}
        devices.peek().map_or(NOBODY, |(_, device)| *device)
    };
    ends.iter().map(first).collect()
}

/// The stage of each device, where that does not follow from its number.
fn numbered(world: &World, targets: &Targets, by_cohort: bool, ends: &[Vec<u64>]) -> StageOf {
    let mut stages = vec![StageOf::NONE; world.devices.count() as usize];
    // By row: devices so far, and the stage they have come to.
    let mut rows = vec![(0, 0); ends.len()];
    for device in targets.in_order() {
        let row = if by_cohort { usize::from(world.cohort_of(device).0) } else { 0 };
        let (rank, stage) = &mut rows[row];
        while ends[row].get(*stage).is_some_and(|end| end <= rank) {
            *stage += 1;
        }
        if *stage < ends[row].len() {
            stages[device.0 as usize] = *stage as u16;
        }
        *rank += 1;
    }
    StageOf::Each { every: 1, stages }
}

/// Puts the list in order of stage, and within a stage leaves it as it is.
fn sort(targets: &mut Targets, of: &StageOf, count: usize) {
    let mut stages = vec![Vec::new(); count + 1];
    targets.in_order().for_each(|device| stages[of.stage(device).min(count)].push(device));
    targets.list = DeviceList::Listed(stages.concat());
    targets.targeted = None;
}
