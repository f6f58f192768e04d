//! The reference OTA scheduler: state machines without I/O, clock or threads.
//!
//! Semantics are the rules R1 to R30 of the project's scheduler specification.

pub mod state;
