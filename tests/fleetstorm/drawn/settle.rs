//! What values of a scenario have to do with each other, as far as it shows in their names.

use fleetstorm::model::Span;
use fleetstorm::scenario::units::Unit;
use toml::{Table, Value};

use super::luck::Luck;

/// Everything in the file that can be put in order.
pub fn all(file: &mut Value, luck: &mut Luck) {
    if let Some(fleet) = file.get_mut("fleet").and_then(Value::as_table_mut) {
        let is_listed = fleet.contains_key("inventory");
        match fleet.get_mut("cohort") {
            _ if is_listed => as_listed(fleet),
            Some(Value::Array(cohorts)) if cohorts.len() > 1 => {
                if let Some(Value::Table(first)) = cohorts.first_mut() {
                    first.entry("share").or_insert(Value::Float(0.5));
                }
            }
            _ => {}
        }
    }
    below(file, "", luck);
}

fn below(value: &mut Value, key: &str, luck: &mut Luck) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| below(item, key, luck));
            list(items, key, luck);
        }
        Value::Table(table) => {
            table.iter_mut().for_each(|(key, value)| below(value, key, luck));
        }
        _ => {}
    }
}

/// An inventory says these things for each device.
fn as_listed(fleet: &mut Table) {
    for key in ["devices", "versions"] {
        fleet.remove(key);
    }
    let cohorts = fleet.get_mut("cohort").and_then(Value::as_array_mut);
    for cohort in cohorts.into_iter().flatten().filter_map(Value::as_table_mut) {
        cohort.remove("share");
        cohort.remove("versions");
    }
}

/// Has the shares of a list add up, and its times and percentages go on.
pub fn list(items: &mut [Value], key: &str, luck: &mut Luck) {
    let has = |name: &str| items.iter().any(|item| item.get(name).is_some());
    let (shares, times) = (has("share"), has("at"));
    if shares && !times {
        for item in items.iter_mut().filter_map(Value::as_table_mut) {
            item.entry("share").or_insert(Value::Float(1.0));
        }
        add_up(items.iter_mut().filter_map(|item| item.get_mut("share")), 1.0, luck);
    }
    if times && key != "operator" {
        items.sort_by_key(|item| {
            let at = item.get("at").and_then(Value::as_str).unwrap_or("0 s");
            Span::parse(at).map_or(0, |span| span.0)
        });
    }
    match key {
        "group" => add_up(items.iter_mut().filter_map(|item| item.get_mut("percent")), 100.0, luck),
        "phases" => {
            let step = 100.0 / items.len() as f64;
            for (at, item) in items.iter_mut().filter_map(Value::as_table_mut).enumerate() {
                let percent = (step * (at as f64 + luck.real())).round().max(at as f64 + 0.125);
                item.insert("percent".to_owned(), Value::Float(percent));
            }
            if let Some(last) = items.last_mut().filter(|_| luck.chance(0.8)) {
                last["percent"] = Value::Float(100.0);
            }
        }
        _ => {}
    }
}

/// Puts shares of the whole in the place of the numbers, if they do not add up already.
pub fn add_up<'v>(values: impl Iterator<Item = &'v mut Value>, whole: f64, luck: &mut Luck) {
    let mut values: Vec<&mut Value> = values.filter(|value| value.is_float()).collect();
    let sum: f64 = values.iter().filter_map(|value| value.as_float()).sum();
    let is_above_zero = |value: &&mut Value| value.as_float().is_some_and(|value| value > 0.0);
    if (sum - whole).abs() < 1e-9 && values.iter().all(is_above_zero) {
        return;
    }
    let Some(last) = values.pop() else { return };
    // In thousandths, so that decimals do not matter; the last takes the rest.
    let mut left = 1_000;
    for value in values {
        let part = (1 + luck.below(600)).min(left - 1).max(1);
        left = (left - part).max(1);
        *value = Value::Float(part as f64 / 1_000.0 * whole);
    }
    *last = Value::Float(left as f64 / 1_000.0 * whole);
}
