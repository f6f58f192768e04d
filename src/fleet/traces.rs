//! Recorded changes between online and offline.

use std::sync::Arc;

use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, below};

/// Changes of several recorded devices.
#[derive(Debug, Default, PartialEq)]
pub struct Recorded {
    /// By trace: whether it begins online, and where its changes end in `changes`.
    traces: Vec<(bool, usize)>,
    /// The instants of all changes, trace after trace, each in order.
    changes: Vec<Time>,
    /// How long the recording lasted: the greatest instant in it.
    length: Span,
}

impl Recorded {
    /// Adds a trace: its state at the beginning, and the instants at which that changes.
    ///
    /// # Panics
    /// If they are not in order.
    pub fn push(&mut self, online: bool, changes: &[Time]) {
        assert!(changes.is_sorted_by(|a, b| a < b), "changes in order");
        self.changes.extend_from_slice(changes);
        self.traces.push((online, self.changes.len()));
        self.length = self.length.max(changes.last().map_or(Span::ZERO, |at| Span(at.0)));
    }

    /// Traces there are.
    pub fn count(&self) -> usize {
        self.traces.len()
    }

    fn of(&self, trace: usize) -> (bool, &[Time]) {
        let from = trace.checked_sub(1).map_or(0, |before| self.traces[before].1);
        let (online, to) = self.traces[trace];
        (online, &self.changes[from..to])
    }
}

/// Which device follows which trace.
#[derive(Clone, Debug)]
pub struct Traces {
    pub recorded: Arc<Recorded>,
    /// By device; none: each follows one at random, from a random instant on and round again.
    pub of: Option<Arc<[u32]>>,
}

impl Traces {
    /// Whether the device is online at `now`, and an instant up to which that stays so.
    ///
    /// # Panics
    /// If there is no trace for the device.
    pub fn look(&self, now: Time, device: DeviceId, streams: &Streams) -> (bool, Time) {
        let recorded = &self.recorded;
        if let Some(of) = &self.of {
            return state(recorded.of(of[device.0 as usize] as usize), now.0);
        }
        let mut stream = streams.stream(device, Purpose::Phase, 0);
        let mut part = |of: u64| below(stream.next_u64(), of);
        let trace = part(recorded.count() as u64) as usize;
        let (first, changes) = recorded.of(trace);
        if changes.is_empty() {
            return (first, Time::NEVER);
        }
        let length = recorded.length.0.max(1);
        let at = (now.0 + part(length)) % length;
        let (online, until) = state((first, changes), at);
        (online, now + Span(until.0.min(length) - at))
    }
}

/// The state at `at`, and until when.
fn state((first, changes): (bool, &[Time]), at: u64) -> (bool, Time) {
    let past = changes.partition_point(|change| change.0 <= at);
    (first ^ (past % 2 == 1), changes.get(past).copied().unwrap_or(Time::NEVER))
}
