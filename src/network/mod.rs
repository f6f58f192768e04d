//! What devices share: links by max-min fair rates, and a server's workers.
//!
//! Nothing here reads a clock or knows of a scheduler; all of it is handed the time.

mod class;
mod clock;
mod downloads;
mod monotone;
mod profile;
mod server;
mod shares;

pub use class::{Class, RATE_CLASSES, rate_class};
pub use clock::{Clock, Pace};
pub use downloads::{Change, Downloads};
pub use monotone::Monotone;
pub use server::{Answer, Server};
pub use shares::{News, Shares};
