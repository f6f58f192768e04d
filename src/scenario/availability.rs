//! What the scenario says about when devices can be reached.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::moments::TimeOfDay;
use crate::model::Span;

/// When devices are reachable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Online {
    /// Always.
    #[default]
    Always,
    /// Online and offline periods alternate, each drawn from its own law.
    Renewal {
        /// Length of an online period.
        on: Law<Span>,
        /// Length of an offline period.
        off: Law<Span>,
        /// The state devices are in when the run begins.
        #[serde(default)]
        start: Start,
    },
    /// As `renewal`, with both laws taken from measured durations in a CSV file
    /// (columns `state`: on|off, `duration_s`); each draw repeats one measured value.
    Measured {
        /// The CSV file; its path is relative to the scenario file.
        file: PathBuf,
        /// The state devices are in when the run begins.
        #[serde(default)]
        start: Start,
    },
    /// Shares of the devices that are online, by the hour on their own clocks. The same devices
    /// are online in most hours, until they change ranks.
    Profile {
        /// 24 shares at the full hours of every day, from 00:00 on, or 168 for a week from
        /// Monday 00:00 on; between them it goes in straight lines.
        #[schemars(length(min = 24, max = 168))]
        share: Vec<f64>,
        /// How long a device keeps its rank in the order in which devices come online.
        #[serde(default = "six_hours")]
        holds: Span,
    },
    /// As `profile`, with a cosine over the day:
    /// mean x (1 + amplitude x cos(2 pi x (hour - peak) / 24)).
    Daily {
        /// Share online over the day, 0 to 1.
        #[schemars(range(min = 0, max = 1))]
        mean: f64,
        /// How far it goes up and down, as a share of the mean, 0 to 1.
        #[schemars(range(min = 0, max = 1))]
        amplitude: f64,
        /// When most are online, on the devices' own clocks.
        peak: TimeOfDay,
        /// How long a device keeps its rank in the order in which devices come online.
        #[serde(default = "six_hours")]
        holds: Span,
    },
    /// Only in a daily window on the devices' own clocks.
    Nightly(DailyWindow),
    /// In short windows at even distances, as with the power saving of cellular modems (PSM,
    /// eDRX); each device has a phase of its own.
    Cycle {
        /// From one window to the next, e.g. the periodic TAU "24 h".
        every: Span,
        /// How long the device can be reached in each, e.g. "16 s".
        active: Span,
        /// What it has begun in its window it brings to an end; else the window's end
        /// interrupts it.
        #[serde(default = "yes")]
        stays_awake: bool,
    },
    /// Recorded changes in a CSV file with the columns `device`, `time_s` and `state` (on|off);
    /// before its first row a device is in the other state.
    Trace {
        /// The CSV file; its path is relative to the scenario file.
        file: PathBuf,
        /// Which trace a device follows.
        #[serde(default)]
        follows: Follows,
    },
}

/// The state devices are in when the run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// As at a random moment: long since running, in the middle of a period.
    #[default]
    Equilibrium,
    /// All at the beginning of an online period.
    Online,
    /// All at the beginning of an offline period.
    Offline,
}

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

impl Outage {
    /// Whether it concerns the devices of a cohort.
    pub fn concerns(&self, cohort: &str) -> bool {
        self.cohorts.is_empty() || self.cohorts.iter().any(|name| name == cohort)
    }
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

fn six_hours() -> Span {
    Span::secs(6 * 3600)
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}
