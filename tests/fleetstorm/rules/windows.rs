//! R20: windows in which pushes may start.

use fleetstorm::model::{Span, Time};
use fleetstorm::scheduler::state::TaskState;

use super::super::runs::{run, scenario};
use super::course::{AT_ONCE, course, minutes};

#[test]
fn r20_pushes_start_inside_the_window_only() {
    let campaign = "rate.constant.rate = '1 /min'\n\
        window = { from = '22:00', to = '02:00', clock = 'Europe/Berlin' }";
    let sampled = "until = '6 d'\nsample_every = '1 min'\ndate = '2027-03-26T00:00:00Z'";
    // 22:00 to 02:00 in Berlin is 21:00 to 01:00 in UTC until summer time begins on the 28th,
    // and 20:00 to 00:00 after it. The night of the change the window closes at 02:00, when
    // the clock is put forward to 03:00.
    let text = scenario(1_000, campaign, "download.takes = '30 min'", sampled);
    let outcome = run(&text);
    for (hour, pushes) in
        [(1, 60), (21, 60), (25, 300), (45, 300), (49, 540), (68, 540), (72, 780), (92, 780)]
    {
        assert_eq!(minutes(&outcome, hour * 60), pushes, "before hour {hour}");
    }
    // What was started goes on after the window has closed.
    let row = outcome.series.times.partition_point(|at| *at < Time(80 * 60 * 1_000_000));
    assert!(outcome.series.rows[row].states[TaskState::Succeeded.index()] == 50);
    let closed = TaskState::ALL.iter().position(|s| s.name() == "queued-window-closed").unwrap();
    assert_eq!(outcome.series.rows[row].states[closed], 940);
}

#[test]
fn r20_a_window_on_the_devices_clock_moves_with_it() {
    let text = "format = 1\n[package]\nversion = '2'\n[campaign]\nname = 'x'\n\
        rate = 'unlimited'\nwindow = { from = '01:00', to = '05:00', clock = 'device' }\n\
        [fleet]\ndevices = 300\nversions = { '1' = 1.0 }\n\
        [[fleet.cohort]]\nname = 'utc'\nshare = 0.3\ndownload.takes = '0 s'\n\
        [[fleet.cohort]]\nname = 'new york'\nshare = 0.3\ndownload.takes = '0 s'\n\
        timezone = 'America/New_York'\n\
        [[fleet.cohort]]\nname = 'tokyo'\nshare = 0.4\ndownload.takes = '0 s'\n\
        timezone = 'Asia/Tokyo'\n[run]\nuntil = '2 d'\ndate = '2027-01-10T00:00:00Z'\n";
    let outcome = run(text);
    // 01:00 is 01:00 UTC, 06:00 UTC in New York, 16:00 UTC in Tokyo.
    for (cohort, hour) in outcome.cohorts.iter().zip([1, 6, 16]) {
        let last = cohort.tally.time_to_updated(100_000).unwrap();
        assert_eq!(last, Span(hour * 3_600_000_000), "{}", cohort.name);
    }
}

#[test]
fn r20_a_window_by_the_clock_holds_for_every_cohort() {
    let campaign = "rate = 'unlimited'\norder = 'cohort'\n\
        window = { from = '22:00', to = '23:00', clock = 'America/New_York' }";
    let outcome = course(campaign, AT_ONCE, "2 d");
    // 22:00 in New York is 03:00 UTC in winter.
    assert_eq!(outcome.total().time_to_updated(100_000), Some(Span(3 * 3_600_000_000)));
    // Until then tasks wait for the window, whatever the coordinator skips.
    let closed = TaskState::ALL.iter().position(|s| s.name() == "queued-window-closed").unwrap();
    assert_eq!(outcome.series.rows[5_000].states[closed], 1_000);
}

#[test]
fn r20_where_the_clock_skips_the_end_the_window_closes_with_the_skip() {
    // In Berlin 02:00 to 03:00 does not exist on 2027-03-28; the skip is at 01:00 UTC.
    let campaign = "rate.constant.rate = '1 /min'\n\
        window = { from = '22:00', to = '02:30', clock = 'Europe/Berlin' }";
    let text = scenario(2_000, campaign, AT_ONCE, "until = '12 h'\ndate = '2027-03-27T20:00:00Z'");
    // 21:00 to 01:00 UTC.
    assert_eq!(run(&text).total().succeeded(), 240);
}
