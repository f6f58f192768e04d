//! `fleetstorm new`: a scenario to begin with.

use std::fs::File;
use std::io::Write;

use anyhow::Context;

use super::Exit;
use super::args::New;
use super::templates::TEMPLATES;
use super::terminal::Terminal;

/// Prints or writes a template, or lists them.
pub fn new(arguments: &New, terminal: &Terminal) -> anyhow::Result<Exit> {
    if arguments.list {
        terminal.print(&list())?;
        return Ok(Exit::Ok);
    }
    let Some((_, text)) = TEMPLATES.iter().find(|(name, _)| *name == arguments.template) else {
        terminal.error(&unknown(&arguments.template));
        return Ok(Exit::Usage);
    };
    match &arguments.output {
        None => terminal.print(text)?,
        Some(path) => {
            let shown = path.display();
            let mut file = File::create_new(path)
                .with_context(|| format!("cannot write {shown}, which must be a new file"))?;
            file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
            terminal.note(&format!("Wrote {shown}; next: fleetstorm check {shown}"));
        }
    }
    Ok(Exit::Ok)
}

/// Names and descriptions, aligned.
fn list() -> String {
    let width = TEMPLATES.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let row = |(name, text): &(&str, &str)| format!("{name:<width$}  {}\n", description(text));
    TEMPLATES.iter().map(row).collect()
}

/// The first comment line that is for people.
fn description(text: &str) -> &str {
    text.lines()
        .filter(|line| !line.starts_with("#:"))
        .find_map(|line| line.strip_prefix('#'))
        .map_or("", str::trim)
}

fn unknown(name: &str) -> String {
    let near = TEMPLATES
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(name, known), *known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    format!("there is no template `{name}`{hint}\nsee `fleetstorm new --list`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_says_what_it_is() {
        for (name, text) in TEMPLATES {
            assert!(!description(text).is_empty(), "{name}");
            assert!(list().contains(description(text)));
        }
    }

    #[test]
    fn a_slip_of_the_finger_gets_a_hint() {
        assert!(unknown("smok").contains("did you mean `smoke`?"));
        assert!(!unknown("xyzzy").contains("did you mean"));
    }

    #[test]
    fn an_editor_line_is_no_description() {
        assert_eq!(description("#:schema x\n\n# Words.\n# More."), "Words.");
    }
}
