//! Rules beyond the form of single values.

use super::*;

#[test]
fn rules_of_campaign_and_run() {
    check(&[
        (
            "\"1000 /min\"",
            "\"0 /min\"",
            &["campaign.rate.constant.rate = \"0 /min\": must be at least 1 push per 30 d"],
        ),
        ("\"1000 /min\"", "\"2000000 /ms\"", &["must be at most 1000000000 /s", "unlimited"]),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate.fixed-window = { pushes = 5, window = \"1 ms\" }",
            &["campaign.rate.fixed-window.window = \"1 ms\": must be from 1 s to 30 d"],
        ),
        (
            "timeout = \"60 min\"",
            "timeout = \"10 ms\"",
            &["campaign.timeout = \"10 ms\": must be from 1 s to 3000 d"],
        ),
        (
            "timeout = \"60 min\"",
            "select.percent = 0",
            &["campaign.select.percent = 0: must be above 0 and at most 100"],
        ),
        ("timeout = \"60 min\"", "select.percent = 0.0001", &["more than three decimals"]),
        ("timeout = \"60 min\"", "select.list = []", &["campaign.select.list: must not be empty"]),
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
    ]);
}

#[test]
fn rules_of_versions_and_run() {
    check(&[
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
        ("until = \"14 d\"", "until = \"0 s\"", &["run.until = \"0 s\": must be above 0"]),
        ("until = \"14 d\"", "until = \"4000 d\"", &["at most 3000 d"]),
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
        ("devices = 10_000", "", &["fleet: needs either devices or inventory", "s.toml:19:1"]),
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
        ("share = 0.65", "share = 0.75", &["add up to 1.1, not 1", "take 0.1 away"]),
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
        ("size = \"48 MiB\"", "", &["fleet.cohort[0].download.link: needs package.size"]),
        ("\"48 MiB\"", "\"0 B\"", &["package.size = \"0 B\": must be at least 1 B"]),
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
        ("sigma = 0.3", "sigma = -1", &["install.lognormal.sigma = -1: must be from 0 to 10"]),
        (
            "on.exponential.mean = \"8 h\"",
            "on = \"0 s\"",
            &["online.renewal.on = \"0 s\": must be above zero"],
        ),
        (
            "on.exponential.mean = \"8 h\"",
            "on.lomax = { alpha = 0.9, scale = \"1 h\" }",
            &["renewal.on.lomax.alpha = 0.9: must be above 1", "mean of the periods is infinite"],
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
        ("\"1.2 Mbit/s\"", "\"2 Tbit/s\"", &["must be at most 1 Tbit/s"]),
    ]);
}

#[test]
fn the_number_of_cohorts_is_limited() {
    let cohort = "[[fleet.cohort]]\nname = \"x\"\nshare = 0.1\ndownload.takes = \"1 s\"\n";
    let text = [VALID, &cohort.repeat(4095)].concat();
    let problems = read(&text, &[]).unwrap_err();
    has_all(&problems.to_string(), &["fleet.cohort: has 4097 entries, more than 4096"]);
}
