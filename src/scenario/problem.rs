//! Everything that is wrong with what the user wrote: all at once, each pointed at.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

/// A text the user wrote, or an excerpt of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// File name, or `--set`.
    pub name: String,
    pub text: String,
    /// Line of the file at which `text` begins; 1 unless it is an excerpt.
    pub first_line: usize,
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
        Problem { path, file, line, column, message, help, labels }
    }

    /// A problem with a file as a whole.
    pub fn of_file(file: &str, message: String, help: Option<String>) -> Problem {
        Problem { file: file.to_owned(), ..Problem::new(String::new(), message, help, Vec::new()) }
    }

    fn group(&self) -> Group<'_> {
        let mut group = Level::ERROR
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
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    /// One source with every label in it; the problem's own place comes first.
    fn snippet<'a>(&'a self, source: &'a Arc<Source>) -> Snippet<'a, Annotation<'a>> {
        let mut snippet = Snippet::source(source.text.as_str())
            .line_start(source.first_line)
            .path(source.name.as_str());
        for (position, label) in self.labels.iter().enumerate() {
            if !Arc::ptr_eq(source, &label.source) {
                continue;
            }
            let kind = match position {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            snippet = snippet.annotation(
                kind.span(label.clipped())
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
        let before = &self.source.text[..self.clipped().start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.source.first_line + before.matches('\n').count();
        (line, before[line_start..].chars().count() + 1)
    }
}

/// All problems of one scenario, in the order of the sources; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// # Panics
    /// Without any problem there is nothing to report.
    pub fn new(problems: Vec<Problem>) -> Problems {
        assert!(!problems.is_empty());
        Problems(problems)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For people: every problem with its excerpt, then their number.
    pub fn render(&self, color: bool) -> String {
        let renderer = match color {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let mut text = String::new();
        for problem in &self.0 {
            text.push_str(&renderer.render(&[problem.group()]));
            text.push_str("\n\n");
        }
        text.push_str(&match self.0.len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        });
        text
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
