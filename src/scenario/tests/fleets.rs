//! Inventories, measured periods and lists of devices.

use std::fmt::Write as _;

use super::*;
use crate::model::DeviceId;
use crate::scenario::problem::{Problem, Problems};
use crate::scenario::{Inventory, Measured, inventory, measured};

const COHORTS: [&str; 2] = ["eu-lte", "us-wifi"];

fn shown<T>(result: Result<T, Vec<Problem>>) -> String {
    match result {
        Ok(_) => panic!("the file was accepted"),
        Err(problems) => Problems::new(problems).to_string(),
    }
}

fn inventory_of(text: &[u8]) -> Result<Inventory, Vec<Problem>> {
    inventory::read("d.csv", text, &COHORTS).map(|(read, _)| read)
}

#[test]
fn an_inventory_in_any_order_with_bom_crlf_and_quotes() {
    let text = "\u{feff}version,x_site,device,\"region\",link,timezone\r\n\
        4.1.3,a,gw-1,eu-lte,1.2 Mbit/s,Europe/Berlin\r\n\
        4.0.9,b,\"gw-2\",us-wifi,8000000,\r\n\
        4.1.3,\"c, d\",gw-3,eu-lte,,Europe/Berlin\r\n";
    let read = inventory_of(text.as_bytes()).map_err(Problems::new).unwrap();
    assert_eq!(read.ids, ["gw-1", "gw-2", "gw-3"]);
    assert_eq!(read.cohorts, [0, 1, 0]);
    assert_eq!(read.versions, [0, 1, 0]);
    assert_eq!(read.version_names, ["4.1.3", "4.0.9"]);
    assert_eq!(read.link_bps, [1_200_000, 8_000_000, 0]);
    assert_eq!(read.zones, [0, u16::MAX, 0]);
    assert_eq!(read.zone_names, ["Europe/Berlin"]);
}

#[test]
fn a_single_cohort_needs_no_column() {
    let read = inventory::read("d.csv", b"device,version\na,1\nb,1", &["all"]).unwrap().0;
    assert_eq!(read.cohorts, [0, 0]);
    assert!(read.link_bps.is_empty() && read.zones.is_empty());
}

#[test]
fn broken_inventories_name_line_column_and_rule() {
    let rows: &[(&[u8], &[&str])] = &[
        (b"", &["d.csv: the file is empty", "device,cohort"]),
        (b"device,version,cohort\n", &["d.csv: lists no device"]),
        (
            b"device,version\na,1\n",
            &["cohort: the column is missing", "the header is: device,version"],
        ),
        (
            b"devise,version,cohort\na,1,eu-lte\n",
            &["device: the column is missing", "is it \"devise\"? write `device`", "d.csv:1:1"],
        ),
        (b"device,version,cohort,cohort\n", &["cohort: the column is given twice"]),
        (b"device,version,cohort,region\na,1,eu-lte,eu-lte\n", &["both `cohort` and `region`"]),
        (
            b"device,version,cohort\na,1,eu-lte\nb,1\n",
            &["expected 3 fields as in the header, found 2", "d.csv:3:1"],
        ),
        (
            b"device,version,cohort\n\n\n,1,eu-lte\n",
            &["device = \"\": must not be empty", "d.csv:4:1"],
        ),
        (
            b"device,version,cohort\na,1,eu-lt\n",
            &[
                "cohort = \"eu-lt\": the scenario has no such cohort",
                "did you mean `eu-lte`?",
                "d.csv:2:5",
            ],
        ),
        (
            b"device,version,cohort\na,1,eu-lte\nb,1,eu-lte\na,1,us-wifi\n",
            &["device = \"a\": is listed twice", "d.csv:4:1", "first listed in line 2"],
        ),
        (b"device,version,cohort\na,\xff,eu-lte\n", &["version = ", "is not UTF-8"]),
        (b"device,version,cohort\na,1,\"eu-lte\nb,1,eu-lte\n", &["d.csv:2:5", "closing quote"]),
        (
            b"device,version,cohort,link\na,1,eu-lte,fast\n",
            &["link = \"fast\": expected a bit rate", "1.2 Mbit/s"],
        ),
        (b"device,version,cohort,link\na,1,eu-lte,0\n", &["link = \"0\": must be above zero"]),
        (
            b"device,version,cohort,link\na,1,eu-lte,2 Tbit/s\n",
            &["link = \"2 Tbit/s\": must be at most 1 Tbit/s"],
        ),
        (b"device,version,cohort,link\na,1,eu-lte,99999999999999999999999\n", &["is too large"]),
        (
            b"device,version,cohort,timezone\na,1,eu-lte,Europe/Berln\n",
            &[
                "timezone = \"Europe/Berln\": is not an IANA time zone",
                "did you mean `Europe/Berlin`?",
            ],
        ),
    ];
    for (text, parts) in rows {
        has_all(&shown(inventory_of(text)), parts);
    }
}

#[test]
fn a_spreadsheets_csv_is_read_and_what_is_ignored_is_said() {
    let text = "Device;VERSION;Cohort;Site;timezon\r\na;1,5;eu-lte;Bonn;Europe/Berlin\r\n";
    let (read, notes) = inventory::read("d.csv", text.as_bytes(), &COHORTS).unwrap();
    assert_eq!((read.ids, read.version_names), (vec!["a".to_owned()], vec!["1,5".to_owned()]));
    let said = Problems::new(notes).to_string();
    has_all(
        &said,
        &["note: \"Site\": the column is ignored", "warning: \"timezon\"", "`timezone`?"],
    );
    has_all(&said, &["1 warning, 1 note"]);
    let tabs = b"version\tdevice\tcohort\n1\ta\tus-wifi\n";
    assert_eq!(inventory_of(tabs).unwrap().cohorts, [1]);
    let wrong = b"device;version;cohort\na;1;eu-lte\nb;1;us\n";
    has_all(&shown(inventory_of(wrong)), &["d.csv:3:5", "known: eu-lte, us-wifi"]);
}

#[test]
fn many_problems_are_counted() {
    let mut text = "device,version,cohort\n".to_owned();
    for row in 0..50 {
        writeln!(text, "d{row},1,nowhere").unwrap();
    }
    let problems = inventory_of(text.as_bytes()).unwrap_err();
    assert_eq!(problems.len(), 21);
    has_all(&shown::<()>(Err(problems)), &["and 30 more problems"]);
}

#[test]
fn one_bad_row_in_a_million_is_found() {
    let mut text = "device,version,cohort,link\n".to_owned();
    for row in 0..1_000_000 {
        let cohort = if row == 765_432 { "eu_lte" } else { "eu-lte" };
        writeln!(text, "gw-{row:07},4.1.3,{cohort},1.2 Mbit/s").unwrap();
    }
    let problems = inventory_of(text.as_bytes()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].line, problems[0].path.as_str()), (765_434, "cohort"));

    let mended = text.replace("eu_lte", "eu-lte");
    assert_eq!(inventory_of(mended.as_bytes()).unwrap().ids.len(), 1_000_000);
    let twice = mended.replace("gw-0999999", "gw-0000005");
    let problems = inventory_of(twice.as_bytes()).unwrap_err();
    assert_eq!((problems.len(), problems[0].line), (1, 1_000_001));
}

#[test]
fn measured_periods() {
    let read = measured::read("m.csv", b"duration_s,state\n2.5,on\n1,on\n0.000001,off\n1e3,off\n");
    let wanted = Measured { on_us: vec![1_000_000, 2_500_000], off_us: vec![1, 1_000_000_000] };
    assert_eq!(read, Ok((wanted, Vec::new())));
    let rows: &[(&[u8], &[&str])] = &[
        (b"", &["m.csv: the file is empty"]),
        (b"state\non\n", &["duration_s: the column is missing"]),
        (b"state,duration_s\non,1\non,2\noff,1\n", &["has 1 rows with state off", "at least 2"]),
        (b"state,duration_s\nup,1\n", &["state = \"up\": must be on or off", "m.csv:2:1"]),
        (b"state,duration_s\non,0\n", &["duration_s = \"0\": must be at least 0.000001"]),
        (b"state,duration_s\non,-4\n", &["must be at least"]),
        (b"state,duration_s\non,inf\n", &["is not a finite number"]),
        (b"state,duration_s\non,1 h\n", &["is not a number of seconds", "such as 86.5"]),
        (b"state,duration_s\non,1e12\n", &["at most 3000 d"]),
    ];
    for (text, parts) in rows {
        has_all(&shown(measured::read("m.csv", text)), parts);
    }
}

#[test]
fn a_scenario_with_files_is_loaded_whole() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("d.csv", "device,version,cohort\na,4.1.3,eu-lte\nb,4.0.9,us-wifi\nc,4.1.3,eu-lte\n");
    write("m.csv", "state,duration_s\non,1\non,2\noff,3\noff,4\n");
    write("push.txt", "# first the pilot\nc\n\na\n");
    let text = VALID
        .replace(
            "devices = 10_000\nversions = { \"4.1.3\" = 0.8, \"4.0.9\" = 0.2 }",
            "inventory = \"d.csv\"",
        )
        .replace("share = 0.35\n", "")
        .replace("share = 0.65\n", "")
        .replace("[\"17\"]", "[\"b\"]")
        .replace("online.always = {}", "online.measured.file = \"m.csv\"")
        .replace("timeout = \"60 min\"", "select.list-file = \"push.txt\"");
    let load = |text: &str| load_text("s.toml", text, dir.path(), &[]);
    let loaded = load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.device_count(), 3);
    assert_eq!(loaded.device_name(DeviceId(2)), "c");
    assert_eq!(loaded.select_list, Some(vec![DeviceId(2), DeviceId(0)]));
    assert_eq!(loaded.blacklist, [DeviceId(1)]);
    assert_eq!(loaded.whitelist, None);
    assert_eq!(loaded.measured[0], None);
    assert_eq!(loaded.measured[1].as_ref().unwrap().off_us, [3_000_000, 4_000_000]);

    write("push.txt", "c\nz\nc\n");
    write("m.csv", "state,duration_s\non,1\n");
    let problems = load(&text.replace("[\"b\"]", "[\"bb\"]")).unwrap_err().to_string();
    has_all(
        &problems,
        &[
            "\"z\": the fleet has no such device",
            "push.txt:2:1",
            "\"c\": is listed twice",
            "push.txt:3:1",
            "m.csv: has 0 rows with state off",
            "campaign.blacklist[0] = \"bb\": the fleet has no such device",
        ],
    );
    let missing = crate::scenario::load(&dir.path().join("none.toml"), &[]).unwrap_err();
    has_all(&missing.to_string(), &["none.toml: cannot be read"]);
}
