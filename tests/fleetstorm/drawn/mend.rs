//! Changes a scenario where `check` points at, until there is nothing left to point at.
//!
//! Rules that no schema can say need not be known here: the program names the key, and the key is
//! drawn anew, left out, or given a neighbour.

use fleetstorm::scenario::{Level, Problem, Problems};
use serde_json::Value as Schema;
use toml::{Table, Value};

use super::draw::{Drawer, Place, child, requires};
use super::settle;

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// Changes something at each key that has a problem.
pub fn mend(tree: &mut Value, problems: &Problems, drawer: &mut Drawer) {
    let names = tree.get("fleet").and_then(|fleet| fleet.get("cohort")).and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(|cohort| cohort.get("name")?.as_str());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if !names.is_empty() {
        drawer.case.cohorts = names;
    }
    // What is odd, or in vain, is run as well.
    let is_error = |problem: &&Problem| problem.level == Level::Error;
    let mut problems: Vec<&Problem> = problems.iter().filter(is_error).collect();
    problems.dedup_by(|a, b| a.path == b.path && a.file == b.file);
    // From behind, so that positions in lists stay what they are.
    for problem in problems.into_iter().rev() {
        let mut steps = match place_of_file(tree, &problem.file) {
            Some(steps) => steps,
            None => parse(&problem.path),
        };
        drawer.left = 40;
        if drawer.luck.chance(0.4)
            && let Some(named) = named(problem, &steps, drawer)
        {
            steps = named;
        }
        // Sometimes what is around it is in the way.
        while drawer.luck.chance(0.15) && steps.len() > 1 {
            steps.pop();
        }
        let root = drawer.root;
        change(tree, root, &Place::root(), &steps, drawer);
    }
    settle::all(tree, &mut drawer.luck);
}

/// Where the tree names the file that a problem is in.
fn place_of_file(value: &Value, file: &str) -> Option<Vec<Step>> {
    let with = |step: Step, value: &Value| {
        let mut steps = place_of_file(value, file)?;
        steps.insert(0, step);
        Some(steps)
    };
    match value {
        Value::String(name) => {
            (name.ends_with(".csv") && file.ends_with(name.as_str())).then(Vec::new)
        }
        Value::Table(table) => {
            table.iter().find_map(|(key, value)| with(Step::Key(key.clone()), value))
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, value)| with(Step::Index(at), value))
        }
        _ => None,
    }
}

/// Another key that message or help speak of: `package.size`, or a key of the same table.
fn named(problem: &Problem, steps: &[Step], drawer: &mut Drawer) -> Option<Vec<Step>> {
    let text = format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default());
    let is_part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let words = text.split(|c| !is_part(c)).map(|word| word.trim_matches(['.', '-']));
    let mut found = Vec::new();
    for word in words {
        let first = word.split('.').next().unwrap_or_default();
        if word.contains('.') && drawer.root["properties"][first].is_object() {
            found.push(parse(word));
        }
        // A key of the table, or of one that it is in.
        for around in (0..=steps.len()).rev() {
            let steps = &steps[..around];
            if let Some((schema, place)) = schema_at(drawer.root, steps)
                && place.inside(schema, drawer.root).1["properties"][word].is_object()
            {
                found.push([steps, &[Step::Key(word.to_owned())]].concat());
                break;
            }
        }
    }
    (!found.is_empty()).then(|| drawer.luck.pick(&found).clone())
}

fn schema_at<'a>(root: &'a Schema, steps: &[Step]) -> Option<(&'a Schema, Place)> {
    let mut here = (root, Place::root());
    for step in steps {
        let (owner, resolved) = here.1.inside(here.0, root);
        here = match step {
            Step::Key(key) => child(resolved, &owner, &here.1, key)?,
            Step::Index(_) => (&resolved["items"], here.1),
        };
    }
    Some(here)
}

/// The steps of `fleet.cohort[1].versions."1.5"`.
fn parse(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']').unwrap_or((inner, ""));
            steps.extend(index.parse().ok().map(Step::Index));
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('"') {
            let end = inner.find("\".").or(inner.find("\"[")).unwrap_or(inner.len() - 1);
            let key = toml::from_str::<Table>(&format!("x = \"{}\"", &inner[..end]));
            let key = key.ok().and_then(|table| Some(table["x"].as_str()?.to_owned()));
            steps.push(Step::Key(key.unwrap_or_else(|| inner[..end].to_owned())));
            rest = &inner[end + 1..];
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Key(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    steps
}

/// Goes as far along the steps as there is something, and changes it there.
fn change(value: &mut Value, schema: &Schema, place: &Place, steps: &[Step], drawer: &mut Drawer) {
    let (owner, resolved) = place.inside(schema, drawer.root);
    let Some((step, rest)) = steps.split_first() else {
        return redraw(value, schema, place, drawer);
    };
    match (step, value) {
        (Step::Index(index), Value::Array(items)) if *index < items.len() => {
            let least = resolved["minItems"].as_u64().unwrap_or(0) as usize;
            if rest.is_empty() && items.len() > least && drawer.luck.chance(0.4) {
                items.remove(*index);
                return;
            }
            change(&mut items[*index], &resolved["items"], place, rest, drawer);
        }
        (Step::Key(key), Value::Table(table)) => {
            let Some((inner, place)) = child(resolved, &owner, place, key) else {
                table.remove(key);
                return;
            };
            // Entries of a map have to do with each other.
            if place.key.ends_with('*') && rest.is_empty() && drawer.luck.chance(0.7) {
                let inner = &place.key[..place.key.len() - 1];
                *table = match drawer.value(schema, &Place::of(&place.owner, inner)) {
                    Value::Table(table) => table,
                    _ => return,
                };
                return;
            }
            let gone = rest.is_empty() && !requires(resolved, key) && drawer.luck.chance(0.5);
            let is_choice = resolved["oneOf"].is_array();
            match table.get_mut(key) {
                Some(_) if gone && !is_choice => _ = table.remove(key),
                Some(value) => change(value, inner, &place, rest, drawer),
                None if is_choice => {}
                None => _ = table.insert(key.clone(), drawer.value(inner, &place)),
            }
        }
        (_, value) => redraw(value, schema, place, drawer),
    }
}

/// Draws the value anew, or one key of it: that one comes, goes or changes.
fn redraw(value: &mut Value, schema: &Schema, place: &Place, drawer: &mut Drawer) {
    let (owner, resolved) = place.inside(schema, drawer.root);
    let keys = resolved["properties"].as_object();
    if let (Value::Table(table), Some(keys)) = (&mut *value, keys)
        && !keys.is_empty()
        && drawer.luck.chance(0.9)
    {
        let names: Vec<&String> = keys.keys().collect();
        let key = *drawer.luck.pick(&names);
        let is_optional = !requires(resolved, key);
        match table.contains_key(key) && is_optional && drawer.luck.chance(0.7) {
            true => _ = table.remove(key),
            false => {
                let new = drawer.value(&keys[key], &Place::of(&owner, key));
                table.insert(key.clone(), new);
            }
        }
        return;
    }
    *value = drawer.value(schema, place);
}
