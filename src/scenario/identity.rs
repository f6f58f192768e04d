//! What makes two scenarios the same question: their rules, not their wording.

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{Loaded, resolved};

/// SHA-256 in hexadecimal of the resolved scenario with the contents of the files it names.
///
/// It does not change with comments, key order, the names of campaigns and outages, `run.seed`,
/// `run.sample_every` and `[[reference]]`; it does with any rule, and with a number in a CSV.
pub fn identity(loaded: &Loaded) -> String {
    let text = resolved(&loaded.scenario);
    let mut table: Table = text.parse().expect("what was printed reads back");
    remove(&mut table, &["run", "seed"]);
    remove(&mut table, &["run", "sample_every"]);
    remove(&mut table, &["campaign", "name"]);
    table.remove("reference");
    for (list, path) in [("rollout", &["campaign", "name"][..]), ("outage", &["name"])] {
        let entries = table.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        entries.filter_map(Value::as_table_mut).for_each(|entry| remove(entry, path));
    }
    let mut canonical = "fleetstorm identity 1\n".to_owned();
    write(&mut canonical, &Value::Table(table), &loaded.files);
    hex(&Sha256::digest(canonical))
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn remove(table: &mut Table, path: &[&str]) {
    match path {
        [] => {}
        [key] => _ = table.remove(*key),
        [key, rest @ ..] => {
            if let Some(inner) = table.get_mut(*key).and_then(Value::as_table_mut) {
                remove(inner, rest);
            }
        }
    }
}

/// Keys in order, one token after the other; where a file is named stands what is in it.
fn write(out: &mut String, value: &Value, files: &[(String, String)]) {
    match value {
        Value::Table(table) => {
            let mut keys: Vec<&String> = table.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for key in keys {
                out.push_str(&format!("{key:?}:"));
                write(out, &table[key], files);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            list.iter().for_each(|item| write(out, item, files));
            out.push(']');
        }
        Value::String(text) => {
            let digest = files.iter().find(|(name, _)| name == text).map(|(_, digest)| digest);
            match digest {
                Some(digest) => out.push_str(&format!("file {digest},")),
                None => out.push_str(&format!("{text:?},")),
            }
        }
        other => out.push_str(&format!("{other},")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::load_text;

    const SCENARIO: &str = "format = 1
[package]
version = '2'
[campaign]
name = 'a'
rate = 'unlimited'
[fleet]
inventory = 'fleet.csv'
[[fleet.cohort]]
name = 'all'
download.takes = '60 s'
[[outage]]
name = 'o'
when.scheduled = { at = '1 h', lasts = '1 h' }
";

    fn of(folder: &Path, text: &str, sets: &[&str]) -> String {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let loaded = load_text("a", text, folder, &sets);
        identity(&loaded.unwrap_or_else(|problems| panic!("{problems}")))
    }

    #[test]
    fn wording_does_not_matter_and_rules_do() {
        let folder = tempfile::tempdir().unwrap();
        let csv = |name: &str, version: &str| {
            let text = format!("device,cohort,version\nd1,all,{version}\n");
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        csv("fleet.csv", "1");
        csv("moved.csv", "1");
        let same = of(folder.path(), SCENARIO, &[]);
        for (text, set) in [
            (format!("# a comment\n{SCENARIO}"), "run.seed=7"),
            (SCENARIO.to_owned(), "run.sample_every='1 min'"),
            (SCENARIO.to_owned(), "campaign.name='b'"),
            (SCENARIO.replace("name = 'o'", "name = 'p'"), "run.seed=1"),
            (SCENARIO.to_owned(), "campaign.rate='unlimited'"),
            (SCENARIO.replace("fleet.csv", "moved.csv"), "run.seed=1"),
        ] {
            assert_eq!(of(folder.path(), &text, &[set]), same, "{set}");
        }
        for set in
            ["run.tick='2 s'", "fleet.cohort.all.download.takes='61 s'", "package.version='3'"]
        {
            assert_ne!(of(folder.path(), SCENARIO, &[set]), same, "{set}");
        }
        csv("fleet.csv", "1.1");
        assert_ne!(of(folder.path(), SCENARIO, &[]), same, "another inventory");
    }
}
