//! Every rule of the scheduler's semantics, by number.

mod campaign;
mod dispatch;
mod outcome;
mod selection;
mod states;
