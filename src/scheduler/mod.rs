//! The reference OTA scheduler: state machines without I/O, clock or threads.
//!
//! Semantics are the rules R1 to R30 of the scheduler specification; docs/scheduler.md says
//! which test shows each of them.

mod abort;
mod campaign;
mod dispatch;
mod gathered;
mod limiter;
mod openings;
mod operator;
mod package;
mod registry;
mod selection;
mod stages;
pub mod state;
mod task;
mod tasked;

pub use abort::{
    Abort, AbortAction, AbortMetric, AbortRule, Counts, Denominator, Highest, RuleOutcome,
};
pub use campaign::{
    Action, Campaign, CampaignPolicy, Entry, NotStarted, Order, StateSet, TaskResult,
};
pub use dispatch::{Dispatcher, FleetView, Lane, OfflineTurn, Ready, Turn};
pub use limiter::{Exponential, Limiter, RateChange, Reached, Variable};
pub use openings::{Marks, Openings};
pub use operator::{Count, Timeline, Trigger};
pub use package::Verification;
pub use registry::{
    CampaignId, CampaignInfo, DeviceInfo, DeviceView, Listing, LogEntry, ModuleInfo, PackageId,
    PackageInfo, Page, QueryError, Registry, Success, TaskFilter, TaskId, TaskInfo, TaskStatus,
};
pub use selection::{DeviceList, Selection, percentage_cut};
pub use stages::{
    Group, GroupDenominator, Groups, Opener, Opening, Phases, Reach, StageOf, Stages,
};
pub use task::{Effect, Input, Retry, Task, TaskPolicy, TimeoutFrom};
pub use tasked::{TaskRules, Tasked};
