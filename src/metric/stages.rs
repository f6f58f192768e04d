//! Metrics of the campaign's stages.

use crate::sim::outcome::{StageOutcome, StageTally};

use super::table::{Count, Lower, Neither, Nothing, Reached, STAGE, n, reached, whole};
use super::{Label, Look, Metric, Query, Value};

/// Of one stage, which a label must name.
pub const STAGES: &[Metric] = &[
    whole(
        ("stage.start", Nothing, STAGE),
        ("s", Neither, Reached),
        "From the activation until the stage opened.",
        |look, query| {
            let Some(stage) = stage(look, query) else { return Value::Missing };
            let activated = look.package.campaign.counted_from();
            reached(stage.opened.map(|opened| opened.at.since(activated)))
        },
    ),
    whole(
        ("stage.length", Nothing, STAGE),
        ("s", Lower, Reached),
        "From the opening of the stage until the last of its tasks was final.",
        |look, query| match (stage(look, query), tally(look, query)) {
            (Some(stage), Some(tally)) => reached(stage.length(&tally)),
            _ => Value::Missing,
        },
    ),
    whole(
        ("stage.exposed", Nothing, STAGE),
        ("devices", Neither, Count),
        "Devices of the stage that were pushed at least once.",
        |look, query| tally(look, query).map_or(Value::Missing, |tally| n(tally.pushed)),
    ),
];

/// The stage that is asked about.
fn stage<'a>(look: &Look<'a>, query: &Query) -> Option<&'a StageOutcome> {
    let number: u32 = query.label_of(Label::Stage)?.parse().ok()?;
    look.package.stages.iter().find(|stage| stage.stage == Some(number))
}

/// Its devices, or those of the cohort that is asked about.
fn tally(look: &Look, query: &Query) -> Option<StageTally> {
    let stage = stage(look, query)?;
    let Some(name) = query.label_of(Label::Cohort) else { return Some(stage.total()) };
    let cohort = look.package.cohorts.iter().position(|cohort| cohort.name == name)?;
    stage.cohorts.get(cohort).copied()
}
