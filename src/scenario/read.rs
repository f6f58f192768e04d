//! The reader: text → tree → structure → types → rules → files.

use std::path::Path as FilePath;
use std::sync::Arc;

use serde::Deserialize;
use toml::de::DeTable;

use super::check::Checker;
use super::file::Scenario;
use super::findings::Findings;
use super::path::Path;
use super::problem::{Problem, Problems};
use super::tree::{Node, Place};
use super::{Loaded, files, overrides, profile, schema, walk};

/// Reads a scenario file with everything it refers to; `sets` are overrides `path=value`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &FilePath, sets: &[String]) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("{name}: cannot be read: {error}");
        Problems::new(vec![Problem::of_file(&name, message, None)])
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("{name}: is not UTF-8 at byte {at}");
        let help = Some("save the file as UTF-8".to_owned());
        Problems::new(vec![Problem::of_file(&name, message, help)])
    })?;
    load_text(&name, &text, path.parent().unwrap_or(FilePath::new("")), sets)
}

/// As [`load`], from a text; files it refers to are looked for under `base_dir`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load_text(
    name: &str,
    text: &str,
    base_dir: &FilePath,
    sets: &[String],
) -> Result<Loaded, Problems> {
    let mut findings = Findings::new(name, text, sets);
    let Some((tree, scenario)) = typed(&mut findings, text) else {
        return Err(findings.problems().expect("there is a reason"));
    };
    let root = Path::root();
    let mut checker = Checker { findings: &mut findings, tree: &tree, scenario: &scenario, root };
    checker.all();
    let mut loaded = files::load(&mut checker, base_dir, text);
    checker.uses();
    checker.bounded(&loaded);
    let refused = findings.has_errors();
    let problems = findings.problems();
    match problems {
        Some(problems) if refused => Err(problems),
        remarks => {
            loaded.remarks = remarks.map(Arc::new);
            loaded.files = std::mem::take(&mut findings.files);
            Ok(loaded)
        }
    }
}

/// The tree and the scenario in it, if its structure is sound.
fn typed(findings: &mut Findings, text: &str) -> Option<(Node, Scenario)> {
    let (table, errors) = DeTable::parse_recoverable(text);
    syntax(findings, &errors, text.len());
    // What follows a key that is given twice is as it was meant; after other errors it may be
    // anything.
    if errors.iter().any(|error| !is_duplicate(error)) {
        return None;
    }
    let mut tree = Node::of_table(&table, 0, 0);
    // The whole file would be underlined where a table is missing.
    tree.place.span = 0..0;
    overrides::apply(findings, &mut tree);
    profile::apply(&mut tree);
    walk::walk(findings, &mut tree, schema::root(), &Path::root());
    let plain = tree.plain().expect("the walk lets no broken number pass");
    match Scenario::deserialize(plain) {
        Ok(scenario) => Some((tree, scenario)),
        // The walk asks for more than serde does, so this is a bug; still it gets a message.
        Err(error) => {
            let message = format!("the scenario does not fit: {}", error.message());
            findings.at(&tree.place, &Path::root(), message, None);
            None
        }
    }
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().contains("duplicate key")
}

/// One problem per line: what follows an error in its line is mostly an echo of it.
fn syntax(findings: &mut Findings, errors: &[toml::de::Error], length: usize) {
    /// Enough for a scenario; a file of another kind has an error in every line.
    const SHOWN: usize = 20;
    let source = Arc::clone(&findings.sources[0]);
    let mut lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(length..length);
        let line = source.line_of(span.start);
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        let place = Place { source: 0, span };
        let message = format!("not valid TOML: {}", error.message());
        let help = syntax_remedy(error.message()).map(str::to_owned);
        findings.at(&place, &Path::root(), message, help);
        if lines.len() == SHOWN {
            return;
        }
    }
}

/// The parser names what it met; these are the mistakes behind it in a scenario.
fn syntax_remedy(message: &str) -> Option<&'static str> {
    if message.contains("duplicate key") {
        return Some("give each key once; begin each entry of a list with [[fleet.cohort]]");
    }
    let value = ["float", "integer", "number", "value", "literal", "date", "newline", "string"];
    let about_value = value.iter().any(|word| message.contains(word));
    about_value.then_some("put texts, versions and quantities in quotes, closed in the same line")
}

/// The scenario as TOML with every default filled in; it reads back to the same scenario.
///
/// # Panics
/// Never for a scenario that was loaded.
pub fn resolved(scenario: &Scenario) -> String {
    toml::to_string_pretty(scenario).expect("every value of a scenario has a form in TOML")
}
