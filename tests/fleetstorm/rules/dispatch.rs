//! R2, R15 to R18: who is pushed when.

use std::collections::BTreeSet;

use fleetstorm::model::{DeviceId, EventRate, Span, Time};
use fleetstorm::scheduler::{
    DeviceList, Dispatcher, Effect, FleetView, Input, Lane, Limiter, OfflineTurn, Openings,
    RateChange, Ready, Selection, Task, TaskPolicy, TaskRules, Turn,
};
use fleetstorm::sim::outcome::{Ended, LatencyKind};

use super::super::runs::{run, scenario, total};

/// Devices that are offline, and ready entries that have become void.
#[derive(Default)]
struct Fleet {
    offline: BTreeSet<u32>,
    void: BTreeSet<u32>,
    turns: Vec<Turn>,
}

impl FleetView for Fleet {
    fn is_online(&mut self, device: DeviceId) -> bool {
        !self.offline.contains(&device.0)
    }

    fn is_still_ready(&mut self, ready: &Ready) -> bool {
        !self.void.contains(&ready.device.0)
    }

    fn take(&mut self, turn: Turn) {
        self.turns.push(turn);
    }
}

fn ready(device: u32, since: u64) -> Ready {
    Ready {
        since: Time(since),
        device: DeviceId(device),
        slot: device,
        period: 0,
        lane: 0,
        again: false,
        module: 0,
    }
}

fn one_lane(limiter: Limiter, offline: OfflineTurn, list: Selection) -> Dispatcher {
    Dispatcher::new(limiter, offline, true, vec![Lane::new(list, Openings::default())])
}

fn dispatcher(limiter: Limiter, offline: OfflineTurn, devices: u32) -> Dispatcher {
    one_lane(limiter, offline, Selection::new(DeviceList::All(devices), None))
}

/// The turns of one second from `second` on, as text: device, `@` instant in ms, `-` if aside.
fn plan(dispatcher: &mut Dispatcher, fleet: &mut Fleet, second: u64) -> String {
    let span = (Time(second * 1_000_000), Time((second + 1) * 1_000_000));
    assert!(!dispatcher.plan(span.0, span.1, fleet, usize::MAX));
    let show = |turn: &Turn| match turn {
        Turn::List { device, at, online: true } => format!("{}@{}", device.0, at.0 / 1000),
        Turn::List { device, at, online: false } => format!("{}@{}kept", device.0, at.0 / 1000),
        Turn::Aside { device } => format!("{}-", device.0),
        Turn::Enrol { device } => format!("{}+", device.0),
        Turn::NotNow { ready } => format!("r{}!", ready.device.0),
        Turn::Ready { ready, at } => format!("r{}@{}", ready.device.0, at.0 / 1000),
    };
    fleet.turns.drain(..).map(|turn| show(&turn)).collect::<Vec<_>>().join(" ")
}

fn per_second(count: u64) -> Limiter {
    Limiter::constant(EventRate { count, per_us: 1_000_000 }, 1)
}

#[test]
fn r02_a_device_starts_when_it_comes_online() {
    let campaign = "rate = 'unlimited'";
    let cohort = "online.renewal = { on = '100 d', off = '3 h', start = 'offline' }
                  download.takes = '60 s'";
    for flips in [false, true] {
        let run_table = format!("every_flip = {flips}");
        let tally = total(&scenario(100, campaign, cohort, &run_table));
        let updated = tally.latency(LatencyKind::ActivationToUpdated);
        assert_eq!(updated.min().unwrap().as_secs_f64(), updated.max().unwrap().as_secs_f64());
        let at = updated.max().unwrap().as_secs_f64();
        assert!((10_860.0..=10_861.0).contains(&at), "{at}: within a tick of its return");
        assert_eq!((tally.online_at_turn, tally.turns), (0, 100));
    }
}

#[test]
fn r15_no_push_while_offline() {
    let mut fleet = Fleet { offline: [0, 2].into(), ..Fleet::default() };
    let mut turns = dispatcher(per_second(2), OfflineTurn::WhenOnline, 4);
    assert_eq!(plan(&mut turns, &mut fleet, 0), "0- 1@0 2- 3@500");
    assert_eq!(plan(&mut turns, &mut fleet, 1), "", "nobody is left");
    let cohort = "online.renewal = { on = '100 d', off = '3 h', start = 'offline' }
                  download.takes = '60 s'";
    let outcome = run(&scenario(50, "rate = 'unlimited'", cohort, "until = '2 h'"));
    assert_eq!((outcome.ended, outcome.events.pushes), (Ended::Until, 0));
}

#[test]
fn r15_a_permit_lapses_when_its_device_leaves_within_the_tick() {
    // Periods of seconds under a tick of seconds: many are gone when their permit comes.
    let cohort = "online.renewal.on.exponential.mean = '5 s'
                  online.renewal.off.exponential.mean = '5 s'\ndownload.takes = '0 s'";
    let campaign = "rate.constant.rate = '100 /s'";
    for flips in [false, true] {
        let run_table = format!("tick = '4 s'\nuntil = '1 d'\nevery_flip = {flips}");
        let outcome = run(&scenario(2000, campaign, cohort, &run_table));
        let tally = outcome.total();
        assert_eq!((tally.succeeded(), outcome.ended), (2000, Ended::AllFinal));
        assert!(tally.lapsed_permits > 100, "{} lapsed", tally.lapsed_permits);
        assert_eq!(tally.attempts[0], 2000, "a lapsed permit is no attempt");
    }
}

#[test]
fn r16_constant_spaces_pushes_exactly() {
    let mut fleet = Fleet::default();
    let mut turns = dispatcher(per_second(3), OfflineTurn::WhenOnline, 5);
    assert_eq!(plan(&mut turns, &mut fleet, 0), "0@0 1@333 2@666");
    assert_eq!(plan(&mut turns, &mut fleet, 1), "3@1000 4@1333");
    // 7 per minute: the hundred-thousandth push is not a microsecond late.
    let mut limiter = Limiter::constant(EventRate { count: 7, per_us: 60_000_000 }, 1);
    let last = (0..=100_000).map(|_| limiter.take(Time::ZERO)).last().unwrap();
    assert_eq!(last.0, (100_000u64 * 60_000_000).div_ceil(7));
}

#[test]
fn r16_a_bucket_fills_while_nobody_is_pushed() {
    let mut limiter = Limiter::constant(EventRate { count: 1, per_us: 1_000_000 }, 3);
    let at = |limiter: &mut Limiter, from: u64| limiter.take(Time(from * 1_000_000)).0 / 1_000_000;
    let begin: Vec<_> = (0..5).map(|_| at(&mut limiter, 0)).collect();
    assert_eq!(begin, [0, 0, 0, 1, 2]);
    let after_a_pause: Vec<_> = (0..5).map(|_| at(&mut limiter, 100)).collect();
    assert_eq!(after_a_pause, [100, 100, 100, 101, 102]);
    let half_full: Vec<_> = (0..3).map(|_| at(&mut limiter, 104)).collect();
    assert_eq!(half_full, [104, 104, 105]);
}

#[test]
fn r16_a_fixed_window_fills_and_closes() {
    let mut limiter = Limiter::fixed_window(2, Span::secs(60));
    let at = |limiter: &mut Limiter, from: u64| limiter.take(Time(from * 1_000_000)).0 / 1_000_000;
    assert_eq!([0, 0, 0].map(|from| at(&mut limiter, from)), [0, 0, 60]);
    assert_eq!([70, 70, 119, 200].map(|from| at(&mut limiter, from)), [70, 120, 120, 200]);
    let campaign = "rate.fixed-window = { pushes = 10 }";
    let outcome = run(&scenario(35, campaign, "download.takes = '1 s'", "sample_every = '60 s'"));
    let pushes: Vec<_> = outcome.series.rows.iter().map(|row| row.pushes).collect();
    assert_eq!(pushes[1..], [10, 20, 30, 35], "at each minute's end");
}

#[test]
fn r16_a_fixed_window_holds_when_it_ends_within_a_tick() {
    for (tick, window, pushes, last) in [("1 s", "1.5 s", 2, 6.0), ("7 s", "61 s", 10, 244.0)] {
        let campaign = format!("rate.fixed-window = {{ pushes = {pushes}, window = '{window}' }}");
        let devices = 5 * pushes;
        let run_table = format!("tick = '{tick}'");
        let tally = total(&scenario(devices, &campaign, "download.takes = '1 s'", &run_table));
        let pushed = tally.latency(LatencyKind::EligibleToPushed);
        assert_eq!(pushed.max().unwrap().as_secs_f64(), last, "tick {tick}, window {window}");
        let at_once = pushed.histogram().count_at(0);
        assert_eq!(at_once, u64::from(pushes), "tick {tick}, window {window}");
    }
}

#[test]
fn r16_unlimited_pushes_all_at_once() {
    let tally = total(&scenario(200_000, "rate = 'unlimited'", "download.takes = '1 s'", ""));
    assert_eq!(tally.latency(LatencyKind::EligibleToPushed).max(), Some(Span::ZERO));
    assert_eq!(tally.attempts[0], 200_000);
}

#[test]
fn r20_a_window_may_open_again_within_the_span() {
    let windows =
        [(0, 150), (500, 650)].map(|(open, close)| (Time(open * 1000), Time(close * 1000)));
    let openings = Openings::new(Some(windows.to_vec()), None);
    let list = Selection::new(DeviceList::All(9), None);
    let lanes = vec![Lane::new(list, openings)];
    let mut turns = Dispatcher::new(per_second(10), OfflineTurn::WhenOnline, true, lanes);
    assert_eq!(plan(&mut turns, &mut Fleet::default(), 0), "0@0 1@100 2@500 3@600");
}

#[test]
fn r18_a_plan_cut_off_refuses_nobody_before_it_has_gone_on() {
    let mut fleet = Fleet::default();
    let mut turns = dispatcher(per_second(2), OfflineTurn::WhenOnline, 0).enrolling(true);
    turns.add_ready(&mut vec![ready(5, 1), ready(6, 2), ready(7, 3)]);
    assert!(turns.plan(Time::ZERO, Time(1_000_000), &mut fleet, 1));
    assert_eq!(fleet.turns.len(), 1);
    assert_eq!(plan(&mut turns, &mut fleet, 0), "r5@0 r6@500 r7!");
}

#[test]
fn r16_an_edit_never_brings_the_next_permit_forward() {
    // Sevenths of a second are no whole number of microseconds.
    let rate = EventRate { count: 7, per_us: 1_000_000 };
    let mut limiter = Limiter::constant(rate, 1);
    for _ in 0..20 {
        let at = limiter.take(Time::ZERO);
        let next = limiter.next(at);
        limiter.change(RateChange::Constant(rate), at).unwrap();
        assert!(limiter.next(at) >= next && limiter.next(at) <= next + Span(2));
    }
}

#[test]
fn r16_who_is_ready_waits_for_the_next_permit() {
    let limiter = Limiter::constant(EventRate { count: 1, per_us: 60_000_000 }, 1);
    let mut turns = dispatcher(limiter, OfflineTurn::WhenOnline, 1);
    assert_eq!(turns.next_deadline(Time::ZERO, false), Time::ZERO);
    assert_eq!(plan(&mut turns, &mut Fleet::default(), 0), "0@0");
    assert!(turns.next_deadline(Time(1_000_000), false).is_never(), "nobody waits");
    assert_eq!(turns.next_deadline(Time(1_000_000), true), Time(60_000_000));
}

#[test]
fn r17_by_target_list() {
    let order = [4, 0, 3, 1].map(DeviceId).to_vec();
    let list = Selection::new(DeviceList::Listed(order), None);
    let mut turns = one_lane(per_second(10), OfflineTurn::WhenOnline, list);
    let planned = plan(&mut turns, &mut Fleet::default(), 0);
    assert_eq!(planned, "4@0 0@100 3@200 1@300");
}

#[test]
fn r17_returned_devices_go_first_by_time_of_return_then_id() {
    let mut fleet = Fleet { offline: [0, 1, 2].into(), ..Fleet::default() };
    let mut turns = dispatcher(per_second(2), OfflineTurn::WhenOnline, 8);
    assert_eq!(plan(&mut turns, &mut fleet, 0), "0- 1- 2- 3@0 4@500");
    turns.add_ready(&mut vec![ready(2, 800_000), ready(1, 700_000), ready(0, 800_000)]);
    assert_eq!(plan(&mut turns, &mut fleet, 1), "r1@1000 r0@1500", "still under the rate");
    assert_eq!(plan(&mut turns, &mut fleet, 2), "r2@2000 5@2500", "then the list goes on");
}

#[test]
fn r17_a_device_that_left_again_loses_its_place() {
    let mut fleet = Fleet { void: [1].into(), ..Fleet::default() };
    let mut turns = dispatcher(per_second(2), OfflineTurn::WhenOnline, 1);
    turns.add_ready(&mut vec![ready(1, 0), ready(2, 0)]);
    assert_eq!(plan(&mut turns, &mut fleet, 0), "r2@0 0@500", "and takes no permit");
    turns.add_ready(&mut vec![ready(1, 900_000)]);
    fleet.void.clear();
    assert_eq!(plan(&mut turns, &mut fleet, 1), "r1@1000");
}

#[test]
fn r17_a_plan_cut_off_at_its_limit_goes_on_where_it_was() {
    let mut turns = dispatcher(per_second(1000), OfflineTurn::WhenOnline, 700);
    let mut fleet =
        Fleet { offline: (0..700).filter(|id| id % 3 == 0).collect(), ..Fleet::default() };
    let mut whole = dispatcher(per_second(1000), OfflineTurn::WhenOnline, 700);
    let mut pieces = Vec::new();
    let to = Time(1_000_000);
    whole.plan(Time::ZERO, to, &mut fleet, usize::MAX);
    let at_once = std::mem::take(&mut fleet.turns);
    loop {
        let more = turns.plan(Time::ZERO, to, &mut fleet, 50);
        let piece = std::mem::take(&mut fleet.turns);
        assert!(piece.len() <= 50);
        pieces.extend(piece);
        if !more {
            break;
        }
    }
    assert_eq!(pieces, at_once);
}

#[test]
fn r18_what_an_offline_turn_does() {
    let mut fleet = Fleet { offline: [0].into(), ..Fleet::default() };
    let mut kept = dispatcher(per_second(2), OfflineTurn::StoreAndForward, 2);
    assert_eq!(plan(&mut kept, &mut fleet, 0), "0@0kept 1@500");
    let mut aside = dispatcher(per_second(2), OfflineTurn::WhenOnline, 2);
    assert_eq!(plan(&mut aside, &mut fleet, 0), "0- 1@0");
    // One permit per hour, everybody offline for three hours.
    let cohort = "online.renewal = { on = '100 d', off = '3 h', start = 'offline' }
                  download.takes = '0 s'";
    let hours = |offline: &str, kind: LatencyKind| {
        let campaign = format!("rate.constant.rate = '1 /h'\noffline = '{offline}'");
        let tally = total(&scenario(3, &campaign, cohort, ""));
        tally.latency(kind).max().unwrap().as_secs_f64() / 3600.0
    };
    assert_eq!(hours("store-and-forward", LatencyKind::EligibleToPushed), 2.0);
    assert_eq!(hours("store-and-forward", LatencyKind::ActivationToUpdated), 3.0);
    let late = hours("when-online", LatencyKind::ActivationToUpdated);
    assert!((5.0..5.001).contains(&late), "{late}: permits at 3, 4 and 5 h");
}

#[test]
fn r18_reconnecting_before_any_progress_is_pushed_again() {
    let policy = TaskPolicy { timeout: Some(Span::secs(60)), ..TaskPolicy::default() };
    let (mut task, mut rules) = (Task::default(), TaskRules::new(policy));
    rules.of(&mut task, 0).handle(Time(0), Input::Pushed);
    let pushed = task.first_pushed();
    for at in [Time(5), Time(9)] {
        assert_eq!(rules.of(&mut task, 0).handle(at, Input::Connected), Effect::Repush);
    }
    assert_eq!((task.attempt(), task.first_pushed()), (1, pushed), "no new attempt, no timer");
    assert!(task.next_deadline().is_never());
    rules.of(&mut task, 0).handle(Time(10), Input::Progress { percent: 0 });
    let effect = rules.of(&mut task, 0).handle(Time(11), Input::Connected);
    assert_eq!(effect, Effect::Nothing);
}

#[test]
fn r18_pushes_again_are_counted_apart() {
    // Online for 10 min, offline for 10 min, reacts after 35 min: reconnects once at 20 min,
    // is offline when it wants to begin, and again at 40 min.
    let campaign = "rate = 'unlimited'";
    let cohort = "online.renewal = { on = '10 min', off = '10 min', start = 'online' }
                  reacts = '35 min'\ndownload.takes = '1 min'";
    for flips in [false, true] {
        let run_table = format!("every_flip = {flips}");
        let tally = total(&scenario(10, campaign, cohort, &run_table));
        assert_eq!((tally.succeeded(), tally.repushes), (10, 20));
        assert_eq!((tally.attempts[0], tally.retries), (10, 0));
        let heard = tally.latency(LatencyKind::PushedToProgress).max().unwrap();
        assert_eq!(heard, Span::secs(40 * 60));
    }
    // An offer that was kept reaches its device once: nothing is sent again.
    let kept = "rate = 'unlimited'\noffline = 'store-and-forward'";
    let cohort = "online.renewal = { on = '10 d', off = '1 h', start = 'offline' }
                  download.takes = '1 min'";
    assert_eq!(total(&scenario(10, kept, cohort, "")).repushes, 0);
}
