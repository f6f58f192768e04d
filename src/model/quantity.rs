//! Sizes and rates as exact integers, and texts that read back to the same value.

use std::fmt;

use super::Span;

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A bit rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(pub u64);

/// `count` events per span of `per_us` microseconds, kept as a ratio so that no pace drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRate {
    pub count: u64,
    pub per_us: u64,
}

const SPAN_UNITS: [(&str, u64); 4] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)];
const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Span {
    /// All units down to the microsecond, for files; `Display` is for people and rounds.
    pub fn exact(self) -> String {
        let mut rest = self.0;
        let mut parts = Vec::new();
        for (name, size) in &SPAN_UNITS[..3] {
            if rest >= *size {
                parts.push(format!("{} {name}", rest / size));
                rest %= size;
            }
        }
        match rest {
            0 if parts.is_empty() => parts.push("0 s".to_owned()),
            0 => {}
            us if us < 1_000 => parts.push(format!("{us} us")),
            us if us < 1_000_000 => parts.push(format!("{} ms", shifted(us, 3))),
            us => parts.push(format!("{} s", shifted(us, 6))),
        }
        parts.join(" ")
    }
}

/// `value / 10^places`, exactly, without trailing zeros.
fn shifted(value: u64, places: u32) -> String {
    let unit = 10u64.pow(places);
    let fraction = value % unit;
    if fraction == 0 {
        return (value / unit).to_string();
    }
    let digits = format!("{fraction:0width$}", width = places as usize);
    format!("{}.{}", value / unit, digits.trim_end_matches('0'))
}

/// `value` under the largest power of a thousand that it reaches.
fn decimal(value: u64, unit: &str) -> String {
    let step = value.checked_ilog(1000).unwrap_or(0);
    format!("{} {}{unit}", shifted(value, step * 3), DECIMAL[step as usize])
}

impl fmt::Display for Bytes {
    /// Exact: binary units where they divide the size, else decimal ones; the shorter of both.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = (self.0.trailing_zeros() / 10) as usize;
        let text = decimal(self.0, "B");
        if self.0 == 0 || step == 0 {
            return f.write_str(&text);
        }
        let binary = format!("{} {}B", self.0 >> (10 * step), BINARY[step]);
        f.write_str(if binary.len() <= text.len() { &binary } else { &text })
    }
}

impl fmt::Display for BitRate {
    /// Exact: `1.2 Mbit/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.0, "bit/s"))
    }
}

impl fmt::Display for EventRate {
    /// Exact: `1000 /min`, or `1 /90 s` where the span is not one unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SPAN_UNITS.iter().find(|(_, size)| *size == self.per_us) {
            Some((name, _)) => write!(f, "{} /{name}", self.count),
            None => write!(f, "{} /{}", self.count, Span(self.per_us).exact()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_print_exactly() {
        for (bytes, text) in [
            (0, "0 B"),
            (100, "100 B"),
            (1024, "1 KiB"),
            (1_500_000, "1.5 MB"),
            (1_234_567, "1.234567 MB"),
            (48 << 20, "48 MiB"),
            (u64::MAX, "18.446744073709551615 EB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(BitRate(1_200_000).to_string(), "1.2 Mbit/s");
        assert_eq!(BitRate(999).to_string(), "999 bit/s");
        let rate = |count, per_us| EventRate { count, per_us }.to_string();
        assert_eq!(rate(1000, 60_000_000), "1000 /min");
        assert_eq!(rate(1, 2_000_000), "1 /2 s");
    }

    #[test]
    fn exact_spans_lose_nothing() {
        for (us, text) in [
            (0, "0 s"),
            (100_000, "100 ms"),
            (1_500, "1.5 ms"),
            (9_000_000_000, "2 h 30 min"),
            (90_061_000_001, "1 d 1 h 1 min 1.000001 s"),
        ] {
            assert_eq!(Span(us).exact(), text);
        }
    }
}
