//! What the user writes: TOML → checked, typed, with units.

pub mod availability;
pub mod backend;
pub mod bounds;
mod check;
mod check_availability;
mod check_backend;
mod check_course;
mod check_fleet;
mod check_law;
mod check_rules;
mod check_uses;
mod csv_file;
pub mod file;
mod files;
mod findings;
mod identity;
mod inventory;
pub mod law;
mod measured;
pub mod moments;
mod overrides;
mod path;
mod problem;
mod profile;
pub mod pushing;
mod quotas;
mod read;
pub mod rules;
mod samples;
mod schema;
mod serial;
mod stage_sizes;
mod stand_in;
mod targets;
#[cfg(test)]
mod tests;
mod traces;
mod tree;
pub mod units;
mod walk;
pub mod windows;

use std::sync::Arc;

pub use identity::{identity, sha256};
pub use problem::{Level, Problem, Problems};
pub use profile::Profile;
pub use read::{load, load_text, resolved};
pub use schema::{explain, schema};

/// A scenario with everything it refers to, checked: nothing is left to guess.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub scenario: file::Scenario,
    /// The file as it was read, for the results folder.
    pub text: String,
    /// The files it names, as they are named in it, each with the SHA-256 of its contents.
    pub files: Vec<(String, String)>,
    /// Per-device data, if the fleet is given by an inventory.
    pub inventory: Option<Arc<Inventory>>,
    /// Measured periods, one entry per cohort; none where the cohort has no measured law.
    pub measured: Vec<Option<Measured>>,
    /// Recorded changes, one entry per cohort; none where the cohort follows no traces.
    pub traces: Vec<Option<Arc<Traces>>>,
    /// Ids of `select.list` or `select.list-file`, in push order.
    pub select_list: Option<Vec<crate::model::DeviceId>>,
    /// Devices that each step of the operator's day names.
    pub operator_devices: Vec<Vec<crate::model::DeviceId>>,
    /// Black and white list as device numbers, sorted; no white list: everyone.
    pub blacklist: Vec<crate::model::DeviceId>,
    pub whitelist: Option<Vec<crate::model::DeviceId>>,
    /// What is moot or odd in it, or good to know; none, if nothing is.
    pub remarks: Option<Arc<Problems>>,
    /// The campaign's further packages, each with a scenario of its own.
    pub modules: Vec<Loaded>,
    /// Further campaigns on the fleet.
    pub rollouts: Vec<Loaded>,
}

/// A fleet as listed by the user; every list is indexed by device.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Device ids.
    pub ids: Vec<String>,
    /// Position in `fleet.cohort`.
    pub cohorts: Vec<u16>,
    /// Position in `version_names`.
    pub versions: Vec<u16>,
    pub version_names: Vec<String>,
    /// Link rates in bit/s, 0 where the row has none; empty without such a column.
    pub link_bps: Vec<u64>,
    /// Position in `zone_names`, `u16::MAX` where the row has none; empty without such a column.
    pub zones: Vec<u16>,
    /// IANA time zones.
    pub zone_names: Vec<String>,
}

/// Recorded changes between online and offline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// By trace: the device it was recorded from, whether it begins online, and its changes in
    /// order.
    pub traces: Vec<(String, bool, Vec<crate::model::Time>)>,
    /// By device of the fleet: its own trace, if devices follow their own.
    pub of: Option<Vec<u32>>,
}

/// Measured online and offline periods in microseconds, each sorted, none zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub on_us: Vec<u64>,
    pub off_us: Vec<u64>,
}
