//! Permits that wait for the next mark (R16, R18).

use crate::model::{Span, Time};

use super::limiter::Limiter;
use super::openings::Marks;

/// A rate whose pushes leave at marks only: what it has allowed since the last mark.
///
/// # Model
/// Between two marks the rate grants permits as if pushes could leave at any time, whether
/// somebody wants them or not; at a mark those of the span (last mark, mark] leave together, and
/// what nobody takes is gone. The span begins later if the campaign was started or resumed in it,
/// or if the windows that are open at the mark opened in it.
///
/// # Invariants
/// No more leaves at a mark than the rate allows from the mark before to it.
#[derive(Clone, Debug)]
pub struct Gathered {
    rate: Limiter,
    marks: Marks,
    /// Permits that wait.
    left: u64,
    /// Instants before this one have been asked for permits.
    asked: Time,
    /// Nothing is gathered before this instant.
    since: Time,
}

impl Gathered {
    /// Nothing has been gathered.
    pub fn new(rate: Limiter, marks: Marks) -> Gathered {
        Gathered { rate, marks, left: 0, asked: Time::ZERO, since: Time::ZERO }
    }

    /// What grants them.
    pub fn rate(&self) -> &Limiter {
        &self.rate
    }

    /// To change the rate, first gather up to now.
    pub fn rate_mut(&mut self) -> &mut Limiter {
        &mut self.rate
    }

    /// Begins anew at `now`.
    pub fn begin(&mut self, now: Time) {
        (self.since, self.left) = (now, 0);
    }

    /// Gathers the permits up to `to`, at which windows are open that opened at `opened`.
    pub fn gather(&mut self, to: Time, opened: Time) {
        let last = self.marks.before(to).map_or(Time::ZERO, |mark| mark + Span(1));
        let begin = last.max(self.since).max(opened);
        if self.asked <= begin {
            (self.asked, self.left) = (begin, 0);
        }
        while self.asked <= to {
            // A table goes over to its next rate at its own instant.
            let change = self.rate.next_change();
            let end = to.min(Time(change.0.saturating_sub(1)));
            if self.asked <= end {
                self.left = self.left.saturating_add(self.rate.take_all(self.asked, end));
                self.asked = end + Span(1);
            }
            if change <= to {
                self.rate.advance(change);
            }
        }
    }

    /// The earliest instant from `from` on by which a permit waits.
    #[inline(never)]
    pub fn next(&self, from: Time) -> Time {
        if self.left > 0 { from } else { self.rate.next(from.max(self.asked)) }
    }

    /// Takes one of the permits that wait.
    ///
    /// # Panics
    /// If no permit waits.
    pub fn take(&mut self) {
        assert!(self.left > 0, "what has been gathered is all there is");
        self.left -= 1;
    }
}
