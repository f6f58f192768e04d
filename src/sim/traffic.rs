//! What the devices of a shard load over shared links, and ask of servers.

use crate::fleet::Presence;
use crate::model::{DeviceId, Span, Time, take};
use crate::network::{Class, Progress};

use super::books::Books;
use super::calendar::{Entry, Kind};
use super::flights::Active;
use super::network::Network;
use super::records::Records;
use super::ticks::Ticks;

/// A shard's downloads and requests.
///
/// # Invariants
/// Speeds are the same in all shards, and change at boundaries only.
#[derive(Debug)]
pub struct Traffic<'w> {
    network: &'w Network,
    /// By class; none until somebody loads in it.
    classes: Vec<Option<Box<Class<u32>>>>,
    /// Classes there are, and whether somebody loads in them anywhere.
    used: Vec<u32>,
    is_live: Vec<bool>,
    /// The tick under way.
    tick: (Time, Time),
    /// Downloads have begun or ended since the speeds were set.
    pub changed: bool,
    /// By flight.
    loads: Vec<Load>,
    /// What was asked since the last boundary.
    pub requests: Vec<Request>,
    /// Downloads under way.
    pub loading: u64,
    /// Downloads that the server admitted and that are no longer to be expected: they have begun,
    /// or their devices were gone.
    pub expected_no_more: u64,
}

/// A flight's part in it.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    class: u32,
    /// What it would have alone, in bit/s; 0 if it shares no link.
    rate: u64,
    /// From when on it has a share.
    begins: Time,
    /// Requests refused in a row.
    refused: u32,
    /// When it got its download link.
    issued: Time,
    /// What is left of an interrupted download.
    left: Option<Span>,
    /// Waits for the answer to a poll.
    polling: bool,
    /// May take the offer its poll asked for.
    may_take: bool,
}

/// What a device asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub at: Time,
    pub device: DeviceId,
    /// Where its flight lies.
    pub flight: u32,
    pub wants: Wants,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// Whether there is an offer.
    Offer,
    /// A download, or to go on with it.
    Download,
    /// A download with a link that is no longer good: it is told so, and asks once more.
    Expired,
}

/// The server's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub device: DeviceId,
    pub flight: u32,
    pub at: Time,
    pub wants: Wants,
    /// Refused, and told to wait so long at least; none: granted.
    pub refused: Option<Span>,
}

impl<'w> Traffic<'w> {
    pub fn new(network: &'w Network) -> Traffic<'w> {
        let classes = if network.has_links { network.classes() } else { 0 };
        Traffic {
            network,
            classes: (0..classes).map(|_| None).collect(),
            used: Vec::new(),
            is_live: vec![false; classes],
            tick: (Time::ZERO, Time::ZERO),
            changed: false,
            loads: Vec::new(),
            requests: Vec::new(),
            loading: 0,
            expected_no_more: 0,
        }
    }

    /// Whether devices ask before they load.
    pub fn has_server(&self) -> bool {
        self.network.backend.is_some()
    }

    /// Classes in which devices of the shard load: class, their number, the sum of their rates.
    pub fn demands(&self) -> impl Iterator<Item = (u32, u64, u64)> + '_ {
        let demand = |class: &u32| {
            let found = self.classes[*class as usize].as_ref().expect("a class in use");
            (*class, found.count, found.rates)
        };
        self.used.iter().map(demand).filter(|(_, count, _)| *count > 0)
    }

    /// Somebody loads in the class somewhere, this far and this fast.
    pub fn set(&mut self, class: u32, progress: Progress) {
        self.class(class, progress).progress = progress;
        self.is_live[class as usize] = true;
    }

    /// Nobody loads in the class any more.
    pub fn quit(&mut self, class: u32) {
        self.is_live[class as usize] = false;
        if let Some(own) = &mut self.classes[class as usize] {
            own.reset(own.progress);
        }
    }

    fn class(&mut self, class: u32, progress: Progress) -> &mut Class<u32> {
        let place = &mut self.classes[class as usize];
        if place.is_none() {
            self.used.push(class);
        }
        place.get_or_insert_with(|| Box::new(Class::new(progress)))
    }

    /// The next tick that has something to do: shares to be set anew, or a download that ends.
    pub fn next_tick(&mut self, ticks: Ticks) -> Option<u64> {
        if self.changed || !self.requests.is_empty() {
            return Some(ticks.of(self.tick.0) + 1);
        }
        let mut next = Time::NEVER;
        for class in &self.used {
            let class = self.classes[*class as usize].as_mut().expect("a class in use");
            if class.count > 0 {
                next = next.min(class.next_end());
            }
        }
        (!next.is_never()).then(|| ticks.of(next))
    }

    fn load(&mut self, flight: u32) -> &mut Load {
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
        let live = self.is_live[class as usize];
        let own = self.class(class, Progress::begin(begins, 0.0));
        if !live && own.count == 0 {
            own.reset(Progress::begin(begins, 0.0));
        }
        let mark = own.join(begins, alone, rate);
        own.await_end(mark, flight);
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
        let mut ending = Vec::new();
        for class in &traffic.used {
            let class = traffic.classes[*class as usize].as_mut().expect("a class in use");
            while let Some(end) = class.take_end(span.1) {
                ending.push(end);
            }
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
                (true, false) => self.end_loading(active),
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
        let cohort = active.presence.cohort();
        let luck = world.luck(active.device, cohort);
        let Some(bps) = luck.link_bps() else { return };
        let rate = bps.max(1.0) as u64;
        let class = traffic.network.class_of(active.device, cohort, rate, &world.streams);
        let alone = active.flight.attempt.due().since(now).0 as f64;
        let mark = traffic.join(active.index, class, alone, rate);
        active.flight.attempt.ends_with(mark);
    }

    fn end_loading(&mut self, active: &mut Active) {
        let Some(traffic) = &mut self.traffic else { return };
        take(&mut traffic.loading, 1);
        traffic.changed = true;
        let Load { class, rate, .. } = *traffic.load(active.index);
        if rate > 0 {
            traffic.classes[class as usize].as_mut().expect("it joined").leave(rate);
        }
    }

    /// A flight gets a new attempt; what was left of the last one is given up.
    pub fn abandon(&mut self, active: &mut Active) {
        if active.flight.attempt.is_loading() {
            self.end_loading(active);
        }
        if let Some(traffic) = &mut self.traffic {
            traffic.expected_no_more += u64::from(active.flight.attempt.is_answered());
            traffic.begin(active.index);
        }
    }

    /// The device is about to leave the network: what it has under way stops.
    pub fn interrupt(&mut self, active: &mut Active, now: Time) {
        let Some(traffic) = &mut self.traffic else { return };
        let attempt = &mut active.flight.attempt;
        if attempt.is_answered() {
            traffic.expected_no_more += 1;
        }
        if !attempt.is_loading() {
            return;
        }
        let Load { class, rate, begins, .. } = *traffic.load(active.index);
        if rate > 0 {
            let class = traffic.classes[class as usize].as_ref().expect("it joined");
            let left = match attempt.mark() {
                Some(mark) => mark - class.progress.done_at(now.max(begins)),
                None => attempt.due().since(now).0 as f64 * class.progress.speed(),
            };
            attempt.ends_at(now + Span::from_micros_f64(left));
        }
        self.end_loading(active);
    }

    /// Whether devices ask a server for what they want.
    pub fn has_server(&self) -> bool {
        self.traffic.as_ref().is_some_and(|traffic| traffic.has_server())
    }

    /// The device asks for its download, or to go on with it.
    pub fn ask_to_load(&mut self, active: &Active, now: Time) {
        self.request(active, now, Wants::Download);
    }

    /// A device is back that was interrupted while it loaded, and asks to go on.
    pub fn ask_to_go_on(&mut self, active: &mut Active, now: Time) {
        let world = self.world;
        let restarts = world.cohort(active.presence.cohort()).restarts;
        let left = active.flight.attempt.ask_again();
        let Some(traffic) = &mut self.traffic else { return };
        let expires = traffic.network.backend.as_ref().and_then(|b| b.link_expires);
        let load = traffic.load(active.index);
        load.left = (!restarts).then_some(left);
        if expires.is_some_and(|expires| now.since(load.issued) > expires) {
            self.request(active, now, Wants::Expired);
        }
        self.request(active, now, Wants::Download);
    }

    /// The device asks whether there is an offer, unless it has just been told that there is;
    /// whether it asks.
    pub fn ask_for_offer(&mut self, active: &Active, now: Time) -> bool {
        let Some(traffic) = &mut self.traffic else { return false };
        let load = traffic.load(active.index);
        if std::mem::take(&mut load.may_take) {
            return false;
        }
        load.polling = true;
        self.request(active, now, Wants::Offer);
        true
    }

    /// The device is back; what it waited for an answer to it asks once more.
    pub fn repeat_poll(&mut self, active: &Active, now: Time) {
        let Some(traffic) = &mut self.traffic else { return };
        if traffic.load(active.index).polling {
            self.request(active, now, Wants::Offer);
        }
    }

    fn request(&mut self, active: &Active, at: Time, wants: Wants) {
        let (device, flight) = (active.device, active.index);
        if let Some(traffic) = &mut self.traffic {
            traffic.requests.push(Request { at, device, flight, wants });
        }
        let what = match wants {
            Wants::Offer => "asks for an offer",
            Wants::Download => "asks for the download",
            Wants::Expired => "asks with an expired link",
        };
        self.note(active, at, what);
    }

    /// The server's answer comes, not before `now`.
    pub fn take_reply(&mut self, active: &mut Active, reply: &Reply, now: Time) {
        let at = reply.at.max(now);
        let backoff = match &self.traffic {
            Some(traffic) => traffic.network.backend.as_ref().expect("it answered").backoff,
            None => return,
        };
        if !self.awaits(active, reply) {
            return self.overhear(reply);
        }
        let traffic = self.traffic.as_mut().expect("seen above");
        let load = traffic.load(active.index);
        load.polling = false;
        let attempt = &mut active.flight.attempt;
        let again = |refused: u32, least: Span| {
            let delay = backoff.draw(refused, reply.at, active.device, &self.world.streams);
            at + delay.max(least)
        };
        match (reply.wants, reply.refused) {
            (Wants::Download, None) => {
                (load.refused, load.issued) = (0, at);
                attempt.answered(at);
            }
            (Wants::Offer, None) => {
                (load.refused, load.may_take) = (0, true);
                attempt.rest(at);
            }
            (wants, Some(least)) => {
                load.refused = load.refused.saturating_add(1);
                let until = again(load.refused, least);
                match wants {
                    Wants::Download => attempt.refused(until),
                    _ => attempt.rest(until),
                }
            }
            (Wants::Expired, None) => unreachable!("nobody waits for it"),
        }
        let note = if reply.refused.is_some() { "is refused" } else { "is admitted" };
        self.note(active, at, note);
    }

    fn awaits(&mut self, active: &Active, reply: &Reply) -> bool {
        let attempt = &active.flight.attempt;
        let Some(traffic) = &mut self.traffic else { return false };
        match reply.wants {
            Wants::Download => attempt.is_asking(),
            Wants::Offer => {
                let waits = attempt.is_over() && !attempt.is_resting();
                active.presence.online() && waits && traffic.load(active.index).polling
            }
            Wants::Expired => false,
        }
    }

    /// Nobody waits for the answer any more.
    pub fn overhear(&mut self, reply: &Reply) {
        if let (Some(traffic), Wants::Download, None) =
            (&mut self.traffic, reply.wants, reply.refused)
        {
            traffic.expected_no_more += 1;
        }
    }

    /// The server has admitted the download: it begins, or goes on.
    pub fn load_admitted(&mut self, active: &mut Active, now: Time) -> Option<Span> {
        let world = self.world;
        let traffic = self.traffic.as_mut().expect("somebody admitted it");
        traffic.expected_no_more += 1;
        let left = traffic.load(active.index).left.take();
        let cohort = active.presence.cohort();
        let attempt = &mut active.flight.attempt;
        match left {
            Some(left) => {
                attempt.resume(now, left);
                None
            }
            None => attempt.load(now, &world.luck(active.device, cohort)),
        }
    }
}

/// Whether the download at `slot` waits for its end on a shared link.
pub fn is_on_link(records: &mut Records, slot: u32) -> bool {
    let flight = records.presence(slot).flight;
    flight != Presence::NO_FLIGHT
        && records.active(flight).is_some_and(|active| active.flight.attempt.mark().is_some())
}
