//! Tasks that wait until their device is done with another campaign's (R27).
//!
//! Such a task is on its campaign's list like any other. When its turn comes before the device
//! is free, the turn is remembered, and the device stands in the queue as one that came back
//! when it became free.

use crate::model::{DeviceId, Time, take};
use crate::scheduler::state::{QueueCause, TaskState};

use super::ledger::Status;
use super::meeting::Meeting;
use super::shard::Shard;

impl Meeting<'_, '_, '_> {
    /// Lets tasks go on that have nothing in the way any more on the device, where the last task
    /// has ended at `at`.
    pub fn free(&mut self, device: DeviceId, at: Time, now: Time) {
        let mut waiting: Vec<(Time, usize, u16)> = Vec::new();
        for own in 0..self.rollouts.len() {
            let mut packages = 0;
            let mut since = Time::ZERO;
            for package in 0..self.rollouts[own].worlds.len() {
                let (shard, slot) = self.shard(own, package, device);
                if shard.status(slot).is_behind() {
                    packages |= 1 << package;
                    since = shard.since(slot);
                }
            }
            if packages != 0 {
                waiting.push((since, own, packages));
            }
        }
        waiting.sort_unstable();
        for (since, own, packages) in waiting {
            if self.in_the_way(own, device, packages, since).is_empty() {
                self.let_go(own, device, packages, (at, now));
            }
        }
    }

    /// The device is free for the campaign's tasks for these packages, where it still needs them.
    fn let_go(&mut self, own: usize, device: DeviceId, packages: u16, (at, now): (Time, Time)) {
        let (mut left, mut canceled, mut held) = (None, false, false);
        let mut open = 0;
        for package in super::meeting::bits(packages) {
            let world = &self.rollouts[own].worlds[package];
            let runs = self.runs(own, package, device, now);
            let (shard, slot) = self.shard(own, package, device);
            held |= shard.status(slot) == Status::Held;
            match runs {
                Some(version) if version == world.versions.target => shard.spare(slot, now),
                Some(version) if world.fits(version) => {
                    shard.stop_waiting(slot, at);
                    left = left.or(Some(package));
                    open += 1;
                }
                // R11: the package is not for what it runs now.
                _ => {
                    shard.end_unturned_at(slot, TaskState::Canceled, now);
                    canceled = true;
                }
            }
        }
        if let Some(together) = self.rollouts[own].together.get_mut(device.0 as usize) {
            together.open = open;
        }
        match left {
            Some(package) if held => {
                let (shard, slot) = self.shard(own, package, device);
                shard.line_up_since(slot, device, at, now);
            }
            Some(_) => {}
            None => {
                if !held {
                    self.rollouts[own].campaign.pass_over(device);
                }
                if !canceled {
                    self.rollouts[own].campaign.drop_target(device, now);
                }
            }
        }
    }
}

impl Shard<'_> {
    /// Since when the device is eligible for its task, or waits with it for another.
    pub fn since(&self, slot: u32) -> Time {
        self.books.ledger.as_ref().map_or(Time::ZERO, |ledger| ledger.since[slot as usize])
    }

    /// Whether another campaign's task comes first on the device, whose turn is to come.
    pub fn is_behind(&self, slot: u32) -> bool {
        self.status(slot) == Status::Behind
    }

    /// The turn of the device has come while another campaign's task comes first.
    pub fn hold(&mut self, slot: u32, now: Time) {
        if self.is_behind(slot) {
            self.set_status(slot, Status::Held);
            let state = self.unturned_state(slot);
            self.note_unturned(slot, now, "turn, another task comes first", state);
        }
    }

    /// What the device's task, which had no push yet, counts as.
    pub fn unturned_state(&self, slot: u32) -> TaskState {
        let world = self.books.world;
        match self.status(slot).is_behind() && !world.confirms {
            true => TaskState::Queued(QueueCause::Scheduled),
            false => world.first_state(),
        }
    }

    /// Nothing is in the way of the device's task since `at`.
    fn stop_waiting(&mut self, slot: u32, at: Time) {
        let from = self.unturned_state(slot);
        self.set_status(slot, Status::Open);
        let ledger = self.books.ledger.as_mut().expect("campaigns meet");
        ledger.since[slot as usize] = at;
        let to = self.unturned_state(slot);
        let cohort = self.records.presence(slot).cohort();
        self.books.moved(cohort, from, to);
        self.note_unturned(slot, at, "may have its turn", to);
    }

    /// The device, whose task had no turn yet, runs its target already: it needs none.
    fn spare(&mut self, slot: u32, now: Time) {
        let from = self.unturned_state(slot);
        let cohort = self.records.presence(slot).cohort();
        self.books.moved(cohort, from, TaskState::NotRequired);
        take(&mut self.books.tally(cohort).targeted, 1);
        let device = self.records.device(slot);
        if let Some(stages) = &mut self.books.stages {
            take(&mut stages.tally(device, cohort).devices, 1);
        }
        self.set_status(slot, Status::NotRequired);
        self.note_unturned(slot, now, "runs the target version", TaskState::NotRequired);
    }

    /// The device, whose turn has come before, stands in the queue since `at`, or waits aside
    /// until it is back; one that is asked, or asks itself, is or does so from `now` on.
    fn line_up_since(&mut self, slot: u32, device: DeviceId, at: Time, now: Time) {
        let Shard { records, books, .. } = self;
        let world = books.world;
        let asks = world.confirms || world.polls;
        let from = if asks { now } else { at };
        let presence = records.presence(slot);
        let cohort = presence.cohort();
        books.count_turn(device, cohort);
        books.idle.bring_back(from, device, presence, world);
        // It may not have run that far ahead.
        while presence.until() < from {
            books.flip(slot, device, presence);
        }
        if asks {
            self.ask(slot, device, now);
            return self.books.flush();
        }
        let events = ["free, waits for a permit", "free, waits aside"];
        books.line_up(slot, device, presence, at, events);
        while presence.until() < now {
            books.flip(slot, device, presence);
        }
        books.settle(slot, presence);
        books.flush();
    }
}
