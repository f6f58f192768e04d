//! `fleetstorm check`: all mistakes at once, and what a valid scenario amounts to.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::Exit;
use super::args::{Check, Format};
use super::facts::Facts;
use super::stages;
use super::terminal::{Terminal, Tone};
use crate::scenario::{self, Loaded, Problems};

/// Checks every file, whatever became of those before.
pub fn check(arguments: &Check, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some(key) = &arguments.explain {
        return explain(key, terminal);
    }
    arguments.files.iter().try_for_each(|file| super::run::readable(file))?;
    let checked: Vec<(&Path, Result<Loaded, Problems>)> = arguments
        .files
        .iter()
        .map(|file| {
            let loaded = scenario::load(file, &arguments.set);
            (file.as_path(), loaded.and_then(|loaded| stages::checked(file, loaded)))
        })
        .collect();
    if arguments.resolved {
        resolved(&checked, terminal)?;
    } else {
        match arguments.format {
            Format::Human => human(&checked, terminal)?,
            Format::Json => {
                let reports: Vec<Report> = checked.iter().map(|c| Report::of(c.0, &c.1)).collect();
                terminal.print(&format!("{}\n", serde_json::to_string_pretty(&reports)?))?;
            }
            Format::Github => terminal.print(&github(&checked))?,
        }
    }
    let valid = checked.iter().all(|(_, result)| result.is_ok());
    Ok(if valid { Exit::Ok } else { Exit::Invalid })
}

fn explain(key: &str, terminal: &Terminal) -> anyhow::Result<Exit> {
    match scenario::explain(key) {
        Some(text) => {
            terminal.print(&format!("{}\n", text.trim_end()))?;
            Ok(Exit::Ok)
        }
        None => {
            terminal
                .error(&format!("a scenario has no key `{key}`; `fleetstorm schema` lists all"));
            Ok(Exit::Usage)
        }
    }
}

fn resolved(
    checked: &[(&Path, Result<Loaded, Problems>)],
    terminal: &Terminal,
) -> anyhow::Result<()> {
    for (file, result) in checked {
        match result {
            Ok(loaded) => {
                // One file alone stays a valid scenario that can be piped on.
                let text = scenario::resolved(&loaded.scenario);
                terminal.print(&format!("# {}\n{text}", file.display()))?;
            }
            Err(problems) => terminal.problems(problems),
        }
    }
    Ok(())
}

fn human(checked: &[(&Path, Result<Loaded, Problems>)], terminal: &Terminal) -> anyhow::Result<()> {
    for (file, result) in checked {
        match result {
            Ok(loaded) => {
                let ok = terminal.toned("OK", Tone::Good);
                let facts = Facts::of(loaded).text();
                terminal.print(&format!("{}: {ok}\n{facts}", file.display()))?;
            }
            Err(problems) => {
                terminal.problems(problems);
                let count = problems.iter().count();
                let plural = if count == 1 { "" } else { "s" };
                let invalid = terminal.toned("INVALID", Tone::Bad);
                terminal
                    .print(&format!("{}: {invalid}, {count} problem{plural}\n", file.display()))?;
            }
        }
    }
    Ok(())
}

/// What `--format json` prints for one file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    valid: bool,
    /// Null if the file is invalid.
    facts: Option<Facts>,
    problems: Vec<Finding>,
}

/// One problem, as programs want it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Finding {
    /// The key, as in `campaign.rate`.
    key: String,
    file: String,
    /// Line and column count from 1; 0 if the problem has no place.
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
}

impl Report {
    fn of(file: &Path, result: &Result<Loaded, Problems>) -> Report {
        Report {
            file: file.display().to_string(),
            valid: result.is_ok(),
            facts: result.as_ref().ok().map(Facts::of),
            problems: result.as_ref().err().map(findings).unwrap_or_default(),
        }
    }
}

fn findings(problems: &Problems) -> Vec<Finding> {
    problems
        .iter()
        .map(|problem| Finding {
            key: problem.path.clone(),
            file: problem.file.clone(),
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            help: problem.help.clone(),
        })
        .collect()
}

/// One workflow command per problem.
fn github(checked: &[(&Path, Result<Loaded, Problems>)]) -> String {
    let problems = checked.iter().filter_map(|(_, result)| result.as_ref().err());
    problems.flat_map(findings).map(|finding| annotation(&finding)).collect()
}

fn annotation(finding: &Finding) -> String {
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let file = escaped(&finding.file).replace(':', "%3A").replace(',', "%2C");
    let place = match finding.line {
        // There is nothing to open at the flag.
        _ if finding.file == "--set" => String::new(),
        // A problem without a place, such as a missing file.
        0 => format!("file={file},"),
        line => format!("file={file},line={line},col={},", finding.column),
    };
    format!("::error {place}title=fleetstorm::{}\n", escaped(&message))
}

/// As GitHub's workflow commands want it.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_whatever_is_in_it() {
        let finding = Finding {
            key: "fleet.cohort".into(),
            file: "a,b.toml".into(),
            line: 3,
            column: 9,
            message: "fleet.cohort: shares add up to 95 %".into(),
            help: Some("shares must add up to 1".into()),
        };
        assert_eq!(
            annotation(&finding),
            "::error file=a%2Cb.toml,line=3,col=9,title=fleetstorm::fleet.cohort: shares add up \
             to 95 %25%0Ahelp: shares must add up to 1\n"
        );
    }

    #[test]
    fn a_missing_file_is_reported_in_every_format() {
        let path = Path::new("no/such/file.toml");
        let result = scenario::load(path, &[]);
        let report = Report::of(path, &result);
        assert!(!report.valid && report.facts.is_none() && report.problems.len() == 1);
        assert!(github(&[(path, result)]).starts_with("::error file=no/such/file.toml"));
    }
}
