//! Scenarios drawn from the schema itself: every key, every alternative, numbers at and beyond
//! their bounds, in all combinations.
//!
//! Each case is about some of the features and not about others, so that rare combinations come
//! about. What `check` refuses is changed until it is content, most of the time; what it accepts
//! must run: without a panic, with nothing lost, and with the same outcome however it is run.
//!
//! A new key is drawn as soon as the schema has it. `FLEETSTORM_DRAWN_CASES` and
//! `FLEETSTORM_DRAWN_SEED` say how many cases are tried and from which seed on;
//! `FLEETSTORM_DRAWN_KEEP` names a folder for scenarios that show a fault.

mod conserved;
mod cover;
mod draw;
mod files;
mod keep;
mod luck;
mod mend;
mod settle;
mod shrink;
mod texts;
mod trial;

use std::collections::BTreeMap;
use std::time::Duration;

use fleetstorm::scenario::schema;
use serde_json::Value as Schema;
use toml::Value;

use cover::Counts;
use draw::{Drawer, Place};
use files::Folder;
use keep::{Found, Watch};
use luck::{Case, Luck};
use trial::{Fault, Limits, Verdict};

/// Cases of a plain test run.
const CASES: u64 = 300;
/// From so many cases on, every key and every alternative must have been there.
const CASES_FOR_ALL: u64 = 3_000;
/// Least share of the cases that `check` accepts.
const ACCEPTED_LEAST: f64 = 0.4;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// A scenario, with the folder of its files.
struct Drawn {
    tree: Value,
    folder: Folder,
    /// Rules that it still breaks, after all that was tried.
    broken: Vec<String>,
}

/// Draws the case's scenario, and changes it until `check` is content with it.
fn drawn(case: &Case, root: &Schema) -> Result<Drawn, Box<(Drawn, Fault)>> {
    const ROUNDS: usize = 60;
    let folder = Folder::new();
    let mut drawer = Drawer {
        root,
        case: case.clone(),
        folder: &folder,
        luck: Luck::of(case.seed, "draw"),
        wild: case.wild,
        left: 400,
        around: Vec::new(),
        named: 0,
    };
    let mut tree = drawer.value(root, &Place::root());
    drawer.wild = 0.0;
    let mut broken = Vec::new();
    for _ in 0..if case.mended { ROUNDS } else { 0 } {
        match trial::read(&text(&tree), folder.path(), &[]) {
            Ok(Ok(_)) => {
                broken.clear();
                break;
            }
            Ok(Err(problems)) => {
                broken = problems.iter().map(|problem| problem.message.clone()).collect();
                mend::mend(&mut tree, &problems, &mut drawer);
            }
            Err(fault) => return Err(Box::new((Drawn { tree, folder, broken }, fault))),
        }
    }
    Ok(Drawn { tree, folder, broken })
}

fn text(tree: &Value) -> String {
    toml::to_string(tree).expect("a drawn scenario is TOML")
}

/// What came of many cases.
#[derive(Default)]
struct Report {
    refused: u64,
    sound: u64,
    costly: u64,
    found: BTreeMap<String, Found>,
    /// How often a rule was broken by a scenario that could not be mended.
    broken: Counts,
}

impl Report {
    fn fault(
        &mut self,
        drawn: Drawn,
        fault: Fault,
        case: &Case,
        (limits, watch): (Limits, &Watch),
    ) {
        if let Some(found) = self.found.get_mut(&fault.signature) {
            found.count += 1;
            return;
        }
        let path = drawn.folder.path();
        let shows = |tree: &Value| {
            watch.text(&text(tree));
            match trial::of(&text(tree), path, limits) {
                Verdict::Fault(found) => found.signature == fault.signature,
                _ => false,
            }
        };
        let small = shrink::shrunk(&drawn.tree, shows);
        let found = Found { seed: case.seed, count: 1, fault: fault.clone(), text: text(&small) };
        eprintln!("{}", found.message());
        keep::keep(&found, self.found.len() + 1, path);
        self.found.insert(fault.signature, found);
    }

    fn accepted(&self) -> f64 {
        let faults: u64 = self.found.values().map(|found| found.count).sum();
        let ran = self.sound + self.costly + faults;
        ran as f64 / (ran + self.refused).max(1) as f64
    }
}

#[test]
fn every_text_of_the_schema_can_be_drawn() {
    let unsaid = cover::All::of(&schema()).unsaid;
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
}

#[test]
fn scenarios_drawn_from_the_schema_run() {
    let root = schema();
    let (first, cases) = (
        from_environment("FLEETSTORM_DRAWN_SEED", 1),
        from_environment("FLEETSTORM_DRAWN_CASES", CASES),
    );
    let is_long = cases > CASES || std::env::var_os("FLEETSTORM_DRAWN_LONG").is_some();
    let limits = Limits {
        events: if is_long { 2_000_000 } else { 300_000 },
        time: Duration::from_secs(if is_long { 20 } else { 2 }),
        slow_is_fault: is_long,
    };
    let watch = Watch::begin(limits.time * 12);
    let mut counts = cover::All::of(&root).counts;
    let mut report = Report::default();
    for seed in first..first + cases {
        let case = Case::of(seed);
        watch.case(seed);
        let drawn = match drawn(&case, &root) {
            Ok(drawn) => drawn,
            Err(found) => {
                let (drawn, fault) = *found;
                report.fault(drawn, fault, &case, (limits, &watch));
                continue;
            }
        };
        let text = text(&drawn.tree);
        watch.text(&text);
        let verdict = trial::of(&text, drawn.folder.path(), limits);
        if !matches!(verdict, Verdict::Refused) {
            cover::count(&drawn.tree, &root, &root, &Place::root(), &mut counts);
        }
        match verdict {
            Verdict::Refused => {
                report.refused += 1;
                for rule in drawn.broken {
                    *report.broken.entry(trial::without_numbers(&rule)).or_default() += 1;
                }
            }
            Verdict::Sound => report.sound += 1,
            Verdict::Costly => report.costly += 1,
            Verdict::Fault(fault) => report.fault(drawn, fault, &case, (limits, &watch)),
        }
    }
    watch.end();
    summary(&report, &counts, cases);
}

/// Says what was tried, and fails if something was wrong.
fn summary(report: &Report, counts: &Counts, cases: u64) {
    for (name, count) in counts {
        println!("{count:>7} {name}");
    }
    let mut broken: Vec<(&String, &usize)> = report.broken.iter().collect();
    broken.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (rule, count) in broken.into_iter().take(20) {
        println!("{count:>7} {rule}");
    }
    println!(
        "{cases} cases: {:.0} % accepted, {} ran, {} took too long for a test",
        report.accepted() * 100.0,
        report.sound,
        report.costly
    );
    let faults: Vec<String> = report.found.values().map(Found::message).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    if cases >= CASES {
        assert!(report.accepted() >= ACCEPTED_LEAST, "too few scenarios are accepted");
    }
    if cases >= CASES_FOR_ALL {
        let never = counts.iter().filter(|(_, count)| **count == 0);
        let never: Vec<&str> = never.map(|(name, _)| name.as_str()).collect();
        assert!(never.is_empty(), "never in a scenario that is accepted: {}", never.join(", "));
    }
}
