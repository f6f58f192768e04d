//! Nouns everything else is written in: instants, spans, ids, quantities with units.

mod count;
mod measure;
mod quantity;
mod share;
mod time;

pub use count::{left, take};
pub use measure::Better;
pub use quantity::{BitRate, Bytes, EventRate};
pub use share::{apportion, percent};
pub use time::{Span, Time};

/// One member of the fleet; indexes every per-device list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// A group of devices that share their laws; indexes `fleet.cohort` of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CohortId(pub u16);
