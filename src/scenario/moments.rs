//! Moments and conditions as text: `"22:30"`, `"2027-03-01T06:00:00Z"`, `"failed > 500"`.

use std::fmt;

use super::units::{Unit, UnitError};

/// A time of day, in minutes after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub u16);

/// An instant on the calendar, in seconds since 1970 began in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub i64);

/// Holds as soon as the count is greater than the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub count: Counted,
    pub above: u64,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Notified,
    Succeeded,
    Finished,
    Failed,
    Rejected,
    TimedOut,
}

impl Counted {
    const ALL: [(&'static str, Counted); 6] = [
        ("notified", Counted::Notified),
        ("succeeded", Counted::Succeeded),
        ("finished", Counted::Finished),
        ("failed", Counted::Failed),
        ("rejected", Counted::Rejected),
        ("timed-out", Counted::TimedOut),
    ];
}

fn error<U: Unit>(rule: &str) -> UnitError {
    UnitError { rule: rule.to_owned(), remedy: format!("write for example \"{}\"", U::EXAMPLE) }
}

impl Unit for TimeOfDay {
    const FORMAT: &'static str = "time-of-day";
    const WHAT: &'static str = "a time of day";
    const EXAMPLE: &'static str = "22:30";
    const PATTERN: &'static str = r"^([01][0-9]|2[0-3]):[0-5][0-9]$";

    fn parse(text: &str) -> Result<TimeOfDay, UnitError> {
        let digits = |part: &str, below: u16| {
            let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            two.then(|| part.parse::<u16>().ok()).flatten().filter(|n| *n < below)
        };
        let parsed = text.split_once(':').and_then(|(hour, minute)| {
            Some(TimeOfDay(digits(hour, 24)? * 60 + digits(minute, 60)?))
        });
        parsed.ok_or_else(|| error::<TimeOfDay>("must be from 00:00 to 23:59"))
    }

    fn print(&self) -> String {
        format!("{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Unit for Moment {
    const FORMAT: &'static str = "moment";
    const WHAT: &'static str = "a date and time in UTC";
    const EXAMPLE: &'static str = "2027-03-01T06:00:00Z";
    const PATTERN: &'static str = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$";

    fn parse(text: &str) -> Result<Moment, UnitError> {
        let parsed = text.parse::<jiff::Timestamp>().ok();
        let whole = parsed.filter(|at| text.ends_with('Z') && at.subsec_nanosecond() == 0);
        let range = whole.filter(|at| (0..=253_370_764_800).contains(&at.as_second()));
        let refused = || {
            let rule = "must be a date with a time of day in UTC, from 1970 on";
            // A date alone may mean midnight anywhere.
            match text.trim().parse::<jiff::civil::Date>() {
                Ok(date) if text.trim() == date.to_string() => UnitError {
                    rule: rule.to_owned(),
                    remedy: format!("write for example \"{date}T00:00:00Z\""),
                },
                _ => error::<Moment>(rule),
            }
        };
        range.map(|at| Moment(at.as_second())).ok_or_else(refused)
    }

    fn print(&self) -> String {
        jiff::Timestamp::from_second(self.0).expect("parsed before").to_string()
    }
}

impl Unit for Condition {
    const FORMAT: &'static str = "condition";
    const WHAT: &'static str = "a condition";
    const EXAMPLE: &'static str = "failed > 500";
    const PATTERN: &'static str =
        r"^\s*(notified|succeeded|finished|failed|rejected|timed-out)\s*>\s*[0-9][0-9_]*\s*$";

    fn parse(text: &str) -> Result<Condition, UnitError> {
        let rule = "must be a count, `>` and a whole number";
        let (name, number) = text.split_once('>').ok_or_else(|| error::<Condition>(rule))?;
        let count = Counted::ALL.iter().find(|(known, _)| *known == name.trim());
        let Some((_, count)) = count else {
            let names = Counted::ALL.map(|(name, _)| name).join(", ");
            return Err(error::<Condition>(&format!("the counts are {names}")));
        };
        let digits = number.trim().replace('_', "");
        let above = digits.parse().map_err(|_| error::<Condition>(rule))?;
        Ok(Condition { count: *count, above })
    }

    fn print(&self) -> String {
        let name = Counted::ALL.iter().find(|(_, count)| *count == self.count);
        format!("{} > {}", name.expect("every count has a name").0, self.above)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in ["00:00", "22:30", "23:59"] {
            assert_eq!(TimeOfDay::parse(text).unwrap().print(), text);
        }
        for text in ["1970-01-01T00:00:00Z", "2027-03-01T06:00:00Z"] {
            assert_eq!(Moment::parse(text).unwrap().print(), text);
        }
        for text in ["failed > 500", "timed-out > 0", "notified > 18446744073709551615"] {
            assert_eq!(Condition::parse(text).unwrap().print(), text);
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        for text in ["24:00", "2:30", "22:60", "22", "+1:00", ""] {
            assert!(TimeOfDay::parse(text).is_err(), "{text}");
        }
        for text in ["2027-03-01", "2027-03-01T06:00:00", "2027-03-01T06:00:00+01:00", "x"] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
        for text in ["failed", "failed >= 5", "failures > 5", "failed > x", "failed > -1"] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}
