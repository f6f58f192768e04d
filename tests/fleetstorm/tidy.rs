//! What the house style asks of every file: short files, short functions, public types and
//! constants that say what they are.

use std::path::{Path, PathBuf};

/// Lines of a file, and of a function.
const FILE_MOST: usize = 500;
const FUNCTION_MOST: usize = 70;

/// What is still longer, and is to be cut: nothing may be added to it.
const LONG_FILES: [&str; 2] = ["src/scenario/file.rs", "tests/fleetstorm/rules/course.rs"];
const LONG_FUNCTIONS: [&str; 4] = [
    "src/scenario/tests/messages.rs",
    "src/scenario/tests/rules.rs",
    "src/scheduler/campaign/operate.rs",
    "src/sim/run/conduct.rs",
];

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
    assert_eq!(long, LONG_FILES, "cut them where a reader would");
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
    assert_eq!(long, LONG_FUNCTIONS, "too long to be read at once");
}

#[test]
fn public_types_and_constants_say_what_they_are() {
    let words = ["struct ", "enum ", "trait ", "type ", "const ", "static "];
    let mut bare = Vec::new();
    for (name, text) in sources(&["src"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let is_item = line.trim_start().starts_with("pub ")
                && words.iter().any(|word| item(line).starts_with(word));
            let above = lines[..at].iter().rev();
            let aside =
                |line: &&&str| ["#[", "// "].iter().any(|a| line.trim_start().starts_with(a));
            let mut above = above.skip_while(aside);
            let documented = above.next().is_some_and(|line| {
                let line = line.trim_start();
                line.starts_with("///") || line.starts_with("$(#[doc") || line.ends_with(")]")
            });
            // Of commands and flags the help text is the word.
            let is_command = name == "src/cli/args.rs";
            if is_item && !is_command && !documented {
                bare.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(bare.is_empty(), "{} without a word:\n{}", bare.len(), bare.join("\n"));
}
