//! Metrics of whole runs, held against what can be counted by hand.

use fleetstorm::metric::{Measured, Query, Value};

use super::runs::{load, scenario, simulate};

#[test]
fn tasks_that_fail_are_finished_as_well() {
    let cohort = "download.takes = '60 s'\ninstall = '30 s'\nfails.flash = 0.5";
    let outcome = simulate(&load(&scenario(100, "rate = 'unlimited'", cohort, "")), 1);
    let measured = Measured::new(&outcome);
    let value = |name: &str| measured.value(&Query::parse(name).unwrap());
    assert!(outcome.total().failed() > 30);
    assert_eq!(value("finished.at(89 s)"), Value::Number(0.0));
    assert_eq!(value("finished.at(1 h)"), Value::Number(1.0));
    assert_eq!(value("makespan"), Value::Number(90.0));
    assert_eq!(value("time_to.p100"), Value::NotReached);
    assert_eq!(value("affected.count"), Value::Number(outcome.total().failed() as f64));
}

/// Whom nobody had pushed when the campaign was terminated.
#[test]
fn tasks_that_end_without_a_turn_are_finished_as_well() {
    let campaign = "rate.constant.rate = '1 /min'\ncan_suspend = true";
    let step = "[[operator]]\nat = '10 min'\naction = 'terminate'\n";
    let text = scenario(100, campaign, "download.takes = '1 s'", "") + step;
    let outcome = simulate(&load(&text), 2);
    let measured = Measured::new(&outcome);
    let value = |name: &str| measured.value(&Query::parse(name).unwrap());
    assert_eq!(value("finished.at(1 h)"), Value::Number(1.0));
    assert_eq!(value("pushed.at(1 h)"), value("done.at(1 h)"));
    assert!(matches!(value("makespan"), Value::Number(s) if (600.0..=601.0).contains(&s)));
}
