//! Counts and histograms that merge by addition, and how exact what they say is.

pub mod interval;
mod latency;
mod minutes;
pub mod sequential;
pub mod steady;

pub use latency::Latency;
pub use minutes::Minutes;
