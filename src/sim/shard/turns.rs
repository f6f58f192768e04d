//! What a device's turn, and its permit, come to.

use super::*;

impl Shard<'_> {
    pub(super) fn take_turn(&mut self, listed: Listed, end: Time) {
        let Listed { device, at, online } = listed;
        let world = self.books.world;
        let cohort = world.cohort_of(device);
        self.books.count_turn(device, cohort);
        self.books.tally(cohort).online_at_turn += u64::from(online);
        let Some(slot) = self.first_touch(device) else {
            return self.offer_in_vain(device, cohort, at);
        };
        let presence = self.records.presence(slot);
        while presence.until() <= at {
            let memo = self.books.memos.of(slot);
            presence.flip(device, world.cohort(cohort), &world.streams, memo);
            self.books.events.flips += 1;
        }
        presence.set_stage(Stage::Ready);
        if world.confirms {
            // Its user has agreed to another package of the campaign, and so to this one.
            let queued = TaskState::Queued(QueueCause::RateLimited);
            self.books.moved(cohort, TaskState::AwaitingConfirmation, queued);
        }
        let eligible = self.books.eligible_since(slot);
        self.grant(slot, device, at, eligible, end);
    }

    /// R18, R19: a listed device's user is asked, or it may ask for the offer, from now on.
    pub(super) fn enrol(&mut self, device: DeviceId) {
        let world = self.books.world;
        let cohort = world.cohort_of(device);
        self.books.count_turn(device, cohort);
        // One that never returns never asks, though its user may still be asked.
        let Some(slot) = self.first_touch(device) else {
            self.books.enrol_gone(device, cohort);
            return self.books.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
        };
        let online = self.records.presence(slot).online();
        self.books.tally(cohort).online_at_turn += u64::from(online);
        if !world.confirms && !world.polls {
            return self.line_up(slot, device);
        }
        self.ask(slot, device, world.ticks.start(self.tick));
    }

    /// The device's user is asked, or it may ask for the offer, from `now` on.
    pub fn ask(&mut self, slot: u32, device: DeviceId, now: Time) {
        let world = self.books.world;
        let cohort = self.records.presence(slot).cohort();
        let version = self.books.version_of(slot, device, cohort);
        let flight = self.records.add_flight(slot, version);
        let mut active = self.records.active(flight).expect("just begun");
        self.books.enrol(&mut active, now);
        let asked = if world.confirms { "turn, its user is asked" } else { "turn, may ask" };
        self.books.note(&active, now, asked);
        self.books.run(&mut active, now);
    }

    /// R17: the device stands in the queue from now on, or waits aside until it is back.
    pub(super) fn line_up(&mut self, slot: u32, device: DeviceId) {
        let Shard { records, books, .. } = self;
        let now = books.world.ticks.start(self.tick);
        let presence = records.presence(slot);
        let events = ["turn, waits for a permit", "turn, waits aside"];
        books.line_up(slot, device, presence, now, events);
        books.settle(slot, presence);
    }

    /// A device that asked for the offer in vain asks again at its next poll.
    pub(super) fn send_away(&mut self, ready: Ready, end: Time) {
        let flight = self.records.presence(ready.slot).flight;
        let Some(mut active) = self.records.active(flight) else { return };
        if active.presence.stage() == Stage::Ready {
            let now = self.books.world.ticks.start(self.tick);
            self.books.await_poll(&mut active, now);
        }
        if self.books.run(&mut active, end) == Fate::Over {
            self.end_flight(flight);
        }
    }

    /// R18: a listed device that is offline at its turn waits aside.
    pub(super) fn set_aside(&mut self, device: DeviceId) {
        let cohort = self.books.world.cohort_of(device);
        self.books.count_turn(device, cohort);
        self.books.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
        let now = self.books.world.ticks.start(self.tick);
        self.books.note_queued(device, now, "turn, waits aside", QueueCause::Offline);
        if let Some(slot) = self.first_touch(device) {
            let presence = self.records.presence(slot);
            presence.set_stage(Stage::Waiting);
            self.books.settle(slot, presence);
        }
    }

    /// The device's record; none if it has none and never will do anything.
    #[inline(always)]
    pub(super) fn first_touch(&mut self, device: DeviceId) -> Option<u32> {
        let world = self.books.world;
        let now = world.ticks.start(self.tick);
        if self.records.every_device() {
            let slot = self.records.slot_of(device);
            let presence = self.records.presence(slot);
            self.books.idle.bring_back(now, device, presence, world);
            return Some(slot);
        }
        let id = world.cohort_of(device);
        let presence = Presence::first(device, id, now, world.cohort(id), &world.streams);
        if !presence.online()
            && presence.until().is_never()
            && !world.keeps_offers
            && !world.confirms
        {
            return None;
        }
        let slot = self.records.make(device, presence);
        self.books.memos.forget(slot);
        Some(slot)
    }

    /// Store-and-forward for a device that never returns: the permit is spent all the same.
    pub(super) fn offer_in_vain(&mut self, device: DeviceId, cohort: CohortId, at: Time) {
        assert!(
            self.books.world.offline == OfflineTurn::StoreAndForward,
            "offline devices wait aside"
        );
        let activated = self.books.activated;
        let tally = self.books.tally(cohort);
        tally.attempts[0] += 1;
        tally.latencies[LatencyKind::EligibleToPushed as usize].record(at.since(activated));
        self.books.count_pushed(device, cohort, at);
        self.books.events.pushes += 1;
        self.books.pushes.add(at, 1);
        self.books.started += 1;
        self.books.moved(cohort, TaskState::Queued(QueueCause::RateLimited), TaskState::Notified);
    }

    /// The device's permit has come: pushes it, and runs it on to the end of the tick.
    #[inline(always)]
    pub(super) fn grant(
        &mut self,
        slot: u32,
        device: DeviceId,
        at: Time,
        eligible: Time,
        end: Time,
    ) {
        let Shard { records, books, .. } = self;
        let presence = *records.presence(slot);
        let cohort = presence.cohort();
        let first = presence.flight == Presence::NO_FLIGHT;
        let keeps = first && books.world.offline == OfflineTurn::StoreAndForward;
        match presence.stage() {
            Stage::Ready if presence.online() || keeps => {
                let index = match presence.flight {
                    Presence::NO_FLIGHT => {
                        let version = books.version_of(slot, device, cohort);
                        let flight = records.add_flight(slot, version);
                        books.enrol_unasked(flight, device);
                        flight
                    }
                    index => index,
                };
                return self.push(index, at, eligible, end);
            }
            // R15: it went offline since the boundary: the permit lapses.
            Stage::Ready => {
                records.presence(slot).set_stage(Stage::Waiting);
                books.requeue(cohort, QueueCause::RateLimited, QueueCause::Offline);
            }
            Stage::Waiting => {}
            Stage::Idle | Stage::Pushed => unreachable!("who has a turn waits for it"),
        }
        books.tally(cohort).lapsed_permits += 1;
        match records.active(presence.flight) {
            Some(active) => books.note(&active, at, "permit lapses, offline"),
            None => books.note_queued(device, at, "permit lapses, offline", QueueCause::Offline),
        }
        self.run_to(slot, end);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, index: u32, at: Time, eligible: Time, end: Time) {
        let mut active = self.records.active(index).expect("a flight that is not over");
        let eligible = self.books.polled_since(index, eligible);
        self.books.offer(&mut active, at, eligible);
        if self.books.run(&mut active, end) == Fate::Over {
            self.end_flight(index);
        }
    }
}
