//! Files that a drawn scenario refers to: small, sound most of the time.

use std::cell::Cell;
use std::path::Path;

use super::luck::{Case, Luck};
use super::texts::{self, Content, Kind};

/// The folder of a case.
pub struct Folder {
    folder: tempfile::TempDir,
    count: Cell<usize>,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap(), count: Cell::new(0) }
    }

    /// Where files are looked for.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of this content, and says its name.
    pub fn write(&self, content: Content, case: &Case, luck: &mut Luck, wild: bool) -> String {
        let name = format!("f{}.csv", self.count.replace(self.count.get() + 1));
        let mut text = rows(content, case, luck);
        if wild {
            spoil(&mut text, luck);
        }
        std::fs::write(self.path().join(&name), text).unwrap();
        name
    }
}

fn rows(content: Content, case: &Case, luck: &mut Luck) -> String {
    match content {
        Content::Inventory => inventory(case, luck),
        Content::Measured => {
            let count = 4 + luck.below(9);
            let row = |at: usize| {
                let state = if at.is_multiple_of(2) { "on" } else { "off" };
                format!("{state},{}\n", seconds(luck, 30.0, 1e5))
            };
            format!("state,duration_s\n{}", (0..count).map(row).collect::<String>())
        }
        Content::Trace => trace(case, luck),
        Content::Durations => column("duration_s", luck, 1.0, 1e5),
        Content::Rates => column("rate_bps", luck, 1e3, 1e7),
        Content::Devices => {
            let count = case.devices as usize;
            let from = luck.below(count);
            let ids = (0..1 + luck.below(count)).map(|at| format!("{}\n", (from + at) % count));
            format!("# in this order\n{}", ids.collect::<String>())
        }
    }
}

fn seconds(luck: &mut Luck, from: f64, to: f64) -> String {
    let seconds = luck.log_uniform(from, to);
    match luck.chance(0.5) {
        true => format!("{}", seconds.round()),
        false => format!("{seconds:.6}"),
    }
}

fn column(name: &str, luck: &mut Luck, from: f64, to: f64) -> String {
    let count = 2 + luck.below(6);
    let rows = (0..count).map(|_| seconds(luck, from, to) + "\n");
    format!("{name}\n{}", rows.collect::<String>())
}

fn inventory(case: &Case, luck: &mut Luck) -> String {
    let [regions, links, zones] = [0.3, 0.5, 0.5].map(|often| luck.chance(often));
    let cohort = if regions { "region" } else { "cohort" };
    let mut text = format!("device,version,{cohort}");
    text += if links { ",link" } else { "" };
    text += if zones { ",timezone,x_note\n" } else { "\n" };
    let first = luck.below(case.devices as usize);
    for at in 0..case.devices as usize {
        let device = (first + at) % case.devices as usize;
        let version: &String = luck.pick(&case.versions);
        let cohort: &String = luck.pick(&case.cohorts);
        text += &format!("{device},{},{}", quoted(version), quoted(cohort));
        if links {
            text.push_str(luck.pick::<&str>(&[",", ",250 kbit/s", ",1000000"]));
        }
        if zones {
            let zone = texts::name(Kind::Zone, case, luck, false);
            text += &format!(",{},", if luck.chance(0.3) { "" } else { &zone });
        }
        text += "\n";
    }
    text
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn trace(case: &Case, luck: &mut Luck) -> String {
    let mut text = "device,time_s,state\n".to_owned();
    for device in 0..case.devices.min(40) {
        let mut online = luck.chance(0.5);
        let mut at = if luck.chance(0.2) { 0.0 } else { luck.log_uniform(1.0, 1e5).round() };
        let changes = 1 + luck.below(5);
        for _ in 0..changes {
            text += &format!("{device},{at},{}\n", if online { "on" } else { "off" });
            online = !online;
            at += luck.log_uniform(10.0, 1e5).round();
        }
    }
    text
}

/// Something in it is wrong, or merely odd.
fn spoil(text: &mut String, luck: &mut Luck) {
    let at = text.floor_char_boundary(luck.below(text.len() + 1));
    match luck.below(6) {
        0 => text.truncate(at),
        1 => text.insert_str(at, luck.pick::<&str>(&["\"", ",", "\n", "-", "e9", "\u{feff}", ";"])),
        2 => *text = text.replace('\n', "\r\n"),
        3 => *text = text.replace(',', ";"),
        4 => text.push_str(&text.clone()),
        _ => text.clear(),
    }
}
