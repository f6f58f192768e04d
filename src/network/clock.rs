//! How far downloads have come: clocks that run at the rate of a full link, and what a class makes
//! of them.

use crate::model::{Span, Time};

/// A clock that runs faster or slower.
///
/// # Model
/// The clock of a full link runs at its level: it reads the bits (times 10^6) that every download
/// held up by the link has got since the link became full. So a change of level is one change,
/// however many downloads of however many classes go by it. The wall clock reads µs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    from: Time,
    /// What it read at `from`.
    reading: f64,
    /// By which it goes on per µs.
    speed: f64,
}

impl Clock {
    /// That of whoever has all that it could have alone.
    pub const WALL: Clock = Clock { from: Time::ZERO, reading: 0.0, speed: 1.0 };

    /// Reads zero at `now`.
    pub fn new(now: Time, speed: f64) -> Clock {
        Clock { from: now, reading: 0.0, speed }
    }

    /// How far it goes on in one µs of the wall clock.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// What it reads at `now`, which does not lie before the last change of speed.
    #[inline(always)]
    pub fn read(&self, now: Time) -> f64 {
        self.reading + self.speed * now.since(self.from).0 as f64
    }

    /// When it reads so much, at this speed.
    #[inline(always)]
    pub fn when(&self, reading: f64) -> Time {
        self.from + Span::from_micros_f64(((reading - self.reading) / self.speed).ceil())
    }

    /// From `now` on it goes at another speed.
    pub fn set_speed(&mut self, now: Time, speed: f64) {
        *self = Clock { from: now, reading: self.read(now), speed };
    }
}

/// How a class goes on by a clock: each download at the same part of the rate it would have alone.
///
/// # Model
/// A download that would take `w` µs alone and begins when the class has done `v` ends when it
/// has done `v + w`, whatever the speed is in between. The class has done
/// `done + (r − at) / per` when the clock reads `r`. By the clock of a link `per` is what its
/// downloads would have alone, in bit/s, on the average; by the wall clock it is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Position of the clock.
    pub clock: u32,
    /// What the clock read when the class had done `done` µs of work alone.
    at: f64,
    done: f64,
    per: f64,
}

/// Work done at the beginning; above zero, so that every mark has the bits of a normal number,
/// in which the order of positive numbers is that of integers.
const BEGIN: f64 = 1.0;

impl Pace {
    /// Of a class that has no share yet: nothing was done, and nothing is.
    pub const STILL: Pace = Pace { clock: 0, at: 0.0, done: BEGIN, per: f64::INFINITY };

    /// Work done at `now`; `clock` is the one that it goes by.
    #[inline(always)]
    pub fn done_at(&self, now: Time, clock: &Clock) -> f64 {
        self.done + (clock.read(now) - self.at) / self.per
    }

    /// What the clock reads when so much is done.
    #[inline(always)]
    pub fn reading_at(&self, mark: f64) -> f64 {
        if self.per == f64::INFINITY {
            return f64::INFINITY;
        }
        self.at + (mark - self.done) * self.per
    }

    /// The part of what they would have alone that its downloads have, 0 to 1.
    #[inline(always)]
    pub fn speed(&self, clock: &Clock) -> f64 {
        clock.speed / self.per
    }

    /// Whether it goes on just so by the clock at that position.
    #[inline(always)]
    pub fn goes_by(&self, clock: u32, per: f64) -> bool {
        self.clock == clock && self.per == per
    }

    /// Goes by the clock at a position from `now` on; it went by `old`.
    #[inline(always)]
    pub fn moved(&self, now: Time, old: &Clock, (clock, new): (u32, &Clock), per: f64) -> Pace {
        Pace { clock, at: new.read(now), done: self.done_at(now, old), per }
    }
}
