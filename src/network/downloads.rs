//! Downloads of many classes, and which of them ends next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Time;

use super::class::Class;
use super::clock::{Clock, Pace};
use super::shares::Shares;

/// Downloads by class, each class going by one of the clocks.
///
/// # Model
/// For each clock there is a heap of what it reads when the next download of each class ends, and
/// one of the instants at which that happens by each clock. Both are put right only where it
/// matters: an entry that has become too late is entered once more, one that has become too early
/// is put right when it comes to the top. So a change of speed costs the same however many classes
/// go by the clock, and what is due costs the same however many clocks there are.
///
/// # Invariants
/// No class ends before what its clock has in the heap for it, and no clock has an end before what
/// is in the heap for the clock.
#[derive(Clone, Debug)]
pub struct Downloads<T> {
    /// The wall clock, then one for each link.
    dials: Vec<Dial>,
    /// None until somebody loads in it.
    classes: Vec<Option<Box<Entered<T>>>>,
    due: BinaryHeap<Reverse<(Time, u32)>>,
    /// Classes that somebody has joined or left since that was last asked.
    touched: Vec<u32>,
    /// Classes most of whose awaited ends are of those who have left.
    mostly_gone: Vec<u32>,
}

/// A clock with what it reads when a download of each class ends, by the bits.
#[derive(Clone, Debug)]
struct Dial {
    clock: Clock,
    ends: BinaryHeap<Reverse<(u64, u32)>>,
    /// The entry in the heap of instants that holds.
    entered: Time,
}

/// A class with the entry in the heap of its clock that holds.
#[derive(Clone, Debug)]
struct Entered<T> {
    class: Class<T>,
    entered: u64,
    /// Its number and rates as they were last told, and whether they may be others now.
    told: (u64, u64),
    is_touched: bool,
}

const NEVER: u64 = u64::MAX;

/// How the downloads of a class have changed: their number, and the sum of the rates that they
/// would have alone, in bit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub class: u32,
    pub count: i64,
    pub rates: i64,
}

impl<T: Copy> Downloads<T> {
    /// Nobody loads yet, over so many links in so many classes.
    pub fn new(links: usize, classes: usize) -> Downloads<T> {
        let dial = |clock| Dial { clock, ends: BinaryHeap::new(), entered: Time::NEVER };
        let links = (0..links).map(|_| dial(Clock::new(Time::ZERO, 0.0)));
        Downloads {
            dials: std::iter::once(dial(Clock::WALL)).chain(links).collect(),
            classes: (0..classes).map(|_| None).collect(),
            due: BinaryHeap::new(),
            touched: Vec::new(),
            mostly_gone: Vec::new(),
        }
    }

    /// A download joins its class that has `alone` µs of work left, and goes on from `begins` on;
    /// the work that the class will have done at its end.
    pub fn join(&mut self, class: u32, download: T, begins: Time, alone: f64, rate: u64) -> f64 {
        let own = self.classes[class as usize].get_or_insert_with(Entered::new);
        let clock = &self.dials[own.class.pace.clock as usize].clock;
        let mark = own.class.join(begins, clock, alone, rate);
        own.class.await_end(mark, download);
        if own.class.is_mostly_gone() {
            self.mostly_gone.push(class);
        }
        self.touch(class);
        self.enter(class);
        mark
    }

    /// A download of the class has ended or was interrupted.
    pub fn leave(&mut self, class: u32, rate: u64) {
        self.class_mut(class).leave(rate);
        self.touch(class);
    }

    /// The class of a download that has joined it.
    pub fn class(&self, class: u32) -> &Class<T> {
        &self.classes[class as usize].as_ref().expect("somebody has joined it").class
    }

    fn class_mut(&mut self, class: u32) -> &mut Class<T> {
        &mut self.classes[class as usize].as_mut().expect("somebody has joined it").class
    }

    /// Work that the class has done at `now`.
    pub fn done_at(&self, class: u32, now: Time) -> f64 {
        let pace = self.class(class).pace;
        pace.done_at(now, &self.dials[pace.clock as usize].clock)
    }

    /// The part of what they would have alone that the downloads of the class have, 0 to 1.
    pub fn speed(&self, class: u32) -> f64 {
        let pace = self.class(class).pace;
        pace.speed(&self.dials[pace.clock as usize].clock)
    }

    fn touch(&mut self, class: u32) {
        let own = self.classes[class as usize].as_mut().expect("somebody has joined it");
        if !std::mem::replace(&mut own.is_touched, true) {
            self.touched.push(class);
        }
    }

    /// Tells how classes have changed since this was last asked, in no order.
    pub fn tell_changes(&mut self, mut tell: impl FnMut(Change)) {
        for class in self.touched.drain(..) {
            let own = self.classes[class as usize].as_mut().expect("somebody has joined it");
            let now = (own.class.count, own.class.rates);
            let was = std::mem::replace(&mut own.told, now);
            own.is_touched = false;
            tell(Change {
                class,
                count: now.0.wrapping_sub(was.0) as i64,
                rates: now.1.wrapping_sub(was.1) as i64,
            });
        }
    }

    /// Goes on as the last division says.
    pub fn heed(&mut self, shares: &Shares) {
        for clock in &shares.news.clocks {
            self.set_clock(*clock, shares.clock(*clock));
        }
        for (class, pace) in &shares.news.paces {
            self.set_pace(*class, *pace);
        }
    }

    /// The clock at a position goes on like this; it does not read less than before, unless no
    /// class goes by it.
    fn set_clock(&mut self, clock: u32, to: Clock) {
        self.dials[clock as usize].clock = to;
        self.enter_clock(clock);
    }

    /// Somebody loads in the class somewhere, at this pace; none: nobody does any more.
    fn set_pace(&mut self, class: u32, pace: Option<Pace>) {
        if let Some(pace) = pace {
            let own = self.classes[class as usize].get_or_insert_with(Entered::new);
            (own.class.pace, own.entered) = (pace, NEVER);
            self.enter(class);
        } else if let Some(own) = &mut self.classes[class as usize] {
            own.class.reset();
            own.entered = NEVER;
        }
    }

    /// Sees to it that the class' clock knows of its next end.
    fn enter(&mut self, class: u32) {
        let own = self.classes[class as usize].as_mut().expect("somebody has joined it");
        let Some(next) = own.class.next_reading().filter(|next| *next < own.entered) else {
            return;
        };
        own.entered = next;
        let clock = own.class.pace.clock;
        self.dials[clock as usize].ends.push(Reverse((next, class)));
        self.enter_clock(clock);
    }

    /// Sees to it that the next end by the clock is known.
    fn enter_clock(&mut self, clock: u32) {
        let next = self.end_by(clock);
        let dial = &mut self.dials[clock as usize];
        if next < dial.entered {
            dial.entered = next;
            self.due.push(Reverse((next, clock)));
        }
    }

    /// When the next download ends whose class goes by the clock.
    fn end_by(&mut self, clock: u32) -> Time {
        let next = self.next_by(clock);
        let clock = &self.dials[clock as usize].clock;
        next.map_or(Time::NEVER, |(bits, _)| clock.when(f64::from_bits(bits)))
    }

    /// What the clock reads when its next download ends, and in which class.
    fn next_by(&mut self, clock: u32) -> Option<(u64, u32)> {
        let Downloads { dials, classes, .. } = self;
        let ends = &mut dials[clock as usize].ends;
        while let Some(&Reverse((at, class))) = ends.peek() {
            let own = classes[class as usize].as_mut().expect("it was entered");
            let holds = own.entered == at && own.class.pace.clock == clock;
            let next = if holds { own.class.next_reading().unwrap_or(NEVER) } else { NEVER };
            if holds && next <= at {
                return Some((at, class));
            }
            ends.pop();
            if holds {
                own.entered = next;
            }
            if next < NEVER {
                ends.push(Reverse((next, class)));
            }
        }
        None
    }

    /// The clock by which a download ends next, and when.
    fn next(&mut self) -> Option<(Time, u32)> {
        while let Some(&Reverse((at, clock))) = self.due.peek() {
            let holds = self.dials[clock as usize].entered == at;
            let next = if holds { self.end_by(clock) } else { Time::NEVER };
            if holds && next <= at {
                return Some((next, clock));
            }
            self.due.pop();
            if holds {
                self.dials[clock as usize].entered = next;
            }
            if !next.is_never() {
                self.due.push(Reverse((next, clock)));
            }
        }
        None
    }

    /// When the next download ends, at the present speeds; it may have left.
    pub fn next_end(&mut self) -> Time {
        self.next().map_or(Time::NEVER, |(at, _)| at)
    }

    /// Takes a download that ends before `end`, with its mark and its instant.
    pub fn take_end(&mut self, end: Time) -> Option<(T, f64, Time)> {
        let (_, clock) = self.next().filter(|(at, _)| *at < end)?;
        let (_, class) = self.next_by(clock)?;
        let Downloads { dials, classes, .. } = self;
        let own = classes[class as usize].as_mut().expect("it was entered");
        own.class.take_end(&dials[clock as usize].clock)
    }

    /// Forgets the awaited ends of those who have left, where they are most; `stays` tells of a mark
    /// and a download whether it is there.
    pub fn forget_gone(&mut self, mut stays: impl FnMut(f64, T) -> bool) {
        while let Some(class) = self.mostly_gone.pop() {
            let own = self.class_mut(class);
            // It may stand here more than once.
            if own.is_mostly_gone() {
                own.forget(&mut stays);
            }
        }
    }
}

impl<T: Copy> Entered<T> {
    fn new() -> Box<Entered<T>> {
        let (class, told) = (Class::new(), (0, 0));
        Box::new(Entered { class, entered: NEVER, told, is_touched: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;
    use crate::network::{RATE_CLASSES, rate_class};
    use proptest::prelude::*;

    /// A download as one would follow it alone: class, rate, and µs of work left.
    #[derive(Clone, Copy)]
    struct Plain {
        class: u32,
        rate: u64,
        left: f64,
    }

    proptest! {
        /// Each download ends when its work is done at the speeds it had, however those changed and
        /// whoever else left; seen second by second.
        #[test]
        fn each_ends_when_its_work_is_done(
            steps in prop::collection::vec(
                (prop::collection::vec((0u32..2, 1u64..40, 0u32..4), 0..6), 0usize..8, 1u64..5),
                1..60,
            ),
        ) {
            // An origin and two cells.
            let mut shares = Shares::new(vec![60_000.0, 40_000.0, 50_000.0], vec![[0, 1].into(), [0, 2].into()]);
            let mut downloads: Downloads<u32> = Downloads::new(3, shares.classes());
            let mut plain: Vec<Option<Plain>> = Vec::new();
            let mut now = Time::ZERO;
            for (begin, leave, seconds) in steps {
                for (path, seconds, octave) in begin {
                    let rate = 1_000 * 3u64.pow(octave);
                    let (class, left) = (path * RATE_CLASSES + rate_class(rate), seconds as f64 * 1e6);
                    downloads.join(class, plain.len() as u32, now, left, rate);
                    plain.push(Some(Plain { class, rate, left }));
                }
                let at = leave * 13 % plain.len().max(1);
                if let Some(gone) = plain.get_mut(at).and_then(Option::take) {
                    downloads.leave(gone.class, gone.rate);
                }
                downloads.tell_changes(|change| shares.change(change));
                shares.divide(now);
                downloads.heed(&shares);
                downloads.forget_gone(|_, download| plain[download as usize].is_some());
                let end = now + Span::secs(seconds);
                let mut ended = Vec::new();
                while let Some((download, _, at)) = downloads.take_end(end) {
                    let Some(it) = &plain[download as usize] else { continue };
                    let expected = now + Span::from_micros_f64(it.left / downloads.speed(it.class));
                    prop_assert!(at.0.abs_diff(expected.0) <= 2, "{at:?}, {expected:?}");
                    ended.push(download);
                }
                prop_assert!(downloads.next_end() >= end);
                for (download, it) in (0..).zip(&mut plain) {
                    let Some(own) = it else { continue };
                    own.left -= seconds as f64 * 1e6 * downloads.speed(own.class);
                    if ended.contains(&download) {
                        downloads.leave(own.class, own.rate);
                        *it = None;
                    } else {
                        prop_assert!(own.left > -2.0, "missed: {}", own.left);
                    }
                }
                now = end;
            }
        }
    }
}
