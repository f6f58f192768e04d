//! Metrics of what links carried and servers were asked.

use crate::sim::outcome::{BackendOutcome, LinkOutcome};
use crate::stats::Minutes;

use super::table::{Count, LINK, Level, Lower, NONE, Neither, Nothing, Share, Window, of, whole};
use super::{Label, Look, Metric, Query, Value};

/// What links carried and servers were asked.
pub const TRAFFIC: &[Metric] = &[
    whole(
        ("peak.requests_per_s", Window, NONE),
        ("1/s", Lower, Level),
        "Greatest mean of requests per second, polls of idle devices included, over aligned windows \
             of a minute, or of several.",
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
    whole(
        ("requests.count", Nothing, NONE),
        ("requests", Lower, Count),
        "Requests of all kinds, without the polls of idle devices.",
        |look, _| Value::of(backend(look).map(|b| b.requests() as f64)),
    ),
    whole(
        ("shed.count", Nothing, NONE),
        ("requests", Lower, Count),
        "Requests shed by the queue or by the cap on connections.",
        |look, _| Value::of(backend(look).map(|b| b.shed() as f64)),
    ),
    whole(
        ("shed.share", Nothing, NONE),
        ("1", Lower, Share),
        "Shed requests of all.",
        |look, _| backend(look).map_or(Value::Missing, |b| of(b.shed(), b.requests())),
    ),
    whole(
        ("given_up.count", Nothing, NONE),
        ("requests", Lower, Count),
        "Requests that devices gave up waiting for.",
        |look, _| Value::of(backend(look).map(|b| b.given_up as f64)),
    ),
    whole(
        ("idle_polls.count", Nothing, NONE),
        ("requests", Lower, Count),
        "Polls of devices that nobody waits for: those that had no turn yet, or are done.",
        |look, _| Value::of(backend(look).map(|b| b.idle_polls as f64)),
    ),
    whole(
        ("idle_polls.shed", Nothing, NONE),
        ("requests", Lower, Count),
        "Of them, those that found the queue full.",
        |look, _| Value::of(backend(look).map(|b| b.idle_shed as f64)),
    ),
    whole(
        ("workers.busy", Nothing, NONE),
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
        ("queue.max", Nothing, NONE),
        ("requests", Lower, Level),
        "Greatest number of waiting requests.",
        |look, _| Value::of(backend(look).map(|b| b.waiting_most as f64)),
    ),
    whole(
        ("downloads.max", Nothing, NONE),
        ("downloads", Lower, Level),
        "Greatest number of downloads at a time, seen at boundaries.",
        |look, _| {
            let traffic = look.run.traffic.as_ref();
            Value::of(traffic.map(|traffic| traffic.downloads_most as f64))
        },
    ),
];

fn backend<'a>(look: &Look<'a>) -> Option<&'a BackendOutcome> {
    look.run.traffic.as_ref()?.backend.as_ref()
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
