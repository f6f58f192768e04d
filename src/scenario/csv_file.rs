//! What the CSV readers share: columns by name, and problems pointed at a cell.

use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::findings::{nearest, shortened};
use super::problem::{Label, Level, Problem, Source};

/// After this many problems only their number is told.
const SHOWN: usize = 20;

/// What stands between cells; the first one wherever the header does not tell.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// What was read, with notes; or all that is wrong with the file.
pub type Read<T> = Result<(T, Vec<Problem>), Vec<Problem>>;

/// A CSV text with its header read.
pub struct CsvFile<'a> {
    name: &'a str,
    bytes: &'a [u8],
    separator: u8,
    reader: Reader<&'a [u8]>,
    /// Names of columns as they are written, and in small letters.
    written: Vec<String>,
    header: Vec<String>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
    unshown: usize,
}

impl<'a> CsvFile<'a> {
    /// Reads the header, in whatever letters; columns outside `known` are passed over.
    pub fn open(name: &'a str, bytes: &'a [u8], known: &[&'static str]) -> CsvFile<'a> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let separator = separator_of(bytes, known);
        let mut file = CsvFile {
            name,
            bytes,
            separator,
            reader: reader(bytes, separator),
            written: Vec::new(),
            header: Vec::new(),
            known: known.to_vec(),
            problems: Vec::new(),
            unshown: 0,
        };
        let header = file.reader.byte_headers().cloned().unwrap_or_default();
        file.written = header.iter().map(written).collect();
        file.header = file.written.iter().map(|column| column.to_lowercase()).collect();
        file.check_header();
        file
    }

    fn check_header(&mut self) {
        if self.header.is_empty() {
            let help = format!("begin with a header line: {}", self.known.join(","));
            let message = format!("{}: the file is empty", self.name);
            self.problems.push(Problem::of_file(self.name, message, Some(help)));
            return;
        }
        for index in 0..self.header.len() {
            let column = self.header[index].clone();
            // Of columns that nothing is read from there may be any number.
            if self.header[..index].contains(&column) && self.known.contains(&column.as_str()) {
                let message = format!("{column}: the column is given twice");
                self.refuse_at(0, Some(index), &column, message, None);
            }
        }
    }

    /// Columns that nothing is read from, but for those whose names say so.
    fn ignored(&self) -> impl Iterator<Item = (usize, &str)> {
        let columns = self.header.iter().map(String::as_str).enumerate();
        columns.filter(|(_, column)| !self.known.contains(column) && !column.starts_with("x_"))
    }

    /// Says which columns are passed over, and which of them may have been meant otherwise.
    fn notes(&self) -> Vec<Problem> {
        let absent: Vec<&str> =
            self.known.iter().copied().filter(|known| self.column(known).is_none()).collect();
        let note = |(index, column): (usize, &str)| {
            let message =
                format!("{}: the column is ignored", shown(self.written[index].as_bytes()));
            let near = nearest(column, absent.iter().copied());
            let (level, help) = match near {
                Some(near) => (Level::Warning, format!("did you mean `{near}`?")),
                None => {
                    let known = self.known.join(", ");
                    (
                        Level::Note,
                        format!(
                            "columns are {known}; a name that begins with x_ says that it is your own"
                        ),
                    )
                }
            };
            let label = self.label(0, Some(index));
            let column = column.to_owned();
            Problem::new(column, message, Some(help), vec![label]).at_level(level)
        };
        self.ignored().take(SHOWN).map(note).collect()
    }

    /// Position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// Position of a column, or a problem if it is missing.
    pub fn required(&mut self, name: &str) -> Option<usize> {
        let found = self.column(name);
        if found.is_none() && !self.header.is_empty() {
            let near = nearest(name, self.ignored().map(|(_, column)| column));
            let at = near.and_then(|near| self.column(near));
            let instead = at.map_or("rename the column that holds it, or add one; ".into(), |at| {
                format!("is it {}? write `{name}`; ", shown(self.written[at].as_bytes()))
            });
            let header = self.written.join(&char::from(self.separator).to_string());
            let help = format!("{instead}the header is: {header}");
            let message = format!("{name}: the column is missing");
            self.refuse_at(0, at, name, message, Some(help));
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
                true => "a field holds a line break; is a closing quote missing?".to_owned(),
                false => format!(
                    "an empty field still needs its {}; one that holds {} needs quotes",
                    name_of(self.separator),
                    name_of(self.separator)
                ),
            };
            self.refuse_at(start(row), None, "", message, Some(help));
        }
    }

    /// The cell of `column` breaks a rule.
    pub fn refuse(&mut self, row: &ByteRecord, column: usize, rule: &str, help: Option<String>) {
        self.refuse_with(row, column, rule, || help);
    }

    /// As [`CsvFile::refuse`]; `help` is asked for only if the problem is told in full.
    pub fn refuse_with(
        &mut self,
        row: &ByteRecord,
        column: usize,
        rule: &str,
        help: impl FnOnce() -> Option<String>,
    ) {
        if self.problems.len() >= SHOWN {
            self.unshown += 1;
            return;
        }
        let found = shown(&row[column]);
        let name = self.header[column].clone();
        let message = format!("{name} = {found}: {rule}");
        self.refuse_at(start(row), Some(column), &name, message, help());
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
        self.refuse_at(self.place_of(again), Some(column), &name, message, Some(help));
    }

    /// Byte at which a row begins.
    fn place_of(&self, index: usize) -> usize {
        let mut reader = reader(self.bytes, self.separator);
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

    fn refuse_at(
        &mut self,
        place: usize,
        index: Option<usize>,
        column: &str,
        message: String,
        help: Option<String>,
    ) {
        if self.problems.len() >= SHOWN {
            self.unshown += 1;
            return;
        }
        let label = self.label(place, index);
        self.problems.push(Problem::new(column.to_owned(), message, help, vec![label]));
    }

    /// The line at `place`, with its cell of a column underlined, or all of it.
    fn label(&self, place: usize, index: Option<usize>) -> Label {
        let place = self.skip_breaks(place.min(self.bytes.len()));
        let line = &self.bytes[place..];
        let end = line.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let text = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
        let cell = index.map_or(0..text.len(), |index| cell(&text, self.separator, index));
        // A line without end is a broken quote or another kind of file.
        let from = if cell.start > 200 { text.floor_char_boundary(cell.start - 100) } else { 0 };
        let to = text.ceil_char_boundary((from + 500).min(text.len()));
        Label {
            span: cell.start - from..cell.end.min(to) - from,
            source: Arc::new(Source::new(self.name, &text[from..to], self.line_of(place))),
            text: String::new(),
        }
    }

    /// A problem of the file as a whole.
    pub fn refuse_file(&mut self, rule: &str, help: Option<String>) {
        let message = format!("{}: {rule}", self.name);
        self.problems.push(Problem::of_file(self.name, message, help));
    }

    /// `value` with notes if nothing was wrong, else everything that was.
    pub fn finish<T>(mut self, value: T) -> Read<T> {
        if self.unshown > 0 {
            let message = format!("{}: and {} more problems", self.name, self.unshown);
            self.problems.push(Problem::of_file(self.name, message, None));
        }
        match self.problems.is_empty() {
            true => Ok((value, self.notes())),
            false => Err(self.problems),
        }
    }
}

fn reader(bytes: &[u8], separator: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(bytes)
}

/// The name of a column as it is written.
fn written(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// What separates the cells of the header: that which makes the most known columns of it, else
/// the most columns.
fn separator_of(bytes: &[u8], known: &[&str]) -> u8 {
    let columns = |separator: u8| {
        let header = reader(bytes, separator).byte_headers().cloned().unwrap_or_default();
        let is_known = |cell: &&[u8]| known.contains(&written(cell).to_lowercase().as_str());
        (header.iter().filter(is_known).count(), header.len())
    };
    let better = |best: u8, other: u8| if columns(other) > columns(best) { other } else { best };
    SEPARATORS.into_iter().reduce(better).expect("there are some")
}

fn name_of(separator: u8) -> &'static str {
    match separator {
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "comma",
    }
}

/// Where a cell lies in its line, with its quotes; at the line's end if it has none.
fn cell(line: &str, separator: u8, index: usize) -> std::ops::Range<usize> {
    let (mut from, mut left, mut quoted) = (0, index, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            byte if byte == separator && !quoted => {
                if left == 0 {
                    return from..at;
                }
                (left, from) = (left - 1, at + 1);
            }
            _ => {}
        }
    }
    if left == 0 { from..line.len() } else { line.len()..line.len() }
}

fn start(row: &ByteRecord) -> usize {
    row.position().map_or(0, |position| position.byte() as usize)
}

/// The cell as a person sees it, in quotes.
pub fn shown(cell: &[u8]) -> String {
    format!("\"{}\"", shortened(&String::from_utf8_lossy(cell)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_told_from_the_header() {
        let known = ["device", "version"];
        for (text, separator) in [
            ("device,version\n", b','),
            ("Device;Version\n1;2,5\n", b';'),
            ("version\tdevice\n", b'\t'),
            ("device\n1;2\n", b','),
            ("\"device\";\"a,b,c\"\n", b';'),
            ("", b','),
        ] {
            assert_eq!(separator_of(text.as_bytes(), &known), separator, "{text:?}");
        }
    }

    #[test]
    fn a_cell_is_found_in_its_line() {
        let line = "a,\"b,c\",,dé";
        let of = |index| &line[cell(line, b',', index)];
        assert_eq!([of(0), of(1), of(2), of(3), of(4)], ["a", "\"b,c\"", "", "dé", ""]);
    }
}
