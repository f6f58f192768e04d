//! Scenarios that `check` refuses, as people have written them.

use std::path::Path;

use fleetstorm::scenario;

/// What `check` says of a case file of `tests/cases`.
fn said(case: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
    match scenario::load(&path, &[]) {
        Ok(_) => panic!("{case} is accepted"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn a_run_beyond_the_calendar_is_refused() {
    let said = said("panics/date-9999.toml");
    assert!(said.contains("run.date") && said.contains("to 9998-12-31"), "{said}");
}

#[test]
fn a_rate_beyond_what_can_be_counted_is_refused_with_the_greatest() {
    let said = said("panics/rate-too-large.toml");
    assert!(said.contains("at most 1000000000000000000"), "{said}");
}

#[test]
fn what_a_platform_does_not_take_is_refused_with_its_source() {
    let said = said("wrong/limits-of-the-platform.toml");
    assert!(said.contains("at most 1000 /min under this profile"), "{said}");
    assert!(said.contains("AWS IoT Jobs, developer guide"), "{said}");
}

/// What is said of a case that can be run, with these changes.
fn remarks(case: &str, sets: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/wrong").join(case);
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.remarks.map_or(String::new(), |remarks| remarks.to_string())
}

#[test]
fn three_mistakes_come_in_one_pass() {
    let said = said("wrong/all-problems-at-once.toml");
    for part in [
        "campaign.window.from = \"24:00\"",
        "campaign.window.to = \"25:61\"",
        "did you mean `Europe/Berlin`?",
        "3 problems",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn the_greatest_bound_is_by_egress_and_an_end_before_it_is_an_error() {
    let path = "tests/cases/wrong/bound-of-check.toml";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let bounds = scenario::bounds::all(&scenario::load(&path, &[]).unwrap());
    // 200,000 x 32 MiB over 5 Gbit/s.
    let seconds = 200_000.0 * 32.0 * 1_048_576.0 * 8.0 / 5e9;
    assert_eq!(bounds[0].by, "egress");
    assert!((bounds[0].at.as_secs_f64() - seconds).abs() < 1.0, "{bounds:?}");
    assert_eq!(bounds[1].by, "rate");
    assert_eq!(remarks("bound-of-check.toml", &[]), "");
    let early = remarks("bound-of-check.toml", &["run.until=2 h"]);
    assert!(
        early.contains("error: run.until") && early.contains("2 h 59 min by egress"),
        "{early}"
    );
}

#[test]
fn cells_that_need_776_days_are_named_and_it_runs_all_the_same() {
    let said = remarks("overload-must-run.toml", &[]);
    assert!(said.contains("warning: run.until: is 30 d by default"), "{said}");
    assert!(said.contains("at least 776 d 17 h"), "{said}");
    assert!(said.contains("by link \"cell\""), "{said}");
}

#[test]
fn marks_that_never_fall_into_the_window_are_an_error() {
    let said = remarks("nothing-can-happen.toml", &[]);
    assert!(said.contains("error: campaign.marks = \"7 h\": never falls into"), "{said}");
    assert_eq!(remarks("nothing-can-happen.toml", &["campaign.marks=10 min"]), "");
}
