//! What the house style asks of every file: short files, short functions, public items that
//! say what they are.

use std::path::{Path, PathBuf};

/// Lines of a file, and of a function.
const FILE_MOST: usize = 500;
const FUNCTION_MOST: usize = 70;

/// Rust sources with their path below the project's root.
fn sources(below: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = below.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    assert!(files.len() > 100, "the sources are there");
    files
}

/// The line without what may stand before the item's own word.
fn item(line: &str) -> &str {
    let mut rest = line.trim_start();
    for word in
        ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe ", "extern \"C\" "]
    {
        // `const NAME` is an item of its own.
        let names = word == "const " && !rest.starts_with("const fn");
        rest = if names { rest } else { rest.strip_prefix(word).unwrap_or(rest) };
    }
    rest
}

#[test]
fn files_are_short() {
    let all = sources(&["src", "tests", "benches"]);
    let long: Vec<String> = all
        .iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_MOST)
        .map(|(name, _)| name.clone())
        .collect();
    assert!(long.is_empty(), "cut them where a reader would: {long:?}");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (name, text) in sources(&["src", "tests", "benches"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| item(line).starts_with("fn "))
        {
            // Formatted: the function ends with the first brace as far to the left as it begins.
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let length =
                lines[at..].iter().position(|l| *l == end || l.ends_with(';') && *l == *line);
            let length = length.map_or(0, |length| length + 1);
            if length > FUNCTION_MOST {
                long.push(name.clone());
            }
        }
    }
    assert!(long.is_empty(), "too long to be read at once: {long:?}");
}

/// Public items that begin with one of these words and have no doc comment, with their files.
fn bare(words: &[&str]) -> Vec<(String, String)> {
    let mut bare = Vec::new();
    for (name, text) in sources(&["src"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let is_item = line.trim_start().starts_with("pub ")
                && words.iter().any(|word| item(line).starts_with(word));
            if is_item && !is_documented(&lines[..at]) {
                bare.push((name.clone(), format!("{name}:{}: {}", at + 1, line.trim())));
            }
        }
    }
    bare
}

/// Whether a doc comment ends the lines above an item, but for what may stand between.
fn is_documented(above: &[&str]) -> bool {
    let aside = |line: &&&str| ["#[", "// "].iter().any(|a| line.trim_start().starts_with(a));
    above.iter().rev().find(|line| !aside(line)).is_some_and(|line| {
        let line = line.trim_start();
        line.starts_with("///") || line.starts_with("$(#[doc") || line.ends_with(")]")
    })
}

#[test]
fn public_types_and_constants_say_what_they_are() {
    let mut bare = bare(&["struct ", "enum ", "trait ", "type ", "const ", "static "]);
    // Of commands and flags the help text is the word.
    bare.retain(|(name, _)| name != "src/cli/args.rs");
    let bare: Vec<String> = bare.into_iter().map(|(_, line)| line).collect();
    assert!(bare.is_empty(), "{} without a word:\n{}", bare.len(), bare.join("\n"));
}

#[test]
fn public_functions_say_what_they_are_for() {
    let bare: Vec<String> = bare(&["fn "]).into_iter().map(|(_, line)| line).collect();
    assert!(bare.is_empty(), "{} without a word:\n{}", bare.len(), bare.join("\n"));
}
