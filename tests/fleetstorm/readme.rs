//! The README: every command runs as printed, every snippet is a scenario, and what it shows is
//! what comes out.

use std::path::Path;

use assert_cmd::Command;
use fleetstorm::scenario;
use toml::{Table, Value};

/// Commands that are not run here, each with the reason.
const ELSEWHERE: [(&str, &str); 5] = [
    ("tests/run", "it runs this test"),
    ("cargo install --path .", "it would change the machine"),
    ("fleetstorm validate", "tests/run does it, in full"),
    ("fleetstorm validate --full -o validation", "tests/run does it, in full"),
    ("fleetstorm validate Q05 S --format md", "tests/run does it, in full"),
];

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).unwrap()
}

/// Indented lines, by block.
fn indented(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let blocks = lines.split(|line| !line.starts_with("    "));
    blocks
        .filter(|block| !block.is_empty())
        .map(|block| block.iter().map(|l| &l[4..]).collect())
        .collect()
}

/// The words of a command, with the shell's quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The program's arguments, if the line calls it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let command = line.split("  #").next().unwrap().trim();
    if ELSEWHERE.iter().any(|(known, _)| *known == command) {
        return None;
    }
    let rest =
        command.strip_prefix("cargo run --release --").or(command.strip_prefix("fleetstorm"));
    rest.map(words)
}

#[test]
fn every_command_runs_as_printed_and_shows_what_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(root.join("scenarios"), folder.path().join("scenarios")).unwrap();
    let text = readme();
    let blocks = indented(&text);
    let (mut ran, mut first) = (0, None);
    for line in blocks.iter().flatten() {
        let Some(arguments) = arguments(line) else { continue };
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetstorm"));
        command.current_dir(folder.path()).args(&arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLEETSTORM_")) {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{errors}");
        first.get_or_insert(String::from_utf8(output.stdout).unwrap());
        ran += 1;
    }
    assert!(ran >= 8, "only {ran} commands were found");
    let printed = first.unwrap();
    let shown = blocks.iter().find(|block| block[0].contains(" devices: ")).expect("a result");
    for line in shown.iter().filter(|line| !line.starts_with("Results") && **line != "…") {
        assert!(printed.lines().any(|l| l == *line), "{line}\nis not in\n{printed}");
    }
}

/// The TOML blocks, in order.
fn snippets(text: &str) -> Vec<&str> {
    let parts = text.split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap()).collect()
}

/// What stands in the snippet wins; lists grow.
fn laid_over(base: &mut Table, snippet: Table) {
    for (key, value) in snippet {
        match (base.get_mut(&key), value) {
            // One kind of rate or of stages takes the place of another.
            (Some(Value::Table(old)), Value::Table(new)) if key != "rate" && key != "stages" => {
                laid_over(old, new);
            }
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => _ = base.insert(key, value),
        }
    }
}

#[test]
fn every_snippet_is_a_scenario_or_fits_the_first_one() {
    let text = readme();
    let snippets = snippets(&text);
    assert!(snippets.len() >= 4, "only {} snippets were found", snippets.len());
    let base: Table = snippets[0].parse().unwrap();
    for snippet in snippets {
        let mut whole = base.clone();
        let own: Table = snippet.parse().unwrap_or_else(|error| panic!("{error}\n{snippet}"));
        if own.contains_key("format") {
            whole = own;
        } else {
            // A package for a module needs devices that have it.
            let has_module = own.contains_key("packages");
            laid_over(&mut whole, own);
            if has_module {
                let modules: Table = "mcu = { '7' = 1.0 }".parse().unwrap();
                whole["fleet"].as_table_mut().unwrap().insert("modules".into(), modules.into());
            }
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let loaded = scenario::load_text("README.md", &whole.to_string(), &folder, &[]);
        loaded.unwrap_or_else(|problems| panic!("{problems}\n{snippet}"));
    }
}
