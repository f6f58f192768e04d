//! What the scenario says about when devices can be reached, beyond on and off periods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{Law, Start};
use super::moments::TimeOfDay;
use crate::model::Span;

/// A daily window on the devices' own clocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DailyWindow {
    /// It opens, e.g. "22:00".
    pub from: TimeOfDay,
    /// It closes; if that is not later than `from`, on the next day.
    pub to: TimeOfDay,
    /// Probability that a device keeps it, drawn anew each day.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default = "one")]
    pub probability: f64,
    /// A device's own window begins and ends up to so much earlier or later, evenly.
    #[serde(default)]
    pub jitter: Span,
}

/// Which recorded trace a device follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Follows {
    /// Any of them, from a random instant of the recording on and round again.
    #[default]
    Random,
    /// The one with the device's own id, from the beginning; every device needs one.
    Own,
}

/// How devices differ in the pace at which they go on and off: the laws' means are divided by
/// a factor that is drawn once per device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Pace {
    /// Gamma with mean 1 and this shape: exponential periods become Lomax over the fleet.
    Gamma { shape: f64 },
    /// Lognormal with median 1.
    Lognormal { sigma: f64 },
}

/// Something that takes many devices off the network at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// What fails, for people, e.g. "carrier A".
    #[schemars(length(min = 1))]
    pub name: String,
    /// Names of the cohorts it concerns; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<String>,
    /// Each of the cohorts has outages of its own, under the same laws; else they share them.
    #[serde(default)]
    pub each: bool,
    /// When it happens.
    pub when: When,
    /// How long a device takes to come back afterwards, beyond the end of the outage.
    #[serde(default)]
    pub reconnect: Law<Span>,
}

/// When an outage happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum When {
    /// Again and again: `up` from the end of one to the beginning of the next, `down` long.
    Random {
        /// Time between two outages.
        up: Law<Span>,
        /// Length of an outage.
        down: Law<Span>,
        /// Where the run begins.
        #[serde(default)]
        start: Start,
    },
    /// At known times, as maintenance is.
    Scheduled {
        /// The first begins, since the run began.
        at: Span,
        /// How long it lasts.
        lasts: Span,
        /// From one beginning to the next; none: it happens once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<Span>,
    },
}

fn one() -> f64 {
    1.0
}
