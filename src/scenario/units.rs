//! Quantities with units, as text: `"2 h 30 min"`, `"48 MiB"`, `"1.2 Mbit/s"`, `"1000 /min"`.
//!
//! Everything is integer arithmetic, so `"0.1 s"` is 100000 µs on every machine.

use crate::model::{BitRate, Bytes, EventRate, Span};

/// A quantity the user writes as text with a unit.
pub trait Unit: Sized {
    /// The schema's `format`, by which the reader finds the parser.
    const FORMAT: &'static str;
    /// With its article: "a duration".
    const WHAT: &'static str;
    /// A text that parses.
    const EXAMPLE: &'static str;
    /// A regular expression for editors; the parser is stricter.
    const PATTERN: &'static str;

    /// # Errors
    /// Rule and remedy, if `text` is not an exact quantity of this kind.
    fn parse(text: &str) -> Result<Self, UnitError>;

    /// A text that parses back to this very value.
    fn print(&self) -> String;
}

/// Why a text is not a quantity, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}; {remedy}")]
pub struct UnitError {
    pub rule: String,
    pub remedy: String,
}

type Table = [(&'static str, u128)];

const SPANS: &Table = &[
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
    ("µs", 1),
];

const SIZES: &Table = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("EB", 1_000_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
];

const BIT_RATES: &Table = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("Tbit/s", 1_000_000_000_000),
    ("Pbit/s", 1_000_000_000_000_000),
    ("Ebit/s", 1_000_000_000_000_000_000),
    ("B/s", 8),
    ("kB/s", 8_000),
    ("MB/s", 8_000_000),
    ("GB/s", 8_000_000_000),
];

impl Unit for Span {
    const FORMAT: &'static str = "span";
    const WHAT: &'static str = "a duration";
    const EXAMPLE: &'static str = "90 s";
    const PATTERN: &'static str = r"^\s*([0-9][0-9_]*(\.[0-9]+)?\s*(us|µs|ms|s|min|h|d|w)\s*)+$";

    /// Parts go from the largest unit to the smallest: `2 h 30 min`.
    fn parse(text: &str) -> Result<Span, UnitError> {
        let mut rest = text.trim();
        let mut total: u64 = 0;
        let mut last = u128::MAX;
        while !rest.is_empty() || last == u128::MAX {
            let (number, after) = number::<Span>(text, rest)?;
            let end = after
                .find(|c: char| c.is_whitespace() || c.is_ascii_digit())
                .unwrap_or(after.len());
            let size = size_of::<Span>(text, &after[..end], SPANS)?;
            if size >= last {
                return Err(UnitError {
                    rule: "units must go from large to small, each once".to_owned(),
                    remedy: "write for example \"2 h 30 min\"".to_owned(),
                });
            }
            last = size;
            let part = number.times(size).ok_or_else(inexact::<Span>)?;
            total = total.checked_add(part).ok_or_else(inexact::<Span>)?;
            rest = after[end..].trim_start();
        }
        Ok(Span(total))
    }

    fn print(&self) -> String {
        self.exact()
    }
}

impl Unit for Bytes {
    const FORMAT: &'static str = "bytes";
    const WHAT: &'static str = "a size";
    const EXAMPLE: &'static str = "48 MiB";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*([kMGTPE]|[KMGTPE]i)?B\s*$";

    fn parse(text: &str) -> Result<Bytes, UnitError> {
        single::<Bytes>(text, SIZES).map(Bytes)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl Unit for BitRate {
    const FORMAT: &'static str = "bit-rate";
    const WHAT: &'static str = "a bit rate";
    const EXAMPLE: &'static str = "1.2 Mbit/s";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*([kMGTPE]?bit|[kMG]?B)/s\s*$";

    fn parse(text: &str) -> Result<BitRate, UnitError> {
        single::<BitRate>(text, BIT_RATES).map(BitRate)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl Unit for EventRate {
    const FORMAT: &'static str = "event-rate";
    const WHAT: &'static str = "a rate";
    const EXAMPLE: &'static str = "1000 /min";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*/\s*([0-9].*|us|ms|s|min|h|d|w)$";

    /// The span after the slash is one unit (`/min`) or a duration (`/90 s`).
    fn parse(text: &str) -> Result<EventRate, UnitError> {
        let (number, after) = number::<EventRate>(text, text.trim())?;
        let Some(per) = after.strip_prefix('/').map(str::trim) else {
            return match after {
                "" => Err(no_unit::<EventRate>(text)),
                unit => Err(unknown_unit::<EventRate>(unit, SPANS)),
            };
        };
        let per_us = if per.starts_with(|c: char| c.is_ascii_digit()) {
            Span::parse(per)?.0
        } else {
            size_of::<EventRate>(text, per, SPANS)? as u64
        };
        if per_us == 0 {
            return Err(UnitError {
                rule: "the span after the slash must be longer than zero".to_owned(),
                remedy: example::<EventRate>(),
            });
        }
        let shrink = gcd(number.digits, number.scale);
        let stretched = number.scale / shrink * u128::from(per_us);
        match (u64::try_from(number.digits / shrink), u64::try_from(stretched)) {
            (Ok(count), Ok(per_us)) => Ok(EventRate { count, per_us }),
            _ => Err(inexact::<EventRate>()),
        }
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

/// A non-negative decimal number: `digits / scale`, the scale a power of ten.
struct Decimal {
    digits: u128,
    scale: u128,
}

impl Decimal {
    /// The product with a unit's size, if it is a whole number that fits.
    fn times(&self, size: u128) -> Option<u64> {
        let product = self.digits.checked_mul(size)?;
        if product % self.scale != 0 {
            return None;
        }
        u64::try_from(product / self.scale).ok()
    }
}

/// The number that `rest` begins with, and what follows it without leading blanks.
fn number<'a, U: Unit>(text: &str, rest: &'a str) -> Result<(Decimal, &'a str), UnitError> {
    let is_number = |c: char| c.is_ascii_digit() || c == '_' || c == '.';
    let end = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    let expected = || UnitError {
        rule: format!("expected {} such as \"{}\"", U::WHAT, U::EXAMPLE),
        remedy: match text.trim().starts_with('-') {
            true => "a quantity is never negative".to_owned(),
            false => format!("write a number and a unit: \"{}\"", U::EXAMPLE),
        },
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if !grouped(whole) || !grouped(fraction) {
        return Err(expected());
    }
    let fraction = fraction.trim_end_matches('0');
    let plain: String = [whole, fraction].concat().replace('_', "");
    let places = fraction.chars().filter(char::is_ascii_digit).count();
    // 20 digits hold every u64; more than 18 decimals are below every unit there is.
    let digits: u128 = match plain.trim_start_matches('0') {
        "" => 0,
        long if long.len() > 20 || places > 18 => return Err(inexact::<U>()),
        digits => digits.parse().map_err(|_| expected())?,
    };
    let scale = 10u128.pow(if digits == 0 { 0 } else { places as u32 });
    Ok((Decimal { digits, scale }, after.trim_start()))
}

/// Digits, with underscores only between digits.
fn grouped(digits: &str) -> bool {
    digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
}

/// One number with one unit.
fn single<U: Unit>(text: &str, units: &'static Table) -> Result<u64, UnitError> {
    let (number, after) = number::<U>(text, text.trim())?;
    let size = size_of::<U>(text, after, units)?;
    number.times(size).ok_or_else(inexact::<U>)
}

fn size_of<U: Unit>(text: &str, unit: &str, units: &'static Table) -> Result<u128, UnitError> {
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, size)) => Ok(*size),
        None if unit.is_empty() => Err(no_unit::<U>(text)),
        None => Err(unknown_unit::<U>(unit, units)),
    }
}

fn no_unit<U: Unit>(text: &str) -> UnitError {
    UnitError { rule: format!("{} needs a unit", U::WHAT), remedy: with_unit::<U>(text.trim()) }
}

/// What to write instead of the bare number `number`.
pub fn with_unit<U: Unit>(number: &str) -> String {
    let unit = U::EXAMPLE.split_once(' ').map_or("", |(_, unit)| unit);
    format!("write \"{number} {unit}\"")
}

fn example<U: Unit>() -> String {
    format!("write for example \"{}\"", U::EXAMPLE)
}

fn unknown_unit<U: Unit>(unit: &str, units: &'static Table) -> UnitError {
    let slash = if U::FORMAT == EventRate::FORMAT { "/" } else { "" };
    let names: Vec<String> = units
        .iter()
        .filter(|(name, _)| name.is_ascii() && !name.starts_with(['P', 'E']))
        .map(|(name, _)| format!("{slash}{name}"))
        .collect();
    let folded = unit.trim_start_matches('/').to_lowercase();
    let guess = match folded.as_str() {
        "m" | "mins" | "minute" | "minutes" => Some("min"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        "week" | "weeks" => Some("w"),
        _ => None,
    };
    let guess = guess
        .filter(|guess| units.iter().any(|(name, _)| name == guess))
        .or_else(|| {
            let same = |name: &&str| name.to_lowercase() == folded.replace("ps", "it/s");
            units.iter().map(|(name, _)| *name).find(same)
        })
        .map_or(String::new(), |name| format!("write \"{slash}{name}\"; "));
    UnitError {
        rule: format!("unknown unit \"{unit}\""),
        remedy: format!("{guess}units are {}", names.join(", ")),
    }
}

fn inexact<U: Unit>() -> UnitError {
    let (step, most) = match U::FORMAT {
        "span" => ("whole microseconds", "2^64 us"),
        "bytes" => ("whole bytes", "2^64 B"),
        "bit-rate" => ("whole bits per second", "2^64 bit/s"),
        _ => ("18 decimals", "2^64 events per span"),
    };
    UnitError {
        rule: format!("{} is exact to {step} and below {most}", U::WHAT),
        remedy: example::<U>(),
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_parse_exactly() {
        for (text, us) in [
            ("21 d", 21 * 86_400_000_000),
            ("2 h 30 min", 9_000_000_000),
            ("2h30min", 9_000_000_000),
            ("500 ms", 500_000),
            ("1.5 h", 5_400_000_000),
            ("250 us", 250),
            ("250µs", 250),
            ("1 w", 604_800_000_000),
            ("0.1 s", 100_000),
            ("  0 s ", 0),
            ("20_000 s", 20_000_000_000),
            ("0.000001 s", 1),
            ("18446744073709551615 us", u64::MAX),
        ] {
            assert_eq!(Span::parse(text), Ok(Span(us)), "{text}");
        }
    }

    #[test]
    fn other_quantities_parse_exactly() {
        assert_eq!(Bytes::parse("48 MiB"), Ok(Bytes(48 << 20)));
        assert_eq!(Bytes::parse("1.5 MB"), Ok(Bytes(1_500_000)));
        assert_eq!(Bytes::parse("100 B"), Ok(Bytes(100)));
        assert_eq!(Bytes::parse("0.5KiB"), Ok(Bytes(512)));
        assert_eq!(BitRate::parse("1.2 Mbit/s"), Ok(BitRate(1_200_000)));
        assert_eq!(BitRate::parse("20 kbit/s"), Ok(BitRate(20_000)));
        assert_eq!(BitRate::parse("1 MB/s"), Ok(BitRate(8_000_000)));
        for (text, count, per_us) in [
            ("1000 /min", 1000, 60_000_000),
            ("500/s", 500, 1_000_000),
            ("120 / h", 120, 3_600_000_000),
            ("10 /d", 10, 86_400_000_000),
            ("0.5 /s", 1, 2_000_000),
            ("2.50 /min", 5, 120_000_000),
            ("1 /90 s", 1, 90_000_000),
            ("0 /min", 0, 60_000_000),
        ] {
            assert_eq!(EventRate::parse(text), Ok(EventRate { count, per_us }));
        }
    }

    #[test]
    fn refusals_name_rule_and_remedy() {
        fn refused<U: Unit + std::fmt::Debug>(text: &str) -> String {
            U::parse(text).unwrap_err().to_string()
        }
        for (found, wanted) in [
            (refused::<Span>("90"), "a duration needs a unit; write \"90 s\""),
            (refused::<Span>(""), "expected a duration such as \"90 s\""),
            (refused::<Span>("soon"), "expected a duration"),
            (refused::<Span>("-5 s"), "never negative"),
            (refused::<Span>("5 m"), "unknown unit \"m\"; write \"min\""),
            (refused::<Span>("5 µ"), "units are w, d, h, min, s, ms, us"),
            (refused::<Span>("0.5 us"), "whole microseconds"),
            (refused::<Span>("999999999 w"), "below 2^64"),
            (refused::<Span>("30 min 2 h"), "from large to small"),
            (refused::<Span>("1__0 s"), "expected a duration"),
            (refused::<Span>("1. s"), "expected a duration"),
            (refused::<Bytes>("48 MIB"), "write \"MiB\""),
            (refused::<Bytes>("0.3 B"), "whole bytes"),
            (refused::<Bytes>("48"), "a size needs a unit; write \"48 MiB\""),
            (refused::<BitRate>("8 Mbps"), "write \"Mbit/s\""),
            (refused::<BitRate>("8 MiB"), "unknown unit \"MiB\""),
            (refused::<EventRate>("1000"), "write \"1000 /min\""),
            (refused::<EventRate>("1000 /minute"), "write \"/min\""),
            (refused::<EventRate>("5 per s"), "unknown unit \"per s\""),
            (refused::<EventRate>("5 /0 s"), "longer than zero"),
        ] {
            assert!(found.contains(wanted), "{found:?} lacks {wanted:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_texts_read_back(us: u64, count in 1u64.., shift in 0u32..64) {
            let us = us >> shift;
            prop_assert_eq!(Span::parse(&Span(us).print()), Ok(Span(us)));
            prop_assert_eq!(Bytes::parse(&Bytes(us).print()), Ok(Bytes(us)));
            prop_assert_eq!(BitRate::parse(&BitRate(us).print()), Ok(BitRate(us)));
            let rate = EventRate { count, per_us: us.max(1) };
            prop_assert_eq!(EventRate::parse(&rate.print()), Ok(rate));
        }

        #[test]
        fn no_text_panics(text: String, digits in "[0-9_.]{0,40} ?[a-zµ/]{0,6}") {
            for text in [text, digits] {
                let _ = (Span::parse(&text), Bytes::parse(&text));
                let _ = (BitRate::parse(&text), EventRate::parse(&text));
            }
        }
    }
}
