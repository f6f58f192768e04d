//! What a run leaves for people and programs: a results folder, and a text for the terminal.

mod cohort;
pub mod files;
pub mod folder;
mod hdr;
pub mod human;
pub mod manifest;
mod markdown;
mod numbers;
mod reference;
mod rules;
#[cfg(test)]
mod sample;
mod stages;
pub mod summary;
mod tables;
pub mod text;
mod traffic;

use std::io;

pub use folder::{FolderError, Target};
pub use manifest::{Manifest, RunInfo};
pub use summary::Summary;

use crate::scenario::Loaded;
use crate::sim::outcome::{CohortOutcome, Outcome, series_parts};
use files::Files;

/// Name of the row, entry or tag that stands for the whole fleet.
pub const WHOLE_FLEET: &str = "all";

/// Everything that determines the result files, `run.json` aside.
pub struct Input<'a> {
    pub loaded: &'a Loaded,
    /// The scenario with every default filled in, as TOML.
    pub resolved: &'a str,
    pub outcome: &'a Outcome,
}

/// Writes the deterministic files: the same scenario gives the same bytes.
///
/// # Errors
/// The first failure of the file system.
pub fn write_results(files: &mut Files, input: &Input) -> io::Result<()> {
    files.write("scenario.toml", |w| w.write_all(input.loaded.text.as_bytes()))?;
    files.write("resolved.toml", |w| w.write_all(input.resolved.as_bytes()))?;
    let parts = input.loaded.parts();
    write_package(files, parts[0], input.outcome)?;
    for (position, outcome) in input.outcome.further.iter().enumerate() {
        files.enter(&folder_of(position, outcome))?;
        write_package(files, parts[position + 1], outcome)?;
    }
    files.leave();
    Ok(())
}

/// What became of one package of one campaign.
fn write_package(files: &mut Files, part: &Loaded, outcome: &Outcome) -> io::Result<()> {
    let summary = Summary::of(&part.scenario, outcome);
    let fleet = whole_fleet(outcome);
    files.write("summary.json", |w| {
        // Of thousands of cohorts nobody reads it line by line.
        match series_parts(outcome.cohorts.len()) < outcome.cohorts.len() {
            true => serde_json::to_writer(&mut *w, &summary)?,
            false => serde_json::to_writer_pretty(&mut *w, &summary)?,
        }
        w.write_all(b"\n")
    })?;
    files.write("summary.md", |w| w.write_all(markdown::render(&summary).as_bytes()))?;
    if !summary.references.is_empty() {
        files.write("adoption.svg", |w| reference::svg(w, outcome, &summary.references))?;
    }
    tables::write(files, outcome, &fleet)?;
    hdr::write(files, outcome, &fleet)
}

/// Name of the folder for a further package.
fn folder_of(position: usize, outcome: &Outcome) -> String {
    let name = folder::slug(&format!("{} {}", outcome.campaign.name, outcome.module));
    format!("{}-{name}", position + 2)
}

/// The whole fleet as if it were one cohort.
fn whole_fleet(outcome: &Outcome) -> CohortOutcome {
    CohortOutcome {
        name: WHOLE_FLEET.to_owned(),
        devices: outcome.cohorts.iter().map(|c| c.devices).sum(),
        tally: outcome.total(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    /// Every file but `run.json`, by name.
    fn files_of(root: &Path, outcome: &Outcome) -> BTreeMap<String, Vec<u8>> {
        let loaded = sample::loaded();
        let input = Input { loaded: &loaded, resolved: "format = 1\n", outcome };
        let target = Target::within(root, "run".into()).unwrap();
        let folder = target.write(|files| write_results(files, &input)).unwrap();
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        };
        std::fs::read_dir(folder).unwrap().map(read).collect()
    }

    #[test]
    fn the_same_outcome_gives_the_same_bytes() {
        let root = tempfile::tempdir().unwrap();
        for outcome in [sample::two_cohorts(), sample::empty(), sample::interrupted()] {
            let files = files_of(root.path(), &outcome);
            assert_eq!(files, files_of(root.path(), &outcome));
            assert_eq!(files.len(), 18);
            assert_eq!(files["scenario.toml"], sample::loaded().text.as_bytes());
        }
    }

    #[test]
    fn an_interrupted_run_says_so_in_every_summary() {
        let root = tempfile::tempdir().unwrap();
        let files = files_of(root.path(), &sample::interrupted());
        let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
        assert!(text("summary.json").contains("\"complete\": false"));
        assert!(text("summary.md").contains("PARTIAL RESULT"));
    }
}
