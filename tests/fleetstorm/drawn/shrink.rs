//! Makes a scenario smaller while it still shows the same fault.

use fleetstorm::model::Span;
use fleetstorm::scenario::units::Unit;
use toml::Value;

/// As small as it gets by leaving out one thing at a time; `fails` says whether it still does.
pub fn shrunk(tree: &Value, mut fails: impl FnMut(&Value) -> bool) -> Value {
    /// A fault that takes longer to come down to its reason is read as it is.
    const TRIALS: usize = 1_500;
    let mut best = tree.clone();
    let mut trials = 0;
    loop {
        let before = best.clone();
        let mut at = 0;
        // The parts of the tree are numbered as they stand; what is left out shifts the rest.
        while at < parts(&best) && trials < TRIALS {
            let mut smaller = None;
            for way in 0..WAYS {
                let mut candidate = best.clone();
                let mut left = at;
                if !change(&mut candidate, &mut left, way) || candidate == best {
                    continue;
                }
                trials += 1;
                if fails(&candidate) {
                    smaller = Some(candidate);
                    break;
                }
            }
            match smaller {
                Some(smaller) => best = smaller,
                None => at += 1,
            }
        }
        if best == before || trials >= TRIALS {
            return best;
        }
    }
}

/// Ways to make a part simpler; the first leaves it out.
const WAYS: usize = 4;

fn parts(value: &Value) -> usize {
    match value {
        Value::Table(table) => table.iter().map(|(_, value)| 1 + parts(value)).sum(),
        Value::Array(items) => items.iter().map(|value| 1 + parts(value)).sum(),
        _ => 0,
    }
}

/// Changes the part number `left`; whether there was a way.
fn change(value: &mut Value, left: &mut usize, way: usize) -> bool {
    match value {
        Value::Table(table) => {
            let keys: Vec<String> = table.keys().cloned().collect();
            for key in keys {
                if *left == 0 {
                    if way == 0 {
                        return table.remove(&key).is_some();
                    }
                    return simplify(&mut table[&key], way);
                }
                *left -= 1;
                let inner = parts(&table[&key]);
                if *left < inner {
                    return change(&mut table[&key], left, way);
                }
                *left -= inner;
            }
        }
        Value::Array(items) => {
            for at in 0..items.len() {
                if *left == 0 {
                    if way == 0 {
                        items.remove(at);
                        return true;
                    }
                    return simplify(&mut items[at], way);
                }
                *left -= 1;
                let inner = parts(&items[at]);
                if *left < inner {
                    return change(&mut items[at], left, way);
                }
                *left -= inner;
            }
        }
        _ => {}
    }
    false
}

/// Spans that are not made simpler.
const PLAIN: [&str; WAYS - 1] = ["1 s", "1 min", "1 h"];

/// Puts something plainer in its place.
fn simplify(value: &mut Value, way: usize) -> bool {
    let plain = match (&*value, way) {
        (Value::Integer(whole), 1) if *whole > 1 => Value::Integer(1),
        (Value::Integer(whole), 2) if *whole > 2 => Value::Integer(whole / 2),
        (Value::Integer(whole), 3) if *whole > 2 => Value::Integer(whole - 1),
        (Value::Float(real), 1) if *real != 1.0 && *real != 0.0 => Value::Float(1.0),
        (Value::Float(real), 2) if *real > 0.0 && *real != 1.0 => {
            Value::Float((real * 10.0).round() / 10.0)
        }
        // A law becomes the quantity that stands in it.
        (Value::Table(law), 1) if law.len() == 1 => match law.values().next() {
            Some(Value::Table(inner)) => {
                let Some(first) = inner.values().find(|value| value.is_str()) else { return false };
                first.clone()
            }
            _ => return false,
        },
        (Value::String(text), _) if Span::parse(text).is_ok() && !PLAIN.contains(&&text[..]) => {
            Value::String(PLAIN[way - 1].to_owned())
        }
        _ => return false,
    };
    *value = plain;
    true
}
