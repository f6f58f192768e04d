//! What the peer programs share: the model, its command line and its report.

pub mod fleet;

use std::time::{Duration, Instant};

use fleet::Outcome;

pub const SEED: u64 = 20_240_229;

/// The fleet size: the program's only argument.
pub fn fleet_size() -> u32 {
    let argument = std::env::args().nth(1);
    match argument.as_deref().map(str::parse) {
        Some(Ok(n)) if n > 0 => n,
        _ => {
            eprintln!("usage: <program> <number of devices>");
            std::process::exit(2);
        }
    }
}

/// Times the two phases of one run.
pub struct Stopwatch {
    started: Instant,
    built: Option<Duration>,
}

impl Stopwatch {
    #[expect(clippy::new_without_default, reason = "starting a clock is no default")]
    pub fn new() -> Self {
        Stopwatch {
            started: Instant::now(),
            built: None,
        }
    }

    /// Marks the end of building the model.
    pub fn built(&mut self) {
        self.built = Some(self.started.elapsed());
    }

    /// Prints the result line and exits. Skipping destructors keeps the time
    /// to tear the model down out of the process's life.
    pub fn report(self, engine: &str, version: &str, n: u32, outcome: Outcome) -> ! {
        let wall = self.started.elapsed();
        let build = self.built.unwrap_or_default();
        println!("{}", line(engine, version, n, outcome, build, wall));
        std::process::exit(0);
    }
}

fn line(
    engine: &str,
    version: &str,
    n: u32,
    outcome: Outcome,
    build: Duration,
    wall: Duration,
) -> String {
    let Outcome {
        events,
        succeeded,
        failed,
        open,
    } = outcome;
    let (build_s, wall_s) = (build.as_secs_f64(), wall.as_secs_f64());
    let run_s = wall_s - build_s;
    let events_per_s = events as f64 / wall_s;
    let rss = peak_rss_bytes();
    let bytes_per_device = rss as f64 / f64::from(n);
    format!(
        "{{\"engine\":\"{engine}\",\"version\":\"{version}\",\"n\":{n},\"events\":{events},\
         \"build_s\":{build_s:.6},\"run_s\":{run_s:.6},\"wall_s\":{wall_s:.6},\
         \"events_per_s\":{events_per_s:.0},\"peak_rss_bytes\":{rss},\
         \"bytes_per_device\":{bytes_per_device:.1},\"succeeded\":{succeeded},\
         \"failed\":{failed},\"open\":{open}}}"
    )
}

/// The process's peak resident memory, as Linux reports it.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.expect("VmHWM in /proc/self/status") * 1024
}

/// The version of `package` in `lock`, the text of a Cargo.lock.
pub fn locked_version<'a>(lock: &'a str, package: &str) -> &'a str {
    let heading = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.split_once(&heading).expect("the package is locked");
    rest.split_once('"').expect("a quoted version").0
}
