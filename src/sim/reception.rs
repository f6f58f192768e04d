//! The server's side: requests are seen to in order of time, tick by tick.
//!
//! A tick's requests are known when all devices have run to its end or to what they asked. Seeing
//! to the earliest lets its device go on, to the end of the tick or to what it asks next, which is
//! not earlier. So all of it happens in order of time, at exact instants, though it is done at the
//! end of the tick.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Mutex;

use crate::model::{DeviceId, Span, Time, take};
use crate::network;
use crate::rng::{Purpose, Streams, index_of, unit};

use super::asking::{Answer, Asks, Request, Wants};
use super::idle_polls::IdlePolls;
use super::ledger::{self, Peers};
use super::network::Backend;
use super::outcome::BackendOutcome;
use super::rollout::lock;
use super::shard::Shard;

/// The server with its queue, and who comes to it.
pub struct Reception {
    backend: Backend,
    pub outcome: BackendOutcome,
    idle: IdlePolls,
    /// What is still to be seen to in the tick, beside what was known at its end.
    later: BinaryHeap<Reverse<Event>>,
    /// Downloads under way, where their number is limited.
    loading: u64,
}

/// Something that happens at the server.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: Time,
    /// Whose request it is; none: a download has ended.
    request: Option<Request>,
    /// In which package, and in which place of the list of shards.
    package: usize,
    place: usize,
}

impl Event {
    /// With equal times a download that ends makes room before another one asks for it; nothing
    /// depends on where devices lie.
    fn key(&self) -> (Time, Option<DeviceId>, usize) {
        (self.at, self.request.map(|request| request.device), self.package)
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Event) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The shards whose devices come, and what their packages tell each other.
pub struct Crowd<'a, 'w> {
    pub shards: &'a [Mutex<Shard<'w>>],
    pub peers: &'a [Peers],
    pub threads: usize,
}

impl Reception {
    /// A server that nobody has asked yet, but for the polls of idle devices.
    pub fn new(backend: &Backend, idle: IdlePolls) -> Reception {
        let workers = backend.server.as_ref().map_or(0, network::Server::workers);
        Reception {
            backend: backend.clone(),
            outcome: BackendOutcome { workers, ..BackendOutcome::default() },
            idle,
            later: BinaryHeap::new(),
            loading: 0,
        }
    }

    /// Requests that wait for a worker.
    pub fn waiting(&self) -> u64 {
        self.backend.server.as_ref().map_or(0, |server| server.waiting() as u64)
    }

    /// Sees to all that was asked in a tick which the shards have run.
    pub fn attend(&mut self, tick: u64, crowd: &Crowd, streams: &Streams) {
        // Where nothing was asked the flow of idle polls is left alone: which ticks are visited
        // depends on the number of threads, and rounding on where it is cut.
        if crowd.shards.iter().all(|shard| lock(shard).books.desk().is_at_rest()) {
            return;
        }
        let began = lock(&crowd.shards[0]).books.world.ticks.start(tick);
        self.idle.run_to(began, &mut self.outcome);
        let mut known = self.gather(crowd);
        if known.is_empty() {
            return;
        }
        known.sort_unstable();
        for group in known.chunks(GROUP) {
            expect(group, crowd);
            for event in group {
                while self.later.peek().is_some_and(|later| later.0 < *event) {
                    let Reverse(later) = self.later.pop().expect("just seen");
                    self.see_to(&later, crowd, streams);
                }
                self.see_to(event, crowd, streams);
            }
        }
        while let Some(Reverse(later)) = self.later.pop() {
            self.see_to(&later, crowd, streams);
        }
        crowd.shards.iter().for_each(|shard| lock(shard).close());
        if cfg!(debug_assertions) && self.backend.connections.is_some() {
            let loading: u64 = crowd.shards.iter().map(|shard| lock(shard).loading()).sum();
            assert_eq!(loading, self.loading, "downloads counted wrongly");
        }
    }

    /// What happened in all shards since the last time.
    fn gather(&mut self, crowd: &Crowd) -> Vec<Event> {
        let mut known = Vec::new();
        let is_capped = self.backend.connections.is_some();
        self.loading = 0;
        for (place, shard) in crowd.shards.iter().enumerate() {
            let mut shard = lock(shard);
            self.loading += u64::from(is_capped) * shard.loading();
            self.take(&mut shard, place, crowd, |event| known.push(event));
        }
        known
    }

    /// Takes what is new in a shard.
    fn take(&mut self, shard: &mut Shard, place: usize, crowd: &Crowd, mut add: impl FnMut(Event)) {
        let package = place / crowd.threads;
        let event = |at, request| Event { at, request, package, place };
        let desk = shard.books.desk();
        // They have ended already as far as the shard knows.
        self.loading += desk.ended.len() as u64;
        desk.ended.drain(..).for_each(|at| add(event(at, None)));
        desk.requests.drain(..).for_each(|request| add(event(request.at, Some(request))));
        desk.moved.drain(..).for_each(|moved| self.idle.note(&moved));
        for at in desk.passed.drain(..) {
            self.outcome.by_minute.add(at, 1);
            self.outcome.idle_polls += 1;
        }
    }

    fn see_to(&mut self, event: &Event, crowd: &Crowd, streams: &Streams) {
        let Some(request) = &event.request else {
            take(&mut self.loading, 1);
            return;
        };
        let (at, answer) = match request.asks {
            Asks::Worker { wants, service } => self.serve(request, wants, service, streams),
            Asks::Start => (request.at, self.start()),
        };
        let mut shard = lock(&crowd.shards[event.place]);
        let begins = request.asks == Asks::Start && answer == Answer::Granted;
        self.loading += u64::from(begins);
        shard.answer(request, at, answer);
        let mut later = std::mem::take(&mut self.later);
        self.take_new(&mut shard, event.place, crowd, &mut later);
        drop(shard);
        if !crowd.peers.is_empty() {
            self.pass_on(event.place, crowd, &mut later);
        }
        self.later = later;
    }

    fn take_new(
        &mut self,
        shard: &mut Shard,
        place: usize,
        crowd: &Crowd,
        later: &mut BinaryHeap<Reverse<Event>>,
    ) {
        let loading = self.loading;
        self.take(shard, place, crowd, |event| later.push(Reverse(event)));
        // What ends from here on was counted when it began.
        self.loading = loading;
    }

    /// Lets other packages know what the device of one has done, and do their part of the tick.
    fn pass_on(&mut self, place: usize, crowd: &Crowd, later: &mut BinaryHeap<Reverse<Event>>) {
        let Crowd { shards, peers, threads } = *crowd;
        let (first, thread) = (place / threads, place % threads);
        for (package, own_peers) in peers.iter().enumerate().skip(first) {
            let at = package * threads + thread;
            if package > first {
                let mut shard = lock(&shards[at]);
                if shard.inbox.listed.is_empty() {
                    continue;
                }
                shard.go_on_with_turns();
                self.take_new(&mut shard, at, crowd, later);
            }
            ledger::pass_on(package, own_peers, |peer, act| {
                act(&mut lock(&shards[peer * threads + thread]));
            });
        }
    }

    /// Has the workers look at the request: when it is answered, and how.
    fn serve(
        &mut self,
        request: &Request,
        wants: Wants,
        service: Span,
        streams: &Streams,
    ) -> (Time, Answer) {
        let Request { at, device, .. } = *request;
        self.idle.run_to(at, &mut self.outcome);
        let Reception { backend, outcome, idle, .. } = self;
        outcome.by_minute.add(at, 1);
        match wants {
            Wants::Offer => outcome.polls += 1,
            Wants::Download => outcome.download_requests += 1,
            Wants::Expired => outcome.expired_links += 1,
        }
        let Some(server) = &mut backend.server else { return (at, Answer::Granted) };
        server.reserve(idle.busy());
        let answer = match idle.shed_share() {
            share if share > 0.0 && luck(device, at, streams) < share => network::Answer::Shed,
            _ => server.ask(at, service, backend.patience),
        };
        outcome.waiting_most = outcome.waiting_most.max(server.waiting() as u64);
        match answer {
            network::Answer::Served { begins, ends } => {
                outcome.served += 1;
                outcome.busy_s += service.as_secs_f64();
                outcome.wait.record(begins.since(at));
                outcome.response.record(ends.since(at));
                (ends, Answer::Granted)
            }
            network::Answer::Shed => {
                outcome.shed_by_queue += 1;
                (at, Answer::Refused { least: backend.retry_after })
            }
            network::Answer::GivenUp { at } => {
                outcome.given_up += 1;
                (at, Answer::Refused { least: Span::ZERO })
            }
        }
    }

    /// Whether one more download may begin.
    fn start(&mut self) -> Answer {
        let most = self.backend.connections.unwrap_or(u64::MAX);
        if self.loading < most {
            return Answer::Granted;
        }
        self.outcome.shed_by_connections += 1;
        Answer::Refused { least: self.backend.retry_after }
    }

    /// What it came to at `end`.
    pub fn finish(mut self, end: Time) -> BackendOutcome {
        self.idle.run_to(end, &mut self.outcome);
        self.idle.finish(end, &mut self.outcome);
        self.outcome
    }
}

/// Events that are expected together.
const GROUP: usize = 24;

/// Fetches the records of those whose requests are seen to next.
fn expect(group: &[Event], crowd: &Crowd) {
    let flights = || group.iter().filter_map(|event| Some((event.place, event.request?.flight)));
    flights().for_each(|(at, flight)| lock(&crowd.shards[at]).expect_flight(flight));
    flights().for_each(|(at, flight)| lock(&crowd.shards[at]).expect_device_of(flight));
}

/// Whether a request is among those that find the queue full of idle polls; that is rare.
#[cold]
fn luck(device: DeviceId, at: Time, streams: &Streams) -> f64 {
    unit(streams.stream(device, Purpose::Service, index_of(at)).next_u64())
}
