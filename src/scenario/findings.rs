//! Collects problems while the sources and the tree are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::path::Path;
use super::problem::{Label, Level, Problem, Problems, Source};
use super::tree::{Node, Place, Value};

/// Problems that are told in full; of more, only their number.
const SHOWN: usize = 50;
/// Of one kind in one table or list, so that a flood of them hides nothing else.
const SHOWN_OF_ONE: usize = 20;
/// Places that one problem points at.
const LABELS: usize = 8;

/// Sources, the tree made of them, and what has been found wrong so far.
pub struct Findings {
    /// The file, then each `--set`.
    pub sources: Vec<Arc<Source>>,
    problems: Vec<Problem>,
    /// How many there were of each kind in each table or list.
    of_one: BTreeMap<(Path, Kind), usize>,
    unshown: usize,
    /// Where a value was refused and another stands in for it, so that reading can go on.
    stand_ins: BTreeSet<Path>,
    /// The files that were read, as they are named, each with the SHA-256 of its contents.
    pub files: Vec<(String, String)>,
}

/// What a flood of problems has in common, beside its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    UnknownKey,
    Value,
}

impl Findings {
    /// Nothing found yet in the file `name` with this text, and in each `--set`.
    pub fn new(name: &str, text: &str, sets: &[String]) -> Findings {
        let mut sources = vec![Arc::new(Source::new(name, text, 1))];
        sources.extend(sets.iter().map(|set| Arc::new(Source::new("--set", set, 1))));
        Findings {
            sources,
            problems: Vec::new(),
            of_one: BTreeMap::new(),
            unshown: 0,
            stand_ins: BTreeSet::new(),
            files: Vec::new(),
        }
    }

    /// Whether one more problem at `path` is told in full; if not, it is counted here.
    fn has_room(&mut self, path: &Path, kind: Kind) -> bool {
        let around = path.0.split_last().map_or(&[][..], |(_, around)| around);
        let count = self.of_one.entry((Path(around.to_vec()), kind)).or_default();
        *count += 1;
        let has_room = *count <= SHOWN_OF_ONE;
        self.unshown += usize::from(!has_room);
        has_room
    }

    /// `message` at `place`.
    pub fn at(&mut self, place: &Place, path: &Path, message: String, help: Option<String>) {
        if self.has_room(path, Kind::Value) {
            self.place(Level::Error, place, path, message, help);
        }
    }

    /// The key at `place` is none; `help` is asked for only if the problem is told in full.
    pub fn unknown_key(
        &mut self,
        place: &Place,
        path: &Path,
        help: impl FnOnce() -> Option<String>,
    ) {
        if self.has_room(path, Kind::UnknownKey) {
            self.place(Level::Error, place, path, format!("{path}: unknown key"), help());
        }
    }

    fn place(
        &mut self,
        level: Level,
        place: &Place,
        path: &Path,
        message: String,
        help: Option<String>,
    ) {
        let label = self.label(place, String::new());
        let problem = Problem::new(path.to_string(), message, help, vec![label]);
        self.problems.push(problem.at_level(level));
    }

    /// The value at `path` breaks `rule`; where it is absent, its nearest parent is shown.
    /// Nothing is said of a stand-in. `help` is asked for only if the problem is told in full.
    pub fn value(
        &mut self,
        tree: &Node,
        (level, path): (Level, &Path),
        rule: &str,
        help: impl FnOnce() -> Option<String>,
    ) {
        if self.stands_in_at(tree, path) || !self.has_room(path, Kind::Value) {
            return;
        }
        let (node, there) = tree.find(path);
        let message = match there {
            true => format!("{path}{}: {rule}", self.shown(node)),
            false => format!("{path}: {rule}"),
        };
        self.place(level, &node.place, path, message, help());
    }

    /// `message` at all of `paths`, each with the value found there; at none if one of them is a
    /// stand-in.
    pub fn values(&mut self, tree: &Node, paths: &[Path], message: String, help: Option<String>) {
        if paths.iter().any(|path| self.stands_in_at(tree, path)) {
            return;
        }
        let shown = &paths[..paths.len().min(LABELS)];
        let labels = shown
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

    /// Another value stands in for the refused one at `path`.
    pub fn stand_in(&mut self, path: &Path) {
        self.stand_ins.insert(path.clone());
    }

    /// Whether what is at `path`, around it or below it is not what the user meant.
    pub fn stands_in(&self, path: &Path) -> bool {
        self.stands_in_around(path) || self.stands_in_below(path)
    }

    fn stands_in_around(&self, path: &Path) -> bool {
        let none = self.stand_ins.is_empty();
        !none && (0..=path.0.len()).any(|n| self.stand_ins.contains(&Path(path.0[..n].to_vec())))
    }

    fn stands_in_below(&self, path: &Path) -> bool {
        let next = self.stand_ins.range(path.clone()..).next();
        next.is_some_and(|below| below.0.starts_with(&path.0))
    }

    /// What is said of a table need not be about each of its keys; of a list it is.
    fn stands_in_at(&self, tree: &Node, path: &Path) -> bool {
        let is_list = || matches!(tree.find(path), (Node { value: Value::List(_), .. }, true));
        self.stands_in_around(path) || self.stands_in_below(path) && is_list()
    }

    /// Problems found elsewhere.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// Whether something was said of one of these keys, or below it.
    pub fn has_said_of(&self, keys: &[&str]) -> bool {
        let below = |problem: &Problem| keys.iter().any(|key| problem.path.contains(key));
        self.problems.iter().any(below)
    }

    /// Whether something was found for which it cannot be run.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.level == Level::Error)
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

    /// What was found, errors before all else where there are too many; each kind by source, then
    /// by line, the order in which a person reads them. None if nothing was.
    pub fn problems(&mut self) -> Option<Problems> {
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
        let (mut shown, mut left) = (Vec::new(), SHOWN);
        let is_error = |problem: &Problem| problem.level <= Level::Moot;
        let (errors, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.problems).into_iter().partition(is_error);
        for problem in errors.into_iter().chain(others) {
            match left {
                0 => self.unshown += 1,
                _ => {
                    left -= 1;
                    shown.push(problem);
                }
            }
        }
        shown.sort_by_key(rank);
        (!shown.is_empty()).then(|| Problems::counted(shown, self.unshown))
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
