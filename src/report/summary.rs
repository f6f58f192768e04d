//! `summary.json`: the numbers of a run, with a published schema and no wall-clock time in it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::cohort::{CohortSummary, Conservation, LatencySummary};
use super::numbers::Metrics;
use super::reference::ReferenceSummary;
use super::rules::{AbortSummary, RuleSummary};
use super::stages::StageSummary;
use super::traffic::TrafficSummary;
use super::{folder_of, whole_fleet};
use crate::model::Time;
use crate::scenario::file::{DEFAULT_MODULE, Scenario};
use crate::scheduler::state::{DeviceStatus, FailureReason};
use crate::scheduler::{Entry, Verification};
use crate::sim::outcome::{DeviceCounts, Ended, Outcome};

/// Version of the summary's format.
pub const SUMMARY_FORMAT: u32 = 2;

/// The result of one run. The same scenario gives the same bytes on every machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Version of this format; always 2.
    pub format: u32,
    /// The campaign's name.
    pub campaign: String,
    /// The version that was rolled out.
    pub target_version: String,
    /// The module it is for, where that is not the default one.
    #[serde(default = "default_module", skip_serializing_if = "is_default")]
    pub module: String,
    pub seed: u64,
    /// Why the run ended: "all-final", "until", "nothing-left" or "interrupted".
    pub ended: String,
    /// False if the run was interrupted: the numbers are those of a partial run.
    pub complete: bool,
    /// Tasks that were final at the end while their device still went about them: it may install
    /// the package after all.
    pub under_way: u64,
    /// From the campaign's activation to the end of the run, in seconds.
    pub end_s: f64,
    /// From the beginning of the run to the campaign's activation, in seconds; null if it never
    /// was activated: then times run from the beginning.
    pub activated_s: Option<f64>,
    pub events: EventSummary,
    /// The campaign's own status at the end, e.g. "completed".
    pub campaign_status: String,
    /// What operators and rules did to the campaign, in order.
    pub campaign_log: Vec<LogSummary>,
    /// Steps of operators whose time or condition did not come, by their action.
    pub steps_left: Vec<String>,
    /// What came of the abort rules that were met.
    pub aborts: Vec<AbortSummary>,
    /// What each abort rule saw, met or not, in the order of campaign.abort.
    #[serde(default)]
    pub abort_rules: Vec<RuleSummary>,
    /// What a verify campaign makes of the package: "verified", "failed" or, with tasks
    /// open, "needed"; null if the campaign verifies nothing.
    pub verification: Option<String>,
    /// The campaign's tags at the end.
    pub tags: BTreeMap<String, String>,
    /// Devices by what their tasks came to, over all packages and campaigns of the run.
    pub devices: DevicesSummary,
    /// Numbers of the whole fleet by name; null where there is none, or a time was not reached.
    pub metrics: Metrics,
    /// The whole fleet, under the name "all".
    pub fleet: CohortSummary,
    /// In the scenario's order.
    pub cohorts: Vec<CohortSummary>,
    /// The campaign's stages, if it has some: in order, and devices in none last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSummary>,
    /// Devices of the whole fleet by the version they run at the end.
    pub versions: BTreeMap<String, u64>,
    /// What devices loaded over shared links and asked of servers, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficSummary>,
    /// Measured adoption beside the simulated one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceSummary>,
    /// The other packages and campaigns of the run, each in a folder of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<FurtherSummary>,
}

/// Devices with a task in some campaign of the run; each counts once, by the tasks of the campaign
/// that took it last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicesSummary {
    pub targeted: u64,
    /// All tasks of theirs succeeded, or were not required.
    pub updated: u64,
    /// A task of theirs failed.
    pub failed: u64,
    /// None failed or is open, one was canceled.
    pub canceled: u64,
    /// None failed, one is open.
    pub open: u64,
    /// What the fleet runs in the end: each module's target version.
    pub running: Vec<RunningSummary>,
}

/// Devices that run a target version in the end, whatever their tasks came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunningSummary {
    pub module: String,
    pub version: String,
    pub devices: u64,
    /// Devices that have the module.
    pub of: u64,
}

/// Another package of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FurtherSummary {
    /// Where its files are.
    pub folder: String,
    pub campaign: String,
    pub module: String,
    pub target_version: String,
    /// The campaign's own status at the end, e.g. "completed".
    pub campaign_status: String,
    /// open + succeeded + failed + canceled = targeted, always.
    pub conservation: Conservation,
    /// Tasks that failed because another campaign's was in the way.
    pub occupied: u64,
}

fn default_module() -> String {
    DEFAULT_MODULE.to_owned()
}

fn is_default(module: &str) -> bool {
    module == DEFAULT_MODULE
}

/// Something that was done to the campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSummary {
    pub at_s: f64,
    /// What was done: an operator's action, or "start", "expire", "complete", "abort",
    /// "error-threshold".
    pub what: String,
    /// The campaign's status since.
    pub status: String,
    /// Why it was refused and changed nothing; null if it was not.
    pub refused: Option<String>,
}

/// Handled events by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSummary {
    /// Changes between online and offline.
    pub flips: u64,
    /// Offers that took a permit.
    pub pushes: u64,
    /// Finished reactions, downloads, verifications and installations.
    pub phases: u64,
    /// Timeouts, retries, polls and users' answers that came due.
    pub timers: u64,
    pub total: u64,
}

impl Summary {
    /// The summary of a run of this scenario.
    pub fn of(scenario: &Scenario, outcome: &Outcome) -> Summary {
        let events = outcome.events;
        Summary {
            format: SUMMARY_FORMAT,
            campaign: scenario.campaign.name.clone(),
            target_version: scenario.package.version.clone(),
            module: scenario.package.module.clone(),
            seed: scenario.run.seed,
            ended: outcome.ended.name().to_owned(),
            complete: outcome.ended != Ended::Interrupted,
            under_way: outcome.under_way,
            end_s: outcome.end.since(outcome.campaign.counted_from()).as_secs_f64(),
            activated_s: outcome.campaign.activated.map(Time::as_secs_f64),
            events: EventSummary {
                flips: events.flips,
                pushes: events.pushes,
                phases: events.phases,
                timers: events.timers,
                total: events.total(),
            },
            campaign_status: outcome.campaign.status.name().to_owned(),
            campaign_log: outcome.campaign.log.iter().map(LogSummary::of).collect(),
            steps_left: outcome.campaign.steps_left.iter().map(|s| (*s).to_owned()).collect(),
            aborts: AbortSummary::all(outcome),
            abort_rules: outcome.campaign.rules.iter().map(RuleSummary::of).collect(),
            verification: scenario.campaign.verify.then(|| verification(outcome).name().to_owned()),
            tags: outcome.campaign.tags.iter().cloned().collect(),
            devices: DevicesSummary::of(outcome),
            metrics: Metrics::of(outcome),
            fleet: fleet(outcome),
            cohorts: outcome.cohorts.iter().map(CohortSummary::of).collect(),
            stages: StageSummary::all(outcome),
            versions: outcome.versions.iter().cloned().collect(),
            traffic: TrafficSummary::of(outcome),
            references: ReferenceSummary::all(scenario, outcome),
            further: outcome.further.iter().enumerate().map(FurtherSummary::of).collect(),
        }
    }

    /// The schema that every `summary.json` follows.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Summary).to_value()
    }
}

fn fleet(outcome: &Outcome) -> CohortSummary {
    let mut fleet = CohortSummary::of(&whole_fleet(outcome));
    if let Some(devices) = outcome.campaign.device_status {
        let counts = DeviceStatus::ALL.iter().zip(devices);
        fleet.device_status = counts.map(|(status, n)| (status.name().to_owned(), n)).collect();
    }
    fleet
}

impl DevicesSummary {
    fn of(outcome: &Outcome) -> DevicesSummary {
        let DeviceCounts { targeted, updated, failed, canceled, open } = outcome.devices;
        let mut running: Vec<RunningSummary> = Vec::new();
        for package in outcome.packages() {
            let entry = RunningSummary {
                module: package.module.clone(),
                version: package.target.clone(),
                devices: package
                    .versions
                    .iter()
                    .filter(|(v, _)| *v == package.target)
                    .map(|v| v.1)
                    .sum(),
                of: package.versions.iter().map(|(_, devices)| devices).sum(),
            };
            if !running.contains(&entry) {
                running.push(entry);
            }
        }
        DevicesSummary { targeted, updated, failed, canceled, open, running }
    }
}

impl FurtherSummary {
    fn of((position, outcome): (usize, &Outcome)) -> FurtherSummary {
        let tally = outcome.total();
        FurtherSummary {
            folder: folder_of(position, outcome),
            campaign: outcome.campaign.name.clone(),
            module: outcome.module.clone(),
            target_version: outcome.target.clone(),
            campaign_status: outcome.campaign.status.name().to_owned(),
            conservation: Conservation::of(&tally),
            occupied: tally.failures[FailureReason::Occupied as usize],
        }
    }
}

/// R14.
fn verification(outcome: &Outcome) -> Verification {
    let total = outcome.total();
    Verification::Needed.after(total.targeted, total.succeeded(), total.open())
}

impl LogSummary {
    fn of(entry: &Entry) -> LogSummary {
        LogSummary {
            at_s: entry.at.as_secs_f64(),
            what: entry.what.to_owned(),
            status: entry.status.name().to_owned(),
            refused: entry.refused.as_ref().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn validator() -> jsonschema::Validator {
        jsonschema::validator_for(&Summary::schema()).unwrap()
    }

    #[test]
    fn every_summary_follows_the_published_schema_and_reads_back() {
        for outcome in [sample::two_cohorts(), sample::empty(), sample::interrupted()] {
            let summary = Summary::of(&sample::loaded().scenario, &outcome);
            let json = serde_json::to_value(&summary).unwrap();
            if let Err(error) = validator().validate(&json) {
                panic!("{error} at {}", error.instance_path());
            }
            assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary);
        }
    }

    #[test]
    fn the_schema_refuses_a_summary_with_a_wrong_field() {
        let summary = Summary::of(&sample::loaded().scenario, &sample::two_cohorts());
        let mut json = serde_json::to_value(&summary).unwrap();
        json["fleet"]["targeted"] = "many".into();
        assert!(!validator().is_valid(&json));
    }

    #[test]
    fn every_vocabulary_counts_the_same_tasks() {
        let fleet = CohortSummary::of(&whole_fleet(&sample::two_cohorts()));
        let tasks = fleet.targeted + fleet.not_required;
        assert_eq!(fleet.states.values().sum::<u64>(), tasks);
        assert_eq!(fleet.quectel.values().sum::<u64>(), tasks);
        assert_eq!(fleet.device_status.values().sum::<u64>(), tasks);
        assert_eq!(fleet.alibaba.values().sum::<u64>(), fleet.targeted);
        assert_eq!(fleet.quectel["Download Failed"], 30);
        assert_eq!(fleet.quectel["Upgrade Failed"], 25);
        assert_eq!(fleet.device_status["Upgrade Failed"], 55);
        assert_eq!(fleet.alibaba["FAILED"], 50);
        assert_eq!(fleet.failures["flash"].code, Some(-4));
        assert_eq!(fleet.attempts, [1000, 40, 10]);
    }

    #[test]
    fn what_was_not_reached_is_null() {
        let summary = Summary::of(&sample::loaded().scenario, &sample::empty());
        assert_eq!(summary.fleet.success_rate.succeeded_of_finished, None);
        assert_eq!(summary.fleet.time_to_updated.p50_s, None);
        assert_eq!(summary.fleet.latencies["download"].mean_s, None);
        let two = Summary::of(&sample::loaded().scenario, &sample::two_cohorts());
        assert!(two.fleet.time_to_updated.p90_s.is_some());
        assert_eq!(two.fleet.time_to_updated.p95_s, None);
    }

    #[test]
    #[should_panic(expected = "lost or counted twice")]
    fn a_lost_task_is_our_bug() {
        let mut outcome = sample::two_cohorts();
        outcome.cohorts[0].tally.targeted += 1;
        Summary::of(&sample::loaded().scenario, &outcome);
    }
}
