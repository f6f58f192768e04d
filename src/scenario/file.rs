//! The scenario file, as the user writes it. Doc comments become the schema's descriptions.
//!
//! Variants are externally tagged tables (`online.renewal = { … }`), so that every problem
//! can be pointed at; unknown keys are refused everywhere.

mod fleet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::availability::Outage;
use super::backend::{Backend, Link};
use super::moments::Moment;
use super::profile::Profile;
use super::rules::{
    AbortRule, Cancel, Conflict, Dynamic, FailedCounts, Joiners, ModuleOrder, NotStarted, Order,
    RateFrom, Reached, StageOf, StageSizes, Stages, Step, TimeoutFrom, Window,
};
use crate::model::{Bytes, EventRate, Span};
pub use fleet::{Cohort, Confirms, Download, Fails, Fleet, Interrupted, Poll};

/// One campaign on one fleet, and how to simulate it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the scenario format; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// What is rolled out.
    pub package: Package,
    /// Further packages of the campaign, each for another module of the devices.
    #[schemars(length(max = 15))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// To whom, how fast, under which rules.
    pub campaign: Campaign,
    /// The devices, and how they behave.
    pub fleet: Fleet,
    /// What takes many devices off the network at the same time.
    #[schemars(length(max = 1000))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outage: Vec<Outage>,
    /// The servers that devices ask, and load from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Links that downloads share, beside the backend's egress.
    #[schemars(length(max = 100))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link: Vec<Link>,
    /// What operators do to the campaign, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator: Vec<Step>,
    /// Adoption that was measured elsewhere, to be shown beside the simulated one.
    #[schemars(length(max = 4))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<Reference>,
    /// Further campaigns on the same fleet.
    #[schemars(length(max = 15))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout: Vec<Rollout>,
    /// How to simulate.
    #[serde(default)]
    pub run: Run,
}

/// A further campaign on the same fleet, with what it rolls out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// What is rolled out.
    pub package: Package,
    /// Further packages of the campaign, each for another module of the devices.
    #[schemars(length(max = 15))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// To whom, how fast, under which rules.
    pub campaign: Campaign,
    /// What operators do to the campaign, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator: Vec<Step>,
}

/// An adoption curve that was measured elsewhere: a check of the shape, not a validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What was measured, e.g. "iOS 9, 2015".
    #[schemars(length(min = 1))]
    pub name: String,
    /// Where the numbers are from.
    #[schemars(length(min = 1))]
    pub source: String,
    /// In order of time.
    #[schemars(length(min = 1, max = 1000))]
    pub point: Vec<Point>,
}

/// A point of an adoption curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Since the release.
    pub at: Span,
    /// Share of the devices that ran it by then, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
}

/// The module of devices that have only one.
pub const DEFAULT_MODULE: &str = "default";

/// The firmware package that is rolled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The module it is for; `fleet.modules` says what devices have installed there.
    #[schemars(length(min = 1))]
    #[serde(default = "default_module")]
    pub module: String,
    /// The version a device reports once it is updated.
    #[schemars(length(min = 1))]
    pub version: String,
    /// Size of the full image, e.g. "48 MiB". Needed where a cohort downloads over a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// It must be verified on a few devices before it is rolled out; not yet done.
    #[serde(default)]
    pub needs_verification: bool,
    /// Sizes of delta images by the version they start from; others load the full image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delta: BTreeMap<String, Bytes>,
}

/// The rollout's selection, pace and rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// A name for people; part of the results folder's name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The platform whose behaviour fills in what is not given here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// It verifies the package: on at most 10 devices, all of which must succeed.
    #[serde(default)]
    pub verify: bool,
    /// It also takes devices that match later; none: only those that match when it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<Dynamic>,
    /// When those have their turn that match it later.
    #[serde(default)]
    pub joiners: Joiners,
    /// What happens where a device still has an unfinished task of another campaign.
    #[serde(default)]
    pub conflict: Conflict,
    /// Tasks for different modules of a device are independent: only one for the same module is
    /// in the way.
    #[serde(default)]
    pub modules_independent: bool,
    /// How a device with several packages to install goes about it.
    #[serde(default)]
    pub modules: ModuleOrder,
    /// Which of the matching devices are targeted.
    #[serde(default)]
    pub select: Select,
    /// Only devices that run one of these versions; empty: any version but the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_versions: Vec<String>,
    /// Devices never targeted (device ids); wins over the white list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blacklist: Vec<String>,
    /// If given, only these devices (device ids) may be targeted.
    #[schemars(length(min = 1))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whitelist: Vec<String>,
    /// How fast pushes leave.
    pub rate: PushRate,
    /// How far into the target list it goes, and when.
    #[serde(default)]
    pub stages: Stages,
    /// How the percentages of stages become numbers of devices.
    #[serde(default)]
    pub stage_sizes: StageSizes,
    /// What the percentages of stages are of.
    #[serde(default)]
    pub stage_of: StageOf,
    /// In which order devices have their turns.
    #[serde(default)]
    pub order: Order,
    /// Tasks in flight at most: pushed and not final.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Pushes begin here, since the run began.
    #[serde(default)]
    pub start: Span,
    /// The end of its validity, since the run began; none: until all tasks are final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Span>,
    /// A draft does nothing until an operator activates it.
    #[serde(default)]
    pub draft: bool,
    /// Pushes leave only in this daily window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Pushes leave only at multiples of this on the wall clock, e.g. "10 min", counted from
    /// midnight (UTC) of the run's first day; all at once that the rate has allowed since the
    /// last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Span>,
    /// How an offer reaches a device.
    #[serde(default)]
    pub delivery: Delivery,
    /// Users are asked first; each cohort's `confirms` says what they do.
    #[serde(default)]
    pub confirm: bool,
    /// What an offline device's turn does.
    #[serde(default)]
    pub offline: OfflineTurn,
    /// What devices that have not started become when it is terminated or expires.
    #[serde(default)]
    pub not_started: NotStarted,
    /// At its expiry started tasks fail, too; else they go on.
    #[serde(default)]
    pub expiry_fails_started: bool,
    /// Whether operators can suspend, resume and terminate it.
    #[serde(default = "yes")]
    pub can_suspend: bool,
    /// What stops it when too many devices come to a bad end; the first rule that is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abort: Vec<AbortRule>,
    /// What the metric "failed" of its abort rules counts.
    #[serde(default)]
    pub failed_counts: FailedCounts,
    /// What a cancel makes of a task that its device goes about.
    #[serde(default)]
    pub cancel: Cancel,
    /// A task fails this long after its first progress report ("1 min" to "1440 min"); none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// A task fails when, after its first progress report, none brings it further for this long
    /// ("1 min" to "7 d"); none: a step may take as long as it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_timeout: Option<Span>,
    /// What the timeout runs from instead.
    #[serde(default)]
    pub timeout_from: TimeoutFrom,
    /// Automatic retry of failed attempts; none: an attempt that fails fails the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Which of the matching devices are targeted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Select {
    /// Every matching device.
    #[default]
    All,
    /// floor(p % of the matching devices), at least one; up to three decimals.
    Percent(f64),
    /// These device ids, in this order.
    List(Vec<String>),
    /// A text file with one device id per line, pushed in that order.
    ListFile(PathBuf),
}

/// How fast pushes leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum PushRate {
    /// A token bucket: evenly spaced pushes, up to `burst` at once after a pause.
    Constant {
        /// e.g. "1000 /min" or "500 /s".
        rate: EventRate,
        /// Tokens the bucket holds; 1 spaces all pushes evenly.
        #[schemars(range(min = 1))]
        #[serde(default = "one")]
        burst: u32,
    },
    /// At most `pushes` in each window, counted from the start of the run.
    FixedWindow {
        /// Most pushes in one window.
        #[schemars(range(min = 1))]
        pushes: u32,
        /// Length of a window.
        #[serde(default = "one_minute")]
        window: Span,
    },
    /// A table of rates over time.
    Variable {
        /// In order of time; before the first entry nothing is pushed.
        #[schemars(length(min = 1))]
        table: Vec<RateFrom>,
        /// Tokens the bucket holds; 1 spaces all pushes evenly.
        #[schemars(range(min = 1))]
        #[serde(default = "one")]
        burst: u32,
    },
    /// A rate that is multiplied each time so many more devices are reached.
    Exponential {
        /// Pushes per minute at the beginning.
        #[schemars(range(min = 1))]
        base: u32,
        /// What the rate is multiplied by: 1.1 to 5.0, one decimal.
        #[schemars(range(min = 1.1, max = 5))]
        factor: f64,
        /// Devices from one multiplication to the next.
        #[schemars(range(min = 1))]
        every: u32,
        /// Which devices count.
        #[serde(default)]
        of: Reached,
        /// Pushes per minute at most.
        #[schemars(range(min = 1))]
        max: u32,
    },
    /// Every push leaves at once.
    Unlimited,
}

/// How an offer reaches a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It is pushed.
    #[default]
    Push,
    /// The device asks for it, at its own times; each cohort's `poll` says how often.
    Poll,
}

/// What an offline device's turn does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OfflineTurn {
    /// It waits aside and takes its permit, ahead of the list, when it returns.
    #[default]
    WhenOnline,
    /// The offer takes its permit now, is kept, and reaches the device when it returns.
    StoreAndForward,
}

/// Automatic retry of failed attempts; never after a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Retries after the first attempt, 1 to 10.
    #[schemars(range(min = 1, max = 10))]
    pub count: u8,
    /// From the failure to the retry.
    #[serde(default)]
    pub interval: Span,
    /// Whether a retry takes a push permit as a first push does.
    #[serde(default = "yes")]
    pub needs_permit: bool,
    /// Retry only if `source_versions` is given, as Alibaba does.
    #[serde(default)]
    pub needs_source_version: bool,
}

/// How to simulate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// All random numbers follow from it.
    #[schemars(range(max = 9_223_372_036_854_775_807u64))]
    pub seed: u64,
    /// Where the run begins on the calendar, for windows and marks.
    pub date: Moment,
    /// The scheduler decides at multiples of this; "1 ms" to "1 h".
    pub tick: Span,
    /// The run stops here if tasks are still open; at most "3000 d".
    pub until: Span,
    /// Distance of the points of the time series; none: about 500 points up to `until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_every: Option<Span>,
    /// Simulate every change between online and offline of every device, also of devices
    /// that nothing has touched. Same distributions, many more events.
    pub every_flip: bool,
}

impl Default for Run {
    fn default() -> Run {
        Run {
            seed: 1,
            date: Moment(1_798_761_600),
            tick: Span::secs(1),
            until: Span::secs(30 * 86_400),
            sample_every: None,
            every_flip: false,
        }
    }
}

fn default_module() -> String {
    DEFAULT_MODULE.to_owned()
}

fn one() -> u32 {
    1
}

fn one_minute() -> Span {
    Span::secs(60)
}

fn yes() -> bool {
    true
}
