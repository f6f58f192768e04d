//! Real time: the campaigns and devices of a scenario on tokio's clock, in one process.
//!
//! Each timer of a device, and each push of the scheduler, is a task that sleeps until its
//! instant; then the very code that the simulator runs does what is due. There is no rule here.
//!
//! # Model
//! The scheduler decides at the boundaries of `run.tick`, devices act at their own instants in
//! between. What happens is told the instant for which it was due, not the one at which it was
//! woken, so that a run comes to the same result as in virtual time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::model::Time;
use crate::scenario::Loaded;
use crate::sim::outcome::Outcome;
use crate::sim::{Coordinator, Options, Work, conduct};

/// How soon a stop is noticed.
const NAP: Duration = Duration::from_millis(50);

/// Runs the scenario in real time, `scale` virtual seconds per second.
///
/// # Errors
/// If the system refuses memory for the fleet, or a clock.
pub fn run(loaded: &Loaded, scale: f64, options: Options) -> std::io::Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    run_on(&runtime, loaded, scale, options)
}

/// As [`run`], on a runtime that has a clock, which may be paused.
///
/// # Errors
/// If the system refuses memory for the fleet.
pub fn run_on(
    runtime: &Runtime,
    loaded: &Loaded,
    scale: f64,
    options: Options,
) -> std::io::Result<Outcome> {
    let options = Options { threads: Some(1), ..options };
    conduct(loaded, options, |coordinator| runtime.block_on(drive(coordinator, scale)))
}

async fn drive(mut coordinator: Coordinator<'_, '_, '_>, scale: f64) -> Outcome {
    let clock = Clock { began: Instant::now(), scale };
    let (bell, mut rung) = mpsc::unbounded_channel();
    let stop = coordinator.stop();
    let mut tick = 0;
    coordinator.begin();
    let ended = loop {
        let begins = clock.instant(coordinator.start_of(tick));
        while Instant::now() < begins && !stop.load(Ordering::Relaxed) {
            tokio::time::sleep_until(begins.min(Instant::now() + NAP)).await;
        }
        let mut waiting = 0u64;
        let mut due = coordinator.open(tick);
        loop {
            for work in due {
                waiting += 1;
                tokio::spawn(ring(clock.instant(work.at()), work, bell.clone()));
            }
            if waiting == 0 || stop.load(Ordering::Relaxed) {
                break;
            }
            due = match tokio::time::timeout(NAP, rung.recv()).await {
                Ok(work) => {
                    waiting -= 1;
                    coordinator.act(work.expect("the driver holds a bell itself"), tick)
                }
                Err(_) => Vec::new(),
            };
        }
        match coordinator.close(tick) {
            Ok(next) => tick = next,
            Err(ended) => break ended,
        }
    };
    coordinator.finish(tick, ended).0
}

/// Sleeps until the instant, then hands the work over.
async fn ring(at: Instant, work: Work, bell: mpsc::UnboundedSender<Work>) {
    tokio::time::sleep_until(at).await;
    // The driver is gone if the run was stopped.
    let _ = bell.send(work);
}

/// Where virtual time stands on tokio's clock.
#[derive(Clone, Copy)]
struct Clock {
    began: Instant,
    scale: f64,
}

impl Clock {
    fn instant(&self, time: Time) -> Instant {
        /// Beyond that it makes no difference.
        const FAR: Duration = Duration::from_secs(100 * 365 * 86_400);
        let after = Duration::try_from_secs_f64(time.as_secs_f64() / self.scale).unwrap_or(FAR);
        self.began + after.min(FAR)
    }
}
