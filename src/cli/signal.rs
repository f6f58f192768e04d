//! Ctrl-C: the first asks the run to stop, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Exit;

/// Set once the user wants the run to end.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Listens to SIGINT, SIGTERM and SIGHUP, which cannot be told apart here.
///
/// # Errors
/// The system refuses to install the handler.
pub fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
    })
}
