//! The reference OTA scheduler: state machines without I/O, clock or threads.
//!
//! Semantics are the rules R1 to R30 of the scheduler specification; this part holds R2, R11,
//! R13, R15 to R18 (as far as they concern constant, windowed and unlimited rates), and
//! R21 to R26.

mod dispatch;
mod limiter;
mod selection;
pub mod state;
mod task;

pub use dispatch::{Dispatcher, FleetView, OfflineTurn, Ready, Turn};
pub use limiter::Limiter;
pub use selection::{DeviceList, Selection, percentage_cut};
pub use task::{Effect, Input, Retry, Task, TaskPolicy};
