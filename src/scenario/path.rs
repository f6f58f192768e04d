//! Where a value stands in a scenario: `fleet.cohort[1].share`.

use std::fmt;

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// The steps from the root of the scenario to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The scenario itself.
    pub fn root() -> Path {
        Path::default()
    }

    /// The path of keys joined with dots, none of which needs quotes.
    pub fn of(dotted: &str) -> Path {
        let keys = dotted.split('.').map(|key| Step::Key(key.to_owned()));
        Path(keys.collect())
    }

    /// The key of the table that lies here.
    pub fn key(&self, key: &str) -> Path {
        self.with(Step::Key(key.to_owned()))
    }

    /// The entry of the list that lies here, counted from 0.
    pub fn index(&self, index: usize) -> Path {
        self.with(Step::Index(index))
    }

    /// What it is in; the root is in itself.
    pub fn parent(&self) -> Path {
        Path(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    fn with(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// Reads `fleet.cohort[0].name` or `package.delta."4.1.3"`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Path, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        loop {
            let (key, after) = parse_key(rest)?;
            steps.push(Step::Key(key));
            rest = after;
            while let Some(inner) = rest.strip_prefix('[') {
                let (number, after) = inner.split_once(']').ok_or("`[` without `]`")?;
                let index = number.trim().parse();
                steps.push(Step::Index(
                    index.map_err(|_| format!("`[{number}]` is not a position such as `[0]`"))?,
                ));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Path(steps)),
                None => return Err(format!("expected `.` before `{rest}`")),
            }
        }
    }
}

/// The key that `text` begins with, bare or in quotes, and what follows it.
fn parse_key(text: &str) -> Result<(String, &str), String> {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            let (key, after) = inner
                .split_once(quote)
                .ok_or_else(|| format!("the quote {quote} is not closed"))?;
            return Ok((key.to_owned(), after));
        }
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    match text[..end].trim() {
        "" => Err("a key is missing; write for example `fleet.devices`".to_owned()),
        key => Ok((key.to_owned(), &text[end..])),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    write!(f, "{dot}{}", quoted(key))?;
                }
            }
        }
        Ok(())
    }
}

/// The key as TOML wants it: in quotes unless it is bare.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !key.is_empty() && key.chars().all(bare) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_are_read() {
        for text in ["format", "fleet.cohort[1].share", "package.delta.\"4.1.3\"", "a[0][12].b"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Path::parse("a.'x y'").unwrap().to_string(), "a.\"x y\"");
    }

    #[test]
    fn broken_paths_say_what_is_wrong() {
        for (text, message) in [
            ("", "a key is missing"),
            ("a..b", "a key is missing"),
            ("a.", "a key is missing"),
            ("a[x]", "`[x]` is not a position"),
            ("a[1", "`[` without `]`"),
            ("a[1]b", "expected `.` before `b`"),
            ("a.\"b", "not closed"),
        ] {
            let error = Path::parse(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
