//! Starting all threads on one tick, and waiting for them: a few hundred nanoseconds each way where
//! each thread has a core; who has to wait longer lets others have it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};

/// A round of work for a fixed number of workers.
///
/// # Invariants
/// A worker does each round once; the coordinator goes on when all have.
#[derive(Debug)]
pub struct Gate {
    round: AtomicU64,
    /// What the round is about, as the caller encodes it.
    job: AtomicU64,
    done: AtomicUsize,
    stopped: AtomicBool,
    asleep: AtomicUsize,
    /// Who waits for the workers, and whether it sleeps.
    coordinator: Thread,
    waits_asleep: AtomicBool,
    /// Whether threads have to share cores.
    crowded: bool,
}

/// Turns of waiting before a worker sleeps; about a millisecond.
const PATIENCE: u32 = 1 << 14;

/// Turns before the coordinator sleeps; longer than a round that goes well.
const SHORT_PATIENCE: u32 = 1 << 12;

impl Gate {
    /// For so many threads in all, of which this one waits for the others.
    pub fn new(threads: usize) -> Gate {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Gate {
            round: AtomicU64::new(0),
            job: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            coordinator: thread::current(),
            waits_asleep: AtomicBool::new(false),
            crowded: threads > cores,
        }
    }

    /// Starts a round.
    pub fn open(&self, job: u64, workers: &[Thread]) {
        self.done.store(0, SeqCst);
        self.job.store(job, SeqCst);
        self.round.fetch_add(1, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            workers.iter().for_each(Thread::unpark);
        }
    }

    /// Waits until `workers` have finished the round.
    pub fn wait(&self, workers: usize) {
        let mut turns = 0;
        while self.done.load(SeqCst) < workers && turns < SHORT_PATIENCE {
            self.pause(&mut turns);
        }
        if self.done.load(SeqCst) < workers {
            self.waits_asleep.store(true, SeqCst);
            while self.done.load(SeqCst) < workers {
                thread::park();
            }
            self.waits_asleep.store(false, SeqCst);
        }
    }

    /// Lets all workers end.
    pub fn stop(&self, workers: &[Thread]) {
        self.stopped.store(true, SeqCst);
        self.round.fetch_add(1, SeqCst);
        workers.iter().for_each(Thread::unpark);
    }

    /// The body of a worker: does each round's job until stopped.
    pub fn work(&self, mut job: impl FnMut(u64)) {
        let mut seen = 0;
        loop {
            self.await_round(seen);
            seen += 1;
            if self.stopped.load(SeqCst) {
                return;
            }
            // Counts the round as done even if the job panics, so that nobody waits forever.
            let _done = Done(self);
            job(self.job.load(SeqCst));
        }
    }

    fn await_round(&self, seen: u64) {
        let mut turns = 0;
        while self.round.load(SeqCst) == seen {
            if turns < PATIENCE {
                self.pause(&mut turns);
                continue;
            }
            self.asleep.fetch_add(1, SeqCst);
            // The round may have begun before this thread counted as asleep.
            while self.round.load(SeqCst) == seen {
                thread::park();
            }
            self.asleep.fetch_sub(1, SeqCst);
        }
    }

    /// Spins, and now and then lets another thread have the core; seldom where each has its
    /// own, since the round may begin just then.
    fn pause(&self, turns: &mut u32) {
        *turns += 1;
        if turns.is_multiple_of(if self.crowded { 128 } else { 2048 }) {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

struct Done<'a>(&'a Gate);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done.fetch_add(1, SeqCst);
        if self.0.waits_asleep.load(SeqCst) {
            self.0.coordinator.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_does_every_round_once() {
        let gate = Gate::new(4);
        let sum = AtomicU64::new(0);
        thread::scope(|scope| {
            let workers: Vec<Thread> = (0..3)
                .map(|_| {
                    let body = || gate.work(|job| _ = sum.fetch_add(job, SeqCst));
                    scope.spawn(body).thread().clone()
                })
                .collect();
            for job in 1..=200 {
                gate.open(job, &workers);
                gate.wait(workers.len());
                assert_eq!(sum.load(SeqCst), 3 * job * (job + 1) / 2);
                if job == 100 {
                    // Long enough for the workers to fall asleep.
                    thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            gate.stop(&workers);
        });
    }
}
