//! `fleetstorm validate`: closed-form results against this very program.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Exit;
use super::args::{ShowProgress, Table, Validate};
use super::signal;
use super::terminal::{Terminal, Tone};
use crate::report::Target;
use crate::report::manifest::cpus;
use crate::validate::cases::{self, Case};
use crate::validate::{self, Effort, Finding};

/// Looks at the cases, prints what was found, and writes a report where that is asked for.
pub fn validate(arguments: &Validate, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(cases) = chosen(&arguments.cases, terminal) else { return Ok(Exit::Usage) };
    if arguments.list {
        terminal.print(&listed(&cases))?;
        return Ok(Exit::Ok);
    }
    let target = arguments.output.as_deref().map(Target::exactly).transpose()?;
    signal::listen().context("cannot listen to Ctrl-C")?;
    let effort = if arguments.full { Effort::Full } else { Effort::Quick };
    let threads = arguments.threads.map_or_else(cpus, usize::from);
    let clock = Instant::now();
    let shown = terminal.progress != ShowProgress::None;
    let begun = Mutex::new((0, Duration::from_secs(2)));
    let total = cases.len();
    let tell = |case: &Case| {
        let mut begun = begun.lock().expect("nobody panics here");
        begun.0 += 1;
        if shown && clock.elapsed() >= begun.1 {
            begun.1 = clock.elapsed() + Duration::from_secs(2);
            terminal.note(&format!("{} of {total}: {} {}", begun.0, case.id, case.title));
        }
    };
    let findings = validate::validate(cases, effort, threads, &signal::STOP, &tell);
    let stopped = signal::STOP.load(std::sync::atomic::Ordering::Relaxed);
    let written = target.map(|target| write(target, &findings, effort)).transpose();
    let text = match arguments.format {
        Table::Human => coloured(&validate::human(&findings), &findings, terminal),
        Table::Markdown => validate::markdown(&findings),
        Table::Json => {
            format!("{}\n", serde_json::to_string_pretty(&validate::json(&findings, effort))?)
        }
    };
    let printed = terminal.print(&text);
    terminal.note(&format!("in {:.1} s on {threads} threads", clock.elapsed().as_secs_f64()));
    if let Some(path) = written? {
        terminal.note(&format!("report in {}", path.display()));
    }
    printed.context("cannot print the findings")?;
    Ok(match () {
        () if stopped => signal::exit(),
        () if findings.iter().any(Finding::fails) => Exit::Misses,
        () => Exit::Ok,
    })
}

/// The cases that are named; all if none is. None, and a message, if there is no such case.
fn chosen(names: &[String], terminal: &Terminal) -> Option<Vec<Case>> {
    let all = cases::all();
    let matches = |case: &Case, name: &str| {
        case.id.eq_ignore_ascii_case(name)
            || case.id.len() > name.len()
                && case.id[..name.len()].eq_ignore_ascii_case(name)
                && !case.id[name.len()..].starts_with(|c: char| c.is_ascii_digit())
            || name.len() == 1 && case.id.to_lowercase().starts_with(&name.to_lowercase())
    };
    for name in names {
        if !all.iter().any(|case| matches(case, name)) {
            let nearest = all
                .iter()
                .min_by_key(|case| strsim::levenshtein(&case.id, &name.to_uppercase()))
                .map_or("", |case| &case.id);
            terminal.error(&format!(
                "there is no case {name:?}; did you mean {nearest}? --list shows all"
            ));
            return None;
        }
    }
    let is_chosen = |case: &Case| names.is_empty() || names.iter().any(|name| matches(case, name));
    Some(all.into_iter().filter(is_chosen).collect())
}

fn listed(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let _ = writeln!(text, "{:<6} {:<20} {}", case.id, case.group, case.title);
    }
    text
}

fn write(
    target: Target,
    findings: &[Finding],
    effort: Effort,
) -> anyhow::Result<std::path::PathBuf> {
    let table = validate::csv(findings).context("the table cannot be made")?;
    let path = target.write(|files| {
        files.write("validation.csv", |w| w.write_all(&table))?;
        files.write("validation.md", |w| w.write_all(validate::markdown(findings).as_bytes()))?;
        files.write("validation.json", |w| {
            serde_json::to_writer_pretty(&mut *w, &validate::json(findings, effort))?;
            w.write_all(b"\n")
        })
    })?;
    Ok(path)
}

/// The last line in the colour it deserves.
fn coloured(text: &str, findings: &[Finding], terminal: &Terminal) -> String {
    let tone = if findings.iter().any(Finding::fails) { Tone::Bad } else { Tone::Good };
    match text.trim_end().rsplit_once('\n') {
        Some((rest, last)) => format!("{rest}\n{}\n", terminal.toned(last, tone)),
        None => text.to_owned(),
    }
}
