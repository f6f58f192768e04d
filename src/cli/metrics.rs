//! `fleetstorm metrics`: every number of a run by its name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Exit;
use super::args::{Metrics, Table};
use super::load::readable;
use super::terminal::Terminal;
use crate::metric::{self, Label, Metric};
use crate::report::human::wrapped;
use crate::scenario::{self, Loaded};
use crate::scheduler::state::FailureReason;

/// One metric, for programs.
#[derive(Serialize)]
struct Entry<'a> {
    name: String,
    unit: &'a str,
    better: &'a str,
    kind: &'a str,
    labels: Vec<&'a str>,
    definition: &'a str,
}

/// Prints the table; with a scenario also what its labels can be.
pub fn metrics(arguments: &Metrics, terminal: &Terminal) -> anyhow::Result<Exit> {
    let values = match &arguments.file {
        None => BTreeMap::new(),
        Some(file) => {
            readable(file)?;
            match scenario::load(file, &arguments.set) {
                Ok(loaded) => label_values(&loaded),
                Err(problems) => {
                    terminal.problems(&problems);
                    return Ok(Exit::Invalid);
                }
            }
        }
    };
    terminal.print(&match arguments.format {
        Table::Human => human(&values),
        Table::Json => json(&values)?,
        Table::Markdown => markdown(&values),
    })?;
    Ok(Exit::Ok)
}

/// By label, what it can be in the scenario.
fn label_values(loaded: &Loaded) -> BTreeMap<&'static str, Vec<String>> {
    let scenario = &loaded.scenario;
    let parts = loaded.parts();
    let of = |label: Label| -> Vec<String> {
        match label {
            Label::Cohort => scenario.fleet.cohort.iter().map(|c| c.name.clone()).collect(),
            Label::Campaign => parts.iter().map(|p| p.scenario.campaign.name.clone()).collect(),
            Label::Package => parts.iter().map(|p| p.scenario.package.module.clone()).collect(),
            Label::Reason => FailureReason::ALL.iter().map(|r| r.name().to_owned()).collect(),
            Label::Link => crate::sim::link_names(loaded),
            Label::Stage => {
                let stages = scenario.campaign.stage_sizes(0).len();
                (1..=stages).map(|stage| stage.to_string()).collect()
            }
            Label::Rule => (1..=scenario.campaign.abort.len()).map(|n| n.to_string()).collect(),
        }
    };
    let each = |label: Label| {
        let mut values = of(label);
        values.dedup();
        (label.name(), values)
    };
    Label::ALL.into_iter().map(each).filter(|(_, values)| !values.is_empty()).collect()
}

fn name(metric: &Metric) -> String {
    format!("{}{}", metric.name, metric.takes.form())
}

fn labels(metric: &Metric) -> Vec<&'static str> {
    metric.labels.iter().map(|label| label.name()).collect()
}

fn human(values: &BTreeMap<&str, Vec<String>>) -> String {
    let mut text = "Numbers of a run. Q: 50, 99.9 …; (t): since the activation, as in (2 d);\n\
                    (w): a window of whole minutes, as in (5 min). Arrows: which way is better.\n\n"
        .to_owned();
    for metric in metric::table() {
        let arrow = match metric.better {
            crate::model::Better::Higher => "↑",
            crate::model::Better::Lower => "↓",
            crate::model::Better::Neither => "·",
        };
        let labels = match labels(metric).as_slice() {
            [] => String::new(),
            labels => format!("  {{{}}}", labels.join(", ")),
        };
        let _ = writeln!(text, "{} [{}] {arrow}{labels}", name(metric), metric.unit);
        for line in wrapped(&metric.definition, 74) {
            let _ = writeln!(text, "    {line}");
        }
    }
    for (label, values) in values {
        let _ = writeln!(text, "\n{label}");
        for line in wrapped(&values.join(", "), 74) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn markdown(values: &BTreeMap<&str, Vec<String>>) -> String {
    let mut text =
        "| metric | unit | better | labels | definition |\n|:--|:--|:--|:--|:--|\n".to_owned();
    for metric in metric::table() {
        let (better, labels) = (metric.better.name(), labels(metric).join(", "));
        let (name, definition) = (name(metric), &metric.definition);
        let _ =
            writeln!(text, "| `{name}` | {} | {better} | {labels} | {definition} |", metric.unit);
    }
    for (label, values) in values {
        let _ = write!(text, "\n`{label}`: {}\n", values.join(", "));
    }
    text
}

fn json(values: &BTreeMap<&str, Vec<String>>) -> serde_json::Result<String> {
    let entry = |metric: &&'static Metric| Entry {
        name: name(metric),
        unit: metric.unit,
        better: metric.better.name(),
        kind: metric.kind.name(),
        labels: labels(metric),
        definition: &metric.definition,
    };
    let metrics: Vec<Entry> = metric::table().iter().map(entry).collect();
    let all = serde_json::json!({ "metrics": metrics, "labels": values });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}
