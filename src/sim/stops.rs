//! Devices that are to stop, and those that go on though nobody waits for them any more.

use crate::fleet::Stage;
use crate::model::{Time, take};
use crate::scheduler::Input;

use super::books::Books;
use super::flights::Active;
use super::shard::Shard;

impl Shard<'_> {
    /// # Panics
    /// If tasks whose devices still go about them are counted wrongly.
    pub fn assert_under_way(&mut self) {
        let flights = 0..self.records.flights().len() as u32;
        let goes_on = |at: &u32| self.records.active(*at).is_some_and(|a| a.is_under_way());
        let under_way = flights.filter(goes_on).count() as u64;
        assert_eq!(under_way, self.books.under_way, "devices counted wrongly");
    }
}

impl Books<'_> {
    /// The flight's task has become final by itself or by the campaign: an offer that has not
    /// arrived, or an alarm, is taken back; what the device does goes on.
    pub fn give_up(&mut self, active: &mut Active) {
        active.flight.attempt.withdraw();
        // It waits for nothing any more, should its record be kept.
        active.presence.set_stage(Stage::Pushed);
        self.count_under_way(active, false);
    }

    /// Takes account of what an event did to a device that may go on though nobody waits for it.
    pub fn count_under_way(&mut self, active: &Active, was_under_way: bool) {
        match (was_under_way, active.is_under_way()) {
            (false, true) => self.under_way += 1,
            (true, false) => take(&mut self.under_way, 1),
            _ => {}
        }
    }

    /// R8: a device that goes about its task is asked to stop; it hears of that at its next
    /// poll, at once if it need not poll, or when it is back.
    pub fn ask_to_stop(&mut self, active: &mut Active, now: Time) {
        let cohort = self.world.cohort(active.presence.cohort());
        let hears = match cohort.polling {
            Some(_) => self.next_poll(active, now).at,
            None if active.presence.online() => now,
            None => Time::NEVER,
        };
        self.rules.ask_to_stop(&mut active.flight.task, active.index, hears);
        self.note(active, now, "is to be canceled");
    }

    /// The device, if it is there, hears that it is to stop; whether it has. Once it has begun to
    /// verify and install, it goes on. One that has bricked hears nothing.
    #[inline(never)]
    pub fn is_stopped(&mut self, active: &mut Active, now: Time) -> bool {
        let online = active.presence.online() || self.stays_awake(active, now);
        if !online || active.flight.attempt.is_silent() {
            return false;
        }
        self.note(active, now, "is told to stop");
        let mut stopped = active.flight.attempt.clone();
        let stops = stopped.stop();
        if stops {
            self.abandon(active, now);
            active.flight.attempt = stopped;
            active.presence.set_stage(Stage::Pushed);
            self.hear(active, now, Input::Stopped);
        } else {
            self.hear(active, now, Input::GoesOn);
            self.tally(active.presence.cohort()).cancels_refused += 1;
        }
        stops
    }
}
