//! Where output goes and how it looks.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::args::{Global, ShowProgress, When};
use crate::scenario::Problems;

/// Resolved choices about output.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub quiet: bool,
    pub progress: ShowProgress,
    verbose: u8,
    colour_out: bool,
    colour_err: bool,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug)]
pub enum Tone {
    Good,
    Warning,
    Bad,
}

impl Terminal {
    /// As the flags, the environment and the kind of output say.
    pub fn new(global: &Global) -> Terminal {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = |is_terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !no_color,
        };
        Terminal {
            quiet: global.quiet,
            progress: global.progress,
            verbose: global.verbose,
            colour_out: colour(io::stdout().is_terminal()),
            colour_err: colour(io::stderr().is_terminal()),
        }
    }

    /// Sends log lines to stderr; `FLEETSTORM_LOG` filters them finer than -v does.
    pub fn start_logging(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, 0) => "warn",
            (_, 1) => "fleetstorm=debug",
            (_, _) => "trace",
        };
        let filter = EnvFilter::try_from_env("FLEETSTORM_LOG").unwrap_or_else(|_| level.into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(self.colour_err)
            .with_target(false)
            .init();
    }

    /// Writes a result to stdout.
    ///
    /// A reader that has seen enough, as `head` has, is no failure.
    pub fn print(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Writes a diagnostic to stderr; there is nobody to tell if that fails.
    pub fn error(&self, message: &str) {
        let word = paint("error", Tone::Bad, self.colour_err);
        let _ = writeln!(io::stderr(), "{word}: {message}");
    }

    /// Writes a note to stderr, unless it is to be quiet.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{message}");
        }
    }

    /// Writes what was found wrong in a scenario to stderr.
    pub fn problems(&self, problems: &Problems) {
        let text = problems.render(self.colour_err);
        let _ = writeln!(io::stderr(), "{}", text.trim_end());
    }

    /// Writes what is odd in a scenario to stderr, unless it is to be quiet.
    pub fn warnings(&self, problems: &Problems) {
        if !self.quiet {
            self.problems(problems);
        }
    }

    /// Colours a text for stdout, where that is wanted.
    pub fn toned(&self, text: &str, tone: Tone) -> String {
        paint(text, tone, self.colour_out)
    }
}

fn paint(text: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        Tone::Good => "1;32",
        Tone::Warning => "1;33",
        Tone::Bad => "1;31",
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_there_when_wanted_only() {
        assert_eq!(paint("x", Tone::Bad, false), "x");
        assert_eq!(paint("x", Tone::Bad, true), "\x1b[1;31mx\x1b[0m");
    }
}
