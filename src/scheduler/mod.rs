//! The reference OTA scheduler: state machines without I/O, clock or threads.
//!
//! Semantics are the rules R1 to R30 of the scheduler specification; ARCHITECTURE.md says
//! which of them hold so far, and which test shows it.

mod abort;
mod campaign;
mod dispatch;
mod limiter;
mod openings;
mod operator;
mod package;
mod selection;
mod stages;
pub mod state;
mod task;

pub use abort::{Abort, AbortAction, AbortMetric, AbortRule, Counts, Denominator};
pub use campaign::{
    Action, Campaign, CampaignPolicy, Entry, NotStarted, Order, StateSet, TaskResult,
};
pub use dispatch::{Dispatcher, FleetView, Lane, OfflineTurn, Ready, Turn};
pub use limiter::{Exponential, Limiter, RateChange, Reached, Variable};
pub use openings::{Marks, Openings};
pub use operator::{Count, Timeline, Trigger};
pub use package::Verification;
pub use selection::{DeviceList, Selection, percentage_cut};
pub use stages::{Group, GroupDenominator, GroupOf, Groups, Stages, cumulative_sizes};
pub use task::{Effect, Input, Retry, StepTimer, Task, TaskPolicy, TimeoutFrom};
