//! Reader, schema and serde agree on what a scenario is.

use super::*;
use crate::scenario::{file::Scenario, resolved, schema};

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema()).expect("the schema is sound")
}

fn as_json(text: &str) -> serde_json::Value {
    let value: toml::Value = toml::from_str(text).unwrap();
    serde_json::to_value(value).unwrap()
}

#[test]
fn the_valid_scenario_and_its_resolved_form_are_one() {
    let loaded = read(VALID, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(validator().is_valid(&as_json(VALID)));
    let text = resolved(&loaded.scenario);
    let again = read(&text, &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert_eq!(again.scenario, loaded.scenario);
    assert_eq!(resolved(&again.scenario), text);
    assert!(validator().is_valid(&as_json(&text)), "{text}");
    has_all(&text, &["tick = \"1 s\"", "seed = 1", "interrupted = \"resume\""]);
}

#[test]
fn unit_variants_are_words_or_empty_tables() {
    for (from, to) in [
        ("online.always = {}", "online = \"always\""),
        ("rate.constant.rate = \"1000 /min\"", "rate.unlimited = {}"),
        ("rate.constant.rate = \"1000 /min\"", "rate = \"unlimited\""),
        ("timeout = \"60 min\"", "select.all = {}"),
        ("timeout = \"60 min\"", "select = \"all\""),
        ("timeout = \"60 min\"", "select.percent = 12.125"),
        ("install = \"90 s\"", "install.constant = \"90 s\""),
    ] {
        let text = VALID.replace(from, to);
        let loaded = read(&text, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(validator().is_valid(&as_json(&text)), "{to}");
        let again = read(&resolved(&loaded.scenario), &[]).unwrap();
        assert_eq!(again.scenario, loaded.scenario);
    }
}

#[test]
fn every_law_reads_and_writes() {
    for law in [
        "\"90 s\"",
        "{ uniform = { from = \"1 s\", to = \"2 s\" } }",
        "{ exponential = { mean = \"1 s\" } }",
        "{ weibull = { shape = 0.7, scale = \"1 s\" } }",
        "{ lognormal = { median = \"1 s\", sigma = 0.5 } }",
        "{ lognormal-mean = { mean = \"1 s\", scv = 4 } }",
        "{ gamma = { shape = 2, scale = \"1 s\" } }",
        "{ pareto = { alpha = 1.5, min = \"1 s\" } }",
        "{ lomax = { alpha = 1.5, scale = \"1 s\" } }",
        "{ log-logistic = { median = \"1 s\", shape = 2.5 } }",
        "{ hyper-exponential = [{ share = 1, mean = \"1 s\" }] }",
        "{ lognormal-mu = { mu = 1.4, sigma = 1.73 } }",
        "{ gamma-mean = { mean = \"1 s\", scv = 4 } }",
        "{ erlang = { stages = 3, mean = \"1 s\" } }",
        "{ mixture = [{ share = 0.4, law = \"1 s\" }, { share = 0.6, law.erlang = { stages = 2, mean = \"1 s\" } }] }",
        "{ truncated = { law.exponential.mean = \"1 s\", from = \"1 ms\", to = \"9 s\" } }",
        "{ truncated = { law = { shifted = { by = \"1 s\", law = \"2 s\" } }, to = \"9 s\" } }",
    ] {
        let text = VALID.replace("install = \"90 s\"", &format!("install = {law}"));
        let loaded = read(&text, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(validator().is_valid(&as_json(&text)), "{law}");
        let written = resolved(&loaded.scenario);
        assert_eq!(read(&written, &[]).unwrap().scenario, loaded.scenario, "{written}");
    }
}

/// Replacement, and whether the schema alone refuses it too; the other rules are about
/// several keys or about what a text means.
#[test]
fn broken_scenarios_are_refused_by_the_reader_and_where_possible_by_the_schema() {
    const BOTH: bool = true;
    const READER: bool = false;
    for (from, to, by) in [
        ("format = 1", "format = 2", BOTH),
        ("format = 1", "", BOTH),
        ("timeout =", "timout =", BOTH),
        ("\"4.2.0\"", "4.2", BOTH),
        ("\"4.2.0\"", "\"\"", BOTH),
        ("\"48 MiB\"", "48", BOTH),
        ("\"48 MiB\"", "\"48\"", BOTH),
        ("\"48 MiB\"", "\"48 mib\"", BOTH),
        ("\"60 min\"", "\"60 m\"", BOTH),
        ("\"60 min\"", "\"60 min 1 h\"", READER),
        ("\"60 min\"", "\"0.1 us\"", READER),
        ("\"60 min\"", "\"4000 d\"", READER),
        ("\"1000 /min\"", "\"1000 min\"", BOTH),
        ("\"1000 /min\"", "\"0 /min\"", READER),
        ("rate.constant.rate", "rate.steady.rate", BOTH),
        ("rate.constant.rate = \"1000 /min\"", "rate = \"steady\"", BOTH),
        ("rate.constant.rate = \"1000 /min\"", "rate = {}", BOTH),
        ("rate.constant.rate = \"1000 /min\"", "", BOTH),
        ("count = 2", "count = 11", BOTH),
        ("devices = 10_000", "devices = 0", BOTH),
        ("devices = 10_000", "devices = \"many\"", BOTH),
        ("devices = 10_000", "", READER),
        ("share = 0.35", "share = -0.35", BOTH),
        ("share = 0.35", "share = 0.3", READER),
        ("never_returns = 0.01", "never_returns = 2", BOTH),
        ("upgrade = 0.004", "upgrades = 0.004", BOTH),
        ("upgrade = 0.004", "upgrade = 1.0", READER),
        ("sigma = 0.3", "sigma = \"0.3\"", BOTH),
        ("online.always = {}", "online.always = { a = 1 }", BOTH),
        ("[\"17\"]", "[17]", BOTH),
        ("[\"17\"]", "[\"x\"]", READER),
        ("until = \"14 d\"", "seed = -1", BOTH),
    ] {
        refused(from, to);
        let text = VALID.replacen(from, to, 1);
        let valid = validator().is_valid(&as_json(&text));
        assert_eq!(valid, by == READER, "schema on {from:?} -> {to:?}");
    }
}

#[test]
fn the_schema_has_a_description_for_every_key_a_person_types() {
    let schema = schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        // Parameters of laws are explained by the law's formula.
        if name.ends_with("Law") {
            continue;
        }
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key}");
        }
    }
    let _: Scenario = read(VALID, &[]).unwrap().scenario;
}
