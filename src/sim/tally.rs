//! Counts of one cohort. Each counter is declared once: its field, what it counts, which way it
//! is better; merging, files and texts follow from that table.

use crate::model::{Better, Span};
use crate::scheduler::state::{FailureReason, QueueCause, STATES, TaskState};
use crate::stats::Latency;

/// A counter that merges by addition.
pub struct Counter {
    /// The name in files.
    pub name: &'static str,
    /// What is counted.
    pub unit: &'static str,
    pub better: Better,
    definition: &'static [&'static str],
    /// The line of the text that a person reads, where it is above zero; empty: none.
    pub line: &'static str,
    pub of: fn(&Tally) -> u64,
}

impl Counter {
    /// What it counts, in a sentence or two.
    pub fn definition(&self) -> String {
        self.definition.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Makes [`Tally`] with a field for each counter, their merging, and [`COUNTERS`].
macro_rules! tally {
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:literal, $better:ident, $line:literal;)+) => {
        /// Numbers a run reports (section 8 of the scheduler specification).
        ///
        /// # Invariants
        /// The states other than `NotRequired` add up to `targeted`; failed is the sum of
        /// `failures`.
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
            /// Attempts that failed with this reason, retried or not, as in `failures`.
            pub attempt_failures: [u64; FailureReason::ALL.len()],
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// By position in [`LatencyKind::ALL`].
            pub latencies: [Latency; LatencyKind::ALL.len()],
            /// From the activation to a task's first push.
            pub pushed: Latency,
            /// From the activation to the end of a task that did not succeed.
            pub ended: Latency,
        }

        /// Every counter of a [`Tally`], in the order in which they are shown.
        pub const COUNTERS: &[Counter] = &[$(Counter {
            name: stringify!($name),
            unit: $unit,
            better: Better::$better,
            definition: &[$($doc),+],
            line: $line,
            of: |tally| tally.$name,
        }),+];

        impl Tally {
            fn merge_counters(&mut self, other: &Tally) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

tally! {
    /// Tasks that succeeded in their first attempt.
    first_try_successes: "tasks", Higher, "";
    /// Cancels that devices refused, since they were installing already.
    cancels_refused: "cancels", Neither, "cancels refused by devices";
    /// Devices that went silent for good while installing.
    bricked: "devices", Lower, "bricked";
    /// Of them, those whose task failed; a task that nobody ends stays open.
    bricked_failed: "devices", Lower, "";
    /// Attempts after the first.
    retries: "attempts", Lower, "attempts after the first";
    /// Failed tasks that were queued once more by hand.
    reopened: "tasks", Lower, "queued once more by hand";
    /// Offers sent again to a device that had lost the first.
    repushes: "offers", Lower, "offers sent again";
    /// Reports that arrived after their task was final.
    late_reports: "reports", Lower, "late reports";
    /// Permits that found their device just gone offline, and lapsed.
    lapsed_permits: "permits", Lower, "lapsed permits";
    /// Downloads begun while their task was open.
    downloads_begun: "downloads", Neither, "";
    /// Of them, those that ended well while it was open.
    downloads: "downloads", Neither, "";
    /// Downloads finished without an interruption.
    downloads_uninterrupted: "downloads", Higher, "";
    /// Downloads that failed at their end while their task was open.
    downloads_failed: "downloads", Lower, "";
    /// Downloads begun that neither ended well nor failed while their task was open: it timed out,
    /// was ended or canceled before, or the run was over. The latency of downloads leaves them out.
    downloads_given_up: "downloads", Lower, "";
    /// Interruptions of downloads, whatever became of them.
    interruptions: "interruptions", Lower, "interruptions of downloads";
    /// Bytes of finished downloads, where the package has a size.
    bytes_downloaded: "B", Lower, "";
    /// Bytes that were loaded in vain, by downloads that began anew after an interruption.
    bytes_wasted: "B", Lower, "";
    /// Turns taken.
    turns: "turns", Neither, "";
    /// Turns that found the device online at once; where devices ask by themselves, when they were
    /// listed.
    online_at_turn: "turns", Higher, "";
}

/// Attempts that are counted apart.
pub const MAX_ATTEMPT_COUNTED: usize = 16;

/// What a latency runs from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyKind {
    /// From the activation, or what came later: the device's match, the end of another
    /// campaign's task that was in the way, or its return where it was offline at its turn;
    /// from its first poll, where it asks by itself.
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
    /// What it runs from and to.
    pub fn definition(self) -> &'static str {
        match self {
            LatencyKind::EligibleToPushed => {
                "From the activation, or what came later: the device's match, the end of another \
                 campaign's task that was in the way, its return where it was offline at its \
                 turn, or its first poll where it asks by itself, to the push."
            }
            LatencyKind::PushedToProgress => {
                "From the push of an attempt to its first progress report."
            }
            LatencyKind::Download => {
                "From the start to the end of a download that ended well, interruptions included."
            }
            LatencyKind::Install => {
                "From the end of the download to the version report, if there is one."
            }
            LatencyKind::PushedToUpdated => "From a task's first push to its success.",
            LatencyKind::ActivationToUpdated => {
                "From the campaign's activation to a task's success."
            }
        }
    }

    /// Every latency, in the order in which they are shown.
    pub const ALL: [LatencyKind; 6] = [
        LatencyKind::EligibleToPushed,
        LatencyKind::PushedToProgress,
        LatencyKind::Download,
        LatencyKind::Install,
        LatencyKind::PushedToUpdated,
        LatencyKind::ActivationToUpdated,
    ];

    /// As reports and metrics call it.
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

    /// Tasks in this state.
    pub fn count(&self, state: TaskState) -> u64 {
        self.states[state.index()]
    }

    /// The distribution of one latency.
    pub fn latency(&self, kind: LatencyKind) -> &Latency {
        &self.latencies[kind as usize]
    }

    /// Tasks that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.count(TaskState::Succeeded)
    }

    /// Tasks that failed, for whatever reason.
    pub fn failed(&self) -> u64 {
        self.count(TaskState::Failed(FailureReason::Upgrade))
    }

    /// Tasks that were canceled.
    pub fn canceled(&self) -> u64 {
        self.count(TaskState::Canceled)
    }

    /// Tasks not final yet.
    pub fn open(&self) -> u64 {
        TaskState::ALL.iter().filter(|s| !s.is_final()).map(|s| self.count(*s)).sum()
    }

    /// Devices that failed or bricked; one whose task failed since it had bricked counts once.
    pub fn affected(&self) -> u64 {
        self.failed() + self.bricked - self.bricked_failed
    }

    /// succeeded / (succeeded + failed): not started and in progress excluded.
    pub fn success_rate_of_finished(&self) -> Option<f64> {
        ratio(self.succeeded(), self.succeeded() + self.failed())
    }

    /// succeeded / targeted.
    pub fn success_rate_of_targeted(&self) -> Option<f64> {
        ratio(self.succeeded(), self.targeted)
    }

    /// Counts the downloads that came to no end, once all others are counted.
    pub fn count_given_up(&mut self) {
        let ended = self.downloads + self.downloads_failed;
        self.downloads_given_up = self.downloads_begun.checked_sub(ended).expect("each begins");
    }

    /// From the activation to the moment at which `thousandths` of a percent of the targeted
    /// devices, rounded up, were updated; none if that was not reached.
    pub fn time_to_updated(&self, thousandths: u32) -> Option<Span> {
        let rank = rank_of(thousandths, self.targeted);
        self.latency(LatencyKind::ActivationToUpdated).at_rank(rank)
    }

    /// As [`Tally::time_to_updated`], until devices were pushed.
    pub fn time_to_pushed(&self, thousandths: u32) -> Option<Span> {
        self.pushed.at_rank(rank_of(thousandths, self.targeted))
    }

    /// From the activation to the end of the last task; none while one is open, or if there are
    /// none.
    pub fn makespan(&self) -> Option<Span> {
        let last = self.latency(LatencyKind::ActivationToUpdated).max().max(self.ended.max());
        last.filter(|_| self.open() == 0)
    }

    /// Adds the tally of other devices.
    pub fn merge(&mut self, other: &Tally) {
        self.targeted += other.targeted;
        add(&mut self.states, &other.states);
        add(&mut self.failures, &other.failures);
        add(&mut self.attempts, &other.attempts);
        add(&mut self.attempt_failures, &other.attempt_failures);
        self.merge_counters(other);
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
        self.pushed.merge(&other.pushed);
        self.ended.merge(&other.ended);
    }
}

/// The least number of devices that is a share of `whole`, in integers: floating point is one off
/// for some sizes.
pub fn rank_of(thousandths: u32, whole: u64) -> u64 {
    (u128::from(whole) * u128::from(thousandths)).div_ceil(100_000) as u64
}

/// None of nothing.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_whole_numbers() {
        for (thousandths, whole, rank) in [
            (50_000, 0, 0),
            (1, 1, 1),
            (55_000, 100, 55),
            (7_000, 100, 7),
            (99_999, 100_000, 99_999),
            (100_000, u64::MAX, u64::MAX),
        ] {
            assert_eq!(rank_of(thousandths, whole), rank);
        }
    }

    #[test]
    fn every_counter_is_merged_and_told() {
        let mut whole = Tally { retries: 2, turns: 3, ..Tally::default() };
        whole.merge(&Tally { retries: 5, bytes_wasted: 7, ..Tally::default() });
        let value = |name: &str| {
            let counter = COUNTERS.iter().find(|counter| counter.name == name).unwrap();
            (counter.of)(&whole)
        };
        assert_eq!((value("retries"), value("turns"), value("bytes_wasted")), (7, 3, 7));
        for counter in COUNTERS {
            assert!(counter.definition().ends_with('.'), "{}", counter.name);
        }
    }
}
