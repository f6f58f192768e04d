//! Measured online and offline periods: a CSV file with `state` and `duration_s`.

use csv::ByteRecord;

use super::Measured;
use super::check::LONGEST;
use super::csv_file::{CsvFile, Read};

/// Fewer than two values are no law.
const LEAST: usize = 2;

/// Reads measured periods.
///
/// # Errors
/// Every malformed row up to a limit; nothing is half-read. What was read comes with notes.
pub fn read(name: &str, bytes: &[u8]) -> Read<Measured> {
    let mut file = CsvFile::open(name, bytes, &["state", "duration_s"]);
    let mut measured = Measured { on_us: Vec::new(), off_us: Vec::new() };
    let columns = (file.required("state"), file.required("duration_s"));
    let (Some(state), Some(duration)) = columns else {
        return file.finish(measured);
    };
    let mut row = ByteRecord::new();
    while file.next(&mut row) {
        let us = duration_us(&row[duration]);
        if let Err(rule) = us {
            let help = "write seconds as a plain number, such as 86.5".to_owned();
            file.refuse(&row, duration, rule, Some(help));
        }
        let us = us.unwrap_or_default();
        match row[state].trim_ascii() {
            b"on" => measured.on_us.push(us),
            b"off" => measured.off_us.push(us),
            _ => file.refuse(&row, state, "must be on or off", None),
        }
    }
    for (state, list) in [("on", &measured.on_us), ("off", &measured.off_us)] {
        if list.len() < LEAST {
            let rule = format!("has {} rows with state {state}", list.len());
            let help = format!("at least {LEAST} of each state are needed");
            file.refuse_file(&rule, Some(help));
        }
    }
    measured.on_us.sort_unstable();
    measured.off_us.sort_unstable();
    file.finish(measured)
}

/// Rounded to the microsecond, never to zero.
fn duration_us(cell: &[u8]) -> Result<u64, &'static str> {
    let seconds: f64 = std::str::from_utf8(cell)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or("is not a number of seconds")?;
    let us = seconds * 1e6;
    match us {
        _ if !us.is_finite() => Err("is not a finite number"),
        _ if us < 0.5 => Err("must be at least 0.000001"),
        _ if us > LONGEST.0 as f64 => Err("must be at most 3000 d, that is 259200000"),
        _ => Ok(us.round() as u64),
    }
}
