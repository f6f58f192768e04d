//! The findings as text, table, Markdown and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json as value};

use super::{Effort, Finding, Outcome, Row};

/// One line per quantity, then what it comes to.
pub fn human(findings: &[Finding]) -> String {
    let mut text = format!(
        "{:<6} {:<36} {:>14} {:>14} {:>11} {:>6}\n",
        "case", "quantity", "observed", "expected", "tolerance", "z"
    );
    for finding in findings {
        match &finding.outcome {
            Outcome::Ran(rows) => rows.iter().for_each(|row| text.push_str(&line(row))),
            Outcome::NotExpressible(reason) => {
                let _ = writeln!(text, "{:<6} not expressible: {reason}", finding.case.id);
            }
            Outcome::Skipped => {
                let _ = writeln!(text, "{:<6} skipped: stopped before", finding.case.id);
            }
        }
    }
    text + "\n" + &summary(findings) + "\n"
}

fn line(row: &Row) -> String {
    let [observed, expected, tolerance, z] = cells(row);
    let verdict = if row.passes { "ok" } else { "FAILS" };
    let (case, quantity) = (&row.case, &row.quantity);
    format!(
        "{case:<6} {quantity:<36} {observed:>14} {expected:>14} {tolerance:>11} {z:>6} {verdict}\n"
    )
}

/// Observed, expected, tolerance and z.
fn cells(row: &Row) -> [String; 4] {
    [
        row.observed.map_or("nothing".to_owned(), number),
        number(row.expected),
        number(row.tolerance),
        row.z.map_or(String::new(), |z| format!("{z:+.2}")),
    ]
}

/// Six digits, without a tail of zeros.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let digits = (5 - x.abs().log10().floor() as i32).clamp(0, 12) as usize;
    if x.abs() < 1e-6 {
        return format!("{x:.3e}");
    }
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How many cases pass, fail, or are not looked at.
pub fn summary(findings: &[Finding]) -> String {
    let count = |of: fn(&Finding) -> bool| findings.iter().filter(|f| of(f)).count();
    let mut parts =
        vec![format!("{} pass", count(Finding::passes)), format!("{} fail", count(Finding::fails))];
    type Is = fn(&Finding) -> bool;
    let others: [(&str, Is); 2] = [
        ("not expressible", |f| matches!(f.outcome, Outcome::NotExpressible(_))),
        ("skipped", |f| matches!(f.outcome, Outcome::Skipped)),
    ];
    for (name, of) in others {
        if count(of) > 0 {
            parts.push(format!("{} {name}", count(of)));
        }
    }
    let worst = rows(findings).filter_map(|row| row.z).fold(0.0, |a: f64, z| a.max(z.abs()));
    format!("{} cases: {}. Greatest |z|: {worst:.2}.", findings.len(), parts.join(", "))
}

fn rows(findings: &[Finding]) -> impl Iterator<Item = &Row> {
    findings.iter().flat_map(|finding| match &finding.outcome {
        Outcome::Ran(rows) => rows.as_slice(),
        Outcome::NotExpressible(_) | Outcome::Skipped => &[],
    })
}

/// A table with one row per quantity.
///
/// # Errors
/// None when writing to memory.
pub fn csv(findings: &[Finding]) -> Result<Vec<u8>, ::csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    rows(findings).try_for_each(|row| writer.serialize(row))?;
    writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()))
}

/// For pull requests and wikis.
pub fn markdown(findings: &[Finding]) -> String {
    let mut text = format!("### Fleetstorm: validation\n\n**{}**\n", summary(findings));
    text.push_str("\n| case | quantity | observed | expected | ± | z | |\n");
    text.push_str("|:--|:--|--:|--:|--:|--:|:--|\n");
    for finding in findings {
        match &finding.outcome {
            Outcome::Ran(rows) => {
                for row in rows {
                    let verdict = if row.passes { "ok" } else { "**fails**" };
                    let cells = cells(row).join(" | ");
                    let (case, quantity) = (&row.case, &row.quantity);
                    let _ = writeln!(text, "| {case} | {quantity} | {cells} | {verdict} |");
                }
            }
            Outcome::NotExpressible(reason) => {
                let _ = writeln!(text, "| {} | {reason} | | | | | — |", finding.case.id);
            }
            Outcome::Skipped => {
                let _ = writeln!(text, "| {} | skipped | | | | | — |", finding.case.id);
            }
        }
    }
    text
}

/// Everything, for programs.
pub fn json(findings: &[Finding], effort: Effort) -> Value {
    let case = |finding: &Finding| {
        let (verdict, reason, rows) = match &finding.outcome {
            Outcome::Ran(rows) => {
                (if finding.passes() { "pass" } else { "fail" }, None, rows.as_slice())
            }
            Outcome::NotExpressible(reason) => ("not-expressible", Some(*reason), &[][..]),
            Outcome::Skipped => ("skipped", None, &[][..]),
        };
        value!({
            "id": finding.case.id,
            "group": finding.case.group,
            "title": finding.case.title,
            "catches": finding.case.catches,
            "verdict": verdict,
            "reason": reason,
            "quantities": rows,
        })
    };
    value!({
        "format": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "effort": if effort == Effort::Full { "full" } else { "quick" },
        "complete": !findings.iter().any(|f| matches!(f.outcome, Outcome::Skipped)),
        "pass": findings.iter().filter(|f| f.passes()).count(),
        "fail": findings.iter().filter(|f| f.fails()).count(),
        "summary": summary(findings),
        "cases": findings.iter().map(case).collect::<Vec<_>>(),
    })
}
