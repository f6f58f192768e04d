//! The format's JSON Schema, made from the types; the reader checks against the same one.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::file::Scenario;
use super::path::{Path, Step};

/// JSON Schema (2020-12) of the scenario file.
pub fn schema() -> Value {
    root().clone()
}

/// What a schema allows, as far as the types of `file.rs` use the language.
pub enum Shape<'a> {
    Choice(Choice<'a>),
    Table(TableShape<'a>),
    List { items: &'a Value, least: usize, most: usize },
    Text { format: Option<&'a str>, least: usize },
    Whole { min: i128, max: i128 },
    Real { min: f64, max: f64 },
    Flag,
}

/// Alternatives: words, tables with one key, a plain value.
#[derive(Default)]
pub struct Choice<'a> {
    pub words: Vec<&'a str>,
    pub variants: Vec<(&'a str, &'a Value)>,
    pub plain: Option<&'a Value>,
}

/// Keys of a table.
pub struct TableShape<'a> {
    pub known: Option<&'a Map<String, Value>>,
    pub required: Vec<&'a str>,
    /// The schema of keys that are not listed; none: they are refused.
    pub others: Option<&'a Value>,
}

impl<'a> Shape<'a> {
    /// # Panics
    /// If the types of `file.rs` make a schema that this reader does not know.
    pub fn of(schema: &'a Value) -> Shape<'a> {
        let schema = resolved(schema);
        if let Some(alternatives) = schema["oneOf"].as_array() {
            return Shape::Choice(Choice::of(alternatives));
        }
        let limit = |key: &str, otherwise: f64| schema[key].as_f64().unwrap_or(otherwise);
        let whole = |key: &str| schema[key].as_i64().map(i128::from);
        let count = |key: &str| schema[key].as_u64().map(|count| count as usize);
        match schema["type"].as_str() {
            Some("object") => Shape::Table(TableShape::of(schema)),
            Some("array") => Shape::List {
                items: &schema["items"],
                least: count("minItems").unwrap_or(0),
                most: count("maxItems").unwrap_or(usize::MAX),
            },
            Some("string") => Shape::Text {
                format: schema["format"].as_str(),
                least: count("minLength").unwrap_or(0),
            },
            Some("integer") => Shape::Whole {
                min: whole("minimum").unwrap_or(i64::MIN.into()),
                max: whole("maximum").unwrap_or(match schema["format"].as_str() {
                    Some("uint8") => u8::MAX.into(),
                    Some("uint32") => u32::MAX.into(),
                    _ => i64::MAX.into(),
                }),
            },
            Some("number") => Shape::Real {
                min: limit("minimum", f64::NEG_INFINITY),
                max: limit("maximum", f64::INFINITY),
            },
            Some("boolean") => Shape::Flag,
            other => panic!("schema of an unknown type: {other:?}"),
        }
    }
}

impl<'a> Choice<'a> {
    fn of(alternatives: &'a [Value]) -> Choice<'a> {
        let mut choice = Choice::default();
        for alternative in alternatives {
            if let Some(word) = alternative["const"].as_str() {
                choice.words.push(word);
            } else if let Some(known) = alternative["properties"].as_object() {
                choice.variants.extend(known.iter().map(|(key, inner)| (key.as_str(), inner)));
            } else {
                choice.plain = Some(alternative);
            }
        }
        choice
    }
}

impl<'a> TableShape<'a> {
    fn of(schema: &'a Value) -> TableShape<'a> {
        let required = schema["required"].as_array();
        TableShape {
            known: schema["properties"].as_object(),
            required: required
                .map(|keys| keys.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default(),
            others: Some(&schema["additionalProperties"]).filter(|others| others.is_object()),
        }
    }

    /// The schema under `key`.
    pub fn child(&self, key: &str) -> Option<&'a Value> {
        self.known.and_then(|known| known.get(key)).or(self.others)
    }

    /// The keys that a table here may have, in the order of the schema.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.known.into_iter().flat_map(|known| known.keys().map(String::as_str))
    }
}

/// The schema of the whole file.
pub fn root() -> &'static Value {
    static ROOT: OnceLock<Value> = OnceLock::new();
    ROOT.get_or_init(|| {
        let mut root = schemars::schema_for!(Scenario).to_value();
        tidy(&mut root);
        root["title"] = json!("Fleetstorm scenario");
        root
    })
}

/// Follows a reference into the definitions.
pub fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => root()
            .pointer(reference.trim_start_matches('#'))
            .expect("schemars defines what it refers to"),
        None => schema,
    }
}

/// Takes `null` out, which TOML does not have, and allows `online.always = {}` beside
/// `online = "always"` wherever another variant is a table.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(keys) => {
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|name| name != "null");
                let only = types[0].clone();
                keys.insert("type".to_owned(), only);
            }
            if let Some(Value::Array(mut choices)) = keys.remove("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                let Some(Value::Object(only)) = choices.pop() else {
                    panic!("an option of nothing");
                };
                keys.extend(only);
            }
            if let Some(Value::Array(choices)) = keys.get_mut("oneOf") {
                allow_empty_tables(choices);
            }
            keys.values_mut().for_each(tidy);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn allow_empty_tables(choices: &mut Vec<Value>) {
    if !choices.iter().any(|choice| choice["type"] == "object") {
        return;
    }
    let as_table = |choice: &Value| {
        let word = choice["const"].as_str()?;
        Some(json!({
            "description": choice["description"],
            "type": "object",
            "properties": { word: { "type": "object", "additionalProperties": false } },
            "required": [word],
            "additionalProperties": false,
        }))
    };
    let tables: Vec<Value> = choices.iter().filter_map(as_table).collect();
    choices.extend(tables);
}

/// What the key at `path` means: description, kind, default, choices; none if there is no
/// such key. A cohort is named by position, by its name, or left out: `fleet.cohort.share`.
pub fn explain(path: &str) -> Option<String> {
    let path = Path::parse(path).ok()?;
    let mut here = root();
    for step in &path.0 {
        here = match (Shape::of(here), step) {
            (Shape::Table(table), Step::Key(key)) => table.child(key)?,
            (Shape::Choice(choice), Step::Key(key)) => {
                let named = |(name, _): &&(&str, _)| name == key;
                choice.variants.iter().find(named)?.1
            }
            (Shape::List { items, .. }, Step::Index(_)) => items,
            (Shape::List { items, .. }, Step::Key(key)) => match Shape::of(items) {
                Shape::Table(table) => match table.child(key) {
                    Some(child) => child,
                    // A name of a cohort.
                    None => items,
                },
                _ => return None,
            },
            _ => return None,
        };
    }
    Some(described(&path, here))
}

fn described(path: &Path, schema: &Value) -> String {
    let mut text = format!("{path}: {}\n", kind(schema));
    let description = schema["description"].as_str().or(resolved(schema)["description"].as_str());
    if let Some(description) = description {
        text.push_str(&format!("  {}\n", description.replace('\n', " ")));
    }
    if !schema["default"].is_null() {
        text.push_str(&format!("  default: {}\n", schema["default"]));
    }
    let parts: Vec<(&str, &Value)> = match Shape::of(schema) {
        Shape::Table(table) => {
            table.known.into_iter().flatten().map(|(k, v)| (k.as_str(), v)).collect()
        }
        Shape::Choice(_) => alternatives(resolved(schema)),
        Shape::List { items, .. } => match Shape::of(items) {
            Shape::Table(table) => {
                table.known.into_iter().flatten().map(|(k, v)| (k.as_str(), v)).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    for (name, part) in parts {
        let description = part["description"].as_str().unwrap_or_default();
        let line = format!("  {name:<20} {}", description.replace('\n', " "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Words and variants with their descriptions, each once.
fn alternatives(schema: &Value) -> Vec<(&str, &Value)> {
    let mut found: Vec<(&str, &Value)> = Vec::new();
    for alternative in schema["oneOf"].as_array().into_iter().flatten() {
        let name = alternative["const"].as_str().or_else(|| alternative["required"][0].as_str());
        if let Some(name) = name
            && !found.iter().any(|(known, _)| *known == name)
        {
            found.push((name, alternative));
        }
    }
    found
}

/// What kind of value is expected, in words.
pub fn kind(schema: &Value) -> String {
    match Shape::of(schema) {
        Shape::Choice(choice) => match choice.plain {
            Some(plain) => format!("{} or a law", kind(plain)),
            None if choice.variants.is_empty() => "one of the words below".to_owned(),
            None => "one of the variants below".to_owned(),
        },
        Shape::Table(_) => "a table".to_owned(),
        Shape::List { .. } => "a list".to_owned(),
        Shape::Text { format, .. } => match format {
            Some(_) => {
                let example = resolved(schema)["examples"][0].as_str().unwrap_or_default();
                format!("text with a unit, such as \"{example}\"")
            }
            None => "text in quotes".to_owned(),
        },
        Shape::Whole { min, max } => match (min, max) {
            (min, max) if max == i64::MAX.into() => format!("a whole number from {min}"),
            (min, max) => format!("a whole number from {min} to {max}"),
        },
        Shape::Real { min, max } if min.is_finite() && max.is_finite() => {
            format!("a number from {min} to {max}")
        }
        Shape::Real { .. } => "a number".to_owned(),
        Shape::Flag => "true or false".to_owned(),
    }
}
