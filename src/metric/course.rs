//! Metrics of how long it took, and of what the campaign did.

use crate::model::{Span, Time};
use crate::sim::outcome::{AbortOutcome, LatencyKind, Tally};

use super::table::{
    CAMPAIGN, Count, FLEET, Flag, Higher, Instant, Level, Lower, NONE, Neither, Nothing, Quantile,
    RULE, Reached, Share, n, of, reached, tally, whole,
};
use super::{Label, Look, Metric, Query, Value};

/// How long it took.
pub const TIMES: &[Metric] = &[
    tally(
        ("done.at", Instant, FLEET),
        ("1", Higher, Share),
        "Share of the targeted devices updated by a time after the activation.",
        |t, query| of(updated(t, query), t.targeted),
    ),
    tally(
        ("finished.at", Instant, FLEET),
        ("1", Neither, Share),
        "Share of the targeted devices whose task was final by a time after the activation; none \
         where failed tasks were queued once more by hand.",
        |t, query| {
            if t.reopened > 0 {
                return Value::Missing;
            }
            of(updated(t, query) + t.ended.count_at_most(at(query)), t.targeted)
        },
    ),
    tally(
        ("pushed.at", Instant, FLEET),
        ("1", Neither, Share),
        "Share of the targeted devices pushed by a time after the activation.",
        |t, query| of(t.pushed.count_at_most(at(query)), t.targeted),
    ),
    tally(
        ("time_to", Quantile, FLEET),
        ("s", Lower, Reached),
        "From the activation until so many percent of the targeted devices were updated.",
        |t, query| reached(t.time_to_updated(query.quantile.unwrap_or(100_000))),
    ),
    tally(
        ("push_time", Quantile, FLEET),
        ("s", Lower, Reached),
        "From the activation until so many percent of the targeted devices were pushed.",
        |t, query| reached(t.time_to_pushed(query.quantile.unwrap_or(100_000))),
    ),
    tally(
        ("makespan", Nothing, FLEET),
        ("s", Lower, Reached),
        "From the activation until the last task was final.",
        |t, _| reached(t.makespan()),
    ),
    whole(
        ("end", Nothing, NONE),
        ("s", Neither, Level),
        "The instant at which the run ended, since it began.",
        |look, _| Value::Number(look.run.end.as_secs_f64()),
    ),
];

/// What the campaign did, and what stopped it.
pub const COURSE: &[Metric] = &[
    whole(
        ("halted", Nothing, RULE),
        ("1", Neither, Flag),
        "An abort rule acted, or a group's error threshold did.",
        |look, query| n(u64::from(halt(look, query).is_some())),
    ),
    whole(
        ("detect.time", Nothing, RULE),
        ("s", Lower, Reached),
        "From the activation until an abort rule's condition, or a group's error threshold, \
             was first met.",
        |look, query| since_activation(look, halt(look, query).map(|(met, _)| met)),
    ),
    whole(
        ("halt.time", Nothing, RULE),
        ("s", Lower, Reached),
        "From the activation until that was acted on.",
        |look, query| since_activation(look, halt(look, query).map(|(_, acted)| acted)),
    ),
    whole(
        ("exposed.count", Nothing, RULE),
        ("devices", Lower, Count),
        "Devices that were pushed at least once when the campaign was halted; without a halt, \
             by the end.",
        |look, query| {
            let exposed = |abort: &AbortOutcome| abort.abort.acted_counts.notified;
            n(abort(look, query).map_or(look.package.campaign.exposed, exposed))
        },
    ),
    whole(
        ("overshoot.count", Nothing, RULE),
        ("failures", Lower, Count),
        "Failures after an abort rule's condition was met; a device that is tried again by hand \
             may fail again. 0 without an abort.",
        |look, query| n(abort(look, query).map_or(0, |abort| abort.overshoot)),
    ),
    whole(
        ("pushed.per_minute.max", Nothing, CAMPAIGN),
        ("1/min", Lower, Level),
        "Greatest number of offers that left in an aligned minute.",
        |look, _| n(look.package.pushes.greatest(1)),
    ),
    whole(
        ("in_flight.max", Nothing, CAMPAIGN),
        ("tasks", Lower, Level),
        "Greatest number of tasks that were pushed and not final, seen at the ends of ticks.",
        |look, _| n(look.package.in_flight_most),
    ),
    whole(
        ("events.total", Nothing, CAMPAIGN),
        ("events", Neither, Count),
        "Events of the simulation.",
        |look, _| n(look.package.events.total()),
    ),
];

fn at(query: &Query) -> Span {
    query.argument.unwrap_or_default()
}

/// Devices updated by the time that is asked about.
fn updated(tally: &Tally, query: &Query) -> u64 {
    tally.latency(LatencyKind::ActivationToUpdated).count_at_most(at(query))
}

/// The abort that is asked about: of the rule, or the first that was acted on.
fn abort<'a>(look: &Look<'a>, query: &Query) -> Option<&'a AbortOutcome> {
    let aborts = look.package.campaign.aborts.iter();
    let rule = query.label_of(Label::Rule).map(|rule| rule.parse::<usize>().unwrap_or(0));
    let own = aborts.filter(|abort| rule.is_none_or(|rule| abort.abort.rule + 1 == rule));
    own.min_by_key(|abort| abort.abort.acted)
}

/// When what halted the campaign was met, and when it was acted on.
fn halt(look: &Look, query: &Query) -> Option<(Time, Time)> {
    if let Some(abort) = abort(look, query) {
        return Some((abort.abort.met, abort.abort.acted));
    }
    let log = look.package.campaign.log.iter();
    let by_group = log.filter(|entry| entry.what == "error-threshold").map(|entry| entry.at).next();
    by_group.filter(|_| query.label_of(Label::Rule).is_none()).map(|at| (at, at))
}

fn since_activation(look: &Look, at: Option<Time>) -> Value {
    reached(at.map(|at| at.since(look.package.campaign.counted_from())))
}
