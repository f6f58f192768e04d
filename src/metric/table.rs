//! The table of all metrics.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::model::{Better, Span};
use crate::sim::outcome::{COUNTERS, LatencyKind, Tally, ratio};

use super::course::{COURSE, TIMES};
use super::stages::STAGES;
use super::tasks::TASKS;
use super::traffic::TRAFFIC;
use super::{Kind, Label, Lasted, Look, Metric, Query, Source, Statistic, Takes, Value};

/// All metrics, in the order in which they are shown.
pub fn table() -> &'static [&'static Metric] {
    static MADE: LazyLock<Vec<Metric>> = LazyLock::new(|| counters().chain(latencies()).collect());
    static TABLE: LazyLock<Vec<&Metric>> = LazyLock::new(|| {
        [TASKS, TIMES, COURSE, STAGES, TRAFFIC, &MADE].into_iter().flatten().collect()
    });
    &TABLE
}

// Short, so that a row of a table is a row.
pub use Better::{Higher, Lower, Neither};
pub use Kind::{Count, Flag, Level, Share, Time as Reached};
pub use Takes::{Instant, Nothing, Quantile, Window};

/// Labels of a metric of the fleet, of a campaign, of a rule, of a link.
pub const FLEET: &[Label] = &[Label::Cohort, Label::Campaign, Label::Package];
/// As [`FLEET`], by reason as well.
pub const FAILED: &[Label] = &[Label::Cohort, Label::Campaign, Label::Package, Label::Reason];
/// Of a whole campaign.
pub const CAMPAIGN: &[Label] = &[Label::Campaign, Label::Package];
/// Of an abort rule.
pub const RULE: &[Label] = &[Label::Campaign, Label::Rule];
/// Of a stage, in all or of one cohort.
pub const STAGE: &[Label] = &[Label::Stage, Label::Cohort, Label::Campaign, Label::Package];
/// Of a link.
pub const LINK: &[Label] = &[Label::Link];
/// Of the whole run.
pub const NONE: &[Label] = &[];

type Named = (&'static str, Takes, &'static [Label]);
type What = (&'static str, Better, Kind);

/// A metric of the counts of a cohort, or of all.
pub const fn tally(
    name: Named,
    what: What,
    definition: &'static str,
    of: fn(&Tally, &Query) -> Value,
) -> Metric {
    row(name, what, definition, Source::Tally(of))
}

/// A metric of the run as a whole.
pub const fn whole(
    name: Named,
    what: What,
    definition: &'static str,
    of: fn(&Look, &Query) -> Value,
) -> Metric {
    row(name, what, definition, Source::Outcome(of))
}

const fn row(
    (name, takes, labels): Named,
    (unit, better, kind): What,
    definition: &'static str,
    source: Source,
) -> Metric {
    let (name, definition) = (Cow::Borrowed(name), Cow::Borrowed(definition));
    Metric { name, unit, better, kind, definition, takes, labels, source }
}

fn counters() -> impl Iterator<Item = Metric> {
    COUNTERS.iter().map(|counter| Metric {
        name: format!("{}.count", counter.name).into(),
        unit: counter.unit,
        better: counter.better,
        kind: Count,
        definition: counter.definition().into(),
        takes: Nothing,
        labels: FLEET,
        source: Source::Counter(counter),
    })
}

fn latencies() -> impl Iterator<Item = Metric> {
    let all = LatencyKind::ALL.map(Lasted::Of).into_iter().chain([Lasted::Wait, Lasted::Response]);
    let statistics = [
        ("mean", Statistic::Mean, "mean"),
        ("min", Statistic::Min, "least"),
        ("max", Statistic::Max, "greatest"),
        ("", Statistic::Quantile, "a quantile"),
    ];
    all.flat_map(move |lasted| {
        statistics.map(|(part, statistic, word)| {
            let dot = if part.is_empty() { "" } else { "." };
            Metric {
                name: format!("latency.{}{dot}{part}", lasted.name()).into(),
                unit: "s",
                better: Lower,
                kind: Kind::Latency,
                definition: format!("{} Of those recorded, the {word}.", lasted.definition())
                    .into(),
                takes: if part.is_empty() { Quantile } else { Nothing },
                labels: match lasted {
                    Lasted::Of(_) => FLEET,
                    Lasted::Wait | Lasted::Response => &[],
                },
                source: Source::Latency(lasted, statistic),
            }
        })
    })
}

impl Lasted {
    fn definition(self) -> &'static str {
        match self {
            Lasted::Of(kind) => kind.definition(),
            Lasted::Wait => "From a request to the beginning of its service.",
            Lasted::Response => "From a request to its answer.",
        }
    }
}

/// A count as a number.
pub fn n(count: u64) -> Value {
    Value::Number(count as f64)
}

/// A share; missing of nothing.
pub fn of(part: u64, whole: u64) -> Value {
    Value::of(ratio(part, whole))
}

/// A time in seconds that may not have come.
pub fn reached(span: Option<Span>) -> Value {
    span.map_or(Value::NotReached, |span| Value::Number(span.as_secs_f64()))
}
