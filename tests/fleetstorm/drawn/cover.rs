//! Which keys and alternatives of the schema a scenario has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Schema;
use toml::Value;

use super::draw::{Alternative, Place, alternatives, child};
use super::texts;

/// How often each key (`Campaign.window`) and each alternative (`Online|cycle`) was there.
pub type Counts = BTreeMap<String, usize>;

/// All that the schema has.
#[derive(Default)]
pub struct All {
    pub counts: Counts,
    /// Texts of which nobody has said what they hold.
    pub unsaid: Vec<String>,
    seen: BTreeSet<String>,
}

impl All {
    /// Goes through the whole schema.
    pub fn of(root: &Schema) -> All {
        let mut all = All::default();
        all.below(root, root, &Place::root());
        all
    }

    fn below(&mut self, schema: &Schema, root: &Schema, place: &Place) {
        let (owner, resolved) = place.inside(schema, root);
        if schema["$ref"].is_string() && !self.seen.insert(owner.clone()) {
            return;
        }
        for alternative in alternatives(resolved).into_iter().flatten() {
            match alternative {
                Alternative::Word(word) => _ = self.counts.insert(format!("{owner}|{word}"), 0),
                Alternative::Variant(name, inner) => {
                    self.counts.insert(format!("{owner}|{name}"), 0);
                    self.below(inner, root, &Place::of(&owner, name));
                }
                Alternative::Plain(inner) => self.below(inner, root, place),
            }
        }
        if resolved["type"] == "string" {
            self.text(resolved, place);
        }
        for (key, inner) in resolved["properties"].as_object().into_iter().flatten() {
            self.counts.insert(format!("{owner}.{key}"), 0);
            self.below(inner, root, &Place::of(&owner, key));
        }
        if resolved["additionalProperties"].is_object() {
            self.text(&Schema::Null, &place.with("{}"));
            self.below(&resolved["additionalProperties"], root, &place.with("*"));
        }
        if resolved["items"].is_object() {
            self.below(&resolved["items"], root, place);
        }
    }

    fn text(&mut self, schema: &Schema, place: &Place) {
        let Place { owner, key } = place;
        match schema["format"].as_str() {
            Some(format) if texts::FORMATS.contains(&format) => {}
            Some(format) => self.unsaid.push(format!(
                "{owner}.{key} has the format {format:?}: add it to FORMATS, `quantity` and \
                 `wild_quantity` in drawn/texts.rs"
            )),
            None if texts::kind(owner, key).is_some() => {}
            None => self.unsaid.push(format!(
                "{owner}.{key} is a text: say in `kind` in drawn/texts.rs what it holds"
            )),
        }
    }
}

/// Counts what there is in the value.
pub fn count(value: &Value, schema: &Schema, root: &Schema, place: &Place, counts: &mut Counts) {
    let (owner, resolved) = place.inside(schema, root);
    let mut one = |name: &str| {
        // What the schema does not have was refused.
        counts.entry(format!("{owner}{name}")).and_modify(|count| *count += 1);
    };
    match value {
        Value::String(word) => one(&format!("|{word}")),
        Value::Array(items) => {
            for item in items {
                count(item, &resolved["items"], root, place, counts);
            }
        }
        Value::Table(table) => {
            let alternatives = alternatives(resolved);
            for (key, value) in table {
                let mark = if alternatives.is_some() { '|' } else { '.' };
                let name = format!("{owner}{mark}{key}");
                counts.entry(name).and_modify(|count| *count += 1);
                if let Some((inner, place)) = child(resolved, &owner, place, key) {
                    count(value, inner, root, &place, counts);
                }
            }
        }
        _ => {}
    }
}
