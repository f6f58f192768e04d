//! The inventory: a CSV file with one row per device.

use std::collections::{HashMap, HashSet};

use csv::ByteRecord;

use super::Inventory;
use super::check::VERSIONS_MAX;
use super::check_law::FASTEST;
use super::check_rules::zone_remedy;
use super::csv_file::{CsvFile, Read};
use super::findings::suggestion;
use super::units::Unit;
use crate::model::BitRate;

const COLUMNS: [&str; 6] = ["device", "cohort", "region", "version", "link", "timezone"];
/// Marks a device without a time zone.
const NONE: u16 = u16::MAX;

/// Reads an inventory whose `cohort` column refers to `cohorts`.
///
/// # Errors
/// Every malformed row up to a limit; nothing is half-read. What was read comes with notes.
pub fn read(name: &str, bytes: &[u8], cohorts: &[&str]) -> Read<Inventory> {
    let mut file = CsvFile::open(name, bytes, &COLUMNS);
    let mut rows = Rows {
        device: file.required("device"),
        version: file.required("version"),
        cohort: file.column("cohort").or(file.column("region")),
        link: file.column("link"),
        timezone: file.column("timezone"),
        cohorts,
        cohort_numbers: (0u16..).zip(cohorts).map(|(i, name)| (*name, i)).collect(),
        version_numbers: HashMap::new(),
        zone_numbers: HashMap::new(),
        unknown_zones: HashSet::new(),
        read: Inventory::default(),
    };
    if rows.cohort.is_none() && cohorts.len() > 1 {
        file.required("cohort");
    }
    if file.column("cohort").is_some() && file.column("region").is_some() {
        let help = "they are two names of the same column; keep one".to_owned();
        file.refuse_file("has both `cohort` and `region`", Some(help));
    }
    if !file.usable() {
        return file.finish(Inventory::default());
    }
    let mut row = ByteRecord::new();
    while file.next(&mut row) {
        rows.add(&mut file, &row);
    }
    if rows.read.ids.is_empty() && file.usable() {
        file.refuse_file("lists no device", Some("add one line per device".to_owned()));
    }
    rows.refuse_duplicates(&mut file);
    file.finish(rows.read)
}

/// Columns by position, and the names met so far.
struct Rows<'a> {
    device: Option<usize>,
    version: Option<usize>,
    cohort: Option<usize>,
    link: Option<usize>,
    timezone: Option<usize>,
    cohorts: &'a [&'a str],
    cohort_numbers: HashMap<&'a str, u16>,
    version_numbers: HashMap<String, u16>,
    zone_numbers: HashMap<String, u16>,
    unknown_zones: HashSet<String>,
    read: Inventory,
}

impl Rows<'_> {
    /// Every row adds one entry to every list, also a wrong one, so that rows keep their
    /// numbers; a file with a wrong row is refused as a whole.
    fn add(&mut self, file: &mut CsvFile<'_>, row: &ByteRecord) {
        let id = self.device.and_then(|at| required_text(file, row, at));
        self.read.ids.push(id.unwrap_or_default().to_owned());
        let cohort = self.cohort_of(file, row);
        self.read.cohorts.push(cohort);
        let version = self.version.and_then(|at| {
            let name = required_text(file, row, at)?;
            let (numbers, names) = (&mut self.version_numbers, &mut self.read.version_names);
            let number = number_of(name, numbers, names);
            if number.is_none() {
                file.refuse(row, at, "there are more than 65000 versions", None);
            }
            number
        });
        self.read.versions.push(version.unwrap_or(0));
        if let Some(at) = self.link {
            let link = link_of(file, row, at);
            self.read.link_bps.push(link);
        }
        if let Some(at) = self.timezone {
            let zone = self.zone_of(file, row, at);
            self.read.zones.push(zone);
        }
    }

    fn cohort_of(&self, file: &mut CsvFile<'_>, row: &ByteRecord) -> u16 {
        let Some(at) = self.cohort else {
            return 0;
        };
        let Some(name) = required_text(file, row, at) else {
            return 0;
        };
        match self.cohort_numbers.get(name) {
            Some(number) => *number,
            None => {
                let help = || suggestion(name, self.cohorts.iter().copied());
                file.refuse_with(row, at, "the scenario has no such cohort", help);
                0
            }
        }
    }

    fn zone_of(&mut self, file: &mut CsvFile<'_>, row: &ByteRecord, at: usize) -> u16 {
        let Some(name) = text(file, row, at).filter(|name| !name.is_empty()) else {
            return NONE;
        };
        if let Some(number) = self.zone_numbers.get(name) {
            return *number;
        }
        if self.unknown_zones.contains(name) || jiff::tz::db().get(name).is_err() {
            let help = || Some(zone_remedy(name, "Europe/Berlin, or leave it empty"));
            file.refuse_with(row, at, "is not an IANA time zone", help);
            self.unknown_zones.insert(name.to_owned());
            return NONE;
        }
        number_of(name, &mut self.zone_numbers, &mut self.read.zone_names).unwrap_or(NONE)
    }

    /// Sorts device numbers by id; equal neighbours are one device listed twice.
    fn refuse_duplicates(&self, file: &mut CsvFile<'_>) {
        let Some(column) = self.device else {
            return;
        };
        let ids = &self.read.ids;
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_unstable_by(|a, b| {
            let (a, b) = (*a as usize, *b as usize);
            ids[a].cmp(&ids[b]).then(a.cmp(&b))
        });
        let mut again: Vec<(u32, u32)> = order
            .windows(2)
            .map(|pair| (pair[1], pair[0]))
            .filter(|(second, first)| {
                let id = &ids[*second as usize];
                !id.is_empty() && *id == ids[*first as usize]
            })
            .collect();
        again.sort_unstable();
        for (second, first) in again {
            file.refuse_repeated(second as usize, first as usize, column, &ids[first as usize]);
        }
    }
}

/// The number of `name`, a new one if it was not met before; none beyond the last number.
fn number_of(
    name: &str,
    numbers: &mut HashMap<String, u16>,
    names: &mut Vec<String>,
) -> Option<u16> {
    if let Some(number) = numbers.get(name) {
        return Some(*number);
    }
    let number = u16::try_from(names.len()).ok().filter(|n| usize::from(*n) < VERSIONS_MAX)?;
    numbers.insert(name.to_owned(), number);
    names.push(name.to_owned());
    Some(number)
}

/// The cell without blanks around it, if it is UTF-8.
fn text<'r>(file: &mut CsvFile<'_>, row: &'r ByteRecord, at: usize) -> Option<&'r str> {
    match std::str::from_utf8(&row[at]) {
        Ok(text) if text.contains(['\n', '\r']) => {
            let help = "is a closing quote missing?".to_owned();
            file.refuse(row, at, "must not hold a line break", Some(help));
            None
        }
        Ok(text) => Some(text.trim()),
        Err(_) => {
            let help = "save the file as UTF-8".to_owned();
            file.refuse(row, at, "is not UTF-8", Some(help));
            None
        }
    }
}

fn required_text<'r>(file: &mut CsvFile<'_>, row: &'r ByteRecord, at: usize) -> Option<&'r str> {
    let text = text(file, row, at)?;
    if text.is_empty() {
        file.refuse(row, at, "must not be empty", None);
        return None;
    }
    Some(text)
}

/// Bits per second; 0 where the cell is empty.
fn link_of(file: &mut CsvFile<'_>, row: &ByteRecord, at: usize) -> u64 {
    let Some(text) = text(file, row, at).filter(|text| !text.is_empty()) else {
        return 0;
    };
    let link = match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().map_err(|_| "is too large".to_owned()),
        false => BitRate::parse(text).map(|rate| rate.0).map_err(|error| error.rule),
    };
    let example = || Some("write \"1.2 Mbit/s\", a number of bit/s, or nothing".to_owned());
    match link {
        Ok(0) => {
            file.refuse(row, at, "must be above zero", example());
            0
        }
        Ok(link) if link > FASTEST => {
            file.refuse(row, at, "must be at most 1 Tbit/s", example());
            0
        }
        Ok(link) => link,
        Err(rule) => {
            file.refuse(row, at, &rule, example());
            0
        }
    }
}
