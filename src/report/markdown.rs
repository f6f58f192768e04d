//! `summary.md`: what CI posts as a comment.

use std::fmt::Write as _;

use super::human::thousands;
use super::summary::{CohortSummary, Summary};
use super::text::{or, verdict, why_ended};
use crate::model::percent;
use crate::sim::outcome::LatencyKind;

/// The whole comment.
pub fn render(summary: &Summary) -> String {
    let mut text = format!(
        "### Fleetstorm: {}\n\n**{}**\n\nThe run ended: {}. Target version {}, seed {}.\n",
        escaped(&summary.campaign),
        verdict(summary),
        why_ended(summary),
        escaped(&summary.target_version),
        summary.seed,
    );
    cohorts(&mut text, summary);
    super::stages::markdown(&mut text, &summary.stages, summary.cohorts.len() > 1);
    latencies(&mut text, &summary.fleet);
    if summary.fleet.conservation.failed > 0 {
        failures(&mut text, &summary.fleet);
    }
    if let Some(traffic) = &summary.traffic {
        super::traffic::markdown(&mut text, traffic);
    }
    super::reference::markdown(&mut text, &summary.references);
    if !summary.further.is_empty() {
        further(&mut text, summary);
    }
    text
}

fn further(text: &mut String, summary: &Summary) {
    text.push_str(
        "\n| also on this fleet | module | version | status | targeted | updated | occupied | failed | open |\n\
         |:--|:--|:--|:--|--:|--:|--:|--:|--:|\n",
    );
    for other in &summary.further {
        let tasks = &other.conservation;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            escaped(&other.campaign),
            escaped(&other.module),
            escaped(&other.target_version),
            other.campaign_status,
            thousands(tasks.targeted),
            percent(tasks.succeeded, tasks.targeted),
            thousands(other.occupied),
            thousands(tasks.failed - other.occupied),
            thousands(tasks.open),
        );
    }
}

fn cohorts(text: &mut String, summary: &Summary) {
    text.push_str(
        "\n| cohort | targeted | updated | of finished | failed | canceled | open | 50 % in | 95 % in |\n\
         |:--|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let parts = if summary.cohorts.len() > 1 { summary.cohorts.as_slice() } else { &[] };
    for cohort in std::iter::once(&summary.fleet).chain(parts) {
        let tasks = &cohort.conservation;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            escaped(&cohort.name),
            thousands(tasks.targeted),
            percent(tasks.succeeded, tasks.targeted),
            percent(tasks.succeeded, tasks.succeeded + tasks.failed),
            thousands(tasks.failed),
            thousands(tasks.canceled),
            thousands(tasks.open),
            or(cohort.time_to_updated.p50_s, "not reached"),
            or(cohort.time_to_updated.p95_s, "not reached"),
        );
    }
}

fn latencies(text: &mut String, fleet: &CohortSummary) {
    text.push_str("\n| latency | p50 | p90 | p99 | max |\n|:--|--:|--:|--:|--:|\n");
    for kind in LatencyKind::ALL {
        let latency = &fleet.latencies[kind.name()];
        let values = [latency.p50_s, latency.p90_s, latency.p99_s, latency.max_s];
        let [p50, p90, p99, max] = values.map(|v| or(v, "-"));
        let _ = writeln!(text, "| {} | {p50} | {p90} | {p99} | {max} |", kind.name());
    }
}

fn failures(text: &mut String, fleet: &CohortSummary) {
    text.push_str("\n| failure | code | tasks | attempts |\n|:--|--:|--:|--:|\n");
    for (name, failure) in fleet.failures.iter().filter(|(_, f)| f.tasks + f.attempts > 0) {
        let code = failure.code.map(|code| code.to_string()).unwrap_or_default();
        let (tasks, attempts) = (thousands(failure.tasks), thousands(failure.attempts));
        let _ = writeln!(text, "| {name} | {code} | {tasks} | {attempts} |");
    }
}

/// A user's text must not break out of its cell, nor mention people or draw markup.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '@' => safe.push_str("&#64;"),
            c if c.is_control() => safe.push(' '),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_comment_shows_verdict_cohorts_and_failures() {
        let summary = Summary::of(&sample::loaded().scenario, &sample::two_cohorts());
        let text = render(&summary);
        for line in [
            "### Fleetstorm: gateway 4.1 -> 4.2",
            "| all | 1,000 | 90.0 % | 94.7 % | 50 | 5 | 45 | 17 min 36 s | not reached |",
            "| eu, lte | 600 | 90.0 % | 95.6 % | 25 | 5 | 30 | 20 min 56 s | not reached |",
            "| flash | -4 | 20 | 50 |",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn names_cannot_break_the_table() {
        assert_eq!(escaped("a|b\n<c> @d"), "a\\|b &lt;c> &#64;d");
    }
}
