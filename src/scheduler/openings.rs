//! When pushes may leave: daily windows (R20) and wall-clock marks (R18).

use crate::model::{Span, Time};

/// Spans of time in which pushes may leave.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    /// Half-open spans in order, none touching the next; none: always.
    windows: Option<Box<[(Time, Time)]>>,
    /// Pushes leave at these marks only.
    marks: Option<Marks>,
}

/// Instants at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub first: Time,
    pub every: Span,
}

impl Openings {
    /// # Panics
    /// If windows overlap or are out of order, or marks have no distance.
    pub fn new(windows: Option<Vec<(Time, Time)>>, marks: Option<Marks>) -> Openings {
        if let Some(windows) = &windows {
            assert!(windows.iter().all(|(open, close)| open < close), "a window has a length");
            assert!(windows.windows(2).all(|w| w[0].1 < w[1].0), "windows follow each other");
        }
        assert!(marks.is_none_or(|marks| marks.every.0 > 0), "marks have a distance");
        Openings { windows: windows.map(Vec::into_boxed_slice), marks }
    }

    /// The span that `from` lies in, or else the next one; what lies before `from` is cut off.
    pub fn next(&self, from: Time) -> (Time, Time) {
        let Some(marks) = self.marks else { return self.window(from) };
        let mut from = from;
        loop {
            let mark = marks.next(from);
            let (open, close) = self.window(mark);
            if open == mark || open.is_never() {
                return (open, close.min(open + Span(1)));
            }
            from = open;
        }
    }

    /// When the window that is open at `at` opened; none: there is none.
    pub fn opened(&self, at: Time) -> Option<Time> {
        let Some(windows) = &self.windows else { return Some(Time::ZERO) };
        let (open, _) = windows.get(windows.partition_point(|(_, close)| *close <= at))?;
        (*open <= at).then_some(*open)
    }

    fn window(&self, from: Time) -> (Time, Time) {
        let Some(windows) = &self.windows else { return (from, Time::NEVER) };
        let next = windows.partition_point(|(_, close)| *close <= from);
        windows
            .get(next)
            .map_or((Time::NEVER, Time::NEVER), |(open, close)| ((*open).max(from), *close))
    }
}

impl Marks {
    fn next(&self, from: Time) -> Time {
        let steps = from.since(self.first).0.div_ceil(self.every.0);
        Time(self.first.0.saturating_add(steps.saturating_mul(self.every.0)).min(Time::NEVER.0))
    }

    /// The last mark before `at`.
    pub fn before(&self, at: Time) -> Option<Time> {
        let since = at.0.checked_sub(self.first.0)?.checked_sub(1)?;
        Some(Time(self.first.0 + since / self.every.0 * self.every.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_found_and_cut() {
        let openings = Openings::new(Some(vec![(Time(10), Time(20)), (Time(30), Time(40))]), None);
        assert_eq!(openings.next(Time(0)), (Time(10), Time(20)));
        assert_eq!(openings.next(Time(15)), (Time(15), Time(20)));
        assert_eq!(openings.next(Time(20)), (Time(30), Time(40)));
        assert_eq!(openings.next(Time(40)), (Time::NEVER, Time::NEVER));
    }

    #[test]
    fn marks_count_inside_windows_only() {
        let marks = Some(Marks { first: Time(5), every: Span(10) });
        let openings = Openings::new(Some(vec![(Time(10), Time(15)), (Time(35), Time(50))]), marks);
        // Of 5, 15, 25, 35, 45 the window that closes at 15 holds none.
        assert_eq!(openings.next(Time(0)), (Time(35), Time(36)));
        assert_eq!(openings.next(Time(36)), (Time(45), Time(46)));
        assert_eq!(openings.next(Time(46)).0, Time::NEVER);
        assert_eq!(Openings::new(None, marks).next(Time(5)), (Time(5), Time(6)));
        assert_eq!(Openings::new(None, marks).next(Time(6)), (Time(15), Time(16)));
    }

    #[test]
    fn a_window_knows_when_it_opened_and_a_mark_which_was_before() {
        let openings = Openings::new(Some(vec![(Time(10), Time(20)), (Time(30), Time(40))]), None);
        let opened = [9, 10, 19, 20, 30, 40].map(|at| openings.opened(Time(at)));
        let ten = Some(Time(10));
        assert_eq!(opened, [None, ten, ten, None, Some(Time(30)), None]);
        assert_eq!(Openings::default().opened(Time(7)), Some(Time::ZERO));
        let marks = Marks { first: Time(5), every: Span(10) };
        let before = [0, 5, 6, 15, 16].map(|at| marks.before(Time(at)));
        assert_eq!(before, [None, None, Some(Time(5)), Some(Time(5)), Some(Time(15))]);
    }
}
