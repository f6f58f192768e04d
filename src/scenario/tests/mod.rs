//! The reader as a user meets it.

mod agreement;
mod course;
mod fleets;
mod messages;
mod networks;
mod one_pass;
mod robustness;
mod rules;
mod sets;

use std::path::Path;

use super::{Loaded, Problems, load_text};

/// A scenario that uses most of the format.
const VALID: &str = r#"format = 1

[package]
version = "4.2.0"
size = "48 MiB"
delta = { "4.1.3" = "6 MiB" }

[campaign]
name = "gateway 4.1 to 4.2"
source_versions = ["4.1.3"]
blacklist = ["17"]
rate.constant.rate = "1000 /min"
timeout = "60 min"

[campaign.retry]
count = 2
interval = "10 min"

[fleet]
devices = 10_000
versions = { "4.1.3" = 0.8, "4.0.9" = 0.2 }

[[fleet.cohort]]
name = "eu-lte"
share = 0.35
never_returns = 0.01
download.link.lognormal = { median = "1.2 Mbit/s", sigma = 0.7 }
install = "90 s"
fails = { upgrade = 0.004, bricks = 0.00002 }

[fleet.cohort.online.renewal]
on.exponential.mean = "8 h"
off.hyper-exponential = [
    { share = 0.9, mean = "1 h" },
    { share = 0.1, mean = "2 d" },
]

[[fleet.cohort]]
name = "us-wifi"
share = 0.65
online.always = {}
download.takes = "45 s"
install.lognormal = { median = "60 s", sigma = 0.3 }

[run]
until = "14 d"
"#;

fn read(text: &str, sets: &[&str]) -> Result<Loaded, Problems> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    load_text("s.toml", text, Path::new(""), &sets)
}

/// What the user sees when `from` in the valid scenario is replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(VALID.matches(from).count(), 1, "{from:?} must occur once");
    match read(&VALID.replace(from, to), &[]) {
        Ok(_) => panic!("{from:?} -> {to:?} was accepted"),
        Err(problems) => problems.to_string(),
    }
}

/// Replacement in the valid scenario, and what the user must see.
type Row = (&'static str, &'static str, &'static [&'static str]);

fn check(rows: &[Row]) {
    for (from, to, parts) in rows {
        has_all(&refused(from, to), parts);
    }
}

/// Every part must be in the text.
fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
