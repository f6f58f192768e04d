//! Form: keys, types, words, units, TOML itself.

use super::*;

#[test]
fn structure() {
    check(&[
        (
            "timeout = ",
            "timout = ",
            &[
                "campaign.timout: unknown key",
                "s.toml:13:1",
                "did you mean `timeout`?",
                "source_versions",
            ],
        ),
        (
            "version = \"4.2.0\"",
            "",
            &["package.version is missing", "s.toml:3:1", "The version a device reports"],
        ),
        (
            "[package]\nversion = \"4.2.0\"\nsize = \"48 MiB\"\ndelta = { \"4.1.3\" = \"6 MiB\" }",
            "",
            &["package is missing", "What is rolled out."],
        ),
        (
            "\"4.2.0\"",
            "4.2",
            &[
                "package.version: expected text, found the number 4.2",
                "put it in quotes: \"4.2\"",
                "s.toml:4:11",
            ],
        ),
        ("\"4.2.0\"", "true", &["package.version: expected text, found true"]),
        ("\"4.2.0\"", "\"\"", &["package.version = \"\": must not be empty"]),
        (
            "devices = 10_000",
            "devices = 1.5",
            &["fleet.devices: expected a whole number, found the number 1.5"],
        ),
        (
            "devices = 10_000",
            "devices = 0",
            &["fleet.devices = 0: must be a whole number from 1 to 4000000000", "s.toml:20:11"],
        ),
        (
            "devices = 10_000",
            "devices = -1",
            &["fleet.devices = -1: must be a whole number from 1"],
        ),
        (
            "devices = 10_000",
            "devices = 99999999999999999999999999999999999999999",
            &["fleet.devices"],
        ),
    ]);
}

#[test]
fn numbers_and_types() {
    check(&[
        ("format = 1", "format = 2", &["format = 2: must be 1", "s.toml:1:10"]),
        (
            "count = 2",
            "count = 0",
            &["campaign.retry.count = 0: must be a whole number from 1 to 10"],
        ),
        ("share = 0.35", "share = nan", &["fleet.cohort[0].share = nan: must be a finite number"]),
        (
            "share = 0.35",
            "share = \"35 %\"",
            &["fleet.cohort[0].share: expected a number, found the text \"35 %\""],
        ),
        (
            "never_returns = 0.01",
            "never_returns = 1.5",
            &["fleet.cohort[0].never_returns = 1.5: must be from 0 to 1"],
        ),
        (
            "until = \"14 d\"",
            "every_flip = 1",
            &["run.every_flip: expected true or false, found the number 1"],
        ),
        (
            "blacklist = [\"17\"]",
            "blacklist = \"17\"",
            &["campaign.blacklist: expected a list, found the text \"17\""],
        ),
        ("blacklist = [\"17\"]", "whitelist = []", &["campaign.whitelist: needs at least 1 entry"]),
        (
            "[campaign.retry]\ncount = 2\ninterval = \"10 min\"",
            "retry = 3",
            &["campaign.retry: expected a table, found the number 3", "count, interval"],
        ),
        (
            "[run]\nuntil = \"14 d\"",
            "[[run]]\nuntil = \"14 d\"",
            &["run: expected a table, found a list"],
        ),
    ]);
}

#[test]
fn variants() {
    check(&[
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = \"unlimted\"",
            &["campaign.rate = \"unlimted\": unknown word", "did you mean `unlimited`?"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = \"constant\"",
            &["needs a value", "write campaign.rate.constant = …"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = 1000",
            &["campaign.rate: expected one of the known words", "unlimited"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate.const.rate = \"1000 /min\"",
            &["campaign.rate.const: unknown key", "`constant`"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate.constant.rate = \"1 /s\"\nrate.unlimited = {}",
            &[
                "campaign.rate: needs exactly one key, found constant, unlimited",
                "s.toml:13:6",
                "keep one",
            ],
        ),
        ("rate.constant.rate = \"1000 /min\"", "rate = {}", &["needs exactly one key, found none"]),
        (
            "online.always = {}",
            "online.always = { x = 1 }",
            &["fleet.cohort[1].online.always.x: unknown key", "remove it"],
        ),
        (
            "timeout = \"60 min\"",
            "offline = \"when-onlin\"",
            &["campaign.offline", "did you mean `when-online`?"],
        ),
        (
            "install.lognormal",
            "install.lognorml",
            &["fleet.cohort[1].install.lognorml: unknown key", "`lognormal`"],
        ),
        (
            "sigma = 0.3",
            "sgma = 0.3",
            &["install.lognormal.sgma: unknown key", "did you mean `sigma`?", "1 problem"],
        ),
    ]);
}

#[test]
fn units() {
    check(&[
        (
            "timeout = \"60 min\"",
            "timeout = \"60\"",
            &["campaign.timeout = \"60\": a duration needs a unit", "write \"60 s\""],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = 60",
            &["campaign.timeout = 60: a duration needs a unit", "write \"60 s\""],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = \"60 m\"",
            &["unknown unit \"m\"", "write \"min\"", "s.toml:13:11"],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = []",
            &["expected a duration such as \"90 s\", found a list"],
        ),
        (
            "install = \"90 s\"",
            "install = 90",
            &["fleet.cohort[0].install = 90: a duration needs a unit", "write \"90 s\""],
        ),
        (
            "\"1.2 Mbit/s\"",
            "\"1.2 Mbps\"",
            &["unknown unit \"Mbps\"", "write \"Mbit/s\"", "lognormal.median"],
        ),
        ("\"48 MiB\"", "\"48 mb\"", &["package.size = \"48 mb\": unknown unit", "write \"MB\""]),
        (
            "\"1000 /min\"",
            "1000",
            &["campaign.rate.constant.rate = 1000: a rate needs a unit", "write \"1000 /min\""],
        ),
    ]);
}

#[test]
fn syntax_errors_are_pointed_at() {
    check(&[
        ("version = \"4.2.0\"", "version = \"4.2.0", &["not valid TOML", "s.toml:4:"]),
        ("version = \"4.2.0\"", "version = 4.2.0", &["not valid TOML", "s.toml:4:14", "in quotes"]),
        (
            "timeout = \"60 min\"",
            "name = \"again\"",
            &["not valid TOML: duplicate key", "s.toml:13:1"],
        ),
    ]);
}

#[test]
fn all_problems_come_at_once_in_order() {
    let text = VALID
        .replace("count = 2", "count = 20")
        .replace("until =", "untill =")
        .replace("\"48 MiB\"", "48");
    let problems = read(&text, &[]).unwrap_err();
    let found: Vec<(usize, &str)> = problems.iter().map(|p| (p.line, p.path.as_str())).collect();
    assert_eq!(found, [(5, "package.size"), (16, "campaign.retry.count"), (46, "run.untill")]);
    has_all(&problems.to_string(), &["3 problems"]);
    let json = serde_json::to_value(problems.iter().next().unwrap()).unwrap();
    assert_eq!(json["column"], 8);
    assert_eq!(json["help"], "write \"48 MiB\"");
}
