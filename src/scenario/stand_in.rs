//! Values that stand in for refused ones, so that one pass finds whatever else is wrong.

use serde_json::Value as Schema;

use super::schema::{Choice, Shape, TableShape, resolved};
use super::tree::{Entry, Node, Place, Value};

/// A value that the schema takes. Rules find nothing wrong with it, since nothing is said of
/// stand-ins.
pub fn value(schema: &Schema, place: &Place) -> Value {
    match Shape::of(schema) {
        Shape::Choice(choice) => of_choice(&choice, place),
        Shape::Table(shape) => of_table(&shape, place),
        Shape::List { items, least, .. } => {
            Value::List((0..least).map(|_| node(items, place)).collect())
        }
        Shape::Text { .. } => {
            let example = resolved(schema)["examples"][0].as_str();
            Value::Text(example.unwrap_or("x").to_owned())
        }
        Shape::Whole { min, max } => Value::Whole(1.clamp(min, max)),
        Shape::Real { min, max } => Value::Real(0_f64.clamp(min, max)),
        Shape::Flag => Value::Flag(false),
    }
}

/// As [`value`], with a place.
pub fn node(schema: &Schema, place: &Place) -> Node {
    Node { place: place.clone(), value: value(schema, place) }
}

/// An entry of a table that stands in for a missing one.
pub fn entry(key: &str, schema: &Schema, place: &Place) -> Entry {
    Entry { key: key.to_owned(), key_place: place.clone(), node: node(schema, place) }
}

fn of_choice(choice: &Choice<'_>, place: &Place) -> Value {
    match (choice.plain, choice.words.first(), choice.variants.first()) {
        (Some(plain), ..) => value(plain, place),
        (None, Some(word), _) => Value::Text((*word).to_owned()),
        (None, None, Some((key, inner))) => Value::Table(vec![entry(key, inner, place)]),
        (None, None, None) => Value::Table(Vec::new()),
    }
}

fn of_table(shape: &TableShape<'_>, place: &Place) -> Value {
    let required = |key: &&str| Some(entry(key, shape.child(key)?, place));
    Value::Table(shape.required.iter().filter_map(required).collect())
}
