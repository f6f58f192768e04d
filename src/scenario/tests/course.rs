//! What cannot come about, and how long it takes at least.

use super::*;
use crate::model::Time;
use crate::scenario::bounds;

const HEAD: &str = "format = 1\n[package]\nversion = '2'\nsize = '1 MiB'\n";

/// A scenario of a thousand devices on version 1.
fn text(campaign: &str, more: &str) -> String {
    format!(
        "{HEAD}[campaign]\nname = 'x'\n{campaign}\n[fleet]\ndevices = 1000\n\
         versions = {{ '1' = 1.0 }}\n[[fleet.cohort]]\nname = 'a'\n\
         download.link = '1 Mbit/s'\npoll = {{ every = '1 h' }}\n{more}"
    )
    .replace(
        "poll = { every = '1 h' }\n",
        if campaign.contains("'poll'") { "poll = { every = '1 h' }\n" } else { "" },
    )
}

fn loaded(text: &str) -> Loaded {
    read(text, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The bounds with their seconds, the greatest first.
fn bounds_of(campaign: &str, more: &str) -> Vec<(String, f64)> {
    let bounds = bounds::all(&loaded(&text(campaign, more)));
    bounds.into_iter().map(|bound| (bound.by, bound.at.as_secs_f64())).collect()
}

fn has_bound(campaign: &str, more: &str, by: &str, seconds: f64) {
    let all = bounds_of(campaign, more);
    let found = all.iter().find(|(name, _)| name == by);
    let found = found.unwrap_or_else(|| panic!("no bound by {by}: {all:?}")).1;
    assert!((found - seconds).abs() <= seconds * 1e-6, "{by}: {found}, not {seconds}");
}

#[test]
fn each_bound_is_its_closed_form() {
    const RATE: &str = "rate.constant.rate = '60 /min'\n";
    has_bound(RATE, "", "rate", 999.0);
    has_bound(&format!("{RATE}start = '1 h'"), "", "rate", 3_600.0 + 999.0);
    // At the first mark by which all are permitted.
    has_bound(&format!("{RATE}marks = '10 min'"), "", "marks", 1_200.0);
    // 301 in each window of five minutes, four days; the run begins at 00:00 UTC.
    let window = format!("{RATE}window = {{ from = '02:00', to = '02:05' }}");
    has_bound(&window, "", "windows", 3.0 * 86_400.0 + 7_200.0 + 96.0);
    has_bound(
        "rate = 'unlimited'\nwindow = { from = '02:00', to = '03:00' }",
        "",
        "windows",
        7_200.0,
    );
    let marked = "rate = 'unlimited'\nwindow = { from = '02:00', to = '03:00' }\nmarks = '7 h'";
    has_bound(marked, "", "windows", 14.0 * 7.0 * 3_600.0);
    // Nine tenths of them, but for the one that rounding may take away.
    let phases =
        format!("{RATE}stages.phases = [{{ percent = 10 }}, {{ at = '2 h', percent = 100 }}]");
    has_bound(&phases, "", "phases", 7_200.0 + 898.0);
    let share = libm::pow(1e-9, 1e-3);
    has_bound("rate = 'unlimited'\ndelivery = 'poll'", "", "polls", 3_600.0 * share);
    let backend = "[backend]\nworkers = 4\nservice = '2 s'\negress = '8 Mbit/s'\n";
    has_bound("rate = 'unlimited'", backend, "workers", 500.0);
    has_bound("rate = 'unlimited'", backend, "egress", 1_000.0 * 1.048576);
    let link = "[[link]]\nname = 'cell'\ncapacity = '1 Mbit/s'\ncells = 4\n";
    has_bound("rate = 'unlimited'", link, "link \"cell\"", 1_000.0 * 8.388608 / 4.0);
}

#[test]
fn the_greatest_bound_comes_first_and_takes_only_what_is_certain() {
    let all = bounds_of("rate.constant.rate = '60 /min'", "[backend]\negress = '1 Mbit/s'\n");
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["egress", "rate"]);
    // Half of them run the target already: 500, less what Bernstein's inequality allows for.
    let half =
        text("rate.constant.rate = '60 /min'", "").replace("'1' = 1.0", "'1' = 0.5, '2' = 0.5");
    let bound = bounds::all(&loaded(&half))[0].at;
    let certain = (500.0 - 6.0 - (36.0 + 36.0 * 250_f64).sqrt()).floor();
    assert_eq!(bound, Time((certain as u64 - 1) * 1_000_000));
    // Where hardly any do, there may be some all the same.
    let rare = half.replace("'1' = 0.5, '2' = 0.5", "'1' = 0.9996, '2' = 0.0004");
    assert!(bounds::all(&loaded(&rare))[0].at <= Time(990 * 1_000_000));
    // A rate that is edited, or does not hold for those who join, bounds nothing.
    let edited = "[[operator]]\nat = '1 min'\naction.set-rate.constant.rate = '900 /min'\n";
    assert!(bounds_of("rate.constant.rate = '60 /min'", edited).is_empty());
}

/// What is said of a scenario that can be run.
fn remarks(campaign: &str, more: &str) -> String {
    let loaded = loaded(&text(campaign, more));
    loaded.remarks.map_or(String::new(), |remarks| remarks.to_string())
}

#[test]
fn what_cannot_come_about_is_an_error_to_whoever_checks() {
    const RATE: &str = "rate.constant.rate = '60 /min'\n";
    let operator = |action: &str| format!("[[operator]]\nat = '1 min'\naction{action}\n");
    for (campaign, more, part) in [
        (
            "window = { from = '02:00', to = '03:00' }\nmarks = '7 h'",
            "[run]\nuntil = '1 d'\n",
            "campaign.marks = \"7 h\"|'7 h': never falls into campaign.window",
        ),
        (
            "window = { from = '02:00', to = '03:00' }",
            "[run]\nuntil = '1 h'\n",
            "campaign.window: does not open before it is over, at 1 h",
        ),
        (
            "stages.phases = [{ percent = 5 }, { at = '2 d', percent = 100 }]",
            "[run]\nuntil = '1 d'\n",
            "opens when it is over, at 1 d",
        ),
        (
            "stages.phases = [{ percent = 5 }]",
            "",
            "is the last phase, and the rest is never pushed",
        ),
        (
            "abort = [{ percent = 5, min_executed = 1001 }]",
            "",
            "min_executed = 1001: is never reached: the campaign has at most 1000 devices",
        ),
        ("", &operator(" = 'resume'"), "follows no suspension"),
        ("", &operator(" = 'activate'"), "is for drafts only"),
        ("can_suspend = false", &operator(" = 'suspend'"), "the platform does not have"),
        (
            "",
            &operator(".set-rate.fixed-window.pushes = 3"),
            "is of another kind than campaign.rate",
        ),
        (
            "",
            "[[operator]]\nat = '40 d'\naction = 'suspend'\n",
            "comes after the run has ended (30 d)",
        ),
        ("joiners = 'at-once'", "", "is not used: campaign.dynamic is not given"),
        ("stage_sizes = 'round'", "", "is not used: campaign.stages is not given"),
        ("timeout_from = 'notification'", "", "is not used: campaign.timeout is not given"),
        ("", "poll.every = '1 h'\n", "is not used: no campaign is delivered by poll"),
        (
            "",
            "[run]\nuntil = '10 min'\n",
            "is over before the campaign can be: it takes at least 16 min 39 s by rate",
        ),
    ] {
        let said = remarks(&format!("{RATE}{campaign}"), more);
        let part = part.rsplit('|').next().unwrap();
        has_all(&said, &[part, "error: "]);
        assert!(said.ends_with("\n1 problem"), "{said}");
    }
    let nobody = text(RATE, "").replace("'1' = 1.0", "'2' = 1.0");
    let said = loaded(&nobody).remarks.unwrap();
    has_all(&said.to_string(), &["package.version = '2': is what every device runs already"]);
    // Whoever runs it all the same is warned.
    let warnings = said.as_warnings().unwrap();
    has_all(&warnings.to_string(), &["warning: package.version", "1 warning"]);
    assert!(said.has_errors() && !warnings.has_errors());
}

#[test]
fn a_default_end_that_is_too_early_is_odd_only() {
    let slow = "rate.constant.rate = '10 /d'\n";
    has_all(&remarks(slow, ""), &["warning: run.until: is 30 d by default", "99 d", "1 warning"]);
    assert_eq!(remarks("rate.constant.rate = '60 /min'", ""), "");
    let zone = remarks("rate = 'unlimited'", "timezone = 'Europe/Berlin'\n");
    has_all(&zone, &["warning: fleet.cohort[0].timezone", "nothing goes by the clock"]);
}

#[test]
fn platforms_take_what_they_document() {
    for (campaign, part) in [
        (
            "profile = 'alibaba'\nretry = { count = 3 }",
            "must be one of [1, 2, 5] under this profile",
        ),
        (
            "profile = 'alibaba'\nretry = { count = 2, interval = '20 min' }",
            "[0, 10, 30, 60, 1440] min",
        ),
        (
            "profile = 'alibaba'\nfinish = '30 min'",
            "lasts, from start to finish, 30 min; from 1 h to 30 d",
        ),
        ("profile = 'aws-iot-jobs'\nfinish = '10 min'", "from 30 min to 730 d"),
        ("profile = 'aws-iot-jobs'\nwindow = { from = '00:00', to = '23:55' }", "23 h 50 min"),
        ("profile = 'aws-iot-jobs'\nstep_timeout = '8 d'", "a step may take 8 d"),
    ] {
        let text = text(
            &format!("rate.constant.rate = '60 /min'\nsource_versions = ['1']\n{campaign}"),
            "",
        );
        has_all(&read(&text, &[]).unwrap_err().to_string(), &[part]);
    }
    let poll = text("rate = 'unlimited'\nprofile = 'hawkbit'", "poll.every = '25 h'\n");
    has_all(&read(&poll, &[]).unwrap_err().to_string(), &["devices poll every 1 d 1 h; from 30 s"]);
    let great = text("rate = 'unlimited'\nprofile = 'quectel'", "").replace("1 MiB", "101 MB");
    has_all(
        &read(&great, &[]).unwrap_err().to_string(),
        &["must be at most 100 MB under this profile"],
    );
}
