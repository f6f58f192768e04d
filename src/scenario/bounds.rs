//! How long a campaign takes at least, if every target is updated: one bound for each thing that
//! can hold it up, each in closed form.
//!
//! A bound counts only what is certain: of devices whose version is drawn, so many fewer than are
//! expected that it happens once in 6 x 10^7. What may also happen (failures, retries, offline
//! periods, operators) makes a campaign longer, or leaves targets out, which the wording allows
//! for.

use super::Loaded;
use super::file::{Delivery, Download, Package};
use super::pushing;
use super::rules::{Act, Dynamic, Joiners, Stages};
use super::targets::{certainly, sum_over};
use crate::model::{BitRate, Span, Time};

/// The earliest instant at which something allows the campaign to be through.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What holds it up: rate, marks, windows, phases, polls, workers, egress, link "NAME".
    pub by: String,
    /// Since the run began.
    pub at: Time,
}

/// A bound of one package of a campaign.
type OfPart = fn(&Loaded) -> Option<Time>;

/// All bounds there are, the greatest first.
///
/// # Panics
/// If the scenario was not checked.
pub fn all(loaded: &Loaded) -> Vec<Bound> {
    let campaigns = loaded.campaigns();
    let mut bounds = Vec::new();
    for parts in &campaigns {
        let of = match campaigns.len() {
            1 => String::new(),
            _ => format!(" of {:?}", parts[0].scenario.campaign.name),
        };
        let of_pushes: [(&str, OfPart); 5] = [
            ("rate", rate),
            ("marks", marks),
            ("windows", windows),
            ("phases", phases),
            ("polls", polls),
        ];
        for (name, bound) in of_pushes {
            let at = parts.iter().filter_map(|part| bound(part)).max();
            bounds.extend(at.map(|at| Bound { by: format!("{name}{of}"), at }));
        }
    }
    let mut shared = |by: &str, at: Option<Time>| {
        bounds.extend(at.map(|at| Bound { by: by.to_owned(), at }));
    };
    shared("workers", workers(loaded));
    shared("egress", egress(loaded));
    for (index, link) in loaded.scenario.link.iter().enumerate() {
        shared(&format!("link {:?}", link.name), over_link(loaded, index));
    }
    // A stable sort: of equal bounds the simpler one comes first.
    bounds.sort_by_key(|bound| std::cmp::Reverse(bound.at));
    bounds
}

/// Targets whose pushes the rate holds for; none if that cannot be told beforehand.
fn pushes(part: &Loaded) -> Option<u64> {
    let campaign = &part.scenario.campaign;
    let sets_rate = |act: &Act| matches!(act, Act::SetRate(_));
    let is_edited = part.scenario.operator.iter().any(|step| sets_rate(&step.action));
    let is_open = campaign.dynamic == Some(Dynamic::Later)
        || campaign.dynamic.is_some() && campaign.joiners == Joiners::AtOnce;
    let targets = part.targets_at_least();
    (!is_edited && !is_open && targets > 0).then_some(targets)
}

/// When the last push can leave, if nothing but the rate holds it up.
pub fn rate(part: &Loaded) -> Option<Time> {
    let campaign = &part.scenario.campaign;
    Some(pushing::last(&campaign.rate, pushes(part)?, Time(campaign.start.0)))
}

/// When the last push can leave, if pushes leave at marks only: at the first one by which the
/// rate has allowed it.
pub fn marks(part: &Loaded) -> Option<Time> {
    let every = part.scenario.campaign.marks?;
    Some(super::windows::mark_from(every, part.scenario.run.date, rate(part)?))
}

/// When the last push can leave, if the rate allows pushes only while a window is open, whichever
/// clock it is on.
pub fn windows(part: &Loaded) -> Option<Time> {
    let campaign = &part.scenario.campaign;
    campaign.window.as_ref()?;
    let (pushes, rate) = (pushes(part)?, rate(part)?);
    let windows = super::windows::of_campaign(part);
    if let Some(every) = campaign.marks {
        // What the rate has allowed by then leaves at the first mark in a window.
        let date = part.scenario.run.date;
        let within = |(open, close): &(Time, Time)| {
            let mark = super::windows::mark_from(every, date, (*open).max(rate));
            (mark < *close).then_some(mark)
        };
        return Some(windows.iter().find_map(within).unwrap_or(Time::NEVER));
    }
    let start = Time(campaign.start.0);
    let open = windows.into_iter().filter(|(_, close)| *close > start);
    let open = open.map(|(open, close)| (open.max(start), close));
    Some(pushing::last_within(&campaign.rate, pushes, open).max(rate))
}

/// When the last push can leave, if the last phase opens at its time.
pub fn phases(part: &Loaded) -> Option<Time> {
    let campaign = &part.scenario.campaign;
    let Stages::Phases(phases) = &campaign.stages else { return None };
    let opens = Time(phases.last()?.at.0.max(campaign.start.0));
    // One fewer, since shares are rounded.
    let last = campaign.stage_sizes(pushes(part)?).pop()?.saturating_sub(1);
    Some(pushing::last(&campaign.rate, last, opens))
}

/// When the last device has asked for the first time: of many devices, one that has just asked.
///
/// # Model
/// Phases are even over the interval `T`; that none of `n` devices lies in its last part `1 - x`
/// has the probability `x^n`, which is made 1e-9. Jitter `j` leaves `T (1 - j)` of it certain.
pub fn polls(part: &Loaded) -> Option<Time> {
    const UNLIKELY: f64 = 1e-9;
    let campaign = &part.scenario.campaign;
    let targets = pushes(part)?;
    if campaign.delivery != Delivery::Poll {
        return None;
    }
    let by_cohort = part.matching_by_cohort();
    let matching: u64 = by_cohort.iter().sum();
    let last = part.scenario.fleet.cohort.iter().zip(by_cohort).filter_map(|(cohort, own)| {
        let poll = cohort.poll?;
        let devices = own as f64 * targets as f64 / matching.max(1) as f64;
        let part = libm::pow(UNLIKELY, 1.0 / devices.floor().max(1.0)).min(1.0 - poll.jitter);
        Some(Span::from_micros_f64(poll.every.0 as f64 * part))
    });
    last.max().map(|last| Time(campaign.start.0) + last)
}

/// When the workers have answered one request of each target, and its poll where it polls.
pub fn workers(loaded: &Loaded) -> Option<Time> {
    const SIGMAS: f64 = 6.0;
    let backend = loaded.scenario.backend.as_ref()?;
    let workers = f64::from(backend.workers?);
    let requests = |part: &&Loaded| {
        let polls = part.scenario.campaign.delivery == Delivery::Poll;
        part.targets_at_least() * (1 + u64::from(polls))
    };
    let requests = loaded.parts().iter().map(requests).sum::<u64>() as f64;
    let law = backend.service.compiled();
    let (mean, variance) = (law.mean(), law.variance());
    if requests == 0.0 || mean <= 0.0 || !variance.is_finite() {
        return None;
    }
    let busy = requests * mean - SIGMAS * libm::sqrt(requests * variance.max(0.0));
    Some(earliest(loaded) + Span::from_micros_f64(busy / workers))
}

/// When the backend's egress has carried the image of each target.
pub fn egress(loaded: &Loaded) -> Option<Time> {
    let egress = loaded.scenario.backend.as_ref()?.egress?;
    carried(loaded, egress, 1, |_| true)
}

/// When all cells of a link have carried the images of the targets behind it.
pub fn over_link(loaded: &Loaded, index: usize) -> Option<Time> {
    let scenario = &loaded.scenario;
    let link = &scenario.link[index];
    carried(loaded, link.capacity, link.cells, |cohort| {
        link.carries(&scenario.fleet.cohort[cohort].name)
    })
}

fn carried(
    loaded: &Loaded,
    capacity: BitRate,
    cells: u32,
    carries: impl Fn(usize) -> bool,
) -> Option<Time> {
    let bytes: f64 = loaded.parts().iter().map(|part| bytes(part, &carries)).sum();
    let rate = capacity.0 as f64 * f64::from(cells);
    let takes = Span::from_secs_f64(bytes * 8.0 / rate);
    (bytes > 0.0 && rate > 0.0).then(|| earliest(loaded) + takes)
}

/// Bytes that the targets of one package load at least, by the cohorts that count.
fn bytes(part: &Loaded, carries: impl Fn(usize) -> bool) -> f64 {
    let cohorts = &part.scenario.fleet.cohort;
    let counts =
        |cohort: usize| carries(cohort) && matches!(cohorts[cohort].download, Download::Link(_));
    let package = &part.scenario.package;
    let size = |version: &str| size_of(package, version) as f64;
    let matching = part.matching();
    let all: f64 = matching.iter().map(|group| group.mean).sum();
    if all <= 0.0 {
        return 0.0;
    }
    if part.is_listed() {
        // Which of the devices are listed need not be typical of the fleet.
        let any = matching.iter().map(|group| match counts(group.cohort) {
            true => size(group.version),
            false => 0.0,
        });
        return part.targets_at_least() as f64 * any.fold(f64::INFINITY, f64::min);
    }
    let own = (0..cohorts.len()).filter(|cohort| counts(*cohort));
    let sums = own.map(|cohort| sum_over(&matching, cohort, size));
    let (mean, spread) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    let selected = part.targets_at_least() as f64 / all;
    let most = matching.iter().map(|group| size(group.version)).fold(0.0, f64::max);
    selected.min(1.0) * certainly(mean, spread, most)
}

fn size_of(package: &Package, from: &str) -> u64 {
    let full = package.size.map_or(0, |size| size.0);
    package.delta.get(from).map_or(full, |delta| delta.0.min(full))
}

/// When the first campaign begins.
fn earliest(loaded: &Loaded) -> Time {
    let starts = loaded.parts().into_iter().map(|part| part.scenario.campaign.start.0);
    Time(starts.min().unwrap_or(0))
}
