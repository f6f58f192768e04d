//! The virtual device: presence on the network, and what it does with an offer.
//!
//! Nothing here knows whether time is virtual or real.

mod attempt;
mod backoff;
mod chain;
mod cohort;
mod mix;
mod polling;
mod presence;
mod profile;
mod reach;
mod traces;

pub use attempt::{Attempt, Downloads, Luck, Report, Verdict};
pub use backoff::{Backoff, Jitter};
pub use cohort::{Cohort, DownloadLaw, Failures, Start};
pub use mix::Mix;
pub use polling::{Poll, Polling};
pub use presence::{Presence, Stage};
pub use profile::{Clock, POINTS, Profile, WEEK_US};
pub use reach::{Memo, Outage, Pattern, Reach, Window};
pub use traces::{Recorded, Traces};
