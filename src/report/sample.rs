//! Hand-made results for the tests of this folder.

use crate::model::{Span, Time};
use crate::scenario::Loaded;
use crate::scenario::availability::Online;
use crate::scenario::file::{Cohort, Download, Fails, Fleet, Interrupted, Package, Run, Scenario};
use crate::scenario::law::Law;
use crate::scheduler::state::{CampaignStatus, QueueCause, TaskState};
use crate::sim::outcome::{
    CampaignOutcome, CohortOutcome, DeviceCounts, Ended, Events, LatencyKind, Outcome, Series,
    SeriesRow, Tally,
};
use crate::stats::Minutes;

/// [`scenario`] as if read from a file, with no other files beside it.
pub fn loaded() -> Loaded {
    Loaded {
        scenario: scenario(),
        text: "# as the user wrote it\n".into(),
        files: Vec::new(),
        inventory: None,
        measured: vec![None],
        traces: vec![None],
        select_list: None,
        operator_devices: Vec::new(),
        blacklist: Vec::new(),
        whitelist: None,
        remarks: None,
        modules: Vec::new(),
        rollouts: Vec::new(),
    }
}

fn campaign() -> CampaignOutcome {
    CampaignOutcome {
        status: CampaignStatus::Completed,
        log: Vec::new(),
        steps_left: Vec::new(),
        aborts: Vec::new(),
        activated: Some(Time::ZERO),
        exposed: 1000,
        rules: Vec::new(),
        tags: Vec::new(),
        name: "gateway 4.1 -> 4.2".into(),
        device_status: None,
    }
}

/// One campaign to one cohort, `eu-lte`.
pub fn scenario() -> Scenario {
    let law = || Law::Constant(Span::secs(10));
    let cohort = Cohort {
        name: "eu-lte".into(),
        share: Some(1.0),
        versions: Default::default(),
        timezone: None,
        joins: None,
        pace: None,
        charges: None,
        leaves: None,
        poll: None,
        confirms: Default::default(),
        online: Online::Always,
        never_returns: 0.0,
        reacts: law(),
        download: Download::Takes(law()),
        interrupted: Interrupted::Resume,
        verify: law(),
        install: law(),
        fails: Fails::default(),
    };
    Scenario {
        format: 1,
        packages: Vec::new(),
        rollout: Vec::new(),
        package: Package {
            module: "default".into(),
            version: "4.2.0".into(),
            size: None,
            needs_verification: false,
            delta: Default::default(),
        },
        campaign: toml::from_str(
            "name = 'gateway 4.1 -> 4.2'\nrate.constant = { rate = '100 /min', burst = 1 }",
        )
        .unwrap(),
        operator: Vec::new(),
        outage: Vec::new(),
        reference: Vec::new(),
        backend: None,
        link: Vec::new(),
        fleet: Fleet {
            devices: Some(1010),
            inventory: None,
            versions: Default::default(),
            modules: Default::default(),
            cohort: vec![cohort],
        },
        run: Run { seed: 42, ..Run::default() },
    }
}

/// 1,000 targeted devices in two cohorts; 900 updated, 50 failed, 5 canceled, 45 open.
pub fn two_cohorts() -> Outcome {
    let cohorts =
        vec![cohort("eu, lte", 610, [540, 25, 5, 30], 10), cohort("us", 400, [360, 25, 0, 15], 0)];
    let rows_at = |share: u64| {
        let row = move |c: &CohortOutcome| SeriesRow {
            states: c.tally.states.map(|n| n * share),
            pushes: c.tally.targeted * share,
            ..SeriesRow::default()
        };
        cohorts.iter().map(row).collect::<Vec<_>>()
    };
    Outcome {
        traffic: None,
        campaign: campaign(),
        stages: Vec::new(),
        trace: Vec::new(),
        module: "default".into(),
        target: "4.2.0".into(),
        further: Vec::new(),
        devices: DeviceCounts { targeted: 1000, updated: 900, failed: 50, canceled: 5, open: 45 },
        ended: Ended::Until,
        end: Time(7_200_000_000),
        under_way: 0,
        series: Series {
            times: vec![Time::ZERO, Time(1_500_000), Time(7_200_000_000)],
            rows: [rows_at(0), rows_at(1), rows_at(1)].concat(),
            version_names: vec!["4.1.3".into(), "4.2.0".into()],
            versions: vec![1000, 10, 600, 410, 100, 910],
        },
        cohorts,
        versions: vec![("4.1.3".into(), 100), ("4.2.0".into(), 910)],
        events: Events { flips: 1, pushes: 1050, phases: 4000, timers: 50 },
        pushes: Minutes::default(),
        in_flight_most: 7,
    }
}

/// Nobody was targeted.
pub fn empty() -> Outcome {
    let name = "eu-lte".to_owned();
    let mut tally = Tally::default();
    tally.states[TaskState::NotRequired.index()] = 7;
    Outcome {
        traffic: None,
        campaign: campaign(),
        stages: Vec::new(),
        trace: Vec::new(),
        module: "default".into(),
        target: "4.2.0".into(),
        further: Vec::new(),
        devices: DeviceCounts::default(),
        ended: Ended::AllFinal,
        end: Time::ZERO,
        under_way: 0,
        cohorts: vec![CohortOutcome { name, devices: 7, tally }],
        series: Series {
            times: vec![Time::ZERO],
            rows: vec![SeriesRow::default()],
            ..Series::default()
        },
        versions: vec![("4.2.0".into(), 7)],
        events: Events::default(),
        pushes: Minutes::default(),
        in_flight_most: 0,
    }
}

/// Stopped by the user with 45 tasks open.
pub fn interrupted() -> Outcome {
    Outcome { ended: Ended::Interrupted, ..two_cohorts() }
}

/// `tasks`: succeeded, failed, canceled, open.
fn cohort(name: &str, devices: u64, tasks: [u64; 4], not_required: u64) -> CohortOutcome {
    let [succeeded, failed, canceled, open] = tasks;
    let targeted = succeeded + failed + canceled + open;
    let mut tally = Tally { targeted, first_try_successes: succeeded - 10, ..Tally::default() };
    for (state, count) in [
        (TaskState::Succeeded, succeeded),
        (TaskState::Failed(crate::scheduler::state::FailureReason::Upgrade), failed),
        (TaskState::Canceled, canceled),
        (TaskState::Queued(QueueCause::Offline), open),
        (TaskState::NotRequired, not_required),
    ] {
        tally.states[state.index()] = count;
    }
    tally.failures[1] = 15;
    tally.failures[3] = failed - 15;
    tally.attempt_failures[1] = 20;
    tally.attempt_failures[3] = failed;
    tally.attempts[..3].copy_from_slice(&[targeted, 20, 5]);
    tally.retries = 25;
    for i in 0..succeeded {
        for kind in LatencyKind::ALL {
            tally.latencies[kind as usize].record(Span::secs(60 + 4 * i));
        }
    }
    CohortOutcome { name: name.into(), devices, tally }
}
