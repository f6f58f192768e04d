//! Virtual time: calendar, shards, coordinator.

pub mod outcome;
mod run;

pub use run::{Options, Progress, run};
