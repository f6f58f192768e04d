//! From the checked scenario to what decides when devices can be reached.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::dist::Law;
use crate::fleet::{
    Clock, Outage, POINTS, Pattern, Profile, Reach, Recorded, Traces, WEEK_US, Window,
};
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams, threshold};
use crate::scenario::availability::{DailyWindow, Follows, Online, Pace, Start, When};
use crate::scenario::file::{self, Run};
use crate::scenario::law;
use crate::scenario::{self, Loaded};

use super::plan;

/// What decides the reach of each cohort; none where periods alone do.
pub fn reaches(loaded: &Loaded, streams: &Streams, ends: Time) -> Vec<Option<Box<Reach>>> {
    let fleet = &loaded.scenario.fleet;
    let outages = outages(loaded, streams, ends);
    let cohorts = fleet.cohort.iter().zip(&loaded.traces).zip(outages);
    let reach = |((cohort, traces), outages): ((&file::Cohort, &Option<Arc<_>>), Vec<_>)| {
        let pattern = pattern(cohort, traces.as_deref(), &loaded.scenario.run);
        let plain = matches!(pattern, Pattern::Periods)
            && outages.is_empty()
            && cohort.pace.is_none()
            && cohort.charges.is_none()
            && cohort.leaves.is_none();
        (!plain).then(|| {
            Box::new(Reach {
                pattern,
                pace: cohort.pace.map(pace),
                charges: cohort.charges.map(|w| window(&w, cohort, &loaded.scenario.run)),
                leaves: cohort.leaves.as_ref().map(law::Law::compiled),
                outages,
                ends,
            })
        })
    };
    cohorts.map(reach).collect()
}

fn pace(pace: Pace) -> Law {
    match pace {
        Pace::Gamma { shape } => Law::Gamma { shape, scale: 1.0 / shape },
        Pace::Lognormal { sigma } => Law::Lognormal { mu: 0.0, sigma },
    }
}

fn pattern(cohort: &file::Cohort, traces: Option<&scenario::Traces>, run: &Run) -> Pattern {
    match &cohort.online {
        Online::Always | Online::Renewal { .. } | Online::Measured { .. } => Pattern::Periods,
        Online::Profile { share, holds } => {
            let hours = share.len() as f64;
            let at = |hour: f64| {
                let (before, part) = (hour.floor() % hours, hour.fract());
                let (from, to) =
                    (share[before as usize], share[(before + 1.0) as usize % share.len()]);
                from + (to - from) * part
            };
            Pattern::Profile(Profile::new(shares(at), clock(cohort, run), *holds))
        }
        Online::Daily { mean, amplitude, peak, holds } => {
            let peak = f64::from(peak.0) / 60.0;
            let at = |hour: f64| {
                let angle = (hour - peak) / 24.0 * std::f64::consts::TAU;
                mean * (1.0 + amplitude * libm::cos(angle))
            };
            Pattern::Profile(Profile::new(shares(at), clock(cohort, run), *holds))
        }
        Online::Nightly(daily) => Pattern::Window(window(daily, cohort, run)),
        Online::Cycle { every, active, stays_awake } => {
            Pattern::Cycle { every: *every, active: *active, stays_awake: *stays_awake }
        }
        Online::Trace { follows, .. } => {
            let traces = traces.expect("checked: the file was read");
            let mut recorded = Recorded::default();
            traces.traces.iter().for_each(|(_, online, at)| recorded.push(*online, at));
            let of = traces.of.as_ref().filter(|_| *follows == Follows::Own);
            let of = of.map(|of| of.as_slice().into());
            Pattern::Traces(Traces { recorded: Arc::new(recorded), of })
        }
    }
}

/// The share at each point of the week.
fn shares(at: impl Fn(f64) -> f64) -> Arc<[f64]> {
    let hour = |point: usize| point as f64 * 168.0 / POINTS as f64;
    (0..POINTS).map(|point| at(hour(point)).clamp(0.0, 1.0)).collect()
}

fn zone(cohort: &file::Cohort) -> TimeZone {
    let name = cohort.timezone.as_deref().unwrap_or("UTC");
    TimeZone::get(name).expect("checked: a known time zone")
}

/// The wall clock of the cohort over the run.
fn clock(cohort: &file::Cohort, run: &Run) -> Clock {
    const MONDAY_US: i64 = 4 * 86_400_000_000;
    let zone = zone(cohort);
    let start = Timestamp::from_second(run.date.0).expect("checked");
    // 1970 began on a Thursday.
    let offset = |at: Timestamp| {
        let seconds = i64::from(zone.to_offset(at).seconds());
        (start.as_microsecond() + seconds * 1_000_000 - MONDAY_US).rem_euclid(WEEK_US as i64)
    };
    let mut offsets = vec![(Time::ZERO, offset(start))];
    for change in zone.following(start) {
        let at = (change.timestamp().as_microsecond() - start.as_microsecond()) as u64;
        if at > run.until.0 {
            break;
        }
        offsets.push((Time(at), offset(change.timestamp())));
    }
    Clock::new(offsets)
}

fn window(daily: &DailyWindow, cohort: &file::Cohort, run: &Run) -> Window {
    let spans = plan::windows(daily.from, daily.to, &zone(cohort), run.date, run.until);
    Window { spans: spans.into(), kept_below: threshold(daily.probability), jitter: daily.jitter }
}

/// By cohort: the outages that concern it.
fn outages(loaded: &Loaded, streams: &Streams, ends: Time) -> Vec<Vec<Arc<Outage>>> {
    let cohorts = &loaded.scenario.fleet.cohort;
    let mut of = vec![Vec::new(); cohorts.len()];
    let mut number = 0;
    for outage in &loaded.scenario.outage {
        let mut next = || {
            number += 1;
            Arc::new(Outage {
                number: number - 1,
                spans: spans(&outage.when, DeviceId(number - 1), streams, ends).into(),
                reconnect: outage.reconnect.compiled(),
            })
        };
        let mut shared = None;
        for (cohort, own) in cohorts.iter().zip(&mut of) {
            if outage.concerns(&cohort.name) {
                own.push(match outage.each {
                    true => next(),
                    false => shared.get_or_insert_with(&mut next).clone(),
                });
            }
        }
    }
    of
}

/// When an outage happens, up to the end of the run.
fn spans(when: &When, number: DeviceId, streams: &Streams, ends: Time) -> Vec<(Time, Time)> {
    match when {
        When::Scheduled { at, lasts, every } => {
            let step = every.map_or(u64::MAX, |every| every.0) as usize;
            let starts = (at.0..ends.0.max(at.0 + 1)).step_by(step);
            starts.map(|start| (Time(start), Time(start) + *lasts)).collect()
        }
        When::Random { up, down, start } => {
            let (up, down) = (up.compiled(), down.compiled());
            let (mut is_up, mut at) = beginning(&up, &down, *start, number, streams);
            let mut spans = Vec::new();
            if !is_up {
                spans.push((Time::ZERO, at));
            }
            for index in 1.. {
                if at >= ends {
                    break;
                }
                is_up = !is_up;
                let mut stream = streams.stream(number, Purpose::Outage, index);
                let micros = if is_up { &up } else { &down }.sample(&mut stream);
                let end = at + Span(Span::from_micros_f64(micros).0.max(1));
                if !is_up {
                    spans.push((at, end));
                }
                at = end;
            }
            spans
        }
    }
}

/// Whether what fails is up when the run begins, and until when.
fn beginning(
    up: &Law,
    down: &Law,
    start: Start,
    number: DeviceId,
    streams: &Streams,
) -> (bool, Time) {
    let mut stream = streams.stream(number, Purpose::Outage, 0);
    let word = stream.next_u64();
    let is_up = match start {
        Start::Equilibrium => word < threshold(up.mean() / (up.mean() + down.mean())),
        Start::Online => true,
        Start::Offline => false,
    };
    let law = if is_up { up } else { down };
    let micros = match start {
        Start::Equilibrium => law.sample_residual(&mut stream),
        Start::Online | Start::Offline => law.sample(&mut stream),
    };
    (is_up, Time::ZERO + Span(Span::from_micros_f64(micros).0.max(1)))
}

/// About how long devices of the pattern stay on, and off.
pub fn usual_periods(online: &Online) -> [f64; 2] {
    const HOUR: f64 = 3.6e9;
    match online {
        Online::Always | Online::Renewal { .. } | Online::Measured { .. } => [0.0, 0.0],
        Online::Profile { holds, .. } | Online::Daily { holds, .. } => [holds.0 as f64; 2],
        Online::Nightly(_) | Online::Trace { .. } => [12.0 * HOUR; 2],
        Online::Cycle { every, .. } => [every.0 as f64 / 2.0; 2],
    }
}
