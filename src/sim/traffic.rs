//! What the devices of a shard load over shared links.

use crate::fleet::Presence;
use crate::model::{Span, Time, take};
use crate::network::Downloads;

use super::asking::{Asking, Desk};
use super::books::Books;
use super::calendar::{Entry, Kind};
use super::flights::Active;
use super::network::Network;
use super::prefetch::prefetch;
use super::records::Records;
use super::ticks::Ticks;

/// A shard's downloads and requests.
///
/// # Invariants
/// Speeds are the same in all shards, and change at boundaries only.
#[derive(Debug)]
pub struct Traffic<'w> {
    network: &'w Network,
    /// Those over shared links, by flight.
    pub downloads: Downloads<u32>,
    /// The tick under way.
    tick: (Time, Time),
    /// Downloads have begun or ended since the speeds were set.
    pub changed: bool,
    /// By flight.
    loads: Vec<Load>,
    /// Downloads under way.
    pub loading: u64,
    /// What is asked of the server, if there is one.
    pub desk: Option<Desk>,
}

/// A flight's part in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    class: u32,
    /// What it would have alone, in bit/s; 0 if it shares no link.
    rate: u64,
    /// From when on it has a share.
    begins: Time,
    /// What it asks of the server.
    pub asking: Asking,
}

impl<'w> Traffic<'w> {
    /// Nothing is loaded yet.
    pub fn new(network: &'w Network) -> Traffic<'w> {
        let classes = if network.has_links { network.shares.classes() } else { 0 };
        Traffic {
            network,
            downloads: Downloads::new(network.links.len(), classes),
            tick: (Time::ZERO, Time::ZERO),
            changed: false,
            loads: Vec::new(),
            loading: 0,
            desk: network.backend.as_ref().map(Desk::new),
        }
    }

    /// The next tick that has something to do: shares to be set anew, or a download that ends.
    pub fn next_tick(&mut self, ticks: Ticks) -> Option<u64> {
        if self.changed {
            return Some(ticks.of(self.tick.0) + 1);
        }
        let next = self.downloads.next_end();
        (!next.is_never()).then(|| ticks.of(next))
    }

    /// Fetches what a flight loads and asks, which is about two cache lines.
    #[inline(always)]
    pub fn prefetch(&self, flight: u32) {
        prefetch(&self.loads, flight as usize);
        prefetch(&self.loads, flight as usize + 1);
    }

    /// What a flight loads; the list grows up to it.
    pub fn load(&mut self, flight: u32) -> &mut Load {
        let at = flight as usize;
        if at >= self.loads.len() {
            self.loads.resize(at + 1, Load::default());
        }
        &mut self.loads[at]
    }

    /// A flight begins, with nothing of what was there before.
    fn begin(&mut self, flight: u32) {
        *self.load(flight) = Load::default();
    }

    /// The download of a flight joins its class, and has its share from the next boundary on; the
    /// work that the class has done at its end.
    fn join(&mut self, flight: u32, class: u32, alone: f64, rate: u64) -> f64 {
        let begins = self.tick.1;
        let mark = self.downloads.join(class, flight, begins, alone, rate);
        let load = self.load(flight);
        (load.class, load.rate, load.begins) = (class, rate, begins);
        mark
    }
}

impl Books<'_> {
    /// Opens a tick: downloads that end in it are in the calendar from here on.
    pub fn open_traffic(&mut self, tick: u64, records: &mut Records) {
        let ticks = self.world.ticks;
        let Some(traffic) = &mut self.traffic else { return };
        let span = (ticks.start(tick), ticks.start(tick + 1));
        if std::mem::replace(&mut traffic.tick, span) == span {
            return;
        }
        let mut stays = |mark: f64, flight: u32| {
            records.active(flight).is_some_and(|a| a.flight.attempt.mark() == Some(mark))
        };
        traffic.downloads.forget_gone(&mut stays);
        let mut ending = Vec::new();
        while let Some(end) = traffic.downloads.take_end(span.1) {
            ending.push(end);
        }
        for (flight, mark, end) in ending {
            // It may have left, or be another one by now.
            let Some(active) = records.active(flight) else { continue };
            if active.flight.attempt.mark() == Some(mark) {
                let end = end.max(span.0);
                active.flight.attempt.ends_at(end);
                self.enter(end, Entry::new(Kind::Download, flight));
            }
        }
    }

    /// Takes account of what an input did to a download, which was under way before if
    /// `was_loading`.
    #[inline(never)]
    pub fn follow(&mut self, active: &mut Active, now: Time, was_loading: bool) {
        if self.traffic.is_some() {
            match (was_loading, active.flight.attempt.is_loading()) {
                (false, true) => self.begin_loading(active, now),
                (true, false) => self.end_loading(active, now),
                _ => {}
            }
        }
    }

    fn begin_loading(&mut self, active: &mut Active, now: Time) {
        let world = self.world;
        let Some(traffic) = &mut self.traffic else { return };
        traffic.loading += 1;
        traffic.changed = true;
        if !traffic.network.has_links {
            return;
        }
        // One that goes on does so where it was.
        let Load { mut class, mut rate, .. } = *traffic.load(active.index);
        if rate == 0 {
            let cohort = active.presence.cohort();
            let Some(bps) = world.luck(active.device, cohort).link_bps() else { return };
            rate = bps.max(1.0) as u64;
            class = traffic.network.class_of(active.device, cohort, rate, &world.streams);
        }
        let alone = active.flight.attempt.due().since(now).0 as f64;
        let mark = traffic.join(active.index, class, alone, rate);
        active.flight.attempt.ends_with(mark);
    }

    fn end_loading(&mut self, active: &mut Active, now: Time) {
        let Some(traffic) = &mut self.traffic else { return };
        take(&mut traffic.loading, 1);
        traffic.changed = true;
        if let Some(desk) = &mut traffic.desk {
            desk.note_end(now);
        }
        let Load { class, rate, .. } = *traffic.load(active.index);
        if rate > 0 {
            traffic.downloads.leave(class, rate);
        }
    }

    /// A flight gets a new attempt; what was left of the last one is given up.
    pub fn abandon(&mut self, active: &mut Active, now: Time) {
        if active.flight.attempt.is_loading() {
            self.end_loading(active, now);
        }
        if let Some(traffic) = &mut self.traffic {
            traffic.begin(active.index);
        }
    }

    /// The device is about to leave the network: what it has under way stops.
    pub fn interrupt(&mut self, active: &mut Active, now: Time) {
        self.lose_answer(active);
        let Some(traffic) = &mut self.traffic else { return };
        let attempt = &mut active.flight.attempt;
        if !attempt.is_loading() {
            return;
        }
        let Load { class, rate, begins, .. } = *traffic.load(active.index);
        if rate > 0 {
            let downloads = &traffic.downloads;
            let left = match attempt.mark() {
                Some(mark) => mark - downloads.done_at(class, now.max(begins)),
                None => attempt.due().since(now).0 as f64 * downloads.speed(class),
            };
            attempt.ends_at(now + Span::from_micros_f64(left));
        }
        self.end_loading(active, now);
    }
}

/// Whether the download at `slot` waits for its end on a shared link.
pub fn is_on_link(records: &mut Records, slot: u32) -> bool {
    let flight = records.presence(slot).flight;
    flight != Presence::NO_FLIGHT
        && records.active(flight).is_some_and(|active| active.flight.attempt.mark().is_some())
}
