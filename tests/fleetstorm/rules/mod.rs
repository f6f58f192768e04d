//! Every rule of the scheduler's semantics, by number.

mod campaign;
mod consent;
mod course;
mod dispatch;
mod machine;
pub mod meeting;
mod outcome;
mod selection;
mod states;
mod tasks;
