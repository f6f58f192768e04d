//! Shared links: the engine's classes and shares, with a boundary at each event.

use super::queues::Arrivals;
use super::runs::run;
use super::{Effort, Observed, observed};
use crate::dist::Law;
use crate::model::{Span, Time};
use crate::network::{Downloads, Shares, rate_class};
use crate::rng::Purpose;
use crate::sim::outcome::LatencyKind;
use crate::stats::Latency;

const SECOND: f64 = 1e6;

/// Downloads over one link.
struct Link {
    shares: Shares,
    downloads: Downloads<Time>,
    count: u64,
    /// What each would have alone, in bit/s.
    rate: u64,
    took: Latency,
    /// Seconds in which so many were under way; the last entry holds all above.
    active_s: Vec<f64>,
    now: Time,
}

impl Link {
    fn new(capacity: f64, rate: u64, counts: usize) -> Link {
        let shares = Shares::new(vec![capacity], vec![[0].into()]);
        Link {
            downloads: Downloads::new(1, shares.classes()),
            shares,
            count: 0,
            rate,
            took: Latency::default(),
            active_s: vec![0.0; counts],
            now: Time::ZERO,
        }
    }

    /// Ends all downloads that end up to `now`.
    fn advance(&mut self, now: Time) {
        while let Some((began, _, end)) = self.downloads.take_end(now + Span(1)) {
            self.move_to(end);
            self.took.record(end.since(began));
            self.downloads.leave(rate_class(self.rate), self.rate);
            self.count -= 1;
            self.divide();
        }
        self.move_to(now);
    }

    fn move_to(&mut self, now: Time) {
        let at = (self.count as usize).min(self.active_s.len() - 1);
        self.active_s[at] += now.since(self.now).as_secs_f64();
        self.now = now;
    }

    fn begin(&mut self, alone: f64) {
        self.downloads.join(rate_class(self.rate), self.now, self.now, alone, self.rate);
        self.count += 1;
        self.divide();
    }

    fn divide(&mut self) {
        let Link { shares, downloads, now, .. } = self;
        downloads.tell_changes(|change| shares.change(change));
        shares.divide(*now);
        downloads.heed(shares);
    }

    fn seconds(&self) -> f64 {
        self.active_s.iter().sum()
    }

    fn share_of_time(&self, counts: impl std::ops::RangeBounds<usize>) -> f64 {
        let within = self.active_s.iter().enumerate().filter(|(n, _)| counts.contains(n));
        within.map(|(_, s)| s).sum::<f64>() / self.seconds()
    }

    fn mean_active(&self) -> f64 {
        let areas = self.active_s.iter().zip(0..).map(|(s, n)| s * f64::from(n));
        areas.sum::<f64>() / self.seconds()
    }
}

/// Poisson arrivals with this law of the time a download would take alone.
fn shared(mut link: Link, rate: f64, alone: &Law, arrivals: u64) -> (Link, f64) {
    let mut clients = Arrivals::per_second(rate, 3);
    for _ in 0..arrivals {
        link.advance(clients.next());
        link.begin(clients.draw(alone, Purpose::Service));
    }
    (link, arrivals as f64 / 1e6)
}

fn egalitarian(alone: &Law, effort: Effort) -> Vec<Observed> {
    let link = Link::new(1e9, 1_000_000_000, 200);
    let (link, n) = shared(link, 3.5, alone, effort.of(1_000_000, 10_000_000));
    vec![
        observed("mean_download_time", link.took.mean_s().unwrap_or(f64::NAN), n),
        observed("time_avg_active_downloads", link.mean_active(), n),
        observed("P_link_idle", link.share_of_time(..1), n),
        observed("P_active_ge_5", link.share_of_time(5..), n),
    ]
}

/// A link shared in equal parts (M/G/1-PS), sizes constant; the law must not matter.
pub fn q05a(effort: Effort) -> Vec<Observed> {
    egalitarian(&Law::Constant(0.2 * SECOND), effort)
}

/// As [`q05a`], sizes exponential.
pub fn q05b(effort: Effort) -> Vec<Observed> {
    egalitarian(&Law::Exponential { mean: 0.2 * SECOND }, effort)
}

/// As [`q05a`], sizes lognormal.
pub fn q05c(effort: Effort) -> Vec<Observed> {
    egalitarian(&Law::lognormal_mean(0.2 * SECOND, 4.0), effort)
}

/// As [`q05a`], sizes Weibull.
pub fn q05d(effort: Effort) -> Vec<Observed> {
    egalitarian(&Law::Weibull { shape: 0.5, scale: 0.1 * SECOND }, effort)
}

/// 32 Mbit on the average at 2.5 Mbit/s each, of 50 Mbit/s.
fn capped(alone: &Law, effort: Effort) -> Vec<Observed> {
    let link = Link::new(50e6, 2_500_000, 1_000);
    let (link, n) = shared(link, 1.406_25, alone, effort.of(1_000_000, 10_000_000));
    vec![
        observed("mean_download_time", link.took.mean_s().unwrap_or(f64::NAN), n),
        observed("time_avg_active_downloads", link.mean_active(), n),
        observed("P_link_saturated (n>=20)", link.share_of_time(20..), n),
    ]
}

const CAPPED_ALONE: f64 = 12.8 * SECOND;

/// A shared link on which each download has a greatest rate, sizes constant.
pub fn q06a(effort: Effort) -> Vec<Observed> {
    capped(&Law::Constant(CAPPED_ALONE), effort)
}

/// As [`q06a`], sizes exponential.
pub fn q06b(effort: Effort) -> Vec<Observed> {
    capped(&Law::Exponential { mean: CAPPED_ALONE }, effort)
}

/// As [`q06a`], sizes lognormal.
pub fn q06c(effort: Effort) -> Vec<Observed> {
    capped(&Law::lognormal_mean(CAPPED_ALONE, 4.0), effort)
}

/// A link that is never full: 50 downloads a second.
struct Unshared {
    link: Link,
    clients: Arrivals,
    law: Law,
    next: Time,
}

impl Unshared {
    fn new(law: Law, seed: u64) -> Unshared {
        let mut clients = Arrivals::per_second(50.0, seed);
        let next = clients.next();
        Unshared { link: Link::new(1e18, 1_000, 10_000), clients, law, next }
    }

    /// Downloads under way at `at`.
    fn at(&mut self, at: Time) -> u64 {
        while self.next <= at {
            self.link.advance(self.next);
            self.link.begin(self.clients.draw(&self.law, Purpose::Service));
            self.next = self.clients.next();
        }
        self.link.advance(at);
        self.link.count
    }
}

/// Downloads at a time where the link is never full (M/G/∞), long after the start.
pub fn q07(effort: Effort) -> Vec<Observed> {
    // Snapshots ten minutes apart share few of their downloads.
    let (warm_up, apart) = (Span::secs(1_800), Span::secs(600));
    let mut link = Unshared::new(Law::lognormal_mean(120.0 * SECOND, 1.0), 4);
    let mut at = Time::ZERO + warm_up;
    link.at(at);
    link.link.active_s.fill(0.0);
    let snapshots = effort.of(300, 3_000);
    let mut counts = Vec::new();
    for _ in 0..snapshots {
        counts.push(link.at(at) as f64);
        at = at + apart;
    }
    let n = f64::from(snapshots);
    let (mean, variance) = crate::stats::interval::mean_and_variance(&counts);
    let above = counts.iter().filter(|count| **count > 6_200.0).count() as f64 / n;
    // The law of the time average is that of the snapshots, and is known much better.
    let mut rest = 1.0;
    let seconds = link.link.seconds();
    let p999 = link.link.active_s.iter().position(|s| {
        rest -= s / seconds;
        rest <= 0.001
    });
    vec![
        observed("mean_concurrent", mean, n),
        observed("variance_of_concurrent", variance, n),
        observed("p99.9_concurrent", p999.map_or(f64::NAN, |count| count as f64), n),
        observed("P_concurrent_gt_6200", above, n),
    ]
}

/// As [`q07`], soon after an empty start.
pub fn q08(effort: Effort) -> Vec<Observed> {
    let replications = effort.of(100, 1_000);
    let mean_at = |law: &Law, seconds: u64| {
        let at = Time::ZERO + Span::secs(seconds);
        let count = |seed| Unshared::new(law.clone(), seed).at(at) as f64;
        (0..replications).map(count).sum::<f64>() / replications as f64
    };
    let weibull = Law::Weibull { shape: 0.5, scale: 60.0 * SECOND };
    let n = replications as f64;
    vec![
        observed("det_t60", mean_at(&Law::Constant(120.0 * SECOND), 60), n),
        observed("exp_t60", mean_at(&Law::Exponential { mean: 120.0 * SECOND }, 60), n),
        observed("weibull_t60", mean_at(&weibull, 60), n),
        observed("weibull_t600", mean_at(&weibull, 600), n),
    ]
}

/// Each region's pushes as one download of 120 kB per push: 1 MB/s are 500 pushes a minute.
pub fn s09(_: Effort) -> Vec<Observed> {
    let region = |name: &str, share: f64| {
        format!(
            "[[link]]\nname = '{name}'\ncapacity = '8 Mbit/s'\ncohorts = ['{name}']\n\
             [[fleet.cohort]]\nname = '{name}'\nshare = {share}\nversions = {{ {name} = 1.0 }}\n\
             download.link = '1 Gbit/s'\n"
        )
    };
    // One device in each.
    let regions = [region("r1", 0.34), region("r2", 0.33), region("r3", 0.33)].concat();
    let outcome = run(&format!(
        "format = 1\ncampaign = {{ name = 'regions', rate = 'unlimited' }}\n\
         backend.egress = '16 Mbit/s'\nrun.tick = '100 ms'\nfleet.devices = 3\n\
         package = {{ version = 'new', size = '1 GB', \
         delta = {{ r1 = '7.2 GB', r2 = '3.6 GB', r3 = '1.2 GB' }} }}\n{regions}"
    ));
    let done = |cohort: usize| {
        let tally = &outcome.cohorts[cohort].tally;
        let last = tally.latency(LatencyKind::ActivationToUpdated).max();
        last.map_or(f64::NAN, Span::as_secs_f64) / 60.0
    };
    vec![
        observed("r1_done", done(0), 1.0),
        observed("r2_done", done(1), 1.0),
        observed("r3_done", done(2), 1.0),
    ]
}
