//! Sizes of stages, as `fleetstorm check` shows them.

use std::path::Path;

use serde::Serialize;

use crate::report::human::thousands;
use crate::scenario::file::Campaign;
use crate::scenario::rules::StageSizes;
use crate::scenario::{Loaded, Problem, Problems};
use crate::sim;

/// The stages of one campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageFacts {
    pub campaign: String,
    /// Devices of each stage, in order.
    pub sizes: Vec<u64>,
}

/// The stages of each campaign that has some, with the sizes that they have in a run.
pub fn facts(loaded: &Loaded) -> Vec<StageFacts> {
    let sizes = sim::stage_sizes(loaded).into_iter();
    sizes.map(|(campaign, sizes)| StageFacts { campaign, sizes }).collect()
}

/// Indented lines for people: `stages    1: 50, 2: 450, 3: 500 devices`.
pub fn text(stages: &[StageFacts]) -> String {
    const WIDTH: usize = 80;
    let mut text = String::new();
    for StageFacts { campaign, sizes } in stages {
        let sizes = (1..).zip(sizes).map(|(at, size)| format!("{at}: {}", thousands(*size)));
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        let of = if stages.len() > 1 { format!(" of {campaign}") } else { String::new() };
        let mut line = "  stages   ".to_owned();
        for word in format!("{sizes} devices{of}").split_inclusive(", ") {
            if line.chars().count() + word.trim_end().chars().count() >= WIDTH {
                text += &format!("{}\n", line.trim_end());
                line = " ".repeat(11);
            }
            line += &format!(" {}", word.trim_end());
        }
        text += &format!("{line}\n");
    }
    text
}

/// The scenario, unless its platform refuses a stage of nobody and there is one, now that the
/// devices have been counted.
///
/// # Errors
/// The stages of nobody.
pub fn checked(file: &Path, loaded: Loaded) -> Result<Loaded, Problems> {
    let campaigns = loaded.campaigns();
    let campaigns = campaigns.iter().map(|parts| &parts[0].scenario.campaign);
    let refusing = campaigns.filter(|campaign| campaign.stage_sizes == StageSizes::FloorEach);
    let refusing: Vec<&Campaign> = refusing.collect();
    if refusing.is_empty() {
        return Ok(loaded);
    }
    let mut problems = Vec::new();
    for StageFacts { campaign: name, sizes } in facts(&loaded) {
        let Some(campaign) = refusing.iter().find(|campaign| campaign.name == name) else {
            continue;
        };
        for at in campaign.stages_of_nobody(&sizes) {
            let (stage, total) = (at + 1, thousands(sizes.iter().sum()));
            let message = format!(
                "campaign.stages: stage {stage} of {name:?} takes none of {total} matching \
                 devices, and is refused by the platform"
            );
            let help = "raise its percentage; `stage_sizes` says how it is rounded".to_owned();
            problems.push(Problem::of_file(&file.display().to_string(), message, Some(help)));
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(Problems::new(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_in_lines_of_80() {
        let facts = |campaign: &str, sizes: &[u64]| StageFacts {
            campaign: campaign.to_owned(),
            sizes: sizes.to_vec(),
        };
        let one = text(&[facts("a", &[1, 49])]);
        assert_eq!(one, "  stages    1: 1, 2: 49 devices\n");
        let two = text(&[facts("a", &[1]), facts("b", &[2_000])]);
        assert_eq!(two, "  stages    1: 1 devices of a\n  stages    1: 2,000 devices of b\n");
        let many = text(&[facts("a", &[20_000; 500])]);
        assert!(many.lines().all(|line| line.chars().count() <= 80), "{many}");
        assert!(many.lines().count() > 50 && many.contains(", 500: 20,000 devices\n"));
        assert_eq!(text(&[]), "");
    }
}
