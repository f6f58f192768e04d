//! Amounts by aligned minute of the run: peaks taken from them depend on nothing but what
//! happened.

use crate::model::{Span, Time};

/// Whole amounts by minute since the run began.
///
/// # Shape
/// Pages of 1024 minutes, made when something first falls into them, so that a long run in
/// which little happens costs little.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minutes {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
}

const PAGE: usize = 1024;
const MINUTE_US: u64 = 60_000_000;

impl Minutes {
    /// The length of a bin.
    pub const BIN: Span = Span(MINUTE_US);

    /// Adds to the minute in which `at` lies.
    #[inline(always)]
    pub fn add(&mut self, at: Time, amount: u64) {
        let minute = (at.0 / MINUTE_US) as usize;
        let Some(Some(page)) = self.pages.get_mut(minute / PAGE) else {
            return self.add_page(minute, amount);
        };
        page[minute % PAGE] += amount;
    }

    #[cold]
    fn add_page(&mut self, minute: usize, amount: u64) {
        let at = minute / PAGE;
        if at >= self.pages.len() {
            self.pages.resize(at + 1, None);
        }
        self.pages[at].get_or_insert_with(|| Box::new([0; PAGE]))[minute % PAGE] += amount;
    }

    /// Adds what flowed at `per_s` from one instant to another; each minute's part is rounded
    /// to a whole amount.
    pub fn add_flow(&mut self, from: Time, to: Time, per_s: f64) {
        let mut at = from;
        while per_s > 0.0 && at < to {
            let next = Time((at.0 / MINUTE_US + 1) * MINUTE_US).min(to);
            self.add(at, libm::round(per_s * next.since(at).as_secs_f64()) as u64);
            at = next;
        }
    }

    /// Adds the amounts of another, minute by minute.
    pub fn merge(&mut self, other: &Minutes) {
        for (minute, amount) in other.iter() {
            self.add(Time(minute * MINUTE_US), amount);
        }
    }

    /// Minutes in which there was something, in order: the minute's number and its amount.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let pages = (0u64..).zip(&self.pages);
        let pages = pages.filter_map(|(at, page)| Some((at, page.as_ref()?)));
        let minutes = pages.flat_map(|(at, page)| (at * PAGE as u64..).zip(page.iter().copied()));
        minutes.filter(|(_, amount)| *amount > 0)
    }

    /// The greatest amount in an aligned window of so many minutes.
    ///
    /// # Panics
    /// If the window has no length.
    pub fn greatest(&self, window: u64) -> u64 {
        assert!(window > 0, "a window has a length");
        let (mut greatest, mut current, mut sum) = (0, 0, 0);
        for (minute, amount) in self.iter() {
            if minute / window != current {
                (current, sum) = (minute / window, 0);
            }
            sum += amount;
            greatest = greatest.max(sum);
        }
        greatest
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, amount)| amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(minute: u64) -> Time {
        Time(minute * MINUTE_US)
    }

    #[test]
    fn windows_are_aligned() {
        let mut minutes = Minutes::default();
        assert_eq!((minutes.greatest(1), minutes.total()), (0, 0));
        for (minute, amount) in [(0, 3), (4, 5), (5, 6), (9, 1), (5_000, 7)] {
            minutes.add(at(minute), amount);
        }
        // 5 and 6 stand in different windows of five minutes.
        assert_eq!([1, 2, 5, 10].map(|window| minutes.greatest(window)), [7, 11, 8, 15]);
        assert_eq!(minutes.pages.iter().flatten().count(), 2);
        let mut twice = minutes.clone();
        twice.merge(&minutes);
        assert_eq!((twice.greatest(1), twice.total()), (14, 44));
    }

    #[test]
    fn a_flow_is_divided_among_its_minutes() {
        let mut minutes = Minutes::default();
        minutes.add_flow(Time(30_000_000), Time(150_000_000), 10.0);
        assert_eq!(minutes.iter().collect::<Vec<_>>(), [(0, 300), (1, 600), (2, 300)]);
        minutes.add_flow(at(7), at(7), 10.0);
        minutes.add_flow(at(7), at(8), 0.0);
        assert_eq!(minutes.total(), 1200);
    }
}
