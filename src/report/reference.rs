//! Measured adoption beside the simulated one: a look at the shape, no validation.

use std::fmt::Write as _;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Span, Time};
use crate::scenario::file::Scenario;
use crate::sim::outcome::{LatencyKind, Outcome};

/// A measured adoption curve, and the run at the same instants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSummary {
    pub name: String,
    pub source: String,
    pub points: Vec<PointSummary>,
    /// Greatest distance of a simulated share from a measured one.
    pub greatest_distance: f64,
}

/// One instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointSummary {
    pub at_s: f64,
    /// Share of all devices that was updated by then, 0 to 1.
    pub measured: f64,
    /// Share of the targeted devices that was updated by then, 0 to 1.
    pub simulated: f64,
}

impl ReferenceSummary {
    /// Those of the scenario.
    pub fn all(scenario: &Scenario, outcome: &Outcome) -> Vec<ReferenceSummary> {
        let tally = outcome.total();
        let updated = tally.latency(LatencyKind::ActivationToUpdated);
        let share = |at: Span| {
            let updated_by = updated.share_at_most(at) * updated.count() as f64;
            if tally.targeted == 0 { 0.0 } else { updated_by / tally.targeted as f64 }
        };
        let one = |reference: &crate::scenario::file::Reference| {
            let point = |point: &crate::scenario::file::Point| PointSummary {
                at_s: point.at.as_secs_f64(),
                measured: point.share,
                simulated: share(point.at),
            };
            let points: Vec<PointSummary> = reference.point.iter().map(point).collect();
            let distance = points.iter().map(|p| (p.simulated - p.measured).abs());
            ReferenceSummary {
                name: reference.name.clone(),
                source: reference.source.clone(),
                greatest_distance: distance.fold(0.0, f64::max),
                points,
            }
        };
        scenario.reference.iter().map(one).collect()
    }
}

/// What readers must know of it.
const WARNING: &str = "Measured elsewhere: a check of the shape, not a validation.";

/// The section of the text that a person reads.
pub fn text(references: &[ReferenceSummary]) -> String {
    let mut text = String::new();
    for reference in references {
        let _ = writeln!(text, "Beside: {}\n  {WARNING}", reference.name);
        let _ = writeln!(text, "  {:<20}{:>12}{:>12}", "updated by", "measured", "here");
        for point in &reference.points {
            let at = Span::from_secs_f64(point.at_s).to_string();
            let shares = [point.measured, point.simulated].map(|s| format!("{:.1} %", s * 100.0));
            let _ = writeln!(text, "  {at:<20}{:>12}{:>12}", shares[0], shares[1]);
        }
    }
    text
}

/// The section of `summary.md`.
pub fn markdown(text: &mut String, references: &[ReferenceSummary]) {
    for reference in references {
        let _ = write!(
            text,
            "\n**{}** ({}). {WARNING} ![adoption](adoption.svg)\n\n\
             | updated by | measured | here |\n|:--|--:|--:|\n",
            super::markdown::escaped(&reference.name),
            super::markdown::escaped(&reference.source),
        );
        for point in &reference.points {
            let at = Span::from_secs_f64(point.at_s);
            let (measured, here) = (point.measured * 100.0, point.simulated * 100.0);
            let _ = writeln!(text, "| {at} | {measured:.1} % | {here:.1} % |");
        }
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 64.0;
/// Dark enough on white, light enough on black, and apart for colour-blind eyes.
const COLOURS: [&str; 4] = ["#d55e00", "#009e73", "#cc79a7", "#e69f00"];

/// `adoption.svg`: the simulated curve, and the measured points on it.
pub fn svg(
    w: &mut dyn Write,
    outcome: &Outcome,
    references: &[ReferenceSummary],
) -> io::Result<()> {
    let points = references.iter().flat_map(|reference| &reference.points);
    let last_s = points.map(|point| point.at_s).fold(1.0, f64::max) * 1.05;
    let x = |s: f64| LEFT + s / last_s * (WIDTH - LEFT - RIGHT);
    let y = |share: f64| HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    writeln!(
        w,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>Share of devices updated: simulated, and measured elsewhere</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"14\">Devices updated, simulated (line) and \
         measured elsewhere (points)</text>"
    )?;
    for tenth in [0, 2, 4, 6, 8, 10] {
        let (share, at) = (f64::from(tenth) / 10.0, y(f64::from(tenth) / 10.0));
        writeln!(
            w,
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            share * 100.0
        )?;
    }
    for (s, label) in ticks(last_s) {
        let at = x(s);
        writeln!(
            w,
            "<path d=\"M{at:.1} {:.1}v5\" stroke=\"#666\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{label}</text>",
            y(0.0),
            y(0.0) + 18.0
        )?;
    }
    writeln!(
        w,
        "<path d=\"{}\" fill=\"none\" stroke=\"#0072b2\" stroke-width=\"2\"/>",
        curve(outcome, last_s, x, y)
    )?;
    for (at, reference) in references.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        for point in &reference.points {
            let (x, y) = (x(point.at_s), y(point.measured));
            writeln!(w, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>")?;
        }
        let y = HEIGHT - 24.0 + 14.0 * at as f64;
        writeln!(
            w,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            LEFT + 5.0,
            y - 4.0,
            LEFT + 16.0,
            escaped(&format!("{}. {WARNING}", reference.name))
        )?;
    }
    writeln!(w, "</svg>")
}

/// Through as many points as the picture is wide.
fn curve(outcome: &Outcome, last_s: f64, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    const POINTS: u32 = 330;
    let tally = outcome.total();
    let updated = tally.latency(LatencyKind::ActivationToUpdated);
    let whole = tally.targeted.max(1) as f64;
    let end_s = Time::as_secs_f64(outcome.end).max(1.0);
    let mut path = String::new();
    for point in 0..=POINTS {
        let s = last_s * f64::from(point) / f64::from(POINTS);
        if s > end_s && tally.open() > 0 {
            break;
        }
        let share = updated.share_at_most(Span::from_secs_f64(s)) * updated.count() as f64 / whole;
        let command = if point == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", x(s), y(share));
    }
    path
}

/// About six round instants with their names.
fn ticks(last_s: f64) -> Vec<(f64, String)> {
    const STEPS: [(f64, f64, &str); 9] = [
        (60.0, 60.0, "min"),
        (600.0, 60.0, "min"),
        (3_600.0, 3_600.0, "h"),
        (21_600.0, 3_600.0, "h"),
        (86_400.0, 86_400.0, "d"),
        (5.0 * 86_400.0, 86_400.0, "d"),
        (20.0 * 86_400.0, 86_400.0, "d"),
        (100.0 * 86_400.0, 86_400.0, "d"),
        (1_000.0 * 86_400.0, 86_400.0, "d"),
    ];
    let fits = |step: &&(f64, f64, &str)| last_s / step.0 <= 12.0;
    let (step, unit, name) = STEPS.iter().find(fits).unwrap_or(&STEPS[8]);
    let count = (last_s / step) as u32;
    (0..=count)
        .map(|n| {
            let s = f64::from(n) * step;
            (s, format!("{} {name}", s / unit))
        })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
