//! The virtual device: presence on the network, and what it does with an offer.
//!
//! Nothing here knows whether time is virtual or real.

mod attempt;
mod cohort;
mod polling;
mod presence;

pub use attempt::{Attempt, Downloads, Luck, Report, Verdict};
pub use cohort::{Cohort, DownloadLaw, Failures, Start};
pub use polling::Polling;
pub use presence::{Presence, Stage};
