//! What shared links cost: nanoseconds per download that begins or ends, of so many at a time in
//! eight classes of rates on each of so many cells behind one origin, with shares that change at
//! every boundary. The cells are full, the origin is not.
//!
//! `cargo bench --bench links -- [DOWNLOADS] [ROUNDS] [CELLS]`. Prints one JSON line.

use std::time::Instant;

use fleetstorm::dist::Law;
use fleetstorm::model::{DeviceId, Span, Time};
use fleetstorm::network::{Downloads, RATE_CLASSES, Shares, rate_class};
use fleetstorm::rng::{Purpose, Streams};
use serde_json::json;

const CLASSES: u32 = 8;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, default: u32| args.get(at).map_or(default, |a| a.parse().unwrap());
    let (downloads, rounds, cells) = (number(0, 1_000_000), number(1, 5), number(2, 1));
    let mut links = Links::new(downloads, cells);
    // Until the marks are spread as they will be.
    links.turn_over(downloads);
    let (mut best, mut worst) = (f64::INFINITY, 0.0f64);
    for _ in 0..rounds {
        let clock = Instant::now();
        let (changes, boundaries) = links.turn_over(downloads);
        let ns = clock.elapsed().as_nanos() as f64 / f64::from(changes);
        eprintln!("{changes} changes, {boundaries} boundaries, {ns:.1} ns each");
        best = best.min(ns);
        worst = worst.max(ns);
    }
    println!(
        "{}",
        json!({
            "downloads": downloads, "classes": CLASSES, "cells": cells, "rounds": rounds,
            "ns_per_change": best, "ns_per_change_worst": worst,
        })
    );
}

struct Links {
    shares: Shares,
    downloads: Downloads<(u32, u64)>,
    /// Of each class on a cell.
    rates: Vec<u64>,
    law: Law,
    streams: Streams,
    begun: u32,
    now: Time,
}

impl Links {
    /// Cells carry half of what the downloads could load alone.
    fn new(downloads: u32, cells: u32) -> Links {
        let rates: Vec<u64> = (0..CLASSES).map(|class| 1_000_000 << (class / 2)).collect();
        let alone = rates.iter().sum::<u64>() as f64 * f64::from(downloads / CLASSES / cells);
        let mut capacities = vec![alone * f64::from(cells)];
        capacities.resize(cells as usize + 1, alone / 2.0);
        let shares = Shares::new(capacities, (1..=cells).map(|cell| [0, cell].into()).collect());
        let mut links = Links {
            downloads: Downloads::new(cells as usize + 1, shares.classes()),
            shares,
            rates,
            law: Law::Exponential { mean: 1e9 },
            streams: Streams::new(1),
            begun: 0,
            now: Time::ZERO,
        };
        for download in 0..downloads {
            let rate = links.rates[(download % CLASSES) as usize];
            links.begin(download / CLASSES % cells * RATE_CLASSES + rate_class(rate), rate);
        }
        links
    }

    fn begin(&mut self, class: u32, rate: u64) {
        let mut stream = self.streams.stream(DeviceId(self.begun), Purpose::Link, 0);
        let alone = self.law.sample(&mut stream);
        self.begun = self.begun.wrapping_add(1);
        self.downloads.join(class, (class, rate), self.now, alone, rate);
    }

    /// Runs from boundary to boundary until so many downloads have ended, each followed by another.
    fn turn_over(&mut self, downloads: u32) -> (u32, u32) {
        let (mut changes, mut boundaries) = (0, 0);
        while changes < 2 * downloads {
            let Links { shares, downloads, .. } = self;
            downloads.tell_changes(|change| shares.change(change));
            shares.divide(self.now);
            downloads.heed(shares);
            let end = self.now + Span::secs(1);
            let mut ended = Vec::new();
            while let Some((download, _, _)) = downloads.take_end(end) {
                ended.push(download);
            }
            self.now = end;
            for (class, rate) in ended {
                self.downloads.leave(class, rate);
                self.begin(class, rate);
                changes += 2;
            }
            boundaries += 1;
        }
        (changes, boundaries)
    }
}
