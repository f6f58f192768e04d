//! Rows of the time series, at a distance that fits the run.

use crate::model::Time;
use crate::scheduler::state::QueueCause;

use super::outcome::{Series, SeriesRow, show_cause};

/// Takes a row per sampling instant; without a fixed distance, doubles it whenever there are
/// too many rows, so that any run ends with a readable number of them.
#[derive(Debug)]
pub struct Sampler {
    every: u64,
    fixed: bool,
    /// Tick of each row.
    ticks: Vec<u64>,
    pub series: Series,
}

const ROWS_MAX: usize = 1000;

impl Sampler {
    /// `every`: distance in ticks, if it is fixed.
    pub fn new(every: Option<u64>, version_names: Vec<String>) -> Sampler {
        Sampler {
            every: every.unwrap_or(1),
            fixed: every.is_some(),
            ticks: Vec::new(),
            series: Series { version_names, ..Series::default() },
        }
    }

    /// Adds rows for the instants before and at the start of tick `to`, none twice: since the
    /// last call nothing has changed but what `rows` and `versions` show, and the `cause` why
    /// tasks wait whose device is not known to be offline.
    pub fn advance(
        &mut self,
        to: u64,
        start: impl Fn(u64) -> Time,
        cause: impl Fn(Time) -> QueueCause,
        rows: &[SeriesRow],
        versions: &[u64],
    ) {
        loop {
            let next = self.ticks.last().map_or(0, |last| last + self.every);
            if next > to {
                return;
            }
            let at = start(next);
            self.push(next, at, cause(at), rows, versions);
            if !self.fixed && self.ticks.len() > ROWS_MAX {
                self.thin(rows.len(), versions.len());
            }
        }
    }

    /// Whether [`Sampler::advance`] to this tick would add anything.
    pub fn is_due(&self, to: u64) -> bool {
        self.ticks.last().is_none_or(|last| last + self.every <= to)
    }

    /// Ends the series with a row at `end`, whatever the distance.
    pub fn finish(
        mut self,
        end: Time,
        cause: QueueCause,
        rows: &[SeriesRow],
        versions: &[u64],
    ) -> Series {
        // Nothing happened after the end, though it was looked at.
        while self.series.times.last().is_some_and(|last| *last >= end) {
            self.series.times.pop();
            self.series.rows.truncate(self.series.times.len() * rows.len());
            self.series.versions.truncate(self.series.times.len() * versions.len());
        }
        self.push(0, end, cause, rows, versions);
        self.series
    }

    fn push(
        &mut self,
        tick: u64,
        at: Time,
        cause: QueueCause,
        rows: &[SeriesRow],
        versions: &[u64],
    ) {
        self.ticks.push(tick);
        self.series.times.push(at);
        let from = self.series.rows.len();
        self.series.rows.extend_from_slice(rows);
        self.series.rows[from..].iter_mut().for_each(|row| show_cause(&mut row.states, cause));
        self.series.versions.extend_from_slice(versions);
    }

    /// Doubles the distance and keeps the rows that fit it.
    fn thin(&mut self, cohorts: usize, versions: usize) {
        self.every *= 2;
        let keep: Vec<bool> = self.ticks.iter().map(|t| t.is_multiple_of(self.every)).collect();
        retain(&mut self.ticks, &keep, 1);
        retain(&mut self.series.times, &keep, 1);
        retain(&mut self.series.rows, &keep, cohorts);
        retain(&mut self.series.versions, &keep, versions);
    }
}

/// Keeps the rows of `width` items each that `keep` says.
fn retain<T>(list: &mut Vec<T>, keep: &[bool], width: usize) {
    let mut at = 0;
    list.retain(|_| {
        at += 1;
        keep[(at - 1) / width]
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_run_ends_with_a_readable_number_of_rows() {
        for length in [0, 1, 999, 1000, 1001, 5_000, 1_000_000] {
            let mut sampler = Sampler::new(None, vec!["1".into(), "2".into()]);
            let row = [SeriesRow::default(); 3];
            for to in [length / 3, length / 2, length] {
                sampler.advance(to, Time, |_| QueueCause::RateLimited, &row, &[5, 6]);
            }
            assert!(sampler.ticks.len() <= ROWS_MAX);
            assert!(sampler.ticks.len() as u64 >= (length + 1).min(ROWS_MAX as u64 / 2));
            assert!(sampler.ticks.windows(2).all(|w| w[1] - w[0] == sampler.every));
            let series = sampler.finish(Time(length + 7), QueueCause::RateLimited, &row, &[5, 6]);
            assert_eq!(series.times.last(), Some(&Time(length + 7)));
            assert_eq!(series.rows.len(), series.times.len() * 3);
            assert_eq!(series.versions.len(), series.times.len() * 2);
        }
    }

    #[test]
    fn a_fixed_distance_is_kept() {
        let mut sampler = Sampler::new(Some(10), vec![]);
        sampler.advance(20_000, Time, |_| QueueCause::RateLimited, &[], &[]);
        assert_eq!(sampler.ticks.len(), 2001);
    }
}
