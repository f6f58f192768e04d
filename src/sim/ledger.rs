//! What packages of one fleet must know of each other, device by device.
//!
//! With several campaigns, or several packages in one, each package has shards of its own, in
//! which every device lives the same life: its periods follow from the device alone. What one
//! package changes for another goes through the ledgers, within the thread that owns the
//! device.

use std::collections::BTreeMap;

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
    /// Not final; another campaign's task comes first.
    Behind,
    /// As [`Status::Behind`], with a turn that has come meanwhile.
    Held,
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
    /// Not final.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Open | Status::Committed) || self.is_behind()
    }

    /// Another campaign's task comes first.
    pub fn is_behind(self) -> bool {
        matches!(self, Status::Behind | Status::Held)
    }

    /// That of a task in this final state.
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
            Status::Open | Status::Behind | Status::Held | Status::Committed => {
                TaskState::AwaitingConfirmation
            }
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
    Installed(Installed),
}

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// When it was installed.
    at: Time,
    /// By which package of the fleet.
    by: u16,
    /// An index into the module's versions.
    pub version: u16,
}

impl Installed {
    /// A device runs what it installed last in time; of two installations at one instant, that
    /// of the package which stands later in the scenario. What it ran before, if `next` is last.
    fn follow(&mut self, next: Installed) -> Option<u16> {
        let is_last = (next.at, next.by) >= (self.at, self.by);
        is_last.then(|| std::mem::replace(self, next).version)
    }
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
    pub installed: Vec<Installed>,
    /// Since when it is eligible for its task, or waits with it for another.
    pub since: Vec<Time>,
    /// Position of the package among all of the fleet.
    own: u16,
    /// By place: when a version was installed that the device could not report yet.
    unreported: BTreeMap<u32, Time>,
    /// Whether another campaign has an unfinished task there, while failed ones are retried.
    pub occupied: Vec<bool>,
    /// With the device and its place.
    news: Vec<(u32, DeviceId, News)>,
    /// Tasks pushed to devices that had begun with another package of the campaign.
    pub followed: u64,
    /// Somebody waits for devices that report another version.
    pub wants_reports: bool,
    pub reports: Vec<VersionReport>,
    /// Somebody waits for devices to be done with their tasks.
    pub wants_ends: bool,
    pub ends: Vec<(DeviceId, Time)>,
}

impl Ledger {
    /// For the package at this position, by the versions that devices run.
    pub fn new(own: u16, versions: impl Iterator<Item = u16>) -> Ledger {
        let first = |version| Installed { at: Time::ZERO, by: 0, version };
        let installed: Vec<Installed> = versions.map(first).collect();
        Ledger {
            status: vec![Status::None; installed.len()],
            since: vec![Time::ZERO; installed.len()],
            installed,
            own,
            unreported: BTreeMap::new(),
            occupied: Vec::new(),
            news: Vec::new(),
            followed: 0,
            wants_reports: false,
            reports: Vec::new(),
            wants_ends: false,
            ends: Vec::new(),
        }
    }

    /// The device is pushed for the package.
    pub fn start(&mut self, slot: u32, device: DeviceId, at: Time) {
        match self.status[slot as usize] {
            Status::Committed => self.followed += 1,
            _ => {
                self.status[slot as usize] = Status::Committed;
                self.news.push((slot, device, News::Started { at }));
            }
        }
    }

    /// The device's task has ended in this state.
    pub fn end(&mut self, slot: u32, device: DeviceId, at: Time, state: TaskState) {
        self.status[slot as usize] = Status::of_final(state);
        self.news.push((slot, device, News::Ended { at, state }));
        self.note_end(device, at);
    }

    /// A task of the device has ended.
    pub fn note_end(&mut self, device: DeviceId, at: Time) {
        if self.wants_ends {
            self.ends.push((device, at));
        }
    }

    /// Whether another campaign has an unfinished task there, as of the retry by hand.
    pub fn is_occupied(&self, slot: u32) -> bool {
        self.occupied.get(slot as usize).is_some_and(|occupied| *occupied)
    }

    /// The device's task, which had failed, is open again.
    pub fn reopen(&mut self, slot: u32) {
        self.status[slot as usize] = Status::Committed;
    }

    /// The device has installed a version, and is offline.
    pub fn install_unreported(&mut self, slot: u32, at: Time) {
        self.unreported.entry(slot).or_insert(at);
    }

    /// The device reports at `now` that it has installed the version; what it ran before, unless
    /// it has installed another one since.
    pub fn install(&mut self, slot: u32, device: DeviceId, now: Time, version: u16) -> Option<u16> {
        let at = self.unreported.remove(&slot).unwrap_or(now);
        let next = Installed { at, by: self.own, version };
        self.news.push((slot, device, News::Installed(next)));
        if self.wants_reports {
            self.reports.push(VersionReport { at: now, device });
        }
        self.installed[slot as usize].follow(next)
    }

    /// What the device reports at `now` to run, having installed the version.
    pub fn reported(&self, slot: u32, now: Time, version: u16) -> u16 {
        let runs = self.installed[slot as usize];
        // What is known here of the rest of the tick is still to come.
        if runs.at <= now { runs.version } else { version }
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
            News::Installed(next) => {
                for &same in &peers.same_module {
                    with(same, &mut |shard| {
                        if let Some(ledger) = &mut shard.books.ledger {
                            ledger.installed[slot as usize].follow(next);
                        }
                    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_installation_in_time_counts_and_at_one_instant_the_later_package() {
        let installed = |at, by, version| Installed { at: Time(at), by, version };
        let mut runs = installed(0, 0, 1);
        for (next, before, version) in [
            (installed(50, 1, 2), Some(1), 2),
            // Heard of late.
            (installed(49, 2, 3), None, 2),
            (installed(50, 0, 4), None, 2),
            (installed(50, 2, 3), Some(2), 3),
            (installed(51, 0, 4), Some(3), 4),
        ] {
            assert_eq!((runs.follow(next), runs.version), (before, version), "{next:?}");
        }
    }

    #[test]
    fn what_was_installed_offline_counts_from_then_on() {
        let device = DeviceId(0);
        let mut ledger = Ledger::new(1, std::iter::once(1));
        ledger.install_unreported(0, Time(40));
        // Another package tells of what it installed meanwhile.
        ledger.installed[0].follow(Installed { at: Time(60), by: 0, version: 2 });
        assert_eq!(ledger.install(0, device, Time(100), 3), None);
        assert_eq!(ledger.reported(0, Time(100), 3), 2);
        assert_eq!(ledger.install(0, device, Time(110), 3), Some(2));
        assert_eq!(ledger.reported(0, Time(110), 3), 3);
    }
}
