//! Recorded changes between online and offline: a CSV file with `device`, `time_s` and `state`.

use std::collections::BTreeMap;

use csv::ByteRecord;

use super::Traces;
use super::check::LONGEST;
use super::csv_file::{CsvFile, Read};
use crate::model::Time;

/// Reads traces; rows of one device are in order of time, and those of several may be mixed.
///
/// # Errors
/// Every malformed row up to a limit; nothing is half-read. What was read comes with notes.
pub fn read(name: &str, bytes: &[u8]) -> Read<Traces> {
    let mut file = CsvFile::open(name, bytes, &["device", "time_s", "state"]);
    let mut traces = Traces::default();
    let columns = (file.required("device"), file.required("time_s"), file.required("state"));
    let (Some(device), Some(time), Some(state)) = columns else {
        return file.finish(traces);
    };
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut row = ByteRecord::new();
    while file.next(&mut row) {
        let id = String::from_utf8_lossy(row[device].trim_ascii()).into_owned();
        if id.is_empty() {
            file.refuse(&row, device, "must name a device", None);
            continue;
        }
        let at = match instant(&row[time]) {
            Ok(at) => at,
            Err(rule) => {
                let help = "write seconds since the recording began, such as 86.5".to_owned();
                file.refuse(&row, time, rule, Some(help));
                continue;
            }
        };
        let online = match row[state].trim_ascii() {
            b"on" => true,
            b"off" => false,
            _ => {
                file.refuse(&row, state, "must be on or off", None);
                continue;
            }
        };
        let count = traces.traces.len();
        let number = *numbers.entry(id.clone()).or_insert(count);
        if number == count {
            traces.traces.push((id, !online, Vec::new()));
        }
        let (_, first, changes) = &mut traces.traces[number];
        if changes.last().is_some_and(|last| *last >= at) {
            file.refuse(&row, time, "must be later than the device's row before", None);
        } else if online == *first ^ (changes.len() % 2 == 1) {
            file.refuse(&row, state, "is the state the device is in already", None);
        } else {
            changes.push(at);
        }
    }
    if traces.traces.is_empty() {
        file.refuse_file("has no row", Some("at least one change is needed".to_owned()));
    }
    file.finish(traces)
}

/// Rounded to the microsecond.
fn instant(cell: &[u8]) -> Result<Time, &'static str> {
    let text = std::str::from_utf8(cell).ok().map(str::trim);
    let seconds: f64 = text.and_then(|t| t.parse().ok()).ok_or("is not a number of seconds")?;
    match seconds * 1e6 {
        us if !us.is_finite() => Err("is not a finite number"),
        us if us < 0.0 => Err("must not be below zero"),
        us if us > LONGEST.0 as f64 => Err("must be at most 3000 d, that is 259200000"),
        us => Ok(Time(us.round() as u64)),
    }
}
