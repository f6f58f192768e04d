//! A target list that is reached part by part (R16): phases by time, groups by results.

use std::collections::BTreeMap;

use crate::model::{DeviceId, Time, take};

use super::state::TaskState;

/// How far into the target list the campaign has come.
#[derive(Clone, Debug)]
pub enum Stages {
    /// Everything at once.
    One,
    /// So many devices of the list by these instants, cumulative, in order of time.
    Phases(Vec<(Time, u64)>),
    Groups(Groups),
}

/// Groups that follow each other: each starts once the one before is good enough.
///
/// # Source
/// Eclipse hawkBit, rollout groups with success and error thresholds.
#[derive(Clone, Debug)]
pub struct Groups {
    pub groups: Vec<Group>,
    /// Which group a device is in.
    pub of: GroupOf,
    pub denominator: GroupDenominator,
    /// The group that was started last.
    current: usize,
}

/// One group, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub size: u64,
    /// The next one starts when at least so many percent have succeeded.
    pub success: u32,
    /// The campaign is suspended when more than so many percent have failed.
    pub error: u32,
    pub succeeded: u64,
    pub failed: u64,
    /// The campaign was suspended for it; that happens once.
    pub stopped: bool,
}

/// What a group's percentages are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupDenominator {
    /// All targets of the group, offline ones included.
    Total,
    /// Those that are finished.
    Finished,
}

/// Which group a device is in.
#[derive(Clone, Debug)]
pub enum GroupOf {
    /// First devices of the groups after the first, of a list in order of device.
    Starts(Vec<DeviceId>),
    Map(BTreeMap<DeviceId, u16>),
}

impl GroupOf {
    /// None: it joined the list behind the groups.
    fn group(&self, device: DeviceId) -> Option<usize> {
        match self {
            GroupOf::Starts(starts) => Some(starts.partition_point(|start| *start <= device)),
            GroupOf::Map(map) => map.get(&device).map(|group| usize::from(*group)),
        }
    }
}

/// Cumulative sizes from cumulative percentages in thousandths, rounded down.
pub fn cumulative_sizes(thousandths: impl Iterator<Item = u32>, total: u64) -> Vec<u64> {
    let share = |part: u32| (u128::from(total) * u128::from(part) / 100_000) as u64;
    thousandths.map(share).collect()
}

impl Groups {
    pub fn new(groups: Vec<Group>, of: GroupOf, denominator: GroupDenominator) -> Groups {
        let mut groups = Groups { groups, of, denominator, current: 0 };
        // A first group without devices holds nobody up.
        groups.advance();
        groups
    }

    /// Takes note of a result; whether its group has now failed too often.
    fn hear(&mut self, device: DeviceId, state: TaskState) -> bool {
        let Some(at) = self.of.group(device) else { return false };
        let group = &mut self.groups[at];
        match state {
            TaskState::Succeeded => group.succeeded += 1,
            _ => group.failed += 1,
        }
        let denominator = match self.denominator {
            GroupDenominator::Total => group.size,
            GroupDenominator::Finished => group.succeeded + group.failed,
        };
        let too_many = group.failed * 100 > u64::from(group.error) * denominator;
        too_many && !std::mem::replace(&mut group.stopped, too_many)
    }

    /// A failed device of a group is tried again.
    fn take_back(&mut self, device: DeviceId) {
        if let Some(at) = self.of.group(device) {
            take(&mut self.groups[at].failed, 1);
        }
    }

    /// Starts the next groups as long as the current one is good enough.
    fn advance(&mut self) {
        while self.current + 1 < self.groups.len() {
            let group = &self.groups[self.current];
            let denominator = match self.denominator {
                GroupDenominator::Total => group.size,
                GroupDenominator::Finished => group.succeeded + group.failed,
            };
            let started = group.size == 0 || group.succeeded + group.failed > 0;
            if !started || group.succeeded * 100 < u64::from(group.success) * denominator {
                return;
            }
            self.current += 1;
        }
    }

    fn reach(&self) -> u64 {
        self.groups[..=self.current].iter().map(|group| group.size).sum()
    }
}

impl Stages {
    /// So many devices of the list may have had their turn at `now`.
    pub fn reach(&self, now: Time) -> u64 {
        match self {
            Stages::One => u64::MAX,
            Stages::Phases(phases) => {
                let reached = phases.partition_point(|(at, _)| *at <= now);
                reached.checked_sub(1).map_or(0, |last| phases[last].1)
            }
            Stages::Groups(groups) => groups.reach(),
        }
    }

    /// When time alone brings the next stage.
    pub fn next_change(&self, now: Time) -> Time {
        match self {
            Stages::Phases(phases) => {
                let reached = phases.partition_point(|(at, _)| *at <= now);
                phases.get(reached).map_or(Time::NEVER, |(at, _)| *at)
            }
            Stages::One | Stages::Groups(_) => Time::NEVER,
        }
    }

    /// Takes note that a failed device is tried again.
    pub fn take_back(&mut self, device: DeviceId) {
        if let Stages::Groups(groups) = self {
            groups.take_back(device);
        }
    }

    /// Takes note of a result; whether the campaign is to be suspended for it.
    pub fn hear(&mut self, device: DeviceId, state: TaskState) -> bool {
        match self {
            Stages::Groups(groups) => {
                let too_many_errors = groups.hear(device, state);
                groups.advance();
                too_many_errors
            }
            Stages::One | Stages::Phases(_) => false,
        }
    }
}
