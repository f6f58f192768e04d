use super::*;

/// Replacement in the valid scenario, and what the user must see.
type Row = (&'static str, &'static str, &'static [&'static str]);

fn check(rows: &[Row]) {
    for (from, to, parts) in rows {
        has_all(&refused(from, to), parts);
    }
}

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
            &[
                "package.version is missing",
                "s.toml:3:1",
                "The version a device reports",
            ],
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
        (
            "\"4.2.0\"",
            "true",
            &["package.version: expected text, found true"],
        ),
        (
            "\"4.2.0\"",
            "\"\"",
            &["package.version = \"\": must not be empty"],
        ),
        (
            "devices = 10_000",
            "devices = 1.5",
            &["fleet.devices: expected a whole number, found the number 1.5"],
        ),
        (
            "devices = 10_000",
            "devices = 0",
            &[
                "fleet.devices = 0: must be a whole number from 1 to 4000000000",
                "s.toml:20:11",
            ],
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
        (
            "format = 1",
            "format = 2",
            &["format = 2: must be 1", "s.toml:1:10"],
        ),
        (
            "count = 2",
            "count = 0",
            &["campaign.retry.count = 0: must be a whole number from 1 to 10"],
        ),
        (
            "share = 0.35",
            "share = nan",
            &["fleet.cohort[0].share = nan: must be a finite number"],
        ),
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
        (
            "blacklist = [\"17\"]",
            "whitelist = []",
            &["campaign.whitelist: needs at least 1 entry"],
        ),
        (
            "[campaign.retry]\ncount = 2\ninterval = \"10 min\"",
            "retry = 3",
            &[
                "campaign.retry: expected a table, found the number 3",
                "count, interval",
            ],
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
            &[
                "campaign.rate = \"unlimted\": unknown word",
                "did you mean `unlimited`?",
            ],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = \"constant\"",
            &["needs a value", "write campaign.rate.constant = …"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = 1000",
            &[
                "campaign.rate: expected one of the known words",
                "unlimited",
            ],
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
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = {}",
            &["needs exactly one key, found none"],
        ),
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
            &[
                "fleet.cohort[1].install.lognorml: unknown key",
                "`lognormal`",
            ],
        ),
        (
            "sigma = 0.3",
            "sgma = 0.3",
            &[
                "install.lognormal.sgma: unknown key",
                "install.lognormal.sigma is missing",
            ],
        ),
    ]);
}

#[test]
fn units() {
    check(&[
        (
            "timeout = \"60 min\"",
            "timeout = \"60\"",
            &[
                "campaign.timeout = \"60\": a duration needs a unit",
                "write \"60 s\"",
            ],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = 60",
            &[
                "campaign.timeout = 60: a duration needs a unit",
                "write \"60 s\"",
            ],
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
            &[
                "fleet.cohort[0].install = 90: a duration needs a unit",
                "write \"90 s\"",
            ],
        ),
        (
            "\"1.2 Mbit/s\"",
            "\"1.2 Mbps\"",
            &[
                "unknown unit \"Mbps\"",
                "write \"Mbit/s\"",
                "lognormal.median",
            ],
        ),
        (
            "\"48 MiB\"",
            "\"48 mb\"",
            &["package.size = \"48 mb\": unknown unit", "write \"MB\""],
        ),
        (
            "\"1000 /min\"",
            "1000",
            &[
                "campaign.rate.constant.rate = 1000: a rate needs a unit",
                "write \"1000 /min\"",
            ],
        ),
    ]);
}

#[test]
fn rules_of_campaign_and_run() {
    check(&[
        (
            "\"1000 /min\"",
            "\"0 /min\"",
            &["campaign.rate.constant.rate = \"0 /min\": must be at least 1 push per 30 d"],
        ),
        (
            "\"1000 /min\"",
            "\"2000000 /ms\"",
            &["must be at most 1000000000 /s", "unlimited"],
        ),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate.fixed-window = { pushes = 5, window = \"1 ms\" }",
            &["campaign.rate.fixed-window.window = \"1 ms\": must be from 1 s to 30 d"],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = \"30 s\"",
            &["campaign.timeout = \"30 s\": must be from 1 min to 1 d"],
        ),
        (
            "timeout = \"60 min\"",
            "select.percent = 0",
            &["campaign.select.percent = 0: must be above 0 and at most 100"],
        ),
        (
            "timeout = \"60 min\"",
            "select.percent = 0.0001",
            &["more than three decimals"],
        ),
        (
            "timeout = \"60 min\"",
            "select.list = []",
            &["campaign.select.list: must not be empty"],
        ),
        (
            "timeout = \"60 min\"",
            "select.list = [\"3\", \"3\"]",
            &["campaign.select.list[1] = \"3\": is listed twice, first at [0]"],
        ),
        (
            "timeout = \"60 min\"",
            "select.list-file = \"no/such.txt\"",
            &["campaign.select.list-file", "cannot be read"],
        ),
        (
            "[\"17\"]",
            "[\"17\", \"10000\", \"007\"]",
            &[
                "campaign.blacklist[1] = \"10000\": the fleet has no such device",
                "blacklist[2]",
                "\"0\" to \"9999\"",
            ],
        ),
        (
            "source_versions = [\"4.1.3\"]",
            "source_versions = [\"4.1.4\"]",
            &[
                "campaign.source_versions[0] = \"4.1.4\": no device has version \"4.1.4\"",
                "did you mean `4.1.3`?",
            ],
        ),
        (
            "delta = { \"4.1.3\"",
            "delta = { \"3.0\"",
            &["package.delta.\"3.0\" = \"6 MiB\": no device has version"],
        ),
        (
            "source_versions = [\"4.1.3\"]",
            "retry.needs_source_version = true\nretry.count = 1",
            &["not valid TOML: duplicate key"],
        ),
        (
            "source_versions = [\"4.1.3\"]\nblacklist = [\"17\"]\nrate.constant.rate = \"1000 /min\"\ntimeout = \"60 min\"\n\n[campaign.retry]",
            "rate = \"unlimited\"\n\n[campaign.retry]\nneeds_source_version = true",
            &[
                "campaign.retry.needs_source_version = true: retries could never happen",
                "source_versions",
            ],
        ),
        (
            "until = \"14 d\"",
            "until = \"0 s\"",
            &["run.until = \"0 s\": must be above 0"],
        ),
        (
            "until = \"14 d\"",
            "until = \"4000 d\"",
            &["at most 3000 d"],
        ),
        (
            "until = \"14 d\"",
            "until = \"1 s\"\ntick = \"1 min\"",
            &["run.until = \"1 s\": must be at least one tick (1 min)"],
        ),
        (
            "until = \"14 d\"",
            "tick = \"10 us\"",
            &["run.tick = \"10 us\": must be from 1 ms to 1 h"],
        ),
        (
            "until = \"14 d\"",
            "sample_every = \"0 s\"",
            &["run.sample_every = \"0 s\": must be at least one tick"],
        ),
        (
            "until = \"14 d\"",
            "sample_every = \"1 s\"",
            &["more than 1000000 points", "take at least 2.592 s"],
        ),
    ]);
}

#[test]
fn rules_of_the_fleet() {
    check(&[
        (
            "devices = 10_000",
            "",
            &["fleet: needs either devices or inventory", "s.toml:19:1"],
        ),
        (
            "devices = 10_000",
            "devices = 10_000\ninventory = \"d.csv\"",
            &["either devices or inventory, not both"],
        ),
        (
            "devices = 10_000",
            "inventory = \"no.csv\"",
            &[
                "fleet.inventory = \"no.csv\": cannot be read",
                "fleet.versions: must not be given with an inventory",
                "fleet.cohort[0].share = 0.35: must not be given",
                "`cohort` has it",
            ],
        ),
        (
            "versions = { \"4.1.3\" = 0.8, \"4.0.9\" = 0.2 }",
            "",
            &["fleet.cohort[0]: its devices have no installed version"],
        ),
        (
            "\"4.0.9\" = 0.2",
            "\"4.0.9\" = 0.1",
            &["fleet.versions: shares add up to 0.9, not 1", "0.8", "0.1"],
        ),
        (
            "\"4.1.3\" = 0.8",
            "\"4.1.3\" = 1.8",
            &["fleet.versions.\"4.1.3\" = 1.8: must be from 0 to 1"],
        ),
        (
            "share = 0.65",
            "share = 0.6",
            &[
                "fleet.cohort: shares add up to 0.95, not 1",
                "share = 0.35",
                "share = 0.6",
                "remaining share 0.05",
            ],
        ),
        (
            "share = 0.65",
            "share = 0.75",
            &["add up to 1.1, not 1", "take 0.1 away"],
        ),
        ("share = 0.65", "", &["fleet.cohort[1]: share is missing"]),
        (
            "name = \"us-wifi\"",
            "name = \"eu-lte\"",
            &["fleet.cohort[1].name = \"eu-lte\": is given twice"],
        ),
        (
            "upgrade = 0.004",
            "upgrade = 0.7, flash = 0.6",
            &["fleet.cohort[0].fails: probabilities must add up to at most 1, not 1.30002"],
        ),
        (
            "size = \"48 MiB\"",
            "",
            &["fleet.cohort[0].download.link: needs package.size"],
        ),
        (
            "\"48 MiB\"",
            "\"0 B\"",
            &["package.size = \"0 B\": must be at least 1 B"],
        ),
    ]);
}

#[test]
fn rules_of_laws() {
    check(&[
        (
            "install = \"90 s\"",
            "install = \"4000 d\"",
            &["fleet.cohort[0].install = \"4000 d\": must be at most 3000 d"],
        ),
        (
            "install = \"90 s\"",
            "install.uniform = { from = \"2 s\", to = \"1 s\" }",
            &["from must not exceed to", "exchange"],
        ),
        (
            "install = \"90 s\"",
            "install.exponential.mean = \"0 s\"",
            &["install.exponential.mean = \"0 s\": must be above zero"],
        ),
        (
            "install = \"90 s\"",
            "install.weibull = { shape = 0, scale = \"1 s\" }",
            &["weibull.shape = 0: must be from 0.05 to 1000"],
        ),
        (
            "sigma = 0.3",
            "sigma = -1",
            &["install.lognormal.sigma = -1: must be from 0 to 10"],
        ),
        (
            "on.exponential.mean = \"8 h\"",
            "on = \"0 s\"",
            &["online.renewal.on = \"0 s\": must be above zero"],
        ),
        (
            "on.exponential.mean = \"8 h\"",
            "on.lomax = { alpha = 0.9, scale = \"1 h\" }",
            &[
                "renewal.on.lomax.alpha = 0.9: must be above 1",
                "mean of the periods is infinite",
            ],
        ),
        (
            "{ share = 0.9, mean",
            "{ share = 0.8, mean",
            &["off.hyper-exponential: shares add up to 0.9, not 1"],
        ),
        (
            "\"1.2 Mbit/s\"",
            "\"0 bit/s\"",
            &["link.lognormal.median = \"0 bit/s\": must be above zero"],
        ),
        (
            "\"1.2 Mbit/s\"",
            "\"2 Tbit/s\"",
            &["must be at most 1 Tbit/s"],
        ),
    ]);
}

#[test]
fn syntax_errors_are_pointed_at() {
    check(&[
        (
            "version = \"4.2.0\"",
            "version = \"4.2.0",
            &["not valid TOML", "s.toml:4:"],
        ),
        (
            "version = \"4.2.0\"",
            "version = 4.2.0",
            &["not valid TOML", "s.toml:4:11"],
        ),
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
    assert_eq!(
        found,
        [
            (5, "package.size"),
            (16, "campaign.retry.count"),
            (53, "run.untill")
        ]
    );
    has_all(&problems.to_string(), &["3 problems"]);
    let json = serde_json::to_value(problems.iter().next().unwrap()).unwrap();
    assert_eq!(json["column"], 8);
    assert_eq!(json["help"], "write \"48 MiB\"");
}

#[test]
fn overrides_change_what_the_file_says() {
    let sets = [
        "fleet.devices=5000",
        "campaign.rate.unlimited={}",
        "fleet.cohort.eu-lte.never_returns=0.05",
        "fleet.cohort[1].install=2 min",
        "package.delta.\"4.0.9\"=7 MiB",
        "run.tick=\"100 ms\"",
        "campaign.name=a = b",
    ];
    let scenario = read(VALID, &sets).unwrap().scenario;
    assert_eq!(scenario.fleet.devices, Some(5000));
    assert_eq!(
        scenario.campaign.rate,
        crate::scenario::file::PushRate::Unlimited
    );
    assert_eq!(scenario.campaign.name, "a = b");
    assert_eq!(scenario.fleet.cohort[0].never_returns, 0.05);
    let two_minutes = crate::model::Span::secs(120);
    assert_eq!(
        scenario.fleet.cohort[1].install,
        crate::scenario::file::Law::Constant(two_minutes)
    );
    assert_eq!(scenario.package.delta.len(), 2);
    assert_eq!(scenario.run.tick.0, 100_000);
}

#[test]
fn problems_of_overrides_point_at_the_argument() {
    let rows: &[(&str, &[&str])] = &[
        (
            "fleet.devices=0",
            &[
                "--set:1:15",
                "fleet.devices = 0: must be",
                "fleet.devices=0",
            ],
        ),
        (
            "fleet.cohort.eu-lt.share=1",
            &["no entry is named `eu-lt`", "did you mean `eu-lte`?"],
        ),
        (
            "fleet.cohort[7].share=1",
            &["there is no entry [7]", "there are 2"],
        ),
        (
            "fleet.device=1",
            &[
                "fleet.device: unknown key",
                "did you mean `devices`?",
                "--set:1:1",
            ],
        ),
        (
            "fleet.devices",
            &["expected path=value", "--set fleet.devices=5000"],
        ),
        ("=5", &["a key is missing"]),
        ("fleet[0]=5", &["[0] follows something that is not a list"]),
        ("campaign.rate.constant.burst=3", &[]),
        (
            "campaign.rate.fixed-window.window=1 min",
            &["campaign.rate.fixed-window.pushes is missing"],
        ),
        (
            "fleet.cohort.us-wifi.install.lognormal.median=5",
            &["median = 5: a duration needs a unit"],
        ),
        (
            "fleet.cohort.eu-lte.share=0.5",
            &["add up to 1.15", "--set", "s.toml"],
        ),
    ];
    for (set, parts) in rows {
        match read(VALID, &[set]) {
            Ok(_) => assert!(parts.is_empty(), "{set} was accepted"),
            Err(problems) => has_all(&problems.to_string(), parts),
        }
    }
}

#[test]
fn keys_are_explained() {
    let rows: &[(&str, &[&str])] = &[
        (
            "run.tick",
            &[
                "run.tick: text with a unit, such as \"90 s\"",
                "decides at multiples",
                "default: \"1 s\"",
            ],
        ),
        (
            "campaign.rate",
            &[
                "constant",
                "fixed-window",
                "unlimited",
                "Every push leaves at once.",
            ],
        ),
        (
            "fleet.cohort.share",
            &["a number from 0 to 1", "Share of a generated fleet"],
        ),
        (
            "fleet.cohort[0].install",
            &["or a law", "lognormal", "Flashing and reboot"],
        ),
        (
            "fleet.cohort.eu-lte.install.lognormal",
            &["a table", "median", "sigma"],
        ),
        ("fleet.cohort", &["a list", "never_returns"]),
        ("campaign.retry.count", &["a whole number from 1 to 10"]),
    ];
    for (path, parts) in rows {
        has_all(&crate::scenario::explain(path).expect(path), parts);
    }
    assert_eq!(crate::scenario::explain("fleet.nothing"), None);
    assert_eq!(crate::scenario::explain(""), None);
}
