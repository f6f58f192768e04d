//! The log of one device.

use fleetstorm::model::DeviceId;
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::sim::outcome::Outcome;

use super::runs::{load, scenario, simulate, simulate_with};

const FLAKY: &str = "fails = { flash = 0.3, download = 0.1, bricks = 0.02 }\n\
    reacts.uniform = { from = '1 s', to = '5 min' }\n\
    download.takes.exponential.mean = '20 min'\ninstall = '5 min'\n\
    online.renewal = { on.exponential.mean = '1 h', off.exponential.mean = '1 h' }";

fn text() -> String {
    let campaign = "rate.constant.rate = '20 /min'\ntimeout = '5 h'\n\
        retry = { count = 2, interval = '10 min' }";
    scenario(300, campaign, FLAKY, "until = '4 d'")
}

fn traced(device: u32, threads: usize) -> Outcome {
    simulate_with(&load(&text()), threads, Some(DeviceId(device)))
}

#[test]
fn a_trace_changes_nothing_and_threads_do_not_change_it() {
    let plain = simulate(&load(&text()), 2);
    for device in 0..60 {
        let one = traced(device, 1);
        assert_eq!(one, traced(device, 3));
        assert_eq!(Outcome { trace: Vec::new(), ..one }, plain);
    }
}

#[test]
fn all_traces_together_are_the_whole_run() {
    let (mut pushes, mut succeeded, mut failed, mut timeouts) = (0, 0, 0, 0);
    for device in 0..300 {
        let log = traced(device, 1).trace;
        assert!(log.is_sorted_by_key(|entry| entry.at), "device {device}");
        // Each entry begins where the one before ended, and online alternates.
        for pair in log.windows(2) {
            let flips = ["online", "offline"].contains(&pair[1].event);
            assert_eq!(pair[0].online != pair[1].online, flips, "device {device}: {pair:?}");
        }
        pushes += log.iter().filter(|entry| entry.event == "pushed").count() as u64;
        timeouts += log.iter().filter(|entry| entry.event == "timeout").count() as u64;
        match log.last().expect("everybody had a turn").state {
            TaskState::Succeeded => succeeded += 1,
            TaskState::Failed(_) => failed += 1,
            _ => {}
        }
    }
    let total = simulate(&load(&text()), 1).total();
    assert_eq!(pushes, total.attempts.iter().sum::<u64>());
    assert_eq!((succeeded, failed), (total.succeeded(), total.failed()));
    assert!(timeouts > 0 && failed > 0 && total.retries > 0);
}
