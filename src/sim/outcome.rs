//! What a run leaves behind: counts, series and latencies; everything merges by addition.

use crate::model::Time;
use crate::scheduler::state::{
    CampaignStatus, DeviceStatus, FailureReason, QueueCause, STATES, TaskState,
};
use crate::scheduler::{Abort, Entry};
use crate::stats::Latency;

pub use super::trace::TraceEntry;

/// The result of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why the run ended.
    pub ended: Ended,
    /// The virtual instant at which it ended.
    pub end: Time,
    /// One entry per cohort, in the scenario's order.
    pub cohorts: Vec<CohortOutcome>,
    pub series: Series,
    /// Versions of the whole fleet at the end: name and number of devices.
    pub versions: Vec<(String, u64)>,
    pub events: Events,
    /// What shared links carried and servers were asked, where devices share them.
    pub traffic: Option<Box<TrafficOutcome>>,
    pub campaign: CampaignOutcome,
    /// What the package was for, and the version it brings.
    pub module: String,
    pub target: String,
    /// The other packages of the fleet, each with the campaign that it belongs to; not there in
    /// their own outcomes.
    pub further: Vec<Outcome>,
    /// The log of the traced device, if there is one.
    pub trace: Vec<TraceEntry>,
}

/// What became of the campaign itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignOutcome {
    pub name: String,
    pub status: CampaignStatus,
    /// What was done to it, in order.
    pub log: Vec<Entry>,
    /// Steps of operators whose time or condition did not come.
    pub steps_left: Vec<&'static str>,
    /// The abort rules that were met.
    pub aborts: Vec<AbortOutcome>,
    /// Key and value.
    pub tags: Vec<(String, String)>,
    /// Devices by position in [`DeviceStatus::ALL`], where the campaign has several packages.
    pub device_status: Option<[u64; DeviceStatus::ALL.len()]>,
}

/// R30: what a rule's abort came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortOutcome {
    pub abort: Abort,
    /// Tasks that failed after it was acted on.
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
    /// Worker time taken, in seconds.
    pub busy_s: f64,
    pub waiting_most: u64,
    /// From a request to the beginning and to the end of its service.
    pub wait: Latency,
    pub response: Latency,
    /// Polls of devices that nobody waits for, and the part of all workers they take; above 1
    /// they alone are too many.
    pub idle_polls_per_s: f64,
    pub idle_busy: f64,
}

impl BackendOutcome {
    pub fn requests(&self) -> u64 {
        self.polls + self.download_requests + self.expired_links
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
    /// Every task is final.
    AllFinal,
    /// `run.until` was reached with tasks still open.
    Until,
    /// Tasks are open, but no event can change them any more.
    NothingLeft,
    /// The user stopped it.
    Interrupted,
}

impl Ended {
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
    pub fn total(&self) -> u64 {
        self.flips + self.pushes + self.phases + self.timers
    }

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

/// Numbers a run reports (section 8 of the scheduler specification).
///
/// # Invariants
/// The states other than `NotRequired` add up to `targeted`; failed is the sum of `failures`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tally {
    /// Devices with a task.
    pub targeted: u64,
    /// Tasks by [`TaskState::index`].
    pub states: [u64; STATES],
    /// Failed tasks by position in [`FailureReason::ALL`].
    pub failures: [u64; FailureReason::ALL.len()],
    /// Attempts begun, by attempt number from 1; the last entry holds all later ones.
    pub attempts: [u64; MAX_ATTEMPT_COUNTED],
    /// Tasks that succeeded in their first attempt.
    pub first_try_successes: u64,
    /// Attempts that failed with this reason, retried or not, as in `failures`.
    pub attempt_failures: [u64; FailureReason::ALL.len()],
    /// Offers sent again to a device that had lost the first.
    pub repushes: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Failed tasks that were queued once more by hand.
    pub reopened: u64,
    /// Reports that arrived after their task was final.
    pub late_reports: u64,
    /// Devices that went silent for good while installing.
    pub bricked: u64,
    /// Permits that found their device just gone offline, and lapsed.
    pub lapsed_permits: u64,
    /// Downloads finished, and those of them never interrupted.
    pub downloads: u64,
    pub downloads_uninterrupted: u64,
    /// Interruptions of finished downloads.
    pub interruptions: u64,
    /// Devices found online when their turn came first.
    pub online_at_turn: u64,
    /// Turns taken.
    pub turns: u64,
    /// By position in [`LatencyKind::ALL`].
    pub latencies: [Latency; LatencyKind::ALL.len()],
}

pub const MAX_ATTEMPT_COUNTED: usize = 16;

/// What a latency runs from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyKind {
    /// From the activation, or the return of a device that was offline at its turn.
    EligibleToPushed,
    /// From the push of an attempt to its first progress report.
    PushedToProgress,
    /// From the start to the end of a download that ended well, interruptions included.
    Download,
    /// From the end of the download to the version report, if there is one. Reports that come
    /// after their task is final are in no latency.
    Install,
    /// From a task's first push to its success.
    PushedToUpdated,
    /// From the campaign's activation to a task's success.
    ActivationToUpdated,
}

impl LatencyKind {
    pub const ALL: [LatencyKind; 6] = [
        LatencyKind::EligibleToPushed,
        LatencyKind::PushedToProgress,
        LatencyKind::Download,
        LatencyKind::Install,
        LatencyKind::PushedToUpdated,
        LatencyKind::ActivationToUpdated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            LatencyKind::EligibleToPushed => "eligible-to-pushed",
            LatencyKind::PushedToProgress => "pushed-to-first-progress",
            LatencyKind::Download => "download",
            LatencyKind::Install => "verify-flash-reboot",
            LatencyKind::PushedToUpdated => "pushed-to-updated",
            LatencyKind::ActivationToUpdated => "activation-to-updated",
        }
    }
}

impl Tally {
    /// Nothing is lost and nothing counted twice.
    ///
    /// # Panics
    /// If open, succeeded, failed and canceled tasks do not add up to the targeted devices.
    pub fn assert_conserved(&self) {
        let sum = self.open() + self.succeeded() + self.failed() + self.canceled();
        assert_eq!(sum, self.targeted, "tasks lost or counted twice");
        assert_eq!(self.failures.iter().sum::<u64>(), self.failed(), "failures without a reason");
    }

    pub fn count(&self, state: TaskState) -> u64 {
        self.states[state.index()]
    }

    pub fn latency(&self, kind: LatencyKind) -> &Latency {
        &self.latencies[kind as usize]
    }

    pub fn succeeded(&self) -> u64 {
        self.count(TaskState::Succeeded)
    }

    pub fn failed(&self) -> u64 {
        self.count(TaskState::Failed(FailureReason::Upgrade))
    }

    pub fn canceled(&self) -> u64 {
        self.count(TaskState::Canceled)
    }

    /// Tasks not final yet.
    pub fn open(&self) -> u64 {
        TaskState::ALL.iter().filter(|s| !s.is_final()).map(|s| self.count(*s)).sum()
    }

    /// succeeded / (succeeded + failed): not started and in progress excluded.
    pub fn success_rate_of_finished(&self) -> Option<f64> {
        let finished = self.succeeded() + self.failed();
        (finished > 0).then(|| self.succeeded() as f64 / finished as f64)
    }

    /// succeeded / targeted.
    pub fn success_rate_of_targeted(&self) -> Option<f64> {
        (self.targeted > 0).then(|| self.succeeded() as f64 / self.targeted as f64)
    }

    /// From the activation to the moment a share `p` in (0, 1] of the targeted devices was
    /// updated; none if that was not reached.
    pub fn time_to_updated(&self, p: f64) -> Option<Time> {
        let rank = (p * self.targeted as f64).ceil() as u64;
        let span = self.latency(LatencyKind::ActivationToUpdated).at_rank(rank)?;
        Some(Time(span.0))
    }

    pub fn merge(&mut self, other: &Tally) {
        self.targeted += other.targeted;
        add(&mut self.states, &other.states);
        add(&mut self.failures, &other.failures);
        add(&mut self.attempts, &other.attempts);
        self.first_try_successes += other.first_try_successes;
        add(&mut self.attempt_failures, &other.attempt_failures);
        self.repushes += other.repushes;
        self.retries += other.retries;
        self.reopened += other.reopened;
        self.late_reports += other.late_reports;
        self.bricked += other.bricked;
        self.lapsed_permits += other.lapsed_permits;
        self.downloads += other.downloads;
        self.downloads_uninterrupted += other.downloads_uninterrupted;
        self.interruptions += other.interruptions;
        self.online_at_turn += other.online_at_turn;
        self.turns += other.turns;
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
    }
}

/// Shows tasks that are queued, and whose device is not known to be offline, under the cause
/// that holds for all of them.
pub fn show_cause(states: &mut [u64; STATES], cause: QueueCause) {
    let plain = TaskState::Queued(QueueCause::RateLimited).index();
    states.swap(plain, TaskState::Queued(cause).index());
}

fn add(mine: &mut [u64], theirs: &[u64]) {
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a += b;
    }
}

/// Counts over time: one row per sampling instant, the first at 0, the last at the end.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Series {
    pub times: Vec<Time>,
    /// One row per instant and cohort: row `i * cohorts + c`.
    pub rows: Vec<SeriesRow>,
    /// Devices by version: row `i * versions + v`, in the order of `version_names`.
    pub version_names: Vec<String>,
    pub versions: Vec<u64>,
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
