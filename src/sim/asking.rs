//! What devices ask of the server, and what they make of its answers.
//!
//! Whoever asks does nothing else until the server has seen to it: what was asked in a tick is
//! answered at its end, in order of time, and each device goes on from the instant at which it
//! asked (see [`super::reception`]).

use crate::fleet::Luck;
use crate::model::{CohortId, DeviceId, Span, Time, take};
use crate::rng::Purpose;

use super::books::Books;
use super::flights::{Active, Fate};
use super::network::Backend;

/// What the devices of a shard ask of the server.
#[derive(Debug)]
pub struct Desk {
    /// Downloads at a time are limited.
    is_capped: bool,
    /// What was asked since the last answers.
    pub requests: Vec<Request>,
    /// When downloads ended or were interrupted since then, where their number is limited.
    pub ended: Vec<Time>,
    /// Who began to poll for a task, or was done with it, since then: polls of all others are not
    /// simulated.
    pub moved: Vec<Moved>,
    /// Polls that were passed over, since they could have changed nothing.
    pub passed: Vec<Time>,
    /// By flight: whether it waits for an answer, one bit each; and how many do.
    holds: Vec<u64>,
    held: u64,
}

/// Something a device asks of the server; in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub at: Time,
    pub device: DeviceId,
    /// Where its flight lies.
    pub flight: u32,
    pub asks: Asks,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// Whether its download may begin, which a worker has agreed to.
    Start,
    /// A worker's time.
    Worker { wants: Wants, service: Span },
}

/// What a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// Whether there is an offer.
    #[default]
    Offer,
    /// A download, or to go on with it.
    Download,
    /// A download with a link that is no longer good: it is told so, and asks once more.
    Expired,
}

/// Whether the device is among those whose polls are simulated from now on.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    pub cohort: CohortId,
    pub is_simulated: bool,
}

/// A flight's part in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking {
    wants: Wants,
    /// The answer that is on its way.
    answer: Option<Answer>,
    /// Requests since the last offer.
    asked: u32,
    /// Requests refused in a row.
    refused: u32,
    /// When it got its download link.
    issued: Option<Time>,
    /// What is left of an interrupted download.
    left: Option<Span>,
}

/// What the server says, or the end of the device's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Granted,
    /// Ask again, not before so much time has passed.
    Refused {
        least: Span,
    },
}

impl Desk {
    /// Nobody has asked anything yet.
    pub fn new(backend: &Backend) -> Desk {
        Desk {
            is_capped: backend.connections.is_some(),
            requests: Vec::new(),
            ended: Vec::new(),
            moved: Vec::new(),
            passed: Vec::new(),
            holds: Vec::new(),
            held: 0,
        }
    }

    /// Whether nothing was asked, or ended, since the last answers.
    pub fn is_at_rest(&self) -> bool {
        let Desk { requests, ended, moved, passed, .. } = self;
        requests.is_empty() && ended.is_empty() && moved.is_empty() && passed.is_empty()
    }

    /// A download has ended or was interrupted.
    pub fn note_end(&mut self, at: Time) {
        if self.is_capped {
            self.ended.push(at);
        }
    }

    /// Whether the flight waits for what the server says.
    #[inline(always)]
    fn holds(&self, flight: u32) -> bool {
        let word = self.holds.get(flight as usize / 64);
        self.held > 0 && word.is_some_and(|word| word >> (flight % 64) & 1 == 1)
    }

    fn hold(&mut self, flight: u32) {
        let at = flight as usize / 64;
        if at >= self.holds.len() {
            self.holds.resize(at + 1, 0);
        }
        self.holds[at] |= 1 << (flight % 64);
        self.held += 1;
    }

    fn let_go(&mut self, flight: u32) {
        self.holds[flight as usize / 64] &= !(1 << (flight % 64));
        take(&mut self.held, 1);
    }
}

impl Asking {
    /// Names the draws of the last request, the same whenever it was made: `attempt` is the
    /// number of the last offer.
    fn index(&self, attempt: u8) -> u32 {
        let kind = u32::from(attempt.min(0x7F)) << 1 | u32::from(self.wants == Wants::Offer);
        kind << 16 | self.asked & 0xFFFF
    }
}

impl<'w> Books<'w> {
    /// Whether devices ask a server for what they want.
    pub fn has_server(&self) -> bool {
        self.traffic.as_ref().is_some_and(|traffic| traffic.desk.is_some())
    }

    /// Whether the flight does nothing until the server has seen to what it asked.
    #[inline(always)]
    pub fn holds(&self, flight: u32) -> bool {
        let desk = self.traffic.as_ref().and_then(|traffic| traffic.desk.as_ref());
        desk.is_some_and(|desk| desk.holds(flight))
    }

    /// What becomes of a flight that would go on: it may wait for the server.
    pub fn held_or(&self, flight: u32, fate: Fate) -> Fate {
        if self.holds(flight) { Fate::Held } else { fate }
    }

    fn backend(&self) -> &'w Backend {
        let network = self.world.network.as_ref();
        network.and_then(|network| network.backend.as_ref()).expect("there is a server")
    }

    /// What is asked of the server.
    ///
    /// # Panics
    /// If the scenario has no server.
    pub fn desk(&mut self) -> &mut Desk {
        let traffic = self.traffic.as_mut().expect("there is a server");
        traffic.desk.as_mut().expect("there is a server")
    }

    fn asking(&mut self, flight: u32) -> &mut Asking {
        let traffic = self.traffic.as_mut().expect("there is a server");
        &mut traffic.load(flight).asking
    }

    /// The device asks for its download, or to go on with it.
    pub fn ask_to_load(&mut self, active: &Active, now: Time) {
        let expires = self.backend().link_expires;
        let issued = self.asking(active.index).issued;
        let since = issued.zip(expires);
        let expired = since.is_some_and(|(issued, expires)| now.since(issued) > expires);
        self.request(active, now, if expired { Wants::Expired } else { Wants::Download });
    }

    /// A device is back that was interrupted while it loaded, and asks to go on.
    pub fn ask_to_go_on(&mut self, active: &mut Active, now: Time) {
        let restarts = self.world.cohort(active.presence.cohort()).restarts;
        let left = active.flight.attempt.ask_again();
        self.asking(active.index).left = (!restarts).then_some(left);
        self.ask_to_load(active, now);
    }

    /// The device asks whether there is an offer.
    pub fn ask_for_offer(&mut self, active: &Active, now: Time) {
        self.request(active, now, Wants::Offer);
    }

    fn request(&mut self, active: &Active, at: Time, wants: Wants) {
        let (device, flight) = (active.device, active.index);
        let (backend, streams) = (self.backend(), &self.world.streams);
        let asking = self.asking(flight);
        (asking.wants, asking.asked) = (wants, asking.asked.wrapping_add(1));
        let service = match &backend.server {
            Some(_) => {
                let index = asking.index(active.flight.attempt.number);
                let mut stream = streams.stream(device, Purpose::Service, index);
                Span::from_micros_f64(backend.service.sample(&mut stream))
            }
            None => Span::ZERO,
        };
        let asks = Asks::Worker { wants, service };
        self.hold(Request { at, device, flight, asks });
        let what = match wants {
            Wants::Offer => "asks for an offer",
            Wants::Download => "asks for the download",
            Wants::Expired => "asks with an expired link",
        };
        self.note(active, at, what);
    }

    fn hold(&mut self, request: Request) {
        let desk = self.desk();
        desk.hold(request.flight);
        desk.requests.push(request);
    }

    /// What the device asked at `now` is answered at `at`.
    pub fn take_answer(&mut self, active: &mut Active, now: Time, at: Time, answer: Answer) {
        self.desk().let_go(active.index);
        let asking = self.asking(active.index);
        asking.answer = Some(answer);
        match asking.wants {
            _ if at == now => self.hear_answer(active, now),
            Wants::Offer => active.flight.attempt.rest(at),
            Wants::Download | Wants::Expired => active.flight.attempt.await_answer(at),
        }
    }

    /// Whether the answer to a poll is on its way.
    pub fn awaits_answer(&mut self, active: &Active) -> bool {
        self.has_server() && self.asking(active.index).answer.is_some()
    }

    /// The answer to what the device asked is there.
    pub fn hear_answer(&mut self, active: &mut Active, now: Time) {
        let is_capped = self.desk().is_capped;
        let asking = self.asking(active.index);
        let answer = asking.answer.take().expect("it was answered");
        match (asking.wants, answer) {
            (Wants::Offer, Answer::Granted) => {
                asking.refused = 0;
                self.note(active, now, "is answered");
                self.retry(active, now);
            }
            (Wants::Expired, Answer::Granted) => {
                asking.issued = None;
                self.request(active, now, Wants::Download);
            }
            (Wants::Download, Answer::Granted) if is_capped => {
                let (device, flight) = (active.device, active.index);
                self.hold(Request { at: now, device, flight, asks: Asks::Start });
            }
            (Wants::Download, Answer::Granted) => self.admit(active, now),
            (_, Answer::Refused { least }) => self.back_off(active, now, least),
        }
    }

    /// Whether the device's download begins now, as far as the number of downloads goes.
    pub fn take_start(&mut self, active: &mut Active, now: Time, answer: Answer) {
        self.desk().let_go(active.index);
        match answer {
            Answer::Granted => self.admit(active, now),
            Answer::Refused { least } => self.back_off(active, now, least),
        }
    }

    /// The device asks again later.
    fn back_off(&mut self, active: &mut Active, now: Time, least: Span) {
        let (backoff, streams) = (&self.backend().backoff, &self.world.streams);
        let number = active.flight.attempt.number;
        let asking = self.asking(active.index);
        asking.refused = asking.refused.saturating_add(1);
        let index = asking.index(number);
        let delay = backoff.draw(asking.refused, index, active.device, streams).max(least);
        match asking.wants {
            Wants::Offer => active.flight.attempt.rest(now + delay),
            Wants::Download | Wants::Expired => active.flight.attempt.refused(now + delay),
        }
        self.note(active, now, "is refused");
    }

    /// The server has admitted the download: it begins, or goes on.
    fn admit(&mut self, active: &mut Active, now: Time) {
        let luck: Luck<'w> = self.world.luck(active.device, active.presence.cohort());
        let asking = self.asking(active.index);
        (asking.refused, asking.issued) = (0, Some(now));
        let attempt = &mut active.flight.attempt;
        let first = match asking.left.take() {
            Some(left) => {
                attempt.resume(now, left);
                None
            }
            None => attempt.load(now, &luck),
        };
        self.note(active, now, "is admitted");
        self.follow(active, now, false);
        if let Some(took) = first {
            self.hear_progress(active, now, took);
        }
    }

    /// The device is about to leave the network: nobody hears the answer.
    pub fn lose_answer(&mut self, active: &mut Active) {
        if self.has_server() && self.asking(active.index).answer.take().is_some() {
            // The alarm that a poll's answer had.
            if active.flight.attempt.is_resting() {
                active.flight.attempt.withdraw();
            }
        }
    }
}
