//! The laws that the devices of one cohort share, ready for sampling; times in microseconds.

use crate::dist::Law;
use crate::rng::threshold;

use super::attempt::Verdict;
use super::polling::Polling;
use super::reach::Reach;

/// One cohort's laws.
#[derive(Clone, Debug)]
pub struct Cohort {
    pub start: Start,
    /// When devices are activated and first come online; none: they are there from the beginning.
    pub joins: Option<Law>,
    /// Lengths of offline and of online periods, in this order.
    pub periods: [Law; 2],
    /// A device whose word lies below is offline for good.
    pub never_returns: u64,
    /// Else, below this, it is online at a random instant.
    pub online_below: u64,
    /// Where more than the periods decides it: what does.
    pub reach: Option<Box<Reach>>,
    /// None: it waits to be told.
    pub polling: Option<Polling>,
    /// How long the user takes to agree or refuse, where that is asked for.
    pub consent: Law,
    /// The user of a device whose word lies below refuses.
    pub refuses: u64,
    pub reaction: Law,
    pub download: DownloadLaw,
    /// Devices ask a server before they load.
    pub asks: bool,
    /// A download starts anew after an interruption.
    pub restarts: bool,
    pub verify: Law,
    pub install: Law,
    pub failures: Failures,
}

/// How devices begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Online without end.
    Always,
    /// In the middle of a period, as at a random instant.
    Equilibrium,
    /// At the beginning of an online period.
    Online,
    /// At the beginning of an offline period.
    Offline,
}

/// How long a download takes.
#[derive(Clone, Debug)]
pub enum DownloadLaw {
    /// Microseconds, drawn for each attempt.
    Takes(Law),
    /// Bits per second, drawn once per device.
    Link(Law),
}

impl Cohort {
    /// The law of a period's length. A list and no branch: half of the guesses would be wrong.
    #[inline(always)]
    pub fn period(&self, online: bool) -> &Law {
        &self.periods[usize::from(online)]
    }

    /// The share of the devices that are not gone for good.
    pub fn share_that_returns(&self) -> f64 {
        1.0 - self.never_returns as f64 / 18_446_744_073_709_551_616.0
    }

    /// The words below which a device is gone, and below which it is online.
    ///
    /// # Panics
    /// If an equilibrium is asked of periods without a finite mean.
    pub fn presence_thresholds(
        start: Start,
        on: &Law,
        off: &Law,
        never_returns: f64,
    ) -> (u64, u64) {
        let online = match start {
            Start::Always | Start::Online => 1.0,
            Start::Offline => 0.0,
            Start::Equilibrium => {
                let mean = on.mean() + off.mean();
                assert!(mean.is_finite(), "no equilibrium: infinite mean");
                on.mean() / mean
            }
        };
        (threshold(never_returns), threshold(never_returns + (1.0 - never_returns) * online))
    }
}

/// What comes of an attempt, by cumulated thresholds over a word.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    below: [(u64, Verdict); 7],
}

impl Failures {
    /// From the probabilities of the ways to fail; together at most 1.
    pub fn new(probabilities: [(f64, Verdict); 7]) -> Failures {
        let mut sum = 0.0;
        let below = probabilities.map(|(p, verdict)| {
            sum += p;
            (threshold(sum), verdict)
        });
        Failures { below }
    }

    /// What comes of an attempt whose draw is this word; uniform words meet the probabilities.
    #[inline(always)]
    pub fn verdict(&self, word: u64) -> Verdict {
        if word >= self.below[6].0 {
            return Verdict::Target;
        }
        self.below.iter().find(|(limit, _)| word < *limit).map_or(Verdict::Target, |(_, v)| *v)
    }
}
