//! The closed-form cases that ship with the program, all of them, on every run of the tests.

use std::sync::atomic::AtomicBool;

use fleetstorm::validate::cases;
use fleetstorm::validate::{Effort, Finding, Outcome, csv, human, json, markdown, validate};

fn findings(chosen: &[&str], threads: usize) -> Vec<Finding> {
    let is_chosen = |case: &cases::Case| chosen.iter().any(|id| case.id.starts_with(id));
    let cases = cases::all().into_iter().filter(is_chosen).collect();
    validate(cases, Effort::Quick, threads, &AtomicBool::new(false), &|_| {})
}

fn hold(chosen: &[&str]) {
    let findings = findings(chosen, 1);
    assert!(!findings.is_empty());
    let text = human(&findings);
    println!("{text}");
    let is_fine = |finding: &Finding| {
        finding.passes() || matches!(finding.outcome, Outcome::NotExpressible(_))
    };
    assert!(findings.iter().all(is_fine), "{text}");
}

#[test]
fn queues() {
    hold(&["Q01", "Q02", "Q03", "Q04", "Q09", "Q10", "Q11", "Q12"]);
}

#[test]
fn bandwidth() {
    hold(&["Q05", "Q06", "Q07", "Q08", "S09"]);
}

#[test]
fn availability() {
    hold(&["A"]);
}

#[test]
fn retries_and_statistics() {
    hold(&["R", "T"]);
}

#[test]
fn policies() {
    hold(&["S01", "S02", "S03", "S04", "S05", "S07", "S08", "S10", "S11", "S14", "S15"]);
}

#[test]
fn aborts_and_extremes() {
    hold(&["S06", "S12", "S13"]);
}

/// At least so many are expressible; the others say why.
#[test]
fn no_case_is_passed_over() {
    let not_expressible: Vec<String> = findings(&["A07", "S11", "S15"], 1)
        .into_iter()
        .filter(|finding| matches!(finding.outcome, Outcome::NotExpressible(_)))
        .map(|finding| finding.case.id)
        .collect();
    assert_eq!(not_expressible, ["A07", "S11", "S15"]);
}

#[test]
fn findings_do_not_depend_on_threads_and_have_four_forms() {
    let chosen = ["R04", "T03", "S11"];
    let (one, three) = (findings(&chosen, 1), findings(&chosen, 3));
    assert_eq!(json(&one, Effort::Quick), json(&three, Effort::Quick));
    let table = String::from_utf8(csv(&one).unwrap()).unwrap();
    assert!(table.starts_with("case,quantity,unit,observed,expected,tolerance,z,passes\n"));
    assert!(table.contains("T03,lower_rank,,9880.0,9880.0,"), "{table}");
    let text = human(&one);
    assert!(text.contains("S11    not expressible: a campaign pushes each"), "{text}");
    assert!(text.contains("3 cases: 2 pass, 0 fail, 1 not expressible."), "{text}");
    assert!(markdown(&one).contains("| T03 | upper_rank | 9920 | 9920 |"));
}
