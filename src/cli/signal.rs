//! Ctrl-C and its kin: the first asks the run to stop, the second ends the program.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Exit;

/// Set once the user wants the run to end.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// The signal that set it.
static FIRST: AtomicI32 = AtomicI32::new(SIGINT);

/// Listens to SIGINT and SIGTERM.
///
/// # Errors
/// The system refuses to install the handlers.
pub fn listen() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            FIRST.store(signal, Ordering::SeqCst);
            if STOP.swap(true, Ordering::SeqCst) {
                std::process::exit(exit() as i32);
            }
        }
    });
    Ok(())
}

/// How a program that was asked to stop ends.
pub fn exit() -> Exit {
    match FIRST.load(Ordering::SeqCst) {
        SIGTERM => Exit::Terminated,
        _ => Exit::Interrupted,
    }
}
