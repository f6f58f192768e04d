//! Real time: boundaries wait for their instants on the wall clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::model::Time;

/// The wall clock of a run.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    /// Virtual seconds per second of wall time.
    scale: f64,
}

impl Pace {
    pub fn new(scale: f64) -> Pace {
        Pace { began: Instant::now(), scale }
    }

    /// Waits until `at` has come, or somebody stops the run.
    pub fn wait_for(&self, at: Time, stop: &AtomicBool) {
        /// How soon a stop is noticed.
        const NAP: Duration = Duration::from_millis(50);
        // Beyond what a clock can tell it is never.
        let after = Duration::try_from_secs_f64(at.as_secs_f64() / self.scale).ok();
        let due = after.and_then(|after| self.began.checked_add(after));
        while !stop.load(Ordering::Relaxed) {
            let left = due.map_or(NAP, |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
