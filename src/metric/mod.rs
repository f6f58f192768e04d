//! Every number of a run by its name: what it means, in which unit, which way it is better.
//!
//! Files, texts and comparisons ask here; a number that is added to the table is everywhere.

mod course;
mod query;
mod stages;
mod table;
mod tasks;
mod traffic;

pub use query::{Measured, Query, QueryError, standard};
pub use table::table;

use std::borrow::Cow;

use crate::model::Better;
use crate::sim::outcome::{Counter, LatencyKind, Outcome, Tally};
use crate::stats::Latency;

/// A number of a run.
pub struct Metric {
    /// The path, without what [`Takes`] asks for.
    pub name: Cow<'static, str>,
    /// `1` for a share.
    pub unit: &'static str,
    pub better: Better,
    pub kind: Kind,
    /// What it is, in a sentence or two.
    pub definition: Cow<'static, str>,
    pub takes: Takes,
    /// What it can be asked of a part of; without a label it is the whole fleet's.
    pub labels: &'static [Label],
    source: Source,
}

/// What sort of number it is: decides how its uncertainty is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A share, 0 to 1.
    Share,
    Count,
    /// A time that may not be reached.
    Time,
    /// A level or a peak.
    Level,
    /// A quantile or moment of latencies inside a run.
    Latency,
    /// 1 or 0: it happened or not.
    Flag,
}

impl Kind {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Share => "share",
            Kind::Count => "count",
            Kind::Time => "time",
            Kind::Level => "level",
            Kind::Latency => "latency",
            Kind::Flag => "flag",
        }
    }
}

/// What must stand behind the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// `.pQ`, Q above 0 and at most 100, with up to three decimals.
    Quantile,
    /// `(t)`: a time since the activation.
    Instant,
    /// `(w)`, or nothing for a minute: whole minutes.
    Window,
}

impl Takes {
    /// As it is shown in lists.
    pub fn form(self) -> &'static str {
        match self {
            Takes::Nothing => "",
            Takes::Quantile => ".pQ",
            Takes::Instant => "(t)",
            Takes::Window => "[(w)]",
        }
    }
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    Cohort,
    /// By name.
    Campaign,
    /// By module.
    Package,
    Reason,
    Link,
    /// Position of an abort rule, from 1.
    Rule,
    /// Number of a stage, from 1.
    Stage,
}

impl Label {
    /// Every label, in the order in which they are shown.
    pub const ALL: [Label; 7] = [
        Label::Cohort,
        Label::Campaign,
        Label::Package,
        Label::Reason,
        Label::Link,
        Label::Rule,
        Label::Stage,
    ];

    /// As it stands in a query, such as `failed.share{cohort="battery"}`.
    pub fn name(self) -> &'static str {
        match self {
            Label::Cohort => "cohort",
            Label::Campaign => "campaign",
            Label::Package => "package",
            Label::Reason => "reason",
            Label::Link => "link",
            Label::Rule => "rule",
            Label::Stage => "stage",
        }
    }
}

/// What a metric came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    /// A time that did not come before the end of the run: greater than every number.
    NotReached,
    /// There is none: nothing to divide by, or nothing recorded.
    Missing,
}

impl Value {
    /// The number, if there is one.
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(number),
            Value::NotReached | Value::Missing => None,
        }
    }

    fn of(number: Option<f64>) -> Value {
        number.map_or(Value::Missing, Value::Number)
    }
}

/// Where a metric's number comes from.
enum Source {
    Counter(&'static Counter),
    Tally(fn(&Tally, &Query) -> Value),
    Outcome(fn(&Look, &Query) -> Value),
    Latency(Lasted, Statistic),
}

/// Which latency.
#[derive(Clone, Copy)]
enum Lasted {
    Of(LatencyKind),
    /// From a request to the beginning of its service.
    Wait,
    /// From a request to its answer.
    Response,
}

/// What of a latency.
#[derive(Clone, Copy)]
enum Statistic {
    Mean,
    Min,
    Max,
    Quantile,
}

/// A run, and the package of it that is asked about.
struct Look<'a> {
    /// The whole run: its first package carries what all share.
    run: &'a Outcome,
    package: &'a Outcome,
    tally: &'a Tally,
}

impl Lasted {
    fn name(self) -> &'static str {
        match self {
            Lasted::Of(kind) => kind.name(),
            Lasted::Wait => "wait",
            Lasted::Response => "response",
        }
    }

    fn of<'a>(self, look: &Look<'a>) -> Option<&'a Latency> {
        let backend = || look.run.traffic.as_ref()?.backend.as_ref();
        match self {
            Lasted::Of(kind) => Some(look.tally.latency(kind)),
            Lasted::Wait => Some(&backend()?.wait),
            Lasted::Response => Some(&backend()?.response),
        }
    }
}
