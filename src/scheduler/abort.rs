//! Rules that stop a campaign which goes wrong (R29, R30).

use crate::model::Time;

use super::state::FailureReason;

/// One rule: stop when this share of devices came to a bad end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortRule {
    pub metric: AbortMetric,
    /// Threshold in hundredths of a percent; it is met when it is reached.
    pub hundredths: u32,
    /// The rule holds once so many devices count in the denominator, or are finished if that
    /// is the total.
    pub min_executed: u64,
    pub denominator: Denominator,
    pub action: AbortAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortMetric {
    /// Failed, other than by refusal or timeout.
    Failed,
    Rejected,
    TimedOut,
    /// All of them.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denominator {
    Finished,
    Notified,
    Total,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortAction {
    CancelQueued,
    Suspend,
    CancelAll,
}

/// What became of a campaign's tasks so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Devices with a task.
    pub total: u64,
    /// Tasks that were pushed.
    pub notified: u64,
    pub succeeded: u64,
    /// By position in [`FailureReason::ALL`]; results of devices only.
    pub failures: [u64; FailureReason::ALL.len()],
}

impl Counts {
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    pub fn finished(&self) -> u64 {
        self.succeeded + self.failed()
    }

    pub fn of(&self, metric: AbortMetric) -> u64 {
        let reason = |reason: FailureReason| self.failures[reason as usize];
        let (rejected, timed_out) =
            (reason(FailureReason::Rejected), reason(FailureReason::Timeout));
        match metric {
            AbortMetric::Failed => self.failed() - rejected - timed_out,
            AbortMetric::Rejected => rejected,
            AbortMetric::TimedOut => timed_out,
            AbortMetric::All => self.failed(),
        }
    }
}

impl AbortRule {
    /// Whether the rule's condition holds; integers only, so that no rounding decides.
    pub fn is_met(&self, counts: &Counts) -> bool {
        let (denominator, executed) = match self.denominator {
            Denominator::Finished => (counts.finished(), counts.finished()),
            Denominator::Notified => (counts.notified, counts.notified),
            Denominator::Total => (counts.total, counts.finished()),
        };
        let bad = u128::from(counts.of(self.metric)) * 10_000;
        executed >= self.min_executed.max(1)
            && bad >= u128::from(denominator) * u128::from(self.hundredths)
    }
}

/// What a campaign's abort came to (R30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// Position of the rule.
    pub rule: usize,
    /// When the condition was first really met, and with how many results.
    pub met: Time,
    pub met_counts: Counts,
    /// When it was acted on, and what was known then.
    pub acted: Time,
    pub acted_counts: Counts,
}
