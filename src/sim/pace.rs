//! Whether more threads pay: a meeting costs what the other side is late, which nobody knows
//! before, so it is measured as the run goes. The result of a run never depends on it.

use std::time::Duration;

use crate::scenario::file::Delivery;
use crate::scenario::{Loaded, pushing};

/// Weighs rounds of work done together against what they would have taken alone.
///
/// # Model
/// Rounds done alone tell how long a unit of work takes; each round done together is held against
/// that. Once meetings have lost more than [`LOSS`] in all, the next rounds are done alone, and
/// each time that happens anew four times as many.
#[derive(Debug)]
pub struct Pace {
    /// Nanoseconds per unit of work, alone; none before the first round.
    unit_ns: Option<f64>,
    /// What meetings have gained so far, up to [`LOSS`].
    balance_ns: f64,
    /// Rounds that are to be done alone, and how many after the next loss.
    alone: u64,
    after_loss: u64,
}

const LOSS: f64 = 200_000.0;
const FIRST: u64 = 16;
const MOST: u64 = 1 << 16;

impl Pace {
    /// Begins with a few rounds alone, which are the measure.
    pub fn new() -> Pace {
        Pace { unit_ns: None, balance_ns: 0.0, alone: FIRST, after_loss: 4 * FIRST }
    }

    /// Whether the next round is done by all threads.
    pub fn is_together(&self) -> bool {
        self.alone == 0
    }

    /// A round of so much work was done alone.
    pub fn was_alone(&mut self, work: usize, took: Duration) {
        let unit = took.as_nanos() as f64 / work.max(1) as f64;
        // Of late rounds as much as of all before: work changes as the run goes on.
        self.unit_ns = Some(self.unit_ns.map_or(unit, |known| known * 0.9 + unit * 0.1));
        self.alone = self.alone.saturating_sub(1);
    }

    /// A round of so much work was done by all threads.
    pub fn was_together(&mut self, work: usize, took: Duration) {
        let alone = self.unit_ns.unwrap_or(f64::INFINITY) * work as f64;
        self.balance_ns = (self.balance_ns + alone - took.as_nanos() as f64).min(LOSS);
        if self.balance_ns < -LOSS {
            self.alone = self.after_loss;
            self.after_loss = (self.after_loss * 4).min(MOST);
            self.balance_ns = 0.0;
        } else if self.balance_ns == LOSS {
            self.after_loss = 4 * FIRST;
        }
    }
}

/// How many of `asked` threads can pay: one where no tick holds enough for two.
///
/// # Model
/// Each thread has a shard of the devices, which costs its part of every tick whoever runs it. Where
/// nothing but a steady rate sets devices going, a tick holds a few events for each of its pushes;
/// outages, servers, links, polls and operators may bring many at once, and then the run itself
/// finds out.
pub fn threads_that_pay(loaded: &Loaded, asked: usize) -> usize {
    /// Pushes in a tick from which on two threads are faster where each has a core.
    const PUSHES: f64 = 32.0;
    let scenario = &loaded.scenario;
    let is_steady = !scenario.run.every_flip
        && scenario.outage.is_empty()
        && scenario.backend.is_none()
        && scenario.link.is_empty()
        && scenario.operator.is_empty()
        && scenario.campaign.delivery == Delivery::Push
        && !scenario.campaign.confirm
        && scenario.campaign.marks.is_none()
        && loaded.parts().len() == 1;
    let pushes = pushing::within(&scenario.campaign.rate, scenario.run.tick);
    if is_steady && pushes < PUSHES { 1 } else { asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    /// Rounds of 100 units that take 100 µs alone; how many of them were done together.
    fn together(rounds: u64, takes: Duration) -> u64 {
        let mut pace = Pace::new();
        let mut count = 0;
        for _ in 0..rounds {
            match pace.is_together() {
                true => {
                    pace.was_together(100, takes);
                    count += 1;
                }
                false => pace.was_alone(100, us(100)),
            }
        }
        count
    }

    #[test]
    fn threads_that_gain_stay_and_threads_that_lose_are_seldom_asked() {
        assert_eq!(together(1_000, us(60)), 1_000 - FIRST);
        assert!(together(100_000, us(4_000)) < 10);
        assert!(together(100_000, us(110)) < 250);
    }

    #[test]
    fn a_steady_trickle_has_one_thread() {
        let threads = |campaign: &str, rest: &str| {
            let text = format!(
                "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\n{campaign}
                [fleet]\ndevices = 9\nversions = {{ '1' = 1.0 }}\n[[fleet.cohort]]\nname = 'a'
                download.takes = '1 s'\n{rest}"
            );
            let loaded = crate::scenario::load_text("x.toml", &text, ".".as_ref(), &[]);
            threads_that_pay(&loaded.unwrap_or_else(|problems| panic!("{problems}")), 4)
        };
        let slow = "rate.constant.rate = '600 /min'";
        assert_eq!(threads(slow, ""), 1);
        assert_eq!(threads(slow, "[run]\ntick = '10 s'"), 4);
        assert_eq!(threads("rate.constant.rate = '60000 /min'", ""), 4);
        assert_eq!(threads("rate.constant = { rate = '600 /min', burst = 100 }", ""), 4);
        assert_eq!(threads("rate = 'unlimited'", ""), 4);
        let storm = "[[outage]]\nname = 'o'\nwhen.scheduled = { at = '1 h', lasts = '1 h' }";
        assert_eq!(threads(slow, storm), 4);
        assert_eq!(threads(slow, "[run]\nevery_flip = true"), 4);
    }
}
