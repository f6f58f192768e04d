//! The flip model on desim: one process handles the events of all devices and
//! one ends the run.

#![feature(coroutines, coroutine_trait, stmt_expr_attributes)]

use std::cell::{Cell, RefCell};
use std::ops::Coroutine;
use std::rc::Rc;

use desim::resources::Store;
use desim::{Effect, Event, ProcessId, SimContext, SimState, Simulation};
use fleetstorm_peers::fleet::{self, Fleet, HORIZON, Timers};
use fleetstorm_peers::{SEED, Stopwatch, fleet_size, locked_version};

const CAMPAIGN: ProcessId = 0;
const OUTBOX: desim::StoreId = 0;

/// What a process yields, and what it finds when its timer wakes it.
#[derive(Clone, Copy)]
enum Step {
    After(f64, fleet::Event),
    Wait,
    /// There is more than one timer: all are in the outbox.
    Several,
}

impl SimState for Step {
    fn get_effect(&self) -> Effect {
        match *self {
            Step::After(delay, _) => Effect::TimeOut(delay),
            Step::Wait => Effect::Wait,
            Step::Several => Effect::Push(OUTBOX),
        }
    }

    // The engine never sets the effect itself.
    fn set_effect(&mut self, _: Effect) {}

    // Otherwise the engine keeps every event it has processed.
    fn should_log(&self) -> bool {
        false
    }
}

#[derive(Default)]
struct Outbox(Vec<(f64, fleet::Event)>);

impl Timers for Outbox {
    fn after(&mut self, delay: f64, event: fleet::Event) {
        self.0.push((delay, event));
    }
}

struct World {
    fleet: Fleet,
    outbox: Outbox,
}

impl World {
    /// Applies `event` and says which timers follow.
    fn apply(&mut self, event: fleet::Event, now: f64) -> Step {
        self.fleet.handle(event, now, &mut self.outbox);
        match *self.outbox.0 {
            [] => Step::Wait,
            [(delay, next)] => {
                self.outbox.0.clear();
                Step::After(delay, next)
            }
            _ => Step::Several,
        }
    }
}

/// A process can yield one timer only; pushing into this store schedules all
/// those in the outbox.
struct OutboxStore(Rc<RefCell<World>>);

impl Store<Step> for OutboxStore {
    fn push_or_enqueue_and_schedule_next(
        &mut self,
        pushed: Event<Step>,
        scheduled: &mut Vec<Event<Step>>,
    ) {
        for (delay, event) in self.0.borrow_mut().outbox.0.drain(..) {
            let step = Step::After(delay, event);
            scheduled.push(Event::new(pushed.time() + delay, CAMPAIGN, step));
        }
    }

    fn pull_or_enqueue_and_schedule_next(&mut self, _: Event<Step>, _: &mut Vec<Event<Step>>) {
        unreachable!("nothing pulls");
    }
}

type Process = Box<dyn Coroutine<SimContext<Step>, Yield = Step, Return = ()> + Unpin>;

fn campaign(world: Rc<RefCell<World>>, over: Rc<Cell<bool>>) -> Process {
    Box::new(
        #[coroutine]
        move |mut woken: SimContext<Step>| {
            while let Step::After(_, event) = *woken.state() {
                let step = world.borrow_mut().apply(event, woken.time());
                if world.borrow().fleet.done() {
                    over.set(true);
                }
                woken = yield step;
            }
        },
    )
}

fn horizon(over: Rc<Cell<bool>>) -> Process {
    Box::new(
        #[coroutine]
        move |_: SimContext<Step>| {
            over.set(true);
            yield Step::Wait;
        },
    )
}

/// Schedules the first events, before a process runs that could.
struct Start<'a>(&'a mut Simulation<Step>);

impl Timers for Start<'_> {
    fn after(&mut self, delay: f64, event: fleet::Event) {
        self.0
            .schedule_event(delay, CAMPAIGN, Step::After(delay, event));
    }
}

fn build(n: u32, over: &Rc<Cell<bool>>) -> (Simulation<Step>, Rc<RefCell<World>>) {
    let mut sim = Simulation::new();
    let mut fleet = Fleet::new(n, SEED);
    fleet.start(&mut Start(&mut sim));
    let world = Rc::new(RefCell::new(World {
        fleet,
        outbox: Outbox::default(),
    }));
    let first = sim.create_process(campaign(world.clone(), over.clone()));
    assert_eq!(first, CAMPAIGN);
    let end = sim.create_process(horizon(over.clone()));
    sim.schedule_event(HORIZON, end, Step::Wait);
    let store = sim.create_store(Box::new(OutboxStore(world.clone())));
    assert_eq!(store, OUTBOX);
    (sim, world)
}

fn main() {
    let n = fleet_size();
    let mut stopwatch = Stopwatch::new();
    let over = Rc::new(Cell::new(false));
    let (mut sim, world) = build(n, &over);
    stopwatch.built();
    while !over.get() {
        sim.step();
    }
    let outcome = world.borrow().fleet.outcome();
    let version = locked_version(include_str!("../Cargo.lock"), "desim");
    stopwatch.report("desim", version, n, outcome);
}
