//! Latencies in HdrHistogram's own formats, for the tools that read those.
//!
//! `latency.hlog` is an interval log, format V2, with whole histograms in microseconds: one
//! interval over the whole run per latency, tagged with the latency's name, or with
//! `latency:cohort` for the parts of a fleet of several cohorts. `latency-<name>.hgrm` is the
//! classic percentile listing of the whole fleet, in milliseconds.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::files::Files;
use crate::sim::outcome::{CohortOutcome, LatencyKind, Outcome};
use crate::stats::Latency;

/// Lines per halving of the distance to 100 %, as the classic tools have it.
const TICKS: u64 = 5;

/// Writes the interval log and one percentile listing per latency.
pub fn write(files: &mut Files, outcome: &Outcome, fleet: &CohortOutcome) -> io::Result<()> {
    files.write("latency.hlog", |w| interval_log(w, outcome, fleet))?;
    for kind in LatencyKind::ALL {
        let name = format!("latency-{}.hgrm", kind.name());
        files.write(&name, |w| w.write_all(percentiles(fleet.tally.latency(kind)).as_bytes()))?;
    }
    Ok(())
}

fn interval_log(mut w: &mut dyn Write, outcome: &Outcome, fleet: &CohortOutcome) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(
            "[Values are microseconds of virtual time; tags are latency or latency:cohort]",
        )
        // Virtual time begins at zero; a wall-clock time would differ from run to run.
        .with_start_time(SystemTime::UNIX_EPOCH)
        .begin_log_with(&mut w, &mut serializer)?;
    let whole_run = Duration::from_micros(outcome.end.0);
    let parts = if outcome.cohorts.len() > 1 { outcome.cohorts.as_slice() } else { &[] };
    for kind in LatencyKind::ALL {
        for (i, cohort) in std::iter::once(fleet).chain(parts).enumerate() {
            let latency = cohort.tally.latency(kind);
            // Readers take the maximum of an empty histogram for an error.
            if latency.count() == 0 {
                continue;
            }
            let tag = match i {
                0 => kind.name().to_owned(),
                _ => format!("{}:{}", kind.name(), tag_text(&cohort.name)),
            };
            let tag = Tag::new(&tag).expect("forbidden characters were replaced");
            log.write_histogram(&latency.histogram(), Duration::ZERO, whole_run, Some(tag))
                .map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Tags hold neither commas nor spaces.
fn tag_text(name: &str) -> String {
    name.replace(|c: char| c == ',' || c.is_whitespace() || c.is_control(), "_")
}

/// The classic listing: value in milliseconds, quantile, records up to it, 1 / (1 - quantile).
///
/// Quantiles are ratios of integers here: the logarithms of the usual iterator may differ
/// between platforms.
fn percentiles(latency: &Latency) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let reached = cumulative(latency);
    if let Some(max) = latency.max() {
        let total = latency.count();
        'listing: for halvings in 0..63 {
            // Quantile 1 - 2^-halvings + tick / (2 TICKS) 2^-halvings, as steps / of.
            let of = u128::from(2 * TICKS) << halvings;
            for tick in 0..TICKS {
                let steps = of - u128::from(2 * TICKS - tick);
                let rank = (steps * u128::from(total)).div_ceil(of).max(1) as u64;
                let i = reached.partition_point(|(_, count)| *count < rank);
                let (value_us, count) = reached[i];
                if count == total {
                    break 'listing;
                }
                let quantile = steps as f64 / of as f64;
                let inverse = of as f64 / (of - steps) as f64;
                line(&mut text, value_us, quantile, count, Some(inverse));
            }
        }
        line(&mut text, max.0, 1.0, total, None);
    }
    footer(&mut text, latency);
    text
}

fn line(text: &mut String, value_us: u64, quantile: f64, count: u64, inverse: Option<f64>) {
    let value = value_us as f64 / 1e3;
    write!(text, "{value:12.3} {quantile:2.12} {count:10}").expect("a string takes it");
    match inverse {
        Some(inverse) => writeln!(text, " {inverse:14.2}"),
        None => writeln!(text),
    }
    .expect("a string takes it");
}

/// Greatest value of each used bucket with the number of records up to it.
fn cumulative(latency: &Latency) -> Vec<(u64, u64)> {
    let histogram = latency.histogram();
    let max = latency.max().map_or(0, |max| max.0);
    let mut count = 0;
    let mut reached = Vec::new();
    for step in histogram.iter_recorded() {
        count += step.count_at_value();
        reached.push((histogram.highest_equivalent(step.value_iterated_to()).min(max), count));
    }
    reached
}

fn footer(text: &mut String, latency: &Latency) {
    let histogram = latency.histogram();
    let mean = latency.mean_s().unwrap_or(0.0) * 1e3;
    let deviation = if latency.count() > 0 { histogram.stdev() / 1e3 } else { 0.0 };
    let max = latency.max().map_or(0.0, |max| max.0 as f64 / 1e3);
    let (buckets, sub_buckets) = (histogram.buckets(), histogram.distinct_values());
    let sub_buckets = sub_buckets / (usize::from(buckets) + 1) * 2;
    let total = latency.count();
    write!(
        text,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n\
         #[Max     = {max:12.3}, Total count    = {total:12}]\n\
         #[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]\n\
         #[Values are milliseconds of virtual time]\n"
    )
    .expect("a string takes it");
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::super::{sample, whole_fleet};
    use super::*;
    use crate::model::Span;

    #[test]
    fn the_log_reads_back_with_the_same_counts() {
        let outcome = sample::two_cohorts();
        let mut log = Vec::new();
        interval_log(&mut log, &outcome, &whole_fleet(&outcome)).unwrap();
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                assert_eq!(interval.duration(), Duration::from_secs(7200));
                let histogram = decode(interval.encoded_histogram());
                found.push((interval.tag().unwrap().to_string(), histogram.len()));
            }
        }
        assert_eq!(found.len(), 6 * 3);
        let tags: Vec<_> = found[..3].iter().map(|(tag, n)| (tag.as_str(), *n)).collect();
        let name = "eligible-to-pushed";
        let expected = [name.to_owned(), format!("{name}:eu__lte"), format!("{name}:us")];
        assert_eq!(tags.iter().map(|t| t.0).collect::<Vec<_>>(), expected);
        assert_eq!(tags.iter().map(|t| t.1).collect::<Vec<_>>(), [900, 540, 360]);
    }

    #[test]
    fn a_log_without_latencies_has_a_header_only() {
        let outcome = sample::empty();
        let mut log = Vec::new();
        interval_log(&mut log, &outcome, &whole_fleet(&outcome)).unwrap();
        let text = String::from_utf8(log).unwrap();
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.contains("Values are microseconds"));
    }

    #[test]
    fn the_listing_is_the_classic_one() {
        let mut latency = Latency::default();
        for ms in 1..=100 {
            latency.record(Span(ms * 1000));
        }
        let text = percentiles(&latency);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[2], "       1.000 0.000000000000          1           1.00");
        assert_eq!(lines[3], "      10.007 0.100000000000         10           1.11");
        assert_eq!(lines[7], "      50.015 0.500000000000         50           2.00");
        let last = lines.iter().position(|l| l.starts_with("#[Mean")).unwrap() - 1;
        assert_eq!(lines[last], "     100.000 1.000000000000        100");
        assert!(text.contains("#[Max     =      100.000, Total count    =          100]"));
        let columns = |line: &&str| line.split_whitespace().count();
        assert!(lines[2..last].iter().all(|line| columns(line) == 4));
    }

    #[test]
    fn a_listing_of_nothing_has_a_header_and_a_footer() {
        let text = percentiles(&Latency::default());
        assert_eq!(text.lines().count(), 6);
        assert!(text.contains("Total count    =            0"));
    }

    /// Base64 by hand: one decoder for one test is no reason for a dependency.
    fn decode(encoded: &str) -> Histogram<u64> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
        for c in encoded.bytes().filter(|c| *c != b'=') {
            bits = bits << 6 | ALPHABET.iter().position(|a| *a == c).unwrap() as u32;
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push((bits >> held) as u8);
            }
        }
        hdrhistogram::serialization::Deserializer::new().deserialize(&mut &bytes[..]).unwrap()
    }
}
