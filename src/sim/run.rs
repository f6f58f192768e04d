//! Running one scenario.

use std::sync::atomic::AtomicBool;

use super::outcome::Outcome;
use crate::model::Time;
use crate::scenario::Loaded;

/// How to run, as opposed to what: none of it changes the result.
pub struct Options<'a> {
    /// Threads; none: as many as the machine has cores.
    pub threads: Option<usize>,
    /// Set it to end the run early, with what it has so far.
    pub stop: &'a AtomicBool,
    /// Called a few times per second.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub now: Time,
    /// The run's `until`.
    pub until: Time,
    pub targeted: u64,
    /// Tasks that are final.
    pub finished: u64,
    pub events: u64,
}

/// Simulates the campaign.
///
/// # Invariants
/// The result depends on the scenario alone, not on the number of threads.
pub fn run(_loaded: &Loaded, _options: Options) -> Outcome {
    unimplemented!()
}
