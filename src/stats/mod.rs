//! Counts and histograms that merge by addition.

mod latency;

pub use latency::Latency;
