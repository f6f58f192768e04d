//! The table of all metrics.

use std::sync::LazyLock;

use crate::model::{Better, Span, Time};
use crate::scheduler::state::{FailureReason, TaskState};
use crate::sim::outcome::{
    AbortOutcome, BackendOutcome, COUNTERS, LatencyKind, LinkOutcome, Tally, ratio,
};
use crate::stats::Minutes;

use super::{Kind, Label, Lasted, Look, Metric, Query, Source, Statistic, Takes, Value};

/// All metrics, in the order in which they are shown.
pub fn table() -> &'static [Metric] {
    static TABLE: LazyLock<Vec<Metric>> = LazyLock::new(|| {
        let mut table = rows();
        table.extend(counters());
        table.extend(latencies());
        table
    });
    &TABLE
}

use Better::{Higher, Lower, Neither};
use Kind::{Count, Flag, Level, Share, Time as Reached};
use Takes::{Instant, Nothing, Quantile, Window};

const FLEET: &[Label] = &[Label::Cohort, Label::Campaign, Label::Package];
const FAILED: &[Label] = &[Label::Cohort, Label::Campaign, Label::Package, Label::Reason];
const CAMPAIGN: &[Label] = &[Label::Campaign, Label::Package];
const RULE: &[Label] = &[Label::Campaign, Label::Rule];
const LINK: &[Label] = &[Label::Link];

type OfTally = fn(&Tally, &Query) -> Value;
type OfOutcome = fn(&Look, &Query) -> Value;

fn row(
    (name, takes, labels): (&str, Takes, &'static [Label]),
    (unit, better, kind): (&'static str, Better, Kind),
    definition: &str,
    source: Source,
) -> Metric {
    let (name, definition) = (name.to_owned(), definition.to_owned());
    Metric { name, unit, better, kind, definition, takes, labels, source }
}

fn tally(
    name: (&str, Takes, &'static [Label]),
    what: (&'static str, Better, Kind),
    definition: &str,
    of: OfTally,
) -> Metric {
    row(name, what, definition, Source::Tally(of))
}

fn whole(
    name: (&str, Takes, &'static [Label]),
    what: (&'static str, Better, Kind),
    definition: &str,
    of: OfOutcome,
) -> Metric {
    row(name, what, definition, Source::Outcome(of))
}

fn rows() -> Vec<Metric> {
    let mut rows = tasks();
    rows.extend(times());
    rows.extend(course());
    rows.extend(traffic());
    rows
}

/// What became of tasks and devices.
fn tasks() -> Vec<Metric> {
    let count = |better| ("devices", better, Count);
    let share = |better| ("1", better, Share);
    let fleet = |name| (name, Nothing, FLEET);
    vec![
        whole(fleet("devices.count"), count(Neither), "All devices.", |look, query| {
            devices(look, query)
        }),
        tally(
            fleet("targeted.count"),
            count(Neither),
            "Devices with a task.",
            |t, _| n(t.targeted),
        ),
        tally(
            fleet("not_required.count"),
            count(Neither),
            "Devices that ran the target version from the beginning.",
            |t, _| n(t.count(TaskState::NotRequired)),
        ),
        tally(fleet("succeeded.count"), count(Higher), "Tasks that succeeded.", |t, _| {
            n(t.succeeded())
        }),
        tally(
            ("failed.count", Nothing, FAILED),
            count(Lower),
            "Tasks that failed, for any reason or for one.",
            |t, query| by_reason(query, &t.failures).map_or(Value::Missing, n),
        ),
        tally(fleet("canceled.count"), count(Lower), "Tasks that were canceled.", |t, _| {
            n(t.canceled())
        }),
        tally(fleet("open.count"), count(Lower), "Tasks that are not final.", |t, _| n(t.open())),
        tally(
            ("attempt_failures.count", Nothing, FAILED),
            ("attempts", Lower, Count),
            "Attempts that failed, retried or not, for any reason or for one.",
            |t, query| by_reason(query, &t.attempt_failures).map_or(Value::Missing, n),
        ),
        tally(
            fleet("affected.count"),
            count(Lower),
            "Devices that failed or bricked; one whose task failed since it had bricked counts once.",
            |t, _| n(t.affected()),
        ),
        tally(
            fleet("affected.share"),
            share(Lower),
            "Affected devices of the targeted.",
            |t, _| of(t.affected(), t.targeted),
        ),
        tally(fleet("bricked.share"), share(Lower), "Bricked devices of the targeted.", |t, _| {
            of(t.bricked, t.targeted)
        }),
        tally(fleet("success.of_targeted"), share(Higher), "Succeeded of the targeted.", |t, _| {
            of(t.succeeded(), t.targeted)
        }),
        tally(
            fleet("success.of_finished"),
            share(Higher),
            "Succeeded of those that succeeded or failed.",
            |t, _| of(t.succeeded(), t.succeeded() + t.failed()),
        ),
        tally(
            fleet("success.first_try"),
            share(Higher),
            "Succeeded in the first attempt, of the targeted.",
            |t, _| of(t.first_try_successes, t.targeted),
        ),
        tally(
            ("failed.share", Nothing, FAILED),
            share(Lower),
            "Failed of the targeted, for any reason or for one.",
            |t, query| match by_reason(query, &t.failures) {
                Some(failed) => of(failed, t.targeted),
                None => Value::Missing,
            },
        ),
        tally(
            fleet("failed.of_finished"),
            share(Lower),
            "Failed of those that succeeded or failed.",
            |t, _| of(t.failed(), t.succeeded() + t.failed()),
        ),
        tally(fleet("open.share"), share(Lower), "Open of the targeted.", |t, _| {
            of(t.open(), t.targeted)
        }),
        tally(fleet("canceled.share"), share(Lower), "Canceled of the targeted.", |t, _| {
            of(t.canceled(), t.targeted)
        }),
        tally(
            fleet("online_at_turn.share"),
            share(Neither),
            "Turns that found the device online, of all turns.",
            |t, _| of(t.online_at_turn, t.turns),
        ),
        tally(
            fleet("attempts.mean"),
            ("attempts", Lower, Level),
            "Attempts per device that was pushed.",
            |t, _| of(t.attempts.iter().sum(), t.attempts[0]),
        ),
        tally(
            fleet("bytes.per_device"),
            ("B", Lower, Level),
            "Bytes loaded, those in vain included, per targeted device.",
            |t, _| of(t.bytes_downloaded + t.bytes_wasted, t.targeted),
        ),
    ]
}

/// How long it took.
fn times() -> Vec<Metric> {
    let share = |better| ("1", better, Share);
    let time = ("s", Lower, Reached);
    vec![
        tally(
            ("done.at", Instant, FLEET),
            share(Higher),
            "Share of the targeted devices updated by a time after the activation.",
            |t, query| {
                by(query, t, t.latency(LatencyKind::ActivationToUpdated).count_at_most(at(query)))
            },
        ),
        tally(
            ("finished.at", Instant, FLEET),
            share(Neither),
            "Share of the targeted devices whose task was final by a time after the activation.",
            |t, query| {
                let updated = t.latency(LatencyKind::ActivationToUpdated).count_at_most(at(query));
                by(query, t, updated + t.ended.count_at_most(at(query)))
            },
        ),
        tally(
            ("pushed.at", Instant, FLEET),
            share(Neither),
            "Share of the targeted devices pushed by a time after the activation.",
            |t, query| by(query, t, t.pushed.count_at_most(at(query))),
        ),
        tally(
            ("time_to", Quantile, FLEET),
            time,
            "From the activation until so many percent of the targeted devices were updated.",
            |t, query| reached(t.time_to_updated(query.quantile.unwrap_or(100_000))),
        ),
        tally(
            ("push_time", Quantile, FLEET),
            time,
            "From the activation until so many percent of the targeted devices were pushed.",
            |t, query| reached(t.time_to_pushed(query.quantile.unwrap_or(100_000))),
        ),
        tally(
            ("makespan", Nothing, FLEET),
            time,
            "From the activation until the last task was final.",
            |t, _| reached(t.makespan()),
        ),
        whole(
            ("end", Nothing, &[]),
            ("s", Neither, Level),
            "The instant at which the run ended, since it began.",
            |look, _| Value::Number(look.run.end.as_secs_f64()),
        ),
    ]
}

/// What the campaign did, and what stopped it.
fn course() -> Vec<Metric> {
    let time = ("s", Lower, Reached);
    vec![
        whole(
            ("halted", Nothing, RULE),
            ("1", Neither, Flag),
            "An abort rule acted, or a group's error threshold did.",
            |look, query| n(u64::from(halt(look, query).is_some())),
        ),
        whole(
            ("detect.time", Nothing, RULE),
            time,
            "From the activation until an abort rule's condition, or a group's error threshold, \
             was first met.",
            |look, query| since_activation(look, halt(look, query).map(|(met, _)| met)),
        ),
        whole(
            ("halt.time", Nothing, RULE),
            time,
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
            ("devices", Lower, Count),
            "Devices that failed after an abort rule's condition was met; 0 without an abort.",
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
    ]
}

/// What links carried and servers were asked.
fn traffic() -> Vec<Metric> {
    let name = |name| (name, Nothing, [].as_slice());
    let requests = |better| ("requests", better, Count);
    vec![
        whole(
            ("peak.requests_per_s", Window, &[]),
            ("1/s", Lower, Level),
            "Greatest mean of requests per second over aligned windows of a minute, or of several.",
            |look, query| {
                let Some(backend) = backend(look) else { return Value::Missing };
                Value::Number(peak(&backend.by_minute, query))
            },
        ),
        whole(
            ("peak.egress", Window, LINK),
            ("bit/s", Lower, Level),
            "Greatest mean load of a link over aligned windows of a minute, or of several; of the \
             server's own without a label.",
            |look, query| Value::of(link(look, query).map(|link| peak(&link.bits, query))),
        ),
        whole(("egress.bytes", Nothing, LINK), ("B", Lower, Level), "Bytes a link carried.", {
            |look, query| Value::of(link(look, query).map(|link| link.carried_bits / 8.0))
        }),
        whole(
            ("link.full.time", Nothing, LINK),
            ("s", Lower, Level),
            "How long a link was full.",
            |look, query| Value::of(link(look, query).map(|link| link.full_s)),
        ),
        whole(
            ("link.utilisation", Nothing, LINK),
            ("1", Neither, Level),
            "What a link carried of what it could have.",
            |look, query| {
                let seconds = look.run.end.as_secs_f64();
                let of = |link: &LinkOutcome| link.carried_bits / (link.capacity_bps * seconds);
                Value::of(link(look, query).filter(|_| seconds > 0.0).map(of))
            },
        ),
        whole(name("requests.count"), requests(Lower), "Requests of all kinds.", |look, _| {
            Value::of(backend(look).map(|b| b.requests() as f64))
        }),
        whole(
            name("shed.count"),
            requests(Lower),
            "Requests shed by the queue or by the cap on connections.",
            |look, _| Value::of(backend(look).map(|b| shed(b) as f64)),
        ),
        whole(name("shed.share"), ("1", Lower, Share), "Shed requests of all.", |look, _| {
            backend(look).map_or(Value::Missing, |b| of(shed(b), b.requests()))
        }),
        whole(
            name("given_up.count"),
            requests(Lower),
            "Requests that devices gave up waiting for.",
            |look, _| Value::of(backend(look).map(|b| b.given_up as f64)),
        ),
        whole(
            name("workers.busy"),
            ("1", Neither, Level),
            "Worker time taken of the time of all workers.",
            |look, _| {
                let seconds = look.run.end.as_secs_f64();
                let busy = |b: &BackendOutcome| {
                    let all = seconds * f64::from(b.workers);
                    (all > 0.0).then(|| b.busy_s / all)
                };
                Value::of(backend(look).and_then(busy))
            },
        ),
        whole(
            name("queue.max"),
            ("requests", Lower, Level),
            "Greatest number of waiting requests.",
            |look, _| Value::of(backend(look).map(|b| b.waiting_most as f64)),
        ),
        whole(
            name("downloads.max"),
            ("downloads", Lower, Level),
            "Greatest number of downloads at a time, seen at boundaries.",
            |look, _| {
                let traffic = look.run.traffic.as_ref();
                Value::of(traffic.map(|traffic| traffic.downloads_most as f64))
            },
        ),
    ]
}

fn counters() -> impl Iterator<Item = Metric> {
    COUNTERS.iter().map(|counter| Metric {
        name: format!("{}.count", counter.name),
        unit: counter.unit,
        better: counter.better,
        kind: Count,
        definition: counter.definition(),
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
                name: format!("latency.{}{dot}{part}", lasted.name()),
                unit: "s",
                better: Lower,
                kind: Kind::Latency,
                definition: format!("{} Of those recorded, the {word}.", lasted.definition()),
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

fn n(count: u64) -> Value {
    Value::Number(count as f64)
}

fn of(part: u64, whole: u64) -> Value {
    Value::of(ratio(part, whole))
}

fn reached(span: Option<Span>) -> Value {
    span.map_or(Value::NotReached, |span| Value::Number(span.as_secs_f64()))
}

/// All of the counts, or that of the reason that is asked about; none for an unknown one.
fn by_reason(query: &Query, counts: &[u64; FailureReason::ALL.len()]) -> Option<u64> {
    let Some(name) = query.label_of(Label::Reason) else { return Some(counts.iter().sum()) };
    let at = FailureReason::ALL.iter().position(|reason| reason.name() == name)?;
    Some(counts[at])
}

fn at(query: &Query) -> Span {
    query.argument.unwrap_or_default()
}

fn by(_: &Query, tally: &Tally, devices: u64) -> Value {
    of(devices, tally.targeted)
}

fn devices(look: &Look, query: &Query) -> Value {
    let cohorts = look.package.cohorts.iter();
    let own = cohorts.filter(|c| query.label_of(Label::Cohort).is_none_or(|name| c.name == name));
    n(own.map(|cohort| cohort.devices).sum())
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
    reached(at.map(|at| at.since(look.package.campaign.activated)))
}

fn backend<'a>(look: &Look<'a>) -> Option<&'a BackendOutcome> {
    look.run.traffic.as_ref()?.backend.as_ref()
}

fn shed(backend: &BackendOutcome) -> u64 {
    backend.shed_by_queue + backend.shed_by_connections
}

/// The link that is asked about; without a label the server's own.
fn link<'a>(look: &Look<'a>, query: &Query) -> Option<&'a LinkOutcome> {
    let name = query.label_of(Label::Link).unwrap_or("egress");
    look.run.traffic.as_ref()?.links.iter().find(|link| link.name == name)
}

/// Per second, in the window that is asked about.
fn peak(minutes: &Minutes, query: &Query) -> f64 {
    let window = query.argument.map_or(1, |window| window.0 / Minutes::BIN.0);
    minutes.greatest(window) as f64 / (window as f64 * Minutes::BIN.as_secs_f64())
}
