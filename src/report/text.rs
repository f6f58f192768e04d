//! The summary a person reads in a terminal: 80 columns, no colour needed.

use std::fmt::Write as _;
use std::path::Path;

use super::human::{bytes, counted, per_second, thousands, wrapped};
use super::manifest::rate;
use super::summary::{CohortSummary, DevicesSummary, LatencySummary, RunningSummary, Summary};
use crate::model::{Span, percent};
use crate::scenario::file::DEFAULT_MODULE;
use crate::sim::outcome::{COUNTERS, LatencyKind, TraceEntry};

/// What is not in the summary because it differs from run to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort<'a> {
    pub wall_s: f64,
    /// Of all packages of the run.
    pub events: u64,
    pub threads: usize,
    pub peak_memory_bytes: Option<u64>,
    /// Where the results are; none if they were not written.
    pub results: Option<&'a Path>,
}

/// The whole text, one section below the other; the first line is the verdict.
pub fn render(summary: &Summary, effort: &Effort) -> String {
    let mut sections = vec![
        head(summary),
        outcomes(&summary.fleet),
        times(&summary.fleet),
        latencies(&summary.fleet),
    ];
    if summary.fleet.conservation.failed > 0 {
        sections.push(failures(&summary.fleet));
    }
    let nothing = summary.campaign_log.is_empty()
        && summary.abort_rules.is_empty()
        && summary.steps_left.is_empty();
    if !nothing {
        sections.push(course(summary));
    }
    if summary.cohorts.len() > 1 {
        sections.push(cohorts(summary));
    }
    if !summary.stages.is_empty() {
        sections.push(super::stages::text(&summary.stages, summary.cohorts.len() > 1));
    }
    if let Some(traffic) = &summary.traffic {
        sections.push(super::traffic::text(traffic));
    }
    if !summary.references.is_empty() {
        sections.push(super::reference::text(&summary.references));
    }
    if !summary.further.is_empty() {
        if summary.further.iter().any(|other| other.campaign == summary.campaign) {
            sections.push(devices(&summary.fleet));
        }
        sections.push(further(summary));
    }
    sections.push(foot(effort));
    sections.join("\n")
}

/// The result in one line: what the devices' tasks came to, and what the fleet runs in the end.
pub fn verdict(summary: &Summary) -> String {
    let devices = &summary.devices;
    let partial = if summary.complete { "" } else { "PARTIAL RESULT (interrupted): " };
    if devices.targeted == 0 {
        return format!("{partial}No device was targeted; nothing was updated");
    }
    let last = summary.fleet.latencies[LatencyKind::ActivationToUpdated.name()].max_s;
    let by = last.filter(|_| summary.further.is_empty());
    let by = by.map(|s| format!(" by {}", span(s))).unwrap_or_default();
    let mut line = format!(
        "{partial}{}: {} updated{by}; {} failed",
        counted(devices.targeted, "device"),
        percent(devices.updated, devices.targeted),
        thousands(devices.failed),
    );
    for (n, word) in [(devices.canceled, "canceled"), (devices.open, "still open")] {
        if n > 0 {
            let _ = write!(line, ", {} {word}", thousands(n));
        }
    }
    line + &running(devices)
}

/// The second truth: what runs where in the end, whatever the tasks came to.
fn running(devices: &DevicesSummary) -> String {
    let part = |running: &RunningSummary| {
        let module = match running.module.as_str() {
            DEFAULT_MODULE => String::new(),
            module => format!("{module} "),
        };
        let share = percent(running.devices, running.of);
        format!("{share} run {module}{}", running.version)
    };
    let parts: Vec<String> = devices.running.iter().filter(|r| r.of > 0).map(part).collect();
    if parts.is_empty() { String::new() } else { format!("; in the end {}", parts.join(", ")) }
}

/// Why the run ended, as a sentence; times run from the campaign's activation.
pub fn why_ended(summary: &Summary) -> String {
    let since = match summary.activated_s {
        Some(_) => "after the activation",
        None => "after the run began",
    };
    let end = format!("{} {since}", span(summary.end_s));
    let open = summary.fleet.conservation.open;
    match summary.ended.as_str() {
        "all-final" => format!("every task is final {end}"),
        "until" if open == 0 => format!(
            "run.until was reached {end} with {} under way whose task is final",
            counted(summary.under_way, "installation")
        ),
        "until" => {
            format!("run.until was reached {end} with {} still open", counted(open, "task"))
        }
        "nothing-left" if ["draft", "suspended"].contains(&summary.campaign_status.as_str()) => {
            format!(
                "nothing is left to happen {end}: the campaign is {} with {} still open",
                summary.campaign_status,
                counted(open, "task")
            )
        }
        "nothing-left" => {
            let queued = summary.fleet.alibaba["QUEUED"] + summary.fleet.alibaba["CONFIRM"];
            let mut parts = Vec::new();
            if open > queued {
                parts.push(format!("{} will never report again", counted(open - queued, "device")));
            }
            if queued > 0 {
                parts.push(format!("{} will never be pushed", counted(queued, "device")));
            }
            format!("nothing is left to happen {end}: {}", parts.join(", "))
        }
        _ => format!("interrupted {end} with {} still open: PARTIAL RESULT", counted(open, "task")),
    }
}

fn head(summary: &Summary) -> String {
    let verified = match &summary.verification {
        Some(verification) => format!("Package   verification {verification}\n"),
        None => String::new(),
    };
    let activated = match summary.activated_s {
        None => "Activated never; times run from the beginning of the run\n".to_owned(),
        Some(0.0) => String::new(),
        Some(s) => format!("Activated {} after the run began; times run from there\n", span(s)),
    };
    format!(
        "{}\n\nCampaign  {}\nTarget    {}, seed {}\n{activated}Ended     {}\n{verified}",
        verdict(summary),
        summary.campaign,
        summary.target_version,
        summary.seed,
        wrapped(&why_ended(summary), 70).join("\n          ")
    )
}

fn outcomes(fleet: &CohortSummary) -> String {
    let mut text = "Outcome\n".to_owned();
    let tasks = &fleet.conservation;
    let mut row = |name: &str, n: u64| {
        let share = percent(n, tasks.targeted);
        let _ = writeln!(text, "  {name:<34}{:>16}{share:>12}", thousands(n));
    };
    row("targeted", tasks.targeted);
    row("succeeded", tasks.succeeded);
    row("  in the first attempt", fleet.counters.get("first_try_successes"));
    row("failed", tasks.failed);
    row("canceled", tasks.canceled);
    row("open", tasks.open);
    let counted = COUNTERS.iter().filter(|counter| !counter.line.is_empty());
    let counted = counted.map(|counter| (counter.line, fleet.counters.get(counter.name)));
    let already = ("not required (already there)", fleet.not_required);
    for (name, n) in std::iter::once(already).chain(counted).filter(|(_, n)| *n > 0) {
        let _ = writeln!(text, "  {name:<34}{:>16}", thousands(n));
    }
    for (name, of) in [
        ("success rate, of finished", tasks.succeeded + tasks.failed),
        ("success rate, of targeted", tasks.targeted),
    ] {
        let _ = writeln!(text, "  {name:<34}{:>16}", percent(tasks.succeeded, of));
    }
    text
}

fn times(fleet: &CohortSummary) -> String {
    let mut text = "Time until this share of the targeted devices was updated\n".to_owned();
    let t = &fleet.time_to_updated;
    let columns = [
        ("50 %", t.p50_s),
        ("90 %", t.p90_s),
        ("95 %", t.p95_s),
        ("99 %", t.p99_s),
        ("100 %", t.p100_s),
    ];
    let names: String = columns.iter().map(|(name, _)| format!("{name:>15}")).collect();
    let values: String =
        columns.iter().map(|(_, v)| format!("{:>15}", or(*v, "not reached"))).collect();
    let _ = writeln!(text, " {names}\n {values}");
    text
}

fn latencies(fleet: &CohortSummary) -> String {
    let mut text =
        format!("{:<28}{:>12}{:>13}{:>13}{:>13}\n", "Latency", "p50", "p90", "p99", "max");
    for kind in LatencyKind::ALL {
        let LatencySummary { p50_s, p90_s, p99_s, max_s, .. } = fleet.latencies[kind.name()];
        let [p50, p90, p99, max] = [p50_s, p90_s, p99_s, max_s].map(|v| or(v, "-"));
        let _ = writeln!(text, "  {:<26}{p50:>12}{p90:>13}{p99:>13}{max:>13}", kind.name());
    }
    text
}

fn failures(fleet: &CohortSummary) -> String {
    let mut reasons: Vec<_> =
        fleet.failures.iter().filter(|(_, f)| f.attempts + f.tasks > 0).collect();
    reasons.sort_by_key(|(_, failure)| std::cmp::Reverse(failure.tasks));
    let mut text = format!(
        "{:<28}{:>8}{:>16}{:>12}{:>15}\n",
        "Failures", "code", "tasks", "share", "attempts"
    );
    for (name, failure) in reasons {
        let code = failure.code.map(|code| code.to_string()).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {name:<26}{code:>8}{:>16}{:>12}{:>15}",
            thousands(failure.tasks),
            percent(failure.tasks, fleet.conservation.failed),
            thousands(failure.attempts),
        );
    }
    text
}

fn cohorts(summary: &Summary) -> String {
    let mut text = format!(
        "{:<20}{:>14}{:>10}{:>12}{:>11}{:>12}\n",
        "Cohorts", "targeted", "updated", "failed", "open", "95 % in"
    );
    for cohort in &summary.cohorts {
        let tasks = &cohort.conservation;
        let _ = writeln!(
            text,
            "  {:<18}{:>14}{:>10}{:>12}{:>11}{:>12}",
            shortened(&cohort.name, 17),
            thousands(tasks.targeted),
            percent(tasks.succeeded, tasks.targeted),
            thousands(tasks.failed),
            thousands(tasks.open),
            or(cohort.time_to_updated.p95_s, "-"),
        );
    }
    text
}

/// What the tasks of all the campaign's packages add up to.
fn devices(fleet: &CohortSummary) -> String {
    let mut text = "Devices, by all packages of the campaign\n".to_owned();
    for (status, n) in fleet.device_status.iter().filter(|(_, n)| **n > 0) {
        let _ = writeln!(text, "  {status:<34}{:>16}", thousands(*n));
    }
    text
}

/// The other packages of the run.
fn further(summary: &Summary) -> String {
    let mut text = format!(
        "{:<32}{:>12}{:>10}{:>9}{:>9}{:>8}\n",
        "Also on this fleet", "targeted", "updated", "occupied", "failed", "open"
    );
    for other in &summary.further {
        let tasks = &other.conservation;
        let module = match other.module.as_str() {
            DEFAULT_MODULE => String::new(),
            module => format!("{module} "),
        };
        let name = format!("{module}{}, {}", other.target_version, other.campaign);
        let _ = writeln!(
            text,
            "  {:<30}{:>12}{:>10}{:>9}{:>9}{:>8}",
            shortened(&name, 29),
            thousands(tasks.targeted),
            percent(tasks.succeeded, tasks.targeted),
            thousands(other.occupied),
            thousands(tasks.failed - other.occupied),
            thousands(tasks.open),
        );
    }
    text
}

/// The log of a traced device.
pub fn trace(name: &str, entries: &[TraceEntry]) -> String {
    if entries.is_empty() {
        return format!("Device {name} had no turn: nothing happened to it\n");
    }
    let at = format!("Device {}", shortened(name, 14));
    let mut text = format!("{at:<24}{:<32}{:<24}{}\n", "event", "state since", "attempt");
    for entry in entries {
        let at = Span(entry.at.0).exact();
        let state = entry.state.name();
        let _ = writeln!(text, "  {at:<22}{:<32}{state:<24}{:>7}", entry.event, entry.attempt);
    }
    text
}

/// What was done to the campaign, and what stopped it.
fn course(summary: &Summary) -> String {
    /// More would push everything else off the screen; `campaign.csv` has all of them.
    const SHOWN: usize = 20;
    let mut text = format!("{:<22}{:<18}{}\n", "Campaign at", "action", "status since");
    for entry in summary.campaign_log.iter().take(SHOWN) {
        let status = match &entry.refused {
            Some(why) => format!("refused: {why}"),
            None => entry.status.clone(),
        };
        let at = Span::from_secs_f64(entry.at_s).exact();
        let _ = writeln!(text, "  {at:<20}{:<18}{status}", entry.what);
    }
    if summary.campaign_log.len() > SHOWN {
        let more = summary.campaign_log.len() - SHOWN;
        let _ = writeln!(text, "  … {more} more in campaign.csv");
    }
    if !summary.steps_left.is_empty() {
        let left = summary.steps_left.join(", ");
        let _ = writeln!(text, "  not done, as their time or condition did not come: {left}");
    }
    text + &super::rules::text(summary)
}

fn foot(effort: &Effort) -> String {
    let wall = Span((effort.wall_s * 1e3).round() as u64 * 1000);
    let mut text = format!(
        "Run       {} in {wall} ({}), {}",
        counted(effort.events, "event"),
        per_second(rate(effort.events, effort.wall_s)),
        counted(effort.threads as u64, "thread"),
    );
    if let Some(peak) = effort.peak_memory_bytes {
        let _ = write!(text, ", peak {}", bytes(peak));
    }
    match effort.results {
        Some(path) => {
            let _ = writeln!(text, "\nResults   {}", path.display());
        }
        None => text.push_str("\nResults   not written\n"),
    }
    text
}

/// Seconds as a span in at most two units.
pub fn span(seconds: f64) -> String {
    Span::from_secs_f64(seconds).to_string()
}

/// The span, or what to say where there is none.
pub fn or(seconds: Option<f64>, none: &str) -> String {
    seconds.map_or_else(|| none.to_owned(), span)
}

/// Cut to so many characters.
pub fn shortened(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::sim::outcome::{Ended, Outcome};

    fn summary(outcome: Outcome) -> Summary {
        Summary::of(&sample::loaded().scenario, &outcome)
    }

    #[test]
    fn the_verdict_comes_first_and_in_one_line() {
        for (outcome, line) in [
            (
                sample::two_cohorts(),
                "1,000 devices: 90.0 % updated by 36 min 56 s; 50 failed, 5 canceled, 45 still open; \
                 in the end 90.1 % run 4.2.0",
            ),
            (
                sample::interrupted(),
                "PARTIAL RESULT (interrupted): 1,000 devices: 90.0 % updated by 36 min 56 s; \
                 50 failed, 5 canceled, 45 still open; in the end 90.1 % run 4.2.0",
            ),
            (sample::empty(), "No device was targeted; nothing was updated"),
        ] {
            let summary = summary(outcome);
            assert_eq!(verdict(&summary), line);
            assert!(render(&summary, &Effort::default()).starts_with(line));
        }
    }

    #[test]
    fn the_reason_for_the_end_is_a_sentence() {
        let end = |ended| why_ended(&summary(Outcome { ended, ..sample::two_cohorts() }));
        assert_eq!(end(Ended::AllFinal), "every task is final 2 h after the activation");
        assert_eq!(
            end(Ended::Until),
            "run.until was reached 2 h after the activation with 45 tasks still open"
        );
        assert_eq!(
            end(Ended::NothingLeft),
            "nothing is left to happen 2 h after the activation: 45 devices will never be pushed"
        );
        assert_eq!(
            end(Ended::Interrupted),
            "interrupted 2 h after the activation with 45 tasks still open: PARTIAL RESULT"
        );
    }

    #[test]
    fn numbers_stand_in_columns_of_80() {
        let effort = Effort {
            wall_s: 0.25,
            events: 5_101,
            threads: 2,
            peak_memory_bytes: Some(12 << 20),
            results: Some(Path::new("results/x")),
        };
        let text = render(&summary(sample::two_cohorts()), &effort);
        for line in [
            "  succeeded                                      900      90.0 %",
            "  success rate, of finished                   94.7 %",
            "  success rate, of targeted                   90.0 %",
            "     17 min 36 s    36 min 56 s    not reached",
            "  flash                           -4              20      40.0 %             50",
            "  us                           400    90.0 %          25         15           -",
            "Run       5,101 events in 250 ms (20.4 k/s), 2 threads, peak 12 MiB",
            "Results   results/x",
        ] {
            let found = text.lines().any(|l| l.ends_with(line) || l == line);
            assert!(found || text.contains(line), "{line}\nis not in\n{text}");
        }
        // The verdict alone may be longer.
        for line in text.lines().skip(1) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn an_empty_result_has_dashes_and_no_failure_table() {
        let text = render(&summary(sample::empty()), &Effort::default());
        assert!(text.contains("  download                             -            -"), "{text}");
        assert!(!text.contains("Failures") && !text.contains("Cohorts"), "{text}");
        assert!(text.ends_with("Results   not written\n"), "{text}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("short", 17), "short");
        assert_eq!(shortened("a-very-long-cohort-name", 17), "a-very-long-coho…");
    }
}
