//! Asking for a number by its name: `path[.pQ][(argument)][{label="value", …}]`.

use std::fmt;
use std::ops::Range;

use crate::model::Span;
use crate::scenario::units::Unit;
use crate::sim::outcome::{Outcome, Tally};
use crate::stats::{Latency, Minutes};

use super::{Label, Look, Metric, Source, Statistic, Takes, Value, table};

/// A metric with all that must be said to have one number.
#[derive(Clone)]
pub struct Query {
    pub metric: &'static Metric,
    /// In thousandths of a percent.
    pub quantile: Option<u32>,
    pub argument: Option<Span>,
    pub labels: Vec<(Label, String)>,
}

/// Why a text names no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// Which bytes of the text are wrong.
    pub at: Range<usize>,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl QueryError {
    fn new(at: Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError { at, message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> QueryError {
        QueryError { help: Some(help.into()), ..self }
    }
}

impl Query {
    /// The metric by itself, as it stands in the table.
    ///
    /// # Panics
    /// If it takes a quantile or an instant.
    pub fn plain(metric: &'static Metric) -> Query {
        assert!(matches!(metric.takes, Takes::Nothing | Takes::Window), "it takes something");
        Query { metric, quantile: None, argument: None, labels: Vec::new() }
    }

    /// The metric at a quantile, in thousandths of a percent.
    ///
    /// # Panics
    /// If it takes none.
    pub fn at_quantile(metric: &'static Metric, thousandths: u32) -> Query {
        assert!(metric.takes == Takes::Quantile, "it takes no quantile");
        Query { metric, quantile: Some(thousandths), argument: None, labels: Vec::new() }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// Where and why the text names no number.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        let end = text.find(['(', '{']).unwrap_or(text.len());
        let path = text[..end].trim_end();
        let (metric, quantile) = named(path)?;
        let mut query = Query { metric, quantile, argument: None, labels: Vec::new() };
        let mut rest = end;
        if text[rest..].starts_with('(') {
            let close = closing(text, rest, ')')?;
            query.argument = Some(query.read_argument(text, rest + 1..close)?);
            rest = skip_blanks(text, close + 1);
        }
        if text[rest..].starts_with('{') {
            let close = closing(text, rest, '}')?;
            query.labels = query.read_labels(text, rest + 1..close)?;
            rest = skip_blanks(text, close + 1);
        }
        if rest < text.len() {
            return Err(QueryError::new(rest..text.len(), "nothing may follow the name"));
        }
        if metric.takes == Takes::Instant && query.argument.is_none() {
            let example = format!("as in {}(2 d)", metric.name);
            return Err(QueryError::new(0..end, "it needs a time").help(example));
        }
        Ok(query)
    }

    fn read_argument(&self, text: &str, at: Range<usize>) -> Result<Span, QueryError> {
        let argument = &text[at.clone()];
        let wrong = |message: String| QueryError::new(at.clone(), message);
        if !matches!(self.metric.takes, Takes::Instant | Takes::Window) {
            return Err(wrong(format!("{} takes no argument", self.metric.name)));
        }
        let span = Span::parse(argument.trim()).map_err(|error| wrong(error.to_string()))?;
        let whole = span.0 > 0 && span.0.is_multiple_of(Minutes::BIN.0);
        if self.metric.takes == Takes::Window && !whole {
            return Err(wrong("a window is one minute or several".to_owned()));
        }
        Ok(span)
    }

    fn read_labels(
        &self,
        text: &str,
        at: Range<usize>,
    ) -> Result<Vec<(Label, String)>, QueryError> {
        let mut labels = Vec::new();
        let mut from = skip_blanks(text, at.start);
        while from < at.end {
            let equals = text[from..at.end].find('=').map(|found| from + found);
            let Some(equals) = equals else {
                let wrong = QueryError::new(from..at.end, "a label has a value");
                return Err(wrong.help("as in {cohort=\"battery\"}"));
            };
            let name = text[from..equals].trim();
            let label = self.label(name, from..equals)?;
            let open = skip_blanks(text, equals + 1);
            let close = text[open..at.end].strip_prefix('"').and_then(|value| value.find('"'));
            let Some(length) = close else {
                return Err(QueryError::new(open..at.end, "a label's value stands in quotes"));
            };
            if labels.iter().any(|(known, _)| *known == label) {
                return Err(QueryError::new(from..equals, "the label stands there twice"));
            }
            labels.push((label, text[open + 1..open + 1 + length].to_owned()));
            from = skip_blanks(text, open + length + 2);
            match text[from..at.end].chars().next() {
                Some(',') => from = skip_blanks(text, from + 1),
                Some(_) => return Err(QueryError::new(from..at.end, "a comma parts labels")),
                None => {}
            }
        }
        labels.sort();
        Ok(labels)
    }

    fn label(&self, name: &str, at: Range<usize>) -> Result<Label, QueryError> {
        let own = self.metric.labels;
        own.iter().copied().find(|label| label.name() == name).ok_or_else(|| {
            let names: Vec<&str> = own.iter().map(|label| label.name()).collect();
            let message = format!("{} has no label {name:?}", self.metric.name);
            let help = match names.is_empty() {
                true => "it has none".to_owned(),
                false => format!("it has: {}", names.join(", ")),
            };
            QueryError::new(at, message).help(help)
        })
    }

    /// The label's value, if it was given.
    pub fn label_of(&self, label: Label) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == label).map(|(_, value)| value.as_str())
    }

    fn look(&self, look: &Look) -> Value {
        match self.metric.source {
            Source::Counter(counter) => Value::Number((counter.of)(look.tally) as f64),
            Source::Tally(of) => of(look.tally, self),
            Source::Outcome(of) => of(look, self),
            Source::Latency(lasted, statistic) => match lasted.of(look) {
                Some(latency) => self.statistic(latency, statistic),
                None => Value::Missing,
            },
        }
    }

    fn statistic(&self, latency: &Latency, statistic: Statistic) -> Value {
        let seconds = |span: Option<Span>| span.map(Span::as_secs_f64);
        Value::of(match statistic {
            Statistic::Mean => latency.mean_s(),
            Statistic::Min => seconds(latency.min()),
            Statistic::Max => seconds(latency.max()),
            Statistic::Quantile => {
                let thousandths = self.quantile.expect("read with its quantile");
                let rank = crate::sim::outcome::rank_of(thousandths, latency.count());
                seconds(latency.at_rank(rank.max(1)))
            }
        })
    }
}

/// A run to ask for numbers, with its sums over cohorts at hand.
pub struct Measured<'a> {
    run: &'a Outcome,
    /// By package.
    totals: Vec<Tally>,
}

impl<'a> Measured<'a> {
    /// Sums the run up once, however many numbers are asked for.
    pub fn new(run: &'a Outcome) -> Measured<'a> {
        Measured { run, totals: run.packages().map(Outcome::total).collect() }
    }

    /// What a query comes to; missing also where a label names nothing in the run.
    pub fn value(&self, query: &Query) -> Value {
        let Some((package, total)) = self.package(query) else { return Value::Missing };
        let tally = match query.label_of(Label::Cohort) {
            None => total,
            Some(name) => match package.cohorts.iter().find(|cohort| cohort.name == name) {
                Some(cohort) => &cohort.tally,
                None => return Value::Missing,
            },
        };
        query.look(&Look { run: self.run, package, tally })
    }

    /// The package it is about: by campaign and module, else the first.
    fn package(&self, query: &Query) -> Option<(&'a Outcome, &Tally)> {
        let campaign = query.label_of(Label::Campaign);
        let module = query.label_of(Label::Package);
        let fits = |(outcome, _): &(&Outcome, &Tally)| {
            campaign.is_none_or(|name| outcome.campaign.name == name)
                && module.is_none_or(|name| outcome.module == name)
        };
        self.run.packages().zip(&self.totals).find(fits)
    }
}

impl fmt::Display for Query {
    /// Reads back to the same query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.metric.name)?;
        if let Some(thousandths) = self.quantile {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            write!(f, ".p{}", text.trim_end_matches('0').trim_end_matches('.'))?;
        }
        if let Some(argument) = self.argument {
            write!(f, "({})", argument.exact())?;
        }
        for (at, (label, value)) in self.labels.iter().enumerate() {
            let open = if at == 0 { "{" } else { ", " };
            write!(f, "{open}{}=\"{value}\"", label.name())?;
        }
        f.write_str(if self.labels.is_empty() { "" } else { "}" })
    }
}

/// The numbers that every summary has: all that need no further word, and the usual quantiles.
pub fn standard() -> Vec<Query> {
    const SHARES: [u32; 5] = [50_000, 90_000, 95_000, 99_000, 100_000];
    const QUANTILES: [u32; 5] = [50_000, 90_000, 95_000, 99_000, 99_900];
    let all = table().iter();
    // A number of a stage is none without its stage.
    let all = all.filter(|metric| !metric.labels.contains(&Label::Stage));
    all.flat_map(|metric| match (metric.takes, &metric.source) {
        (Takes::Nothing | Takes::Window, _) => vec![Query::plain(metric)],
        (Takes::Quantile, Source::Latency(..)) => {
            QUANTILES.map(|q| Query::at_quantile(metric, q)).to_vec()
        }
        (Takes::Quantile, _) => SHARES.map(|q| Query::at_quantile(metric, q)).to_vec(),
        (Takes::Instant, _) => Vec::new(),
    })
    .collect()
}

/// The metric of a path, and the quantile behind it.
fn named(path: &str) -> Result<(&'static Metric, Option<u32>), QueryError> {
    if let Some(metric) = table().iter().find(|metric| metric.name == path) {
        return match metric.takes {
            Takes::Quantile => {
                let example = format!("as in {}.p95", metric.name);
                Err(QueryError::new(0..path.len(), "it needs a quantile").help(example))
            }
            _ => Ok((metric, None)),
        };
    }
    let quantiles = path.match_indices(".p").filter_map(|(at, _)| {
        let metric = table().iter().find(|metric| metric.name == path[..at])?;
        (metric.takes == Takes::Quantile).then_some((at + 2, metric))
    });
    if let Some((from, metric)) = quantiles.into_iter().last() {
        let thousandths = thousandths(&path[from..]).ok_or_else(|| {
            let message = "a quantile lies above 0 and at most at 100, with up to three decimals";
            QueryError::new(from..path.len(), message)
        })?;
        return Ok((metric, Some(thousandths)));
    }
    let unknown = QueryError::new(0..path.len(), format!("there is no metric {path:?}"));
    Err(unknown.help(match nearest(path) {
        Some(name) => format!("did you mean {name}? `fleetstorm metrics` lists all"),
        None => "`fleetstorm metrics` lists all".to_owned(),
    }))
}

fn nearest(path: &str) -> Option<&'static str> {
    let all = table().iter().map(|metric| {
        let near = strsim::jaro_winkler(&metric.name, path);
        (near, &*metric.name)
    });
    let best = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// A percentage of up to three decimals in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 3 || part.len() > 3 {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let value = whole * 1000 + format!("{part:0<3}").parse::<u32>().ok()?;
    (1..=100_000).contains(&value).then_some(value)
}

fn closing(text: &str, open: usize, close: char) -> Result<usize, QueryError> {
    // A label's value may hold anything but quotes.
    let mut quoted = false;
    for (at, c) in text[open + 1..].char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c == close && !quoted => return Ok(open + 1 + at),
            _ => {}
        }
    }
    Err(QueryError::new(open..text.len(), format!("a {close} is missing")))
}

fn skip_blanks(text: &str, from: usize) -> usize {
    let rest = &text[from.min(text.len())..];
    text.len() - rest.trim_start().len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_and_print_back() {
        for text in [
            "targeted.count",
            "time_to.p95",
            "time_to.p99.999",
            "done.at(2 d)",
            "peak.requests_per_s(5 min)",
            "failed.share{cohort=\"battery\", reason=\"timeout\"}",
            "latency.download.p99.9{cohort=\"a (b} c\"}",
            "latency.wait.mean",
        ] {
            assert_eq!(Query::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Query::parse("time_to.p050.500 ").unwrap().to_string(), "time_to.p50.5");
    }

    #[test]
    fn every_standard_name_reads_back() {
        let mut names: Vec<String> = standard().iter().map(Query::to_string).collect();
        for name in &names {
            assert_eq!(Query::parse(name).unwrap().to_string(), *name);
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "each name once");
    }

    #[test]
    fn errors_point_at_what_is_wrong() {
        for (text, wrong, says) in [
            ("time_too.p95", "time_too.p95", "no metric"),
            ("time_to", "time_to", "needs a quantile"),
            ("time_to.p0", "0", "above 0"),
            ("time_to.p100.001", "100.001", "at most at 100"),
            ("done.at", "done.at", "needs a time"),
            ("done.at(2 fortnights)", "2 fortnights", "fortnights"),
            ("peak.egress(10 s)", "10 s", "a window"),
            ("retries.count(2 d)", "2 d", "takes no argument"),
            ("failed.share{cohort=battery}", "battery", "in quotes"),
            ("failed.share{color=\"red\"}", "color", "no label"),
            ("failed.share{cohort}", "cohort", "has a value"),
            ("failed.share{cohort=\"a\" reason=\"b\"}", "reason=\"b\"", "comma"),
            ("failed.share{cohort=\"a\"", "{cohort=\"a\"", "missing"),
            ("failed.share now", "failed.share now", "no metric"),
        ] {
            let error = Query::parse(text).err().unwrap_or_else(|| panic!("{text} is read"));
            assert_eq!(&text[error.at.clone()], wrong, "{text}: {error}");
            assert!(error.message.contains(says), "{text}: {error}");
        }
        let help = Query::parse("succeded.count").err().unwrap().help.unwrap();
        assert!(help.contains("did you mean succeeded.count"), "{help}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z_.p0-9(){}=\", é]{0,40}") {
            if let Err(error) = Query::parse(&text) {
                prop_assert!(text.get(error.at.clone()).is_some());
            }
        }
    }
}
