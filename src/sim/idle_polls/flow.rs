//! The polls of one kind of cohort as a flow.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::dist::Law;
use crate::fleet::{Cohort, Outage, Pattern, Polling, Start};
use crate::model::{Time, take};

/// Polls per second are in units of 2^-20, so that what is added can be taken away.
pub const UNITS: f64 = (1u64 << 20) as f64;

/// What tells one flow from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    polling: Polling,
    /// On and off periods, where devices have them.
    periods: Option<Periods>,
    joins: Option<Law>,
    outages: Vec<Arc<Outage>>,
}

/// On and off periods of a cohort that polls, by their means.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Periods {
    /// Mean length of an off period in µs.
    off: f64,
    /// Share of the time that devices are online.
    online: f64,
    /// Share of the polls at which a device is offline that was online at the one before.
    missed: f64,
}

impl Periods {
    fn of(cohort: &Cohort, polling: &Polling) -> Option<Periods> {
        let (on, off) = (cohort.period(true).mean(), cohort.period(false).mean());
        if !(on.is_finite() && off.is_finite() && off > 0.0) {
            return None;
        }
        // The presence of a device is correlated by exp(-rate t); the mean over the intervals.
        let rate = 1.0 / on + 1.0 / off;
        let (every, spread) = (rate * polling.every.0 as f64, polling.jitter);
        let jitter = every * spread;
        let kept = match jitter < 1e-3 {
            true => libm::exp(-every),
            false => (libm::exp(jitter - every) - libm::exp(-jitter - every)) / (2.0 * jitter),
        };
        let online = on / (on + off);
        Some(Periods { off, online, missed: (1.0 - online) * (1.0 - kept) })
    }
}

impl Kind {
    /// What the polls of a cohort depend on.
    ///
    /// # Panics
    /// If the cohort does not poll.
    pub fn of(cohort: &Cohort) -> Kind {
        let plain = |pattern: &Pattern| matches!(pattern, Pattern::Periods);
        let has_periods = cohort.start != Start::Always
            && cohort.reach.as_ref().is_none_or(|reach| plain(&reach.pattern));
        let polling = cohort.polling.expect("all cohorts poll, or none does");
        Kind {
            polling,
            periods: has_periods.then(|| Periods::of(cohort, &polling)).flatten(),
            joins: cohort.joins.clone(),
            outages: cohort.reach.as_ref().map_or(Vec::new(), |reach| reach.outages.clone()),
        }
    }
}

/// The polls of cohorts that are alike.
///
/// # Shape
/// `due` and `slope` are rings of the coming bins: what is due in one of them alone, and by how much
/// more is due from it on; `first` has bins from the beginning on. All amounts are to be multiplied
/// by `scale`.
#[derive(Debug)]
pub struct Flow {
    kind: Kind,
    /// Bins to an interval; the number of the present one.
    bins: u64,
    bin: u64,
    due: Box<[f64]>,
    slope: Box<[f64]>,
    level: f64,
    /// What is due in the first bins without a poll before it.
    first: Vec<f64>,
    scale: f64,
    /// Offline, with a poll that was due.
    waiting: f64,
    /// Devices that nobody waits for.
    devices: f64,
    /// Devices that have not joined at the beginning.
    to_join: f64,
    /// Polls per second now, in [`UNITS`].
    pub rate: u64,
    /// Beginnings and ends of outages, from the last to the first.
    changes: Vec<(Time, Change)>,
    /// Outages that go on.
    down: u32,
    /// Since when devices come back, how many do, and the share that has.
    returning: Option<(Time, usize, f64, f64)>,
}

/// An outage, by its place in the list, begins or ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Begins,
    Ends(usize),
}

impl Flow {
    /// `flows`: how many there are, since all of them together have to be cheap.
    pub fn new(kind: Kind, devices: f64, until: Time, flows: usize) -> Flow {
        /// Steps of all flows over the run, and their bins.
        const STEPS: u64 = 1 << 26;
        const BINS: u64 = 1 << 22;
        let every = kind.polling.every.0;
        let intervals = (until.0 / every).max(1);
        let cheap = (STEPS / intervals).min(BINS) / flows as u64;
        let bins = (every / 1_000_000).min(4096).min(cheap.max(8)).max(1);
        let length = ((1.0 + kind.polling.jitter) * bins as f64) as usize + 3;
        let mut changes: Vec<(Time, Change)> = Vec::new();
        for (at, outage) in kind.outages.iter().enumerate() {
            for (from, to) in &outage.spans {
                changes.extend([(*from, Change::Begins), (*to, Change::Ends(at))]);
            }
        }
        changes.sort_by_key(|(at, _)| Reverse(*at));
        let joins = kind.joins.is_some();
        let mut flow = Flow {
            kind,
            bins,
            bin: 0,
            due: vec![0.0; length].into(),
            slope: vec![0.0; length].into(),
            level: 0.0,
            first: Vec::new(),
            scale: 1.0,
            waiting: 0.0,
            devices: if joins { 0.0 } else { devices },
            to_join: if joins { devices } else { 0.0 },
            rate: 0,
            changes,
            down: 0,
            returning: None,
        };
        flow.begin();
        flow
    }

    /// Polls have gone on for ever.
    fn begin(&mut self) {
        let interval = self.kind.polling.interval();
        let share = |bin: u64| interval.residual_cdf(self.start_of(bin).0 as f64);
        let shares: Vec<f64> = (0..self.due.len() as u64).map(share).collect();
        let due = shares.windows(2).map(|ends| self.devices * (ends[1] - ends[0]));
        self.first = due.collect();
    }

    /// When a bin begins, exactly: an interval is a whole number of bins.
    fn start_of(&self, bin: u64) -> Time {
        let every = u128::from(self.kind.polling.every.0);
        Time((u128::from(bin) * every / u128::from(self.bins)) as u64)
    }

    /// When the present bin ends.
    pub fn ends(&self) -> Time {
        self.start_of(self.bin)
    }

    /// Begins the next bin.
    pub fn step(&mut self) {
        let (from, to) = (self.start_of(self.bin), self.start_of(self.bin + 1));
        self.meet_outages(to);
        let joined = self.join(from, to);
        let back = self.come_back(to);
        let at = (self.bin % self.due.len() as u64) as usize;
        self.level += std::mem::take(&mut self.slope[at]);
        let due = self.level.max(0.0) + std::mem::take(&mut self.due[at]);
        let first = self.first.get(self.bin as usize).copied().unwrap_or(0.0);
        let polls = match self.kind.periods {
            Some(Periods { off, online, missed }) => {
                let returns = self.waiting * (to.since(from).0 as f64 / off).min(1.0);
                let waits = due * missed + first * (1.0 - online);
                self.waiting += waits - returns;
                due + first - waits + returns
            }
            None => due + first,
        };
        let polls = polls + back + joined / self.scale;
        self.spread(polls);
        self.bin += 1;
        let seconds = to.since(from).as_secs_f64();
        self.rate = (polls.max(0.0) * self.scale / seconds * UNITS) as u64;
    }

    /// So many have polled in the present bin, and do so again an interval later.
    fn spread(&mut self, polls: f64) {
        let (bins, jitter) = (self.bins as f64, self.kind.polling.jitter);
        let (least, most) = ((1.0 - jitter) * bins, (1.0 + jitter) * bins);
        // A bin stands for what lies half a bin around it.
        let (first, last) = ((least + 0.5) as u64, (most + 0.5) as u64);
        if first == last {
            return self.owe(first, polls);
        }
        let each = polls / (most - least);
        self.owe(first.max(1), each * (first as f64 + 0.5 - least));
        self.owe(last, each * (most - (last as f64 - 0.5)));
        let ring = self.due.len() as u64;
        self.slope[((self.bin + first + 1) % ring) as usize] += each;
        self.slope[((self.bin + last) % ring) as usize] -= each;
    }

    fn owe(&mut self, bins: u64, polls: f64) {
        let ring = self.due.len() as u64;
        self.due[((self.bin + bins) % ring) as usize] += polls;
    }

    /// Devices that join within the bin poll at once.
    fn join(&mut self, from: Time, to: Time) -> f64 {
        let Some(joins) = &self.kind.joins else { return 0.0 };
        let joined = self.to_join * (joins.cdf(to.0 as f64) - joins.cdf(from.0 as f64));
        self.devices += joined;
        if self.down > 0 { 0.0 } else { joined }
    }

    /// Outages that begin or end before `to`.
    fn meet_outages(&mut self, to: Time) {
        while let Some((at, change)) = self.changes.pop_if(|(at, _)| *at < to) {
            match change {
                Change::Begins => {
                    self.clear();
                    self.down += 1;
                }
                Change::Ends(outage) => {
                    take(&mut self.down, 1);
                    if self.down == 0 {
                        self.clear();
                        let online = self.kind.periods.map_or(1.0, |periods| periods.online);
                        self.waiting = self.devices * (1.0 - online);
                        self.returning = Some((at, outage, self.devices * online, 0.0));
                    }
                }
            }
        }
    }

    /// How many come back before `to` from an outage that is over.
    fn come_back(&mut self, to: Time) -> f64 {
        let Some((since, outage, devices, share)) = &mut self.returning else { return 0.0 };
        let reconnect = &self.kind.outages[*outage].reconnect;
        let now = reconnect.cdf(to.0.saturating_sub(since.0) as f64);
        let back = *devices * (now - std::mem::replace(share, now));
        if now >= 1.0 {
            self.returning = None;
        }
        back
    }

    /// Nobody has a poll due any more.
    fn clear(&mut self) {
        self.due.fill(0.0);
        self.slope.fill(0.0);
        self.first.clear();
        (self.level, self.scale, self.waiting, self.returning) = (0.0, 1.0, 0.0, None);
    }

    /// Somebody waits for one of the devices from now on.
    pub fn remove_one(&mut self) {
        if self.devices < 1.5 {
            self.devices = 0.0;
            self.rate = 0;
            return self.clear();
        }
        let kept = 1.0 - 1.0 / self.devices;
        self.devices -= 1.0;
        self.scale *= kept;
        self.rate = (self.rate as f64 * kept) as u64;
        if self.scale < 1e-6 {
            self.unscale();
        }
    }

    /// Nobody waits for a device any more, which has just polled.
    pub fn add_one(&mut self) {
        self.devices += 1.0;
        match &mut self.returning {
            _ if self.down > 0 => {}
            Some((_, _, devices, share)) if *share == 0.0 => *devices += 1.0 / self.scale,
            _ => self.spread(1.0 / self.scale),
        }
    }

    fn unscale(&mut self) {
        let scale = std::mem::replace(&mut self.scale, 1.0);
        for amount in self.due.iter_mut().chain(&mut self.slope).chain(&mut self.first) {
            *amount *= scale;
        }
        self.level *= scale;
        self.waiting *= scale;
        if let Some((_, _, devices, _)) = &mut self.returning {
            *devices *= scale;
        }
    }
}
