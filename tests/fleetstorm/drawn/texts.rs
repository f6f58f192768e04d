//! What texts may hold: quantities by their format, names by their key.

use super::luck::{Case, Luck};

/// What a text without a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name by which others know the cohort.
    CohortName,
    /// The name of a cohort that is elsewhere in the scenario.
    Cohort,
    /// For people.
    Prose,
    Module,
    Version,
    Device,
    Zone,
    Clock,
    File(Content),
}

/// What a file holds that a scenario refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Inventory,
    Measured,
    Trace,
    Durations,
    Rates,
    Devices,
}

/// What the text under `key` of `owner` holds. Keys of a map have the map's name with `{}`, its
/// values the name with `*`. None: nobody has said so yet.
pub fn kind(owner: &str, key: &str) -> Option<Kind> {
    Some(match (owner, key) {
        ("Cohort", "name") => Kind::CohortName,
        ("Fleet", "inventory") => Kind::File(Content::Inventory),
        ("Online.measured", "file") => Kind::File(Content::Measured),
        ("Online.trace", "file") => Kind::File(Content::Trace),
        ("SpanLaw.empirical", "file") => Kind::File(Content::Durations),
        ("BitRateLaw.empirical", "file") => Kind::File(Content::Rates),
        ("Select", "list-file") => Kind::File(Content::Devices),
        (_, "name" | "source" | "set-tags{}" | "set-tags*") => Kind::Prose,
        (_, "cohorts") => Kind::Cohort,
        (_, "module" | "modules{}") => Kind::Module,
        (_, "version" | "source_versions" | "versions{}" | "modules*{}" | "delta{}") => {
            Kind::Version
        }
        (_, "list" | "blacklist" | "whitelist") => Kind::Device,
        (_, devices) if devices.ends_with("-devices") => Kind::Device,
        (_, "timezone") => Kind::Zone,
        (_, "clock") => Kind::Clock,
        _ => return None,
    })
}

const ZONES: [&str; 13] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Etc/GMT+12",
    "EST5EDT",
];

const ODD: [&str; 10] =
    ["", " ", "x", "\u{0}", "../../x", "é\"'\\\n", "-1", "Mars/Olympus", "device", "\u{feff}0"];

/// A name; a wild one need not be known to anybody.
pub fn name(kind: Kind, case: &Case, luck: &mut Luck, wild: bool) -> String {
    if wild && luck.chance(0.5) {
        return (*luck.pick(&ODD)).to_owned();
    }
    match kind {
        Kind::CohortName | Kind::Cohort => luck.pick(&case.cohorts).clone(),
        Kind::Prose => (*luck.pick(&["one", "two words", "ÄÖ & <x>", "a/b.c"])).to_owned(),
        Kind::Module => luck.pick(&case.modules).clone(),
        Kind::Version => luck.pick(&case.versions).clone(),
        Kind::Device => luck.below(case.devices as usize + usize::from(wild)).to_string(),
        Kind::Clock if luck.chance(0.4) => "device".to_owned(),
        Kind::Zone | Kind::Clock => (*luck.pick(&ZONES)).to_owned(),
        Kind::File(_) => "nowhere.csv".to_owned(),
    }
}

/// Formats of quantities that are drawn.
pub const FORMATS: [&str; 7] =
    ["span", "bytes", "bit-rate", "event-rate", "time-of-day", "moment", "condition"];

/// A quantity of a format; none where the format is not known.
pub fn quantity(format: &str, key: &str, pattern: &str, luck: &mut Luck) -> Option<String> {
    Some(match format {
        "span" => match key {
            "tick" => span(luck, 0.01, 600.0),
            "until" => span(luck, 3_600.0, 30.0 * 86_400.0),
            _ if luck.chance(0.04) => "0 s".to_owned(),
            _ => span(luck, 1.0, 2.0 * 86_400.0),
        },
        "bytes" => format!("{} {}", 1 + luck.below(900), luck.pick(&["kB", "KiB", "MB"])),
        "bit-rate" => {
            format!("{} {}", 1 + luck.below(900), luck.pick(&["kbit/s", "kB/s", "Mbit/s"]))
        }
        "event-rate" => {
            let per = luck.pick(&["s", "min", "h", "90 s", "1 min 7 s", "100 ms"]);
            format!("{} /{per}", luck.log_uniform(1.0, 500.0).round())
        }
        "time-of-day" => {
            let minute = *luck.pick(&[0, 0, 30, 59, luck.clone().below(60)]);
            format!("{:02}:{minute:02}", luck.below(24))
        }
        "moment" => moment(luck),
        "condition" => {
            let words = alternatives(pattern);
            let above = luck.log_uniform(0.5, 50.0).round();
            format!("{} > {above}", luck.pick(&words))
        }
        _ => return None,
    })
}

fn span(luck: &mut Luck, from_s: f64, to_s: f64) -> String {
    const UNITS: [(&str, f64); 5] =
        [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001)];
    let seconds = luck.log_uniform(from_s, to_s);
    let fits = UNITS.iter().find(|(_, size)| seconds >= *size).unwrap_or(&UNITS[4]);
    let whole = (seconds / fits.1).round();
    match luck.below(8) {
        0 => format!("{} ms", (seconds * 1e3).round()),
        1 => format!("{} us", (seconds * 1e6).round()),
        2 if fits.0 == "h" => format!("{whole} h {} min", luck.below(60)),
        _ => format!("{whole} {}", fits.0),
    }
}

/// Around the days on which clocks change, years end and calendars begin, and anywhere.
fn moment(luck: &mut Luck) -> String {
    const DAYS: [&str; 8] = [
        "2027-03-27",
        "2027-03-28",
        "2027-10-30",
        "2027-10-31",
        "2026-12-31",
        "2028-02-28",
        "1970-01-01",
        "2011-12-29",
    ];
    let day = match luck.chance(0.7) {
        true => (*luck.pick(&DAYS)).to_owned(),
        false => {
            let (year, month) = (1970 + luck.below(130), 1 + luck.below(12));
            format!("{year}-{month:02}-{:02}", 1 + luck.below(28))
        }
    };
    let (hour, minute) = (luck.below(24), luck.pick(&[0, 0, 30, 59]));
    format!("{day}T{hour:02}:{minute:02}:{:02}Z", luck.below(60))
}

/// Words of a pattern's first group: `(failed|rejected)` has two.
fn alternatives(pattern: &str) -> Vec<String> {
    let group = pattern.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let (words, _) = group.expect("a condition's pattern begins with what is counted");
    words.split('|').map(str::to_owned).collect()
}

/// A quantity at the edge of what is possible, or beyond it.
pub fn wild_quantity(format: &str, luck: &mut Luck) -> String {
    let odd = [
        "",
        " ",
        "0",
        "-1 s",
        "x",
        "1",
        "nan s",
        "1e3 s",
        "\u{ff11} s",
        "99999999999999999999999 s",
    ];
    if luck.chance(0.15) {
        return (*luck.pick(&odd)).to_owned();
    }
    let numbers = [
        "0",
        "1",
        "2",
        "0.000001",
        "3000",
        "3001",
        "259200000",
        "1_000",
        "999999999",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "0.1",
        "12345.678901",
    ];
    let n = *luck.pick(&numbers);
    let span_units = ["us", "ms", "s", "min", "h", "d", "w"];
    match format {
        "span" => format!("{n} {}", luck.pick(&span_units)),
        "bytes" => format!("{n} {}", luck.pick(&["B", "kB", "KiB", "GB", "EB", "EiB"])),
        "bit-rate" => format!("{n} {}", luck.pick(&["bit/s", "kbit/s", "Tbit/s", "Ebit/s", "B/s"])),
        "event-rate" => {
            let (m, unit) = (*luck.pick(&numbers), *luck.pick(&span_units));
            if luck.chance(0.5) { format!("{n} /{unit}") } else { format!("{n} /{m} {unit}") }
        }
        "time-of-day" => (*luck.pick(&["00:00", "23:59", "24:00", "12:60", "1:00"])).to_owned(),
        "moment" => (*luck.pick(&[
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9998-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2016-12-31T23:59:60Z",
            "2027-02-29T00:00:00Z",
            "2027-01-01T00:00:00+01:00",
        ]))
        .to_owned(),
        "condition" => format!("{} > {n}", luck.pick(&["failed", "notified", "lost", ""])),
        _ => n.to_owned(),
    }
}
