//! Who is pushed when (R15 to R18): the central part of a campaign.

use std::collections::VecDeque;

use crate::model::{DeviceId, Time};

use super::limiter::Limiter;
use super::selection::Selection;

/// How many entries ahead the fleet is told whom to look up.
const FORESIGHT: usize = 16;

/// Decides the pushes of a span of time, permit by permit.
///
/// # Model
/// Each permit goes to the device that has been ready longest, else to the next online device
/// of the target list. A listed device that is offline at its turn waits aside and joins the
/// ready queue when it returns, or, with store-and-forward, takes its permit at once.
///
/// # Invariants
/// A device has one turn. No instant beyond the span is granted.
#[derive(Debug)]
pub struct Dispatcher {
    limiter: Limiter,
    offline: OfflineTurn,
    list: Selection,
    ready: VecDeque<Ready>,
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
}

/// What a device's turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Listed and pushed: permit at `at`.
    List { device: DeviceId, at: Time, online: bool },
    /// Listed, but offline: waits aside.
    Aside { device: DeviceId },
    /// From the ready queue: permit at `at`.
    Ready { ready: Ready, at: Time },
}

/// What the dispatcher needs to know of the devices, as of the last boundary, and who carries
/// out what it decides.
pub trait FleetView {
    /// Whether a device that has had no turn yet is online.
    fn is_online(&mut self, device: DeviceId) -> bool;
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
    pub fn new(limiter: Limiter, offline: OfflineTurn, list: Selection) -> Dispatcher {
        Dispatcher { limiter, offline, list, ready: VecDeque::new() }
    }

    /// Adds devices that became ready since the last call, and empties the list.
    ///
    /// # Panics
    /// If one became ready before one of an earlier call.
    pub fn add_ready(&mut self, batch: &mut Vec<Ready>) {
        // Stable, since that is fastest for a few sorted lists one behind the other.
        batch.sort();
        if let (Some(last), Some(first)) = (self.ready.back(), batch.first()) {
            assert!(last.since <= first.since, "ready devices come in order of time");
        }
        self.ready.extend(batch.drain(..));
    }

    /// When the next permit could be used, from `now` on; never, if nobody waits for one.
    pub fn next_deadline(&self, now: Time) -> Time {
        match self.ready.is_empty() && self.list.is_exhausted() {
            true => Time::NEVER,
            false => self.next_permit(now),
        }
    }

    /// When the next permit can be had, from `now` on.
    pub fn next_permit(&self, now: Time) -> Time {
        self.limiter.next(now)
    }

    /// Hands the turns of the span [from, to) to the fleet, at most `limit` of them.
    ///
    /// Returns whether it stopped at the limit; then call it again for the same span.
    #[inline]
    pub fn plan(&mut self, from: Time, to: Time, fleet: &mut impl FleetView, limit: usize) -> bool {
        self.ready.iter().take(FORESIGHT).for_each(|ready| fleet.expect(ready));
        let mut turns = 0;
        while self.limiter.next(from) < to {
            if turns >= limit {
                return true;
            }
            if !self.next_turn(from, fleet) {
                return false;
            }
            turns += 1;
        }
        false
    }

    /// Returns whether there was a turn.
    #[inline(always)]
    fn next_turn(&mut self, from: Time, fleet: &mut impl FleetView) -> bool {
        while let Some(ready) = self.ready.pop_front() {
            if let Some(later) = self.ready.get(FORESIGHT - 1) {
                fleet.expect(later);
            }
            if fleet.is_still_ready(&ready) {
                fleet.take(Turn::Ready { ready, at: self.limiter.take(from) });
                return true;
            }
        }
        let Some(device) = self.list.next_device() else { return false };
        if let Some(later) = self.list.ahead(FORESIGHT) {
            fleet.expect_listed(later);
        }
        let online = fleet.is_online(device);
        fleet.take(match self.offline {
            OfflineTurn::WhenOnline if !online => Turn::Aside { device },
            OfflineTurn::WhenOnline | OfflineTurn::StoreAndForward => {
                Turn::List { device, at: self.limiter.take(from), online }
            }
        });
        true
    }
}
