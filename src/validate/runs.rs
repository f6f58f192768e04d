//! Scenarios of one cohort, and runs of them on one thread.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::model::Span;
use crate::scenario::{Loaded, load_text};
use crate::sim::outcome::{Outcome, Tally};
use crate::sim::{self, Options};

/// A scenario; the parts are lines of TOML in their tables.
pub fn scenario(devices: u32, campaign: &str, cohort: &str, run: &str) -> String {
    format!(
        "format = 1\n[package]\nversion = \"2\"\n[campaign]\nname = \"validate\"\n{campaign}\n\
         [fleet]\ndevices = {devices}\nversions = {{ \"1\" = 1.0 }}\n\
         [[fleet.cohort]]\nname = \"all\"\nshare = 1.0\n{cohort}\n[run]\n{run}\n"
    )
}

/// # Panics
/// If the scenario is invalid: it is part of the program.
pub fn load(text: &str) -> Loaded {
    load_text("validate.toml", text, Path::new(""), &[])
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Runs a scenario; the outcome does not depend on the number of threads.
///
/// # Panics
/// If the system refuses memory for the fleet.
pub fn simulate(loaded: &Loaded, threads: usize) -> Outcome {
    let stop = AtomicBool::new(false);
    let mut progress = |_| {};
    let options = Options {
        threads: Some(threads),
        trace: None,
        record: false,
        stop: &stop,
        progress: &mut progress,
    };
    sim::run(loaded, options).expect("memory for the fleet")
}

/// Runs a scenario from its text, as [`load`] takes it.
pub fn run(text: &str) -> Outcome {
    simulate(&load(text), 1)
}

/// As [`run`], with another seed.
pub fn run_seeded(loaded: &Loaded, seed: u64) -> Outcome {
    let mut loaded = loaded.clone();
    loaded.scenario.run.seed = seed;
    simulate(&loaded, 1)
}

/// As [`run`], the counters of all cohorts together.
pub fn total(text: &str) -> Tally {
    run(text).total()
}

/// So many hours.
pub fn hours(h: u64) -> Span {
    Span::secs(h * 3600)
}

/// The part of the whole; not a number if both are zero.
pub fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
