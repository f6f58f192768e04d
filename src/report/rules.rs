//! What the campaign's abort rules saw, in numbers and in sentences.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::human::{counted, thousands};
use super::summary::Summary;
use super::text::span;
use crate::model::{Time, percent};
use crate::scheduler::state::FailureReason;
use crate::scheduler::{Highest, RuleOutcome};
use crate::sim::outcome::{AbortOutcome, Outcome};

/// What an abort rule's stop came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbortSummary {
    /// Position of the rule in campaign.abort, from 0.
    pub rule: usize,
    /// When its condition was first met.
    pub met_s: f64,
    /// Devices that had finished by then.
    pub met_finished: u64,
    /// Of them, those that had failed.
    pub met_failed: u64,
    /// What the rule itself counted by then: so many bad ones, of so many.
    pub met_bad: u64,
    pub met_of: u64,
    /// When it was acted on.
    pub acted_s: f64,
    /// Devices that had been pushed by then: exposed to the package.
    pub exposed: u64,
    /// Failures after the condition was met, until the end of the run; a device that is tried
    /// again by hand may fail again.
    pub overshoot: u64,
}

/// What an abort rule saw while its campaign was not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSummary {
    /// What counts as bad: "failed" (all failures), "reported-failed" (those that devices
    /// report), "rejected" or "timed-out".
    pub metric: String,
    /// What it is a share of: "finished", "notified" or "total".
    pub of: String,
    /// At this share it is met, once `min_executed` are executed.
    pub percent: f64,
    pub min_executed: u64,
    /// When it was met; null if it never was.
    pub met_s: Option<f64>,
    /// The highest share it saw once enough were executed; null if they never were.
    pub highest: Option<HighestSummary>,
    /// Most devices that were executed at a time.
    pub executed: u64,
    /// Failures at the end that it does not count, by reason.
    pub not_counted: BTreeMap<String, u64>,
}

/// The highest share an abort rule saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HighestSummary {
    /// When it was first reached.
    pub at_s: f64,
    /// So many bad ones, of so many.
    pub bad: u64,
    pub of: u64,
}

impl AbortSummary {
    /// Of all rules that were met.
    pub fn all(outcome: &Outcome) -> Vec<AbortSummary> {
        let rules = &outcome.campaign.rules;
        let of = |abort: &AbortOutcome| AbortSummary::of(abort, &rules[abort.abort.rule]);
        outcome.campaign.aborts.iter().map(of).collect()
    }

    fn of(outcome: &AbortOutcome, rule: &RuleOutcome) -> AbortSummary {
        let abort = &outcome.abort;
        let (met_bad, met_of) = rule.rule.share(&abort.met_counts);
        AbortSummary {
            rule: abort.rule,
            met_s: abort.met.as_secs_f64(),
            met_finished: abort.met_counts.finished(),
            met_failed: abort.met_counts.failed(),
            met_bad,
            met_of,
            acted_s: abort.acted.as_secs_f64(),
            exposed: abort.acted_counts.notified,
            overshoot: outcome.overshoot,
        }
    }
}

impl RuleSummary {
    /// What became of an abort rule; instants in seconds, shares in percent.
    pub fn of(outcome: &RuleOutcome) -> RuleSummary {
        let RuleOutcome { rule, met, highest, executed, left_out } = outcome;
        let reasons = FailureReason::ALL.iter().zip(left_out).filter(|(_, n)| **n > 0);
        RuleSummary {
            metric: rule.metric.name().to_owned(),
            of: rule.denominator.name().to_owned(),
            percent: f64::from(rule.hundredths) / 100.0,
            min_executed: rule.min_executed,
            met_s: met.map(Time::as_secs_f64),
            highest: highest.map(|Highest { at, bad, of }| HighestSummary {
                at_s: at.as_secs_f64(),
                bad,
                of,
            }),
            executed: *executed,
            not_counted: reasons.map(|(reason, n)| (reason.name().to_owned(), *n)).collect(),
        }
    }
}

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
    let _ = writeln!(text, "Abort rule {number} ({}) was never met:", condition(rule));
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
