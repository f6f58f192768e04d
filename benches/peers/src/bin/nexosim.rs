//! The flip model on NeXosim: one model holds all devices and schedules its
//! own events, on the single-threaded executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fleetstorm_peers::fleet::{Event, Fleet, HORIZON, Outcome, Timers};
use fleetstorm_peers::{SEED, Stopwatch, fleet_size, locked_version};
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::QuerySource;
use nexosim::simulation::{Mailbox, SimInit, SimulationError};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

const START: MonotonicTime = MonotonicTime::EPOCH;

#[derive(Serialize, Deserialize)]
struct Campaign {
    fleet: Fleet,
    /// Tells the stepping loop to stop. A saved model is not restored here.
    #[serde(skip)]
    over: Arc<AtomicBool>,
}

#[Model]
impl Campaign {
    #[nexosim(init)]
    async fn init(&mut self, context: &Context<Self>) {
        let horizon = Duration::from_secs_f64(HORIZON);
        let end = context.schedule_event(horizon, schedulable!(Self::stop), ());
        end.expect("the horizon is ahead");
        self.fleet.start(&mut Scheduler(context));
    }

    #[nexosim(schedulable)]
    fn due(&mut self, event: Event, context: &Context<Self>) {
        let now = context.time().duration_since(START).as_secs_f64();
        self.fleet.handle(event, now, &mut Scheduler(context));
        if self.fleet.done() {
            self.stop(());
        }
    }

    #[nexosim(schedulable)]
    fn stop(&mut self, _: ()) {
        self.over.store(true, Ordering::Relaxed);
    }

    async fn outcome(&mut self) -> Outcome {
        self.fleet.outcome()
    }
}

struct Scheduler<'a>(&'a Context<Campaign>);

impl Timers for Scheduler<'_> {
    fn after(&mut self, delay: f64, event: Event) {
        // The engine's clock ticks in nanoseconds and refuses a delay of zero.
        let delay = Duration::from_secs_f64(delay).max(Duration::from_nanos(1));
        let scheduled = self
            .0
            .schedule_event(delay, schedulable!(Campaign::due), event);
        scheduled.expect("the delay is positive");
    }
}

fn main() -> Result<(), SimulationError> {
    let n = fleet_size();
    let mut stopwatch = Stopwatch::new();
    let over = Arc::new(AtomicBool::new(false));
    let campaign = Campaign {
        fleet: Fleet::new(n, SEED),
        over: over.clone(),
    };
    let mailbox = Mailbox::new();
    let mut bench = SimInit::with_num_threads(1);
    let outcome = QuerySource::new()
        .connect(Campaign::outcome, &mailbox)
        .register(&mut bench);
    let mut simulation = bench.add_model(campaign, mailbox, "campaign").init(START)?;
    stopwatch.built();
    while !over.load(Ordering::Relaxed) {
        simulation.step()?;
    }
    let outcome = simulation.process_query(&outcome, ())?;
    let version = locked_version(include_str!("../../Cargo.lock"), "nexosim");
    stopwatch.report("nexosim", version, n, outcome);
}
