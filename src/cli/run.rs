//! `fleetstorm run`: load, simulate, write, print.

use std::time::Instant;

use anyhow::Context;

use super::Exit;
use super::args::Run;
use super::load;
use super::progress::Meter;
use super::signal;
use super::terminal::{Terminal, Tone};
use crate::live;
use crate::model::DeviceId;
use crate::report::folder::folder_name;
use crate::report::manifest::{Manifest, cpus, peak_memory};
use crate::report::text::{self, Effort};
use crate::report::{Input, RunInfo, Summary, Target, write_results};
use crate::scenario::{self, Loaded};
use crate::sim::outcome::{Ended, Outcome};
use crate::sim::{self, Options};

/// Runs the scenario; the summary is printed even if the results cannot be written.
pub fn run(arguments: &Run, terminal: &Terminal) -> anyhow::Result<Exit> {
    load::readable(&arguments.file)?;
    let loaded = match load::load(&arguments.file, &assignments(arguments)) {
        Ok(loaded) => {
            // What is moot does not keep anyone from trying; notes are for whoever checks.
            if let Some(remarks) = loaded.remarks.as_ref().and_then(|all| all.as_warnings()) {
                terminal.warnings(&remarks);
            }
            loaded
        }
        Err(problems) => {
            terminal.problems(&problems);
            return Ok(Exit::Invalid);
        }
    };
    let trace = match &arguments.trace_device {
        None => None,
        Some(name) => Some(loaded.device_named(name).with_context(|| {
            let last = loaded.device_count().saturating_sub(1);
            let last = loaded.device_name(DeviceId(last));
            format!("--trace-device {name:?}: the fleet has no such device; its last is {last:?}")
        })?),
    };
    let resolved = scenario::resolved(&loaded.scenario);
    let start = jiff::Timestamp::now();
    let target = target(arguments, &loaded, start)?;
    signal::listen().context("cannot listen to Ctrl-C")?;
    let asked = arguments.threads.map_or_else(cpus, usize::from);
    let threads = sim::threads_that_pay(&loaded, asked);
    tracing::debug!(threads, seed = loaded.scenario.run.seed, "simulating");

    let clock = Instant::now();
    let pace = arguments.real_time.then_some(arguments.time_scale);
    let outcome =
        simulate(&loaded, threads, trace, pace, terminal).context("the simulation failed")?;
    let wall_s = clock.elapsed().as_secs_f64();
    tracing::debug!(wall_s, ended = outcome.ended.name(), "simulated");

    let exit = match outcome.ended {
        Ended::AllFinal | Ended::Until | Ended::NothingLeft => Exit::Ok,
        Ended::Interrupted => signal::exit(),
    };
    let info = RunInfo {
        argv: std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect(),
        threads,
        start,
        end: jiff::Timestamp::now(),
        wall_s,
        exit_code: exit as u8,
    };
    let input = Input { loaded: &loaded, resolved: &resolved, outcome: &outcome };
    let written = target.map(|target| write(target, &input, info)).transpose();
    let effort = Effort {
        wall_s,
        events: outcome.all_events().total(),
        threads,
        peak_memory_bytes: peak_memory(),
        results: written.as_ref().ok().and_then(|path| path.as_deref()),
    };
    let summary = Summary::of(&loaded.scenario, &outcome);
    let text = coloured(&text::render(&summary, &effort), &summary, terminal);
    let log = arguments.trace_device.as_ref().map(|name| logs(name, &outcome));
    let text = log.map_or(text.clone(), |log| format!("{log}\n{text}"));
    let printed = terminal.print(&text);
    // Lost results are the worse news.
    written?;
    printed.context("cannot print the summary")?;
    Ok(exit)
}

/// What happened to the device, in each campaign and package that it had a part in.
fn logs(name: &str, outcome: &Outcome) -> String {
    let mut text = text::trace(name, &outcome.trace);
    for further in outcome.further.iter().filter(|further| !further.trace.is_empty()) {
        let (campaign, module) = (&further.campaign.name, &further.module);
        text += &format!("\n{campaign} -> {module} {}\n", further.target);
        text += &text::trace(name, &further.trace);
    }
    text
}

/// All changes of the scenario, the special flags last: they win.
fn assignments(arguments: &Run) -> Vec<String> {
    let mut sets = arguments.set.clone();
    sets.extend(arguments.seed.map(|seed| format!("run.seed={seed}")));
    // As a TOML string, whatever is in it.
    sets.extend(arguments.until.as_ref().map(|until| format!("run.until={until:?}")));
    sets
}

/// Finds out before the simulation whether its results can be written.
fn target(
    arguments: &Run,
    loaded: &Loaded,
    start: jiff::Timestamp,
) -> anyhow::Result<Option<Target>> {
    if arguments.no_results {
        return Ok(None);
    }
    let target = match &arguments.output {
        Some(path) => Target::exactly(path)?,
        None => {
            let identity = scenario::identity(loaded);
            let settings = &loaded.scenario;
            let (name, seed) = (&settings.campaign.name, settings.run.seed);
            let name = folder_name(start, name, seed, &identity);
            Target::within(&arguments.results_root, name)?
        }
    };
    Ok(Some(target))
}

fn simulate(
    loaded: &Loaded,
    threads: usize,
    trace: Option<DeviceId>,
    pace: Option<f64>,
    terminal: &Terminal,
) -> std::io::Result<Outcome> {
    let mut meter = Meter::new(terminal);
    let mut progress = |progress| meter.show(progress);
    let options = Options {
        threads: Some(threads),
        trace,
        record: false,
        stop: &signal::STOP,
        progress: &mut progress,
    };
    let outcome = match pace {
        None => sim::run(loaded, options),
        Some(scale) => live::run(loaded, scale, options),
    };
    meter.finish();
    outcome
}

fn write(target: Target, input: &Input, info: RunInfo) -> anyhow::Result<std::path::PathBuf> {
    let path = target.write(|files| {
        write_results(files, input)?;
        let manifest = Manifest::of(input, info);
        files.write("run.json", |w| {
            serde_json::to_writer_pretty(&mut *w, &manifest)?;
            w.write_all(b"\n")
        })
    })?;
    Ok(path)
}

/// The verdict in the colour it deserves.
fn coloured(text: &str, summary: &Summary, terminal: &Terminal) -> String {
    let tasks = &summary.fleet.conservation;
    let tone = match () {
        () if !summary.complete => Tone::Bad,
        () if tasks.succeeded == tasks.targeted => Tone::Good,
        () => Tone::Warning,
    };
    match text.split_once('\n') {
        Some((verdict, rest)) => format!("{}\n{rest}", terminal.toned(verdict, tone)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Arguments, Command};
    use super::*;

    #[test]
    fn special_flags_come_after_set_and_spans_are_quoted() {
        let line = ["fleetstorm", "run", "a.toml", "--seed", "7", "--until", "14 d"];
        let more = ["--set", "run.seed=1", "--set", "fleet.devices=2"];
        let Command::Run(run) = Arguments::parse_from(line.iter().chain(&more)).command else {
            panic!("that is a run");
        };
        let expected = ["run.seed=1", "fleet.devices=2", "run.seed=7", "run.until=\"14 d\""];
        assert_eq!(assignments(&run), expected);
    }
}
