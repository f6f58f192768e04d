//! The task's state machine, explored to the last reachable state, against its documentation.

use std::collections::BTreeSet;

use fleetstorm::model::{Span, Time};
use fleetstorm::scheduler::state::{FailureReason, TaskState};
use fleetstorm::scheduler::{Input, Retry, Task, TaskPolicy, TaskRules, TimeoutFrom};

const DOCS: &str = include_str!("../../../docs/scheduler.md");

fn inputs() -> Vec<(&'static str, Input)> {
    let mut inputs = vec![
        ("pushed", Input::Pushed),
        ("released", Input::Released),
        ("refused", Input::Refused),
        ("accepted", Input::Accepted),
        ("url requested", Input::UrlRequested),
        ("progress", Input::Progress { percent: 0 }),
        ("progress", Input::Progress { percent: 100 }),
        ("downloaded", Input::Downloaded),
        ("installing", Input::Installing),
        ("target version", Input::TargetVersion),
        ("source version", Input::SourceVersion),
        ("other version", Input::OtherVersion),
        ("deadline", Input::Deadline),
        ("connected", Input::Connected),
        ("stopped", Input::Stopped),
        ("goes on", Input::GoesOn),
    ];
    use FailureReason::{Download, Flash, Upgrade, Verify};
    inputs.extend([Upgrade, Download, Verify, Flash].map(|r| ("failure code", Input::Failed(r))));
    inputs
}

fn policies() -> Vec<TaskPolicy> {
    let mut policies = Vec::new();
    for timeout in [None, Some(Span::secs(60))] {
        for timeout_from in
            [TimeoutFrom::FirstProgress, TimeoutFrom::Notification, TimeoutFrom::Confirmation]
        {
            for count in [0, 1] {
                let retry = Retry { count, interval: Span::secs(5), needs_permit: true };
                let retry = (count > 0).then_some(retry);
                let rest = TaskPolicy::default();
                policies.push(TaskPolicy { timeout, timeout_from, retry, ..rest });
            }
        }
    }
    policies
}

type Edge = (String, String, String);

/// Every change of state that some sequence of inputs brings about, and the states visited.
fn explored() -> (BTreeSet<Edge>, BTreeSet<&'static str>) {
    let (mut edges, mut visited) = (BTreeSet::new(), BTreeSet::new());
    for policy in policies() {
        let mut seen = vec![Task::default(), Task::awaiting_confirmation()];
        let mut at = 0;
        while at < seen.len() {
            let task = seen[at];
            at += 1;
            visited.insert(task.state().name());
            for (name, input) in inputs() {
                // More attempts than these bring nothing new.
                if input == Input::Pushed && task.attempt() >= 3 {
                    continue;
                }
                let deadline = task.next_deadline();
                let now = match input {
                    Input::Deadline if !deadline.is_never() => deadline,
                    _ => Time::ZERO,
                };
                let mut next = task;
                TaskRules::new(policy).of(&mut next, 0).handle(now, input);
                assert!(!task.state().is_final() || next == task, "{task:?} left by {input:?}");
                let (from, to) = (task.state(), next.state());
                if from != to && from.name() != to.name() {
                    edges.insert((from.name().into(), name.into(), to.name().into()));
                }
                if !seen.contains(&next) {
                    seen.push(next);
                }
            }
            // What operators and rules do.
            if !task.state().is_final() {
                for (name, to) in [
                    ("cancel", TaskState::Canceled),
                    ("end", TaskState::Failed(FailureReason::Terminated)),
                ] {
                    let mut next = task;
                    TaskRules::new(policy).of(&mut next, 0).end(to);
                    edges.insert((task.state().name().into(), name.into(), to.name().into()));
                    if !seen.contains(&next) {
                        seen.push(next);
                    }
                }
            }
        }
        assert!(seen.len() > 20, "{} states", seen.len());
    }
    (edges, visited)
}

/// Rows of the table under a heading, cells trimmed.
fn table(heading: &str) -> Vec<Vec<String>> {
    let section = DOCS.split_once(heading).unwrap_or_else(|| panic!("no {heading}")).1;
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().replace('`', "")).collect()
        })
        .collect()
}

#[test]
fn every_edge_is_documented_and_every_documented_edge_exists() {
    let mut documented = BTreeSet::new();
    for row in table("## States of a task") {
        for from in row[0].split(", ") {
            for input in row[1].split(", ") {
                documented.insert((from.to_owned(), input.to_owned(), row[2].clone()));
            }
        }
    }
    let (edges, _) = explored();
    let missing: Vec<_> = edges.difference(&documented).collect();
    let extra: Vec<_> = documented.difference(&edges).collect();
    assert!(missing.is_empty(), "not documented: {missing:#?}");
    assert!(extra.is_empty(), "documented, but impossible: {extra:#?}");
}

#[test]
fn every_state_is_reached() {
    let (_, visited) = explored();
    let all = TaskState::ALL.iter().map(|state| state.name());
    let left: Vec<_> = all.filter(|name| !visited.contains(name)).collect();
    // The other causes of waiting are told from the campaign, not from the task.
    let causes = ["queued-offline", "queued-scheduled", "queued-window-closed", "queued-suspended"];
    assert_eq!(left, [&causes[..], &["not-required"]].concat());
}

/// Every file of tests, in one text.
fn sources() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleetstorm");
    let mut text = String::new();
    for folder in [root.clone(), root.join("rules")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

#[test]
fn every_rule_has_its_tests_and_every_test_its_row() {
    let sources = sources();
    let mut listed = BTreeSet::new();
    let rows = table("## Rules and their tests");
    let rules: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let expected: Vec<String> = (1..=30).map(|number| format!("R{number}")).collect();
    assert_eq!(rules, expected);
    for row in &rows {
        let prefix = format!("r{:0>2}_", &row[0][1..]);
        let tests: Vec<&str> = row[2].split(", ").filter(|name| !name.is_empty()).collect();
        assert!(!tests.is_empty(), "{}", row[0]);
        for test in tests {
            assert!(test.starts_with(&prefix), "{test} is not named after {}", row[0]);
            assert!(sources.contains(&format!("fn {test}(")), "there is no test {test}");
            listed.insert(test.to_owned());
        }
    }
    for (at, _) in sources.match_indices("fn r") {
        let name: String = sources[at + 3..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let is_rule = name.len() > 4
            && name.as_bytes()[1..3].iter().all(u8::is_ascii_digit)
            && name.as_bytes()[3] == b'_';
        assert!(!is_rule || listed.contains(&name), "{name} is in no row");
    }
}

#[test]
fn every_switch_of_a_profile_is_documented() {
    use fleetstorm::scenario::Profile;
    let rows = table("## Platform profiles");
    for (column, (name, profile)) in Profile::ALL.iter().enumerate() {
        let parsed: toml::Table = toml::from_str(profile.text()).unwrap();
        for (part, keys) in &parsed {
            for (key, value) in keys.as_table().unwrap() {
                let switch = if part == "campaign" { key.clone() } else { format!("{part}.{key}") };
                let row = rows.iter().find(|row| row[0] == switch);
                let row = row.unwrap_or_else(|| panic!("{name}: {switch} has no row"));
                let value = value.to_string().replace('"', "");
                let value = value.trim_start_matches("{ every = ").trim_end_matches(" }");
                assert_eq!(row[column + 1], value, "{name}: {switch}");
            }
        }
    }
}
