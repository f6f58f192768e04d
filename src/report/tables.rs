//! The CSV files: tidy tables, one observation per row, times in seconds of virtual time.
//!
//! | file | one row per |
//! |---|---|
//! | `series.csv` | sampling instant, cohort and task state, in all vocabularies: tasks in it |
//! | `counters.csv` | sampling instant and cohort: pushes and the like since the activation |
//! | `versions.csv` | sampling instant and version: devices of the whole fleet running it |
//! | `latencies.csv` | cohort or `all`, latency and quantile: its value |
//! | `failures.csv` | cohort and reason: failed tasks and attempts |
//! | `campaign.csv` | thing done to the campaign by operators, time and rules |
//! | `stages.csv` | stage and cohort: when it opened, by what, what became of its devices; only if there are stages |
//! | `traffic.csv` | sampling instant: requests and downloads; and each link: its load; only if shared |
//! | `trace.csv` | event of the traced device; only if one was asked for |
//! | `cohorts.csv` | cohort or `all`: its main numbers |
//!
//! Rows that only add up others are left out, so sums over a column are right; `all` appears
//! where the numbers of the whole fleet are no such sums. `series.csv` leaves out states that
//! never held a task. With more than 64 cohorts `series.csv` and `counters.csv` have the whole fleet
//! only, and `latencies.csv` leaves out what a cohort has not recorded.

use std::io::{self, Write};

use super::WHOLE_FLEET;
use super::files::Files;
use super::human::seconds;
use crate::model::Span;
use crate::scheduler::state::{FailureReason, STATES, TaskState};
use crate::sim::outcome::{
    COUNTERS, CohortOutcome, LatencyKind, Outcome, Series, SeriesRow, series_parts,
};

const QUANTILES: [f64; 8] = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];

/// Writes all tables.
pub fn write(files: &mut Files, outcome: &Outcome, fleet: &CohortOutcome) -> io::Result<()> {
    files.write("series.csv", |w| series(w, outcome))?;
    files.write("counters.csv", |w| counters(w, outcome))?;
    files.write("versions.csv", |w| versions(w, &outcome.series))?;
    files.write("latencies.csv", |w| latencies(w, outcome, fleet))?;
    files.write("failures.csv", |w| failures(w, outcome))?;
    files.write("campaign.csv", |w| course(w, outcome))?;
    if !outcome.stages.is_empty() {
        files.write("stages.csv", |w| super::stages::table(w, outcome))?;
    }
    if let Some(traffic) = &outcome.traffic {
        files.write("traffic.csv", |w| super::traffic::table(w, traffic))?;
    }
    if !outcome.trace.is_empty() {
        files.write("trace.csv", |w| trace(w, outcome))?;
    }
    files.write("cohorts.csv", |w| cohorts(w, outcome, fleet))
}

fn series(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["time_s", "cohort", "state", "alibaba", "quectel", "tasks"])?;
    let used: [bool; STATES] =
        std::array::from_fn(|i| outcome.series.rows.iter().any(|row| row.states[i] > 0));
    for (i, time) in outcome.series.times.iter().enumerate() {
        for (name, row) in parts(outcome, i) {
            for state in TaskState::ALL.iter().filter(|s| used[s.index()]) {
                let tasks = row.states[state.index()].to_string();
                let (alibaba, quectel) = (state.alibaba().unwrap_or(""), state.quectel());
                let time = seconds(time.0);
                csv.write_record([&time, name, state.name(), alibaba, quectel, &tasks])?;
            }
        }
    }
    csv.flush()
}

/// The rows of an instant, each with the name of its cohort, or of the whole fleet.
fn parts(outcome: &Outcome, instant: usize) -> impl Iterator<Item = (&str, &SeriesRow)> {
    let count = series_parts(outcome.cohorts.len());
    let names = outcome.cohorts.iter().map(|cohort| cohort.name.as_str());
    let whole = (count < outcome.cohorts.len()).then_some(WHOLE_FLEET);
    whole.into_iter().chain(names).zip(&outcome.series.rows[instant * count..][..count])
}

fn counters(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record([
        "time_s",
        "cohort",
        "pushes",
        "repushes",
        "retries",
        "late_reports",
        "occupied",
    ])?;
    for (i, time) in outcome.series.times.iter().enumerate() {
        for (name, row) in parts(outcome, i) {
            csv.write_record([
                &seconds(time.0),
                name,
                &row.pushes.to_string(),
                &row.repushes.to_string(),
                &row.retries.to_string(),
                &row.late_reports.to_string(),
                &row.occupied.to_string(),
            ])?;
        }
    }
    csv.flush()
}

fn versions(w: &mut dyn Write, series: &Series) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["time_s", "version", "devices"])?;
    let names = &series.version_names;
    for (i, time) in series.times.iter().enumerate() {
        for (v, name) in names.iter().enumerate() {
            let devices = series.versions[i * names.len() + v];
            csv.write_record([&seconds(time.0), name, &devices.to_string()])?;
        }
    }
    csv.flush()
}

fn latencies(w: &mut dyn Write, outcome: &Outcome, fleet: &CohortOutcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["cohort", "latency", "quantile", "value_s", "count"])?;
    let many = series_parts(outcome.cohorts.len()) < outcome.cohorts.len();
    for cohort in std::iter::once(fleet).chain(&outcome.cohorts) {
        for kind in LatencyKind::ALL {
            let latency = cohort.tally.latency(kind);
            // Thousands of cohorts with a line for each thing that did not happen are no table.
            if many && latency.count() == 0 {
                continue;
            }
            for q in QUANTILES {
                // The least value is known exactly, the histogram's is not.
                let value = if q == 0.0 { latency.min() } else { latency.quantile(q) };
                csv.write_record([
                    cohort.name.as_str(),
                    kind.name(),
                    &q.to_string(),
                    &optional_span(value),
                    &latency.count().to_string(),
                ])?;
            }
        }
    }
    csv.flush()
}

fn failures(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["cohort", "reason", "code", "tasks", "attempts"])?;
    for cohort in &outcome.cohorts {
        for (i, reason) in FailureReason::ALL.iter().enumerate() {
            csv.write_record([
                cohort.name.as_str(),
                reason.name(),
                &reason.code().map(|code| code.to_string()).unwrap_or_default(),
                &cohort.tally.failures[i].to_string(),
                &cohort.tally.attempt_failures[i].to_string(),
            ])?;
        }
    }
    csv.flush()
}

fn course(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["time_s", "what", "status", "refused"])?;
    for entry in &outcome.campaign.log {
        let refused = entry.refused.as_ref().map(ToString::to_string).unwrap_or_default();
        csv.write_record([&seconds(entry.at.0), entry.what, entry.status.name(), &refused])?;
    }
    csv.flush()
}

fn trace(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["time_s", "event", "state", "alibaba", "quectel", "attempt", "online"])?;
    for entry in &outcome.trace {
        csv.write_record([
            seconds(entry.at.0).as_str(),
            entry.event,
            entry.state.name(),
            entry.state.alibaba().unwrap_or(""),
            entry.state.quectel(),
            &entry.attempt.to_string(),
            if entry.online { "true" } else { "false" },
        ])?;
    }
    csv.flush()
}

fn cohorts(w: &mut dyn Write, outcome: &Outcome, fleet: &CohortOutcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(cohort_row(fleet).iter().map(|(column, _)| column))?;
    for cohort in std::iter::once(fleet).chain(&outcome.cohorts) {
        csv.write_record(cohort_row(cohort).iter().map(|(_, value)| value))?;
    }
    csv.flush()
}

/// Column names and values of one cohort; what is not known stays empty.
fn cohort_row(cohort: &CohortOutcome) -> Vec<(String, String)> {
    let tally = &cohort.tally;
    let rate = |rate: Option<f64>| rate.map(|r| r.to_string()).unwrap_or_default();
    let time = |thousandths| optional_span(tally.time_to_updated(thousandths));
    let head = [
        ("cohort", cohort.name.clone()),
        ("devices", cohort.devices.to_string()),
        ("not_required", tally.count(TaskState::NotRequired).to_string()),
        ("targeted", tally.targeted.to_string()),
        ("open", tally.open().to_string()),
        ("succeeded", tally.succeeded().to_string()),
        ("failed", tally.failed().to_string()),
        ("canceled", tally.canceled().to_string()),
        ("attempts", tally.attempts.iter().sum::<u64>().to_string()),
    ];
    let counted = COUNTERS.iter().map(|counter| (counter.name, (counter.of)(tally).to_string()));
    let tail = [
        ("succeeded_of_finished", rate(tally.success_rate_of_finished())),
        ("succeeded_of_targeted", rate(tally.success_rate_of_targeted())),
        ("time_to_50_s", time(50_000)),
        ("time_to_90_s", time(90_000)),
        ("time_to_95_s", time(95_000)),
        ("time_to_99_s", time(99_000)),
        ("time_to_100_s", time(100_000)),
    ];
    let all = head.into_iter().chain(counted).chain(tail);
    all.map(|(column, value)| (column.to_owned(), value)).collect()
}

fn optional_span(span: Option<Span>) -> String {
    span.map(|s| seconds(s.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{sample, whole_fleet};
    use super::*;

    type Table = Vec<std::collections::BTreeMap<String, String>>;

    fn read(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> Table {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        csv::Reader::from_reader(&bytes[..]).deserialize().map(Result::unwrap).collect()
    }

    fn sum<'a>(rows: impl IntoIterator<Item = &'a Table>, column: &str) -> u64 {
        rows.into_iter().flatten().map(|row| row[column].parse::<u64>().unwrap()).sum()
    }

    #[test]
    fn tasks_of_every_sampled_instant_add_up() {
        let outcome = sample::two_cohorts();
        let table = read(|w| series(w, &outcome));
        let last: Table = table.iter().filter(|r| r["time_s"] == "7200").cloned().collect();
        // 1,000 targeted and 10 that needed nothing.
        assert_eq!(sum([&last], "tasks"), 1010);
        assert!(table.iter().any(|r| r["cohort"] == "eu, lte" && r["time_s"] == "1.5"));
        assert!(table.iter().all(|r| r["state"] != "notified"), "a state that never occurs");
    }

    #[test]
    fn counters_and_versions_have_a_row_per_instant() {
        let outcome = sample::two_cohorts();
        let pushes = read(|w| counters(w, &outcome));
        assert_eq!(pushes.len(), 6);
        assert_eq!(sum([&pushes], "pushes"), 2000);
        let devices = read(|w| versions(w, &outcome.series));
        assert_eq!(sum([&devices], "devices"), 3 * 1010);
    }

    #[test]
    fn failures_and_cohorts_add_up_to_the_tally() {
        let outcome = sample::two_cohorts();
        let fleet = whole_fleet(&outcome);
        let failed = read(|w| failures(w, &outcome));
        assert_eq!(sum([&failed], "tasks"), fleet.tally.failed());
        let flash = failed.iter().find(|r| r["reason"] == "flash").unwrap();
        assert_eq!((flash["code"].as_str(), flash["tasks"].as_str()), ("-4", "10"));
        let table = read(|w| cohorts(w, &outcome, &fleet));
        assert_eq!(table.len(), 3);
        for row in &table {
            let n = |column: &str| row[column].parse::<u64>().unwrap();
            let parts = n("open") + n("succeeded") + n("failed") + n("canceled");
            assert_eq!(parts, n("targeted"));
        }
        assert_eq!(table[0]["cohort"], "all");
        assert_eq!(table[0]["succeeded_of_targeted"], "0.9");
        assert_eq!(table[0]["time_to_95_s"], "");
    }

    #[test]
    fn latencies_list_every_quantile_and_leave_unknown_values_empty() {
        let outcome = sample::two_cohorts();
        let table = read(|w| latencies(w, &outcome, &whole_fleet(&outcome)));
        assert_eq!(table.len(), 3 * 6 * 8);
        assert_eq!((table[0]["quantile"].as_str(), table[0]["value_s"].as_str()), ("0", "60"));
        assert_eq!(table[7]["value_s"], (60 + 4 * 539).to_string());
        let outcome = sample::empty();
        let table = read(|w| latencies(w, &outcome, &whole_fleet(&outcome)));
        assert!(table.iter().all(|r| r["value_s"].is_empty() && r["count"] == "0"));
    }
}
