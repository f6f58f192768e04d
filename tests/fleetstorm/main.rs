//! What the whole program promises: rules, laws, determinism, command line, floors.

mod availability;
mod case;
mod cases;
mod cli;
mod engine;
mod floors;
mod golden;
mod limits;
mod live;
mod policies;
mod profiles;
mod queries;
mod rules;
mod runs;
mod sweep;
mod trace;
mod traffic;
