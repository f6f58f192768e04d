//! An operator's day: what is done to a campaign, and when.

use crate::model::Time;

use super::abort::{AbortMetric, Counts};
use super::campaign::{Action, Campaign};

/// Actions that wait for their time or their condition.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    steps: Vec<(Trigger, Action)>,
}

/// When an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    At(Time),
    /// As soon as a count is greater than this.
    When {
        count: Count,
        above: u64,
    },
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Notified,
    Succeeded,
    Finished,
    Failed(AbortMetric),
}

impl Count {
    fn of(self, counts: &Counts) -> u64 {
        match self {
            Count::Notified => counts.notified,
            Count::Succeeded => counts.succeeded,
            Count::Finished => counts.finished(),
            Count::Failed(metric) => counts.of(metric),
        }
    }
}

impl Timeline {
    /// Steps of one instant are done in the order given.
    pub fn new(mut steps: Vec<(Trigger, Action)>) -> Timeline {
        steps.sort_by_key(|(trigger, _)| match trigger {
            Trigger::At(at) => *at,
            Trigger::When { .. } => Time::NEVER,
        });
        Timeline { steps }
    }

    /// Whether some step waits for a condition.
    pub fn has_conditions(&self) -> bool {
        self.steps.iter().any(|(trigger, _)| matches!(trigger, Trigger::When { .. }))
    }

    /// Names of the steps whose time or condition has not come.
    pub fn left(&self) -> Vec<&'static str> {
        self.steps.iter().map(|(_, action)| action.name()).collect()
    }

    /// When the next step is due by time alone.
    pub fn next(&self) -> Time {
        let at = |(trigger, _): &(Trigger, Action)| match trigger {
            Trigger::At(at) => *at,
            Trigger::When { .. } => Time::NEVER,
        };
        self.steps.iter().map(at).min().unwrap_or(Time::NEVER)
    }

    /// Does the first step that is due at `now`, for good; a refusal is in the campaign's log.
    /// Returns whether there was one: then there may be another, once the campaign's orders are
    /// carried out.
    pub fn act(&mut self, now: Time, campaign: &mut Campaign) -> bool {
        let is_due = |(trigger, _): &(Trigger, Action)| match trigger {
            Trigger::At(time) => *time <= now,
            Trigger::When { count, above } => count.of(campaign.counts()) > *above,
        };
        let Some(at) = self.steps.iter().position(is_due) else { return false };
        let (_, action) = self.steps.remove(at);
        let _ = campaign.handle(now, action);
        true
    }
}
