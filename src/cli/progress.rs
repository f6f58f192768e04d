//! Shows on stderr where a run stands.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::ShowProgress;
use super::terminal::Terminal;
use crate::model::Span;
use crate::model::percent;
use crate::report::human::{per_second, thousands};
use crate::sim::Progress;

/// Short runs end before the first plain line.
const FIRST_LINE: Duration = Duration::from_secs(2);
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Takes the run's reports and shows some of them.
pub struct Meter {
    start: Instant,
    mode: Mode,
}

enum Mode {
    /// One line that changes.
    Live(ProgressBar),
    /// A line now and then; when the last was written.
    Plain(Option<Duration>),
    Off,
}

impl Meter {
    /// A meter that shows what the terminal's settings ask for.
    pub fn new(terminal: &Terminal) -> Meter {
        let mode = match terminal.progress {
            _ if terminal.quiet => Mode::Off,
            ShowProgress::None => Mode::Off,
            ShowProgress::Auto if io::stderr().is_terminal() => Mode::Live(live()),
            ShowProgress::Auto | ShowProgress::Plain => Mode::Plain(None),
        };
        Meter { start: Instant::now(), mode }
    }

    /// Brings what is shown up to date; seldom, however often it is called.
    pub fn show(&mut self, progress: Progress) {
        let elapsed = self.start.elapsed();
        match &mut self.mode {
            Mode::Live(bar) => bar.set_message(line(&progress, elapsed)),
            Mode::Plain(last) if due(elapsed, *last) => {
                *last = Some(elapsed);
                // Nobody is left to tell if stderr is closed.
                let _ = writeln!(io::stderr(), "{}", line(&progress, elapsed));
            }
            Mode::Plain(_) | Mode::Off => {}
        }
    }

    /// Takes the live line away.
    pub fn finish(self) {
        if let Mode::Live(bar) = self.mode {
            bar.finish_and_clear();
        }
    }
}

fn live() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").expect("the template is valid");
    ProgressBar::new_spinner().with_style(style)
}

/// Whether a plain line is due.
fn due(elapsed: Duration, last: Option<Duration>) -> bool {
    elapsed >= last.map_or(FIRST_LINE, |last| last + BETWEEN_LINES)
}

/// Virtual time, finished tasks, pace, and the rest of the wait if it went on at this pace; as
/// short as a terminal of 80 columns needs it.
fn line(progress: &Progress, elapsed: Duration) -> String {
    let pace = progress.events as f64 / elapsed.as_secs_f64().max(1e-3);
    let mut line = format!(
        "{}: {} of {} final ({}), {} events",
        progress.now,
        thousands(progress.finished),
        thousands(progress.targeted),
        percent(progress.finished, progress.targeted),
        per_second(pace),
    );
    if let Some(left) = left(progress, elapsed) {
        line.push_str(&format!(", {} left", Span::secs(left.as_secs().max(1))));
    }
    line
}

/// Wall time left; whichever is nearer of all tasks final and the end of virtual time.
fn left(progress: &Progress, elapsed: Duration) -> Option<Duration> {
    let share = |part: u64, whole: u64| {
        if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
    };
    let done = share(progress.finished, progress.targeted)
        .max(share(progress.now.0, progress.until.0))
        .min(1.0);
    // Below that the guess is worth nothing.
    (done >= 0.01).then(|| elapsed.mul_f64((1.0 - done) / done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    fn progress(finished: u64, targeted: u64) -> Progress {
        let (now, until) = (Time(3_600_000_000), Time(2_592_000_000_000));
        Progress { now, until, targeted, finished, events: 50_000 }
    }

    #[test]
    fn the_line_tells_time_share_pace_and_what_is_left() {
        let text = line(&progress(250, 1000), Duration::from_secs(10));
        assert_eq!(text, "1 h: 250 of 1,000 final (25.0 %), 5.0 k/s events, 30 s left");
    }

    #[test]
    fn no_guess_at_the_beginning_nor_without_targets() {
        assert_eq!(left(&progress(1, 1000), Duration::from_secs(1)), None);
        let text = line(&progress(0, 0), Duration::ZERO);
        assert!(text.starts_with("1 h: 0 of 0 final (-)"), "{text}");
    }

    #[test]
    fn plain_lines_begin_after_two_seconds_and_come_every_five() {
        let s = Duration::from_secs;
        for (elapsed, last, expected) in
            [(1, None, false), (2, None, true), (6, Some(2), false), (7, Some(2), true)]
        {
            assert_eq!(due(s(elapsed), last.map(s)), expected, "{elapsed} {last:?}");
        }
    }
}
