//! Checks the tree's structure against the schema, so that serde has nothing left to refuse.

use serde_json::Value as Schema;

use super::findings::{Findings, nearest, suggestion};
use super::moments::{Condition, Moment, TimeOfDay};
use super::path::Path;
use super::schema::{Choice, Shape, TableShape};
use super::stand_in;
use super::tree::{Entry, Node, Value};
use super::units::{Unit, UnitError, with_unit};
use crate::model::{BitRate, Bytes, EventRate, Span};

/// Reports every unknown or missing key, wrong type, unknown word, unit and number out of
/// range below `node`, and puts a stand-in in its place: what is left can be read.
pub fn walk(findings: &mut Findings, node: &mut Node, schema: &Schema, path: &Path) {
    let sound = match Shape::of(schema) {
        Shape::Choice(choice) => walk_choice(findings, node, &choice, path),
        Shape::Table(shape) => walk_table(findings, node, &shape, path),
        Shape::List { items, least, most } => walk_list(findings, node, (items, least, most), path),
        Shape::Text { format, least } => walk_text(findings, node, format, least, path),
        Shape::Whole { min, max } => walk_whole(findings, node, min, max, path),
        Shape::Real { min, max } => walk_real(findings, node, min, max, path),
        Shape::Flag => match node.value {
            Value::Flag(_) => Ok(()),
            _ => wrong_type(findings, node, path, "true or false", None),
        },
    };
    if sound.is_err() {
        node.value = stand_in::value(schema, &node.place);
        findings.stand_in(path);
    }
}

/// The value itself was refused, and needs a stand-in.
struct Refused;

fn refuse(
    findings: &mut Findings,
    node: &Node,
    path: &Path,
    rule: &str,
    help: Option<String>,
) -> Result<(), Refused> {
    let message = format!("{}{}: {rule}", name(path), findings.shown(node));
    findings.at(&node.place, path, message, help);
    Err(Refused)
}

fn wrong_type(
    findings: &mut Findings,
    node: &Node,
    path: &Path,
    expected: &str,
    help: Option<String>,
) -> Result<(), Refused> {
    let rule = format!("expected {expected}, found {}", node.kind());
    findings.at(&node.place, path, format!("{}: {rule}", name(path)), help);
    Err(Refused)
}

fn name(path: &Path) -> String {
    match path.0.is_empty() {
        true => "the scenario".to_owned(),
        false => path.to_string(),
    }
}

fn walk_list(
    findings: &mut Findings,
    node: &mut Node,
    (items, least, most): (&Schema, usize, usize),
    path: &Path,
) -> Result<(), Refused> {
    let Value::List(list) = &mut node.value else {
        return wrong_type(findings, node, path, "a list", list_remedy(items, path));
    };
    let count = list.len();
    for (index, item) in list.iter_mut().enumerate() {
        walk(findings, item, items, &path.index(index));
    }
    if count < least {
        let entries = if least == 1 { "entry" } else { "entries" };
        return refuse(findings, node, path, &format!("needs at least {least} {entries}"), None);
    }
    if count > most {
        let rule = format!("has {count} entries, more than {most}");
        return refuse(findings, node, path, &rule, None);
    }
    Ok(())
}

fn list_remedy(items: &Schema, path: &Path) -> Option<String> {
    match Shape::of(items) {
        Shape::Table(_) => Some(format!("begin each one with a line [[{path}]]")),
        Shape::Text { .. } => Some("write [\"…\", \"…\"]".to_owned()),
        _ => None,
    }
}

fn walk_table(
    findings: &mut Findings,
    node: &mut Node,
    shape: &TableShape<'_>,
    path: &Path,
) -> Result<(), Refused> {
    let place = node.place.clone();
    let Value::Table(entries) = &mut node.value else {
        let keys: Vec<&str> = shape.keys().collect();
        let help = (!keys.is_empty()).then(|| format!("its keys are {}", keys.join(", ")));
        return wrong_type(findings, node, path, "a table", help);
    };
    // Keys that are there under a name like their own.
    let mut meant: Vec<&str> = Vec::new();
    entries.retain_mut(|entry| match shape.child(&entry.key) {
        Some(child) => {
            walk(findings, &mut entry.node, child, &path.key(&entry.key));
            true
        }
        None => {
            unknown_key(findings, entry, &path.key(&entry.key), || shape.keys().collect());
            // More are never told apart: to compare every key of a flood takes long.
            if meant.len() < 20 {
                meant.extend(nearest(&entry.key, shape.keys()));
            }
            false
        }
    });
    let missing = shape.required.iter().filter(|key| !meant.contains(key));
    let mut added: Vec<&str> = Vec::new();
    for key in missing.filter(|key| !entries.iter().any(|entry| entry.key == **key)) {
        let rule = format!("{} is missing", path.key(key));
        let meaning = shape.child(key).and_then(|s| s["description"].as_str());
        let section = match shape.child(key).map(Shape::of) {
            Some(Shape::Table(_)) => format!("begin it with a line [{}]; ", path.key(key)),
            _ => String::new(),
        };
        let help = meaning.map(|meaning| format!("{section}`{key}`: {meaning}"));
        findings.at(&place, &path.key(key), rule, help);
        added.push(key);
    }
    for key in meant.into_iter().chain(added) {
        let Some(child) = shape.child(key) else { continue };
        match entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node.value) {
            // One more entry was meant.
            Some(Value::List(items)) => findings.stand_in(&path.key(key).index(items.len())),
            Some(_) => {}
            None => {
                entries.push(stand_in::entry(key, child, &place));
                findings.stand_in(&path.key(key));
            }
        }
    }
    Ok(())
}

fn unknown_key<'k>(
    findings: &mut Findings,
    entry: &Entry,
    path: &Path,
    known: impl FnOnce() -> Vec<&'k str>,
) {
    let nothing = || Some("nothing may be given here; remove it".to_owned());
    findings
        .unknown_key(&entry.key_place, path, || suggestion(&entry.key, known()).or_else(nothing));
}

fn walk_choice(
    findings: &mut Findings,
    node: &mut Node,
    choice: &Choice<'_>,
    path: &Path,
) -> Result<(), Refused> {
    let variants = || choice.variants.iter().map(|(name, _)| *name);
    match &mut node.value {
        Value::Text(word) => {
            if let Some(plain) = choice.plain {
                walk(findings, node, plain, path);
                return Ok(());
            }
            if choice.words.contains(&word.as_str()) {
                return Ok(());
            }
            if variants().any(|name| name == word) {
                let help = format!("write {path}.{word} = …");
                return refuse(findings, node, path, "needs a value", Some(help));
            }
            let known = choice.words.iter().copied().chain(variants());
            let mut help = suggestion(word, distinct(known));
            if let Some(key) = choice.variants.iter().find_map(|one| key_for(word, one)) {
                help = Some(format!("write {path}.{key} = \"{word}\""));
            } else if let (Some(help), Some(variant)) = (&mut help, variants().next()) {
                help.push_str(&format!(
                    "; a value goes under one of the keys: {path}.{variant} = …"
                ));
            }
            refuse(findings, node, path, "unknown word", help)
        }
        Value::Table(entries) if !choice.variants.is_empty() => match entries.as_mut_slice() {
            [entry] => match choice.variants.iter().find(|(name, _)| *name == entry.key) {
                Some((_, inner)) => {
                    walk(findings, &mut entry.node, inner, &path.key(&entry.key));
                    Ok(())
                }
                None => {
                    let known = || distinct(variants()).collect();
                    unknown_key(findings, entry, &path.key(&entry.key), known);
                    Err(Refused)
                }
            },
            [] => {
                let help = suggestion("", distinct(variants()));
                let message = format!("{path}: needs exactly one key, found none");
                findings.at(&node.place, path, message, help);
                Err(Refused)
            }
            [_, _, ..] => several_variants(findings, entries, path),
        },
        _ => match choice.plain {
            Some(plain) => {
                walk(findings, node, plain, path);
                Ok(())
            }
            None => {
                let known = choice.words.iter().copied().chain(variants());
                let help = suggestion("", distinct(known));
                wrong_type(findings, node, path, "one of the known words", help)
            }
        },
    }
}

/// The key of a variant under which a quantity would do.
fn key_for(text: &str, (name, schema): &(&str, &Schema)) -> Option<String> {
    let is_taken = |schema: &Schema| match Shape::of(schema) {
        Shape::Text { format, .. } => {
            format.and_then(unit_of).is_some_and(|unit| (unit.check)(text).is_ok())
        }
        _ => false,
    };
    match Shape::of(schema) {
        Shape::Choice(Choice { plain: Some(plain), .. }) => {
            is_taken(plain).then(|| (*name).to_owned())
        }
        Shape::Table(table) => {
            let mut required = table.required.iter();
            let key = required.find(|key| table.child(key).is_some_and(is_taken))?;
            Some(format!("{name}.{key}"))
        }
        _ => is_taken(schema).then(|| (*name).to_owned()),
    }
}

fn several_variants(
    findings: &mut Findings,
    entries: &[Entry],
    path: &Path,
) -> Result<(), Refused> {
    let found: Vec<&str> = entries.iter().take(8).map(|entry| entry.key.as_str()).collect();
    let message = format!("{path}: needs exactly one key, found {}", found.join(", "));
    let help = "keep one of them".to_owned();
    findings.at(&entries[1].key_place, path, message, Some(help));
    Err(Refused)
}

/// Keeps the first of equal names; words also appear as variants with an empty table.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen: Vec<&str> = Vec::new();
    names.filter(move |name| {
        let new = !seen.contains(name);
        seen.push(name);
        new
    })
}

fn walk_text(
    findings: &mut Findings,
    node: &Node,
    format: Option<&str>,
    least: usize,
    path: &Path,
) -> Result<(), Refused> {
    let unit = format.and_then(unit_of);
    match (&node.value, unit) {
        (Value::Text(text), Some(unit)) => match (unit.check)(text) {
            Ok(()) => Ok(()),
            Err(error) => refuse(findings, node, path, &error.rule, Some(error.remedy)),
        },
        (Value::Text(text), None) => match text.chars().count() < least {
            true => refuse(findings, node, path, "must not be empty", None),
            false => Ok(()),
        },
        (Value::Whole(_) | Value::Real(_) | Value::Broken(_), Some(unit)) => {
            let number = findings.shown(node);
            let rule = format!("{} needs a unit", unit.what);
            let remedy = (unit.with_unit)(number.trim_start_matches(" = "));
            refuse(findings, node, path, &rule, Some(remedy))
        }
        (Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Date(_), None) => {
            let raw = findings.shown(node);
            let help = format!("put it in quotes: \"{}\"", raw.trim_start_matches(" = "));
            wrong_type(findings, node, path, "text", Some(help))
        }
        (_, Some(unit)) => {
            let expected = format!("{} such as \"{}\"", unit.what, unit.example);
            wrong_type(findings, node, path, &expected, None)
        }
        (_, None) => wrong_type(findings, node, path, "text", None),
    }
}

/// A unit's parser without its type.
struct UnitRules {
    what: &'static str,
    example: &'static str,
    check: fn(&str) -> Result<(), UnitError>,
    with_unit: fn(&str) -> String,
}

fn unit_of(format: &str) -> Option<UnitRules> {
    fn rules<U: Unit>() -> UnitRules {
        UnitRules {
            what: U::WHAT,
            example: U::EXAMPLE,
            check: |text| U::parse(text).map(|_| ()),
            with_unit: with_unit::<U>,
        }
    }
    match format {
        Span::FORMAT => Some(rules::<Span>()),
        Bytes::FORMAT => Some(rules::<Bytes>()),
        BitRate::FORMAT => Some(rules::<BitRate>()),
        EventRate::FORMAT => Some(rules::<EventRate>()),
        TimeOfDay::FORMAT => Some(rules::<TimeOfDay>()),
        Moment::FORMAT => Some(rules::<Moment>()),
        Condition::FORMAT => Some(rules::<Condition>()),
        _ => None,
    }
}

/// The number in a text, if there is one: `"40 %"` stands for 0.4.
fn number_in(value: &Value) -> Option<String> {
    let Value::Text(text) = value else { return None };
    let (digits, whole) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text.as_str(), 1.0),
    };
    let number: f64 = digits.trim().parse().ok()?;
    Some(format!("write {}, without quotes", number / whole))
}

fn walk_whole(
    findings: &mut Findings,
    node: &Node,
    min: i128,
    max: i128,
    path: &Path,
) -> Result<(), Refused> {
    match node.value {
        Value::Whole(whole) if (min..=max).contains(&whole) => Ok(()),
        Value::Whole(_) | Value::Broken(_) => {
            let rule = match (min, max) {
                (min, max) if min == max => format!("must be {min}"),
                (min, max) => format!("must be a whole number from {min} to {max}"),
            };
            refuse(findings, node, path, &rule, None)
        }
        _ => wrong_type(findings, node, path, "a whole number", number_in(&node.value)),
    }
}

fn walk_real(
    findings: &mut Findings,
    node: &Node,
    min: f64,
    max: f64,
    path: &Path,
) -> Result<(), Refused> {
    let value = match node.value {
        Value::Whole(whole) => whole as f64,
        Value::Real(real) => real,
        Value::Broken(_) => f64::INFINITY,
        _ => return wrong_type(findings, node, path, "a number", number_in(&node.value)),
    };
    if !value.is_finite() {
        refuse(findings, node, path, "must be a finite number", None)
    } else if value < min || value > max {
        let rule = format!("must be from {min} to {max}");
        refuse(findings, node, path, &rule, None)
    } else {
        Ok(())
    }
}
