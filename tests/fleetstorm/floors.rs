//! The floors of the architecture: who may use whom, and what must not occur where.

use std::path::{Path, PathBuf};

/// What the modules of each floor may use of the others.
const FLOORS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("rng", &["model"]),
    ("stats", &["model", "rng"]),
    ("dist", &["model", "rng"]),
    ("scenario", &["model", "dist"]),
    ("scheduler", &["model"]),
    ("fleet", &["model", "rng", "dist"]),
    ("network", &["model"]),
    ("sim", &["model", "rng", "dist", "stats", "scenario", "scheduler", "fleet", "network"]),
    ("live", &["model", "scenario", "sim"]),
    ("metric", &["model", "stats", "scenario", "scheduler", "sim"]),
    ("report", &["model", "stats", "scenario", "scheduler", "sim", "metric"]),
    (
        "validate",
        &["model", "rng", "dist", "stats", "scenario", "scheduler", "fleet", "network", "sim"],
    ),
    ("cli", &["model", "scenario", "scheduler", "sim", "live", "metric", "report", "validate"]),
];

/// Source files with their path below `src` and their lines without comments.
fn sources() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let code = |line: &str| line.split("//").next().unwrap().to_owned();
                files.push((name, text.lines().map(code).collect()));
            }
        }
    }
    files.sort();
    files
}

/// The modules that a line names after `crate::`, also as `crate::{a, b::c}`.
fn modules_used(code: &str) -> Vec<String> {
    let identifier = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.push(identifier(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    used.push(identifier(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn floor_of(file: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    FLOORS.iter().find(|(name, _)| file.split(['/', '.']).next() == Some(name))
}

/// Files and lines that hold any of the words.
fn lines_with(words: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, lines) in sources() {
        let hits = lines.iter().filter(|line| words.iter().any(|word| has_word(line, word)));
        found.extend(hits.map(|line| (file.clone(), line.trim().to_owned())));
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next())
    })
}

/// # Panics
/// If the words occur in files other than these, or in one of these no more.
fn only_in(words: &[&str], allowed: &[&str]) {
    let found = lines_with(words);
    for (file, line) in &found {
        assert!(allowed.contains(&file.as_str()), "{words:?} in src/{file}: {line}");
    }
    for file in allowed {
        assert!(found.iter().any(|(f, _)| f == file), "no {words:?} in src/{file} any more");
    }
}

#[test]
fn a_module_uses_only_floors_below_it() {
    let mut uses = 0;
    for (file, lines) in sources() {
        let Some((floor, allowed)) = floor_of(&file) else {
            let own = ["lib.rs", "main.rs"].contains(&file.as_str());
            assert!(own || file.starts_with("bin/"), "src/{file} is on no floor");
            continue;
        };
        for used in modules_used(&lines.join("\n")) {
            let fine = used == *floor || allowed.contains(&used.as_str());
            assert!(fine, "src/{file} uses {used}, but {floor} may only use {allowed:?}");
            uses += 1;
        }
        let depth = file.matches('/').count() + usize::from(!file.ends_with("mod.rs"));
        let escape = "super::".repeat(depth);
        // Inside `mod tests` one more step is needed to leave the floor.
        let inner = format!("super::{escape}");
        let leaves = |line: &&String| {
            line.contains(&inner) || line.starts_with("use") && line.contains(&escape)
        };
        let line = lines.iter().find(leaves);
        assert!(line.is_none(), "src/{file} leaves its floor by super: {line:?}");
    }
    assert!(uses > 50, "the scan finds what there is");
}

#[test]
fn the_scan_sees_every_form_of_a_path() {
    let names = |code| modules_used(code).join(" ");
    assert_eq!(names("use crate::model::{Span, Time};"), "model");
    assert_eq!(names("use crate::{model, sim::{self, run}, rng};"), "model sim rng");
    assert_eq!(names("let n = crate::rng::threshold(0.5) + crate::stats::X;"), "rng stats");
    assert_eq!(names("pub(crate) fn f()"), "");
    assert!(has_word("let a = unsafe {", "unsafe") && !has_word("unsafely()", "unsafe"));
}

#[test]
fn nothing_below_the_report_reads_a_clock_but_progress_and_pace() {
    only_in(
        &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", ".elapsed()"],
        &[
            "cli/progress.rs",
            "cli/run.rs",
            "cli/validate.rs",
            "live/mod.rs",
            "sim/run.rs",
            "sim/run/conduct.rs",
        ],
    );
    let in_run = lines_with(&["Instant::now"]);
    let progress = in_run.iter().filter(|(file, _)| file.starts_with("sim/"));
    // One to begin with, one per report, one per round of work that threads may share.
    assert_eq!(progress.count(), 3);
}

#[test]
fn the_only_unsafe_code_is_the_prefetch() {
    only_in(&["unsafe"], &["sim/memory.rs", "sim/prefetch.rs"]);
}

#[test]
fn no_order_depends_on_hashes_below_the_report() {
    only_in(&["HashMap", "HashSet"], &["scenario/files.rs", "scenario/inventory.rs"]);
}

#[test]
fn no_machine_without_io_touches_the_world() {
    for (file, line) in lines_with(&["std::fs", "std::net", "std::thread", "std::env", "async"]) {
        let floor = file.split('/').next().unwrap();
        let pure =
            ["model", "rng", "dist", "stats", "scheduler", "fleet", "network"].contains(&floor);
        assert!(!pure, "src/{file}: {line}");
    }
}
