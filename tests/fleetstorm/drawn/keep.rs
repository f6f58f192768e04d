//! What is wrong, for the person who mends it; and runs that never end.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::trial::Fault;

/// A fault, with the smallest scenario that shows it.
pub struct Found {
    pub seed: u64,
    /// Cases that showed it.
    pub count: u64,
    pub fault: Fault,
    pub text: String,
}

impl Found {
    /// What happens, how to see it again, and in which scenario.
    pub fn message(&self) -> String {
        let Found { seed, count, fault, text } = self;
        format!("== {} (in {count})\n{}\n{}\n{text}", fault.signature, fault.text, again(*seed))
    }
}

/// The command that tries a case again.
fn again(seed: u64) -> String {
    format!(
        "FLEETSTORM_DRAWN_SEED={seed} FLEETSTORM_DRAWN_CASES=1 cargo test --test fleetstorm \
         drawn_from_the_schema"
    )
}

/// Writes the scenario and its files to the folder for them, if there is one.
pub fn keep(found: &Found, number: usize, files: &Path) {
    let Ok(folder) = std::env::var("FLEETSTORM_DRAWN_KEEP") else { return };
    let name: String = found.fault.signature.chars().filter(|c| *c != '#').take(60).collect();
    let name: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let name: Vec<&str> = name.into_iter().filter(|word| !word.is_empty()).collect();
    let name = format!("{:06}-{number:02}-{}", found.seed, name.join("-"));
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    let mut text = found.text.clone();
    for entry in std::fs::read_dir(files).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let quoted = format!("\"{file}\"");
        if text.contains(&quoted) {
            let own = format!("{name}-{file}");
            std::fs::copy(&path, folder.join(&own)).unwrap();
            text = text.replace(&quoted, &format!("\"{own}\""));
        }
    }
    let said: Vec<String> = found.fault.text.lines().map(|line| format!("# {line}\n")).collect();
    let text = format!("{}# {}\n{text}", said.concat(), again(found.seed));
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

/// Looks from aside for a case that does not end.
pub struct Watch(Arc<Mutex<Watched>>);

struct Watched {
    since: Instant,
    seed: u64,
    text: String,
    over: bool,
}

impl Watch {
    /// Ends the process if a case takes longer.
    pub fn begin(longest: Duration) -> Watch {
        let watched = Watched { since: Instant::now(), seed: 0, text: String::new(), over: false };
        let watched = Arc::new(Mutex::new(watched));
        let own = Arc::clone(&watched);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(200));
                let watched = own.lock().unwrap();
                if watched.over {
                    return;
                }
                if watched.since.elapsed() > longest {
                    let fault = Fault {
                        signature: "never ends".to_owned(),
                        text: format!("did not end in {longest:?}"),
                    };
                    let text = watched.text.clone();
                    let found = Found { seed: watched.seed, count: 1, fault, text };
                    eprintln!("{}", found.message());
                    keep(&found, 0, &std::env::temp_dir().join("."));
                    std::process::exit(101);
                }
            }
        });
        Watch(watched)
    }

    /// A case begins.
    pub fn case(&self, seed: u64) {
        let mut watched = self.0.lock().unwrap();
        *watched = Watched { since: Instant::now(), seed, text: String::new(), over: false };
    }

    /// It is tried with this scenario.
    pub fn text(&self, text: &str) {
        let mut watched = self.0.lock().unwrap();
        watched.text = text.to_owned();
        watched.since = Instant::now();
        // If the process itself comes to an end, this is left.
        if let Ok(folder) = std::env::var("FLEETSTORM_DRAWN_KEEP") {
            let text = format!("# {}\n{text}", again(watched.seed));
            std::fs::write(Path::new(&folder).join("current.toml"), text).unwrap();
        }
    }

    /// All cases are over.
    pub fn end(self) {
        self.0.lock().unwrap().over = true;
    }
}
