//! A server's workers and the requests that wait for them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::{Span, Time};

/// Serves requests first come, first served.
///
/// # Model
/// `workers` serve one request each at a time; others wait, at most `queue` of them; whoever
/// comes then is shed. A client that would wait longer than its patience leaves the queue when
/// that is over. Requests must come in order of time, so that the fate of each is known when it
/// comes.
#[derive(Clone, Debug)]
pub struct Server {
    /// When each worker is free.
    free: BinaryHeap<Reverse<Time>>,
    /// When each waiting request leaves the queue.
    waiting: BinaryHeap<Reverse<Time>>,
    queue: usize,
    /// Times by which services take longer, because of work that is not simulated.
    stretch: f64,
    last: Time,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A worker begins it and answers.
    Served { begins: Time, ends: Time },
    /// The queue was full.
    Shed,
    /// The client's patience ended first.
    GivenUp { at: Time },
}

impl Server {
    /// # Panics
    /// If there are no workers.
    pub fn new(workers: u32, queue: Option<u32>) -> Server {
        assert!(workers > 0, "a server has workers");
        Server {
            free: (0..workers).map(|_| Reverse(Time::ZERO)).collect(),
            waiting: BinaryHeap::new(),
            queue: queue.map_or(usize::MAX, |queue| queue as usize),
            stretch: 1.0,
            last: Time::ZERO,
        }
    }

    /// Keeps the part `busy` of all workers' time for work that is not simulated one by one.
    ///
    /// # Panics
    /// If nothing is left for requests.
    pub fn reserve(&mut self, busy: f64) {
        assert!((0.0..1.0).contains(&busy), "some capacity is left");
        self.stretch = 1.0 / (1.0 - busy);
    }

    /// A request comes at `now` that takes a worker `service`.
    ///
    /// # Panics
    /// If it comes before one that came already.
    pub fn ask(&mut self, now: Time, service: Span, patience: Option<Span>) -> Answer {
        assert!(now >= self.last, "requests in order of time");
        self.last = now;
        while self.waiting.peek().is_some_and(|leaves| leaves.0 <= now) {
            self.waiting.pop();
        }
        let Reverse(free) = *self.free.peek().expect("a server has workers");
        if free > now {
            if self.waiting.len() >= self.queue {
                return Answer::Shed;
            }
            let gives_up = patience.map_or(Time::NEVER, |patience| now + patience);
            self.waiting.push(Reverse(free.min(gives_up)));
            if gives_up < free {
                return Answer::GivenUp { at: gives_up };
            }
        }
        self.free.pop();
        let begins = free.max(now);
        let ends = begins + Span::from_micros_f64(service.0 as f64 * self.stretch);
        self.free.push(Reverse(ends));
        Answer::Served { begins, ends }
    }

    /// How many requests may wait; none: any number.
    pub fn queue(&self) -> Option<u32> {
        u32::try_from(self.queue).ok()
    }

    /// How many requests can be in service at a time.
    pub fn workers(&self) -> u32 {
        self.free.len() as u32
    }

    /// Requests that wait, as of the last one that came.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Span = Span(10);

    fn served(begins: u64) -> Answer {
        Answer::Served { begins: Time(begins), ends: Time(begins + 10) }
    }

    #[test]
    fn requests_wait_in_order_and_are_shed_beyond_the_queue() {
        let mut server = Server::new(2, Some(2));
        let ask = |server: &mut Server, at| server.ask(Time(at), SERVICE, None);
        assert_eq!(ask(&mut server, 0), served(0));
        assert_eq!(ask(&mut server, 1), served(1));
        assert_eq!(ask(&mut server, 2), served(10));
        assert_eq!(ask(&mut server, 3), served(11));
        assert_eq!((server.waiting(), ask(&mut server, 3)), (2, Answer::Shed));
        // At 10 the first of the queue is served.
        assert_eq!(ask(&mut server, 10), served(20));
        assert_eq!(ask(&mut server, 10), Answer::Shed);
    }

    #[test]
    fn the_impatient_leave_and_cost_nobody_a_worker() {
        let mut server = Server::new(1, None);
        let ask =
            |server: &mut Server, at, patience| server.ask(Time(at), SERVICE, Some(Span(patience)));
        assert_eq!(ask(&mut server, 0, 0), served(0));
        assert_eq!(ask(&mut server, 1, 5), Answer::GivenUp { at: Time(6) });
        assert_eq!(ask(&mut server, 2, 8), served(10));
        assert_eq!(server.waiting(), 2);
        assert_eq!(ask(&mut server, 7, 12), Answer::GivenUp { at: Time(19) });
        assert_eq!(server.waiting(), 2);
    }

    #[test]
    fn work_that_is_not_simulated_makes_services_longer() {
        let mut server = Server::new(1, None);
        server.reserve(0.5);
        let Answer::Served { ends, .. } = server.ask(Time(5), SERVICE, None) else { panic!() };
        assert_eq!(ends, Time(25));
    }
}
