//! The flip model without an engine: what each event does to the fleet and
//! which events follow from it.
//!
//! The engines only keep time: they hand an event to [`Fleet::handle`] when it
//! is due and queue whatever it asks for through [`Timers`].

use std::collections::VecDeque;

use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

const HOUR: f64 = 3600.0;
/// No event after this time (seconds) belongs to the run.
pub const HORIZON: f64 = 48.0 * HOUR;
const PERMIT_WINDOW: f64 = 24.0 * HOUR;
const ONLINE_MEAN: f64 = 2.0 * HOUR;
const OFFLINE_MEAN: f64 = 4.0 * HOUR;
const DOWNLOAD: Duration = Duration {
    median: 120.0,
    sigma: 0.8,
};
const INSTALL: Duration = Duration {
    median: 60.0,
    sigma: 0.3,
};
const FAILURE: f64 = 0.02;
const MAX_ATTEMPTS: u8 = 3;

/// A lognormal duration in seconds.
struct Duration {
    median: f64,
    sigma: f64,
}

impl Duration {
    fn draw(&self, rng: &mut Pcg64Mcg) -> f64 {
        let z: f64 = StandardNormal.sample(rng);
        self.median * (self.sigma * z).exp()
    }
}

/// What an engine schedules; the number is the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Permit,
    Flip(u32),
    Downloaded(u32),
    Installed(u32),
}

/// The one service the model needs from an engine.
pub trait Timers {
    /// Delivers `event` `delay` seconds from now.
    fn after(&mut self, delay: f64, event: Event);
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Its turn in the list has not come.
    Listed,
    /// Offline with its turn past: joins the ready queue on return.
    Aside,
    /// Online and queued for a permit.
    Ready,
    Downloading,
    Installing,
    /// Installed while offline: the result is known on return.
    Unreported,
    Final,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Device {
    next_flip: f64,
    /// Download seconds left once the current online period is used up.
    remaining: f64,
    /// Serial number of its live entry in the ready queue.
    ticket: u32,
    phase: Phase,
    online: bool,
    attempts: u8,
}

/// How the campaign stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub events: u64,
    pub succeeded: u32,
    pub failed: u32,
    pub open: u32,
}

#[derive(Serialize, Deserialize)]
pub struct Fleet {
    devices: Vec<Device>,
    /// Devices in the order they became ready; an entry is stale unless its
    /// serial number is the device's ticket.
    ready: VecDeque<u32>,
    ready_popped: u32,
    /// First device of the list whose turn has not come.
    cursor: u32,
    interval: f64,
    rng: Pcg64Mcg,
    outcome: Outcome,
}

impl Fleet {
    /// `n` devices in equilibrium; nothing is scheduled yet.
    pub fn new(n: u32, seed: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let devices = (0..n).map(|_| Device::draw(&mut rng)).collect();
        Fleet {
            devices,
            ready: VecDeque::new(),
            ready_popped: 0,
            cursor: 0,
            interval: PERMIT_WINDOW / f64::from(n),
            rng,
            outcome: Outcome {
                open: n,
                ..Outcome::default()
            },
        }
    }

    /// Schedules every first flip and uses the permit of t = 0.
    pub fn start(&mut self, timers: &mut impl Timers) {
        for (id, device) in (0..).zip(&self.devices) {
            timers.after(device.next_flip, Event::Flip(id));
        }
        self.permit(0.0, timers);
    }

    /// Applies `event`, due at `now`. Must not be called past [`HORIZON`].
    pub fn handle(&mut self, event: Event, now: f64, timers: &mut impl Timers) {
        match event {
            Event::Flip(id) => self.flip(id, now, timers),
            Event::Permit => self.permit(now, timers),
            Event::Downloaded(id) => self.downloaded(id, timers),
            Event::Installed(id) => self.installed(id),
        }
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// True once every task is final, which ends the run.
    pub fn done(&self) -> bool {
        self.outcome.open == 0
    }

    fn flip(&mut self, id: u32, now: f64, timers: &mut impl Timers) {
        self.outcome.events += 1;
        let device = &mut self.devices[id as usize];
        device.online = !device.online;
        let stay = period(device.online, &mut self.rng);
        device.next_flip = now + stay;
        timers.after(stay, Event::Flip(id));
        match (device.online, device.phase) {
            (true, Phase::Aside) => self.enqueue(id),
            (true, Phase::Downloading) => device.download(id, now, timers),
            (true, Phase::Unreported) => self.conclude(id),
            (false, Phase::Ready) => device.phase = Phase::Aside,
            _ => {}
        }
    }

    fn permit(&mut self, now: f64, timers: &mut impl Timers) {
        if let Some(id) = self.next_ready().or_else(|| self.next_listed()) {
            self.push(id, now, timers);
        }
        timers.after(self.interval, Event::Permit);
    }

    fn next_ready(&mut self) -> Option<u32> {
        while let Some(id) = self.ready.pop_front() {
            let serial = self.ready_popped;
            self.ready_popped = serial.wrapping_add(1);
            let device = &self.devices[id as usize];
            if device.phase == Phase::Ready && device.ticket == serial {
                return Some(id);
            }
        }
        None
    }

    fn next_listed(&mut self) -> Option<u32> {
        while let Some(device) = self.devices.get_mut(self.cursor as usize) {
            let id = self.cursor;
            self.cursor += 1;
            if device.online {
                return Some(id);
            }
            device.phase = Phase::Aside;
        }
        None
    }

    fn enqueue(&mut self, id: u32) {
        let device = &mut self.devices[id as usize];
        device.phase = Phase::Ready;
        device.ticket = self.ready_popped.wrapping_add(self.ready.len() as u32);
        self.ready.push_back(id);
    }

    fn push(&mut self, id: u32, now: f64, timers: &mut impl Timers) {
        self.outcome.events += 1;
        let device = &mut self.devices[id as usize];
        debug_assert!(device.online, "a push to an offline device");
        device.attempts += 1;
        device.phase = Phase::Downloading;
        device.remaining = DOWNLOAD.draw(&mut self.rng);
        device.download(id, now, timers);
    }

    fn downloaded(&mut self, id: u32, timers: &mut impl Timers) {
        self.outcome.events += 1;
        self.devices[id as usize].phase = Phase::Installing;
        timers.after(INSTALL.draw(&mut self.rng), Event::Installed(id));
    }

    fn installed(&mut self, id: u32) {
        self.outcome.events += 1;
        if self.devices[id as usize].online {
            self.conclude(id);
        } else {
            self.devices[id as usize].phase = Phase::Unreported;
        }
    }

    /// Learns an attempt's result; the device is online.
    fn conclude(&mut self, id: u32) {
        let failed = self.rng.random_bool(FAILURE);
        let device = &mut self.devices[id as usize];
        debug_assert!(device.online, "a result from an offline device");
        if failed && device.attempts < MAX_ATTEMPTS {
            return self.enqueue(id);
        }
        device.phase = Phase::Final;
        self.outcome.open -= 1;
        if failed {
            self.outcome.failed += 1;
        } else {
            self.outcome.succeeded += 1;
        }
    }
}

impl Device {
    fn draw(rng: &mut Pcg64Mcg) -> Self {
        let online = rng.random_bool(ONLINE_MEAN / (ONLINE_MEAN + OFFLINE_MEAN));
        Device {
            next_flip: period(online, rng),
            remaining: 0.0,
            ticket: 0,
            phase: Phase::Listed,
            online,
            attempts: 0,
        }
    }

    /// Starts or resumes the download. The next flip is already drawn, so a
    /// download that cannot end before it gets no timer: nothing is cancelled.
    fn download(&mut self, id: u32, now: f64, timers: &mut impl Timers) {
        let left_online = self.next_flip - now;
        if self.remaining <= left_online {
            timers.after(self.remaining, Event::Downloaded(id));
        } else {
            self.remaining -= left_online;
        }
    }
}

/// How long a device stays in the state it has just entered.
fn period(online: bool, rng: &mut impl Rng) -> f64 {
    let unit: f64 = Exp1.sample(rng);
    unit * if online { ONLINE_MEAN } else { OFFLINE_MEAN }
}
