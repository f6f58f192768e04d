//! What the whole program promises: rules, laws, determinism, command line, floors.

mod case;
mod cases;
mod engine;
mod floors;
mod limits;
mod rules;
mod runs;
