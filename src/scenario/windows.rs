//! Daily windows and wall-clock marks on the run's own clock.

use jiff::Timestamp;
use jiff::civil::Time as Clock;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::Loaded;
use super::check::{CALENDAR, LONGEST};
use super::moments::{Moment, TimeOfDay};
use super::rules::DEVICE_CLOCK;
use crate::model::{Span, Time};

/// The first mark of the run; marks are counted from midnight (UTC) of the run's first day.
pub fn first_mark(every: Span, date: Moment) -> Time {
    let past = (date.0 as u64 % 86_400 * 1_000_000) % every.0;
    Time((every.0 - past) % every.0)
}

/// The first mark at `from` or later.
pub fn mark_from(every: Span, date: Moment, from: Time) -> Time {
    let first = first_mark(every, date);
    let steps = from.since(first).0.div_ceil(every.0);
    Time(first.0.saturating_add(steps.saturating_mul(every.0)).min(Time::NEVER.0))
}

/// Daily windows in the time of the run, from its beginning to beyond its end.
pub fn windows(
    from: TimeOfDay,
    to: TimeOfDay,
    zone: &TimeZone,
    date: Moment,
    until: Span,
) -> Vec<(Time, Time)> {
    let start = Timestamp::from_second(date.0).expect("checked");
    let clock = |time: TimeOfDay| Clock::constant((time.0 / 60) as i8, (time.0 % 60) as i8, 0, 0);
    // Where the clock is put forward over the time, the moment at which that happens counts.
    let instant = |day: jiff::civil::Date, time: TimeOfDay| {
        let ambiguous = zone.to_ambiguous_zoned(day.to_datetime(clock(time)));
        let is_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let after = ambiguous.compatible().expect("in range").timestamp();
        // What comes out of the gap is at the change or later.
        let at = match zone.preceding(after + jiff::SignedDuration::from_secs(1)).next() {
            Some(change) if is_gap => change.timestamp(),
            _ => after,
        };
        let since = at.as_microsecond() - start.as_microsecond();
        Time(u64::try_from(since).unwrap_or(0))
    };
    let mut day = start.to_zoned(zone.clone()).date().yesterday().expect("in range");
    let mut windows: Vec<(Time, Time)> = Vec::new();
    loop {
        let close_day = if to <= from { day.tomorrow().expect("in range") } else { day };
        let (open, close) = (instant(day, from), instant(close_day, to));
        if open < close {
            append(&mut windows, (open, close));
        }
        if open > Time(until.0) {
            return windows;
        }
        day = day.tomorrow().expect("in range");
    }
}

/// Windows of several clocks as if they were one: open where any of them is.
pub fn joined(mut windows: Vec<(Time, Time)>) -> Vec<(Time, Time)> {
    windows.sort_unstable();
    let mut joined = Vec::new();
    windows.into_iter().for_each(|window| append(&mut joined, window));
    joined
}

/// Adds a window that opens no earlier than those before; one that they reach goes on with them.
fn append(windows: &mut Vec<(Time, Time)>, (open, close): (Time, Time)) {
    match windows.last_mut().filter(|last| last.1 >= open) {
        Some(last) => last.1 = last.1.max(close),
        None => windows.push((open, close)),
    }
}

/// The windows of a campaign on all clocks that it has, each open where any of them is, up to the
/// longest run there is; none without a window.
///
/// # Panics
/// If the scenario was not checked.
pub fn of_campaign(loaded: &Loaded) -> Vec<(Time, Time)> {
    let scenario = &loaded.scenario;
    let Some(window) = &scenario.campaign.window else { return Vec::new() };
    let mut zones: Vec<&str> = match window.clock.as_str() {
        DEVICE_CLOCK => {
            let cohorts = scenario.fleet.cohort.iter();
            let cohorts = cohorts.map(|cohort| cohort.timezone.as_deref().unwrap_or("UTC"));
            let listed = loaded.inventory.iter().flat_map(|inventory| &inventory.zone_names);
            cohorts.chain(listed.map(String::as_str)).collect()
        }
        clock => vec![clock],
    };
    zones.sort_unstable();
    zones.dedup();
    let date = scenario.run.date;
    // The calendar ends with the year 9998.
    let left = CALENDAR.end.saturating_sub(date.0).max(0) as u64;
    let longest = Span(left.saturating_mul(1_000_000)).min(LONGEST);
    let of_zone = |zone: &str| {
        let zone = TimeZone::get(zone).expect("checked: a known time zone");
        windows(window.from, window.to, &zone, date, longest)
    };
    joined(zones.into_iter().flat_map(of_zone).collect())
}
