//! Scenarios as text, and runs of them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use fleetstorm::model::DeviceId;
use fleetstorm::report::{Input, Target, write_results};
use fleetstorm::scenario::{self, Loaded};
use fleetstorm::sim::outcome::{Outcome, Tally};
use fleetstorm::sim::{self, Options};

/// A scenario of one cohort; the parts are lines of TOML in their tables.
pub fn scenario(devices: u32, campaign: &str, cohort: &str, run: &str) -> String {
    format!(
        r#"format = 1
[package]
version = "2"
[campaign]
name = "test"
{campaign}
[fleet]
devices = {devices}
versions = {{ "1" = 1.0 }}
[[fleet.cohort]]
name = "all"
share = 1.0
{cohort}
[run]
{run}
"#
    )
}

/// An operator's steps: which of `acts` is done at how many seconds.
pub fn steps(acts: &[&str], chosen: &[(usize, u64)]) -> String {
    let step = |(act, at): &(usize, u64)| {
        format!("[[operator]]\nat = '{at} s'\naction = {}\n", acts[*act])
    };
    chosen.iter().map(step).collect()
}

/// # Panics
/// With all problems and the text, if the scenario is invalid.
pub fn load(text: &str) -> Loaded {
    scenario::load_text("test.toml", text, Path::new(""), &[])
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

pub fn simulate(loaded: &Loaded, threads: usize) -> Outcome {
    simulate_with(loaded, threads, None)
}

/// As [`simulate`], with the log of a device.
pub fn simulate_with(loaded: &Loaded, threads: usize, trace: Option<DeviceId>) -> Outcome {
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options = Options {
        threads: Some(threads),
        trace,
        record: false,
        stop: &stop,
        progress: &mut progress,
    };
    sim::run(loaded, options).expect("memory for the fleet")
}

/// Runs the text on one thread.
pub fn run(text: &str) -> Outcome {
    simulate(&load(text), 1)
}

/// The whole fleet's numbers of a run.
pub fn total(text: &str) -> Tally {
    run(text).total()
}

/// Every file of the results folder but `run.json`, by name.
pub fn result_files(loaded: &Loaded, outcome: &Outcome) -> Vec<(String, Vec<u8>)> {
    let root = tempfile::tempdir().unwrap();
    let resolved = scenario::resolved(&loaded.scenario);
    let input = Input { loaded, resolved: &resolved, outcome };
    let target = Target::within(root.path(), "run".into()).unwrap();
    let folder = target.write(|files| write_results(files, &input)).unwrap();
    let mut files = Vec::new();
    read_into(&folder, &folder, &mut files);
    files.sort();
    files
}

/// Every file below the folder, by its path in it.
fn read_into(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_into(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
}
