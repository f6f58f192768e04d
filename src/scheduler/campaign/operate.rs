//! What operators do to a campaign, and what is refused (section 3).

use super::*;
use crate::model::Span;

impl Campaign {
    /// Carries out what an operator asks for.
    ///
    /// # Errors
    /// If it is not allowed; then nothing changes but the log.
    pub fn handle(&mut self, now: Time, action: Action) -> Result<(), CampaignError> {
        let what = action.name();
        let is_activation = action == Action::Activate;
        let result = self.try_to(now, action);
        let refused = result.clone().err();
        self.log.push(Entry { at: now, what, status: self.status, refused });
        if is_activation && result.is_ok() {
            // It may start at once, which comes after in the log.
            self.advance(now);
        }
        result
    }

    pub(super) fn try_to(&mut self, now: Time, action: Action) -> Result<(), CampaignError> {
        match action {
            Action::Edit(policy) => self.edit(*policy)?,
            Action::Delete => {
                self.allow(self.status == CampaignStatus::Draft)?;
                self.close(StateSet::ALL, TaskState::Canceled);
                self.status = CampaignStatus::Deleted;
            }
            Action::Activate => {
                self.allow(self.status == CampaignStatus::Draft)?;
                if self.rivaled {
                    return Err(CampaignError::DynamicExists);
                }
                self.status = CampaignStatus::Scheduled;
            }
            Action::Suspend => {
                self.support(self.policy.can_suspend)?;
                self.allow(self.status == CampaignStatus::Active)?;
                self.status = CampaignStatus::Suspended;
            }
            Action::Resume => {
                self.support(self.policy.can_suspend)?;
                self.allow(self.status == CampaignStatus::Suspended)?;
                self.status = CampaignStatus::Active;
                self.dispatcher.begin(now);
            }
            Action::Terminate => {
                self.support(self.policy.can_suspend)?;
                self.allow(self.is_running())?;
                self.close(StateSet::NOT_STARTED, self.not_started(FailureReason::Terminated));
                self.status = CampaignStatus::Terminated;
            }
            Action::Cancel { in_progress, tasks } => self.cancel(in_progress, tasks)?,
            Action::CancelStates(states) => self.cancel_states(states)?,
            Action::CancelDevices(devices) => self.cancel_devices(devices)?,
            Action::RetryFailed(devices) => {
                self.allow(self.status == CampaignStatus::Active && now < self.policy.finish)?;
                self.orders.push(Order::Retry { devices });
            }
            Action::Confirm(devices) => self.confirm(devices)?,
            Action::SetRate(change) => {
                self.allow(!self.status.is_over())?;
                self.dispatcher.change(change, now)?;
            }
            Action::SetTags(tags) => {
                self.allow(!self.status.is_over())?;
                self.tags = tags;
            }
            Action::SetTimeout(timeout) => self.set_timeout(timeout)?,
        }
        Ok(())
    }

    fn edit(&mut self, policy: CampaignPolicy) -> Result<(), CampaignError> {
        self.allow(self.status == CampaignStatus::Draft)?;
        self.policy = policy;
        self.watches = vec![Watch::default(); self.policy.abort.len()];
        self.orders.push(Order::SetPolicy(self.policy.task));
        Ok(())
    }

    fn cancel(&mut self, in_progress: bool, tasks: bool) -> Result<(), CampaignError> {
        self.allow(!self.status.is_over() && self.status != CampaignStatus::Draft)?;
        let states = StateSet { in_progress, ..StateSet::ALL };
        match self.policy.dynamic && !tasks {
            // R7: what it has matched so far goes on.
            true => self.goes_on = true,
            false => self.close(states, TaskState::Canceled),
        }
        self.status = CampaignStatus::Canceled;
        Ok(())
    }

    pub(super) fn cancel_states(&mut self, states: StateSet) -> Result<(), CampaignError> {
        self.allow(self.status != CampaignStatus::Draft)?;
        if states.is_empty() {
            return Err(CampaignError::NoStates);
        }
        // Before the start every queued task is a scheduled one.
        let queued = match self.status {
            CampaignStatus::Scheduled => states.scheduled,
            _ => states.queued,
        };
        let states = StateSet { queued, ..states };
        // Those that had no turn yet are among them.
        let unturned = if self.policy.confirms { states.unconfirmed } else { states.queued };
        if unturned {
            self.dispatcher.close();
        }
        self.orders.push(Order::End { states, retries: false, to: TaskState::Canceled });
        Ok(())
    }

    fn cancel_devices(&mut self, devices: Vec<DeviceId>) -> Result<(), CampaignError> {
        self.allow(self.status != CampaignStatus::Draft)?;
        if !(1..=200).contains(&devices.len()) {
            return Err(CampaignError::Devices(devices.len()));
        }
        self.orders.push(Order::EndDevices { devices, to: TaskState::Canceled });
        Ok(())
    }

    fn confirm(&mut self, devices: Vec<DeviceId>) -> Result<(), CampaignError> {
        self.allow(self.is_running())?;
        if !(1..=10).contains(&devices.len()) {
            return Err(CampaignError::Confirmations(devices.len()));
        }
        self.orders.push(Order::Confirm { devices });
        Ok(())
    }

    fn set_timeout(&mut self, timeout: Option<Span>) -> Result<(), CampaignError> {
        self.allow(!self.status.is_over())?;
        if !self.policy.dynamic && self.status != CampaignStatus::Draft {
            return Err(CampaignError::StaticCampaign);
        }
        self.policy.task.timeout = timeout;
        self.orders.push(Order::SetPolicy(self.policy.task));
        Ok(())
    }
}
