//! What must hold after any run, whatever was asked for.

use fleetstorm::scenario::Loaded;
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::sim::outcome::{LatencyKind, Outcome, Tally};

use super::super::engine::assert_conserved;

/// Nothing is lost, of any package of any campaign.
pub fn look(loaded: &Loaded, outcome: &Outcome) {
    let scenario = &loaded.scenario;
    let joins = scenario.fleet.cohort.iter().any(|cohort| cohort.joins.is_some());
    let comes_to_be = joins
        || scenario.campaign.dynamic.is_some()
        || !loaded.modules.is_empty()
        || !loaded.rollouts.is_empty();
    match comes_to_be {
        // The list of targets does not change, so that more can be said.
        false => assert_conserved(outcome),
        true => std::iter::once(outcome).chain(&outcome.further).for_each(growing),
    }
    let devices = &outcome.devices;
    let ends = [devices.updated, devices.failed, devices.canceled, devices.open];
    assert_eq!(ends.iter().sum::<u64>(), devices.targeted, "what became of devices");
}

/// Tasks and devices come to be in the course of the run, and none of them goes.
fn growing(outcome: &Outcome) {
    let cohorts = outcome.cohorts.len();
    let series = &outcome.series;
    assert_eq!(series.rows.len(), series.times.len() * cohorts, "rows of the series");
    let tasks = |at: usize| {
        let row = &series.rows[at];
        let all = row.states.iter().sum::<u64>();
        [all, row.pushes, row.repushes, row.retries, row.late_reports]
    };
    for at in cohorts..series.rows.len() {
        let (before, after) = (tasks(at - cohorts), tasks(at));
        assert!(before.iter().zip(&after).all(|(b, a)| b <= a), "falls: {before:?} {after:?}");
    }
    let last = &series.rows[series.rows.len() - cohorts..];
    for (row, cohort) in last.iter().zip(&outcome.cohorts) {
        let spared = row.states[TaskState::NotRequired.index()];
        let tasks = row.states.iter().sum::<u64>() - spared;
        assert_eq!(tasks, cohort.tally.targeted, "tasks in the last row and targeted");
        assert_eq!(spared, cohort.tally.count(TaskState::NotRequired), "not required");
        tally(&cohort.tally);
    }
    let fleet: u64 = outcome.cohorts.iter().map(|cohort| cohort.devices).sum();
    let mut before = 0;
    for versions in series.versions.chunks(series.version_names.len()) {
        let run = versions.iter().sum::<u64>();
        assert!(before <= run && run <= fleet, "versions of {run} of {fleet} after {before}");
        before = run;
    }
    let attempts = outcome.total().attempts.iter().sum::<u64>();
    assert_eq!(outcome.events.pushes, attempts, "pushes and attempts");
}

fn tally(tally: &Tally) {
    tally.assert_conserved();
    let attempts: u64 = tally.attempts.iter().sum();
    assert_eq!(attempts - tally.attempts[0], tally.retries, "retries");
    let count = |kind| tally.latency(kind).count();
    assert_eq!(count(LatencyKind::EligibleToPushed), attempts, "eligible-to-pushed");
    assert_eq!(count(LatencyKind::Download), tally.downloads, "downloads");
    assert!(tally.first_try_successes <= tally.succeeded(), "first tries");
    assert!(tally.attempts[0] <= tally.targeted, "first attempts");
    assert!(tally.attempts.windows(2).all(|pair| pair[1] <= pair[0]), "attempts");
    assert!(tally.downloads_uninterrupted <= tally.downloads, "interruptions");
    assert!(tally.online_at_turn <= tally.turns, "turns");
}
