//! The scenario library: each file is sound, and its result is the one kept in `tests/golden/`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fleetstorm::scenario::{self, Loaded};
use fleetstorm::sim::outcome::{LatencyKind, Outcome};
use fleetstorm::sim::{self, Options};
use serde::Serialize;

/// Set it to 1 to rewrite the golden files.
const UPDATE: &str = "FLEETSTORM_UPDATE_GOLDEN";

/// Scenarios that take too long for a test; everything but their result is tested.
const SLOW: [&str; 1] = ["city-10m"];

/// What is kept of a run: enough to notice any change, small enough to read in a diff.
#[derive(Debug, Serialize)]
struct Golden {
    ended: &'static str,
    end_s: f64,
    targeted: u64,
    succeeded: u64,
    failed: u64,
    open: u64,
    first_try_successes: u64,
    retries: u64,
    events: u64,
    activation_to_updated_s: Quantiles,
}

/// Of the devices that were updated; to three significant digits.
#[derive(Debug, Serialize)]
struct Quantiles {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
}

impl Golden {
    fn of(outcome: &Outcome) -> Golden {
        let total = outcome.total();
        let updated = total.latency(LatencyKind::ActivationToUpdated);
        let quantile = |q: f64| updated.quantile(q).map(|span| span.as_secs_f64());
        Golden {
            ended: outcome.ended.name(),
            end_s: outcome.end.0 as f64 / 1e6,
            targeted: total.targeted,
            succeeded: total.succeeded(),
            failed: total.failed(),
            open: total.open(),
            first_try_successes: total.first_try_successes,
            retries: total.retries,
            events: outcome.events.total(),
            activation_to_updated_s: Quantiles {
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
            },
        }
    }

    fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain numbers") + "\n"
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect(folder);
    let paths = entries.map(|entry| entry.expect(folder).path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

pub fn scenarios() -> Vec<PathBuf> {
    let mut files = files_in("scenarios", "toml");
    for folder in ["scenarios/platforms", "scenarios/storms", "scenarios/adoption"] {
        files.extend(files_in(folder, "toml"));
    }
    assert!(!files.is_empty(), "no scenarios found");
    files
}

fn name(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).expect("names are plain")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(path: &Path) -> Loaded {
    scenario::load(path, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn golden_path(scenario: &Path) -> PathBuf {
    root().join("tests/golden").join(name(scenario)).with_extension("json")
}

fn golden_text(scenario: &Path) -> String {
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options =
        Options { threads: None, trace: None, record: false, stop: &stop, progress: &mut progress };
    let outcome = sim::run(&load(scenario), options).expect("memory for the fleet");
    Golden::of(&outcome).text()
}

#[test]
fn results_are_the_golden_ones() {
    let update = std::env::var(UPDATE).is_ok_and(|value| value == "1");
    let mut changed = Vec::new();
    for scenario in scenarios().iter().filter(|path| !SLOW.contains(&name(path))) {
        let (path, now) = (golden_path(scenario), golden_text(scenario));
        if update {
            std::fs::write(&path, now).expect("the golden file can be written");
            continue;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_else(|_| "nothing\n".into());
        if kept != now {
            changed.push(format!("{}\nkept: {kept}now:  {now}", path.display()));
        }
    }
    assert!(
        changed.is_empty(),
        "{} results changed. If they should, run\n  {UPDATE}=1 cargo test --test fleetstorm \
         golden\nand commit the golden files by themselves, with the reason.\n\n{}",
        changed.len(),
        changed.join("\n")
    );
}

#[test]
fn every_golden_file_has_its_scenario() {
    let known = scenarios();
    for golden in files_in("tests/golden", "json") {
        let scenario = known.iter().find(|path| name(path) == name(&golden));
        let scenario = scenario.unwrap_or_else(|| panic!("{}: no scenario", golden.display()));
        assert!(!SLOW.contains(&name(scenario)), "{}: never compared", golden.display());
    }
}

#[test]
fn scenarios_validate_under_the_published_schema() {
    let schema = jsonschema::validator_for(&scenario::schema()).expect("the schema is one");
    for path in scenarios() {
        let value: serde_json::Value = toml::from_str(&read(&path)).expect("valid TOML");
        let errors: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn scenarios_begin_with_their_question() {
    for path in scenarios() {
        let text = read(&path);
        let first = text.lines().next().expect("not empty");
        assert!(first.starts_with("# ") && first.len() <= 100, "{}: {first}", path.display());
        assert!(first.ends_with(['.', '?']), "{}: {first}", path.display());
        let reason = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!(reason > 2, "{}: where do its numbers come from?", path.display());
    }
}

#[test]
fn resolved_scenarios_read_back_equal() {
    for path in scenarios() {
        let scenario = load(&path).scenario;
        let text = scenario::resolved(&scenario);
        let folder = path.parent().expect("a file is in a folder");
        let again = scenario::load_text("resolved", &text, folder, &[])
            .unwrap_or_else(|problems| panic!("{}: {problems}", path.display()));
        assert_eq!(again.scenario, scenario, "{}", path.display());
    }
}
