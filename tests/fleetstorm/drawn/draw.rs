//! Draws a value that the schema describes.

use std::collections::BTreeSet;

use serde_json::Value as Schema;
use toml::{Table, Value};

use super::files::Folder;
use super::luck::{Case, Luck};
use super::settle;
use super::texts::{self, Kind};

/// Where a value stands in the schema: whose it is, and under which key.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// A definition, or an alternative of one, such as `Online.renewal`.
    pub owner: String,
    pub key: String,
}

impl Place {
    /// Of the whole file.
    pub fn root() -> Place {
        Place { owner: "Scenario".to_owned(), key: String::new() }
    }

    /// Of what the schema says about the value at this place.
    ///
    /// Definitions have names of their own; what is written in place is named after the place.
    pub fn inside<'a>(&self, schema: &'a Schema, root: &'a Schema) -> (String, &'a Schema) {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.trim_start_matches("#/$defs/").to_owned();
                (name, &root["$defs"][reference.trim_start_matches("#/$defs/")])
            }
            None if self.key.is_empty() => (self.owner.clone(), schema),
            None => (format!("{}.{}", self.owner, self.key), schema),
        }
    }

    /// Of a key of `owner`.
    pub fn of(owner: &str, key: &str) -> Place {
        Place { owner: owner.to_owned(), key: key.to_owned() }
    }

    /// Of a map's keys (`{}`) or values (`*`).
    pub fn with(&self, mark: &str) -> Place {
        Place::of(&self.owner, &format!("{}{mark}", self.key))
    }
}

/// An alternative of a choice.
pub enum Alternative<'a> {
    Word(&'a str),
    /// A table with this only key.
    Variant(&'a str, &'a Schema),
    Plain(&'a Schema),
}

/// The alternatives of a choice; none where the schema is no choice.
pub fn alternatives(schema: &Schema) -> Option<Vec<Alternative<'_>>> {
    let all = schema["oneOf"].as_array()?;
    Some(all.iter().map(Alternative::of).collect())
}

impl<'a> Alternative<'a> {
    fn of(schema: &'a Schema) -> Alternative<'a> {
        if let Some(word) = schema["const"].as_str() {
            return Alternative::Word(word);
        }
        let mut keys = schema["properties"].as_object().into_iter().flatten();
        match keys.next() {
            Some((key, inner)) => Alternative::Variant(key, inner),
            None => Alternative::Plain(schema),
        }
    }
}

/// What the schema says of a key.
pub fn child<'a>(
    schema: &'a Schema,
    owner: &str,
    place: &Place,
    key: &str,
) -> Option<(&'a Schema, Place)> {
    if let Some(all) = alternatives(schema) {
        return all.into_iter().find_map(|alternative| match alternative {
            Alternative::Variant(name, inner) if name == key => {
                Some((inner, Place::of(owner, name)))
            }
            _ => None,
        });
    }
    match &schema["properties"][key] {
        Schema::Null if schema["additionalProperties"].is_object() => {
            Some((&schema["additionalProperties"], place.with("*")))
        }
        Schema::Null => None,
        inner => Some((inner, Place::of(owner, key))),
    }
}

/// Draws values of one case.
pub struct Drawer<'a> {
    pub root: &'a Schema,
    /// With the names of the cohorts that there are by now.
    pub case: Case,
    pub folder: &'a Folder,
    pub luck: Luck,
    /// As in [`Case`], or less where something is mended.
    pub wild: f64,
    /// Values that may still be drawn; afterwards only what must be there is.
    pub left: usize,
    /// Choices around the value that is drawn.
    pub around: Vec<String>,
    /// Names given to cohorts so far.
    pub named: usize,
}

impl Drawer<'_> {
    /// A value at this place.
    pub fn value(&mut self, schema: &Schema, place: &Place) -> Value {
        let (owner, schema) = place.inside(schema, self.root);
        self.left = self.left.saturating_sub(1);
        if let Some(alternatives) = alternatives(schema) {
            return self.choice(&alternatives, &owner, &place.key);
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, &owner, place),
            Some("array") => self.list(schema, place),
            Some("string") => Value::String(self.text(schema, place)),
            Some("integer") => self.whole(schema),
            Some("number") => Value::Float(self.real(schema, place)),
            Some("boolean") => Value::Boolean(self.luck.chance(0.5)),
            other => panic!("{place:?}: a schema of type {other:?} is not drawn yet; say how"),
        }
    }

    /// Whether this one is to be wild.
    fn is_wild(&mut self) -> bool {
        self.luck.chance(self.wild)
    }

    fn choice(&mut self, alternatives: &[Alternative], owner: &str, key: &str) -> Value {
        let depth = self.around.iter().filter(|name| *name == owner).count() as i32;
        let weight = |alternative: &Alternative| {
            let (name, schema) = match alternative {
                Alternative::Word(word) => (*word, None),
                Alternative::Variant(name, inner) => (*name, Some(*inner)),
                Alternative::Plain(_) => ("", None),
            };
            let deeper = schema.is_some_and(|schema| leads_to(self.root, schema, owner));
            let rare = if deeper { 0.3f64.powi(depth + 1) } else { 1.0 };
            self.case.weight_of(&format!("{owner}|{name}")) * rare
        };
        let mut weights: Vec<f64> = alternatives.iter().map(weight).collect();
        if weights.iter().sum::<f64>() == 0.0 || self.luck.chance(0.05) {
            weights.fill(0.05);
        }
        let chosen = &alternatives[self.luck.weighed(&weights)];
        self.around.push(owner.to_owned());
        let value = match chosen {
            Alternative::Word(word) => Value::String((*word).to_owned()),
            Alternative::Plain(schema) => {
                // A quantity is one of its key's, as without a law.
                self.value(schema, &Place::of(owner, key))
            }
            Alternative::Variant(name, inner) => {
                let inner = self.value(inner, &Place::of(owner, name));
                Value::Table(Table::from_iter([((*name).to_owned(), inner)]))
            }
        };
        self.around.pop();
        value
    }

    fn object(&mut self, schema: &Schema, owner: &str, place: &Place) -> Value {
        if schema["additionalProperties"].is_object() {
            return self.map(&schema["additionalProperties"], place);
        }
        let mut table = Table::new();
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = requires(schema, key);
            let given = self.case.share_of(&format!("{owner}.{key}"));
            let given = self.luck.chance(given) && self.left > 0;
            if (is_required && !(self.is_wild() && self.luck.chance(0.05))) || given {
                table.insert(key.clone(), self.value(inner, &Place::of(owner, key)));
            }
        }
        if self.is_wild() && self.luck.chance(0.02) {
            table.insert("unheard_of".to_owned(), Value::Integer(1));
        }
        Value::Table(table)
    }

    fn map(&mut self, inner: &Schema, place: &Place) -> Value {
        let key = place.with("{}");
        let kind = texts::kind(&key.owner, &key.key);
        let names = match kind {
            // What is installed where is said of every module.
            Some(Kind::Module) => self.case.modules.clone(),
            _ => (0..1 + self.luck.below(3)).map(|_| self.name(&key)).collect(),
        };
        let mut table = Table::new();
        for name in names {
            table.insert(name, self.value(inner, &place.with("*")));
        }
        if !self.is_wild() {
            settle::add_up(table.iter_mut().map(|(_, value)| value), 1.0, &mut self.luck);
        }
        Value::Table(table)
    }

    fn list(&mut self, schema: &Schema, place: &Place) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        let most = schema["maxItems"].as_u64().map_or(usize::MAX, |most| most as usize);
        let is_wild = self.is_wild();
        let count = match place.key.as_str() {
            "cohort" if !is_wild => self.case.cohorts.len(),
            // Lists of a certain length, such as the hours of a day or of a week.
            _ if least > 4 => *self.luck.pick(&[least, most, least, least + is_wild as usize]),
            _ if self.left == 0 => least,
            _ if is_wild && most < 200 && self.luck.chance(0.3) => {
                *self.luck.pick(&[most + 1, most])
            }
            _ if is_wild => *self.luck.pick(&[0, least, 8]),
            _ => (least.max(1) + self.luck.weighed(&[5.0, 3.0, 1.0, 0.5])).min(most),
        };
        let mut items: Vec<Value> =
            (0..count).map(|_| self.value(&schema["items"], place)).collect();
        if !self.is_wild() {
            settle::list(&mut items, &place.key, &mut self.luck);
        }
        Value::Array(items)
    }

    fn text(&mut self, schema: &Schema, place: &Place) -> String {
        let Some(format) = schema["format"].as_str() else { return self.name(place) };
        if self.is_wild() {
            return texts::wild_quantity(format, &mut self.luck);
        }
        let pattern = schema["pattern"].as_str().unwrap_or_default();
        let example = || schema["examples"][0].as_str().unwrap_or_default().to_owned();
        texts::quantity(format, &place.key, pattern, &mut self.luck).unwrap_or_else(example)
    }

    fn name(&mut self, place: &Place) -> String {
        let is_wild = self.is_wild();
        match texts::kind(&place.owner, &place.key) {
            Some(Kind::CohortName) if !is_wild => {
                self.named += 1;
                let known = self.case.cohorts.get(self.named - 1).cloned();
                known.unwrap_or_else(|| format!("c{}", self.named))
            }
            Some(Kind::File(content)) if !(is_wild && self.luck.chance(0.3)) => {
                self.folder.write(content, &self.case, &mut self.luck, is_wild)
            }
            Some(kind) => texts::name(kind, &self.case, &mut self.luck, is_wild),
            // A test says that somebody has to say what it holds.
            None => "text".to_owned(),
        }
    }

    fn whole(&mut self, schema: &Schema) -> Value {
        let min = schema["minimum"].as_i64().unwrap_or(0);
        let max = schema["maximum"].as_i64().unwrap_or(match schema["format"].as_str() {
            Some("uint8") => u8::MAX.into(),
            Some("uint32") => u32::MAX.into(),
            _ => i64::MAX,
        });
        if self.is_wild() {
            let edges = [min, max, min.saturating_sub(1), max.saturating_add(1), 0, -1, i64::MAX];
            return Value::Integer(*self.luck.pick(&edges));
        }
        let most = max.saturating_sub(min).min(i64::from(self.case.devices).max(20));
        let above = self.luck.log_uniform(1.0, most as f64 + 1.999) as i64 - 1;
        let value = if self.luck.chance(0.03) { max } else { min.saturating_add(above) };
        Value::Integer(value.min(max))
    }

    fn real(&mut self, schema: &Schema, place: &Place) -> f64 {
        // Shares are bounded also where the schema does not say so.
        let is_share = place.key == "share";
        let bound =
            |key: &str, of_share: f64| schema[key].as_f64().or(is_share.then_some(of_share));
        let (min, max) = (bound("minimum", 0.0), bound("maximum", 1.0));
        if self.is_wild() {
            let (min, max) = (min.unwrap_or(0.0), max.unwrap_or(1.0));
            let edges = [
                min,
                max,
                min.next_down(),
                max.next_up(),
                min.next_up(),
                max.next_down(),
                min - 1.0,
                max * 2.0,
                0.0,
                -0.0,
                1e-300,
                1e300,
                f64::NAN,
                f64::INFINITY,
                1.0 / 3.0,
                0.001,
            ];
            return *self.luck.pick(&edges);
        }
        match (min, max) {
            (Some(min), Some(max)) => match self.luck.below(16) {
                0 => min,
                1 => max,
                2..8 => min + (max - min) * self.luck.below(11) as f64 / 10.0,
                _ => min + (max - min) * self.luck.below(21) as f64 / 100.0,
            },
            // A share or a parameter of a law.
            _ => (self.luck.log_uniform(0.1, 10.0) * 10.0).round() / 10.0,
        }
    }
}

/// Whether a table must have the key.
pub fn requires(schema: &Schema, key: &str) -> bool {
    schema["required"].as_array().is_some_and(|keys| keys.iter().any(|required| required == key))
}

/// Whether a value of the schema may hold one of the definition.
fn leads_to(root: &Schema, schema: &Schema, definition: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        match schema {
            Schema::Object(keys) => {
                if let Some(reference) = schema["$ref"].as_str() {
                    let name = reference.trim_start_matches("#/$defs/");
                    if name == definition {
                        return true;
                    }
                    if seen.insert(name) {
                        open.push(&root["$defs"][name]);
                    }
                }
                open.extend(keys.values().filter(|value| value.is_object() || value.is_array()));
            }
            Schema::Array(items) => open.extend(items),
            _ => {}
        }
    }
    false
}
