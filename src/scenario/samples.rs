//! Laws of measured values: their CSV files, with one column of numbers.

use std::path::Path as FilePath;
use std::sync::Arc;

use csv::ByteRecord;

use super::availability::{Online, When};
use super::check::Checker;
use super::csv_file::{CsvFile, Read};
use super::file::{Download, Scenario};
use super::files::bytes_of;
use super::law::{Amount, Between, Law};
use super::path::Path;

/// A truncation that keeps less would be drawn for too long.
const KEPT_LEAST: f64 = 1e-3;

/// Reads the files of all laws in the scenario, and looks at what follows from them.
pub fn fill(checker: &mut Checker<'_>, base_dir: &FilePath, scenario: &mut Scenario) {
    let mut each = Each { checker, base_dir };
    let cohorts = scenario.fleet.cohort.iter_mut().enumerate();
    for (index, cohort) in cohorts {
        let path = Path::of("fleet.cohort").index(index);
        if let Online::Renewal { on, off, .. } = &mut cohort.online {
            let path = path.key("online").key("renewal");
            each.law(&path.key("on"), on);
            each.law(&path.key("off"), off);
        }
        let some = [("joins", &mut cohort.joins), ("leaves", &mut cohort.leaves)];
        for (key, law) in some {
            law.iter_mut().for_each(|law| each.law(&path.key(key), law));
        }
        each.law(&path.key("confirms").key("after"), &mut cohort.confirms.after);
        let phases = [
            ("reacts", &mut cohort.reacts),
            ("verify", &mut cohort.verify),
            ("install", &mut cohort.install),
        ];
        phases.into_iter().for_each(|(key, law)| each.law(&path.key(key), law));
        let download = path.key("download");
        match &mut cohort.download {
            Download::Takes(law) => each.law(&download.key("takes"), law),
            Download::Link(law) => each.law(&download.key("link"), law),
        }
    }
    for (index, outage) in scenario.outage.iter_mut().enumerate() {
        let path = Path::of("outage").index(index);
        each.law(&path.key("reconnect"), &mut outage.reconnect);
        if let When::Random { up, down, .. } = &mut outage.when {
            let path = path.key("when").key("random");
            each.law(&path.key("up"), up);
            each.law(&path.key("down"), down);
        }
    }
    if let Some(backend) = &mut scenario.backend {
        each.law(&Path::of("backend.service"), &mut backend.service);
    }
}

struct Each<'a, 'b> {
    checker: &'a mut Checker<'b>,
    base_dir: &'a FilePath,
}

impl Each<'_, '_> {
    fn law<U: Amount>(&mut self, path: &Path, law: &mut Law<U>) {
        match law {
            Law::Empirical { file, between, values } => {
                let path = path.key("empirical").key("file");
                let Some((name, bytes)) = bytes_of(self.checker, self.base_dir, &path, file) else {
                    return;
                };
                *values = self.checker.read(read::<U>(&name, &bytes, *between));
            }
            Law::Mixture(parts) => {
                let path = path.key("mixture");
                for (index, part) in parts.iter_mut().enumerate() {
                    self.law(&path.index(index).key("law"), &mut part.law);
                }
            }
            Law::Shifted { law, .. } => self.law(&path.key("shifted").key("law"), law),
            Law::Truncated { law, from, to } => {
                let path = path.key("truncated");
                self.law(&path.key("law"), law);
                let from = from.map_or(0.0, Amount::amount).next_down();
                let to = to.map_or(f64::INFINITY, Amount::amount);
                self.kept(&path, law, from, to);
            }
            _ => {}
        }
    }

    /// A truncation keeps enough of its law.
    fn kept<U: Amount>(&mut self, path: &Path, law: &Law<U>, from: f64, to: f64) {
        // A law that is refused has no distribution function.
        if self.checker.findings.has_errors() {
            return;
        }
        let law = law.compiled();
        let kept = law.cdf(to) - law.cdf(from);
        if kept < KEPT_LEAST {
            let rule = format!("keeps {:.3} % of the law, less than 0.1 %", kept * 100.0);
            self.checker.refuse(path, &rule, "choose bounds between which most values lie");
        }
    }
}

/// Reads a column of positive numbers.
///
/// # Errors
/// Every malformed row up to a limit; nothing is half-read. What was read comes with notes.
pub fn read<U: Amount>(name: &str, bytes: &[u8], between: Between) -> Read<Arc<[f64]>> {
    let mut file = CsvFile::open(name, bytes, &[U::COLUMN]);
    let mut values = Vec::new();
    let Some(column) = file.required(U::COLUMN) else {
        return file.finish(values.into());
    };
    let mut row = ByteRecord::new();
    while file.next(&mut row) {
        let text = std::str::from_utf8(&row[column]).ok().map(str::trim);
        let value = text.and_then(|text| text.parse::<f64>().ok()).map(|value| value * U::UNIT);
        match value {
            Some(value) if value >= U::LEAST && value <= U::MOST => values.push(value),
            Some(_) => {
                let rule = format!("must be from {} to {}", U::LEAST / U::UNIT, U::MOST / U::UNIT);
                file.refuse(&row, column, &rule, None);
            }
            None => {
                let help = "write a plain number, such as 86.5".to_owned();
                file.refuse(&row, column, "is not a number", Some(help));
            }
        }
    }
    let least = if between == Between::Linear { 2 } else { 1 };
    if values.len() < least {
        let help = format!("at least {least} are needed");
        file.refuse_file(&format!("has {} rows", values.len()), Some(help));
    }
    file.finish(values.into())
}
