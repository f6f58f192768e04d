//! R29, R30: aborts, and what the report tells of them.

use fleetstorm::model::Time;
use fleetstorm::scheduler::state::{CampaignStatus, FailureReason};
use fleetstorm::scheduler::{AbortAction, AbortMetric, AbortRule, Counts, Denominator};

use super::super::runs::run;
use super::course::course;

#[test]
fn r29_each_metric_counts_its_own_and_integers_decide() {
    let counts = |failed: u64, rejected: u64, timed_out: u64, succeeded: u64| {
        let mut counts = Counts { total: 1_000, notified: 500, succeeded, ..Counts::default() };
        counts.failures[FailureReason::Flash as usize] = failed;
        counts.failures[FailureReason::Rejected as usize] = rejected;
        counts.failures[FailureReason::Timeout as usize] = timed_out;
        counts
    };
    let rule = |metric, hundredths, denominator| AbortRule {
        metric,
        hundredths,
        min_executed: 100,
        denominator,
        action: AbortAction::CancelQueued,
    };
    let finished = |metric, hundredths| rule(metric, hundredths, Denominator::Finished);
    for (metric, bad) in [
        (AbortMetric::Failed, counts(10, 0, 0, 90)),
        (AbortMetric::Rejected, counts(0, 10, 0, 90)),
        (AbortMetric::TimedOut, counts(0, 0, 10, 90)),
        (AbortMetric::Reported, counts(10, 0, 0, 90)),
        (AbortMetric::Failed, counts(4, 3, 3, 90)),
    ] {
        assert!(finished(metric, 1_000).is_met(&bad));
        assert!(!finished(metric, 1_001).is_met(&bad));
    }
    for metric in [AbortMetric::Reported, AbortMetric::Rejected, AbortMetric::TimedOut] {
        assert!(!finished(metric, 1_000).is_met(&counts(4, 3, 3, 90)));
    }
    // Too few are finished for the rule to hold, however bad they are.
    assert!(!finished(AbortMetric::Failed, 100).is_met(&counts(99, 0, 0, 0)));
    assert!(rule(AbortMetric::Failed, 2_000, Denominator::Notified).is_met(&counts(100, 0, 0, 0)));
    assert!(!rule(AbortMetric::Failed, 2_001, Denominator::Notified).is_met(&counts(100, 0, 0, 0)));
    assert!(rule(AbortMetric::Failed, 1_000, Denominator::Total).is_met(&counts(100, 0, 0, 0)));
    assert!(!rule(AbortMetric::Failed, 1_001, Denominator::Total).is_met(&counts(100, 0, 0, 0)));
    // 2^53 + 1 of 2^54 + 2 is exactly half, though no floating-point number says so.
    let huge = Counts { succeeded: (1 << 53) + 1, ..counts((1 << 53) + 1, 0, 0, 0) };
    assert!(finished(AbortMetric::Failed, 5_000).is_met(&huge));
    assert!(!finished(AbortMetric::Failed, 5_001).is_met(&huge));
}

#[test]
fn r29_an_abort_does_what_its_rule_says() {
    let cohort = "download.takes = '60 s'\nfails.flash = 1.0";
    let ends = |action: &str| {
        let campaign = format!(
            "rate.constant.rate = '1 /s'\n\
             abort = [{{ percent = 50, min_executed = 10, action = '{action}' }}]"
        );
        let outcome = course(&campaign, cohort, "1 d");
        let total = outcome.total();
        (outcome.campaign.status, total.failed(), total.canceled(), total.open())
    };
    // The tenth fails at 69 s, which is acted on at 70 s: 70 are pushed by then.
    assert_eq!(ends("cancel-queued"), (CampaignStatus::Aborted, 70, 930, 0));
    assert_eq!(ends("suspend"), (CampaignStatus::Suspended, 70, 0, 930));
    assert_eq!(ends("cancel-all"), (CampaignStatus::Aborted, 10, 990, 0));
}

#[test]
fn r30_the_report_tells_when_the_condition_was_met_and_what_came_of_it() {
    let campaign = "rate.constant.rate = '1 /s'\nabort = [{ percent = 50, min_executed = 10 }]";
    let cohort = "download.takes = '60.5 s'\nfails.flash = 1.0";
    let outcome = course(campaign, cohort, "1 d");
    let abort = outcome.campaign.aborts[0];
    assert_eq!(abort.abort.met, Time(69_500_000));
    assert_eq!((abort.abort.met_counts.failed(), abort.abort.met_counts.finished()), (10, 10));
    assert_eq!(abort.abort.acted, Time(70_000_000));
    assert_eq!((abort.abort.acted_counts.notified, abort.overshoot), (70, 60));
}

#[test]
fn r29_rules_are_met_one_after_the_other_and_by_the_last_result() {
    let campaign = "rate.constant.rate = '1 /s'\nabort = [\
        { percent = 20, min_executed = 10, action = 'suspend' },\
        { percent = 40, min_executed = 100, action = 'cancel-all' }]";
    let cohort = "download.takes = '10 s'\nfails.flash = 0.5";
    let steps = ["at = '100 s'\naction = 'resume'"];
    let outcome = run(&super::campaign::operated(campaign, cohort, &steps));
    assert_eq!(outcome.campaign.aborts.len(), 2);
    assert_eq!(outcome.campaign.status, CampaignStatus::Aborted);
    // All of them fail in the last tick; the rule is still met.
    let campaign = "rate = 'unlimited'\nabort = [{ percent = 50, min_executed = 10 }]";
    let outcome = course(campaign, "download.takes = '10 s'\nfails.flash = 1.0", "1 d");
    assert_eq!(outcome.campaign.aborts.len(), 1);
}
