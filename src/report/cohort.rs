//! The numbers of one cohort, or of the whole fleet, in `summary.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::Counters;
use crate::model::Span;
use crate::scheduler::state::{DeviceStatus, FailureReason, TaskState};
use crate::sim::outcome::{CohortOutcome, LatencyKind, Tally};
use crate::stats::Latency;

/// The numbers of one cohort, or of the whole fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortSummary {
    pub name: String,
    /// Devices, targeted or not.
    pub devices: u64,
    /// Devices with a task.
    pub targeted: u64,
    /// Devices that ran the target version from the beginning.
    pub not_required: u64,
    /// open + succeeded + failed + canceled = targeted, always.
    pub conservation: Conservation,
    /// Tasks by state.
    pub states: BTreeMap<String, u64>,
    /// Tasks by Alibaba's status.
    pub alibaba: BTreeMap<String, u64>,
    /// Tasks by Quectel's component status.
    pub quectel: BTreeMap<String, u64>,
    /// Devices by Quectel's device status; for a campaign of several packages the whole fleet's
    /// are those of all its tasks together.
    pub device_status: BTreeMap<String, u64>,
    /// By reason.
    pub failures: BTreeMap<String, FailureSummary>,
    /// Attempts begun: first, second, and so on; a sixteenth entry holds all later ones too.
    pub attempts: Vec<u64>,
    /// Everything else that is counted, by name.
    pub counters: Counters,
    pub success_rate: SuccessRate,
    /// From the activation until a share of the targeted devices was updated.
    pub time_to_updated: TimeToUpdated,
    /// By what they run from and to.
    pub latencies: BTreeMap<String, LatencySummary>,
}

/// Nothing is lost and nothing counted twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conservation {
    /// Tasks that are not final.
    pub open: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub canceled: u64,
    pub targeted: u64,
}

/// Failures of one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureSummary {
    /// The code a device reports; null where no device reports it.
    pub code: Option<i8>,
    /// Tasks that failed for good.
    pub tasks: u64,
    /// Attempts that failed, retried or not.
    pub attempts: u64,
}

/// Success rates from 0 to 1; null where there is nothing to divide by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuccessRate {
    /// succeeded / (succeeded + failed): not started and in progress excluded.
    pub succeeded_of_finished: Option<f64>,
    /// succeeded / targeted.
    pub succeeded_of_targeted: Option<f64>,
}

/// Seconds until 50, 90, 95, 99 and 100 % were updated; null if that was not reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeToUpdated {
    pub p50_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub p95_s: Option<f64>,
    pub p99_s: Option<f64>,
    pub p100_s: Option<f64>,
}

/// One latency distribution in seconds; null where nothing was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencySummary {
    pub count: u64,
    /// Exact.
    pub mean_s: Option<f64>,
    /// Exact.
    pub min_s: Option<f64>,
    pub p50_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub p95_s: Option<f64>,
    pub p99_s: Option<f64>,
    #[serde(rename = "p99.9_s")]
    pub p999_s: Option<f64>,
    /// Exact.
    pub max_s: Option<f64>,
}

impl Conservation {
    /// The tasks of a tally by what became of them.
    pub fn of(tally: &Tally) -> Conservation {
        Conservation {
            open: tally.open(),
            succeeded: tally.succeeded(),
            failed: tally.failed(),
            canceled: tally.canceled(),
            targeted: tally.targeted,
        }
    }
}

impl CohortSummary {
    /// # Panics
    /// If tasks were lost or counted twice.
    pub fn of(cohort: &CohortOutcome) -> CohortSummary {
        let tally = &cohort.tally;
        tally.assert_conserved();
        CohortSummary {
            name: cohort.name.clone(),
            devices: cohort.devices,
            targeted: tally.targeted,
            not_required: tally.count(TaskState::NotRequired),
            conservation: Conservation::of(tally),
            states: by_word(tally, |state| Some(state.name())),
            alibaba: by_word(tally, TaskState::alibaba),
            quectel: by_word(tally, |state| Some(state.quectel())),
            device_status: device_status(tally),
            failures: failures(tally),
            attempts: attempts(tally),
            counters: Counters::of(tally),
            success_rate: SuccessRate {
                succeeded_of_finished: tally.success_rate_of_finished(),
                succeeded_of_targeted: tally.success_rate_of_targeted(),
            },
            time_to_updated: TimeToUpdated::of(tally),
            latencies: LatencyKind::ALL
                .iter()
                .map(|kind| (kind.name().to_owned(), LatencySummary::of(tally.latency(*kind))))
                .collect(),
        }
    }
}

impl TimeToUpdated {
    fn of(tally: &Tally) -> TimeToUpdated {
        let at = |thousandths| tally.time_to_updated(thousandths).map(Span::as_secs_f64);
        TimeToUpdated {
            p50_s: at(50_000),
            p90_s: at(90_000),
            p95_s: at(95_000),
            p99_s: at(99_000),
            p100_s: at(100_000),
        }
    }
}

impl LatencySummary {
    /// Moments and quantiles of a distribution; null where nothing was recorded.
    pub fn of(latency: &Latency) -> LatencySummary {
        let at = |q| latency.quantile(q).map(Span::as_secs_f64);
        LatencySummary {
            count: latency.count(),
            mean_s: latency.mean_s(),
            min_s: latency.min().map(Span::as_secs_f64),
            p50_s: at(0.5),
            p90_s: at(0.9),
            p95_s: at(0.95),
            p99_s: at(0.99),
            p999_s: at(0.999),
            max_s: latency.max().map(Span::as_secs_f64),
        }
    }
}

/// Tasks by each state's word; failures one reason at a time, as words may depend on it.
fn by_word(
    tally: &Tally,
    word: impl Fn(TaskState) -> Option<&'static str>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut add = |state: TaskState, tasks: u64| {
        if let Some(word) = word(state) {
            *counts.entry(word.to_owned()).or_insert(0) += tasks;
        }
    };
    for state in TaskState::ALL {
        match state {
            TaskState::Failed(_) => {
                for (reason, tasks) in FailureReason::ALL.iter().zip(&tally.failures) {
                    add(TaskState::Failed(*reason), *tasks);
                }
            }
            other => add(other, tally.count(other)),
        }
    }
    counts
}

/// As if each device had this one task.
fn device_status(tally: &Tally) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> =
        DeviceStatus::ALL.iter().map(|status| (status.name().to_owned(), 0)).collect();
    for state in TaskState::ALL {
        let name = DeviceStatus::of(&[state]).name();
        *counts.get_mut(name).expect("every status is listed") += tally.count(state);
    }
    counts
}

fn failures(tally: &Tally) -> BTreeMap<String, FailureSummary> {
    let summary = |(i, reason): (usize, &FailureReason)| {
        let failure = FailureSummary {
            code: reason.code(),
            tasks: tally.failures[i],
            attempts: tally.attempt_failures[i],
        };
        (reason.name().to_owned(), failure)
    };
    FailureReason::ALL.iter().enumerate().map(summary).collect()
}

/// Without the zeros at the end.
fn attempts(tally: &Tally) -> Vec<u64> {
    let last = tally.attempts.iter().rposition(|n| *n > 0);
    tally.attempts[..last.map_or(0, |i| i + 1)].to_vec()
}
