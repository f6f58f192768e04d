//! The register of a run, and what it is asked.

use std::sync::atomic::AtomicBool;

use fleetstorm::model::{DeviceId, Span, Time};
use fleetstorm::scheduler::state::{DeviceStatus, TaskState};
use fleetstorm::scheduler::{
    CampaignId, PackageId, Page, QueryError, Registry, TaskFilter, TaskId, TaskStatus, Verification,
};
use fleetstorm::sim::outcome::Outcome;
use fleetstorm::sim::{self, Options};
use proptest::prelude::*;

use super::rules::meeting::several;
use super::runs::{load, scenario, simulate};

fn record(text: &str, threads: usize) -> (Outcome, Registry) {
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options = Options {
        threads: Some(threads),
        trace: None,
        record: true,
        stop: &stop,
        progress: &mut progress,
    };
    sim::record(&load(text), options).unwrap()
}

const FIRST: CampaignId = CampaignId(0);
const PAGE: Page = Page { number: 1, size: 100 };

fn flaky() -> String {
    let campaign = "rate.constant.rate = '1 /s'\ntimeout = '20 min'\n\
        retry = { count = 1, interval = '1 min' }";
    let cohort = "reacts = '5 s'\ndownload.takes = '30 s'\nfails = { flash = 0.2, bricks = 0.05 }\n\
        online.renewal = { on.exponential.mean = '10 min', off.exponential.mean = '5 min' }";
    let hotfix = "[[rollout]]\n[rollout.package]\nversion = '3'\n[rollout.campaign]\n\
        name = 'hotfix'\nrate = 'unlimited'\nstart = '10 min'\nconflict = 'overwrite'\n";
    scenario(250, campaign, cohort, "until = '1 d'") + hotfix
}

#[test]
fn pages_add_up_and_limits_are_kept() {
    let (outcome, registry) = record(&flaky(), 1);
    let tasks = |filter: &TaskFilter, number, size| {
        registry.tasks_by_campaign(FIRST, filter, Page { number, size })
    };
    let all = TaskFilter::default();
    let mut seen = Vec::new();
    for number in 1.. {
        let page = tasks(&all, number, 60).unwrap();
        assert_eq!(page.total, 250);
        if page.items.is_empty() {
            assert_eq!(number, 6);
            break;
        }
        seen.extend(page.items.iter().map(|(id, _)| *id));
    }
    seen.dedup();
    assert_eq!(seen.len(), 250);
    for status in TaskStatus::ALL {
        let filter = TaskFilter { status: Some(status), ..TaskFilter::default() };
        let counted = tasks(&filter, 1, 100).unwrap().total as u64;
        let tally = outcome.total();
        let states = TaskState::ALL.iter().filter(|s| s.alibaba() == Some(status.name()));
        assert_eq!(counted, states.map(|s| tally.count(*s)).sum::<u64>(), "{}", status.name());
    }
    let named = TaskFilter { devices: vec![DeviceId(3), DeviceId(200)], ..TaskFilter::default() };
    // Devices win over the page.
    let found = tasks(&named, 7, 1).unwrap();
    assert_eq!(found.items.iter().map(|(_, t)| t.device.0).collect::<Vec<_>>(), [3, 200]);
    let many = TaskFilter { devices: vec![DeviceId(1); 51], ..TaskFilter::default() };
    assert_eq!(tasks(&many, 1, 1), Err(QueryError::Devices(51)));
    assert_eq!(tasks(&all, 1, 101), Err(QueryError::PageSize { most: 100 }));
    assert_eq!(tasks(&all, 0, 10), Err(QueryError::PageSize { most: 100 }));
    assert_eq!(tasks(&all, 1_001, 100), Err(QueryError::TooFar));
    let nobody = registry.tasks_by_campaign(CampaignId(2), &all, PAGE);
    assert_eq!(nobody, Err(QueryError::Campaign));
    assert_eq!(registry.device(DeviceId(250)).unwrap_err(), QueryError::Device);
    assert_eq!(registry.package(PackageId(9)).unwrap_err(), QueryError::Package);
}

#[test]
fn campaigns_are_found_by_package_and_by_device() {
    let (outcome, registry) = record(&flaky(), 2);
    let (release, hotfix) = (PackageId(0), PackageId(1));
    let of = |package| {
        let found = registry.campaigns_by_package(package, Page { number: 1, size: 200 }).unwrap();
        found.items.iter().map(|(_, campaign)| campaign.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of(release), of(hotfix)), (vec!["test".to_owned()], vec!["hotfix".to_owned()]));
    let campaign = registry.campaign(CampaignId(1)).unwrap();
    assert_eq!(campaign.start, Time(600_000_000));
    assert_eq!(campaign.log, outcome.further[0].campaign.log);
    assert_eq!(registry.package(hotfix).unwrap().verification, Verification::NotNeeded);
    let by_device = registry.campaigns_by_device(hotfix, DeviceId(4), PAGE).unwrap();
    assert_eq!(by_device.items[0].0, CampaignId(1));
    assert_eq!(registry.campaigns_by_device(release, DeviceId(4), PAGE).unwrap().total, 1);
}

#[test]
fn a_device_shows_its_modules_its_tasks_and_its_whole_log() {
    let (_, registry) = record(&flaky(), 1);
    let (mut reports, mut entries) = (0, 0);
    for device in (0..250).map(DeviceId) {
        let view = registry.device(device).unwrap();
        assert_eq!(view.info.name, device.0.to_string());
        assert_eq!(view.tasks.len(), 2);
        assert!(view.log.is_sorted_by_key(|(_, entry)| entry.at));
        assert_eq!(view.log[0].1.event, "created");
        for (id, task) in &view.tasks {
            let last = view.log.iter().rfind(|(of, _)| of == id).unwrap().1;
            assert_eq!((last.state, last.attempt), (task.state, task.attempt));
            // No final state is left, and attempts are counted one by one.
            for pair in task.log.windows(2) {
                assert!(!pair[0].state.is_final() || pair[1].state == pair[0].state);
                assert!(pair[1].attempt - pair[0].attempt <= 1);
            }
        }
        let module = &view.info.modules[0];
        assert_eq!((module.module.as_str(), module.version_at(Time::ZERO)), ("default", Some("1")));
        reports += module.versions.len() - 1;
        entries += view.log.len();
        let open = registry.unfinished_tasks(device).unwrap();
        let expected = view.tasks.iter().filter(|(_, task)| !task.state.is_final()).count();
        assert_eq!(open.len(), expected);
        let states: Vec<_> = view.tasks[1..].iter().map(|(_, task)| task.state).collect();
        assert_eq!(view.status, Some(DeviceStatus::of(&states)));
    }
    assert!(reports > 200 && entries > 2_000, "{reports} reports, {entries} entries");
}

#[test]
fn versions_and_success_over_time_are_those_of_the_series() {
    let text = flaky().replace("until = '1 d'", "until = '1 d'\nsample_every = '1 min'");
    let (outcome, registry) = record(&text, 1);
    let series = &outcome.series;
    let before = |time: &Time| Time(time.0.saturating_sub(1));
    let times: Vec<Time> = series.times.iter().skip(1).map(before).collect();
    let success = registry.success_over_time(FIRST, &times).unwrap();
    for (row, (time, success)) in times.iter().zip(success).enumerate() {
        let states = &series.rows[row + 1].states;
        assert_eq!(success.succeeded, states[TaskState::Succeeded.index()], "at {time:?}");
        assert_eq!(success.targeted, 250);
        let width = series.version_names.len();
        let counts = &series.versions[(row + 1) * width..(row + 2) * width];
        let names = series.version_names.iter().map(String::as_str);
        let mut expected: Vec<(&str, u64)> =
            names.zip(counts.iter().copied()).filter(|(_, n)| *n > 0).collect();
        expected.sort_unstable();
        assert_eq!(registry.version_distribution("default", *time), expected, "at {time:?}");
    }
    let end = registry.success_over_time(FIRST, &[outcome.end]).unwrap()[0];
    assert_eq!(end.of_finished(), outcome.total().success_rate_of_finished());
    assert_eq!(end.of_targeted(), outcome.total().success_rate_of_targeted());
    let early = registry.success_over_time(FIRST, &[Time::ZERO + Span::secs(1)]).unwrap()[0];
    assert_eq!(early.of_finished(), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 30, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_register_agrees_with_the_counts(text in several()) {
        let (outcome, registry) = record(&text, 1);
        // Keeping it changes nothing where campaigns share the fleet anyway.
        prop_assert!(outcome == simulate(&load(&text), 2), "{text}");
        prop_assert!(registry == record(&text, 3).1, "{text}");
        let all: Vec<&Outcome> = std::iter::once(&outcome).chain(&outcome.further).collect();
        let tasks: u64 = all.iter().map(|one| one.total().targeted).sum();
        let succeeded: u64 = all.iter().map(|one| one.total().succeeded()).sum();
        let (mut found, mut good) = (0, 0);
        // What a device turned out not to need stays in the register.
        let spared = (0..60).map(DeviceId).flat_map(|d| registry.device(d).unwrap().tasks);
        let spared = spared.filter(|(_, task)| task.state == TaskState::NotRequired).count() as u64;
        for id in 0.. {
            let count = |status| {
                let filter = TaskFilter { status, ..TaskFilter::default() };
                registry.tasks_by_campaign(CampaignId(id), &filter, PAGE).map(|list| list.total)
            };
            let Ok(all) = count(None) else { break };
            found += all as u64;
            good += count(Some(TaskStatus::Succeeded)).unwrap() as u64;
        }
        prop_assert_eq!((found - spared, good), (tasks, succeeded), "{}", text);
        for one in &all {
            let versions: Vec<(String, u64)> = registry
                .version_distribution(&one.module, one.end)
                .into_iter()
                .map(|(version, n)| (version.to_owned(), n))
                .collect();
            let mut expected = one.versions.clone();
            expected.sort();
            prop_assert_eq!(versions, expected, "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// R27, told by the log of each device: of two tasks at most one has begun, the older.
    #[test]
    fn r27_no_device_has_open_tasks_of_two_campaigns(text in several()) {
        let (_, registry) = record(&text, 2);
        for device in (0..60).map(DeviceId) {
            let view = registry.device(device).unwrap();
            let task = |id: TaskId| view.tasks.iter().find(|(known, _)| *known == id).unwrap().1;
            let mut open: Vec<(TaskId, TaskState)> = Vec::new();
            for now in view.log.chunk_by(|a, b| a.1.at == b.1.at) {
                for (id, entry) in now {
                    open.retain(|(known, _)| known != id);
                    if !entry.state.is_final() {
                        open.push((*id, entry.state));
                    }
                }
                let lines = |id: TaskId| campaign_lines(&text, task(id).campaign);
                let waits_for = |a: &(TaskId, TaskState), b: &(TaskId, TaskState)| {
                    let queues = ["conflict = 'queue'", "conflict = 'supersede'"];
                    queues.iter().any(|queue| lines(a.0).contains(queue))
                        && a.1.is_waiting()
                        && task(a.0).created >= task(b.0).created
                };
                let module = |id| registry.package(task(id).package).unwrap().module.clone();
                let apart = |a: TaskId, b: TaskId| {
                    let independent = |id| lines(id).contains("modules_independent = true");
                    (independent(a) || independent(b)) && module(a) != module(b)
                };
                let clash = |a: &(TaskId, TaskState), b: &(TaskId, TaskState)| {
                    task(a.0).campaign != task(b.0).campaign
                        && !waits_for(a, b)
                        && !waits_for(b, a)
                        && !apart(a.0, b.0)
                };
                let met = open.iter().any(|a| open.iter().any(|b| clash(a, b)));
                prop_assert!(!met, "device {} at {:?}: {:?}\n{}", device.0, now[0].1.at, open, text);
            }
        }
    }
}

/// The part of the scenario that is about the campaign.
fn campaign_lines(text: &str, campaign: CampaignId) -> &str {
    let mut parts = text.split("[[rollout]]");
    parts.nth(campaign.0 as usize).expect("one part each")
}
