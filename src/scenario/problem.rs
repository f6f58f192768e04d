//! Everything that is wrong with what the user wrote: all at once, each pointed at.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet,
};
use serde::Serialize;

/// A text the user wrote, or an excerpt of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// File name, or `--set`.
    pub name: String,
    pub text: String,
    /// Line of the file at which `text` begins; 1 unless it is an excerpt.
    pub first_line: usize,
    /// Bytes at which lines begin, found out once: a scan per problem would be quadratic.
    starts: OnceLock<Vec<usize>>,
}

impl Source {
    /// A text that begins at a line of a file.
    pub fn new(name: &str, text: &str, first_line: usize) -> Source {
        let (name, text) = (name.to_owned(), text.to_owned());
        Source { name, text, first_line, starts: OnceLock::new() }
    }

    /// Bytes at which lines begin, in order.
    fn starts(&self) -> &[usize] {
        self.starts.get_or_init(|| {
            let after = self.text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(after.map(|(_, next)| next)).collect()
        })
    }

    /// Position of the line in which a byte lies.
    pub fn line_of(&self, at: usize) -> usize {
        self.starts().partition_point(|start| *start <= at).saturating_sub(1)
    }
}

/// How much is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It cannot be run.
    #[default]
    Error,
    /// It can be run, but what it says cannot come about, or has no effect: an error to whoever
    /// checks it, a warning to whoever runs it all the same.
    #[serde(rename = "error")]
    Moot,
    /// It is odd.
    Warning,
    /// Something that is good to know.
    Note,
}

impl Level {
    /// Its word, as `check` has it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error | Level::Moot => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

/// A stretch of a source and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub source: Arc<Source>,
    pub span: Range<usize>,
    pub text: String,
}

/// One thing that is wrong: where, which rule, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub level: Level,
    /// Key in the scenario, such as `fleet.cohort[1].share`, or column of a CSV file; may be empty.
    pub path: String,
    /// File name, or `--set`.
    pub file: String,
    /// Counted from 1; 0 if the problem has no place, such as a file that is not there.
    pub line: usize,
    /// In characters, counted from 1; 0 if the problem has no place.
    pub column: usize,
    /// Key, value and rule: `fleet.devices = 0: must be at least 1`.
    pub message: String,
    pub help: Option<String>,
    #[serde(skip)]
    labels: Vec<Label>,
}

impl Problem {
    /// A problem at the first of `labels`; the others are shown with it.
    pub fn new(path: String, message: String, help: Option<String>, labels: Vec<Label>) -> Problem {
        let (file, line, column) = match labels.first() {
            Some(label) => {
                let (line, column) = label.line_and_column();
                (label.source.name.clone(), line, column)
            }
            None => (String::new(), 0, 0),
        };
        Problem { level: Level::Error, path, file, line, column, message, help, labels }
    }

    /// A problem with a file as a whole.
    pub fn of_file(file: &str, message: String, help: Option<String>) -> Problem {
        Problem { file: file.to_owned(), ..Problem::new(String::new(), message, help, Vec::new()) }
    }

    /// The same at another level.
    pub fn at_level(self, level: Level) -> Problem {
        Problem { level, ..self }
    }

    fn group(&self) -> Group<'_> {
        let title = match self.level {
            Level::Error | Level::Moot => Title::ERROR,
            Level::Warning => Title::WARNING,
            Level::Note => Title::NOTE,
        };
        let mut group = title
            .primary_title(self.message.as_str())
            .elements(Vec::<Snippet<'_, Annotation<'_>>>::new());
        if self.labels.is_empty() && !self.file.is_empty() {
            group = group.element(Origin::path(self.file.as_str()));
        }
        let mut shown: Vec<&Arc<Source>> = Vec::new();
        for label in &self.labels {
            if shown.iter().any(|source| Arc::ptr_eq(source, &label.source)) {
                continue;
            }
            shown.push(&label.source);
            group = group.element(self.snippet(&label.source));
        }
        match &self.help {
            Some(help) => group.element(Title::HELP.message(help.as_str())),
            None => group,
        }
    }

    /// The lines of one source that have a label, and what is between them; the problem's own
    /// place comes first.
    fn snippet<'a>(&'a self, source: &'a Arc<Source>) -> Snippet<'a, Annotation<'a>> {
        let own = |label: &&Label| Arc::ptr_eq(source, &label.source);
        let spans = self.labels.iter().filter(own).map(Label::clipped);
        let (from, to) = spans
            .fold((usize::MAX, 0), |(from, to), span| (from.min(span.start), to.max(span.end)));
        // The renderer looks at all lines that it is given, for each problem anew.
        let (first, last) = (source.line_of(from), source.line_of(to));
        let begin = source.starts()[first];
        let end = source.starts().get(last + 1).map_or(source.text.len(), |next| *next);
        let mut snippet = Snippet::source(&source.text[begin..end])
            .line_start(source.first_line + first)
            .path(source.name.as_str());
        for (position, label) in self.labels.iter().enumerate() {
            if !Arc::ptr_eq(source, &label.source) {
                continue;
            }
            let kind = match position {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            let span = label.clipped();
            snippet = snippet.annotation(
                kind.span(span.start - begin..span.end - begin)
                    .label((!label.text.is_empty()).then_some(label.text.as_str())),
            );
        }
        snippet
    }
}

impl Label {
    /// The span within the text and on character boundaries.
    fn clipped(&self) -> Range<usize> {
        let text = &self.source.text;
        let start = text.floor_char_boundary(self.span.start);
        let end = text.ceil_char_boundary(self.span.end.min(text.len()));
        start..end.max(start)
    }

    fn line_and_column(&self) -> (usize, usize) {
        let at = self.clipped().start;
        let line = self.source.line_of(at);
        let before = &self.source.text[self.source.starts()[line]..at];
        (self.source.first_line + line, before.chars().count() + 1)
    }
}

/// What was found in one scenario, in the order of the sources; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    shown: Vec<Problem>,
    unshown: usize,
}

impl Problems {
    /// # Panics
    /// Without any problem there is nothing to report.
    pub fn new(problems: Vec<Problem>) -> Problems {
        Problems::counted(problems, 0)
    }

    /// With so many more that are only counted.
    ///
    /// # Panics
    /// Without any problem there is nothing to report.
    pub fn counted(shown: Vec<Problem>, unshown: usize) -> Problems {
        assert!(!shown.is_empty());
        Problems { shown, unshown }
    }

    /// Those that are told in full.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.shown.iter()
    }

    /// How many are only counted.
    pub fn unshown(&self) -> usize {
        self.unshown
    }

    /// Whether there is an error, which one that is moot is to whoever checks.
    pub fn has_errors(&self) -> bool {
        self.unshown > 0 || self.shown.iter().any(|problem| problem.level <= Level::Moot)
    }

    /// For whoever runs the scenario all the same: what is moot becomes a warning, notes are left
    /// out; none, if nothing is left.
    pub fn as_warnings(&self) -> Option<Problems> {
        let telling = self.shown.iter().filter(|problem| problem.level != Level::Note);
        let warning = |problem: &Problem| problem.clone().at_level(Level::Warning);
        let shown: Vec<Problem> = telling.map(warning).collect();
        (!shown.is_empty()).then(|| Problems::counted(shown, self.unshown))
    }

    /// All of them.
    pub fn len(&self) -> usize {
        self.shown.len() + self.unshown
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// For people: every problem with its excerpt, then their number.
    pub fn render(&self, color: bool) -> String {
        let renderer = match color {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let mut text = String::new();
        for problem in &self.shown {
            text.push_str(&renderer.render(&[problem.group()]));
            text.push_str("\n\n");
        }
        text + &self.tally()
    }

    /// `2 problems, 1 warning`; what is not shown is said to be.
    pub fn tally(&self) -> String {
        let of = |levels: &[Level]| self.shown.iter().filter(|p| levels.contains(&p.level)).count();
        let errors = of(&[Level::Error, Level::Moot]);
        let (warnings, notes) = (of(&[Level::Warning]), of(&[Level::Note]));
        // What is not shown is of the gravest kind that is.
        let (more_errors, more) = if errors > 0 { (self.unshown, 0) } else { (0, self.unshown) };
        let counts =
            [("problem", errors + more_errors), ("warning", warnings + more), ("note", notes)];
        let counts = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{count} {word}{plural}")
        });
        let text = counts.collect::<Vec<_>>().join(", ");
        match self.unshown {
            0 => text,
            unshown => format!("{text}; {unshown} of them are not shown"),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
