//! Virtual time: calendar, shards, coordinator.

mod books;
mod calendar;
mod flights;
mod gate;
mod idle;
mod ledger;
mod matching;
pub mod memory;
mod orders;
pub mod outcome;
mod plan;
pub mod prefetch;
mod recorded;
mod records;
mod rollout;
mod run;
mod sampler;
mod setup;
mod shard;
mod ticks;
mod trace;
mod world;

pub use run::{Coordinator, Options, Progress, Work, conduct, record, run};
