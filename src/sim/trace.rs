//! The log of one named device: every event and every change of state, at its exact time.

use crate::model::{DeviceId, Time};
use crate::scheduler::Input;
use crate::scheduler::state::TaskState;

/// Something that happened to the traced device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    pub at: Time,
    pub event: &'static str,
    /// The task's state since; queued tasks with the cause known for the device itself.
    pub state: TaskState,
    /// Attempts begun.
    pub attempt: u8,
    pub online: bool,
    pub device: DeviceId,
    /// What it runs, by index, where it reported something.
    pub version: Option<u16>,
}

/// The event with which a task begins, where campaigns share a fleet.
pub const CREATED: &str = "created";

/// Keeps the log, if a device is traced.
#[derive(Debug)]
pub struct Tracer {
    device: DeviceId,
    /// The bits of a device's number that are compared: none, where all are traced.
    compared: u32,
    pub entries: Vec<TraceEntry>,
}

impl Tracer {
    /// The device of no fleet.
    const NOBODY: DeviceId = DeviceId(u32::MAX);

    /// Keeps the log of this device; none: of nobody.
    pub fn new(device: Option<DeviceId>) -> Tracer {
        let device = device.unwrap_or(Tracer::NOBODY);
        Tracer { device, compared: u32::MAX, entries: Vec::new() }
    }

    /// Traces every device.
    pub fn of_all() -> Tracer {
        Tracer { compared: 0, ..Tracer::new(None) }
    }

    /// Logs the entry if the device is traced; it is made only then.
    #[inline(always)]
    pub fn note(&mut self, device: DeviceId, entry: impl FnOnce() -> TraceEntry) {
        if (device.0 ^ self.device.0) & self.compared == 0 {
            self.entries.push(entry());
        }
    }
}

/// What the log calls an input to the task.
pub fn event(input: Input) -> &'static str {
    match input {
        Input::Pushed => "pushed",
        Input::Released => "user agreed",
        Input::Refused => "refused",
        Input::Accepted => "accepted",
        Input::UrlRequested => "asked for the link",
        Input::Downloaded => "downloaded",
        Input::Progress { .. } => "download begins",
        Input::Installing => "download ends",
        Input::Failed(reason) => match reason.code() {
            Some(-1) => "reports -1, upgrade failed",
            Some(-2) => "reports -2, download failed",
            Some(-3) => "reports -3, verification failed",
            _ => "reports -4, flashing failed",
        },
        Input::TargetVersion => "reports the target version",
        Input::SourceVersion => "reports its old version",
        Input::OtherVersion => "reports another version",
        Input::Deadline => "timeout",
        Input::Connected => "reconnected",
        Input::Stopped => "has stopped",
        Input::GoesOn => "goes on, installs already",
    }
}
