//! Devices that ask for their offers by themselves (R18).

use crate::fleet::{Poll, Polling, Presence, Stage};
use crate::model::{CohortId, DeviceId, Time};
use crate::scheduler::state::TaskState;

use super::asking::Moved;
use super::books::Books;
use super::flights::Active;

/// The polls of flights whose devices ask for their offers.
#[derive(Debug, Default)]
pub struct Polls {
    /// By flight.
    memos: Vec<Memo>,
}

/// What a flight's polls follow from.
#[derive(Clone, Copy, Debug)]
struct Memo {
    /// The next poll that was not made yet; none before the first is known.
    next: Option<Poll>,
    /// From when on the device may take an offer.
    from: Time,
    /// Its first poll since then; never, if there was none.
    since: Time,
    /// Its polls are simulated, and not among those of idle devices.
    is_simulated: bool,
}

impl Default for Memo {
    fn default() -> Memo {
        Memo { next: None, from: Time::NEVER, since: Time::NEVER, is_simulated: false }
    }
}

impl Polls {
    fn of(&mut self, flight: u32) -> &mut Memo {
        let at = flight as usize;
        if at >= self.memos.len() {
            self.memos.resize(at + 1, Memo::default());
        }
        &mut self.memos[at]
    }
}

impl Books<'_> {
    /// A flight begins, with nothing of what was there before.
    #[inline(always)]
    pub fn begin_polls(&mut self, flight: u32) {
        if self.world.polls {
            *self.polls.of(flight) = Memo::default();
        }
    }

    /// Since when the flight has been eligible, if nothing but its polls tells: since the first
    /// poll, else since `otherwise`.
    #[inline(always)]
    pub fn polled_since(&mut self, flight: u32, otherwise: Time) -> Time {
        if !self.world.polls {
            return otherwise;
        }
        match self.polls.of(flight).since {
            since if since.is_never() => otherwise,
            since => since,
        }
    }

    /// The device asks for the offer at its first poll from `now` on.
    pub fn await_poll_from(&mut self, active: &mut Active, now: Time) {
        self.lose_answer(active);
        self.count_as_simulated(active);
        let next = self.next_poll(active, now);
        let memo = self.polls.of(active.index);
        (memo.next, memo.from, memo.since) = (Some(next), now, Time::NEVER);
        active.flight.attempt.rest(next.at);
    }

    /// The device's first poll from `now` on.
    pub fn next_poll(&mut self, active: &Active, now: Time) -> Poll {
        let (polling, device, streams) = (self.polling(active), active.device, &self.world.streams);
        match self.polls.of(active.index).next {
            Some(next) => polling.from(next, now, device, streams),
            None => {
                let cohort = self.world.cohort(active.presence.cohort());
                let joined = Presence::joined(device, cohort, streams);
                let joined = Some(joined).filter(|at| *at > Time::ZERO && *at <= now);
                let outages = cohort.reach.as_ref();
                let returned = outages.and_then(|reach| reach.last_return(now, device, streams));
                polling.first(returned.max(joined), now, device, streams)
            }
        }
    }

    /// The device asked in vain: it asks again at its next poll, from `now` on.
    pub fn await_poll(&mut self, active: &mut Active, now: Time) {
        let (polling, device) = (self.polling(active), active.device);
        active.presence.set_stage(Stage::Pushed);
        let mut next = self.polls.of(active.index).next.expect("it has polled");
        while next.at < now {
            // It was told the same before it is told this.
            self.pass_over(next.at);
            next = polling.following(next, device, &self.world.streams);
        }
        self.polls.of(active.index).next = Some(next);
        active.flight.attempt.rest(next.at);
    }

    /// The device polls: a server is asked first; else it is tried at once.
    pub fn poll(&mut self, active: &mut Active, now: Time) {
        if !self.world.polls || !active.presence.online() {
            return self.retry(active, now);
        }
        let (polling, device) = (self.polling(active), active.device);
        let memo = self.polls.of(active.index);
        let made = Poll { at: now, ..memo.next.expect("its polls have begun") };
        memo.next = Some(polling.following(made, device, &self.world.streams));
        memo.since = memo.since.min(now);
        match self.has_server() {
            true => self.ask_for_offer(active, now),
            false => self.retry(active, now),
        }
    }

    /// A device is back whose poll has come while it was offline.
    pub fn poll_late(&mut self, active: &mut Active, now: Time) {
        active.presence.set_stage(Stage::Pushed);
        self.polls_anew(active, now);
        self.poll(active, now);
    }

    /// A device is back: it polls if it comes from a common outage, or waited for an answer.
    pub fn poll_on_return(&mut self, active: &mut Active, now: Time) {
        let (attempt, state) = (&active.flight.attempt, active.flight.task.state());
        let waits = attempt.is_over()
            && !attempt.is_silent()
            && !state.is_final()
            && state != TaskState::AwaitingConfirmation;
        if !self.world.polls || !waits {
            return;
        }
        let lost_an_answer = !attempt.is_resting();
        if !self.polls_anew(active, now) && !lost_an_answer {
            return;
        }
        active.flight.attempt.withdraw();
        let from = self.polls.of(active.index).from;
        if from <= now {
            return self.poll(active, now);
        }
        self.pass_over(now);
        let next = self.next_poll(active, from);
        self.polls.of(active.index).next = Some(next);
        active.flight.attempt.rest(next.at);
    }

    /// Whether the device has just come back from a common outage; then its intervals run from
    /// here.
    fn polls_anew(&mut self, active: &Active, now: Time) -> bool {
        let cohort = self.world.cohort(active.presence.cohort());
        let Some(reach) = &cohort.reach else { return false };
        let is_back = reach.last_return(now, active.device, &self.world.streams) == Some(now);
        if is_back {
            self.polls.of(active.index).next = Some(Poll::on_return(now));
        }
        is_back
    }

    fn polling(&self, active: &Active) -> Polling {
        self.world.cohort(active.presence.cohort()).polling.expect("checked: it polls")
    }

    /// A poll that is not simulated, of a device whose polls are.
    fn pass_over(&mut self, at: Time) {
        if self.has_server() {
            self.desk().passed.push(at);
        }
    }

    /// The device polls for a task from now on.
    pub fn count_as_simulated(&mut self, active: &Active) {
        let was = std::mem::replace(&mut self.polls.of(active.index).is_simulated, true);
        self.note_moved(active.device, active.presence.cohort(), !was, true);
    }

    /// The device is done with its task; it polls as those that nobody waits for.
    #[inline(always)]
    pub fn count_as_idle(&mut self, active: &Active) {
        if self.world.polls && !active.flight.attempt.is_silent() {
            let was = std::mem::replace(&mut self.polls.of(active.index).is_simulated, false);
            self.note_moved(active.device, active.presence.cohort(), was, false);
        }
    }

    /// A device that has left for good is listed: it is none of those whose polls go on.
    pub fn enrol_gone(&mut self, device: DeviceId, cohort: CohortId) {
        if self.world.polls {
            self.note_moved(device, cohort, true, true);
        }
    }

    /// Of those that never return nobody polls, whether or not they are simulated.
    #[inline(never)]
    fn note_moved(
        &mut self,
        device: DeviceId,
        cohort: CohortId,
        has_moved: bool,
        is_simulated: bool,
    ) {
        let (world, streams) = (self.world, &self.world.streams);
        if has_moved
            && self.has_server()
            && Presence::ever_returns(device, world.cohort(cohort), streams)
        {
            self.desk().moved.push(Moved { cohort, is_simulated });
        }
    }

    /// A device is served without having polled, as the next package of its campaign.
    #[inline(always)]
    pub fn enrol_unasked(&mut self, flight: u32, device: DeviceId) {
        if self.world.polls {
            self.begin_polls(flight);
            self.polls.of(flight).is_simulated = true;
            self.note_moved(device, self.world.cohort_of(device), true, true);
        }
    }
}
