//! A target list that is reached part by part (R16): phases by time, groups by results.

use crate::model::{DeviceId, Time, take};

use super::state::TaskState;

/// When the stages of the target list open.
#[derive(Clone, Debug)]
pub enum Stages {
    /// There are none: everything at once.
    One,
    Phases(Phases),
    Groups(Groups),
}

/// Stages that open at times.
#[derive(Clone, Debug)]
pub struct Phases {
    /// In order.
    pub at: Vec<Time>,
    /// Together they are the whole list.
    pub whole: bool,
}

/// Groups that follow each other: each starts once the one before is good enough.
///
/// # Source
/// Eclipse hawkBit, rollout groups with success and error thresholds.
#[derive(Clone, Debug)]
pub struct Groups {
    pub groups: Vec<Group>,
    /// Which group a device is in.
    pub of: StageOf,
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
    /// Of its size, devices that turned out to need no task.
    pub spared: u64,
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

/// How far down the list devices may have their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of so many stages.
    Stages(usize),
    /// All of them, and those that join the list later.
    All,
}

/// A stage has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub at: Time,
    pub by: Opener,
}

/// What opened a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// The start of the campaign.
    Start,
    /// Its own time.
    Time,
    /// The success of the group before.
    Success,
    /// All stages are open: those that are in none have their turns as well.
    All,
}

impl Opener {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Opener::Start => "start",
            Opener::Time => "time",
            Opener::Success => "success",
            Opener::All => "all",
        }
    }
}

/// Which stage a device is in, counted from 0; decided before anyone is pushed.
#[derive(Clone, Debug)]
pub enum StageOf {
    /// First devices of the stages after the first, and of what lies behind the last, of a list
    /// in order of device.
    Starts(Vec<DeviceId>),
    /// Every `every`th device; [`StageOf::NONE`] where it is in no stage.
    Each { every: u32, stages: Vec<u16> },
}

impl StageOf {
    /// It is in no stage.
    pub const NONE: u16 = u16::MAX;

    /// None of so many devices is in a stage.
    pub fn nobody(devices: u32) -> StageOf {
        StageOf::Each { every: 1, stages: vec![StageOf::NONE; devices as usize] }
    }

    /// A number beyond the last: it is in no stage.
    #[inline(always)]
    pub fn stage(&self, device: DeviceId) -> usize {
        match self {
            StageOf::Starts(starts) => starts.partition_point(|start| *start <= device),
            StageOf::Each { every, stages } => usize::from(stages[(device.0 / every) as usize]),
        }
    }

    /// The device is in another stage.
    ///
    /// # Panics
    /// If stages follow from the order of devices.
    pub fn set(&mut self, device: DeviceId, stage: usize) {
        match self {
            StageOf::Starts(_) => unreachable!("stages that follow from the device stay"),
            StageOf::Each { every, stages } => {
                stages[(device.0 / *every) as usize] = stage as u16;
            }
        }
    }

    /// What is left of it for device `at` and every `every`th from there on.
    pub fn part(&self, at: u32, every: u32) -> StageOf {
        match self {
            StageOf::Starts(starts) => StageOf::Starts(starts.clone()),
            StageOf::Each { stages, .. } => {
                let stages = stages.iter().skip(at as usize).step_by(every as usize);
                StageOf::Each { every, stages: stages.copied().collect() }
            }
        }
    }
}

impl Phases {
    fn open(&self, now: Time) -> usize {
        self.at.partition_point(|at| *at <= now)
    }
}

impl Groups {
    /// Nobody has had a result.
    pub fn new(groups: Vec<Group>, of: StageOf, denominator: GroupDenominator) -> Groups {
        let mut groups = Groups { groups, of, denominator, current: 0 };
        // A first group without devices holds nobody up.
        groups.advance();
        groups
    }

    fn group(&mut self, device: DeviceId) -> Option<&mut Group> {
        // None: it joined the list behind the groups.
        self.groups.get_mut(self.of.stage(device))
    }

    /// Takes note of a result; whether its group has now failed too often.
    fn hear(&mut self, device: DeviceId, state: TaskState) -> bool {
        let denominator = self.denominator;
        let Some(group) = self.group(device) else { return false };
        match state {
            TaskState::Succeeded => group.succeeded += 1,
            _ => group.failed += 1,
        }
        let too_many = group.failed * 100 > u64::from(group.error) * group.of(denominator);
        too_many && !std::mem::replace(&mut group.stopped, too_many)
    }

    /// A device of a group needs no task after all.
    fn spare(&mut self, device: DeviceId) {
        if let Some(group) = self.group(device) {
            group.spared += 1;
            self.advance();
        }
    }

    /// A failed device of a group is tried again.
    fn take_back(&mut self, device: DeviceId) {
        if let Some(group) = self.group(device) {
            take(&mut group.failed, 1);
        }
    }

    /// Starts the next groups as long as the current one is good enough.
    fn advance(&mut self) {
        while self.current + 1 < self.groups.len() {
            let group = &self.groups[self.current];
            let started = group.size == group.spared || group.succeeded + group.failed > 0;
            let least = u64::from(group.success) * group.of(self.denominator);
            if !started || group.succeeded * 100 < least {
                return;
            }
            self.current += 1;
        }
    }
}

impl Group {
    /// What its percentages are of.
    fn of(&self, denominator: GroupDenominator) -> u64 {
        match denominator {
            GroupDenominator::Total => self.size - self.spared,
            GroupDenominator::Finished => self.succeeded + self.failed,
        }
    }
}

impl Stages {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Stages::One => 0,
            Stages::Phases(phases) => phases.at.len(),
            Stages::Groups(groups) => groups.groups.len(),
        }
    }

    /// How far down the list devices may have their turns at `now`.
    pub fn reach(&self, now: Time) -> Reach {
        let (open, whole) = match self {
            Stages::One => (0, true),
            Stages::Phases(phases) => (phases.open(now), phases.whole),
            Stages::Groups(groups) => (groups.current + 1, true),
        };
        if open == self.count() && whole { Reach::All } else { Reach::Stages(open) }
    }

    /// What opens stages after the start of the campaign.
    pub fn opener(&self) -> Opener {
        match self {
            Stages::One => Opener::Start,
            Stages::Phases(_) => Opener::Time,
            Stages::Groups(_) => Opener::Success,
        }
    }

    /// When time alone brings the next stage.
    pub fn next_change(&self, now: Time) -> Time {
        match self {
            Stages::Phases(phases) => {
                phases.at.get(phases.open(now)).copied().unwrap_or(Time::NEVER)
            }
            Stages::One | Stages::Groups(_) => Time::NEVER,
        }
    }

    /// Takes note that a device needs no task after all.
    pub fn spare(&mut self, device: DeviceId) {
        if let Stages::Groups(groups) = self {
            groups.spare(device);
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
