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
}

/// Keeps the log, if a device is traced.
#[derive(Debug)]
pub struct Tracer {
    device: DeviceId,
    pub entries: Vec<TraceEntry>,
}

impl Tracer {
    /// The device of no fleet.
    const NOBODY: DeviceId = DeviceId(u32::MAX);

    pub fn new(device: Option<DeviceId>) -> Tracer {
        Tracer { device: device.unwrap_or(Tracer::NOBODY), entries: Vec::new() }
    }

    #[inline(always)]
    pub fn note(&mut self, device: DeviceId, entry: impl FnOnce() -> TraceEntry) {
        if device == self.device {
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
    }
}
