//! Shared links and servers in the results.

use std::fmt::Write as _;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::human::{seconds, thousands};
use super::summary::LatencySummary;
use super::text::or;
use crate::model::{Span, percent};
use crate::sim::outcome::{BackendOutcome, LinkOutcome, Outcome, TrafficOutcome};

/// What devices loaded over shared links, and asked of servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficSummary {
    /// Most downloads at a time, seen at boundaries.
    pub downloads_most: u64,
    pub links: Vec<LinkSummary>,
    /// The server, if there is one.
    pub backend: Option<BackendSummary>,
}

/// A shared link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkSummary {
    pub name: String,
    pub capacity_bps: f64,
    /// Over the whole run.
    pub mean_bps: f64,
    /// Greatest load from one boundary to the next.
    pub most_bps: f64,
    /// How long it was full.
    pub full_s: f64,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendSummary {
    /// Requests: polls, for downloads, and with expired links.
    pub polls: u64,
    pub download_requests: u64,
    pub expired_links: u64,
    /// Requests that a worker answered.
    pub served: u64,
    /// Requests shed since the queue was full.
    pub shed_by_queue: u64,
    /// Requests shed since there were as many downloads as may be.
    pub shed_by_connections: u64,
    /// Requests that devices gave up waiting for.
    pub given_up: u64,
    /// Worker time that requests took, in seconds, those of idle devices included.
    pub busy_s: f64,
    /// Longest queue.
    pub waiting_most: u64,
    /// From a request to the beginning of its service.
    pub wait: LatencySummary,
    /// From a request to its answer.
    pub response: LatencySummary,
    /// Polls of devices that nobody waits for: counted, not simulated, and in none of the numbers
    /// above but the worker time.
    pub idle_polls: u64,
    /// Those of them that found the queue full.
    pub idle_shed: u64,
    /// Their mean number per second.
    pub idle_polls_per_s: f64,
    /// The share of all workers that these take; above 1 they alone are too many.
    pub idle_busy: f64,
    /// That share in the minute in which it was greatest.
    pub idle_busiest: f64,
}

impl TrafficSummary {
    /// Links and server of a run; none where nothing is shared.
    pub fn of(outcome: &Outcome) -> Option<TrafficSummary> {
        let traffic = outcome.traffic.as_ref()?;
        let duration_s = outcome.end.as_secs_f64().max(1e-6);
        let link = |link: &LinkOutcome| LinkSummary {
            name: link.name.clone(),
            capacity_bps: link.capacity_bps,
            mean_bps: link.carried_bits / duration_s,
            most_bps: link.most_bps,
            full_s: link.full_s,
        };
        Some(TrafficSummary {
            downloads_most: traffic.downloads_most,
            links: traffic.links.iter().map(link).collect(),
            backend: traffic.backend.as_ref().map(BackendSummary::of),
        })
    }
}

impl BackendSummary {
    fn of(backend: &BackendOutcome) -> BackendSummary {
        BackendSummary {
            polls: backend.polls,
            download_requests: backend.download_requests,
            expired_links: backend.expired_links,
            served: backend.served,
            shed_by_queue: backend.shed_by_queue,
            shed_by_connections: backend.shed_by_connections,
            given_up: backend.given_up,
            busy_s: backend.busy_s,
            waiting_most: backend.waiting_most,
            wait: LatencySummary::of(&backend.wait),
            response: LatencySummary::of(&backend.response),
            idle_polls: backend.idle_polls,
            idle_shed: backend.idle_shed,
            idle_polls_per_s: backend.idle_polls_per_s,
            idle_busy: backend.idle_busy,
            idle_busiest: backend.idle_busiest,
        }
    }

    fn requests(&self) -> u64 {
        self.polls + self.download_requests + self.expired_links
    }

    fn shed(&self) -> u64 {
        self.shed_by_queue + self.shed_by_connections
    }
}

/// Links that are told of; of many cells those that were full longest.
const SHOWN: usize = 6;

fn shown(traffic: &TrafficSummary) -> impl Iterator<Item = &LinkSummary> {
    let mut links: Vec<&LinkSummary> = traffic.links.iter().collect();
    if links.len() > SHOWN {
        links.sort_by(|a, b| b.full_s.total_cmp(&a.full_s));
    }
    links.into_iter().take(SHOWN)
}

/// The section of the text that a person reads.
pub fn text(traffic: &TrafficSummary) -> String {
    let mut text = format!(
        "{:<32}{:>12}{:>12}{:>12}{:>12}\n",
        "Shared links and servers", "capacity", "mean", "most", "full for"
    );
    for link in shown(traffic) {
        let _ = writeln!(
            text,
            "  {:<30}{:>12}{:>12}{:>12}{:>12}",
            link.name,
            rate(link.capacity_bps),
            rate(link.mean_bps),
            rate(link.most_bps),
            Span::from_secs_f64(link.full_s).to_string(),
        );
    }
    if traffic.links.len() > SHOWN {
        let more = traffic.links.len() - SHOWN;
        let _ = writeln!(text, "  … and {more} more, in summary.json");
    }
    let _ = writeln!(text, "  Most downloads at a time: {}", thousands(traffic.downloads_most));
    if let Some(backend) = &traffic.backend {
        let _ = writeln!(
            text,
            "  Requests: {}, of which {} shed ({}), {} given up",
            thousands(backend.requests()),
            thousands(backend.shed()),
            percent(backend.shed(), backend.requests()),
            thousands(backend.given_up),
        );
        let _ = writeln!(
            text,
            "  Answers: 50 % in {}, 99 % in {}; longest queue {}",
            or(backend.response.p50_s, "-"),
            or(backend.response.p99_s, "-"),
            thousands(backend.waiting_most),
        );
        if backend.idle_polls > 0 {
            let _ = writeln!(
                text,
                "  Polls of idle devices: {}, of which {} shed; {:.1} % of the workers, {:.1} % in \
                 the busiest minute{}",
                thousands(backend.idle_polls),
                thousands(backend.idle_shed),
                backend.idle_busy * 100.0,
                backend.idle_busiest * 100.0,
                if backend.idle_busy >= 1.0 { ": TOO MANY" } else { "" },
            );
        }
    }
    text
}

/// The section of `summary.md`.
pub fn markdown(text: &mut String, traffic: &TrafficSummary) {
    text.push_str("\n| link | capacity | mean | most | full for |\n|:--|--:|--:|--:|--:|\n");
    for link in shown(traffic) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            super::markdown::escaped(&link.name),
            rate(link.capacity_bps),
            rate(link.mean_bps),
            rate(link.most_bps),
            Span::from_secs_f64(link.full_s),
        );
    }
    if let Some(backend) = &traffic.backend {
        let _ = writeln!(
            text,
            "\n{} requests, {} shed, {} given up; at most {} downloads at a time.",
            thousands(backend.requests()),
            thousands(backend.shed()),
            thousands(backend.given_up),
            thousands(traffic.downloads_most),
        );
    }
}

/// Bits per second with three digits.
fn rate(bps: f64) -> String {
    let units = [(1e12, "Tbit/s"), (1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")];
    match units.iter().find(|(size, _)| bps >= *size) {
        Some((size, unit)) => {
            let value = bps / size;
            let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
            format!("{value:.digits$} {unit}")
        }
        None => format!("{bps:.0} bit/s"),
    }
}

/// `traffic.csv`: a row per sampling instant and link, or one for the server alone.
pub fn table(w: &mut dyn Write, traffic: &TrafficOutcome) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    csv.write_record(["time_s", "link", "load_bps", "downloads", "requests", "shed", "waiting"])?;
    for row in &traffic.rows {
        let time = seconds(row.at.0);
        let counts = [row.downloads, row.requests, row.shed, row.waiting].map(|n| n.to_string());
        let [downloads, requests, shed, waiting] = &counts;
        // Counts stand in the first row of an instant only, so that sums over a column are right.
        let whole = [time.as_str(), "", "", downloads, requests, shed, waiting];
        csv.write_record(whole)?;
        for (link, load) in traffic.links.iter().zip(&row.load_bps) {
            csv.write_record([&time, &link.name, &format!("{load:.0}"), "", "", "", ""])?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::sim::outcome::TrafficRow;

    #[test]
    fn rates_have_three_digits() {
        for (bps, text) in [
            (0.0, "0 bit/s"),
            (999.0, "999 bit/s"),
            (1_500.0, "1.50 kbit/s"),
            (12_345_678.0, "12.3 Mbit/s"),
            (999e9, "999 Gbit/s"),
        ] {
            assert_eq!(rate(bps), text);
        }
    }

    #[test]
    fn a_row_for_the_counts_and_one_for_each_link() {
        let link = LinkOutcome { name: "egress".into(), ..LinkOutcome::default() };
        let row = TrafficRow {
            at: Time(1_500_000),
            downloads: 3,
            load_bps: vec![8e6],
            requests: 5,
            ..TrafficRow::default()
        };
        let traffic =
            TrafficOutcome { links: vec![link], rows: vec![row], ..TrafficOutcome::default() };
        let mut bytes = Vec::new();
        table(&mut bytes, &traffic).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("1.5,,,3,5,0,0\n1.5,egress,8000000,,,,\n"), "{text}");
    }
}
