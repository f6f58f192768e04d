//! The fleet: who the devices are, and the laws that they follow.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BitRate, Span};
use crate::scenario::availability::{DailyWindow, Online, Pace};
use crate::scenario::law::Law;

/// The devices, and how they behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Number of devices of a generated fleet, named "0", "1", …; or give `inventory`.
    #[schemars(range(min = 1, max = 4_000_000_000u32))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u32>,
    /// A CSV file with one row per device; its path is relative to the scenario file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<PathBuf>,
    /// Installed versions and their shares, e.g. { "4.1.3" = 0.8, "4.0.9" = 0.2 }.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, f64>,
    /// Installed versions of further modules and their shares, by the module's name, e.g.
    /// { mcu = { "1.0" = 1.0 } }.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modules: BTreeMap<String, BTreeMap<String, f64>>,
    /// Groups of devices with laws of their own; 1 to 4096.
    #[schemars(length(min = 1, max = 4096))]
    pub cohort: Vec<Cohort>,
}

/// Devices that share their laws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Name of the cohort; what the inventory's `cohort` column refers to.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Share of a generated fleet, 0 to 1; all shares add up to 1. Not used with an inventory.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Installed versions and their shares, if they differ from the fleet's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, f64>,
    /// IANA time zone, for windows on the device's own clock; else UTC.
    #[schemars(length(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// When devices are activated and first come online, since the run began; none: they are
    /// there from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joins: Option<Law<Span>>,
    /// When devices are reachable.
    #[serde(default)]
    pub online: Online,
    /// How devices differ in the pace at which `renewal` and `measured` periods go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Devices can be reached only in this daily window as well, e.g. while they charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charges: Option<DailyWindow>,
    /// When devices leave for good, since the run began or they joined; none: they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Law<Span>>,
    /// Share of devices that are offline for good, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default)]
    pub never_returns: f64,
    /// How often devices ask for an offer, where `campaign.delivery` is "poll".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    /// What users do where `campaign.confirm` asks them.
    #[serde(default)]
    pub confirms: Confirms,
    /// From the offer's arrival to the first progress report.
    #[serde(default)]
    pub reacts: Law<Span>,
    /// How long a download takes while the device is online.
    pub download: Download,
    /// What a download does after an interruption.
    #[serde(default)]
    pub interrupted: Interrupted,
    /// Verification after the download.
    #[serde(default)]
    pub verify: Law<Span>,
    /// Flashing and reboot after verification; goes on while offline.
    #[serde(default)]
    pub install: Law<Span>,
    /// Probabilities per attempt that something goes wrong.
    #[serde(default)]
    pub fails: Fails,
}

/// A device's polls; their phase is random, so that they spread evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// From one poll to the next.
    pub every: Span,
    /// Each interval is stretched or shortened by up to this share, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default)]
    pub jitter: f64,
}

/// What users do who are asked for their consent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirms {
    /// How long they take.
    #[serde(default)]
    pub after: Law<Span>,
    /// Share of users who refuse, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default)]
    pub refuses: f64,
}

/// How long a download takes while the device is online.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Download {
    /// A law of the duration itself, drawn anew for each attempt.
    Takes(Law<Span>),
    /// Package size over the device's link rate, drawn once per device.
    Link(Law<BitRate>),
}

/// What a download does after an interruption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupted {
    /// It goes on where it was.
    #[default]
    Resume,
    /// It begins again from zero.
    Restart,
}

/// Probabilities per attempt, 0 to 1 each, at most 1 together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fails {
    /// Upgrade failed, code -1; reported at the end of the installation.
    #[schemars(range(min = 0, max = 1))]
    pub upgrade: f64,
    /// Download failed, code -2; reported at the end of the download.
    #[schemars(range(min = 0, max = 1))]
    pub download: f64,
    /// Verification failed, code -3; reported at the end of verification.
    #[schemars(range(min = 0, max = 1))]
    pub verify: f64,
    /// Flashing failed, code -4; reported at the end of the installation.
    #[schemars(range(min = 0, max = 1))]
    pub flash: f64,
    /// The device comes back with a version that is neither source nor target.
    #[schemars(range(min = 0, max = 1))]
    pub wrong_version: f64,
    /// The device never reports again, and does not say so.
    #[schemars(range(min = 0, max = 1))]
    pub bricks: f64,
    /// The device's own check of battery, signal or space refuses the offer; never retried.
    #[schemars(range(min = 0, max = 1))]
    pub rejects: f64,
}
