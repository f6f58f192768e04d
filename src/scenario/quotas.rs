//! What platforms take, as they document it: a scenario under their profile keeps to that.

use super::profile::Profile;
use crate::model::{EventRate, Span};

/// A platform's documented limits; none where it has none, or documents none.
pub struct Quotas {
    /// Greatest push rate per minute, and where that stands.
    pub pushes_per_min: Option<(u64, &'static str)>,
    /// Least and greatest timeout of a task, and where that stands.
    pub timeout: Option<(Span, Span, &'static str)>,
}

const fn minutes(minutes: u64) -> Span {
    Span(minutes * 60_000_000)
}

impl Quotas {
    /// Of a profile; of none without a profile.
    pub fn of(profile: Option<Profile>) -> Quotas {
        match profile {
            Some(Profile::Alibaba) => Quotas {
                pushes_per_min: Some((
                    10_000,
                    "Alibaba Cloud IoT Platform, CreateOTADynamicUpgradeJob, MaximumPerMinute",
                )),
                timeout: Some((
                    minutes(1),
                    minutes(1_440),
                    "Alibaba Cloud IoT Platform, CreateOTADynamicUpgradeJob, TimeoutInMinutes",
                )),
            },
            Some(Profile::AwsIotJobs) => Quotas {
                pushes_per_min: Some((
                    1_000,
                    "AWS IoT Jobs, developer guide, job rollout configuration",
                )),
                timeout: Some((
                    minutes(1),
                    minutes(10_080),
                    "AWS IoT Jobs, developer guide, job timeout configuration",
                )),
            },
            Some(
                Profile::Quectel | Profile::Hawkbit | Profile::Mender | Profile::AzureDeviceUpdate,
            )
            | None => Quotas { pushes_per_min: None, timeout: None },
        }
    }

    /// The rule and its source, if the platform takes no such rate.
    pub fn refuse_rate(&self, rate: EventRate) -> Option<(String, &'static str)> {
        let (most, source) = self.pushes_per_min?;
        let per_min = u128::from(rate.count) * 60_000_000;
        let above = per_min > u128::from(most) * u128::from(rate.per_us);
        above.then(|| (format!("must be at most {most} /min under this profile"), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_held_against_the_quota_in_integers() {
        let quotas = Quotas::of(Some(Profile::AwsIotJobs));
        let refused = |count, per_us| quotas.refuse_rate(EventRate { count, per_us }).is_some();
        assert!(!refused(1_000, 60_000_000));
        assert!(refused(1_001, 60_000_000));
        assert!(refused(17, 1_000_000));
        assert!(!refused(16, 1_000_000));
        assert!(Quotas::of(None).refuse_rate(EventRate { count: 1 << 62, per_us: 1 }).is_none());
    }
}
