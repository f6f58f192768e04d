//! What the whole program promises: rules, laws, determinism, command line, floors.

mod availability;
mod checks;
mod cli;
mod drawn;
mod engine;
mod floors;
mod golden;
mod limits;
mod live;
mod metrics;
mod profiles;
mod queries;
mod readme;
mod rules;
mod runs;
mod server_model;
mod servers;
mod sweep;
mod tidy;
mod trace;
mod traffic;
mod validate;
