//! `fleetstorm check`: all mistakes at once, and what a valid scenario amounts to.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::Exit;
use super::args::{Check, Format};
use super::facts::Facts;
use super::load;
use super::terminal::{Terminal, Tone};
use crate::scenario::{self, Loaded, Problems};

/// Checks every file, whatever became of those before.
pub fn check(arguments: &Check, terminal: &Terminal) -> anyhow::Result<Exit> {
    if let Some(key) = &arguments.explain {
        return explain(key, terminal);
    }
    let missing = arguments.files.iter().any(|file| load::readable(file).is_err());
    let checked: Vec<Checked<'_>> = arguments
        .files
        .iter()
        .map(|file| (file.as_path(), load::load(file, &arguments.set)))
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
    // A file that is not there hides none of the others, but there is no verdict on it.
    Ok(match () {
        () if missing => Exit::Failed,
        () if checked.iter().all(|(_, result)| is_valid(result)) => Exit::Ok,
        () => Exit::Invalid,
    })
}

/// A file and what became of it.
type Checked<'f> = (&'f Path, Result<Loaded, Problems>);

/// What was found in a file, errors or not.
fn found(result: &Result<Loaded, Problems>) -> Option<&Problems> {
    match result {
        Ok(loaded) => loaded.remarks.as_deref(),
        Err(problems) => Some(problems),
    }
}

/// Whether it can be run, and to an end.
fn is_valid(result: &Result<Loaded, Problems>) -> bool {
    result.is_ok() && found(result).is_none_or(|found| !found.has_errors())
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

fn resolved(checked: &[Checked<'_>], terminal: &Terminal) -> anyhow::Result<()> {
    for (file, result) in checked {
        if let Some(problems) = found(result) {
            terminal.problems(problems);
        }
        if let Ok(loaded) = result {
            // One file alone stays a valid scenario that can be piped on.
            let text = scenario::resolved(&loaded.scenario);
            terminal.print(&format!("# {}\n{text}", file.display()))?;
        }
    }
    Ok(())
}

fn human(checked: &[Checked<'_>], terminal: &Terminal) -> anyhow::Result<()> {
    for (file, result) in checked {
        let found = found(result);
        if let Some(problems) = found {
            terminal.problems(problems);
        }
        let facts = result.as_ref().map_or(String::new(), |loaded| Facts::of(loaded).text());
        let verdict = match (is_valid(result), found) {
            (true, None) => terminal.toned("OK", Tone::Good),
            (true, Some(found)) => {
                format!("{}, {}", terminal.toned("OK", Tone::Warning), found.tally())
            }
            (false, found) => {
                let tally = found.map(Problems::tally).unwrap_or_default();
                format!("{}, {tally}", terminal.toned("INVALID", Tone::Bad))
            }
        };
        terminal.print(&format!("{}: {verdict}\n{facts}", file.display()))?;
    }
    Ok(())
}

/// What `--format json` prints for one file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    valid: bool,
    /// Null if the file cannot be run.
    facts: Option<Facts>,
    /// Errors, warnings and notes.
    problems: Vec<Finding>,
    /// How many more there are, which are only counted.
    problems_unshown: usize,
}

/// One problem, as programs want it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Finding {
    /// error, warning or note.
    level: &'static str,
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
            valid: is_valid(result),
            facts: result.as_ref().ok().map(Facts::of),
            problems: found(result).map(findings).unwrap_or_default(),
            problems_unshown: found(result).map_or(0, Problems::unshown),
        }
    }
}

fn findings(problems: &Problems) -> Vec<Finding> {
    problems
        .iter()
        .map(|problem| Finding {
            level: problem.level.name(),
            key: problem.path.clone(),
            file: problem.file.clone(),
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            help: problem.help.clone(),
        })
        .collect()
}

/// One workflow command per problem, and one for those that are only counted.
fn github(checked: &[Checked<'_>]) -> String {
    let mut text = String::new();
    for (file, result) in checked {
        let Some(problems) = found(result) else { continue };
        text.extend(findings(problems).iter().map(annotation));
        if problems.unshown() > 0 {
            let file = property(&file.display().to_string());
            let rest = problems.unshown();
            text += &format!("::error file={file},title=fleetstorm::and {rest} more problems\n");
        }
    }
    text
}

fn annotation(finding: &Finding) -> String {
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let file = property(&finding.file);
    let place = match finding.line {
        // There is nothing to open at the flag.
        _ if finding.file == "--set" => String::new(),
        // A problem without a place, such as a missing file.
        0 => format!("file={file},"),
        line => format!("file={file},line={line},col={},", finding.column),
    };
    let command = if finding.level == "note" { "notice" } else { finding.level };
    format!("::{command} {place}title=fleetstorm::{}\n", escaped(&message))
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
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
            level: "error",
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
        let warning = Finding { level: "warning", file: "--set".into(), help: None, ..finding };
        let expected = "::warning title=fleetstorm::fleet.cohort: shares add up to 95 %25\n";
        assert_eq!(annotation(&warning), expected);
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
