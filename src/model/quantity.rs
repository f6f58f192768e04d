//! Sizes and rates as exact integers.

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A bit rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(pub u64);

/// `count` events per span of `per_us` microseconds, kept as a ratio so that no pace drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRate {
    pub count: u64,
    pub per_us: u64,
}
