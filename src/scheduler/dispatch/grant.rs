//! The turns of a span of time: who has which, permit by permit.

use super::*;

impl Dispatcher {
    /// Hands the turns of the span [from, to) to the fleet, at most `limit` of them.
    ///
    /// Returns whether it stopped at the limit; then call it again for the same span.
    #[inline]
    pub fn plan(&mut self, from: Time, to: Time, fleet: &mut impl FleetView, limit: usize) -> bool {
        for lane in &mut self.lanes {
            lane.ready.iter().take(FORESIGHT).for_each(|ready| fleet.expect(ready));
            lane.open = lane.openings.next(from);
        }
        if self.limiter.is_gathered() {
            let mark = self.lanes.iter().map(|lane| lane.open.0).min().filter(|mark| *mark < to);
            mark.into_iter().for_each(|mark| self.gather(mark));
        }
        if !self.retries_need_permit {
            self.send_retries(to, fleet);
        }
        if self.enrols && self.enrol(fleet, limit) {
            return true;
        }
        if !self.at_once.is_empty() {
            self.send_joiners(from, to, fleet);
        }
        let more = self.grant(from, to, fleet, limit);
        if !more && self.polled {
            self.refuse(fleet);
        }
        more
    }

    #[inline(always)]
    pub(super) fn grant(
        &mut self,
        from: Time,
        to: Time,
        fleet: &mut impl FleetView,
        limit: usize,
    ) -> bool {
        let mut from = from;
        let mut turns = 0;
        // Lanes before this one have no turn left in the span.
        let mut first = 0;
        while self.limiter.next(from) < to {
            if turns >= limit {
                return true;
            }
            let at = self.limiter.next(from);
            let had_turn = match self.lanes.len() {
                1 if self.lanes[0].is_open(at) => self.next_turn(0, from, fleet),
                _ => self.next_turn_of_lanes(&mut first, at, from, fleet),
            };
            if had_turn {
                turns += 1;
            } else if let Some(later) = self.next_opening(at, to) {
                from = later;
            } else {
                return false;
            }
        }
        false
    }

    /// A turn of the first lane that has one at `at`; goes on from `first`, up to which none has.
    fn next_turn_of_lanes(
        &mut self,
        first: &mut usize,
        at: Time,
        from: Time,
        fleet: &mut impl FleetView,
    ) -> bool {
        for lane in *first..self.lanes.len() {
            let is_open = self.lanes[lane].is_open(at);
            if is_open && self.next_turn(lane, from, fleet) {
                return true;
            }
            *first += usize::from(is_open && lane == *first);
        }
        false
    }

    /// Lists everyone who is in reach; whether it stopped at the limit.
    pub(super) fn enrol(&mut self, fleet: &mut impl FleetView, limit: usize) -> bool {
        let mut turns = 0;
        for lane in &mut self.lanes {
            while lane.is_in_reach() && turns < limit {
                let Some((device, is_withdrawn)) = lane.list.next_device() else { break };
                lane.turns += 1;
                if !is_withdrawn && !is_passed_over(&mut self.passed_over, device) {
                    fleet.take(Turn::Enrol { device });
                }
                turns += 1;
            }
        }
        turns == limit
    }

    /// Tells all that asked and got no permit to ask again.
    pub fn refuse(&mut self, fleet: &mut impl FleetView) {
        if !self.polled {
            return;
        }
        for lane in &mut self.lanes {
            let ready = lane.ready.drain(..).chain(lane.again.drain(..));
            for ready in ready.chain(lane.free.drain(..)) {
                if fleet.is_still_ready(&ready) {
                    fleet.take(Turn::NotNow { ready });
                }
            }
        }
    }

    /// Pushes all that are to be tried again and need no permit for it (R26).
    pub(super) fn send_retries(&mut self, to: Time, fleet: &mut impl FleetView) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.open.0 < to) {
            while let Some(ready) = lane.again.pop_front() {
                if fleet.is_still_ready(&ready) {
                    fleet.take(Turn::Ready { ready, at: lane.open.0 });
                }
            }
        }
    }

    /// Pushes those who joined and need no permit (R12).
    #[cold]
    pub(super) fn send_joiners(&mut self, from: Time, to: Time, fleet: &mut impl FleetView) {
        let Dispatcher { lanes, limiter, slots, passed_over, offline, .. } = self;
        for lane in lanes.iter_mut().filter(|lane| lane.open.0 < to) {
            let at = lane.open.0;
            while *slots > 0
                && let Some(ready) = lane.free.pop_front()
            {
                if fleet.is_still_ready(&ready) {
                    limiter.notified(from);
                    *slots -= 1;
                    fleet.take(Turn::Ready { ready, at });
                }
            }
            while *slots > 0
                && let Some(device) = lane.joiners.pop_front()
            {
                if is_passed_over(passed_over, device) {
                    continue;
                }
                match offline.first_turn(device, fleet) {
                    None => fleet.take(Turn::Aside { device }),
                    Some(online) => {
                        limiter.notified(from);
                        *slots -= 1;
                        fleet.take(Turn::List { device, at, online });
                    }
                }
            }
        }
    }

    /// When a lane opens after `at`, before `to`.
    pub(super) fn next_opening(&mut self, at: Time, to: Time) -> Option<Time> {
        for lane in self.lanes.iter_mut().filter(|lane| lane.open.1 <= at) {
            lane.open = lane.openings.next(at);
        }
        let later = |lane: &Lane| (lane.open.0 > at).then_some(lane.open.0);
        let later = self.lanes.iter().filter_map(later).min().filter(|later| *later < to);
        if let Some(mark) = later.filter(|_| self.limiter.is_gathered()) {
            self.gather(mark);
        }
        later
    }

    /// Returns whether there was a turn.
    #[inline(always)]
    pub(super) fn next_turn(
        &mut self,
        lane: usize,
        from: Time,
        fleet: &mut impl FleetView,
    ) -> bool {
        let Dispatcher { limiter, slots, .. } = self;
        let lane = &mut self.lanes[lane];
        while let Some(ready) = lane.pop_ready(*slots > 0) {
            if let Some(later) = lane.ready.get(FORESIGHT - 1) {
                fleet.expect(later);
            }
            if fleet.is_still_ready(&ready) {
                let at = limiter.take(from);
                if !ready.again {
                    limiter.notified(at);
                    take(slots, 1);
                }
                fleet.take(Turn::Ready { ready, at });
                return true;
            }
        }
        let device = loop {
            if !lane.is_in_reach() || *slots == 0 || self.enrols {
                return false;
            }
            let Some((device, is_withdrawn)) = lane.list.next_device() else { return false };
            lane.turns += 1;
            if !is_withdrawn && !is_passed_over(&mut self.passed_over, device) {
                break device;
            }
        };
        if let Some(later) = lane.list.ahead(FORESIGHT) {
            fleet.expect_listed(later);
        }
        let turn = match self.offline.first_turn(device, fleet) {
            None => Turn::Aside { device },
            Some(online) => {
                let at = limiter.take(from);
                limiter.notified(at);
                take(slots, 1);
                Turn::List { device, at, online }
            }
        };
        fleet.take(turn);
        true
    }
}
