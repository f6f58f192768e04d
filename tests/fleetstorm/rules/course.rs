//! R15 to R18, R25, R26: rates, stages, orders, marks, timers, and what holds all the time.

use fleetstorm::model::{EventRate, Span, Time};
use fleetstorm::scheduler::state::{CampaignStatus, FailureReason, TaskState};
use fleetstorm::scheduler::{Exponential, Limiter, Reached, Variable};
use fleetstorm::sim::outcome::Outcome;
use proptest::prelude::*;

use super::super::runs::{load, run, scenario, simulate};

pub const AT_ONCE: &str = "download.takes = '0 s'";

/// A thousand devices, sampled every second.
pub fn course(campaign: &str, cohort: &str, until: &str) -> Outcome {
    let sampled = format!("until = '{until}'\nsample_every = '1 s'");
    run(&scenario(1_000, campaign, cohort, &sampled))
}

/// Pushes that left before this second.
fn pushes_before(outcome: &Outcome, second: u64) -> u64 {
    let row = outcome.series.times.partition_point(|at| *at < Time(second * 1_000_000));
    outcome.series.rows[row.min(outcome.series.rows.len() - 1)].pushes
}

/// Pushes that left before this minute.
pub fn minutes(outcome: &Outcome, minutes: u64) -> u64 {
    pushes_before(outcome, minutes * 60)
}

#[test]
fn r16_a_variable_rate_follows_its_table() {
    let table = "rate.variable.table = [{ at = '10 s', rate = '1 /s' }, { at = '60 s' }, \
        { at = '100 s', rate = '10 /s' }]";
    let outcome = course(table, AT_ONCE, "1 h");
    let expected = [(10, 0), (11, 1), (60, 50), (100, 50), (101, 60), (150, 550), (196, 1_000)];
    for (second, pushes) in expected {
        assert_eq!(pushes_before(&outcome, second), pushes, "before {second} s");
    }
}

#[test]
fn r16_an_exponential_rate_grows_with_what_it_reaches() {
    let rate = |of: &str| {
        format!(
            "rate.exponential = {{ base = 60, factor = 2.0, every = 100, max = 240, of = '{of}' }}"
        )
    };
    let notified = course(&rate("notified"), AT_ONCE, "1 h");
    // 100 at 1 /s, 100 at 2 /s, then 4 /s at most.
    for (second, pushes) in [(100, 100), (150, 200), (250, 600), (351, 1_000)] {
        let had = pushes_before(&notified, second);
        assert!(had.abs_diff(pushes) <= 5, "{had} before {second} s, not {pushes}");
    }
    // The results are 100 s behind: 100 more at each rate.
    let succeeded = course(&rate("succeeded"), "download.takes = '100 s'", "1 h");
    for (second, pushes) in [(100, 100), (200, 200), (250, 300)] {
        let had = pushes_before(&succeeded, second);
        assert!(had.abs_diff(pushes) <= 5, "{had} before {second} s, not {pushes}");
    }
}

#[test]
fn r16_phases_take_percentages_of_the_list_at_times() {
    let phases = "rate = 'unlimited'\nstages.phases = [{ percent = 5 }, \
        { at = '1 h', percent = 25.05 }, { at = '2 h', percent = 100 }]";
    let outcome = course(phases, AT_ONCE, "1 d");
    for (minute, pushes) in [(1, 50), (60, 50), (61, 250), (120, 250), (121, 1_000)] {
        assert_eq!(minutes(&outcome, minute), pushes, "before {minute} min");
    }
}

#[test]
fn r16_groups_follow_each_other_when_enough_have_succeeded() {
    let groups = "rate = 'unlimited'\nstages.groups.group = [{ percent = 10, success = 100 }, \
        { percent = 40, success = 90 }, { percent = 50 }]";
    let cohort = "download.takes = '10 min'\nfails.flash = 0.0";
    let outcome = course(groups, cohort, "1 d");
    for (minute, pushes) in [(1, 100), (10, 100), (11, 500), (20, 500), (21, 1_000)] {
        assert_eq!(minutes(&outcome, minute), pushes, "before {minute} min");
    }
    // One of the first group is missing; nobody else has a turn.
    let failing = course(groups, "download.takes = '10 min'\nfails.flash = 0.05", "1 d");
    assert_eq!(minutes(&failing, 600), 100);
}

#[test]
fn r16_a_group_with_too_many_errors_suspends_the_campaign() {
    let groups = |of: &str| {
        format!(
            "rate.constant.rate = '1 /s'\n[campaign.stages.groups]\nof = '{of}'\n\
             group = [{{ percent = 50, error = 20, success = 10 }}, {{ percent = 50 }}]"
        )
    };
    let cohort = "download.takes = '10 s'\nfails.flash = 0.5";
    for (of, at_most) in [("total", 300), ("finished", 20)] {
        let outcome = course(&groups(of), cohort, "1 d");
        assert_eq!(outcome.campaign.status, CampaignStatus::Suspended);
        assert_eq!(outcome.campaign.log[0].what, "error-threshold");
        let total = outcome.total();
        assert!(total.attempts[0] < at_most, "{of}: {} pushed", total.attempts[0]);
        // More than 20 % of 500, or of those finished.
        assert!(of == "finished" || (101..120).contains(&total.failed()));
    }
}

#[test]
fn r16_a_cap_holds_the_tasks_in_flight() {
    let cohort = "download.takes.exponential.mean = '60 s'\nfails.flash = 0.2";
    for rate in ["rate = 'unlimited'", "rate.constant.rate = '5 /s'"] {
        let campaign =
            format!("{rate}\nin_flight = 37\nretry = {{ count = 2, interval = '1 min' }}");
        let outcome = course(&campaign, cohort, "1 d");
        let in_flight = |states: &[u64]| -> u64 {
            let open = TaskState::ALL.iter().filter(|s| !s.is_final());
            open.filter(|s| !s.name().starts_with("queued")).map(|s| states[s.index()]).sum()
        };
        let most = outcome.series.rows.iter().map(|row| in_flight(&row.states)).max();
        assert_eq!(most, Some(37));
        assert_eq!(outcome.total().open(), 0);
    }
}

#[test]
fn r17_the_order_is_the_lists_or_random_or_by_cohort() {
    let text = |order: &str| {
        format!(
            "format = 1\n[package]\nversion = '2'\n[campaign]\nname = 'x'\norder = '{order}'\n\
             rate.constant.rate = '1 /s'\n[fleet]\ndevices = 100\nversions = {{ '1' = 1.0 }}\n\
             [[fleet.cohort]]\nname = 'late'\nshare = 0.5\ndownload.takes = '0 s'\n\
             [[fleet.cohort]]\nname = 'early'\nshare = 0.5\ndownload.takes = '0 s'\n\
             [run]\nsample_every = '1 s'\nuntil = '10 min'\n"
        )
    };
    // Of the cohort that stands first in the scenario, updated after 50 pushes.
    let first_half = |order: &str| {
        let outcome = run(&text(order));
        let row = outcome.series.times.iter().position(|t| *t == Time(50_000_000)).unwrap();
        outcome.series.rows[2 * row].states[TaskState::Succeeded.index()]
    };
    assert_eq!(first_half("cohort"), 50);
    assert!((20..=30).contains(&first_half("list")), "{}", first_half("list"));
    assert!((12..=38).contains(&first_half("random")), "{}", first_half("random"));
    let finish = |order: &str| run(&text(order)).series.rows;
    assert_ne!(finish("random"), finish("list"));
}

#[test]
fn r17_by_the_time_of_eligibility_those_who_return_stand_behind_the_others() {
    // A third is offline at the beginning, and back within minutes.
    let cohort = "download.takes = '0 s'\nonline.renewal = { on.constant = '60 d', \
                  off.uniform = { from = '10 s', to = '60 s' }, start = 'offline' }";
    let early = "name = 'early'\nshare = 0.6\ndownload.takes = '0 s'\n[[fleet.cohort]]\n";
    let pushed_early = |order: &str, threads: usize| {
        let campaign = format!("rate.constant.rate = '1 /s'\norder = '{order}'");
        let text = scenario(1_000, &campaign, cohort, "sample_every = '1 s'\nuntil = '1 d'");
        let text = text.replace("name = \"all\"", &format!("{early}name = 'back'"));
        let outcome = simulate(&load(&text.replace("share = 1.0", "share = 0.4")), threads);
        let row = outcome.series.times.iter().position(|t| *t == Time(600_000_000)).unwrap();
        assert_eq!(outcome.total().succeeded(), 1_000);
        outcome.series.rows[2 * row].states[TaskState::Succeeded.index()]
    };
    for threads in [1, 2, 3] {
        // The queue is known one boundary after the start.
        assert_eq!(pushed_early("eligible", threads), 599);
    }
    // By the list, those who return go first.
    let listed = pushed_early("list", 1);
    assert!((150..400).contains(&listed), "{listed}");
}

#[test]
fn r18_pushes_leave_at_marks_of_the_wall_clock() {
    let campaign = "rate.constant = { rate = '100 /min', burst = 300 }\nmarks = '10 min'";
    let sampled = "until = '1 d'\nsample_every = '1 s'\ndate = '2027-03-01T06:07:00Z'";
    let outcome = run(&scenario(1_000, campaign, AT_ONCE, sampled));
    // The first mark is 06:10: the bucket was full, and 300 more were allowed in 3 minutes.
    for (second, pushes) in [(180, 0), (181, 600), (780, 600), (781, 1_000)] {
        assert_eq!(pushes_before(&outcome, second), pushes, "before {second} s");
    }
}

#[test]
fn r25_a_timeout_may_run_from_the_notification() {
    // Nobody ever begins: only a timeout from the notification ends the tasks.
    let campaign =
        |from: &str| format!("rate = 'unlimited'\ntimeout = '10 min'\ntimeout_from = '{from}'");
    let cohort = "reacts = '30 d'\ndownload.takes = '0 s'";
    let silent = course(&campaign("progress"), cohort, "10 d").total();
    assert_eq!(silent.open(), 1_000);
    let timed = course(&campaign("notification"), cohort, "10 d");
    assert_eq!(timed.total().failures[FailureReason::Timeout as usize], 1_000);
    let complete = timed.campaign.log.last().unwrap();
    assert_eq!((complete.what, complete.at), ("complete", Time(601_000_000)));
    // They have the offer, and may begin after all.
    assert_eq!(timed.under_way, 1_000);
}

#[test]
fn a_scenario_refuses_a_course_that_cannot_be() {
    for (campaign, rule) in [
        ("stages.phases = [{ percent = 50 }, { percent = 100 }]", "later than the entry before"),
        ("stages.phases = [{ percent = 50 }, { at = '1 h', percent = 20 }]", "greater than"),
        ("stages.groups.group = [{ percent = 50 }]", "add up to 50, not 100"),
        ("window = { from = '01:00', to = '01:00' }", "must differ"),
        ("window = { from = '01:00', to = '02:00', clock = 'Mars' }", "not an IANA time zone"),
        ("window = { from = '1:00', to = '02:00' }", "00:00 to 23:59"),
        ("finish = '0 s'", "later than campaign.start"),
        ("start = '40 d'", "before run.until"),
        ("draft = true", "never activated"),
        ("abort = [{ percent = 0.005 }]", "more than 2 decimals"),
        ("[[operator]]\naction = 'suspend'", "either `at` or `when`"),
        ("[[operator]]\nat = '1 h'\nwhen = 'failed > 1'\naction = 'suspend'", "has both"),
        ("[[operator]]\nwhen = 'broken > 1'\naction = 'suspend'", "the counts are"),
        ("[[operator]]\nat = '1 h'\naction.cancel-devices = ['5000']", "no such device"),
        ("[[operator]]\nat = '1 h'\naction.set-rate = 'unlimited'", "no values to set"),
    ] {
        // Tables of their own come last.
        let (inside, own) =
            if campaign.starts_with("[[") { ("", campaign) } else { (campaign, "") };
        let campaign = format!("rate = 'unlimited'\n{inside}");
        let text = format!("{}\n{own}\n", scenario(10, &campaign, AT_ONCE, ""));
        let problems = fleetstorm::scenario::load_text("t.toml", &text, "".as_ref(), &[]);
        let message = problems.expect_err(campaign.as_str()).to_string();
        assert!(message.contains(rule), "{campaign}: {message}");
    }
    load(&scenario(10, "rate = 'unlimited'\nstages = 'all'", AT_ONCE, ""));
}

fn any_limiter() -> impl Strategy<Value = (Limiter, u64)> {
    let per_minute = |count: u64| EventRate { count, per_us: 60_000_000 };
    let variable = prop::collection::vec((1u64..2_000, 1u64..600), 1..6).prop_map(move |steps| {
        let mut at = 0;
        let most = steps.iter().map(|(_, rate)| *rate).max().unwrap_or(0);
        let entry = |(gap, rate)| {
            at += gap * 1_000_000;
            (Time(at), Some(per_minute(rate)))
        };
        let table = steps.into_iter().map(entry).collect();
        (Limiter::Variable(Variable::new(table, 1)), most)
    });
    let exponential = (1u32..100, 1u32..10, 11u32..51, 1u64..50).prop_map(|(base, times, f, n)| {
        let max = base * times;
        let limiter = Exponential::new(base, max, f, n, Reached::Notified);
        (Limiter::Exponential(limiter), u64::from(max))
    });
    prop_oneof![variable, exponential]
}

proptest! {
    /// Whatever the rate does over time, no minute holds more than its greatest value allows.
    #[test]
    fn r16_no_window_holds_more_than_the_greatest_rate(
        (mut limiter, most) in any_limiter(),
        pauses in prop::collection::vec(0u64..30_000_000, 1..300),
    ) {
        let mut now = Time::ZERO;
        let mut taken: Vec<Time> = Vec::new();
        for pause in pauses {
            now = now + Span(if pause % 4 == 0 { pause } else { 0 });
            limiter.advance(now);
            if limiter.next(now).is_never() {
                continue;
            }
            let at = limiter.take(now);
            limiter.notified(at);
            taken.push(at);
            now = at;
        }
        for (i, first) in taken.iter().enumerate() {
            let within = taken[i..].iter().take_while(|at| at.0 < first.0 + 60_000_000).count();
            prop_assert!(within as u64 <= most + 1, "{within} in a minute, {most} allowed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever operators do: nothing leaves outside its window, beyond its stage, beyond its
    /// rate, or while the campaign is not active; and counters only grow.
    #[test]
    fn r15_nothing_leaves_while_it_must_not(
        steps in prop::collection::vec((0usize..4, 0u64..86_000), 0..8),
        open in 0u64..20,
        hours in 1u64..5,
        first_phase in 1u64..50,
        second_at in 1u64..20,
        marks: bool,
        needs_permit: bool,
        seed in 0u64..1_000,
    ) {
        let close = open + hours;
        let acts = ["'suspend'", "'resume'", "'retry-failed'", "{ cancel-states = ['notified'] }"];
        let campaign = format!(
            "rate.constant = {{ rate = '1 /min', burst = 10 }}\n\
             window = {{ from = '{open:02}:00', to = '{close:02}:00' }}\nfinish = '23 h'\n\
             {}retry = {{ count = 2, interval = '10 min', needs_permit = {needs_permit} }}\n\
             stages.phases = [{{ percent = {first_phase} }}, \
             {{ at = '{second_at} h', percent = 100 }}]",
            if marks { "marks = '7 min'\n" } else { "" },
        );
        let cohort = "fails.flash = 0.3\ndownload.takes.exponential.mean = '10 min'\n\
            online.renewal = { on.exponential.mean = '1 h', off.exponential.mean = '1 h' }";
        let run = format!("until = '1 d'\nsample_every = '1 s'\nseed = {seed}\n");
        let mut sorted = steps.clone();
        sorted.sort_by_key(|(_, at)| *at);
        let steps = super::super::runs::steps(&acts, &sorted);
        let text = format!("{}{steps}", scenario(400, &campaign, cohort, &run));
        let loaded = load(&text);
        let outcome = super::super::runs::simulate(&loaded, 1);
        let mut status = CampaignStatus::Active;
        let mut log = outcome.campaign.log.iter().peekable();
        let (mut last_minute, mut first_pushes) = (Vec::new(), 0);
        for second in 1..outcome.series.rows.len().min(86_400) {
            // The row at an instant shows what was before it.
            let begin = Time((second as u64 - 1) * 1_000_000);
            while let Some(entry) = log.next_if(|entry| entry.at <= begin) {
                status = entry.status;
            }
            let (before, after) = (&outcome.series.rows[second - 1], &outcome.series.rows[second]);
            prop_assert!(after.pushes >= before.pushes && after.retries >= before.retries);
            prop_assert!(after.late_reports >= before.late_reports);
            let pushes = after.pushes - before.pushes;
            let retries = after.retries - before.retries;
            first_pushes += pushes - retries;
            last_minute.push(if needs_permit { pushes } else { pushes - retries });
            if pushes == 0 {
                continue;
            }
            let hour = begin.0 as f64 / 3.6e9;
            prop_assert!(status == CampaignStatus::Active, "{} at {begin:?}", status.name());
            prop_assert!(open as f64 <= hour && hour < close as f64, "at {hour} h");
            let reach = if hour >= second_at as f64 { 400 } else { 4 * first_phase };
            prop_assert!(first_pushes <= reach, "{first_pushes} of {reach} at {hour} h");
            let window: u64 = last_minute.iter().rev().take(60).sum();
            // At a mark all that was allowed in the seven minutes before it.
            let allowed = if marks { 18 } else { 12 };
            prop_assert!(window <= allowed, "{window} in a minute");
            prop_assert!(!marks || begin.0.is_multiple_of(420_000_000), "off the marks at {begin:?}");
        }
    }
}

#[test]
fn r16_an_empty_first_group_holds_nobody_up() {
    let campaign = "rate = 'unlimited'\n\
        stages.groups.group = [{ percent = 0.05 }, { percent = 99.95 }]";
    assert_eq!(course(campaign, AT_ONCE, "1 d").total().succeeded(), 1_000);
}

#[test]
fn r16_devices_canceled_before_their_turn_do_not_shift_the_groups() {
    let campaign = "rate = 'unlimited'\nstart = '1 h'\n\
        stages.groups.group = [{ percent = 50, success = 100 }, { percent = 50 }]";
    let cohort = "download.takes = '30 d'";
    let steps = ["at = '1 min'\naction.cancel-devices = ['0', '1', '2', '999']"];
    let total = run(&super::campaign::operated(campaign, cohort, &steps)).total();
    // Of the first group's 500 only those that are left.
    assert_eq!((total.attempts[0], total.canceled()), (497, 4));
}

#[test]
fn r16_a_suspension_for_errors_can_be_overruled() {
    let campaign = "rate = 'unlimited'\nstages.groups.group = [\
        { percent = 50, error = 5, success = 0 }, { percent = 50, error = 100 }]";
    let cohort = "download.takes.exponential.mean = '10 min'\nfails.flash = 0.3";
    let steps = ["at = '3 h'\naction = 'resume'"];
    let outcome = run(&super::campaign::operated(campaign, cohort, &steps));
    assert_eq!(outcome.total().open(), 0);
    assert_eq!(outcome.campaign.status, CampaignStatus::Completed);
}

#[test]
fn r16_a_cap_counts_devices_that_never_return() {
    let campaign = "rate = 'unlimited'\noffline = 'store-and-forward'\nin_flight = 10";
    let cohort = "download.takes = '1 min'\nnever_returns = 0.5";
    for flips in [false, true] {
        let text = scenario(100, campaign, cohort, &format!("every_flip = {flips}"));
        assert_eq!(run(&text).total().count(TaskState::Notified), 10, "flips {flips}");
    }
}

#[test]
fn r16_a_variable_rate_edited_starts_with_its_own_first_entry() {
    let campaign = "rate.variable.table = [{ rate = '1 /s' }]";
    let steps =
        ["at = '100 s'\naction.set-rate.variable.table = [{ at = '200 s', rate = '10 /s' }]"];
    let outcome = run(&super::campaign::operated(campaign, AT_ONCE, &steps));
    assert_eq!(pushes_before(&outcome, 199), 100);
    assert_eq!(outcome.total().succeeded(), 1_000);
    assert!(outcome.end < Time(300_000_000));
}

#[test]
fn r26_a_retry_without_a_permit_waits_for_no_rate() {
    let campaign = "rate.variable.table = [{ rate = '1000 /s' }, { at = '10 s' }]\n\
        retry = { count = 10, interval = '60 s', needs_permit = false }";
    let cohort = "download.takes = '1 s'\nfails.flash = 0.3";
    let steps = ["at = '1 s'\naction.set-tags = {}"];
    let total = run(&super::campaign::operated(campaign, cohort, &steps)).total();
    assert_eq!(total.open(), 0);
    assert!(total.retries > 300);
}
