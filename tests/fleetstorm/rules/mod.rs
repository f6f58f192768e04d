//! Every rule of the scheduler's semantics, by number.

mod aborts;
mod campaign;
mod conflicts;
mod consent;
mod course;
mod dispatch;
mod machine;
mod marks;
pub mod meeting;
mod outcome;
mod selection;
pub mod stages;
mod states;
mod tasks;
mod windows;
