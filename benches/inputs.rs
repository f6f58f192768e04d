//! What the scheduler itself costs: nanoseconds per input handled by a task, of so many tasks
//! in random order.
//!
//! `cargo bench --bench inputs -- [TASKS] [ROUNDS]`; each task gets the inputs of a whole
//! upgrade, one in twenty of them a failure with a retry. Prints one JSON line.

use std::time::Instant;

use fleetstorm::model::{Span, Time};
use fleetstorm::scheduler::state::FailureReason;
use fleetstorm::scheduler::{Effect, Input, Retry, Task, TaskPolicy, TaskRules, TimeoutFrom};
use serde_json::json;

/// An upgrade as a device reports it.
const UPGRADE: [Input; 8] = [
    Input::Pushed,
    Input::Connected,
    Input::Progress { percent: 0 },
    Input::Progress { percent: 50 },
    Input::Progress { percent: 100 },
    Input::Installing,
    Input::SourceVersion,
    Input::TargetVersion,
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, default: usize| args.get(at).map_or(default, |a| a.parse().unwrap());
    let (tasks, rounds) = (number(0, 1_000_000), number(1, 5));
    let policy = TaskPolicy {
        step: None,
        asks_to_stop: false,
        timeout: Some(Span::secs(3_600)),
        timeout_from: TimeoutFrom::FirstProgress,
        retry: Some(Retry { count: 2, interval: Span::secs(60), needs_permit: true }),
    };
    let mut rules = TaskRules::new(policy);
    let order = shuffled(tasks);
    let mut best = f64::INFINITY;
    let mut worst: f64 = 0.0;
    let mut retries = 0u64;
    for _ in 0..rounds {
        let mut list = vec![Task::default(); tasks];
        let clock = Instant::now();
        for (step, input) in UPGRADE.iter().enumerate() {
            let now = Time(step as u64 * 1_000_000);
            for (at, &task) in order.iter().enumerate() {
                let fails = step == 3 && at % 20 == 0;
                let input = if fails { Input::Failed(FailureReason::Download) } else { *input };
                let task = rules.of(&mut list[task as usize], task);
                let effect = task.handle(now, input);
                retries += u64::from(matches!(effect, Effect::RetryAt(_)));
            }
        }
        let ns = clock.elapsed().as_nanos() as f64 / (tasks * UPGRADE.len()) as f64;
        assert!(list.iter().all(|task| task.state().is_final()), "an upgrade ends");
        best = best.min(ns);
        worst = worst.max(ns);
    }
    assert_eq!(retries, (tasks.div_ceil(20) * rounds) as u64);
    println!(
        "{}",
        json!({ "tasks": tasks, "rounds": rounds, "ns_per_input": best, "ns_per_input_worst": worst })
    );
}

/// Each of the numbers below `count` once, in an order without a pattern.
fn shuffled(count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    let mut state = 1u64;
    for at in (1..count).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, ((state >> 33) % (at as u64 + 1)) as usize);
    }
    order
}
