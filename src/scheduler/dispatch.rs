//! Who is pushed when (R15 to R18): the central part of a campaign.

mod grant;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::{DeviceId, Time, take};

use super::limiter::{Limiter, RateChange};
use super::openings::Openings;
use super::selection::{DeviceList, Selection};
use super::stages::Reach;
use super::state::CampaignError;

/// How many entries ahead the fleet is told whom to look up.
const FORESIGHT: usize = 16;

/// Decides the pushes of a span of time, permit by permit.
///
/// # Model
/// Each permit goes to the device that has been ready longest, else to the next online device
/// of the target list. A listed device that is offline at its turn waits aside and joins the
/// ready queue when it returns, or, with store-and-forward, takes its permit at once.
///
/// The list may be divided into lanes, each with openings of its own: of those open at the
/// instant of a permit the first one goes first, so that lanes are also priorities.
///
/// # Invariants
/// A device has one turn. No instant beyond the span, nor outside its lane's openings, is
/// granted.
#[derive(Debug)]
pub struct Dispatcher {
    limiter: Limiter,
    offline: OfflineTurn,
    /// Devices are not pushed at their turn: they ask by themselves, or their users are asked
    /// first (R18, R19).
    enrols: bool,
    /// A device that asks and gets no permit asks again later.
    polled: bool,
    /// Whether a retry takes a permit as a first push does (R26).
    retries_need_permit: bool,
    lanes: Vec<Lane>,
    /// Devices on the lists whose next turn is to be passed over, and how many of their turns.
    passed_over: BTreeMap<DeviceId, u32>,
    /// Devices whose first push waits for no permit.
    at_once: BTreeSet<DeviceId>,
    /// The stages that are open.
    reach: Reach,
    /// So many devices may be pushed that are not in flight yet.
    pub slots: u64,
}

/// A part of the target list, and its devices that wait for a permit.
#[derive(Debug)]
pub struct Lane {
    pub list: Selection,
    pub openings: Openings,
    /// Devices that wait for their first push.
    ready: VecDeque<Ready>,
    /// Devices in flight that wait for another try.
    again: VecDeque<Ready>,
    /// Devices that joined and need no permit: before their turn, and ready after it.
    joiners: VecDeque<DeviceId>,
    free: VecDeque<Ready>,
    /// The span in which it is open, as of the last look.
    open: (Time, Time),
    /// Turns taken on its list.
    turns: u64,
    /// So many may be: its devices in the stages that are open.
    reach: u64,
    /// Where each stage ends on its list, in turns.
    ends: Vec<u64>,
}

impl Lane {
    /// Its list is reached at once.
    pub fn new(list: Selection, openings: Openings) -> Lane {
        Lane {
            list,
            openings,
            turns: 0,
            reach: u64::MAX,
            ends: Vec::new(),
            ready: VecDeque::new(),
            again: VecDeque::new(),
            joiners: VecDeque::new(),
            free: VecDeque::new(),
            open: (Time::ZERO, Time::NEVER),
        }
    }

    /// Its list is reached stage by stage, which end after so many of its devices.
    pub fn staged(self, ends: Vec<u64>) -> Lane {
        Lane { ends, ..self }
    }

    #[inline(always)]
    fn is_in_reach(&self) -> bool {
        self.turns < self.reach
    }
}

/// What an offline device's turn does (R18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineTurn {
    WhenOnline,
    StoreAndForward,
}

/// A device that came back, or is to be tried again, and waits for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready {
    pub since: Time,
    pub device: DeviceId,
    /// Where the device's record lies.
    pub slot: u32,
    /// The period it came back in; in a later one the entry is void.
    pub period: u32,
    pub lane: u16,
    /// The task was pushed before.
    pub again: bool,
    /// Which of the campaign's packages it is about.
    pub module: u8,
}

/// What a device's turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Listed and pushed: permit at `at`.
    List { device: DeviceId, at: Time, online: bool },
    /// Listed, but offline, or busy with another campaign's task: waits aside.
    Aside { device: DeviceId },
    /// From the ready queue: permit at `at`.
    Ready { ready: Ready, at: Time },
    /// Listed: its user is asked, or it may ask for the offer, from now on.
    Enrol { device: DeviceId },
    /// It asked for the offer, but there is no permit for it now.
    NotNow { ready: Ready },
}

/// What the dispatcher needs to know of the devices, as of the last boundary, and who carries
/// out what it decides.
pub trait FleetView {
    /// Whether a device that has had no turn yet is online.
    fn is_online(&mut self, device: DeviceId) -> bool;
    /// Whether a device that has had no turn yet must first be done with another campaign's
    /// task (R27).
    fn is_occupied(&mut self, _device: DeviceId) -> bool {
        false
    }
    /// Whether the device has been online and waiting ever since the entry was made.
    fn is_still_ready(&mut self, ready: &Ready) -> bool;
    /// Takes a turn, to be carried out after the boundary.
    fn take(&mut self, turn: Turn);
    /// A hint that [`FleetView::is_still_ready`] will be asked soon.
    fn expect(&mut self, _ready: &Ready) {}
    /// A hint that [`FleetView::is_online`] will be asked soon.
    fn expect_listed(&mut self, _device: DeviceId) {}
}

impl Dispatcher {
    /// # Panics
    /// If there are no lanes.
    pub fn new(
        limiter: Limiter,
        offline: OfflineTurn,
        retries_need_permit: bool,
        lanes: Vec<Lane>,
    ) -> Dispatcher {
        assert!(!lanes.is_empty(), "devices are in lanes");
        Dispatcher {
            limiter,
            offline,
            enrols: false,
            polled: false,
            retries_need_permit,
            lanes,
            passed_over: BTreeMap::new(),
            at_once: BTreeSet::new(),
            reach: Reach::All,
            slots: u64::MAX,
        }
    }

    /// At their turn devices are enrolled, not pushed; `polled`: they ask by themselves.
    pub fn enrolling(self, polled: bool) -> Dispatcher {
        Dispatcher { enrols: true, polled, ..self }
    }

    /// Adds devices that became ready since the last call, and empties the list.
    pub fn add_ready(&mut self, batch: &mut Vec<Ready>) {
        // Stable, since that is fastest for a few sorted lists one behind the other.
        batch.sort();
        for ready in batch.drain(..) {
            let free = !ready.again && self.at_once.contains(&ready.device);
            self.lanes[usize::from(ready.lane)].add(ready, free);
        }
    }

    /// Begins with these lanes, nobody of whom had a turn.
    ///
    /// # Panics
    /// If there are no lanes.
    pub fn populate(&mut self, lanes: Vec<Lane>) {
        assert!(!lanes.is_empty(), "devices are in lanes");
        self.lanes = lanes;
        self.reach = Reach::All;
    }

    /// Lets the devices of these stages have their turns. Who is in a stage was decided before:
    /// whose lane opens first takes nothing from the others.
    pub fn set_reach(&mut self, reach: Reach) {
        if self.reach == reach {
            return;
        }
        self.reach = reach;
        for lane in &mut self.lanes {
            lane.reach = match reach {
                Reach::All => u64::MAX,
                Reach::Stages(0) => 0,
                Reach::Stages(open) => lane.ends.get(open - 1).copied().unwrap_or(u64::MAX),
            };
        }
    }

    /// A device joins the end of its lane's list (R12).
    pub fn append(&mut self, device: DeviceId, lane: u16) {
        self.lanes[usize::from(lane)].list.append(device);
    }

    /// A device joins whose first push waits for no permit (R12); its lane's openings and the
    /// slots hold for it.
    pub fn join(&mut self, device: DeviceId, lane: u16) {
        self.at_once.insert(device);
        let lane = &mut self.lanes[usize::from(lane)];
        match self.enrols {
            true => lane.list.append(device),
            false => lane.joiners.push_back(device),
        }
    }

    /// Nobody has a turn on the lists any more.
    pub fn close(&mut self) {
        for lane in &mut self.lanes {
            lane.joiners.clear();
            lane.list = Selection::new(DeviceList::All(0), None);
        }
        self.passed_over.clear();
    }

    /// Takes a device that had no turn yet off the list; whether it was there.
    pub fn withdraw(&mut self, device: DeviceId) -> bool {
        self.lanes.iter_mut().any(|lane| lane.withdraw(device))
    }

    /// Passes over the next turn of a device that is known to stand on a list; unlike
    /// [`Dispatcher::withdraw`] it does not look for it.
    pub fn pass_over(&mut self, device: DeviceId) {
        *self.passed_over.entry(device).or_default() += 1;
    }

    /// When the next permit could be used, from `now` on; never, if nobody waits for one.
    ///
    /// `ready`: some devices became ready that were not added yet.
    pub fn next_deadline(&self, now: Time, ready: bool) -> Time {
        let waits = |lane: &Lane| {
            let first = !lane.ready.is_empty() || lane.is_in_reach() && !lane.list.is_exhausted();
            ready || !lane.again.is_empty() || self.slots > 0 && (first || lane.has_joiners())
        };
        let lists = |lane: &Lane| lane.is_in_reach() && !lane.list.is_exhausted();
        if self.enrols && self.lanes.iter().any(lists) {
            return now;
        }
        let retries = ready || self.lanes.iter().any(|lane| !lane.again.is_empty());
        let free = retries && !self.retries_need_permit || ready && !self.at_once.is_empty();
        let permit = if free { now } else { self.next_permit(now) };
        let opens = |lane: &Lane| {
            let joiners = self.slots > 0 && lane.has_joiners();
            lane.openings.next(if joiners { now } else { permit }).0
        };
        self.lanes.iter().filter(|lane| waits(lane)).map(opens).min().unwrap_or(Time::NEVER)
    }

    /// Whether it matters to the rate how many devices have succeeded.
    pub fn counts_successes(&self) -> bool {
        self.limiter.counts_successes()
    }

    /// When the rate changes by time alone.
    pub fn next_change(&self) -> Time {
        self.limiter.next_change()
    }

    /// The campaign starts or is resumed.
    pub fn begin(&mut self, now: Time) {
        self.limiter.begin(now);
    }

    /// Brings the rate up to what holds at `now`.
    pub fn advance(&mut self, now: Time) {
        if self.limiter.next_change() <= now {
            self.gather(now);
            self.limiter.advance(now);
        }
    }

    /// So many devices have succeeded by `now`.
    pub fn succeeded(&mut self, total: u64, now: Time) {
        if self.limiter.counts_successes() {
            self.gather(now);
            self.limiter.succeeded(total, now);
        }
    }

    /// R6: the rate takes on new values.
    ///
    /// # Errors
    /// If they are of another kind; then nothing changes.
    pub fn change(&mut self, change: RateChange, now: Time) -> Result<(), CampaignError> {
        self.gather(now);
        self.limiter.change(change, now)
    }

    /// Where pushes leave at marks: takes note of what the rate has allowed up to `now`.
    fn gather(&mut self, now: Time) {
        let opened = self.lanes.iter().filter_map(|lane| lane.openings.opened(now)).min();
        if let Some(opened) = opened {
            self.limiter.gather(now, opened);
        }
    }

    /// When the next permit can be had, from `now` on.
    pub fn next_permit(&self, now: Time) -> Time {
        self.limiter.next(now)
    }

    /// Whether some lane is open at `now`.
    pub fn is_open(&self, now: Time) -> bool {
        self.lanes.iter().any(|lane| lane.openings.next(now).0 == now)
    }
}

impl OfflineTurn {
    /// Whether the device is online at its turn, if the offer leaves now; none: it waits aside.
    #[inline(always)]
    fn first_turn(self, device: DeviceId, fleet: &mut impl FleetView) -> Option<bool> {
        if fleet.is_occupied(device) {
            return None;
        }
        let online = fleet.is_online(device);
        (online || self == OfflineTurn::StoreAndForward).then_some(online)
    }
}

/// Whether the device's turn is to be passed over; then that is done with.
#[inline(always)]
fn is_passed_over(passed_over: &mut BTreeMap<DeviceId, u32>, device: DeviceId) -> bool {
    if passed_over.is_empty() {
        return false;
    }
    let Some(turns) = passed_over.get_mut(&device) else { return false };
    take(turns, 1);
    if *turns == 0 {
        passed_over.remove(&device);
    }
    true
}

impl Lane {
    #[inline(always)]
    fn is_open(&self, at: Time) -> bool {
        self.open.0 <= at && at < self.open.1
    }

    /// The device that has been ready longest; only one that is in flight unless there are
    /// slots.
    #[inline(always)]
    fn pop_ready(&mut self, slots: bool) -> Option<Ready> {
        match (self.ready.front(), self.again.front()) {
            (_, None) if slots => self.ready.pop_front(),
            (Some(first), Some(again)) if slots && first < again => self.ready.pop_front(),
            _ => self.again.pop_front(),
        }
    }

    /// Whether somebody waits who needs no permit.
    fn has_joiners(&self) -> bool {
        !self.joiners.is_empty() || !self.free.is_empty()
    }

    /// Takes a device that had no turn yet off; whether it was there.
    fn withdraw(&mut self, device: DeviceId) -> bool {
        let joiner = self.joiners.iter().position(|joiner| *joiner == device);
        joiner.is_some_and(|at| self.joiners.remove(at).is_some()) || self.list.withdraw(device)
    }

    /// `free`: it needs no permit.
    fn add(&mut self, ready: Ready, free: bool) {
        let queue = match () {
            () if free => &mut self.free,
            () if ready.again => &mut self.again,
            () => &mut self.ready,
        };
        debug_assert!(
            queue.back().is_none_or(|last| last.since <= ready.since),
            "in order of time"
        );
        queue.push_back(ready);
    }
}
