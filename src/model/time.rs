//! Instants and spans: integer microseconds, so that sums are exact and results repeat.

use std::fmt;
use std::ops::{Add, Sub};

/// An instant: microseconds since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Time {
    /// The beginning of the run.
    pub const ZERO: Time = Time(0);
    /// "Never": later than any instant a run can reach (2^48 - 1 µs, 8.9 years).
    pub const NEVER: Time = Time((1 << 48) - 1);

    /// Whether the instant is [`Time::NEVER`].
    #[inline(always)]
    pub fn is_never(self) -> bool {
        self >= Time::NEVER
    }

    /// Seconds since the run began.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span from `earlier` to here; zero if `earlier` is later.
    #[inline(always)]
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// So many seconds.
    pub const fn secs(seconds: u64) -> Span {
        Span(seconds * 1_000_000)
    }

    /// Rounds to the nearest microsecond; negative becomes zero, huge becomes "never".
    pub fn from_secs_f64(seconds: f64) -> Span {
        Span::from_micros_f64(seconds * 1e6)
    }

    /// Rounds to the nearest microsecond; negative becomes zero, huge becomes "never".
    #[inline(always)]
    pub fn from_micros_f64(micros: f64) -> Span {
        // 2^52: a sum with it has no bits left for fractions, and holds the rest as an integer.
        const INTEGERS: f64 = 4_503_599_627_370_496.0;
        const NEVER: f64 = Time::NEVER.0 as f64;
        // Written so that NaN becomes 0.
        let micros = if micros > 0.0 { micros } else { 0.0 };
        let micros = if micros < NEVER { micros } else { NEVER };
        Span((micros + INTEGERS).to_bits() & ((1 << 52) - 1))
    }

    /// The length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Add<Span> for Time {
    type Output = Time;
    /// Saturates at [`Time::NEVER`].
    #[inline(always)]
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0).min(Time::NEVER.0))
    }
}

impl Sub<Time> for Time {
    type Output = Span;
    #[inline(always)]
    fn sub(self, earlier: Time) -> Span {
        self.since(earlier)
    }
}

impl fmt::Display for Span {
    /// The largest units first, at most two of them, rounded: `2 h 30 min`, `1.5 s`, `250 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)];
        if self.0 < 60_000_000 {
            return match self.0 {
                us if us < 1_000 => write!(f, "{us} us"),
                us if us < 1_000_000 => write!(f, "{} ms", trim(us as f64 / 1e3)),
                us => write!(f, "{} s", trim(us as f64 / 1e6)),
            };
        }
        let big = UNITS.iter().position(|u| self.0 >= u.1).unwrap_or(3);
        let (next_name, next_size) = UNITS[(big + 1).min(3)];
        let rounded = (self.0 + next_size / 2) / next_size * next_size;
        if big > 0 && rounded >= UNITS[big - 1].1 {
            return Span(rounded).fmt(f);
        }
        let (name, size) = UNITS[big];
        write!(f, "{} {name}", rounded / size)?;
        match (rounded % size) / next_size {
            0 => Ok(()),
            rest => write!(f, " {rest} {next_name}"),
        }
    }
}

/// Three decimals at most, without trailing zeros.
fn trim(x: f64) -> String {
    let text = format!("{x:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        Span(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_in_two_units_at_most() {
        for (us, text) in [
            (0, "0 us"),
            (999, "999 us"),
            (1_500, "1.5 ms"),
            (59_999_000, "59.999 s"),
            (60_000_000, "1 min"),
            (9_000_000_000, "2 h 30 min"),
            (90_061_000_000, "1 d 1 h"),
            (86_399_999_999, "1 d"),
            (199_980_000_000, "2 d 8 h"),
        ] {
            assert_eq!(Span(us).to_string(), text);
        }
    }

    #[test]
    fn never_absorbs_every_sum() {
        assert_eq!(Time::NEVER + Span(1), Time::NEVER);
        assert_eq!(Time(5) + Span(u64::MAX), Time::NEVER);
        assert_eq!(Span::from_micros_f64(f64::INFINITY).0, Time::NEVER.0);
        assert_eq!(Span::from_micros_f64(-3.0), Span::ZERO);
        assert_eq!(Span::from_micros_f64(f64::NAN), Span::ZERO);
    }
}
