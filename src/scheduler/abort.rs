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

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortMetric {
    /// All failures.
    Failed,
    /// Those that devices report: a code, or another version than the target.
    Reported,
    Rejected,
    TimedOut,
}

impl AbortMetric {
    /// As the reports call it.
    pub fn name(self) -> &'static str {
        match self {
            AbortMetric::Failed => "failed",
            AbortMetric::Reported => "reported-failed",
            AbortMetric::Rejected => "rejected",
            AbortMetric::TimedOut => "timed-out",
        }
    }

    /// Whether it counts tasks that failed for this reason.
    pub fn counts(self, reason: FailureReason) -> bool {
        match self {
            AbortMetric::Failed => true,
            AbortMetric::Reported => {
                reason.code().is_some() || reason == FailureReason::VersionMismatch
            }
            AbortMetric::Rejected => reason == FailureReason::Rejected,
            AbortMetric::TimedOut => reason == FailureReason::Timeout,
        }
    }
}

/// What a rule's percentage is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denominator {
    Finished,
    Notified,
    Total,
}

impl Denominator {
    /// As the reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Denominator::Finished => "finished",
            Denominator::Notified => "notified",
            Denominator::Total => "total",
        }
    }
}

/// What a rule does once it is met.
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
    /// By position in [`FailureReason::ALL`]; without those that the campaign itself fails when
    /// it is terminated or expires, after which it decides nothing.
    pub failures: [u64; FailureReason::ALL.len()],
}

impl Counts {
    /// Tasks that failed, for whatever reason.
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Tasks that succeeded or failed; canceled ones are neither.
    pub fn finished(&self) -> u64 {
        self.succeeded + self.failed()
    }

    /// Failed tasks that the metric counts.
    pub fn of(&self, metric: AbortMetric) -> u64 {
        let failures = FailureReason::ALL.iter().zip(&self.failures);
        failures.filter(|(reason, _)| metric.counts(**reason)).map(|(_, n)| n).sum()
    }

    /// Failures that the metric leaves out, by position in [`FailureReason::ALL`].
    fn left_out(&self, metric: AbortMetric) -> [u64; FailureReason::ALL.len()] {
        let mut left_out = self.failures;
        for (reason, n) in FailureReason::ALL.iter().zip(&mut left_out) {
            *n = if metric.counts(*reason) { 0 } else { *n };
        }
        left_out
    }
}

impl AbortRule {
    /// Whether the rule's condition holds; integers only, so that no rounding decides.
    pub fn is_met(&self, counts: &Counts) -> bool {
        self.executed(counts) >= self.min_executed.max(1) && self.is_reached(self.share(counts))
    }

    fn is_reached(&self, (bad, of): (u64, u64)) -> bool {
        u128::from(bad) * 10_000 >= u128::from(of) * u128::from(self.hundredths)
    }

    /// Devices that came to a bad end, and what they are a share of.
    pub fn share(&self, counts: &Counts) -> (u64, u64) {
        let of = match self.denominator {
            Denominator::Finished => counts.finished(),
            Denominator::Notified => counts.notified,
            Denominator::Total => counts.total,
        };
        (counts.of(self.metric), of)
    }

    /// What [`AbortRule::min_executed`] is compared with.
    fn executed(&self, counts: &Counts) -> u64 {
        match self.denominator {
            Denominator::Notified => counts.notified,
            Denominator::Finished | Denominator::Total => counts.finished(),
        }
    }
}

/// What a rule has seen while its campaign was not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    highest: Option<Highest>,
    executed: u64,
}

/// The greatest share that a rule saw while enough devices were executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highest {
    /// When it was reached first.
    pub at: Time,
    /// So many devices had come to a bad end, of so many.
    pub bad: u64,
    pub of: u64,
}

impl Watch {
    /// Takes note of the counts after a result; whether the rule's condition holds.
    pub fn look(&mut self, rule: &AbortRule, counts: &Counts, at: Time) -> bool {
        let executed = rule.executed(counts);
        self.executed = self.executed.max(executed);
        if executed < rule.min_executed.max(1) {
            return false;
        }
        let (bad, of) = rule.share(counts);
        let is_higher = |highest: &Highest| {
            u128::from(bad) * u128::from(highest.of) > u128::from(highest.bad) * u128::from(of)
        };
        if self.highest.as_ref().is_none_or(is_higher) {
            self.highest = Some(Highest { at, bad, of });
        }
        rule.is_reached((bad, of))
    }

    /// What it came to, with the counts at the end.
    pub fn outcome(&self, rule: &AbortRule, met: Option<Time>, counts: &Counts) -> RuleOutcome {
        let Watch { highest, executed } = *self;
        RuleOutcome { rule: *rule, met, highest, executed, left_out: counts.left_out(rule.metric) }
    }
}

/// What an abort rule saw, whether it was met or not (R29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    pub rule: AbortRule,
    /// When it was met, if it was.
    pub met: Option<Time>,
    /// None: too few devices were executed, ever.
    pub highest: Option<Highest>,
    /// Most devices that were executed at a time, as [`AbortRule::min_executed`] counts them.
    pub executed: u64,
    /// Failures at the end that it does not count, by position in [`FailureReason::ALL`].
    pub left_out: [u64; FailureReason::ALL.len()],
}

/// What a campaign's abort came to (R30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// Position of the rule.
    pub rule: usize,
    /// When the condition was first really met, and with how many results.
    pub met: Time,
    pub met_counts: Counts,
    /// Failures by then, those taken back by a retry by hand included.
    pub met_failures: u64,
    /// When it was acted on, and what was known then.
    pub acted: Time,
    pub acted_counts: Counts,
}
