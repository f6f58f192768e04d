//! What a run leaves behind: counts, series and latencies; everything merges by addition.

use crate::model::Time;
use crate::scheduler::state::{CampaignStatus, DeviceStatus, STATES};
use crate::scheduler::{Abort, Entry, RuleOutcome};
use crate::stats::{Latency, Minutes};

pub use super::stage_book::{StageOutcome, StageTally};
pub use super::tally::{
    COUNTERS, Counter, LatencyKind, MAX_ATTEMPT_COUNTED, Tally, rank_of, ratio, show_cause,
};
pub use super::trace::TraceEntry;

/// The result of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why the run ended.
    pub ended: Ended,
    /// The virtual instant at which it ended, since the run began.
    pub end: Time,
    /// Tasks of the package that were final at the end while their device still went about them.
    pub under_way: u64,
    /// One entry per cohort, in the scenario's order.
    pub cohorts: Vec<CohortOutcome>,
    pub series: Series,
    /// Versions of the whole fleet at the end: name and number of devices.
    pub versions: Vec<(String, u64)>,
    pub events: Events,
    /// Offers that left, by minute.
    pub pushes: Minutes,
    /// Greatest number of tasks that were pushed and not final, seen at the ends of ticks.
    pub in_flight_most: u64,
    /// What shared links carried and servers were asked, where devices share them.
    pub traffic: Option<Box<TrafficOutcome>>,
    pub campaign: CampaignOutcome,
    /// What became of each stage, where the campaign has some: in order, those in none last.
    pub stages: Vec<StageOutcome>,
    /// What the package was for, and the version it brings.
    pub module: String,
    pub target: String,
    /// Devices by what their tasks came to, over all packages and campaigns of the run.
    pub devices: DeviceCounts,
    /// The other packages of the fleet, each with the campaign that it belongs to; not there in
    /// their own outcomes.
    pub further: Vec<Outcome>,
    /// The log of the traced device, if there is one.
    pub trace: Vec<TraceEntry>,
}

/// Devices with a task, by what their tasks came to: failed if one failed, else open if one is
/// open, else canceled if one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    pub targeted: u64,
    pub updated: u64,
    pub failed: u64,
    pub canceled: u64,
    pub open: u64,
}

/// What became of the campaign itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignOutcome {
    pub name: String,
    /// When it became active, if it did.
    pub activated: Option<Time>,
    pub status: CampaignStatus,
    /// What was done to it, in order.
    pub log: Vec<Entry>,
    /// Steps of operators whose time or condition did not come.
    pub steps_left: Vec<&'static str>,
    /// The abort rules that were met.
    pub aborts: Vec<AbortOutcome>,
    /// What each abort rule saw, met or not, in the scenario's order.
    pub rules: Vec<RuleOutcome>,
    /// Key and value.
    pub tags: Vec<(String, String)>,
    /// Devices that were pushed at least once.
    pub exposed: u64,
    /// Devices by position in [`DeviceStatus::ALL`], where the campaign has several packages.
    pub device_status: Option<[u64; DeviceStatus::ALL.len()]>,
}

impl CampaignOutcome {
    /// From when on times are counted: its activation, or the beginning of the run.
    pub fn counted_from(&self) -> Time {
        self.activated.unwrap_or(Time::ZERO)
    }
}

/// R30: what a rule's abort came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortOutcome {
    pub abort: Abort,
    /// Failures after it was met; a device that is tried again by hand may fail again.
    pub overshoot: u64,
}

/// What devices of the fleet loaded over shared links and asked of servers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TrafficOutcome {
    pub links: Vec<LinkOutcome>,
    pub backend: Option<BackendOutcome>,
    /// Greatest number of downloads at a boundary.
    pub downloads_most: u64,
    pub rows: Vec<TrafficRow>,
}

/// What a shared link carried.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LinkOutcome {
    pub name: String,
    pub capacity_bps: f64,
    pub carried_bits: f64,
    /// Bits carried, by minute.
    pub bits: Minutes,
    /// Greatest load from one boundary to the next.
    pub most_bps: f64,
    /// Seconds in which it was full.
    pub full_s: f64,
}

/// What a server was asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BackendOutcome {
    /// Requests by what they were for; the last were made with an expired link.
    pub polls: u64,
    pub download_requests: u64,
    pub expired_links: u64,
    /// Answered by a worker, shed (503), or given up by the device.
    pub served: u64,
    pub shed_by_queue: u64,
    /// Shed since there were as many downloads as may be at a time.
    pub shed_by_connections: u64,
    pub given_up: u64,
    /// Requests of all kinds, those of idle devices included, by minute.
    pub by_minute: Minutes,
    pub workers: u32,
    /// Worker time taken, in seconds, that of idle devices' polls included.
    pub busy_s: f64,
    pub waiting_most: u64,
    /// From a request to the beginning and to the end of its service.
    pub wait: Latency,
    pub response: Latency,
    /// Polls of devices that nobody waits for, which are counted, not simulated; and those of
    /// them that found the queue full.
    pub idle_polls: u64,
    pub idle_shed: u64,
    /// Their mean number, and the part of all workers they take; above 1 they alone are too many.
    pub idle_polls_per_s: f64,
    pub idle_busy: f64,
    /// That part in the minute in which it was greatest.
    pub idle_busiest: f64,
}

impl BackendOutcome {
    /// Polls and requests for downloads, without the polls of idle devices.
    pub fn requests(&self) -> u64 {
        self.polls + self.download_requests + self.expired_links
    }

    /// Requests shed, by the queue or by the cap on connections.
    pub fn shed(&self) -> u64 {
        self.shed_by_queue + self.shed_by_connections
    }
}

/// Links and servers at an instant; counts are cumulative.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TrafficRow {
    pub at: Time,
    pub downloads: u64,
    /// By link.
    pub load_bps: Vec<f64>,
    pub requests: u64,
    pub shed: u64,
    pub waiting: u64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every task is final, and no device goes about one any more.
    AllFinal,
    /// `run.until` was reached with tasks still open, or devices that still go about theirs.
    Until,
    /// Tasks are open, but no event can change them any more.
    NothingLeft,
    /// The user stopped it.
    Interrupted,
}

impl Ended {
    /// As the reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Ended::AllFinal => "all-final",
            Ended::Until => "until",
            Ended::NothingLeft => "nothing-left",
            Ended::Interrupted => "interrupted",
        }
    }
}

/// Handled events by kind; stale calendar entries are not events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Changes between online and offline.
    pub flips: u64,
    /// Offers that took a permit.
    pub pushes: u64,
    /// Finished phases of devices: reactions, downloads, verifications, installations.
    pub phases: u64,
    /// Timeouts, retries, polls and users' answers that came due.
    pub timers: u64,
}

impl Events {
    /// Events of all kinds.
    pub fn total(&self) -> u64 {
        self.flips + self.pushes + self.phases + self.timers
    }

    /// Adds what another part of the run handled.
    pub fn merge(&mut self, other: &Events) {
        self.flips += other.flips;
        self.pushes += other.pushes;
        self.phases += other.phases;
        self.timers += other.timers;
    }
}

/// One cohort's share of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortOutcome {
    pub name: String,
    /// Devices of the cohort, targeted or not.
    pub devices: u64,
    pub tally: Tally,
}

/// Counts over time: one row per sampling instant, the first at 0, the last at the end.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Series {
    pub times: Vec<Time>,
    /// One row per instant and part, which is a cohort, or the whole fleet where there are many
    /// cohorts: row `i * parts + p`, see [`series_parts`].
    pub rows: Vec<SeriesRow>,
    /// Devices by version: row `i * versions + v`, in the order of `version_names`.
    pub version_names: Vec<String>,
    pub versions: Vec<u64>,
}

/// Parts of the fleet that the series tells apart: its cohorts, or with more than 64 of them only
/// the whole, since nobody looks at so many curves and they would outgrow everything else.
pub fn series_parts(cohorts: usize) -> usize {
    if cohorts <= 64 { cohorts } else { 1 }
}

/// One cohort at one instant; cumulative from `pushes` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SeriesRow {
    pub states: [u64; STATES],
    pub pushes: u64,
    pub repushes: u64,
    pub retries: u64,
    pub late_reports: u64,
    /// Tasks that failed because another one was in the way.
    pub occupied: u64,
}

impl Outcome {
    /// Of each package of the run, this one first.
    pub fn packages(&self) -> impl Iterator<Item = &Outcome> {
        std::iter::once(self).chain(&self.further)
    }

    /// Events of all packages of the run. Devices come and go once, whatever is done to them.
    pub fn all_events(&self) -> Events {
        let mut events = self.events;
        self.further.iter().for_each(|further| events.merge(&further.events));
        Events { flips: self.events.flips, ..events }
    }

    /// The whole fleet's numbers: the sum over the cohorts.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for cohort in &self.cohorts {
            total.merge(&cohort.tally);
        }
        total
    }
}
