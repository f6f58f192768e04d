//! The campaign's stages in the results: when each opened, by what, and what became of it.

use std::fmt::Write as _;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WHOLE_FLEET;
use super::human::{seconds, thousands};
use super::markdown::escaped;
use super::summary::Conservation;
use super::text::{shortened, span};
use crate::model::{Span, Time};
use crate::sim::outcome::{Outcome, StageOutcome, StageTally};

/// One stage of the campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSummary {
    /// Counted from 1; null for devices in no stage: beyond the last one, or not listed since
    /// another campaign's task was in the way.
    pub stage: Option<u32>,
    /// When it opened, in seconds since the run began; null if it did not.
    pub opened_s: Option<f64>,
    /// What opened it: "start" of the campaign, "time", "success" of the group before, or "all":
    /// every stage was open.
    pub opened_by: Option<String>,
    /// From its start until the last of its tasks was final; null while some are open.
    pub length_s: Option<f64>,
    /// Devices that were pushed: exposed to the package.
    pub exposed: u64,
    pub conservation: Conservation,
    /// Those that have devices in it, in the scenario's order.
    pub cohorts: Vec<StageCohortSummary>,
}

/// One cohort's part of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageCohortSummary {
    pub name: String,
    /// Devices that were pushed: exposed to the package.
    pub exposed: u64,
    pub conservation: Conservation,
}

impl StageSummary {
    /// Every stage; none, if the campaign has no stages.
    pub fn all(outcome: &Outcome) -> Vec<StageSummary> {
        outcome.stages.iter().map(|stage| StageSummary::of(stage, outcome)).collect()
    }

    fn of(stage: &StageOutcome, outcome: &Outcome) -> StageSummary {
        let total = stage.total();
        let cohorts = outcome.cohorts.iter().zip(&stage.cohorts);
        let cohorts = cohorts.filter(|(_, tally)| tally.devices > 0);
        StageSummary {
            stage: stage.stage,
            opened_s: stage.opened.map(|opened| opened.at.as_secs_f64()),
            opened_by: stage.opened.map(|opened| opened.by.name().to_owned()),
            length_s: stage.length(&total).map(Span::as_secs_f64),
            exposed: total.pushed,
            conservation: conservation(&total),
            cohorts: cohorts
                .map(|(cohort, tally)| StageCohortSummary {
                    name: cohort.name.clone(),
                    exposed: tally.pushed,
                    conservation: conservation(tally),
                })
                .collect(),
        }
    }

    /// The cohorts, if there are several in the run, and all of them together: devices, pushed,
    /// succeeded, failed, canceled, open.
    fn rows(&self, several: bool) -> impl Iterator<Item = (&str, [u64; 6])> {
        let counts = |exposed: u64, tasks: &Conservation| {
            let Conservation { open, succeeded, failed, canceled, targeted } = *tasks;
            [targeted, exposed, succeeded, failed, canceled, open]
        };
        let own = self.cohorts.iter().filter(move |_| several);
        let own = own.map(move |c| (c.name.as_str(), counts(c.exposed, &c.conservation)));
        own.chain([(WHOLE_FLEET, counts(self.exposed, &self.conservation))])
    }

    fn name(&self) -> String {
        self.stage.map_or("none".to_owned(), |stage| stage.to_string())
    }
}

fn conservation(tally: &StageTally) -> Conservation {
    Conservation {
        open: tally.open(),
        succeeded: tally.succeeded,
        failed: tally.failed,
        canceled: tally.canceled,
        targeted: tally.devices,
    }
}

/// More would push everything else off the screen; `stages.csv` has all of them.
const SHOWN: usize = 48;

/// The stages for the terminal; `several`: there is more than one cohort.
pub fn text(stages: &[StageSummary], several: bool) -> String {
    let mut text = format!(
        "{:<16}{:>11}{:>11}{:>11}{:>10}{:>10}{:>11}\n",
        "Stages", "devices", "pushed", "succeeded", "failed", "canceled", "open"
    );
    for (at, stage) in stages.iter().enumerate() {
        if text.lines().count() > SHOWN {
            let _ = writeln!(text, "  … {} more in stages.csv", stages.len() - at);
            break;
        }
        let opened = match (stage.opened_s, &stage.opened_by) {
            (Some(start), Some(by)) => format!("opened at {} by {by}", instant(start)),
            _ => "not opened".to_owned(),
        };
        let length = stage.length_s.map(|length| format!(", done {} later", span(length)));
        let _ = writeln!(text, "  {}, {opened}{}", stage.name(), length.unwrap_or_default());
        for (name, counts) in stage.rows(several) {
            let [devices, pushed, succeeded, failed, canceled, open] = counts.map(thousands);
            let _ = writeln!(
                text,
                "    {:<12}{devices:>11}{pushed:>11}{succeeded:>11}{failed:>10}{canceled:>10}{open:>11}",
                shortened(name, 11),
            );
        }
    }
    text
}

fn instant(seconds: f64) -> String {
    if seconds == 0.0 { "0 s".to_owned() } else { span(seconds) }
}

/// The stages for a comment.
pub fn markdown(text: &mut String, stages: &[StageSummary], several: bool) {
    if stages.is_empty() {
        return;
    }
    text.push_str(
        "\n| stage | opened at | by | cohort | devices | pushed | succeeded | failed | canceled | open |\n\
         |--:|--:|:--|:--|--:|--:|--:|--:|--:|--:|\n",
    );
    let rows = stages.iter().flat_map(|stage| stage.rows(several).map(move |row| (stage, row)));
    for (stage, (name, counts)) in rows.take(SHOWN) {
        let [devices, pushed, succeeded, failed, canceled, open] = counts.map(thousands);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {devices} | {pushed} | {succeeded} | {failed} | {canceled} | {open} |",
            stage.name(),
            stage.opened_s.map_or("-".to_owned(), instant),
            stage.opened_by.as_deref().unwrap_or("-"),
            escaped(name),
        );
    }
    let count: usize = stages.iter().map(|stage| stage.rows(several).count()).sum();
    if count > SHOWN {
        let _ = writeln!(text, "\n{} more rows in stages.csv", count - SHOWN);
    }
}

/// `stages.csv`: a row for each stage and cohort that has devices in it.
pub fn table(w: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record([
        "stage",
        "opened_s",
        "opened_by",
        "length_s",
        "cohort",
        "devices",
        "pushed",
        "succeeded",
        "failed",
        "canceled",
        "open",
    ])?;
    for stage in &outcome.stages {
        let at = |time: Time| seconds(time.0);
        let length = stage.length(&stage.total());
        for (cohort, tally) in outcome.cohorts.iter().zip(&stage.cohorts) {
            if tally.devices == 0 {
                continue;
            }
            csv.write_record([
                stage.stage.map_or("none".to_owned(), |stage| stage.to_string()).as_str(),
                &stage.opened.map(|opened| at(opened.at)).unwrap_or_default(),
                stage.opened.map_or("", |opened| opened.by.name()),
                &length.map(|length| seconds(length.0)).unwrap_or_default(),
                &cohort.name,
                &tally.devices.to_string(),
                &tally.pushed.to_string(),
                &tally.succeeded.to_string(),
                &tally.failed.to_string(),
                &tally.canceled.to_string(),
                &tally.open().to_string(),
            ])?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::scheduler::{Opener, Opening};

    fn tally(devices: u64, pushed: u64, succeeded: u64, failed: u64, last: u64) -> StageTally {
        let last = Time(last * 1_000_000);
        StageTally { devices, pushed, succeeded, failed, last, ..StageTally::default() }
    }

    /// A first stage that is over, a second one that is under way, and devices in none.
    fn staged() -> Outcome {
        let opened = |at: u64, by| Some(Opening { at: Time(at * 1_000_000), by });
        let stage = |stage, opened, cohorts: [StageTally; 2]| StageOutcome {
            stage,
            opened,
            cohorts: cohorts.to_vec(),
        };
        let done = [tally(60, 60, 50, 10, 500), tally(40, 40, 40, 0, 900)];
        let going = [tally(540, 200, 100, 1, 1_000), tally(0, 0, 0, 0, 0)];
        let stages = vec![
            stage(Some(1), opened(0, Opener::Start), done),
            stage(Some(2), opened(86_400, Opener::Success), going),
            stage(None, None, [tally(5, 0, 0, 5, 30), tally(0, 0, 0, 0, 0)]),
        ];
        Outcome { stages, ..sample::two_cohorts() }
    }

    #[test]
    fn a_stage_has_a_length_once_it_is_over() {
        let stages = StageSummary::all(&staged());
        let lengths: Vec<_> = stages.iter().map(|stage| stage.length_s).collect();
        assert_eq!(lengths, [Some(900.0), None, None]);
        assert_eq!((stages[0].exposed, stages[1].conservation.open), (100, 439));
        assert_eq!(stages[1].cohorts.len(), 1, "only those with devices");
        assert!(StageSummary::all(&sample::two_cohorts()).is_empty());
    }

    #[test]
    fn the_terminal_shows_stages_within_80_columns() {
        let stages = StageSummary::all(&staged());
        let shown = text(&stages, true);
        for line in [
            "  1, opened at 0 s by start, done 15 min later",
            "    eu, lte              60         60         50        10         0          0",
            "    all                 100        100         90        10         0          0",
            "  2, opened at 1 d by success",
            "  none, not opened",
        ] {
            assert!(shown.lines().any(|l| l == line), "{line}\nis not in\n{shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert_eq!(text(&stages, false).lines().count(), 7);
        let many: Vec<StageSummary> = std::iter::repeat_n(stages[0].clone(), 500).collect();
        assert!(text(&many, true).contains("more in stages.csv"));
    }

    #[test]
    fn a_comment_and_the_table_have_a_row_for_each_stage_and_cohort() {
        let outcome = staged();
        let mut shown = String::new();
        markdown(&mut shown, &StageSummary::all(&outcome), true);
        let line = "| 2 | 1 d | success | eu, lte | 540 | 200 | 100 | 1 | 0 | 439 |";
        assert!(shown.lines().any(|l| l == line), "{shown}");
        let mut bytes = Vec::new();
        table(&mut bytes, &outcome).unwrap();
        let rows: Vec<&str> = std::str::from_utf8(&bytes).unwrap().lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "1,0,start,900,\"eu, lte\",60,60,50,10,0,0",
                "1,0,start,900,us,40,40,40,0,0,0",
                "2,86400,success,,\"eu, lte\",540,200,100,1,0,439",
                "none,,,,\"eu, lte\",5,0,0,5,0,0",
            ]
        );
    }
}
