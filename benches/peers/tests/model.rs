//! The model under a plain heap: what must hold whatever engine keeps time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fleetstorm_peers::fleet::{Event, Fleet, HORIZON, Timers};
use fleetstorm_peers::locked_version;

const N: u32 = 20_000;

#[derive(Default)]
struct Heap {
    now: f64,
    /// Due times as bits, which sort like the numbers since none is negative.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    events: Vec<Event>,
    flips: u64,
}

impl Timers for Heap {
    fn after(&mut self, delay: f64, event: Event) {
        assert!(delay >= 0.0, "{event:?} would be due in the past");
        let due = self.now + delay;
        self.due.push(Reverse((due.to_bits(), self.events.len())));
        self.events.push(event);
    }
}

fn run(seed: u64) -> (Fleet, Heap) {
    let mut fleet = Fleet::new(N, seed);
    let mut heap = Heap::default();
    fleet.start(&mut heap);
    while let Some(Reverse((bits, number))) = heap.due.pop() {
        heap.now = f64::from_bits(bits);
        if heap.now > HORIZON || fleet.done() {
            break;
        }
        let event = heap.events[number];
        heap.flips += u64::from(matches!(event, Event::Flip(_)));
        fleet.handle(event, heap.now, &mut heap);
    }
    (fleet, heap)
}

fn near(measured: f64, expected: f64, relative: f64) {
    let error = (measured / expected - 1.0).abs();
    assert!(
        error < relative,
        "{measured} is not within {relative} of {expected}"
    );
}

#[test]
fn counts_are_those_of_the_model() {
    let (fleet, heap) = run(7);
    let outcome = fleet.outcome();
    let n = f64::from(N);
    let pushed = f64::from(N - outcome.open);
    // Two flips per mean cycle of 6 h; three more events per attempt.
    near(heap.flips as f64, n * heap.now / 3600.0 / 3.0, 0.01);
    let others = (outcome.events - heap.flips) as f64;
    near(others, 3.0 * pushed * (1.0 + 0.02 + 0.02 * 0.02), 0.005);
    assert_eq!(outcome.succeeded + outcome.failed + outcome.open, N);
    assert!(outcome.failed < 10 && outcome.open < 40, "{outcome:?}");
}

#[test]
fn a_seed_fixes_the_run() {
    assert_eq!(run(1).0.outcome(), run(1).0.outcome());
    assert_ne!(run(1).0.outcome(), run(2).0.outcome());
}

#[test]
fn versions_come_from_the_lock_file() {
    let lock = "name = \"ab\"\nversion = \"2.0\"\n\nname = \"b\"\nversion = \"1.2\"\n";
    assert_eq!(locked_version(lock, "b"), "1.2");
}
