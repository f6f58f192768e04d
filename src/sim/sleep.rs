//! Devices that leave the network with something under way, and sleepers that stay for it.

use crate::fleet::Stage;
use crate::model::Time;

use super::books::Books;
use super::flights::Active;

impl Books<'_> {
    /// The device leaves the network: what it does there stops.
    pub fn disconnect(&mut self, active: &mut Active, now: Time) {
        self.interrupt(active, now);
        self.count_waste(active, now);
        let interrupted = active.flight.attempt.disconnected(now);
        self.tally(active.cohort()).interruptions += u64::from(interrupted);
        self.note(active, now, "offline");
    }

    /// A device that is asleep but for its work leaves the network all the same.
    pub fn fall_in_sleep(&mut self, active: &mut Active, now: Time) {
        if active.presence.stage() == Stage::Pushed {
            self.disconnect(active, now);
            self.watch_sleep(active, now);
        }
    }

    /// The device is about to go on in its sleep with what it has begun: something else than its
    /// cycle may take it off the network before it wakes.
    pub fn watch_sleep(&mut self, active: &mut Active, now: Time) {
        let cohort = self.world.cohort(active.cohort());
        let Some(reach) = &cohort.reach else { return };
        let fall = reach.next_fall(now, active.device, cohort, &self.world.streams);
        active.presence.look_at(fall);
    }

    /// Whether only its sleep cycle would take the device off the network.
    #[inline(always)]
    pub fn stays_awake(&self, active: &Active, now: Time) -> bool {
        let cohort = self.world.cohort(active.cohort());
        let reach = cohort.reach.as_ref();
        reach.is_some_and(|r| r.only_sleeps(now, active.device, cohort, &self.world.streams))
    }
}
