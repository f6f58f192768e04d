//! `run.json`: how, where and when a result came about; the one file that differs each time.

use serde::Serialize;

use super::Input;
use crate::scenario::identity;
use crate::sim::outcome::Ended;
use crate::sim::trajectory;

/// Version of the results folder's layout.
pub const RESULT_FORMAT: u32 = 2;

/// What only the caller of a run knows about it.
#[derive(Clone, Debug)]
pub struct RunInfo {
    pub argv: Vec<String>,
    pub threads: usize,
    pub start: jiff::Timestamp,
    pub end: jiff::Timestamp,
    /// Of the simulation alone, from a clock that never jumps.
    pub wall_s: f64,
    pub exit_code: u8,
}

/// The contents of `run.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    pub format: u32,
    pub tool: Tool,
    pub argv: Vec<String>,
    /// What the scenario asks, in one hash: it changes with any rule and with the contents of the
    /// files it names, not with wording, seed or sampling.
    pub identity: String,
    pub seed: u64,
    pub threads: usize,
    pub host: Host,
    pub start: jiff::Timestamp,
    pub end: jiff::Timestamp,
    pub wall_s: f64,
    pub events: EventCounts,
    pub events_per_s: f64,
    /// Most memory the process ever held; none where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    pub ended: &'static str,
    /// False if the run was interrupted: the result is a partial one.
    pub complete: bool,
    pub exit_code: u8,
    /// What happened in the run, in one hash: equal on every machine, for any number of threads.
    pub trajectory: String,
}

/// Which program made the result.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// As given by `FLEETSTORM_GIT_COMMIT` when the program was built.
    pub git_commit: Option<&'static str>,
    pub profile: &'static str,
}

/// On what machine it ran.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    pub os: &'static str,
    pub arch: &'static str,
    pub cpus: usize,
}

/// Handled events by kind.
#[derive(Clone, Debug, Serialize)]
pub struct EventCounts {
    pub flips: u64,
    pub pushes: u64,
    pub phases: u64,
    pub timers: u64,
    pub total: u64,
}

impl Manifest {
    /// Describes the run whose other files are written already.
    pub fn of(input: &Input, info: RunInfo) -> Manifest {
        let events = input.outcome.all_events();
        Manifest {
            format: RESULT_FORMAT,
            tool: Tool {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                git_commit: option_env!("FLEETSTORM_GIT_COMMIT"),
                profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            },
            identity: identity(input.loaded),
            seed: input.loaded.scenario.run.seed,
            threads: info.threads,
            host: Host { os: std::env::consts::OS, arch: std::env::consts::ARCH, cpus: cpus() },
            start: info.start,
            end: info.end,
            wall_s: info.wall_s,
            events: EventCounts {
                flips: events.flips,
                pushes: events.pushes,
                phases: events.phases,
                timers: events.timers,
                total: events.total(),
            },
            events_per_s: rate(events.total(), info.wall_s),
            peak_memory_bytes: peak_memory(),
            ended: input.outcome.ended.name(),
            complete: input.outcome.ended != Ended::Interrupted,
            exit_code: info.exit_code,
            argv: info.argv,
            trajectory: trajectory(input.outcome),
        }
    }
}

/// Processors this process may use.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Events per second; zero if no time passed.
pub fn rate(events: u64, wall_s: f64) -> f64 {
    if wall_s > 0.0 { events as f64 / wall_s } else { 0.0 }
}

/// The process's largest resident set so far, in bytes; Linux only.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_peak_memory() {
        assert!(peak_memory().unwrap() > 1 << 20);
    }

    #[test]
    fn no_time_is_no_rate() {
        assert_eq!(rate(5, 0.0), 0.0);
        assert_eq!(rate(5, 2.0), 2.5);
    }
}
