//! What packages of one fleet must know of each other, device by device.
//!
//! With several campaigns, or several packages in one, each package has shards of its own, in
//! which every device lives the same life: its periods follow from the device alone. What one
//! package changes for another goes through the ledgers, within the thread that owns the
//! device.

use crate::model::{DeviceId, Time};
use crate::scheduler::state::{FailureReason, TaskState};

use super::shard::{Listed, Shard};

/// How a device's task for one package stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// There is none.
    #[default]
    None,
    /// Not final.
    Open,
    /// Not final, and the device has been pushed for one of the campaign's packages.
    Committed,
    Succeeded,
    Failed,
    /// Failed, since another campaign's task was in the way.
    Occupied,
    Canceled,
    NotRequired,
}

impl Status {
    pub fn is_open(self) -> bool {
        matches!(self, Status::Open | Status::Committed)
    }

    pub fn of_final(state: TaskState) -> Status {
        match state {
            TaskState::Succeeded => Status::Succeeded,
            TaskState::Failed(FailureReason::Occupied) => Status::Occupied,
            TaskState::Failed(_) => Status::Failed,
            TaskState::Canceled => Status::Canceled,
            state => unreachable!("{} is not final", state.name()),
        }
    }

    /// The task's state, where that is final or the device had no turn.
    pub fn as_state(self) -> Option<TaskState> {
        Some(match self {
            Status::None => return None,
            Status::Open | Status::Committed => TaskState::AwaitingConfirmation,
            Status::Succeeded => TaskState::Succeeded,
            Status::Failed | Status::Occupied => TaskState::Failed(FailureReason::Upgrade),
            Status::Canceled => TaskState::Canceled,
            Status::NotRequired => TaskState::NotRequired,
        })
    }
}

/// Something another package may have to know of.
#[derive(Clone, Copy, Debug)]
enum News {
    /// The device was pushed, as the first of the campaign's packages.
    Started {
        at: Time,
    },
    Ended {
        at: Time,
        state: TaskState,
    },
    Installed {
        version: u16,
    },
}

/// A device reported another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionReport {
    pub at: Time,
    pub device: DeviceId,
}

/// By the devices of a shard.
#[derive(Debug)]
pub struct Ledger {
    pub status: Vec<Status>,
    /// Version that runs, as an index into the module's versions.
    pub installed: Vec<u16>,
    /// Whether another campaign has an unfinished task there, while failed ones are retried.
    pub occupied: Vec<bool>,
    /// With the device and its place.
    news: Vec<(u32, DeviceId, News)>,
    /// Tasks pushed to devices that had begun with another package of the campaign.
    pub followed: u64,
    /// Somebody waits for devices that report another version.
    pub wants_reports: bool,
    pub reports: Vec<VersionReport>,
}

impl Ledger {
    pub fn new(installed: Vec<u16>, wants_reports: bool) -> Ledger {
        let status = vec![Status::None; installed.len()];
        Ledger {
            status,
            installed,
            occupied: Vec::new(),
            news: Vec::new(),
            followed: 0,
            wants_reports,
            reports: Vec::new(),
        }
    }

    pub fn start(&mut self, slot: u32, device: DeviceId, at: Time) {
        match self.status[slot as usize] {
            Status::Committed => self.followed += 1,
            _ => {
                self.status[slot as usize] = Status::Committed;
                self.news.push((slot, device, News::Started { at }));
            }
        }
    }

    pub fn end(&mut self, slot: u32, device: DeviceId, at: Time, state: TaskState) {
        self.status[slot as usize] = Status::of_final(state);
        self.news.push((slot, device, News::Ended { at, state }));
    }

    pub fn is_occupied(&self, slot: u32) -> bool {
        self.occupied.get(slot as usize).is_some_and(|occupied| *occupied)
    }

    pub fn reopen(&mut self, slot: u32) {
        self.status[slot as usize] = Status::Committed;
    }

    pub fn install(&mut self, slot: u32, device: DeviceId, at: Time, version: u16) {
        self.installed[slot as usize] = version;
        self.news.push((slot, device, News::Installed { version }));
        if self.wants_reports {
            self.reports.push(VersionReport { at, device });
        }
    }
}

/// Which packages of the fleet have to do with each other.
#[derive(Clone, Debug)]
pub struct Peers {
    /// Packages of the same campaign that come after it.
    pub later: Vec<usize>,
    /// Packages for the same module.
    pub same_module: Vec<usize>,
    /// They are installed one after the other.
    pub in_sequence: bool,
}

/// Tells its peers what the shard of one package, `own`, has to say.
pub fn pass_on<'w>(
    own: usize,
    peers: &Peers,
    with: impl Fn(usize, &mut dyn FnMut(&mut Shard<'w>)),
) {
    let mut news = Vec::new();
    with(own, &mut |shard| {
        if let Some(ledger) = &mut shard.books.ledger {
            news = std::mem::take(&mut ledger.news);
        }
    });
    for (slot, device, news) in news {
        match news {
            News::Started { at } => {
                for &later in &peers.later {
                    with(later, &mut |shard| shard.commit(slot, device, at, !peers.in_sequence));
                }
            }
            News::Ended { at, state } if peers.in_sequence && state == TaskState::Succeeded => {
                let mut next = false;
                for &later in &peers.later {
                    with(later, &mut |shard| next = next || shard.begin_next(slot, device, at));
                }
            }
            News::Ended { at, state } => {
                for &later in &peers.later {
                    with(later, &mut |shard| match shard.status(slot) {
                        Status::Committed if !peers.in_sequence => {}
                        _ if peers.in_sequence => {
                            shard.end_unturned_at(slot, TaskState::Canceled, at);
                        }
                        _ => {
                            shard.end_unturned_at(slot, state, at);
                        }
                    });
                }
            }
            News::Installed { version } => {
                for &same in &peers.same_module {
                    with(same, &mut |shard| shard.set_version(slot, version));
                }
            }
        }
    }
}

impl Shard<'_> {
    /// The device has begun with another package of the campaign; `now`: and goes about this
    /// one as well.
    fn commit(&mut self, slot: u32, device: DeviceId, at: Time, now: bool) {
        if self.status(slot) != Status::Open {
            return;
        }
        self.set_status(slot, Status::Committed);
        if now {
            self.inbox.listed.push(Listed { device, at, online: true });
        }
    }

    /// The device is done with the package before; whether it goes about this one.
    fn begin_next(&mut self, slot: u32, device: DeviceId, at: Time) -> bool {
        let begins = self.status(slot).is_open() && self.records.presence(slot).is_idle();
        if begins {
            self.set_status(slot, Status::Committed);
            self.inbox.listed.push(Listed { device, at, online: true });
        }
        begins
    }
}
