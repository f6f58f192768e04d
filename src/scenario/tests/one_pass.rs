//! Everything that is wrong comes in one pass: what was refused hides nothing, makes nothing up,
//! and a flood of one kind leaves room for the rest.

use super::*;

/// What is wrong with the scenario, by key.
fn keys(text: &str) -> Vec<String> {
    let problems = read(text, &[]).unwrap_err();
    problems.iter().map(|problem| problem.path.clone()).collect()
}

#[test]
fn forms_rules_and_names_come_at_once() {
    let text = VALID
        .replace("timeout = ", "timout = ")
        .replace("share = 0.65", "share = 0.6")
        .replace("[\"17\"]", "[\"70000\"]")
        .replace("\"48 MiB\"", "48");
    let found = keys(&text);
    let wanted =
        ["package.size", "campaign.blacklist[0]", "campaign.timout", "fleet.cohort[0].share"];
    assert_eq!(found, wanted);
}

#[test]
fn nothing_is_said_of_a_value_that_stands_in_for_another() {
    for (from, to, key) in [
        ("share = 0.65", "share = \"65 %\"", "fleet.cohort[1].share"),
        ("share = 0.65", "shar = 0.65", "fleet.cohort[1].shar"),
        ("devices = 10_000", "devices = \"10k\"", "fleet.devices"),
        ("devices = 10_000", "devcies = 10_000", "fleet.devcies"),
        ("size = \"48 MiB\"", "sise = \"48 MiB\"", "package.sise"),
        ("versions = { \"4.1.3\"", "version = { \"4.1.3\"", "fleet.version"),
        ("\"4.1.3\" = 0.8", "\"4.1.3\" = \"most\"", "fleet.versions.\"4.1.3\""),
        ("until = \"14 d\"", "until = \"14 days or so\"", "run.until"),
        ("name = \"us-wifi\"", "name = 3", "fleet.cohort[1].name"),
        (
            "[[fleet.cohort]]\nname = \"us-wifi\"",
            "[[fleet.cohrt]]\nname = \"us-wifi\"",
            "fleet.cohrt",
        ),
        ("off.hyper-exponential = [", "off.hyper-exponential = [ 3,", "online.renewal.off"),
        ("rate.constant.rate = \"1000 /min\"", "rate.constant.rate = 1000", "campaign.rate"),
    ] {
        assert_eq!(VALID.matches(from).count(), 1, "{from:?}");
        let found = keys(&VALID.replace(from, to));
        assert!(found.len() == 1 && found[0].contains(key), "{to}: {found:?}");
    }
}

#[test]
fn a_key_given_twice_does_not_hide_what_follows() {
    let text = VALID.replace("count = 2", "count = 2\ncount = 3").replace("14 d", "14 days");
    let problems = read(&text, &[]).unwrap_err();
    has_all(&problems.to_string(), &["duplicate key", "run.until", "2 problems"]);
}

#[test]
fn a_flood_is_counted_and_hides_nothing_else() {
    let keys: String = (0..40_000).map(|n| format!("devicez{n} = 1\n")).collect();
    let text =
        VALID.replace("[fleet]\n", &format!("[fleet]\n{keys}")).replace("90 s", "90 parsecs");
    let problems = read(&text, &[]).unwrap_err();
    assert_eq!((problems.iter().count(), problems.unshown()), (21, 39_980));
    has_all(
        &problems.to_string(),
        &["did you mean `devices`?", "install", "40001 problems; 39980 of them are not shown"],
    );
    let ids: String = (0..40_000).map(|n| format!("\"gw-{n}\",\n")).collect();
    let text = VALID.replace("[\"17\"]", &format!("[{ids}]"));
    let problems = read(&text, &[]).unwrap_err();
    assert_eq!((problems.iter().count(), problems.len()), (20, 40_000));
    has_all(&problems.to_string(), &["campaign.blacklist[0] = \"gw-0\"", "\"0\" to \"9999\""]);
}

#[test]
fn no_more_than_fifty_are_shown() {
    let cohort = |n: u32| {
        format!("[[fleet.cohort]]\nname = \"c{n}\"\nshare = 0\ndownload.takes = \"1 s\"\nx = 1\n")
    };
    let cohorts: String = (0..80).map(cohort).collect();
    let text = [VALID, &cohorts].concat();
    let problems = read(&text, &[]).unwrap_err();
    assert_eq!((problems.iter().count(), problems.unshown()), (50, 30));
    has_all(&problems.to_string(), &["80 problems; 30 of them are not shown"]);
}

#[test]
fn stand_ins_can_be_read_whatever_was_refused() {
    // Every line is made wrong in turn; what is left must always come to a verdict.
    let lines: Vec<&str> = VALID.lines().collect();
    for at in 0..lines.len() {
        for wrong in ["3", "\"x\"", "[]", "{}", "true", "{ a = 1 }", "[3, \"x\"]"] {
            let Some((key, _)) = lines[at].split_once('=') else { continue };
            let mut lines = lines.clone();
            let line = format!("{key} = {wrong}");
            lines[at] = &line;
            if let Err(problems) = read(&lines.join("\n"), &[]) {
                let text = problems.to_string();
                assert!(!text.contains("does not fit"), "{line}: {text}");
            }
        }
    }
}

#[test]
fn what_newcomers_write_is_answered_with_what_to_write() {
    check(&[
        ("share = 0.65", "share = \"65 %\"", &["write 0.65, without quotes"]),
        (
            "rate.constant.rate = \"1000 /min\"",
            "rate = \"1000 /min\"",
            &["campaign.rate = \"1000 /min\"", "write campaign.rate.constant.rate = \"1000 /min\""],
        ),
        ("download.takes = \"45 s\"", "download = \"45 s\"", &["download.takes = \"45 s\""]),
        (
            "until = \"14 d\"",
            "date = \"2027-03-01\"",
            &["a time of day in UTC", "write for example \"2027-03-01T00:00:00Z\""],
        ),
        (
            "online.always = {}",
            "timezone = \"berlin\"",
            &["did you mean `Europe/Berlin`?", "1 problem"],
        ),
        (
            "[package]\nversion = \"4.2.0\"\nsize = \"48 MiB\"\ndelta = { \"4.1.3\" = \"6 MiB\" }",
            "",
            &["package is missing", "begin it with a line [package]", "1 problem"],
        ),
    ]);
}
