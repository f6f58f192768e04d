//! The server against a small model of it, made of nothing but an event list: what
//! docs/servers.md says, once more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fleetstorm::sim::outcome::{LatencyKind, Outcome};
use proptest::prelude::*;

use super::runs::{load, simulate};

/// All times in milliseconds.
#[derive(Clone, Debug)]
struct Setting {
    devices: usize,
    /// From one push to the next.
    pushes: u64,
    workers: Option<usize>,
    service: u64,
    queue: Option<usize>,
    patience: Option<u64>,
    connections: Option<usize>,
    retry_after: u64,
    expires: Option<u64>,
    /// Base, factor, cap.
    backoff: (u64, u64, u64),
    load: u64,
    /// All devices are online, then offline, for so long, again and again.
    periods: Option<(u64, u64)>,
}

/// What is compared.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    done: usize,
    last: u64,
    requests: u64,
    expired: u64,
    served: u64,
    shed_by_queue: u64,
    shed_by_connections: u64,
    given_up: u64,
    interruptions: u64,
    /// Sums over requests that were served, and over first reports of progress.
    waited: u64,
    responded: u64,
    progress: u64,
}

/// What happens, in this order if at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Loaded,
    /// A worker is done.
    Worked,
    Impatient,
    /// A device asks, or its download may begin.
    Turn {
        device: usize,
        starts: bool,
    },
    Down,
    Up,
}

#[derive(Clone, Debug, Default)]
struct Device {
    offered: u64,
    /// What was planned for it before it went offline is void.
    life: u32,
    refused: u32,
    issued: Option<u64>,
    asks_expired: bool,
    begun: bool,
    /// What is left to load, and since when it loads.
    left: u64,
    loads: Option<u64>,
    done: bool,
}

type Entry = Reverse<(u64, Event, usize, u32)>;

struct Model {
    setting: Setting,
    events: BinaryHeap<Entry>,
    devices: Vec<Device>,
    online: bool,
    busy: usize,
    /// Who waits, in which life, since when.
    queue: VecDeque<(usize, u32, u64)>,
    loading: usize,
    seen: Seen,
}

impl Model {
    fn run(setting: &Setting) -> Seen {
        let device = |at: usize| Device {
            offered: at as u64 * setting.pushes,
            left: setting.load,
            ..Device::default()
        };
        let mut model = Model {
            setting: setting.clone(),
            events: BinaryHeap::new(),
            devices: (0..setting.devices).map(device).collect(),
            online: true,
            busy: 0,
            queue: VecDeque::new(),
            loading: 0,
            seen: Seen::default(),
        };
        for device in 0..setting.devices {
            model.plan(device as u64 * setting.pushes, device, false);
        }
        if let Some((on, _)) = setting.periods {
            model.events.push(Reverse((on, Event::Down, 0, 0)));
        }
        while let Some(Reverse((now, event, device, life))) = model.events.pop() {
            if model.seen.done == setting.devices || now > UNTIL_MS {
                break;
            }
            model.happens(now, event, device, life);
        }
        model.seen
    }

    fn plan(&mut self, at: u64, device: usize, starts: bool) {
        let life = self.devices[device].life;
        self.events.push(Reverse((at, Event::Turn { device, starts }, device, life)));
    }

    fn happens(&mut self, now: u64, event: Event, device: usize, life: u32) {
        let lives = self.devices[device].life == life && self.online;
        match event {
            Event::Loaded if lives => {
                self.loading -= 1;
                let device = &mut self.devices[device];
                (device.done, device.loads) = (true, None);
                self.seen.done += 1;
                self.seen.last = now;
            }
            Event::Worked => {
                self.busy -= 1;
                if let Some((next, life, since)) = self.queue.pop_front() {
                    self.work(now, next, life, since);
                }
                if lives {
                    self.plan(now, device, true);
                }
            }
            Event::Impatient => {
                // It may have been served since, and wait with a later request.
                let since = now - self.setting.patience.unwrap();
                let place = self.queue.iter().position(|entry| *entry == (device, life, since));
                let Some(place) = place else { return };
                self.queue.remove(place);
                self.seen.given_up += 1;
                if lives {
                    self.refuse(now, device, 0);
                }
            }
            Event::Turn { starts: false, .. } if lives => self.ask(now, device),
            Event::Turn { starts: true, .. } if lives => self.start(now, device),
            Event::Down => self.down(now),
            Event::Up => self.up(now),
            Event::Loaded | Event::Turn { .. } => {}
        }
    }

    fn ask(&mut self, now: u64, device: usize) {
        let (life, issued) = (self.devices[device].life, self.devices[device].issued);
        let old = |expires| issued.is_some_and(|issued| now - issued > expires);
        let expired = self.setting.expires.is_some_and(old);
        self.devices[device].asks_expired = expired;
        self.seen.requests += 1;
        self.seen.expired += u64::from(expired);
        match (self.setting.workers, self.setting.queue) {
            (None, _) => self.start(now, device),
            (Some(workers), _) if self.busy < workers => self.work(now, device, life, now),
            (_, Some(queue)) if self.queue.len() >= queue => {
                self.seen.shed_by_queue += 1;
                self.refuse(now, device, self.setting.retry_after);
            }
            _ => {
                self.queue.push_back((device, life, now));
                if let Some(patience) = self.setting.patience {
                    let leaves = (now + patience, Event::Impatient, device, life);
                    self.events.push(Reverse(leaves));
                }
            }
        }
    }

    /// A worker begins with a request that came at `since`.
    fn work(&mut self, now: u64, device: usize, life: u32, since: u64) {
        self.busy += 1;
        self.seen.served += 1;
        let ends = now + self.setting.service;
        self.seen.waited += now - since;
        self.seen.responded += ends - since;
        self.events.push(Reverse((ends, Event::Worked, device, life)));
    }

    fn start(&mut self, now: u64, device: usize) {
        if std::mem::take(&mut self.devices[device].asks_expired) {
            self.devices[device].issued = None;
            return self.ask(now, device);
        }
        if self.setting.connections.is_some_and(|most| self.loading >= most) {
            self.seen.shed_by_connections += 1;
            return self.refuse(now, device, self.setting.retry_after);
        }
        self.loading += 1;
        let Device { offered, life, refused, issued, begun, left, loads, .. } =
            &mut self.devices[device];
        (*refused, *issued, *loads) = (0, Some(now), Some(now));
        if !std::mem::replace(begun, true) {
            self.seen.progress += now - *offered;
        }
        self.events.push(Reverse((now + *left, Event::Loaded, device, *life)));
    }

    fn refuse(&mut self, now: u64, device: usize, least: u64) {
        let (base, factor, cap) = self.setting.backoff;
        self.devices[device].refused += 1;
        let grown = (1..self.devices[device].refused).fold(base, |d, _| (d * factor).min(cap));
        self.plan(now + grown.min(cap).max(least), device, false);
    }

    fn down(&mut self, now: u64) {
        self.online = false;
        for device in &mut self.devices {
            device.life += 1;
            device.asks_expired = false;
            if let Some(since) = device.loads.take() {
                device.left -= now - since;
                self.loading -= 1;
                self.seen.interruptions += 1;
            }
        }
        let (_, off) = self.setting.periods.unwrap();
        self.events.push(Reverse((now + off, Event::Up, 0, 0)));
    }

    fn up(&mut self, now: u64) {
        self.online = true;
        for device in 0..self.devices.len() {
            if !self.devices[device].done {
                self.plan(now, device, false);
            }
        }
        let (on, _) = self.setting.periods.unwrap();
        self.events.push(Reverse((now + on, Event::Down, 0, 0)));
    }
}

const UNTIL_MS: u64 = 20 * 3_600_000;

fn text(setting: &Setting, tick: &str) -> String {
    let ms = |key: &str, value: Option<u64>| {
        value.map_or(String::new(), |value| format!("{key} = '{value} ms'\n"))
    };
    let number = |key: &str, value: Option<usize>| {
        value.map_or(String::new(), |value| format!("{key} = {value}\n"))
    };
    let rate = match setting.pushes {
        0 => "rate = 'unlimited'".to_owned(),
        every => format!("rate.constant.rate = '{} /min'", 60_000 / every),
    };
    let online = setting.periods.map_or(String::new(), |(on, off)| {
        format!("online.renewal = {{ on = '{on} ms', off = '{off} ms', start = 'online' }}")
    });
    let (base, factor, cap) = setting.backoff;
    format!(
        "format = 1\npackage.version = '2'\n[campaign]\nname = 'x'\n{rate}\n[backend]
        backoff = {{ base = '{base} ms', factor = {factor}.0, cap = '{cap} ms', jitter = 'none' }}
        {}{}{}{}{}{}{}[fleet]\ndevices = {}\nversions = {{ '1' = 1.0 }}\n[[fleet.cohort]]
        name = 'all'\ndownload.takes = '{} ms'\ninterrupted = 'resume'\n{online}
        [run]\nuntil = '20 h'\ntick = '{tick}'",
        number("workers", setting.workers),
        ms("service", setting.workers.map(|_| setting.service)),
        number("queue", setting.queue),
        ms("patience", setting.patience),
        number("connections", setting.connections),
        ms("retry_after", Some(setting.retry_after)),
        ms("link_expires", setting.expires),
        setting.devices,
        setting.load,
    )
}

/// The simulator's numbers.
fn simulated(outcome: &Outcome) -> Seen {
    let tally = outcome.total();
    let backend = outcome.traffic.as_ref().unwrap().backend.as_ref().unwrap();
    let latency = |kind| tally.latency(kind);
    let last = latency(LatencyKind::ActivationToUpdated).max();
    Seen {
        done: tally.succeeded() as usize,
        last: last.map_or(0, |last| last.0 / 1000),
        requests: backend.requests(),
        expired: backend.expired_links,
        served: backend.served,
        shed_by_queue: backend.shed_by_queue,
        shed_by_connections: backend.shed_by_connections,
        given_up: backend.given_up,
        interruptions: tally.interruptions,
        waited: (backend.wait.sum_us() / 1000) as u64,
        responded: (backend.response.sum_us() / 1000) as u64,
        progress: (latency(LatencyKind::PushedToProgress).sum_us() / 1000) as u64,
    }
}

/// Settings in which little suffices, so that much collides.
fn setting() -> impl Strategy<Value = Setting> {
    let server = (
        prop::option::weighted(0.8, 1usize..4),
        (1u64..40).prop_map(|n| n * 100),
        prop::option::of(0usize..12),
        prop::option::of((1u64..60).prop_map(|n| n * 100)),
        prop::option::of(1usize..8),
    );
    let answers = (
        (0u64..50).prop_map(|n| n * 100),
        prop::option::of(1u64..40),
        ((1u64..30).prop_map(|n| n * 100), 1u64..4, (1u64..20).prop_map(|n| n * 3_000)),
    );
    // Pushes at whole milliseconds; with periods all of them at the beginning.
    let pace = prop_oneof![Just(0u64), Just(100), Just(500), Just(3_000)];
    let periods = prop::option::of((1u64..40, 1u64..40));
    (2usize..60, pace, server, answers, (1u64..90).prop_map(|n| n * 100), periods).prop_map(
        |(devices, pushes, server, (retry_after, expires, backoff), load, periods)| {
            let (workers, service, queue, patience, connections) = server;
            // Odd, so that nobody leaves at the instant of an answer: who is first then is not
            // said.
            let periods = periods.map(|(on, off)| (on * 1_000 + 37, off * 1_000 + 11));
            Setting {
                devices,
                pushes: if periods.is_some() { 0 } else { pushes },
                workers,
                service,
                queue: queue.filter(|_| workers.is_some()),
                patience: patience.filter(|_| workers.is_some()),
                connections: connections.or((workers.is_none()).then_some(3)),
                retry_after,
                expires: expires.map(|s| s * 1_000),
                backoff: (backoff.0, backoff.1, backoff.2.max(backoff.0)),
                load,
                periods,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Every number, exactly, whatever the tick and the number of threads.
    #[test]
    fn the_server_does_what_a_plain_event_list_does(setting in setting()) {
        let expected = Model::run(&setting);
        prop_assume!(expected.done == setting.devices);
        for (tick, threads) in [("10 ms", 1), ("1 s", 3), ("170 ms", 2), ("1 min", 1)] {
            let text = text(&setting, tick);
            let seen = simulated(&simulate(&load(&text), threads));
            prop_assert_eq!(&seen, &expected, "tick {}, {} threads\n{}", tick, threads, text);
        }
    }
}
