//! The scenario as a tree in which every value knows where the user wrote it.

use std::ops::Range;

use toml::de::{DeString, DeTable, DeValue};
use toml::{Spanned, Table, Value as Plain};

use super::path::{Path, Step};

/// A stretch of one source: 0 is the file, `i` the i-th `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: usize,
    pub span: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

/// What TOML can say. `Broken` is an integer beyond 128 bits.
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    Whole(i128),
    Real(f64),
    Flag(bool),
    Date(toml::value::Datetime),
    Broken(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// One `key = value`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_place: Place,
    pub node: Node,
}

impl Node {
    /// The tree of a parsed document; `shift` is where it begins in its source.
    pub fn of_table(table: &Spanned<DeTable<'_>>, source: usize, shift: usize) -> Node {
        Node {
            place: place(table.span(), source, shift),
            value: Value::Table(entries(table.get_ref(), source, shift)),
        }
    }

    /// The tree of a parsed value; `shift` is where it begins in its source.
    pub fn of_value(value: &Spanned<DeValue<'_>>, source: usize, shift: usize) -> Node {
        Node {
            place: place(value.span(), source, shift),
            value: convert(value.get_ref(), source, shift),
        }
    }

    /// The entry under `key`, if this is a table that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The node at `path`, or the nearest one above it that is there and `false`.
    pub fn find(&self, path: &Path) -> (&Node, bool) {
        let mut node = self;
        for step in &path.0 {
            let next = match (step, &node.value) {
                (Step::Key(key), Value::Table(_)) => node.entry(key).map(|entry| &entry.node),
                (Step::Index(index), Value::List(items)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// The same values without places, for serde; none if an integer leaves 128 bits.
    pub fn plain(&self) -> Option<Plain> {
        Some(match &self.value {
            Value::Text(text) => Plain::String(text.clone()),
            // Where such a great one is taken, any number is.
            Value::Whole(whole) => {
                i64::try_from(*whole).map_or(Plain::Float(*whole as f64), Plain::Integer)
            }
            Value::Real(real) => Plain::Float(*real),
            Value::Flag(flag) => Plain::Boolean(*flag),
            Value::Date(date) => Plain::Datetime(*date),
            Value::Broken(_) => return None,
            Value::List(items) => {
                Plain::Array(items.iter().map(Node::plain).collect::<Option<_>>()?)
            }
            Value::Table(entries) => {
                let pairs =
                    entries.iter().map(|entry| Some((entry.key.clone(), entry.node.plain()?)));
                Plain::Table(pairs.collect::<Option<Table>>()?)
            }
        })
    }

    /// What was found, in words.
    pub fn kind(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("the text {text:?}"),
            Value::Whole(whole) => format!("the number {whole}"),
            Value::Real(real) => format!("the number {real}"),
            Value::Flag(flag) => format!("{flag}"),
            Value::Date(_) => "a date or time".to_owned(),
            Value::Broken(digits) => format!("the number {digits}"),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

fn place(span: Range<usize>, source: usize, shift: usize) -> Place {
    Place { source, span: span.start + shift..span.end + shift }
}

fn entries(table: &DeTable<'_>, source: usize, shift: usize) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        key_place: place(key.span(), source, shift),
        node: Node::of_value(value, source, shift),
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, source: usize, shift: usize) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            match i128::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(whole) => Value::Whole(whole),
                Err(_) => Value::Broken(integer.to_string()),
            }
        }
        DeValue::Float(float) => Value::Real(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Date(*date),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| Node::of_value(item, source, shift)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, source, shift)),
    }
}
