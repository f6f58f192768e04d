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
