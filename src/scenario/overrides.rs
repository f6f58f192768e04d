//! `--set path=value`: changes the tree before it is checked.

use serde_json::Value as Schema;
use toml::de::DeValue;

use super::findings::{Findings, suggestion};
use super::path::{Path, Step};
use super::schema::{self, Shape};
use super::tree::{Entry, Node, Place, Value};

/// Applies every `--set` in order; those that cannot be applied become problems.
pub fn apply(findings: &mut Findings, tree: &mut Node) {
    for source in 1..findings.sources.len() {
        let text = findings.sources[source].text.clone();
        let whole = Place { source, span: 0..text.len() };
        let Some(equals) = equals_sign(&text) else {
            let help = "write for example --set fleet.devices=5000".to_owned();
            let message = format!("--set {text}: expected path=value");
            findings.at(&whole, &Path::root(), message, Some(help));
            continue;
        };
        let path = match Path::parse(&text[..equals]) {
            Ok(path) => path,
            Err(rule) => {
                let message = format!("--set {text}: {rule}");
                findings.at(&whole, &Path::root(), message, None);
                continue;
            }
        };
        let change = Change {
            value: value_of(&text, equals + 1, source),
            key_place: Place { source, span: 0..equals },
        };
        if let Err((rule, help)) = put(tree, &path.0, change, Some(schema::root())) {
            findings.at(&whole, &path, format!("--set {path}: {rule}"), help);
        }
    }
}

/// The first `=` outside quotes.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '=') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

/// A TOML value, or else the text itself.
fn value_of(text: &str, start: usize, source: usize) -> Node {
    let raw = &text[start..];
    let trimmed = raw.trim();
    let shift = start + raw.len() - raw.trim_start().len();
    match DeValue::parse(trimmed) {
        Ok(value) => Node::of_value(&value, source, shift),
        Err(_) => Node {
            place: Place { source, span: shift..shift + trimmed.len() },
            value: Value::Text(trimmed.to_owned()),
        },
    }
}

struct Change {
    value: Node,
    key_place: Place,
}

type Refusal = (String, Option<String>);

fn put(
    node: &mut Node,
    steps: &[Step],
    change: Change,
    schema: Option<&Schema>,
) -> Result<(), Refusal> {
    let Some((step, rest)) = steps.split_first() else {
        *node = change.value;
        return Ok(());
    };
    match (step, &mut node.value) {
        (Step::Index(index), Value::List(items)) => {
            let count = items.len();
            match items.get_mut(*index) {
                Some(item) => put(item, rest, change, items_of(schema)),
                None => Err((
                    format!("there is no entry [{index}]"),
                    Some(format!("there are {count}, counted from [0]")),
                )),
            }
        }
        (Step::Index(index), _) => {
            Err((format!("[{index}] follows something that is not a list"), None))
        }
        (Step::Key(name), Value::List(items)) => {
            let named = items.iter().position(|item| name_of(item) == Some(name));
            match named {
                Some(index) => put(&mut items[index], rest, change, items_of(schema)),
                None => Err((
                    format!("no entry is named `{name}`"),
                    suggestion(name, items.iter().filter_map(name_of)),
                )),
            }
        }
        (Step::Key(key), Value::Table(_)) => put_key(node, key, rest, change, schema),
        (Step::Key(key), _) => {
            // A plain value gives way to a table: `install = "60 s"` to `install.lognormal`.
            *node = empty_table(&change.key_place);
            put_key(node, key, rest, change, schema)
        }
    }
}

fn put_key(
    node: &mut Node,
    key: &str,
    rest: &[Step],
    change: Change,
    schema: Option<&Schema>,
) -> Result<(), Refusal> {
    let Value::Table(entries) = &mut node.value else {
        unreachable!("the caller made it a table");
    };
    let inner = match schema.map(Shape::of) {
        Some(Shape::Table(table)) => table.child(key),
        Some(Shape::Choice(choice)) => {
            // Only one variant can hold; the new one replaces the other.
            entries.retain(|entry| entry.key == key);
            let found = choice.variants.iter().find(|(name, _)| *name == key);
            found.map(|(_, inner)| *inner)
        }
        _ => None,
    };
    if !entries.iter().any(|entry| entry.key == key) {
        entries.push(Entry {
            key: key.to_owned(),
            key_place: change.key_place.clone(),
            node: empty_table(&change.key_place),
        });
    }
    let entry = entries.iter_mut().find(|entry| entry.key == key);
    put(&mut entry.expect("just made").node, rest, change, inner)
}

fn empty_table(place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Table(Vec::new()) }
}

fn items_of(schema: Option<&Schema>) -> Option<&Schema> {
    match schema.map(Shape::of) {
        Some(Shape::List { items, .. }) => Some(items),
        _ => None,
    }
}

fn name_of(node: &Node) -> Option<&str> {
    match &node.entry("name")?.node.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}
