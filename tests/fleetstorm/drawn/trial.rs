//! Tries a scenario: reads it, runs it in several ways, and looks at what came of it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fleetstorm::model::DeviceId;
use fleetstorm::report::Summary;
use fleetstorm::report::text::{self, Effort};
use fleetstorm::scenario::{self, Loaded, Problems};
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::sim::outcome::{Ended, Outcome};
use fleetstorm::sim::{self, Options, Progress};

use super::super::runs::result_files;
use super::conserved;

/// What came of a scenario.
#[derive(Debug)]
pub enum Verdict {
    Refused,
    /// It was run, and nothing was wrong.
    Sound,
    /// It was not run to its end, since it takes too long for a test.
    Costly,
    Fault(Fault),
}

/// Something is wrong with the program.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The same for all scenarios that show the same fault.
    pub signature: String,
    pub text: String,
}

impl Fault {
    fn new(stage: &str, text: &str) -> Fault {
        let first: String = text.lines().next().unwrap_or_default().chars().take(160).collect();
        let signature = format!("{stage}: {}", without_numbers(&first));
        Fault { signature, text: format!("{stage}: {text}") }
    }
}

/// The text without what differs from scenario to scenario.
pub fn without_numbers(text: &str) -> String {
    let mut without = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if without.ends_with('#') => {}
            true => without.push('#'),
            false => without.push(c),
        }
    }
    without
}

/// How much a test has time for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub events: u64,
    pub time: Duration,
    /// Whether it is a fault to come to the end of the time.
    pub slow_is_fault: bool,
}

/// Most devices, points of a series, and ticks of a run.
const DEVICES_MOST: u32 = 5_000;
const POINTS_MOST: u64 = 20_000;
const TICKS_MOST: u64 = 1 << 31;

/// Reads a scenario, whatever is in it.
pub fn read(text: &str, folder: &Path, sets: &[&str]) -> Result<Result<Loaded, Problems>, Fault> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    caught("check", || {
        let result = scenario::load_text("drawn.toml", text, folder, &sets);
        if let Err(problems) = &result {
            assert!(!problems.to_string().is_empty());
        }
        result
    })
}

/// Reads and runs a scenario.
pub fn of(text: &str, folder: &Path, limits: Limits) -> Verdict {
    match tried(text, folder, limits) {
        Ok(verdict) => verdict,
        Err(fault) => Verdict::Fault(fault),
    }
}

fn tried(text: &str, folder: &Path, limits: Limits) -> Result<Verdict, Fault> {
    let Ok(loaded) = read(text, folder, &[])? else { return Ok(Verdict::Refused) };
    caught("resolved", || reads_back(&loaded, folder))?;
    let run = &loaded.scenario.run;
    let points = run.sample_every.map_or(0, |every| run.until.0 / every.0.max(1));
    let ticks = run.until.0 / run.tick.0.max(1);
    if loaded.device_count() > DEVICES_MOST || points > POINTS_MOST || ticks > TICKS_MOST {
        return Ok(Verdict::Costly);
    }
    let Some(one) = run_of(&loaded, 1, limits)? else { return Ok(Verdict::Costly) };
    caught("conservation", || conserved::look(&loaded, &one))?;
    caught("report", || {
        _ = result_files(&loaded, &one);
        printed(&loaded, &one);
    })?;
    let patient = Limits { events: u64::MAX, time: limits.time * 10, ..limits };
    let Some(three) = run_of(&loaded, 3, patient)? else { return Ok(Verdict::Costly) };
    same("on three threads", &one, &three)?;
    other_flips(text, folder, &one, &loaded, limits)?;
    Ok(Verdict::Sound)
}

/// What is written with all defaults filled in is the same scenario.
fn reads_back(loaded: &Loaded, folder: &Path) {
    let text = scenario::resolved(&loaded.scenario);
    let again = scenario::load_text("resolved.toml", &text, folder, &[]);
    let again = again.unwrap_or_else(|problems| panic!("what was resolved is refused: {problems}"));
    assert!(again.scenario == loaded.scenario, "what was resolved is another scenario");
}

fn printed(loaded: &Loaded, outcome: &Outcome) {
    let summary = Summary::of(&loaded.scenario, outcome);
    let effort = Effort {
        wall_s: 1.0,
        events: outcome.all_events().total(),
        threads: 1,
        peak_memory_bytes: None,
        results: None,
    };
    assert!(!text::render(&summary, &effort).is_empty());
    _ = text::trace("device", &outcome.trace);
}

/// Runs it the other way, lazily or with every flip. The laws are the same, and where all that
/// devices are follows from the device and the instant, so is the outcome.
fn other_flips(
    text: &str,
    folder: &Path,
    one: &Outcome,
    loaded: &Loaded,
    limits: Limits,
) -> Result<(), Fault> {
    let flips = loaded.scenario.run.every_flip;
    let set = format!("run.every_flip={}", !flips);
    let other = match read(text, folder, &[&set])? {
        Ok(other) => other,
        Err(problems) => return Err(Fault::new("flips", &format!("are refused: {problems}"))),
    };
    let what = if flips { "lazily" } else { "with every flip" };
    let Some(run) = run_of(&other, 1, limits).map_err(|fault| staged(what, &fault))? else {
        return Ok(());
    };
    caught(what, || conserved::look(&other, &run))?;
    caught(what, || {
        let of = |outcome: &Outcome| outcome.total().targeted;
        assert_eq!(of(one), of(&run), "targets {what}");
    })?;
    let world = sim::world_of(loaded);
    let is_exact = |cohort: &fleetstorm::fleet::Cohort| {
        cohort.reach.is_some() || matches!(cohort.start, fleetstorm::fleet::Start::Always)
    };
    match world.cohorts.iter().all(is_exact) {
        true => same_fates(what, one, &run),
        false => Ok(()),
    }
}

fn staged(stage: &str, fault: &Fault) -> Fault {
    Fault::new(stage, &fault.text)
}

/// Runs on so many threads; none if it takes longer than there is time for.
fn run_of(loaded: &Loaded, threads: usize, limits: Limits) -> Result<Option<Outcome>, Fault> {
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let mut slow = None;
    let stage = format!("run on {threads}");
    let outcome = caught(&stage, || {
        let mut progress = |progress: Progress| {
            if begun.elapsed() > limits.time {
                slow = Some(progress);
            }
            if begun.elapsed() > limits.time || progress.events > limits.events {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let trace = (threads != 2).then(|| DeviceId(loaded.device_count() / 2));
        let options = Options {
            threads: Some(threads),
            trace: trace.filter(|device| device.0 < loaded.device_count()),
            record: false,
            stop: &stop,
            progress: &mut progress,
        };
        sim::run(loaded, options).expect("memory for the fleet")
    })?;
    match slow {
        Some(progress) if limits.slow_is_fault && progress.events < limits.events / 10 => {
            let text = format!("takes too long: {progress:?}");
            Err(Fault { signature: format!("{stage}: takes too long"), text })
        }
        _ => Ok((outcome.ended != Ended::Interrupted).then_some(outcome)),
    }
}

fn same(what: &str, a: &Outcome, b: &Outcome) -> Result<(), Fault> {
    if a == b {
        return Ok(());
    }
    let stage = format!("differs {what}");
    let trace = a.trace.iter().zip(&b.trace).find(|(a, b)| a != b);
    if let Some((a, b)) = trace {
        return Err(Fault::new(&stage, &format!("the trace\n - {a:?}\n + {b:?}")));
    }
    // A trace may be too long to be written down.
    let text = |outcome: &Outcome| {
        let without = |outcome: &Outcome| Outcome { trace: Vec::new(), ..outcome.clone() };
        let further = outcome.further.iter().map(without).collect();
        format!("{:#?}", Outcome { further, ..without(outcome) })
    };
    let (a, b) = (text(a), text(b));
    match a == b && a.contains("NaN") {
        true => Err(Fault::new(&stage, &format!("is not a number: {}", line_of(&a, "NaN")))),
        false => Err(difference(&stage, &a, &b)),
    }
}

fn line_of<'t>(text: &'t str, word: &str) -> &'t str {
    text.lines().find(|line| line.contains(word)).unwrap_or_default().trim()
}

/// Where two texts begin to differ.
fn difference(stage: &str, a: &str, b: &str) -> Fault {
    let lines: Vec<(&str, &str)> = a.lines().zip(b.lines()).collect();
    let at = lines.iter().position(|(a, b)| a != b).unwrap_or(lines.len());
    let around: String = lines[at.saturating_sub(3)..(at + 4).min(lines.len())]
        .iter()
        .map(|(a, b)| if a == b { format!("   {a}\n") } else { format!(" - {a}\n + {b}\n") })
        .collect();
    // The innermost names that the difference is in, which are less deeply indented.
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut names = Vec::new();
    let mut depth = usize::MAX;
    for (line, _) in lines[..(at + 1).min(lines.len())].iter().rev() {
        if indent(line) < depth && (line.contains(": ") || names.is_empty()) {
            names.push(line.trim().split(':').next().unwrap_or_default());
        }
        depth = depth.min(indent(line));
    }
    names.reverse();
    Fault::new(stage, &format!("{}\n{around}", names.join(".")))
}

/// Flips are counted only where they are simulated; all else is the same.
fn same_fates(what: &str, a: &Outcome, b: &Outcome) -> Result<(), Fault> {
    let fates = |outcome: &Outcome| {
        let of = |outcome: &Outcome| {
            let tallies = outcome.cohorts.iter().map(|cohort| {
                let mut tally = cohort.tally.clone();
                // Why a task waits depends on when the run ends, which a flip may put off.
                let waiting = tally.states.iter().zip(TaskState::ALL);
                let waiting = waiting.filter(|(_, state)| state.is_waiting());
                let sum = waiting.map(|(count, _)| *count).sum();
                for (count, state) in tally.states.iter_mut().zip(TaskState::ALL) {
                    *count = if state.is_waiting() { sum } else { *count };
                }
                tally
            });
            (tallies.collect::<Vec<_>>(), outcome.versions.clone(), outcome.campaign.clone())
        };
        let further: Vec<_> = outcome.further.iter().map(of).collect();
        (of(outcome), further)
    };
    let (a, b) = (fates(a), fates(b));
    if a == b {
        return Ok(());
    }
    Err(difference(&format!("differs {what}"), &format!("{a:#?}"), &format!("{b:#?}")))
}

thread_local! {
    /// What the last panic of this thread said, while it is looked for.
    static LAST: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// What it returns, or the message of its panic.
fn caught<T>(stage: &str, of: impl FnOnce() -> T) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(Location::to_string).unwrap_or_default();
            let said = info.payload_as_str().unwrap_or("a panic without words");
            let kept = LAST.with_borrow_mut(|last| {
                last.as_mut().map(|last| *last = Some(format!("{said} ({place})"))).is_some()
            });
            if !kept {
                before(info);
            }
        }));
    });
    LAST.set(Some(None));
    let result = catch_unwind(AssertUnwindSafe(of));
    let said = LAST.take().flatten();
    result.map_err(|_| {
        let said = said.unwrap_or_else(|| "a panic elsewhere".to_owned());
        // One line, and the place first: it tells faults apart.
        let place = said.rsplit_once(" (").map_or("", |(_, place)| place).trim_end_matches(')');
        Fault::new(stage, &format!("{} {said}", column_free(place)))
    })
}

/// `src/sim/run.rs:12:5` without the column.
fn column_free(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(line, _)| line)
}
