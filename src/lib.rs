//! Fleetstorm: a fleet simulator and load tester for over-the-air upgrade campaigns.

pub mod cli;
pub mod dist;
pub mod fleet;
pub mod live;
pub mod metric;
pub mod model;
pub mod network;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod scheduler;
pub mod sim;
pub mod stats;
pub mod validate;
