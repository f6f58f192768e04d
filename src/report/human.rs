//! Numbers as people read them.

/// Digits in groups of three: `1,000,000`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lines of at most so many characters, broken at blanks.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is one");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(word);
        }
    }
    lines
}

/// Seconds as an exact decimal without trailing zeros.
pub fn seconds(micros: u64) -> String {
    let whole = micros / 1_000_000;
    match micros % 1_000_000 {
        0 => whole.to_string(),
        rest => format!("{whole}.{rest:06}").trim_end_matches('0').to_owned(),
    }
}

/// "1 device", "2 devices".
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(n))
}

/// Bytes in binary units, to three digits or so.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value < 10.0 { 1 } else { 0 };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A rate per second in short form: `850 /s`, `12.3 k/s`, `4.56 M/s`.
pub fn per_second(rate: f64) -> String {
    match rate {
        r if r < 1e3 => format!("{r:.0} /s"),
        r if r < 1e6 => format!("{:.1} k/s", r / 1e3),
        r => format!("{:.2} M/s", r / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(n), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn seconds_are_exact() {
        for (us, text) in [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (3_600_000_000, "3600")] {
            assert_eq!(seconds(us), text);
        }
    }

    #[test]
    fn sizes_and_rates_are_short() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(300 << 20), "300 MiB");
        assert_eq!(per_second(12_345.0), "12.3 k/s");
        assert_eq!(per_second(4_560_000.0), "4.56 M/s");
        assert_eq!(counted(1, "device"), "1 device");
    }
}
