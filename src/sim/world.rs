//! Everything a run only reads: who the devices are, their laws, the rules.

use crate::fleet::{Cohort, Downloads, Luck, Mix, Presence};
use crate::model::{CohortId, DeviceId, Span, Time};
use crate::rng::{Purpose, Streams};
use crate::scheduler::state::{QueueCause, TaskState};
use crate::scheduler::{OfflineTurn, TaskPolicy};

use super::network::Network;
use super::ticks::Ticks;

/// The fixed part of a run.
#[derive(Debug)]
pub struct World {
    pub streams: Streams,
    pub devices: Devices,
    pub cohorts: Vec<Cohort>,
    pub cohort_names: Vec<String>,
    pub versions: Versions,
    pub downloads: Downloads,
    pub policy: TaskPolicy,
    pub offline: OfflineTurn,
    /// By version: whether failed tasks from it may be tried again.
    pub is_source: Vec<bool>,
    pub lanes: Lanes,
    /// A record and all its events for every device, touched or not.
    pub every_flip: bool,
    /// Tasks in flight are limited.
    pub caps_flights: bool,
    /// Open tasks may be ended by others than their device, so that their records are kept.
    pub keeps_open: bool,
    /// Something may come of an offer that is kept for a device which never returns.
    pub keeps_offers: bool,
    /// Failed tasks may be tried again by hand, so that their records are kept.
    pub keeps_failed: bool,
    /// Users are asked before their device is queued.
    pub confirms: bool,
    /// Devices ask for their offers.
    pub polls: bool,
    /// Devices are pushed in the order in which they became eligible (R17).
    pub by_eligibility: bool,
    /// There are times at which nothing may be pushed.
    pub is_gated: bool,
    pub ticks: Ticks,
    /// Links and servers that devices share.
    pub network: Option<Network>,
    /// The run stops here.
    pub until: Time,
    /// Position of the package in its campaign.
    pub module: u8,
    /// Which module of the devices it is for.
    pub module_id: usize,
}

/// The parts of the target list with openings or a priority of their own.
#[derive(Debug)]
pub struct Lanes {
    /// Time zone of each lane.
    pub zones: Vec<String>,
    /// Lane of each cohort, or of each device; empty if there is one lane only.
    pub of: Vec<u16>,
    pub per_device: bool,
}

impl Lanes {
    /// A single lane for the whole fleet.
    pub fn one(zone: String) -> Lanes {
        Lanes { zones: vec![zone], of: Vec::new(), per_device: false }
    }

    /// How many lanes there are.
    pub fn count(&self) -> usize {
        self.zones.len()
    }

    /// The lane of a device of this cohort.
    #[inline(always)]
    pub fn of(&self, device: DeviceId, cohort: CohortId) -> u16 {
        let index = if self.per_device { device.0 as usize } else { usize::from(cohort.0) };
        self.of.get(index).copied().unwrap_or(0)
    }
}

/// Versions by index; the last one stands for any that should not occur.
#[derive(Debug)]
pub struct Versions {
    pub names: Vec<String>,
    pub target: u16,
    pub other: u16,
}

/// Who the devices are.
#[derive(Debug)]
pub enum Devices {
    Generated { count: u32, cohorts: Mix, versions: Vec<Shares> },
    Listed { cohorts: Vec<u16>, versions: Vec<u16> },
}

/// A division of the unit interval, as cumulated thresholds over a word.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Upper ends with what lies below them.
    below: Vec<(u64, u16)>,
}

impl Shares {
    /// # Panics
    /// If there are no shares.
    pub fn new(shares: impl Iterator<Item = (f64, u16)>) -> Shares {
        let mut sum = 0.0;
        let below: Vec<(u64, u16)> = shares
            .map(|(share, what)| {
                sum += share;
                (crate::rng::threshold(sum), what)
            })
            .collect();
        assert!(!below.is_empty(), "nothing to share");
        Shares { below }
    }

    /// The only thing there is, if there is only one.
    pub fn only(&self) -> Option<u16> {
        (self.below.len() == 1).then(|| self.below[0].1)
    }

    /// What the word falls on: uniform words hit each by its share.
    #[inline]
    pub fn at(&self, word: u64) -> u16 {
        let last = self.below.len() - 1;
        let position = self.below[..last].iter().position(|(end, _)| word < *end);
        self.below[position.unwrap_or(last)].1
    }
}

impl Devices {
    /// How many devices the fleet has.
    pub fn count(&self) -> u32 {
        match self {
            Devices::Generated { count, .. } => *count,
            Devices::Listed { cohorts, .. } => cohorts.len() as u32,
        }
    }
}

impl World {
    /// What tasks are before anything happened to them, as they are counted.
    pub fn first_state(&self) -> TaskState {
        match self.confirms {
            true => TaskState::AwaitingConfirmation,
            false => TaskState::Queued(QueueCause::RateLimited),
        }
    }

    /// A distance of samples in whole ticks, at least one.
    pub fn sample_ticks(&self, every: Span) -> u64 {
        self.boundary_at(Time(every.0)).max(1)
    }

    /// The first tick that does not begin before `time`.
    pub fn boundary_at(&self, time: Time) -> u64 {
        match time.0.checked_sub(1) {
            None => 0,
            Some(before) => self.ticks.of(Time(before)) + 1,
        }
    }

    /// The cohort of a device.
    ///
    /// # Panics
    /// If the devices are listed and it is not among them.
    #[inline(always)]
    pub fn cohort_of(&self, device: DeviceId) -> CohortId {
        CohortId(match &self.devices {
            Devices::Generated { cohorts, .. } => cohorts.of(device.0),
            Devices::Listed { cohorts, .. } => cohorts[device.0 as usize],
        })
    }

    /// The version installed before the campaign.
    #[inline(always)]
    pub fn version_of(&self, device: DeviceId, cohort: CohortId) -> u16 {
        match &self.devices {
            Devices::Generated { versions, .. } => {
                let shares = &versions[usize::from(cohort.0)];
                match shares.only() {
                    Some(version) => version,
                    None => {
                        let module = self.module_id as u32;
                        shares.at(self.streams.stream(device, Purpose::Version, module).next_u64())
                    }
                }
            }
            Devices::Listed { versions, .. } => versions[device.0 as usize],
        }
    }

    /// Whether the package is for a device that runs the version.
    pub fn fits(&self, version: u16) -> bool {
        version != self.versions.target && self.is_source[usize::from(version)]
    }

    /// When the device is activated.
    pub fn joined(&self, device: DeviceId, cohort: &Cohort) -> Time {
        Presence::joined(device, cohort, &self.streams)
    }

    /// The cohort with this number.
    #[inline(always)]
    pub fn cohort(&self, id: CohortId) -> &Cohort {
        &self.cohorts[usize::from(id.0)]
    }

    /// What the fate of the device follows from, the cohort being its own.
    #[inline(always)]
    pub fn luck(&self, device: DeviceId, cohort: CohortId) -> Luck<'_> {
        Luck {
            device,
            cohort: self.cohort(cohort),
            streams: &self.streams,
            downloads: &self.downloads,
        }
    }
}
