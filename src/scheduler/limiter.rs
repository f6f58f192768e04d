//! Push permits (R16): pure arithmetic from instants to instants.

use crate::model::{EventRate, Span, Time};

use super::gathered::Gathered;
use super::openings::Marks;
use super::state::CampaignError;

/// Grants permits at exact instants.
#[derive(Clone, Debug)]
pub enum Limiter {
    Unlimited,
    Constant(Gcra),
    FixedWindow {
        pushes: u32,
        window: Span,
        current: u64,
        used: u32,
    },
    Variable(Variable),
    Exponential(Exponential),
    /// Permits leave together, at marks.
    AtMarks(Box<Gathered>),
}

/// New values for a rate; its kind stays (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateChange {
    Constant(EventRate),
    FixedWindow {
        pushes: u32,
    },
    /// From when on which rate holds; none: nothing is pushed.
    Variable(Vec<(Time, Option<EventRate>)>),
    /// Base and greatest rate, in pushes per minute.
    Exponential {
        base: u32,
        max: u32,
    },
}

impl Limiter {
    /// Evenly spaced permits, up to `burst` at once after a pause.
    pub fn constant(rate: EventRate, burst: u32) -> Limiter {
        Limiter::Constant(Gcra::new(rate, burst))
    }

    /// At most `pushes` in each window counted from the start.
    pub fn fixed_window(pushes: u32, window: Span) -> Limiter {
        Limiter::FixedWindow { pushes, window, current: 0, used: 0 }
    }

    /// Permits of this rate leave at marks only, those of the time since the last one together.
    pub fn at_marks(self, marks: Marks) -> Limiter {
        Limiter::AtMarks(Box::new(Gathered::new(self, marks)))
    }

    /// Whether permits leave at marks only.
    pub fn is_gathered(&self) -> bool {
        matches!(self, Limiter::AtMarks(_))
    }

    /// Where permits leave at marks: gathers those up to `to`, at which windows are open that
    /// opened at `opened`; before a mark's permits are asked for, and before the rate changes.
    pub fn gather(&mut self, to: Time, opened: Time) {
        if let Limiter::AtMarks(gathered) = self {
            gathered.gather(to, opened);
        }
    }

    /// The campaign starts, or is resumed: what was allowed before is gone where permits are
    /// gathered.
    pub fn begin(&mut self, now: Time) {
        if let Limiter::AtMarks(gathered) = self {
            gathered.begin(now);
        }
    }

    /// The earliest instant from `from` on at which a permit can be had.
    #[inline(always)]
    pub fn next(&self, from: Time) -> Time {
        match self {
            Limiter::Unlimited => from,
            Limiter::Constant(gcra) => gcra.next(from),
            Limiter::Variable(variable) if variable.paused => Time::NEVER,
            Limiter::Variable(variable) => variable.gcra.next(from),
            Limiter::Exponential(exponential) => exponential.gcra.next(from),
            Limiter::AtMarks(gathered) => gathered.next(from),
            Limiter::FixedWindow { pushes, window, current, used } => {
                if from.0 / window.0 > *current {
                    return from;
                }
                // Permits were taken up to the current window, whatever `from` is.
                let open = if used < pushes { *current } else { current + 1 };
                from.max(Time(open * window.0))
            }
        }
    }

    /// Takes the permit that [`Limiter::next`] promised for `from`, and says for when it is.
    #[inline(always)]
    pub fn take(&mut self, from: Time) -> Time {
        let at = self.next(from);
        match self {
            Limiter::Unlimited => {}
            Limiter::Constant(gcra) => gcra.take(from),
            Limiter::Variable(variable) => variable.gcra.take(from),
            Limiter::Exponential(exponential) => exponential.gcra.take(from),
            Limiter::AtMarks(gathered) => gathered.take(),
            Limiter::FixedWindow { window, current, used, .. } => {
                let index = at.0 / window.0;
                *used = if index == *current { *used + 1 } else { 1 };
                *current = index;
            }
        }
        at
    }

    /// Takes all permits of the instants from `from` to `to`; how many.
    pub fn take_all(&mut self, from: Time, to: Time) -> u64 {
        match self {
            Limiter::Unlimited => u64::MAX,
            Limiter::Constant(gcra) => gcra.take_all(from, to),
            Limiter::Variable(variable) if variable.paused => 0,
            Limiter::Variable(variable) => variable.gcra.take_all(from, to),
            Limiter::Exponential(exponential) => exponential.gcra.take_all(from, to),
            Limiter::AtMarks(_) => unreachable!("it is not nested"),
            Limiter::FixedWindow { pushes, window, current, used } => {
                let (first, last) = ((from.0 / window.0).max(*current), to.0 / window.0);
                if last < first {
                    return 0;
                }
                let taken = if first == *current { *used } else { 0 };
                let of_first = pushes.saturating_sub(taken);
                (*current, *used) = (last, if last == first { taken + of_first } else { *pushes });
                u64::from(of_first) + (last - first).saturating_mul(u64::from(*pushes))
            }
        }
    }

    /// A device was notified at `at` for the first time.
    #[inline(always)]
    pub fn notified(&mut self, at: Time) {
        match self {
            Limiter::Exponential(exponential) => exponential.notified(at),
            Limiter::AtMarks(gathered) => {
                if let Limiter::Exponential(exponential) = gathered.rate_mut() {
                    exponential.notified(at);
                }
            }
            _ => {}
        }
    }

    /// Whether [`Limiter::succeeded`] makes a difference.
    pub fn counts_successes(&self) -> bool {
        match self {
            Limiter::Exponential(exponential) => exponential.of == Reached::Succeeded,
            Limiter::AtMarks(gathered) => gathered.rate().counts_successes(),
            _ => false,
        }
    }

    /// So many devices have succeeded by `now`.
    pub fn succeeded(&mut self, total: u64, now: Time) {
        match self {
            Limiter::Exponential(exponential) if exponential.of == Reached::Succeeded => {
                exponential.count_to(total, now);
            }
            Limiter::AtMarks(gathered) => gathered.rate_mut().succeeded(total, now),
            _ => {}
        }
    }

    /// Brings the rate up to what holds at `now`.
    pub fn advance(&mut self, now: Time) {
        match self {
            Limiter::Variable(variable) => variable.advance(now),
            Limiter::AtMarks(gathered) => gathered.rate_mut().advance(now),
            _ => {}
        }
    }

    /// When [`Limiter::advance`] changes something next.
    pub fn next_change(&self) -> Time {
        match self {
            Limiter::Variable(variable) => {
                variable.table.get(variable.next).map_or(Time::NEVER, |(at, _)| *at)
            }
            Limiter::AtMarks(gathered) => gathered.rate().next_change(),
            _ => Time::NEVER,
        }
    }

    /// Takes on new values, which hold from the next push on (R6).
    ///
    /// # Errors
    /// If they are of another kind; then nothing changes.
    pub fn change(&mut self, change: RateChange, now: Time) -> Result<(), CampaignError> {
        match (self, change) {
            (Limiter::Constant(gcra), RateChange::Constant(rate)) => gcra.set_rate(rate, now),
            (Limiter::FixedWindow { pushes, .. }, RateChange::FixedWindow { pushes: new }) => {
                *pushes = new;
            }
            (Limiter::Variable(variable), RateChange::Variable(table)) => {
                variable.table = table.into();
                (variable.next, variable.paused) = (0, true);
                variable.advance(now);
            }
            (Limiter::Exponential(exponential), RateChange::Exponential { base, max }) => {
                exponential.change(base, max, now);
            }
            (Limiter::AtMarks(gathered), change) => gathered.rate_mut().change(change, now)?,
            _ => return Err(CampaignError::RateKind),
        }
        Ok(())
    }
}

/// A table of rates over time.
#[derive(Clone, Debug)]
pub struct Variable {
    gcra: Gcra,
    /// In order of time.
    table: Box<[(Time, Option<EventRate>)]>,
    /// The first entry that does not hold yet.
    next: usize,
    paused: bool,
}

impl Variable {
    /// Before the table's first entry nothing is pushed.
    pub fn new(table: Vec<(Time, Option<EventRate>)>, burst: u32) -> Variable {
        let any = EventRate { count: 1, per_us: 60_000_000 };
        let gcra = Gcra::new(any, burst);
        let mut variable = Variable { gcra, table: table.into(), next: 0, paused: true };
        variable.advance(Time::ZERO);
        variable
    }

    fn advance(&mut self, now: Time) {
        while let Some((from, rate)) = self.table.get(self.next).filter(|(from, _)| *from <= now) {
            self.paused = rate.is_none();
            if let Some(rate) = rate {
                self.gcra.set_rate(*rate, *from);
            }
            self.next += 1;
        }
    }
}

/// What an exponential rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Notified,
    Succeeded,
}

/// A rate that is multiplied each time so many more devices are reached.
///
/// # Source
/// AWS IoT Jobs, exponential rollout: the thresholds are cumulative (n, 2 n, 3 n, …).
#[derive(Clone, Debug)]
pub struct Exponential {
    gcra: Gcra,
    /// In millionths of a push per minute.
    rate: u64,
    max: u64,
    /// In tenths.
    factor: u64,
    every: u64,
    of: Reached,
    count: u64,
}

const MILLION: u64 = 1_000_000;

impl Exponential {
    /// `base` and `max` in pushes per minute, `factor` in tenths.
    pub fn new(base: u32, max: u32, factor: u32, every: u64, of: Reached) -> Exponential {
        assert!(every > 0, "a step that is reached without end");
        let rate = u64::from(base) * MILLION;
        Exponential {
            gcra: Gcra::new(millionths_per_minute(rate), 1),
            rate,
            max: u64::from(max) * MILLION,
            factor: u64::from(factor),
            every,
            of,
            count: 0,
        }
    }

    #[inline(always)]
    fn notified(&mut self, at: Time) {
        if self.of == Reached::Notified {
            self.count_to(self.count + 1, at);
        }
    }

    fn count_to(&mut self, count: u64, now: Time) {
        let steps = count / self.every - self.count / self.every;
        self.count = count;
        if steps > 0 {
            self.step(steps, now);
        }
    }

    #[cold]
    fn step(&mut self, steps: u64, now: Time) {
        let before = self.gcra.rate;
        for _ in 0..steps {
            if self.rate >= self.max {
                break;
            }
            self.rate = (self.rate * self.factor / 10).min(self.max);
        }
        // Setting a rate rounds the pace once, so it is not done in vain.
        if before == millionths_per_minute(self.rate) {
            return;
        }
        self.gcra.set_rate(millionths_per_minute(self.rate), now);
    }

    fn change(&mut self, base: u32, max: u32, now: Time) {
        self.rate = u64::from(base) * MILLION;
        self.max = u64::from(max) * MILLION;
        self.step(self.count / self.every, now);
    }
}

fn millionths_per_minute(rate: u64) -> EventRate {
    EventRate { count: rate, per_us: 60_000_000 * MILLION }
}

/// Paces pushes with the generic cell rate algorithm.
///
/// # Model
/// A push at `t` conforms when `t ≥ tat − tau`; then `tat ← max(t, tat) + interval`, with
/// `tau = (burst − 1) interval`. All are exact fractions, so that no interval is rounded;
/// permits round up to whole µs.
///
/// # Invariants
/// Any span `w` holds at most `burst + w / interval` pushes.
///
/// # Source
/// ITU-T I.371, GCRA.
#[derive(Clone, Debug)]
pub struct Gcra {
    interval: Fraction,
    tau: Fraction,
    tat: Fraction,
    /// What the parts of fractions are counted in: 1/count µs.
    count: u64,
    /// `tat − tau` rounded up: the earliest instant that conforms.
    free_at: Time,
    rate: EventRate,
    burst: u32,
}

/// Whole microseconds and a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fraction {
    us: u64,
    part: u64,
}

impl Gcra {
    fn new(rate: EventRate, burst: u32) -> Gcra {
        assert!(rate.count > 0, "a rate of zero grants nothing");
        assert!(rate.count < 1 << 63, "the sum of two parts fits a word");
        assert!(burst > 0, "a bucket holds at least one token");
        let parts = |parts: u128| Fraction {
            us: u64::try_from(parts / u128::from(rate.count))
                .unwrap_or(Time::NEVER.0)
                .min(Time::NEVER.0),
            part: (parts % u128::from(rate.count)) as u64,
        };
        Gcra {
            interval: parts(u128::from(rate.per_us)),
            tau: parts(u128::from(burst - 1) * u128::from(rate.per_us)),
            tat: Fraction { us: 0, part: 0 },
            count: rate.count,
            free_at: Time::ZERO,
            rate,
            burst,
        }
    }

    /// Goes over to another rate at `now`; the bucket keeps what it holds, so that no window
    /// of time grants more than either rate and the burst allow.
    fn set_rate(&mut self, rate: EventRate, now: Time) {
        let owed =
            self.tat.us.saturating_sub(now.0) as f64 + f64::from(u8::from(self.tat.part > 0));
        let interval = |rate: EventRate| rate.per_us as f64 / rate.count as f64;
        let owed = (owed * interval(rate) / interval(self.rate)).ceil();
        let mut gcra = Gcra::new(rate, self.burst);
        gcra.tat.us = (now.0 + owed as u64).min(Time::NEVER.0);
        gcra.free_at = Time(gcra.tat.us.saturating_sub(gcra.tau.us));
        *self = gcra;
    }

    #[inline(always)]
    fn next(&self, from: Time) -> Time {
        from.max(self.free_at)
    }

    #[inline(always)]
    fn take(&mut self, from: Time) {
        // Time counts exactly, not as rounded up to whole µs: pauses must not add up.
        let begin = self.tat.max(Fraction { us: from.0, part: 0 });
        let part = begin.part + self.interval.part;
        let carry = u64::from(part >= self.count);
        self.tat =
            Fraction { us: begin.us + self.interval.us + carry, part: part - carry * self.count };
        self.release();
    }

    /// Takes every permit of the instants from `from` to `to`; how many.
    fn take_all(&mut self, from: Time, to: Time) -> u64 {
        let count = u128::from(self.count);
        let parts =
            |fraction: Fraction| u128::from(fraction.us) * count + u128::from(fraction.part);
        let begin = parts(self.tat.max(Fraction { us: from.0, part: 0 }));
        let latest = u128::from(to.0) * count + parts(self.tau);
        let Some(room) = latest.checked_sub(begin).filter(|_| from <= to) else { return 0 };
        let interval = u128::from(self.rate.per_us);
        let permits = room / interval + 1;
        let tat = begin + permits * interval;
        let us = u64::try_from(tat / count).unwrap_or(Time::NEVER.0).min(Time::NEVER.0);
        self.tat = Fraction { us, part: (tat % count) as u64 };
        self.release();
        u64::try_from(permits).unwrap_or(u64::MAX)
    }

    /// Says when the next permit is free.
    #[inline(always)]
    fn release(&mut self) {
        let us = self.tat.us.saturating_sub(self.tau.us);
        // Rounding up adds one, a borrow takes one away.
        let up = u64::from(self.tat.part > self.tau.part);
        let free_at = if self.tat < self.tau { 0 } else { us + up };
        self.free_at = Time(free_at).min(Time::NEVER);
    }
}
