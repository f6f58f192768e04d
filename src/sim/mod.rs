//! Virtual time: calendar, shards, coordinator.

mod asking;
mod books;
mod calendar;
mod devices;
mod exchange;
mod flights;
mod gate;
mod idle;
mod idle_polls;
mod ledger;
mod matching;
mod meeting;
pub mod memory;
mod memos;
mod network;
mod orders;
pub mod outcome;
mod pace;
mod plan;
mod polls;
pub mod prefetch;
mod reach;
mod reception;
mod recorded;
mod records;
mod rollout;
mod run;
mod sampler;
mod setup;
mod shard;
mod sleep;
mod stage_book;
mod staging;
mod stops;
mod tally;
mod ticks;
mod trace;
mod traffic;
mod trajectory;
mod waiting;
mod world;

pub use pace::threads_that_pay;
pub use run::{Coordinator, Options, Progress, Work, conduct, record, run};
pub use staging::stage_sizes;
pub use trajectory::trajectory;
pub use world::World;

use crate::scenario::Loaded;

/// Names of the links that devices share, as outcomes have them.
pub fn link_names(loaded: &Loaded) -> Vec<String> {
    network::Network::new(loaded).map_or(Vec::new(), |network| network.links)
}

/// What the run of the scenario's first package would read: for looking at single devices.
pub fn world_of(loaded: &Loaded) -> World {
    setup::world(loaded, loaded, 0, 0)
}
