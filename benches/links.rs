//! What a shared link costs: nanoseconds per download that begins or ends, of so many at a time in
//! eight classes of rates, with shares that change at every boundary.
//!
//! `cargo bench --bench links -- [DOWNLOADS] [ROUNDS]`. Prints one JSON line.

use std::time::Instant;

use fleetstorm::dist::Law;
use fleetstorm::model::{DeviceId, Span, Time};
use fleetstorm::network::{Class, Demand, Progress, Shares};
use fleetstorm::rng::{Purpose, Streams};
use serde_json::json;

const CLASSES: u32 = 8;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, default: u32| args.get(at).map_or(default, |a| a.parse().unwrap());
    let (downloads, rounds) = (number(0, 1_000_000), number(1, 5));
    let mut link = Link::new(downloads);
    // Until the marks are spread as they will be.
    link.turn_over(downloads);
    let (mut best, mut worst) = (f64::INFINITY, 0.0f64);
    for _ in 0..rounds {
        let clock = Instant::now();
        let (changes, boundaries) = link.turn_over(downloads);
        let ns = clock.elapsed().as_nanos() as f64 / f64::from(changes);
        eprintln!("{changes} changes, {boundaries} boundaries, {ns:.1} ns each");
        best = best.min(ns);
        worst = worst.max(ns);
    }
    println!(
        "{}",
        json!({
            "downloads": downloads, "classes": CLASSES, "rounds": rounds,
            "ns_per_change": best, "ns_per_change_worst": worst,
        })
    );
}

struct Link {
    shares: Shares,
    classes: Vec<Class<u32>>,
    rates: Vec<u64>,
    law: Law,
    streams: Streams,
    begun: u32,
    now: Time,
}

impl Link {
    /// Half of what the downloads could load alone.
    fn new(downloads: u32) -> Link {
        let rates: Vec<u64> = (0..CLASSES).map(|class| 1_000_000 << (class / 2)).collect();
        let alone: u64 = rates.iter().sum::<u64>() * u64::from(downloads / CLASSES);
        let class = |_| Class::new(Progress::begin(Time::ZERO, 1.0));
        let mut link = Link {
            shares: Shares::new(vec![alone as f64 / 2.0], vec![[0].into()]),
            classes: (0..CLASSES).map(class).collect(),
            rates,
            law: Law::Exponential { mean: 1e9 },
            streams: Streams::new(1),
            begun: 0,
            now: Time::ZERO,
        };
        for download in 0..downloads {
            link.begin(download % CLASSES);
        }
        link
    }

    fn begin(&mut self, class: u32) {
        let mut stream = self.streams.stream(DeviceId(self.begun), Purpose::Link, 0);
        let alone = self.law.sample(&mut stream);
        self.begun = self.begun.wrapping_add(1);
        let (class, rate) = (&mut self.classes[class as usize], self.rates[class as usize]);
        let mark = class.join(self.now, alone, rate);
        class.await_end(mark, self.begun);
    }

    /// Runs from boundary to boundary until so many downloads have ended, each followed by another.
    fn turn_over(&mut self, downloads: u32) -> (u32, u32) {
        let (mut changes, mut boundaries) = (0, 0);
        while changes < 2 * downloads {
            let demand =
                |class: &Class<u32>| Demand { path: 0, count: class.count, rates: class.rates };
            let demands: Vec<Demand> = self.classes.iter().map(demand).collect();
            self.shares.divide(&demands);
            for (class, speed) in self.classes.iter_mut().zip(&self.shares.speeds) {
                class.progress.set_speed(self.now, *speed);
            }
            let end = self.now + Span::secs(1);
            for class in 0..CLASSES {
                let mut ended = 0;
                while self.classes[class as usize].take_end(end).is_some() {
                    self.classes[class as usize].leave(self.rates[class as usize]);
                    ended += 1;
                }
                self.now = end;
                (0..ended).for_each(|_| self.begin(class));
                self.now = Time(end.0 - 1_000_000);
                changes += 2 * ended;
            }
            self.now = end;
            boundaries += 1;
        }
        (changes, boundaries)
    }
}
