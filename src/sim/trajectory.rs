//! A run in one hash: two programs with the same hash computed the same run.

use sha2::{Digest, Sha256};

use super::outcome::{
    BackendOutcome, COUNTERS, LatencyKind, LinkOutcome, Outcome, StageOutcome, StageTally, Tally,
    TrafficOutcome,
};
use crate::model::Time;
use crate::scheduler::Counts;
use crate::stats::{Latency, Minutes};

/// SHA-256 in hexadecimal over everything that happened, in integers: events, tallies, latency
/// bins, the campaign's log and aborts in microseconds, amounts by minute.
///
/// It does not change with `run.sample_every`, names, tracing or the number of threads; it does
/// with anything else.
pub fn trajectory(run: &Outcome) -> String {
    let mut hash = Hash(Sha256::new());
    hash.0.update(b"fleetstorm trajectory 1\n");
    for package in run.packages() {
        hash.package(package);
    }
    if let Some(traffic) = &run.traffic {
        hash.traffic(traffic);
    }
    hash.0.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

struct Hash(Sha256);

impl Hash {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[u64]) {
        self.number(numbers.len() as u64);
        numbers.iter().for_each(|number| self.number(*number));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    /// A sum of exact amounts in floating point, in millionths.
    fn amount(&mut self, amount: f64) {
        self.number(libm::round(amount * 1e6) as u64);
    }

    fn package(&mut self, outcome: &Outcome) {
        self.text(outcome.ended.name());
        let events = outcome.events;
        self.numbers(&[outcome.end.0, outcome.under_way]);
        self.numbers(&[events.flips, events.pushes, events.phases, events.timers]);
        self.number(outcome.cohorts.len() as u64);
        for cohort in &outcome.cohorts {
            self.number(cohort.devices);
            self.tally(&cohort.tally);
        }
        let versions: Vec<u64> = outcome.versions.iter().map(|(_, devices)| *devices).collect();
        self.numbers(&versions);
        self.minutes(&outcome.pushes);
        self.number(outcome.in_flight_most);
        let campaign = &outcome.campaign;
        self.text(campaign.status.name());
        self.numbers(&[
            campaign.activated.unwrap_or(Time::NEVER).0,
            campaign.exposed,
            campaign.log.len() as u64,
        ]);
        for entry in &campaign.log {
            self.number(entry.at.0);
            self.text(entry.what);
            self.text(entry.status.name());
            self.text(&entry.refused.as_ref().map(ToString::to_string).unwrap_or_default());
        }
        for abort in &campaign.aborts {
            let (rule, overshoot) = (abort.abort.rule as u64, abort.overshoot);
            self.numbers(&[rule, abort.abort.met.0, abort.abort.acted.0, overshoot]);
            self.counts(&abort.abort.met_counts);
            self.counts(&abort.abort.acted_counts);
        }
        for rule in &campaign.rules {
            self.number(rule.executed);
            let highest = rule.highest.map_or([u64::MAX; 3], |h| [h.at.0, h.bad, h.of]);
            self.numbers(&highest);
        }
        outcome.stages.iter().for_each(|stage| self.stage(stage));
    }

    fn stage(&mut self, stage: &StageOutcome) {
        self.number(stage.stage.map_or(0, u64::from));
        self.number(stage.opened.map_or(u64::MAX, |opened| opened.at.0));
        self.text(stage.opened.map_or("", |opened| opened.by.name()));
        for StageTally { devices, turns, withdrawn, pushed, succeeded, failed, canceled, last } in
            &stage.cohorts
        {
            self.numbers(&[*devices, *turns, *withdrawn, *pushed]);
            self.numbers(&[*succeeded, *failed, *canceled, last.0]);
        }
    }

    fn counts(&mut self, counts: &Counts) {
        self.numbers(&[counts.total, counts.notified, counts.succeeded]);
        self.numbers(&counts.failures);
    }

    fn tally(&mut self, tally: &Tally) {
        self.number(tally.targeted);
        self.numbers(&tally.states);
        self.numbers(&tally.failures);
        self.numbers(&tally.attempts);
        self.numbers(&tally.attempt_failures);
        for counter in COUNTERS {
            self.number((counter.of)(tally));
        }
        for kind in LatencyKind::ALL {
            self.latency(tally.latency(kind));
        }
        self.latency(&tally.pushed);
        self.latency(&tally.ended);
    }

    fn latency(&mut self, latency: &Latency) {
        self.number(latency.count());
        self.0.update(latency.sum_us().to_le_bytes());
        for (least, count) in latency.bins() {
            self.numbers(&[least, count]);
        }
    }

    fn minutes(&mut self, minutes: &Minutes) {
        for (minute, amount) in minutes.iter() {
            self.numbers(&[minute, amount]);
        }
        self.number(u64::MAX);
    }

    fn traffic(&mut self, traffic: &TrafficOutcome) {
        self.number(traffic.downloads_most);
        for LinkOutcome { carried_bits, full_s, bits, .. } in &traffic.links {
            self.amount(*carried_bits / 1e6);
            self.amount(*full_s);
            self.minutes(bits);
        }
        if let Some(backend) = &traffic.backend {
            self.backend(backend);
        }
    }

    fn backend(&mut self, backend: &BackendOutcome) {
        self.numbers(&[backend.polls, backend.download_requests, backend.expired_links]);
        self.numbers(&[backend.served, backend.given_up, backend.waiting_most]);
        self.numbers(&[backend.shed_by_queue, backend.shed_by_connections]);
        self.numbers(&[backend.idle_polls, backend.idle_shed]);
        self.amount(backend.busy_s);
        self.latency(&backend.wait);
        self.latency(&backend.response);
        self.minutes(&backend.by_minute);
    }
}
