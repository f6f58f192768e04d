//! R16 with R18: rates whose pushes leave at marks.

use fleetstorm::model::{EventRate, Span, Time};
use fleetstorm::scheduler::{Exponential, Limiter, Reached, Variable};
use fleetstorm::sim::outcome::Outcome;
use proptest::prelude::*;

use super::super::runs::{run, scenario, simulate};
use super::stages::case;

/// The seconds in which pushes left, and how many.
fn leaves(outcome: &Outcome) -> Vec<(u64, u64)> {
    let rows = outcome.series.times.iter().zip(&outcome.series.rows);
    let rows: Vec<(u64, u64)> = rows.map(|(at, row)| (at.0 / 1_000_000, row.pushes)).collect();
    // The row at an instant shows what was before it.
    let steps = rows.windows(2).map(|pair| (pair[0].0, pair[1].1 - pair[0].1));
    steps.filter(|(_, pushes)| *pushes > 0).collect()
}

/// 2,000 devices that are pushed at marks every 5 minutes.
fn at_marks(campaign: &str, cohort: &str, run_table: &str) -> Outcome {
    let campaign = format!("marks = '5 min'\n{campaign}");
    let run_table = format!("sample_every = '1 s'\n{run_table}");
    let (run_table, steps) = match run_table.split_once("[[") {
        Some((run_table, steps)) => (run_table.to_owned(), format!("[[{steps}")),
        None => (run_table, String::new()),
    };
    run(&(scenario(2_000, &campaign, cohort, &run_table) + &steps))
}

const AT_ONCE: &str = "download.takes = '0 s'";
const EACH_SECOND: &str = "rate.constant.rate = '1 /s'";

#[test]
fn r16_what_the_rate_allowed_since_the_last_mark_leaves_at_the_mark() {
    let outcome =
        simulate(&case("rate-at-marks", &["run.until='1 d'", "run.sample_every='1 s'"]), 1);
    // At the start what is allowed at that instant; 999 more take 1 min 39.9 s of permits.
    assert_eq!(leaves(&outcome), [(0, 1), (600, 999)]);
    assert_eq!(outcome.total().succeeded(), 1_000);
    for (rate, expected) in [
        ("constant.rate = '1 /s'", vec![(0, 1), (300, 300), (600, 300), (900, 300)]),
        ("constant = { rate = '1 /s', burst = 50 }", vec![(0, 50), (300, 300), (600, 300)]),
        // The window that begins at the mark is open at the mark.
        ("fixed-window = { pushes = 100 }", vec![(0, 100), (300, 500), (600, 500), (900, 500)]),
        (
            "variable.table = [{ rate = '1 /s' }, { at = '100 s', rate = '2 /s' }, \
             { at = '400 s' }, { at = '500 s', rate = '4 /s' }]",
            // 99 and 401; 199, none and 401.
            vec![(0, 1), (300, 500), (600, 600), (900, 899)],
        ),
        // It grows when devices are notified, which is at the mark: 301 of them.
        (
            "exponential = { base = 60, factor = 2.0, every = 100, max = 240 }",
            vec![(0, 1), (300, 300), (600, 1_200), (900, 499)],
        ),
    ] {
        let outcome = at_marks(&format!("rate.{rate}"), AT_ONCE, "until = '2 h'");
        let leaves = leaves(&outcome);
        assert_eq!(leaves[..expected.len()], expected, "{rate}");
    }
}

#[test]
fn r16_a_rate_that_grows_between_marks_counts_from_then_on() {
    let rate = "rate.exponential = \
        { base = 60, factor = 2.0, every = 100, max = 240, of = 'succeeded' }";
    let outcome = at_marks(rate, "download.takes = '100 s'", "until = '2 h'");
    // 301 have succeeded by 401 s: 101 permits up to then, and four a second from there on.
    assert_eq!(leaves(&outcome)[..3], [(0, 1), (300, 300), (600, 897)]);
}

#[test]
fn r06_a_rate_edited_between_marks_counts_from_then_on() {
    let steps = "until = '2 h'\n[[operator]]\nat = '100 s'\n\
        action.set-rate.constant.rate = '3 /s'";
    let leaves = leaves(&at_marks(EACH_SECOND, AT_ONCE, steps));
    // 100, and 200 s of three a second; an edit never brings a permit forward.
    assert_eq!(leaves[0], (0, 1));
    assert!(leaves[1].0 == 300 && (699..=700).contains(&leaves[1].1), "{leaves:?}");
}

#[test]
fn r18_nothing_gathers_while_nothing_may_leave() {
    let leaves = |campaign: &str, more: &str| {
        leaves(&at_marks(&format!("{EACH_SECOND}\n{campaign}"), AT_ONCE, more))
    };
    let until = "until = '20 min'";
    // From the start on, both ends included.
    assert_eq!(leaves("start = '100 s'", until)[..2], [(300, 201), (600, 300)]);
    // Since it was resumed.
    let steps = "until = '20 min'\n[[operator]]\nat = '100 s'\naction = 'suspend'\n\
        [[operator]]\nat = '250 s'\naction = 'resume'";
    assert_eq!(leaves("", steps)[..3], [(0, 1), (300, 51), (600, 300)]);
    // Since the window has opened.
    let window = "window = { from = '00:02', to = '00:12' }";
    assert_eq!(leaves(window, until), [(300, 181), (600, 300)]);
    // Permits that nobody took are gone at the next mark.
    let late = "online.renewal = { on = '100 d', off = '1000 s', start = 'offline' }";
    let outcome = at_marks(EACH_SECOND, &format!("{AT_ONCE}\n{late}"), "until = '1 h'");
    assert_eq!(self::leaves(&outcome)[..2], [(1_200, 300), (1_500, 300)]);
}

#[test]
fn r18_at_a_mark_stages_and_caps_hold_as_ever() {
    let cap = format!("{EACH_SECOND}\nin_flight = 100");
    let outcome = at_marks(&cap, "download.takes = '400 s'", "until = '1 h'");
    assert_eq!(leaves(&outcome)[..4], [(0, 1), (300, 99), (600, 1), (900, 99)]);
    // The second stage opens between two marks; what the rate allowed is the campaign's.
    let phases = "stages.phases = [{ percent = 10 }, { at = '450 s', percent = 100 }]";
    let outcome = at_marks(&format!("{EACH_SECOND}\n{phases}"), AT_ONCE, "until = '1 h'");
    assert_eq!(leaves(&outcome)[..4], [(0, 1), (300, 199), (600, 300), (900, 300)]);
    let at_once = "until = '1 h'\ndate = '2027-03-01T06:07:00Z'";
    assert_eq!(leaves(&at_marks("rate = 'unlimited'", AT_ONCE, at_once)), [(180, 2_000)]);
}

#[test]
fn r18_lanes_share_what_was_gathered() {
    let text = "format = 1\n[package]\nversion = '2'\n[campaign]\nname = 'x'\nmarks = '10 min'\n\
        rate.constant.rate = '1 /s'\nwindow = { from = '01:05', to = '01:35', clock = 'device' }\n\
        [fleet]\ndevices = 4000\nversions = { '1' = 1.0 }\n\
        [[fleet.cohort]]\nname = 'utc'\nshare = 0.5\ndownload.takes = '0 s'\n\
        [[fleet.cohort]]\nname = 'india'\nshare = 0.5\ndownload.takes = '0 s'\n\
        timezone = 'Asia/Kolkata'\n\
        [run]\nuntil = '1 d'\nsample_every = '1 s'\ndate = '2027-01-10T00:00:00Z'\n";
    let outcome = run(text);
    let rows = outcome.series.times.iter().zip(outcome.series.rows.chunks(2));
    let pushes: Vec<(u64, u64, u64)> =
        rows.map(|(at, rows)| (at.0 / 60_000_000, rows[0].pushes, rows[1].pushes)).collect();
    let changes: Vec<_> =
        pushes.windows(2).filter(|p| (p[0].1, p[0].2) != (p[1].1, p[1].2)).collect();
    let changes: Vec<_> = changes.iter().map(|p| (p[0].0, p[1].1, p[1].2)).collect();
    // 01:05 is 65 min after midnight in UTC, and 19:35 the day before in India.
    assert_eq!(
        changes,
        [
            (70, 301, 0),
            (80, 901, 0),
            (90, 1_501, 0),
            (1_180, 1_501, 301),
            (1_190, 1_501, 901),
            (1_200, 1_501, 1_501)
        ]
    );
}

fn limiters() -> impl Strategy<Value = Limiter> {
    let rate =
        || (1u64..5_000, 1u64..100_000_000).prop_map(|(count, per_us)| EventRate { count, per_us });
    prop_oneof![
        (rate(), 1u32..40).prop_map(|(rate, burst)| Limiter::constant(rate, burst)),
        (1u32..20, 1u64..3_000_000).prop_map(|(n, window)| Limiter::fixed_window(n, Span(window))),
        (rate(), 1u32..40).prop_map(|(rate, b)| Limiter::Variable(Variable::new(
            vec![(Time::ZERO, Some(rate))],
            b
        ))),
        (1u32..100_000).prop_map(|base| {
            Limiter::Exponential(Exponential::new(base, base, 20, 10, Reached::Succeeded))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is taken at once is what would be taken one by one, and leaves the rate as it would.
    #[test]
    fn r16_permits_are_taken_at_once_as_one_by_one(
        mut at_once in limiters(),
        spans in prop::collection::vec((0u64..2_000_000, 0u64..2_000_000), 1..20),
    ) {
        let mut one_by_one = at_once.clone();
        let mut from = 0;
        for (pause, length) in spans {
            from += pause;
            let to = Time(from + length);
            let mut permits = 0;
            while one_by_one.next(Time(from)) <= to && permits < 20_000 {
                one_by_one.take(Time(from));
                permits += 1;
            }
            prop_assume!(permits < 20_000);
            prop_assert_eq!(at_once.take_all(Time(from), to), permits);
            from = to.0 + 1;
            prop_assert_eq!(at_once.next(Time(from)), one_by_one.next(Time(from)));
        }
    }
}
