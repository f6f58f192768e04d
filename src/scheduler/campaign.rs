//! A campaign's life: from the draft to its end, under an operator's hands (section 3).

mod action;
mod operate;

pub use action::{Action, CampaignPolicy, Entry, NotStarted, Order, StateSet, TaskResult};

use crate::model::{DeviceId, Time, left, take};

use super::abort::{Abort, AbortAction, AbortRule, Counts, RuleOutcome, Watch};
use super::dispatch::{Dispatcher, FleetView, Lane, Ready};
use super::stages::{Opener, Opening, Reach, Stages};
use super::state::{CampaignError, CampaignStatus, FailureReason, QueueCause, TaskState};

/// A campaign as the scheduler sees it.
///
/// # Model
/// At each boundary of time hand in [`Campaign::hear`] what devices came to,
/// [`Campaign::advance`], then what operators do with [`Campaign::handle`]; carry out
/// [`Campaign::take_orders`]; then [`Campaign::plan`] the pushes up to the next boundary.
#[derive(Debug)]
pub struct Campaign {
    status: CampaignStatus,
    policy: CampaignPolicy,
    dispatcher: Dispatcher,
    stages: Stages,
    /// When it became active.
    started: Time,
    /// The stages that are open, in order.
    opened: Vec<Opening>,
    counts: Counts,
    tags: Vec<(String, String)>,
    /// Canceled, but with the tasks it has.
    goes_on: bool,
    /// Another dynamic campaign of its package is active.
    rivaled: bool,
    aborts: Vec<Abort>,
    /// By abort rule.
    watches: Vec<Watch>,
    /// Failures heard of; those of devices that are tried again by hand stay in it.
    failures: u64,
    /// When it became active.
    activated: Option<Time>,
    orders: Vec<Order>,
    log: Vec<Entry>,
}

impl Campaign {
    /// `total`: devices with a task.
    pub fn new(
        policy: CampaignPolicy,
        dispatcher: Dispatcher,
        stages: Stages,
        total: u64,
    ) -> Campaign {
        let status = match (policy.draft, policy.start) {
            (true, _) => CampaignStatus::Draft,
            (false, Time::ZERO) => CampaignStatus::Active,
            (false, _) => CampaignStatus::Scheduled,
        };
        let activated = (status == CampaignStatus::Active).then_some(Time::ZERO);
        let mut campaign = Campaign {
            status,
            watches: vec![Watch::default(); policy.abort.len()],
            failures: 0,
            activated,
            policy,
            dispatcher,
            stages,
            started: Time::NEVER,
            opened: Vec::new(),
            counts: Counts { total, ..Counts::default() },
            tags: Vec::new(),
            goes_on: false,
            rivaled: false,
            aborts: Vec::new(),
            orders: Vec::new(),
            log: Vec::new(),
        };
        if campaign.status == CampaignStatus::Active {
            campaign.begin(Time::ZERO);
        }
        campaign
    }

    /// Its tasks are made when it starts, which is not before the first [`Campaign::advance`].
    pub fn not_begun(mut self) -> Campaign {
        if self.status == CampaignStatus::Active {
            self.status = CampaignStatus::Scheduled;
            self.activated = None;
        }
        self
    }

    /// Makes the tasks of a campaign that has just started: for `total` devices, some of which
    /// stand on the lists of the lanes.
    pub fn populate(&mut self, lanes: Vec<Lane>, stages: Stages, total: u64, now: Time) {
        self.dispatcher.populate(lanes);
        self.stages = stages;
        self.counts.total = total;
        self.begin(now);
    }

    /// It is active for the first time.
    fn begin(&mut self, now: Time) {
        self.started = now;
        self.opened.clear();
        self.dispatcher.begin(now);
        self.open_stages(now);
    }

    /// Lets the devices of the stages that are open at `now` have their turns.
    fn open_stages(&mut self, now: Time) {
        let reach = self.stages.reach(now);
        self.dispatcher.set_reach(reach);
        let open = match reach {
            Reach::Stages(open) => open,
            Reach::All => self.stages.count(),
        };
        let by = if now == self.started { Opener::Start } else { self.stages.opener() };
        if open > self.opened.len() {
            self.opened.resize(open, Opening { at: now, by });
        }
    }

    /// How many stages it has.
    pub fn stages(&self) -> usize {
        self.stages.count()
    }

    /// The stages that are open, in order; one more if those devices that are in no stage may
    /// have their turns, too.
    pub fn opened(&self) -> Vec<Opening> {
        let mut opened = self.opened.clone();
        let all = |last: &&Opening| {
            self.opened.len() == self.stages.count() && self.stages.reach(last.at) == Reach::All
        };
        let rest = self.opened.last().filter(all);
        opened.extend(rest.map(|last| Opening { at: last.at, by: Opener::All }));
        opened
    }

    /// R10: devices that had failed for these reasons are tried again.
    pub fn take_back(&mut self, reopened: &[(DeviceId, FailureReason)]) {
        for (device, reason) in reopened {
            take(&mut self.counts.failures[*reason as usize], 1);
            self.stages.take_back(*device);
        }
    }

    /// A dynamic campaign targets a device that matches later (R12).
    pub fn add_target(&mut self) {
        self.counts.total += 1;
    }

    /// R27: a device turned out to need no task, which it had waited with.
    pub fn drop_target(&mut self, device: DeviceId, now: Time) {
        take(&mut self.counts.total, 1);
        self.stages.spare(device);
        self.open_stages(now);
    }

    /// A device that matches later has its turn (R12).
    pub fn join(&mut self, device: DeviceId, lane: u16) {
        match self.policy.joins_at_once {
            true => self.dispatcher.join(device, lane),
            false => self.dispatcher.append(device, lane),
        }
    }

    /// The device has its turn at the end of the list.
    pub fn append(&mut self, device: DeviceId, lane: u16) {
        self.dispatcher.append(device, lane);
    }

    /// Whether it takes devices that match later.
    pub fn is_matching(&self) -> bool {
        self.policy.dynamic && self.is_running()
    }

    /// Whether it has not started, but will by time alone.
    pub fn is_scheduled(&self) -> bool {
        self.status == CampaignStatus::Scheduled
    }

    /// R12: another dynamic campaign of the same package is active: this one must not start.
    pub fn set_rivaled(&mut self, rivaled: bool) {
        self.rivaled = rivaled && self.policy.dynamic;
    }

    /// Where the campaign stands in its life.
    pub fn status(&self) -> CampaignStatus {
        self.status
    }

    /// What the abort rules go by: what became of its tasks so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Key and value.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// What the rules that were met came to; each is met once.
    pub fn aborts(&self) -> &[Abort] {
        &self.aborts
    }

    /// Failures after the rule was met. A device that is tried again by hand may fail again.
    pub fn overshoot(&self, abort: &Abort) -> u64 {
        left(self.failures, abort.met_failures)
    }

    /// What each abort rule has seen.
    pub fn rules(&self) -> Vec<RuleOutcome> {
        let rules = self.policy.abort.iter().zip(&self.watches).enumerate();
        let outcome = |(at, (rule, watch)): (usize, (&AbortRule, &Watch))| {
            let met = self.aborts.iter().find(|abort| abort.rule == at).map(|abort| abort.met);
            watch.outcome(rule, met, &self.counts)
        };
        rules.map(outcome).collect()
    }

    /// When it became active, if it has.
    pub fn activated(&self) -> Option<Time> {
        self.activated
    }

    /// What was done to it, in order.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// Whether it decides by what becomes of devices, and needs [`Campaign::hear`].
    pub fn needs_results(&self) -> bool {
        !self.policy.abort.is_empty()
            || matches!(self.stages, Stages::Groups(_))
            || self.dispatcher.counts_successes()
    }

    /// What is to be done to the devices' tasks, since the last call.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Why a task that is queued, and whose device is not known to be offline, waits.
    pub fn queue_cause(&self, now: Time) -> QueueCause {
        match self.status {
            CampaignStatus::Draft | CampaignStatus::Scheduled => QueueCause::Scheduled,
            CampaignStatus::Suspended => QueueCause::Suspended,
            CampaignStatus::Active if !self.dispatcher.is_open(now) => QueueCause::WindowClosed,
            _ => QueueCause::RateLimited,
        }
    }

    /// When [`Campaign::advance`] has something to do after `now`.
    pub fn next_event(&self, now: Time) -> Time {
        let start = match self.status {
            CampaignStatus::Scheduled => self.policy.start,
            _ => Time::NEVER,
        };
        if self.goes_on {
            return self.dispatcher.next_change();
        }
        if self.status.is_over() || self.status == CampaignStatus::Draft {
            return Time::NEVER;
        }
        let others = [self.stages.next_change(now), self.dispatcher.next_change()];
        others.into_iter().fold(start.min(self.policy.finish), Time::min)
    }

    /// When the next push could leave, from `now` on, if nothing else happens.
    pub fn next_push(&self, now: Time, ready: bool) -> Time {
        match self.pushes() {
            true => self.dispatcher.next_deadline(now, ready),
            false => Time::NEVER,
        }
    }

    /// Does what time alone brings about, up to `now`.
    pub fn advance(&mut self, now: Time) {
        if self.status == CampaignStatus::Scheduled && self.policy.start <= now && self.rivaled {
            self.status = CampaignStatus::Canceled;
            let refused = Some(CampaignError::DynamicExists);
            self.log.push(Entry { at: now, what: "start", status: self.status, refused });
        }
        if self.status == CampaignStatus::Scheduled && self.policy.start <= now {
            self.enter(CampaignStatus::Active, now, "start");
            self.activated = Some(now);
            self.orders.push(Order::Activate);
            self.begin(now);
        }
        let lives = !self.status.is_over() && self.status != CampaignStatus::Draft;
        if lives && self.policy.finish <= now {
            return self.expire(now);
        }
        self.dispatcher.advance(now);
        if self.is_running() {
            self.open_stages(now);
        }
    }

    /// R29: takes note of results in order of arrival, and of how many tasks were pushed.
    pub fn hear(&mut self, results: &[TaskResult], notified: u64, now: Time) {
        self.counts.notified = notified;
        for result in results {
            match result.state {
                TaskState::Succeeded => self.counts.succeeded += 1,
                TaskState::Failed(reason) => {
                    self.counts.failures[reason as usize] += 1;
                    self.failures += 1;
                }
                state => unreachable!("{} is no result", state.name()),
            }
            let too_many_errors = self.stages.hear(result.device, result.state);
            if too_many_errors && self.status == CampaignStatus::Active {
                self.enter(CampaignStatus::Suspended, now, "error-threshold");
            }
            self.check_abort(result.at);
        }
        self.dispatcher.succeeded(self.counts.succeeded, now);
        for at in 0..self.aborts.len() {
            if self.aborts[at].acted.is_never() {
                self.act_on(at, now);
            }
        }
    }

    fn check_abort(&mut self, at: Time) {
        if self.status.is_over() {
            return;
        }
        let counts = self.counts;
        for (rule, abort) in self.policy.abort.iter().enumerate() {
            let is_met = self.watches[rule].look(abort, &counts, at);
            if is_met && self.aborts.iter().all(|abort| abort.rule != rule) {
                self.aborts.push(Abort {
                    rule,
                    met: at,
                    met_counts: counts,
                    met_failures: self.failures,
                    acted: Time::NEVER,
                    acted_counts: counts,
                });
            }
        }
    }

    fn act_on(&mut self, at: usize, now: Time) {
        let abort = &mut self.aborts[at];
        (abort.acted, abort.acted_counts) = (now, self.counts);
        let action = self.policy.abort[abort.rule].action;
        if self.status.is_over() {
            return;
        }
        match action {
            AbortAction::Suspend if self.status == CampaignStatus::Active => {
                self.enter(CampaignStatus::Suspended, now, "abort");
            }
            AbortAction::Suspend => {}
            AbortAction::CancelQueued => {
                self.close(StateSet::NOT_STARTED, TaskState::Canceled);
                self.enter(CampaignStatus::Aborted, now, "abort");
            }
            AbortAction::CancelAll => {
                self.close(StateSet::ALL, TaskState::Canceled);
                self.enter(CampaignStatus::Aborted, now, "abort");
            }
        }
    }

    /// Every task is final.
    ///
    /// A campaign with an end of validity stays open until then, so that failed tasks can be
    /// tried again by hand.
    pub fn complete(&mut self, now: Time) {
        if self.is_running() && self.policy.finish.is_never() && !self.policy.dynamic {
            self.enter(CampaignStatus::Completed, now, "complete");
        }
    }

    fn pushes(&self) -> bool {
        self.status == CampaignStatus::Active || self.goes_on
    }

    fn is_running(&self) -> bool {
        matches!(self.status, CampaignStatus::Active | CampaignStatus::Suspended)
    }

    fn allow(&self, allowed: bool) -> Result<(), CampaignError> {
        if allowed { Ok(()) } else { Err(CampaignError::Status(self.status)) }
    }

    fn support(&self, supported: bool) -> Result<(), CampaignError> {
        if supported { Ok(()) } else { Err(CampaignError::Unsupported) }
    }

    fn not_started(&self, reason: FailureReason) -> TaskState {
        match self.policy.not_started {
            NotStarted::Failed => TaskState::Failed(reason),
            NotStarted::Canceled => TaskState::Canceled,
        }
    }

    /// R5.
    fn expire(&mut self, now: Time) {
        let to = self.not_started(FailureReason::Expired);
        self.close(StateSet::NOT_STARTED, to);
        if self.policy.fails_started {
            let to = TaskState::Failed(FailureReason::Expired);
            self.orders.push(Order::End { states: StateSet::ALL, retries: true, to });
        }
        self.enter(CampaignStatus::Expired, now, "expire");
    }

    /// Nothing starts any more, and tasks in these states end.
    fn close(&mut self, states: StateSet, to: TaskState) {
        self.dispatcher.close();
        self.orders.push(Order::End { states, retries: true, to });
        self.stop_retries();
    }

    /// From now on an attempt that fails fails its task.
    fn stop_retries(&mut self) {
        self.policy.task.retry = None;
        self.orders.push(Order::SetPolicy(self.policy.task));
    }

    fn enter(&mut self, status: CampaignStatus, now: Time, what: &'static str) {
        self.status = status;
        self.log.push(Entry { at: now, what, status, refused: None });
    }

    /// Takes a device that had no turn yet off the list; whether it was there.
    pub fn withdraw(&mut self, device: DeviceId) -> bool {
        self.dispatcher.withdraw(device)
    }

    /// See [`Dispatcher::pass_over`].
    pub fn pass_over(&mut self, device: DeviceId) {
        self.dispatcher.pass_over(device);
    }

    /// So many tasks are in flight; as many more may be pushed as the cap allows.
    pub fn set_in_flight(&mut self, in_flight: u64) {
        if let Some(cap) = self.policy.in_flight {
            self.dispatcher.slots = cap.saturating_sub(in_flight);
        }
    }

    /// See [`Dispatcher::add_ready`].
    pub fn add_ready(&mut self, batch: &mut Vec<Ready>) {
        match self.status.is_over() && !self.goes_on {
            true => batch.clear(),
            false => self.dispatcher.add_ready(batch),
        }
    }

    /// See [`Dispatcher::plan`].
    #[inline]
    pub fn plan(&mut self, from: Time, to: Time, fleet: &mut impl FleetView, limit: usize) -> bool {
        if !self.pushes() {
            self.dispatcher.refuse(fleet);
            return false;
        }
        self.dispatcher.plan(from, to.min(self.policy.finish), fleet, limit)
    }
}
