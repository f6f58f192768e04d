//! What the CSV readers share: columns by name, and problems pointed at a cell.

use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::findings::{shortened, suggestion};
use super::problem::{Label, Problem, Source};

/// After this many problems only their number is told.
const SHOWN: usize = 20;

/// A CSV text with its header read.
pub struct CsvFile<'a> {
    name: &'a str,
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    header: Vec<String>,
    problems: Vec<Problem>,
    unshown: usize,
}

impl<'a> CsvFile<'a> {
    /// Reads the header; columns outside `known` are refused unless they begin with `x_`.
    pub fn open(name: &'a str, bytes: &'a [u8], known: &[&str]) -> CsvFile<'a> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut file = CsvFile {
            name,
            bytes,
            reader: reader(bytes),
            header: Vec::new(),
            problems: Vec::new(),
            unshown: 0,
        };
        let header = file.reader.byte_headers().cloned().unwrap_or_default();
        let column = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        file.header = header.iter().map(column).collect();
        file.check_header(known);
        file
    }

    fn check_header(&mut self, known: &[&str]) {
        if self.header.is_empty() {
            let help = format!("begin with a header line: {}", known.join(","));
            let message = format!("{}: the file is empty", self.name);
            self.problems.push(Problem::of_file(self.name, message, Some(help)));
            return;
        }
        for (index, column) in self.header.clone().iter().enumerate() {
            if self.header[..index].contains(column) {
                self.refuse_at(0, column, format!("{column}: the column is given twice"), None);
            } else if !known.contains(&column.as_str()) && !column.starts_with("x_") {
                let help = suggestion(column, known.iter().copied())
                    .map(|known| format!("{known}; columns of your own begin with x_"));
                let message = format!("{}: unknown column", shown(column.as_bytes()));
                self.refuse_at(0, column, message, help);
            }
        }
    }

    /// Position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// Position of a column, or a problem if it is missing.
    pub fn required(&mut self, name: &str) -> Option<usize> {
        let found = self.column(name);
        if found.is_none() && !self.header.is_empty() {
            let help = format!("the header is: {}", self.header.join(","));
            let message = format!("{name}: the column is missing");
            self.refuse_at(0, name, message, Some(help));
        }
        found
    }

    /// Whether the header stands, so that rows can be read.
    pub fn usable(&self) -> bool {
        self.problems.is_empty()
    }

    /// The next row with the right number of fields; wrong ones become problems.
    pub fn next(&mut self, row: &mut ByteRecord) -> bool {
        loop {
            match self.reader.read_byte_record(row) {
                Ok(true) => {}
                Ok(false) => return false,
                // A byte slice cannot fail to be read, and lengths are flexible.
                Err(error) => panic!("reading CSV from memory failed: {error}"),
            }
            if row.len() == self.header.len() {
                return true;
            }
            let message = format!(
                "expected {} fields as in the header, found {}",
                self.header.len(),
                row.len()
            );
            let help = match row.iter().any(|cell| cell.contains(&b'\n')) {
                true => "a field holds a line break; is a closing quote missing?",
                false => "an empty field still needs its comma",
            };
            self.refuse_at(start(row), "", message, Some(help.to_owned()));
        }
    }

    /// The cell of `column` breaks a rule.
    pub fn refuse(&mut self, row: &ByteRecord, column: usize, rule: &str, help: Option<String>) {
        let found = shown(&row[column]);
        let name = self.header[column].clone();
        let message = format!("{name} = {found}: {rule}");
        self.refuse_at(start(row), &name, message, help);
    }

    /// The row number `again` (0: the first after the header) repeats the row `first`. Finds
    /// both by reading once more, so that good files need not remember where rows began.
    pub fn refuse_repeated(&mut self, again: usize, first: usize, column: usize, found: &str) {
        if self.problems.len() >= SHOWN {
            self.unshown += 1;
            return;
        }
        let name = self.header[column].clone();
        let line = self.line_of(self.place_of(first));
        let message = format!("{name} = {}: is listed twice", shown(found.as_bytes()));
        let help = format!("first listed in line {line}");
        self.refuse_at(self.place_of(again), &name, message, Some(help));
    }

    /// Byte at which a row begins.
    fn place_of(&self, index: usize) -> usize {
        let mut reader = reader(self.bytes);
        let mut row = ByteRecord::new();
        let mut left = index + 1;
        while left > 0 && reader.read_byte_record(&mut row).unwrap_or(false) {
            if row.len() == self.header.len() {
                left -= 1;
            }
        }
        start(&row)
    }

    fn line_of(&self, place: usize) -> usize {
        let place = self.skip_breaks(place);
        1 + self.bytes[..place].iter().filter(|b| **b == b'\n').count()
    }

    /// The reader counts blank lines before a row as part of it.
    fn skip_breaks(&self, place: usize) -> usize {
        let breaks = self.bytes[place..].iter();
        place + breaks.take_while(|b| matches!(b, b'\n' | b'\r')).count()
    }

    fn refuse_at(&mut self, place: usize, column: &str, message: String, help: Option<String>) {
        if self.problems.len() >= SHOWN {
            self.unshown += 1;
            return;
        }
        let place = self.skip_breaks(place.min(self.bytes.len()));
        let line = &self.bytes[place..];
        let end = line.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let text = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
        // A line without end is a broken quote or another kind of file.
        let text: String = text.chars().take(500).collect();
        let label = Label {
            span: 0..text.len(),
            source: Arc::new(Source::new(self.name, &text, self.line_of(place))),
            text: String::new(),
        };
        self.problems.push(Problem::new(column.to_owned(), message, help, vec![label]));
    }

    /// A problem of the file as a whole.
    pub fn refuse_file(&mut self, rule: &str, help: Option<String>) {
        let message = format!("{}: {rule}", self.name);
        self.problems.push(Problem::of_file(self.name, message, help));
    }

    /// `value` if nothing was wrong, else everything that was.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        if self.unshown > 0 {
            let message = format!("{}: and {} more problems", self.name, self.unshown);
            self.problems.push(Problem::of_file(self.name, message, None));
        }
        match self.problems.is_empty() {
            true => Ok(value),
            false => Err(self.problems),
        }
    }
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    ReaderBuilder::new().flexible(true).from_reader(bytes)
}

fn start(row: &ByteRecord) -> usize {
    row.position().map_or(0, |position| position.byte() as usize)
}

/// The cell as a person sees it, in quotes.
pub fn shown(cell: &[u8]) -> String {
    format!("\"{}\"", shortened(&String::from_utf8_lossy(cell)))
}
