//! The flip model on simcore: one component handles the events of all devices.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use fleetstorm_peers::fleet::{self, Fleet, HORIZON, Timers};
use fleetstorm_peers::{SEED, Stopwatch, fleet_size, locked_version};
use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};

// The payloads are empty because simcore boxes them and an empty box costs no
// allocation. The device number travels as the event's source.
#[derive(Clone, Serialize)]
struct Permit {}
#[derive(Clone, Serialize)]
struct Flip {}
#[derive(Clone, Serialize)]
struct Downloaded {}
#[derive(Clone, Serialize)]
struct Installed {}
#[derive(Clone, Serialize)]
struct Horizon {}

struct Campaign {
    fleet: Fleet,
    timers: Context,
    over: Rc<Cell<bool>>,
}

struct Context(SimulationContext);

impl Timers for Context {
    fn after(&mut self, delay: f64, event: fleet::Event) {
        let me = self.0.id();
        match event {
            // Permits come in time order, so they can use the engine's FIFO
            // instead of its heap.
            fleet::Event::Permit => self.0.emit_ordered_self(Permit {}, delay),
            fleet::Event::Flip(id) => self.0.emit_as(Flip {}, id as Id, me, delay),
            fleet::Event::Downloaded(id) => self.0.emit_as(Downloaded {}, id as Id, me, delay),
            fleet::Event::Installed(id) => self.0.emit_as(Installed {}, id as Id, me, delay),
        };
    }
}

impl EventHandler for Campaign {
    fn on(&mut self, event: Event) {
        let (id, now) = (event.src, event.time);
        cast!(match event.data {
            Flip {} => {
                self.apply(fleet::Event::Flip(id), now);
            }
            Permit {} => {
                self.apply(fleet::Event::Permit, now);
            }
            Downloaded {} => {
                self.apply(fleet::Event::Downloaded(id), now);
            }
            Installed {} => {
                self.apply(fleet::Event::Installed(id), now);
            }
            Horizon {} => {
                self.over.set(true);
            }
        })
    }
}

impl Campaign {
    fn apply(&mut self, event: fleet::Event, now: f64) {
        self.fleet.handle(event, now, &mut self.timers);
        if self.fleet.done() {
            self.over.set(true);
        }
    }
}

fn main() {
    let n = fleet_size();
    let mut stopwatch = Stopwatch::new();
    let mut sim = Simulation::new(SEED);
    let context = sim.create_context("campaign");
    context.emit_self(Horizon {}, HORIZON);
    let over = Rc::new(Cell::new(false));
    let mut fleet = Fleet::new(n, SEED);
    let mut timers = Context(context);
    fleet.start(&mut timers);
    let campaign = Rc::new(RefCell::new(Campaign {
        fleet,
        timers,
        over: over.clone(),
    }));
    sim.add_handler("campaign", campaign.clone());
    stopwatch.built();
    while !over.get() && sim.step() {}
    let outcome = campaign.borrow().fleet.outcome();
    let version = locked_version(include_str!("../../Cargo.lock"), "simcore");
    stopwatch.report("simcore", version, n, outcome);
}
