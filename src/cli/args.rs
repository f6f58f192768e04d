//! Commands and flags; their doc comments are the help texts.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Simulates over-the-air upgrade campaigns on fleets of devices.
///
/// A scenario file says what is rolled out, to which devices, how fast and under which rules.
/// Fleetstorm plays the campaign in virtual time and tells how long it takes, how many devices
/// fail and why. The same scenario gives the same numbers on every machine.
#[derive(Debug, Parser)]
#[command(
    name = "fleetstorm",
    version,
    max_term_width = 100,
    after_help = "\
Begin here:
  fleetstorm new smoke -o smoke.toml    write an example scenario
  fleetstorm check smoke.toml           find mistakes, see what it amounts to
  fleetstorm run smoke.toml             simulate it
  fleetstorm validate                   see whether its numbers can be trusted

Exit codes: 0 done, 1 the tool failed, 2 wrong command line, 3 invalid scenario,
10 a number is not what it should be (validate),
130 (Ctrl-C) or 143 (terminated) stopped with a partial result."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// No progress, no notes; errors and results only.
    #[arg(short, long, global = true, env = "FLEETSTORM_QUIET", conflicts_with = "verbose",
        value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Say more on stderr; twice: everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "FLEETSTORM_VERBOSE")]
    pub verbose: u8,
    /// When to colour; NO_COLOR turns `auto` off.
    #[arg(long, global = true, value_enum, default_value_t, env = "FLEETSTORM_COLOR")]
    pub color: When,
    /// How to show progress on stderr.
    #[arg(long, global = true, value_enum, default_value_t, env = "FLEETSTORM_PROGRESS")]
    pub progress: ShowProgress,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowProgress {
    /// One live line on a terminal, else plain.
    #[default]
    Auto,
    /// A line every 5 seconds.
    Plain,
    None,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Run),
    Check(Check),
    New(New),
    Validate(Validate),
    Metrics(Metrics),
    /// Print the JSON Schema of scenario files or of summary.json.
    ///
    /// Editors with TOML support complete and check keys with it: save it beside your scenarios
    /// and begin them with the line `#:schema ./scenario.schema.json`.
    #[command(after_help = "Example:\n  fleetstorm schema > scenario.schema.json")]
    Schema {
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
    /// Print a completion script for your shell.
    #[command(after_help = "Example:\n  fleetstorm completions bash > \
        ~/.local/share/bash-completion/completions/fleetstorm")]
    Completions {
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    #[default]
    Scenario,
    Summary,
}

/// Simulate a scenario; print a summary and write a results folder.
///
/// Ctrl-C stops the run and writes what it has so far, marked as partial; a second Ctrl-C
/// quits at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetstorm run staged.toml
  fleetstorm run staged.toml --set fleet.devices=5_000_000 --seed 7 -o r/five-million
  fleetstorm run staged.toml --set 'campaign.timeout=\"60 min\"' --until '14 d'

Results are written whole or not at all, and never over something that exists.
results/latest points at the newest.")]
pub struct Run {
    /// The scenario file.
    pub file: PathBuf,
    /// Change one key of the scenario, e.g. fleet.devices=1000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", env = "FLEETSTORM_SET", value_parser = assignment)]
    pub set: Vec<String>,
    /// Seed of all random numbers; the same as --set run.seed=N.
    // TOML integers have a sign.
    #[arg(long, value_name = "N", env = "FLEETSTORM_SEED",
        value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Threads [default: all processors, one where more cannot pay]; the result does not depend on it.
    #[arg(short = 'j', long, value_name = "N", env = "FLEETSTORM_THREADS",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Stop after this much virtual time, e.g. "14 d"; the same as --set run.until=SPAN.
    #[arg(long, value_name = "SPAN", env = "FLEETSTORM_UNTIL")]
    pub until: Option<String>,
    /// Print the log of this device: every event and change of state, at its exact time.
    #[arg(long, value_name = "ID", env = "FLEETSTORM_TRACE_DEVICE")]
    pub trace_device: Option<String>,
    /// Run in real time, to watch a campaign as it happens; the result is the same.
    #[arg(long, env = "FLEETSTORM_REAL_TIME", value_parser = FalseyValueParser::new())]
    pub real_time: bool,
    /// Virtual seconds per second of real time, with --real-time.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0,
        env = "FLEETSTORM_TIME_SCALE", value_parser = time_scale)]
    pub time_scale: f64,
    /// Write the results to this new folder instead of one in the results root.
    #[arg(short, long, value_name = "DIR", env = "FLEETSTORM_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Folder in which each run gets a folder of its own.
    #[arg(long, value_name = "DIR", default_value = "results", env = "FLEETSTORM_RESULTS_ROOT")]
    pub results_root: PathBuf,
    /// Print the summary only.
    #[arg(long, conflicts_with = "output", env = "FLEETSTORM_NO_RESULTS",
        value_parser = FalseyValueParser::new())]
    pub no_results: bool,
}

/// Check scenarios without running them; all mistakes are shown at once.
///
/// Prints for each file that can be run what it amounts to: devices, cohorts, targets, rate, and
/// how long the campaign takes at least, and why. What can be run but cannot come about, such as a
/// step after the run's end, is an error here, and a warning to `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetstorm check scenarios/*.toml
  fleetstorm check staged.toml --resolved
  fleetstorm check scenarios/*.toml --format github
  fleetstorm check --explain campaign.rate

Exit code 3 if any file is invalid, 1 if any cannot be read.")]
pub struct Check {
    /// The scenario files.
    #[arg(required_unless_present = "explain")]
    pub files: Vec<PathBuf>,
    /// Change one key of each scenario first; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", env = "FLEETSTORM_SET", value_parser = assignment)]
    pub set: Vec<String>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t, env = "FLEETSTORM_FORMAT")]
    pub format: Format,
    /// Say what a key of the scenario means, e.g. campaign.rate.
    #[arg(long, value_name = "KEY", conflicts_with = "files")]
    pub explain: Option<String>,
    /// Print each scenario with all defaults filled in, as TOML, whatever the format.
    #[arg(long)]
    pub resolved: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON array with one object per file.
    Json,
    /// Annotations for GitHub Actions.
    Github,
}

/// Hold this program against closed-form results of queueing and renewal theory.
///
/// Each case is simulated, or put together from the engine's own parts, and compared with its
/// expected value; the tolerance follows from how much was simulated. All numbers are the same
/// on every machine. What the program cannot express is listed with the reason.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetstorm validate
  fleetstorm validate --full -o validation
  fleetstorm validate A02 Q05 S
  fleetstorm validate --list

Exit code 10 if any case fails.")]
pub struct Validate {
    /// Cases (A02), families (Q05 for Q05a to Q05d) or groups (S) to look at [default: all].
    pub cases: Vec<String>,
    /// Simulate about ten times as much: several minutes instead of half a minute.
    #[arg(long, env = "FLEETSTORM_FULL", value_parser = FalseyValueParser::new())]
    pub full: bool,
    /// Threads [default: all processors]; the findings do not depend on it.
    #[arg(short = 'j', long, value_name = "N", env = "FLEETSTORM_THREADS",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Write validation.csv, .md and .json to this new folder.
    #[arg(short, long, value_name = "DIR", env = "FLEETSTORM_OUTPUT")]
    pub output: Option<PathBuf>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t)]
    pub format: Table,
    /// List the cases and look at none.
    #[arg(long)]
    pub list: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// For people.
    #[default]
    Human,
    /// One JSON object.
    Json,
    /// For a pull request or a wiki.
    #[value(name = "md")]
    Markdown,
}

/// List every number of a run by its name: unit, which way is better, what it means.
///
/// The names stand in summary.json under `metrics`. With a scenario, also what its labels can be:
/// its cohorts, links, campaigns.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetstorm metrics
  fleetstorm metrics staged.toml
  fleetstorm metrics --format json")]
pub struct Metrics {
    /// A scenario whose labels are listed as well.
    pub file: Option<PathBuf>,
    /// Change one key of the scenario first; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", env = "FLEETSTORM_SET", value_parser = assignment)]
    pub set: Vec<String>,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t)]
    pub format: Table,
}

/// Write a scenario from the built-in library, to begin with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetstorm new --list
  fleetstorm new smoke -o smoke.toml")]
pub struct New {
    /// Name of the template.
    #[arg(default_value = "smoke")]
    pub template: String,
    /// Write to this new file instead of stdout.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// List the templates.
    #[arg(long)]
    pub list: bool,
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    match scale > 0.0 && scale.is_finite() {
        true => Ok(scale),
        false => Err("must be above 0, e.g. 600 for ten minutes in a second".to_owned()),
    }
}

fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok(text.to_owned())
        }
        _ => Err("expected KEY=VALUE, e.g. fleet.devices=1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn help(name: &str) -> String {
        let mut command = Arguments::command();
        command.build();
        command.find_subcommand_mut(name).unwrap().render_long_help().to_string()
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_help_text_shows_an_example_and_its_flags() {
        for (name, mentions) in [
            ("run", &["--set", "--seed", "--threads", "--until", "--results-root", "Ctrl-C"][..]),
            ("check", &["--format", "--explain", "--resolved", "Exit code 3"]),
            ("schema", &["#:schema", "summary"]),
            ("new", &["--list", "--output"]),
            ("validate", &["--full", "--list", "--output", "Exit code 10"]),
            ("metrics", &["--format", "--set"]),
            ("completions", &["bash", "zsh"]),
        ] {
            let help = help(name);
            assert!(help.contains("Example"), "{help}");
            for mention in mentions.iter().chain(&["--color", "--progress", "--quiet"]) {
                assert!(help.contains(mention), "{mention} is not in\n{help}");
            }
        }
        assert!(help("run").contains("FLEETSTORM_SEED"));
        let overview = Arguments::command().render_long_help().to_string();
        assert!(overview.contains("130 (Ctrl-C)"), "{overview}");
    }

    #[test]
    fn wrong_values_are_refused() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("fleetstorm run a.toml -j 2 --seed 7 --set a.b=1 --set c=2").is_ok());
        for line in [
            "fleetstorm run a.toml -j 0",
            "fleetstorm run a.toml --seed 9223372036854775808",
            "fleetstorm run a.toml --set seed",
            "fleetstorm run a.toml -o x --no-results",
            "fleetstorm run",
            "fleetstorm check",
            "fleetstorm run a.toml -q -v",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert!(parse("fleetstorm check --explain run.seed").is_ok());
    }
}
