//! Collects problems while the sources and the tree are at hand.

use std::sync::Arc;

use super::path::Path;
use super::problem::{Label, Problem, Source};
use super::tree::{Node, Place, Value};

/// Sources, the tree made of them, and what has been found wrong so far.
pub struct Findings {
    /// The file, then each `--set`.
    pub sources: Vec<Arc<Source>>,
    pub problems: Vec<Problem>,
    /// The files that were read, as they are named, each with the SHA-256 of its contents.
    pub files: Vec<(String, String)>,
}

impl Findings {
    pub fn new(name: &str, text: &str, sets: &[String]) -> Findings {
        let source = |name: &str, text: &str| {
            Arc::new(Source { name: name.to_owned(), text: text.to_owned(), first_line: 1 })
        };
        let mut sources = vec![source(name, text)];
        sources.extend(sets.iter().map(|set| source("--set", set)));
        Findings { sources, problems: Vec::new(), files: Vec::new() }
    }

    /// `message` at `place`.
    pub fn at(&mut self, place: &Place, path: &Path, message: String, help: Option<String>) {
        let label = self.label(place, String::new());
        let problem = Problem::new(path.to_string(), message, help, vec![label]);
        self.problems.push(problem);
    }

    /// The value at `path` breaks `rule`; where it is absent, its nearest parent is shown.
    pub fn value(&mut self, tree: &Node, path: &Path, rule: &str, help: Option<String>) {
        let (node, there) = tree.find(path);
        let message = match there {
            true => format!("{path}{}: {rule}", self.shown(node)),
            false => format!("{path}: {rule}"),
        };
        self.at(&node.place, path, message, help);
    }

    /// `message` at all of `paths`, each with the value found there.
    pub fn values(&mut self, tree: &Node, paths: &[Path], message: String, help: Option<String>) {
        let labels = paths
            .iter()
            .map(|path| {
                let (node, there) = tree.find(path);
                let text = if there { self.text(node) } else { String::new() };
                self.label(&node.place, text)
            })
            .collect();
        let path = paths.first().map_or(String::new(), Path::to_string);
        self.problems.push(Problem::new(path, message, help, labels));
    }

    /// ` = value` as the user wrote it, for values that fit a line.
    pub fn shown(&self, node: &Node) -> String {
        match &node.value {
            Value::List(_) | Value::Table(_) => String::new(),
            _ => format!(" = {}", self.text(node)),
        }
    }

    fn text(&self, node: &Node) -> String {
        let text =
            self.sources[node.place.source].text.get(node.place.span.clone()).unwrap_or_default();
        shortened(text)
    }

    fn label(&self, place: &Place, text: String) -> Label {
        Label { source: Arc::clone(&self.sources[place.source]), span: place.span.clone(), text }
    }

    /// By source, then by line; the order in which a person reads them.
    pub fn sorted(mut self) -> Vec<Problem> {
        let names: Vec<&str> = self.sources.iter().map(|s| s.name.as_str()).collect();
        let rank = |problem: &Problem| {
            let source = names.iter().position(|name| *name == problem.file);
            let position = match source {
                Some(_) => (problem.line, problem.column),
                None => (0, 0),
            };
            (source.unwrap_or(names.len()), position)
        };
        self.problems.sort_by_key(rank);
        self.problems
    }
}

/// At most 60 characters of one line.
pub fn shortened(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if line.chars().count() < text.chars().count() {
        return line + "…";
    }
    line
}

/// The known name that resembles `name`, if one does.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let likeness = strsim::jaro_winkler(&folded, &candidate.to_lowercase());
            (candidate, likeness)
        })
        .filter(|(_, likeness)| *likeness >= 0.8)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(candidate, _)| candidate)
}

/// "did you mean `a`? known are a, b"; long lists are cut.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const LISTED: usize = 32;
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return None;
    }
    let mut list = known[..known.len().min(LISTED)].join(", ");
    if known.len() > LISTED {
        list.push_str(&format!(" and {} more", known.len() - LISTED));
    }
    Some(match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? known: {list}"),
        None => format!("known: {list}"),
    })
}
