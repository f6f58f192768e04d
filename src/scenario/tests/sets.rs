//! `--set`, and keys explained.

use super::*;
use crate::model::Span;
use crate::scenario::file::PushRate;
use crate::scenario::law::Law;

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
    assert_eq!(scenario.campaign.rate, PushRate::Unlimited);
    assert_eq!(scenario.campaign.name, "a = b");
    assert_eq!(scenario.fleet.cohort[0].never_returns, 0.05);
    let two_minutes = Span::secs(120);
    assert_eq!(scenario.fleet.cohort[1].install, Law::Constant(two_minutes));
    assert_eq!(scenario.package.delta.len(), 2);
    assert_eq!(scenario.run.tick.0, 100_000);
}

#[test]
fn problems_of_overrides_point_at_the_argument() {
    let rows: &[(&str, &[&str])] = &[
        ("fleet.devices=0", &["--set:1:15", "fleet.devices = 0: must be", "fleet.devices=0"]),
        ("fleet.cohort.eu-lt.share=1", &["no entry is named `eu-lt`", "did you mean `eu-lte`?"]),
        ("fleet.cohort[7].share=1", &["there is no entry [7]", "there are 2"]),
        ("fleet.device=1", &["fleet.device: unknown key", "did you mean `devices`?", "--set:1:1"]),
        ("fleet.devices", &["expected path=value", "--set fleet.devices=5000"]),
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
        ("fleet.cohort.eu-lte.share=0.5", &["add up to 1.15", "--set", "s.toml"]),
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
        ("campaign.rate", &["constant", "fixed-window", "unlimited", "Every push leaves at once."]),
        ("fleet.cohort.share", &["a number from 0 to 1", "Share of a generated fleet"]),
        ("fleet.cohort[0].install", &["or a law", "lognormal", "Flashing and reboot"]),
        ("fleet.cohort.eu-lte.install.lognormal", &["a table", "median", "sigma"]),
        ("fleet.cohort", &["a list", "never_returns"]),
        ("campaign.retry.count", &["a whole number from 1 to 10"]),
    ];
    for (path, parts) in rows {
        has_all(&crate::scenario::explain(path).expect(path), parts);
    }
    assert_eq!(crate::scenario::explain("fleet.nothing"), None);
    assert_eq!(crate::scenario::explain(""), None);
}
