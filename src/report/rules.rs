//! What the campaign's abort rules saw, in sentences.

use std::fmt::Write as _;

use super::human::{counted, percent, thousands};
use super::summary::{AbortSummary, RuleSummary, Summary};
use super::text::span;

/// For rules that were met what came of it, then for the others why they were not.
pub fn text(summary: &Summary) -> String {
    let mut text = String::new();
    for abort in &summary.aborts {
        met(&mut text, abort, &summary.abort_rules[abort.rule]);
    }
    let rules = (1..).zip(&summary.abort_rules);
    for (number, rule) in rules.filter(|(_, rule)| rule.met_s.is_none()) {
        never_met(&mut text, number, rule);
    }
    text
}

fn met(text: &mut String, abort: &AbortSummary, rule: &RuleSummary) {
    let _ = writeln!(
        text,
        "Abort rule {} ({}) was met\nafter {}, by {} of {}.\n\
         It was acted on after {}: {} exposed, {} failed after it was met.",
        abort.rule + 1,
        condition(rule),
        span(abort.met_s),
        thousands(abort.met_bad),
        thousands(abort.met_of),
        span(abort.acted_s),
        counted(abort.exposed, "device"),
        thousands(abort.overshoot),
    );
    not_counted(text, rule);
}

fn never_met(text: &mut String, number: usize, rule: &RuleSummary) {
    let _ = write!(text, "Abort rule {number} ({}) was never met:\n", condition(rule));
    let _ = match &rule.highest {
        Some(highest) => writeln!(
            text,
            "it saw {} at most, {} of {} after {}.",
            percent(highest.bad, highest.of),
            thousands(highest.bad),
            thousands(highest.of),
            span(highest.at_s),
        ),
        None => writeln!(
            text,
            "it holds once {} are executed, and there were {} at most.",
            counted(rule.min_executed, "device"),
            thousands(rule.executed),
        ),
    };
    not_counted(text, rule);
}

/// e.g. "failed, 5 % of finished".
fn condition(rule: &RuleSummary) -> String {
    let metric = match rule.metric.as_str() {
        "reported-failed" => "failed by a device's report",
        "timed-out" => "timed out",
        metric => metric,
    };
    let of = if rule.of == "total" { "all devices" } else { &rule.of };
    format!("{metric}, {} % of {of}", rule.percent)
}

fn not_counted(text: &mut String, rule: &RuleSummary) {
    let reasons = rule.not_counted.iter().map(|(reason, n)| format!("{} {reason}", thousands(*n)));
    let reasons: Vec<String> = reasons.collect();
    if !reasons.is_empty() {
        let _ = writeln!(text, "It does not count as failed: {}.", reasons.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::model::Time;
    use crate::scheduler::state::FailureReason;
    use crate::scheduler::{
        Abort, AbortAction, AbortMetric, AbortRule, Counts, Denominator, Highest, RuleOutcome,
    };
    use crate::sim::outcome::AbortOutcome;

    #[test]
    fn every_rule_has_its_sentence() {
        let rule = AbortRule {
            metric: AbortMetric::Reported,
            hundredths: 550,
            min_executed: 200,
            denominator: Denominator::Finished,
            action: AbortAction::Suspend,
        };
        let mut left_out = [0; FailureReason::ALL.len()];
        left_out[FailureReason::Timeout as usize] = 1_234;
        left_out[FailureReason::Rejected as usize] = 3;
        let highest = Some(Highest { at: Time(3_600_000_000), bad: 12, of: 1_000 });
        let never = RuleOutcome { rule, met: None, highest, executed: 9_000, left_out };
        let few = RuleOutcome {
            rule: AbortRule { metric: AbortMetric::Failed, ..rule },
            highest: None,
            executed: 57,
            left_out: Default::default(),
            ..never
        };
        let mut counts = Counts { succeeded: 189, notified: 300, ..Counts::default() };
        counts.failures[FailureReason::Flash as usize] = 11;
        let (met, acted) = (Time(60_000_000), Time(61_000_000));
        let abort = Abort {
            rule: 2,
            met,
            met_counts: counts,
            met_failures: 11,
            acted,
            acted_counts: counts,
        };
        let mut outcome = sample::two_cohorts();
        outcome.campaign.rules = vec![never, few, RuleOutcome { met: Some(met), ..never }];
        outcome.campaign.aborts = vec![AbortOutcome { abort, overshoot: 7 }];
        let summary = Summary::of(&sample::loaded().scenario, &outcome);
        let expected = "\
Abort rule 3 (failed by a device's report, 5.5 % of finished) was met
after 1 min, by 11 of 200.
It was acted on after 1 min 1 s: 300 devices exposed, 7 failed after it was met.
It does not count as failed: 3 rejected, 1,234 timeout.
Abort rule 1 (failed by a device's report, 5.5 % of finished) was never met:
it saw 1.2 % at most, 12 of 1,000 after 1 h.
It does not count as failed: 3 rejected, 1,234 timeout.
Abort rule 2 (failed, 5.5 % of finished) was never met:
it holds once 200 devices are executed, and there were 57 at most.
";
        assert_eq!(text(&summary), expected);
        assert!(text(&summary).lines().all(|line| line.chars().count() <= 80));
    }
}
