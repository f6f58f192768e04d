//! What the scenario says about servers and shared links.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::law::Law;
use crate::model::{BitRate, Span};

/// The servers that devices ask, and load from. Before each download, and after each interruption
/// of one, a device asks; where `campaign.delivery` is "poll", each poll asks as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backend {
    /// Requests that are served at the same time; none: every request is answered at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// How long one request takes a worker.
    pub service: Law<Span>,
    /// Requests that may wait; more are shed (503). None: any number waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// Downloads at a time; requests for more are shed (503). None: any number.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// What a shed request is told to wait at least (Retry-After).
    pub retry_after: Span,
    /// Bandwidth that all downloads share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<BitRate>,
    /// A download link is good for so long; a download that is interrupted for longer needs a
    /// new one, which costs a request more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_expires: Option<Span>,
    /// A device that waits longer for an answer gives up, and asks again later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<Span>,
    /// How long devices wait that were shed or gave up.
    pub backoff: Backoff,
}

impl Default for Backend {
    fn default() -> Backend {
        Backend {
            workers: None,
            service: Law::Constant(Span::ZERO),
            queue: None,
            connections: None,
            retry_after: Span::ZERO,
            egress: None,
            link_expires: None,
            patience: None,
            backoff: Backoff::default(),
        }
    }
}

/// Capped exponential backoff: base x factor^(failures in a row - 1), at most `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// After the first failure.
    pub base: Span,
    /// From each failure to the next.
    #[schemars(range(min = 1, max = 100))]
    pub factor: f64,
    /// Never longer than this.
    pub cap: Span,
    /// How much of it is left to chance.
    pub jitter: Jitter,
}

impl Default for Backoff {
    fn default() -> Backoff {
        let (base, cap) = (Span::secs(1), Span::secs(300));
        Backoff { base, factor: 2.0, cap, jitter: Jitter::Full }
    }
}

/// How much of a delay is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Evenly from zero to all of it.
    #[default]
    Full,
    /// Evenly from half of it to all of it.
    Half,
    /// Nothing: devices that fail together come back together.
    None,
}

/// A link that downloads of some cohorts share, beside the backend's egress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// For people, e.g. "eu-west".
    #[schemars(length(min = 1))]
    pub name: String,
    /// What it carries, or each of its cells.
    pub capacity: BitRate,
    /// Names of the cohorts whose downloads go over it; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<String>,
    /// It stands for so many equal links, such as the cells of a mobile network; each device is in
    /// one of them, evenly at random.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default = "one")]
    pub cells: u32,
}

impl Link {
    /// Whether the downloads of a cohort go over it.
    pub fn carries(&self, cohort: &str) -> bool {
        self.cohorts.is_empty() || self.cohorts.iter().any(|name| name == cohort)
    }
}

fn one() -> u32 {
    1
}
