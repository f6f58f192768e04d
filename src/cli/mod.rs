//! The command line: what a person types and sees.
//!
//! Results go to stdout, progress and diagnostics to stderr. Exit codes are a contract with CI,
//! see [`Exit`].

mod args;
mod check;
mod facts;
mod load;
mod metrics;
mod new;
mod progress;
mod run;
mod signal;
mod stages;
mod templates;
mod terminal;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command, SchemaOf};
use terminal::Terminal;

/// How a command ended, for the calling program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked.
    Ok = 0,
    /// The tool failed: a file, a folder, the system.
    Failed = 1,
    /// The command line is wrong; clap uses the same number.
    Usage = 2,
    /// The scenario is invalid.
    Invalid = 3,
    /// A number is not what it should be.
    Misses = 10,
    /// Interrupted; the result is a partial one, and marked so.
    Interrupted = 130,
    /// As `Interrupted`, by SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Parses the command line, does what it says, and reports trouble on stderr.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::new(&arguments.global);
    terminal.start_logging();
    match dispatch(&arguments.command, &terminal) {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal.error(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

fn dispatch(command: &Command, terminal: &Terminal) -> anyhow::Result<Exit> {
    match command {
        Command::Run(run) => run::run(run, terminal),
        Command::Check(check) => check::check(check, terminal),
        Command::New(new) => new::new(new, terminal),
        Command::Validate(arguments) => validate::validate(arguments, terminal),
        Command::Metrics(arguments) => metrics::metrics(arguments, terminal),
        Command::Schema { of } => {
            let schema = match of {
                SchemaOf::Scenario => crate::scenario::schema(),
                SchemaOf::Summary => crate::report::Summary::schema(),
            };
            terminal.print(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
            Ok(Exit::Ok)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "fleetstorm", &mut script);
            terminal.print(&String::from_utf8(script)?)?;
            Ok(Exit::Ok)
        }
    }
}
