//! The command line as a person and as CI meets it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use tempfile::TempDir;

use super::runs::{scenario, total};
use fleetstorm::sim::outcome::LatencyKind;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleetstorm");

/// The program in a folder of its own, without what the caller's shell sets.
fn fleetstorm(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.path()).args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLEETSTORM_")) {
        command.env_remove(name);
    }
    command
}

/// Exit code, stdout and stderr.
fn call(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let output = fleetstorm(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn valid() -> String {
    let campaign = "rate.constant.rate = '100 /min'";
    scenario(200, campaign, "download.takes = '90 s'\nfails.flash = 0.1", "")
}

fn broken() -> String {
    valid().replace("devices = 200", "devices = 0").replace("90 s", "90 parsecs")
}

/// A folder with a valid and a broken scenario.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.toml"), valid()).unwrap();
    std::fs::write(folder.path().join("bad.toml"), broken()).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn exit_codes_are_a_contract() {
    let folder = folder();
    for (arguments, code) in [
        (&["run", "good.toml", "--no-results"][..], 0),
        (&["check", "good.toml"], 0),
        (&["new", "--list"], 0),
        (&["run", "good.toml", "-o", "good.toml/out"], 1),
        (&["run"], 2),
        (&["run", "good.toml", "--threads", "0"], 2),
        (&["fly"], 2),
        (&["check", "--explain", "campaign.colour"], 2),
        (&["run", "bad.toml", "--no-results"], 3),
        (&["run", "missing.toml"], 1),
        (&["check", "missing.toml"], 1),
        (&["check", "good.toml", "bad.toml"], 3),
        (&["run", "good.toml", "--set", "fleet.devices=0"], 3),
    ] {
        let (found, _, stderr) = call(&folder, arguments);
        assert_eq!(found, code, "{arguments:?}: {stderr}");
        assert_eq!(stderr.is_empty(), code == 0, "{arguments:?}: {stderr}");
    }
}

#[test]
fn results_go_to_stdout_and_trouble_to_stderr() {
    let folder = folder();
    let (_, stdout, stderr) = call(&folder, &["run", "good.toml", "--no-results"]);
    assert!(stdout.contains("200"), "{stdout}");
    assert_eq!(stderr, "");
    let (_, stdout, stderr) = call(&folder, &["run", "bad.toml", "--no-results"]);
    assert_eq!(stdout, "");
    assert!(stderr.contains("error"), "{stderr}");
}

#[test]
fn check_names_file_line_key_and_remedy_of_every_problem() {
    let folder = folder();
    let (code, _, stderr) = call(&folder, &["check", "bad.toml"]);
    assert_eq!(code, 3);
    let line = |part: &str| 1 + broken().lines().position(|line| line.contains(part)).unwrap();
    for part in [
        format!("bad.toml:{}:", line("devices = 0")),
        format!("bad.toml:{}:", line("parsecs")),
        "fleet.devices = 0".to_owned(),
        "download.takes".to_owned(),
        "from 1 to 4000000000".to_owned(),
        "help: units are".to_owned(),
    ] {
        assert!(stderr.contains(&part), "{part:?} is not in\n{stderr}");
    }
}

#[test]
fn a_missing_file_does_not_hide_the_others() {
    let folder = folder();
    let files = ["check", "missing.toml", "bad.toml", "good.toml"];
    let (code, stdout, stderr) = call(&folder, &files);
    assert_eq!(code, 1);
    assert!(stderr.contains("missing.toml: cannot be read"), "{stderr}");
    assert!(stderr.contains("fleet.devices = 0"), "{stderr}");
    assert!(stdout.contains("good.toml: OK") && stdout.contains("bad.toml: INVALID"), "{stdout}");
}

#[test]
fn what_cannot_come_about_is_an_error_to_check_and_a_warning_to_run() {
    let folder = folder();
    let sets = ["--set", "campaign.stage_sizes=round", "--set", "run.until=1 min"];
    let check = |format: &str| {
        let arguments = [&["check", "good.toml", "--format", format][..], &sets].concat();
        call(&folder, &arguments)
    };
    let (code, stdout, stderr) = check("human");
    assert_eq!(code, 3, "{stderr}");
    assert!(stdout.contains("INVALID, 2 problems"), "{stdout}");
    assert!(stdout.contains("at least  1 min 59 s by rate"), "{stdout}");
    assert!(check("github").1.starts_with("::error title=fleetstorm::"));
    let json: Value = serde_json::from_str(&check("json").1).unwrap();
    assert_eq!((&json[0]["valid"], &json[0]["problems_unshown"]), (&false.into(), &0.into()));
    assert_eq!(json[0]["problems"][0]["level"], "error");
    assert_eq!(json[0]["facts"]["bound_by"], "rate");
    assert_eq!(json[0]["facts"]["bounds"][0]["at_least_s"], 119.4);
    let run = [&["run", "good.toml", "--no-results"][..], &sets].concat();
    let (code, _, stderr) = call(&folder, &run);
    assert_eq!(code, 0);
    assert!(stderr.contains("warning: run.until") && stderr.contains("2 warnings"), "{stderr}");
    assert_eq!(call(&folder, &[&run[..], &["--quiet"]].concat()).2, "");
}

#[test]
fn set_changes_a_key() {
    let folder = folder();
    let sets = ["--set", "fleet.devices=321", "--set", "campaign.name=\"other\"", "--seed", "9"];
    let arguments = [&["run", "good.toml", "-o", "out"][..], &sets].concat();
    assert_eq!(call(&folder, &arguments).0, 0);
    let summary = json(&folder.path().join("out/summary.json"));
    assert_eq!(summary["campaign"], "other");
    assert_eq!(summary["seed"], 9);
    assert_eq!(summary["fleet"]["conservation"]["targeted"], 321);
    let resolved = std::fs::read_to_string(folder.path().join("out/resolved.toml")).unwrap();
    assert!(resolved.contains("devices = 321"), "{resolved}");
    let text = std::fs::read_to_string(folder.path().join("out/scenario.toml")).unwrap();
    assert_eq!(text, valid(), "the file as the user wrote it");
}

#[test]
fn results_are_where_they_were_asked_for() {
    let folder = folder();
    assert_eq!(call(&folder, &["run", "good.toml"]).0, 0);
    assert_eq!(call(&folder, &["run", "good.toml", "--results-root", "r"]).0, 0);
    assert_eq!(names(folder.path()), ["bad.toml", "good.toml", "r", "results"]);
    for root in ["results", "r"] {
        let root = folder.path().join(root);
        assert_eq!(names(&root).len(), 2, "one folder and the link");
        assert_eq!(json(&root.join("latest/run.json"))["complete"], true);
    }
    let files = |root: &str| names(&folder.path().join(root).join("latest"));
    assert_eq!(files("r"), files("results"));
    let print = |root: &str| json(&folder.path().join(root).join("latest/run.json"));
    assert_eq!(print("r")["trajectory"], print("results")["trajectory"]);
}

#[test]
fn an_existing_output_is_refused_and_untouched() {
    let folder = folder();
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine"), "precious").unwrap();
    let (code, stdout, stderr) = call(&folder, &["run", "good.toml", "-o", "out"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("exists already"), "{stderr}");
    assert_eq!(names(&out), ["mine"]);
    assert_eq!(std::fs::read_to_string(out.join("mine")).unwrap(), "precious");
    assert_eq!(names(folder.path()), ["bad.toml", "good.toml", "out"]);
}

#[test]
fn an_invalid_scenario_leaves_nothing_behind() {
    let folder = folder();
    for more in [&[][..], &["-o", "out"], &["--results-root", "r"]] {
        let arguments = [&["run", "bad.toml"][..], more].concat();
        assert_eq!(call(&folder, &arguments).0, 3);
        assert_eq!(names(folder.path()), ["bad.toml", "good.toml"], "{more:?}");
    }
}

#[test]
fn schemas_are_valid_and_hold() {
    let folder = folder();
    let schema = |of: &[&str]| -> Value {
        let (code, stdout, _) = call(&folder, &[&["schema"][..], of].concat());
        assert_eq!(code, 0);
        serde_json::from_str(&stdout).unwrap()
    };
    let (of_scenario, of_summary) = (schema(&[]), schema(&["summary"]));
    for schema in [&of_scenario, &of_summary] {
        jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(call(&folder, &["run", "good.toml", "-o", "out"]).0, 0);
    let summary = json(&folder.path().join("out/summary.json"));
    let validator = jsonschema::validator_for(&of_summary).unwrap();
    validator.validate(&summary).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = summary.clone();
    wrong["fleet"]["conservation"]["targeted"] = "many".into();
    assert!(!validator.is_valid(&wrong));
    let scenario: Value = toml::from_str(&valid()).unwrap();
    let validator = jsonschema::validator_for(&of_scenario).unwrap();
    validator.validate(&scenario).unwrap_or_else(|error| panic!("{error}"));
    let broken: Value = toml::from_str(&broken()).unwrap();
    assert!(!validator.is_valid(&broken));
}

#[test]
fn the_interval_log_reads_back() {
    let folder = folder();
    assert_eq!(call(&folder, &["run", "good.toml", "-o", "out"]).0, 0);
    let log = std::fs::read(folder.path().join("out/latency.hlog")).unwrap();
    let tally = total(&valid());
    let mut found = 0;
    for entry in IntervalLogIterator::new(&log) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        let histogram = decode(interval.encoded_histogram());
        let tag = interval.tag().unwrap().to_string();
        let kind = LatencyKind::ALL.into_iter().find(|kind| kind.name() == tag).unwrap();
        assert_eq!(&histogram, &tally.latency(kind).histogram(), "{tag}");
        found += 1;
    }
    assert_eq!(found, LatencyKind::ALL.len());
}

/// Base64 by hand: one decoder for one test is no reason for a dependency.
fn decode(encoded: &str) -> Histogram<u64> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in encoded.bytes().filter(|c| *c != b'=') {
        bits = bits << 6 | ALPHABET.iter().position(|a| *a == c).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    hdrhistogram::serialization::Deserializer::new().deserialize(&mut &bytes[..]).unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_partial_result() {
    stopped_run("INT", 130);
}

#[cfg(unix)]
#[test]
fn a_termination_leaves_a_partial_result() {
    stopped_run("TERM", 143);
}

#[cfg(unix)]
fn stopped_run(signal: &str, code: i32) {
    let folder = tempfile::tempdir().unwrap();
    // Years of changes between online and offline, and one push a day.
    let cohort = "online.renewal.on.exponential.mean = '10 min'
                  online.renewal.off.exponential.mean = '10 min'\ndownload.takes = '1 s'";
    let run = "every_flip = true\nuntil = '3000 d'";
    let text = scenario(100_000, "rate.constant.rate = '1 /d'", cohort, run);
    std::fs::write(folder.path().join("long.toml"), text).unwrap();
    let mut child = Process::new(PROGRAM)
        .args(["run", "long.toml", "-o", "out", "-j", "1", "-v"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It says so once it listens to signals.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = lines.by_ref().any(|line| line.unwrap().contains("simulating"));
    assert!(begun, "it ended before it began");
    let pid = child.id().to_string();
    let sent = Process::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap();
    assert!(sent.success());
    let rest: Vec<_> = lines.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{rest:?}");
    let manifest = json(&folder.path().join("out/run.json"));
    assert_eq!(manifest["complete"], false);
    assert_eq!(manifest["ended"], "interrupted");
    assert_eq!(manifest["exit_code"], code);
    assert_eq!(json(&folder.path().join("out/summary.json"))["complete"], false);
    assert_eq!(names(folder.path()), ["long.toml", "out"]);
}

#[test]
fn a_new_scenario_is_a_valid_one() {
    let folder = folder();
    assert_eq!(call(&folder, &["new", "smoke", "-o", "smoke.toml"]).0, 0);
    assert_eq!(call(&folder, &["check", "smoke.toml"]).0, 0);
    let (code, _, stderr) = call(&folder, &["new", "smoke", "-o", "smoke.toml"]);
    assert_eq!(code, 1, "{stderr}");
}
