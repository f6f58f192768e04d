//! What platforms take, as they document it: a scenario under their profile keeps to that.

use super::check::Checker;
use super::file::{Package, Select};
use super::path::Path;
use super::profile::Profile;
use super::rules::Stages;
use crate::model::{Bytes, EventRate, Span};

/// From the least to the greatest, and where that stands.
pub type Range = Option<(Span, Span, &'static str)>;

/// A platform's documented limits; none where it has none, or documents none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Greatest push rate per minute, and where that stands.
    pub pushes_per_min: Option<(u64, &'static str)>,
    /// Timeout of a task.
    pub timeout: Range,
    /// Timeout of a step of a task.
    pub step_timeout: Range,
    /// From a campaign's start to its end.
    pub lasts: Range,
    /// Length of a daily window.
    pub window: Range,
    /// From one poll of a device to the next.
    pub poll: Range,
    /// Greatest size of a package.
    pub size: Option<(Bytes, &'static str)>,
    /// Numbers of retries that can be chosen.
    pub retries: Option<(&'static [u8], &'static str)>,
    /// Minutes to a retry that can be chosen.
    pub retry_minutes: Option<(&'static [u64], &'static str)>,
    /// Most source versions.
    pub source_versions: Option<(usize, &'static str)>,
    /// Most devices that are named one by one.
    pub listed: Option<(usize, &'static str)>,
    /// Most devices of a group.
    pub group: Option<(u64, &'static str)>,
}

const fn minutes(minutes: u64) -> Span {
    Span(minutes * 60_000_000)
}

const DAY: u64 = 1_440;

const ALIBABA: Quotas = Quotas {
    pushes_per_min: Some((
        10_000,
        "Alibaba Cloud IoT Platform, CreateOTADynamicUpgradeJob, MaximumPerMinute",
    )),
    timeout: Some((
        minutes(1),
        minutes(1_440),
        "Alibaba Cloud IoT Platform, CreateOTADynamicUpgradeJob, TimeoutInMinutes",
    )),
    lasts: Some((
        minutes(60),
        minutes(30 * DAY),
        "Alibaba Cloud IoT Platform, CreateOTAStaticUpgradeJob, ScheduleFinishTime",
    )),
    // 1,000 MB.
    size: Some((
        Bytes(1_000_000_000),
        "Alibaba Cloud IoT Platform, limits of OTA packages over HTTPS",
    )),
    retries: Some((
        &[1, 2, 5],
        "Alibaba Cloud IoT Platform, CreateOTAStaticUpgradeJob, RetryCount",
    )),
    retry_minutes: Some((
        &[0, 10, 30, 60, 1_440],
        "Alibaba Cloud IoT Platform, CreateOTAStaticUpgradeJob, RetryInterval",
    )),
    source_versions: Some((
        10,
        "Alibaba Cloud IoT Platform, CreateOTAStaticUpgradeJob, SrcVersion.N",
    )),
    listed: Some((
        200,
        "Alibaba Cloud IoT Platform, CreateOTAStaticUpgradeJob, TargetDeviceName.N; a file takes \
         1,000,000: select.list-file",
    )),
    step_timeout: None,
    window: None,
    poll: None,
    group: None,
};

const AWS_IOT_JOBS: Quotas = Quotas {
    pushes_per_min: Some((1_000, "AWS IoT Jobs, developer guide, job rollout configuration")),
    timeout: Some((
        minutes(1),
        minutes(10_080),
        "AWS IoT Jobs, developer guide, job timeout configuration",
    )),
    step_timeout: Some((minutes(1), minutes(10_080), "AWS IoT Jobs, developer guide, step timer")),
    lasts: Some((
        minutes(30),
        minutes(2 * 365 * DAY),
        "AWS IoT Jobs, developer guide, scheduling configuration, endTime",
    )),
    window: Some((
        minutes(1),
        minutes(1_430),
        "AWS IoT Jobs, developer guide, recurring maintenance window",
    )),
    size: None,
    retries: None,
    retry_minutes: None,
    source_versions: None,
    listed: None,
    poll: None,
    group: None,
};

const HAWKBIT: Quotas = Quotas {
    poll: Some((
        Span::secs(30),
        Span::secs(86_399),
        "Eclipse hawkBit, hawkbit.controller.minPollingTime and maxPollingTime, as they come",
    )),
    size: Some((Bytes(1 << 30), "Eclipse hawkBit, quota max-artifact-size, as it comes")),
    group: Some((20_000, "Eclipse hawkBit, quota max-targets-per-rollout-group, as it comes")),
    pushes_per_min: None,
    timeout: None,
    step_timeout: None,
    lasts: None,
    window: None,
    retries: None,
    retry_minutes: None,
    source_versions: None,
    listed: None,
};

impl Quotas {
    /// Of a profile; of none without a profile.
    pub fn of(profile: Option<Profile>) -> Quotas {
        match profile {
            Some(Profile::Alibaba) => ALIBABA,
            Some(Profile::AwsIotJobs) => AWS_IOT_JOBS,
            Some(Profile::Hawkbit) => HAWKBIT,
            Some(Profile::Mender) => Quotas {
                size: Some((Bytes(10 << 30), "Mender, limits of artifacts")),
                ..Quotas::default()
            },
            Some(Profile::Quectel) => Quotas {
                // 100 MB.
                size: Some((
                    Bytes(100_000_000),
                    "Quectel Developer Center, limits of firmware packages",
                )),
                ..Quotas::default()
            },
            Some(Profile::AzureDeviceUpdate) | None => Quotas::default(),
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

impl Checker<'_> {
    /// What the campaign's platform takes, beyond rates and timeouts.
    pub fn platform(&mut self) {
        let scenario = self.scenario;
        let campaign = &scenario.campaign;
        let quotas = self.quotas();
        for (path, package) in super::check::packages(scenario) {
            self.size(&path, package, &quotas);
        }
        if let Some(finish) = campaign.finish.filter(|_| self.knows(&["campaign.start"])) {
            let lasts = Span(finish.0.saturating_sub(campaign.start.0));
            let what = "the campaign lasts, from start to finish,";
            self.in_range(&Path::of("campaign.finish"), what, lasts, quotas.lasts);
        }
        if let Some(window) = &campaign.window
            && self.knows(&["campaign.window"])
        {
            let open = (1_440 + u64::from(window.to.0) - u64::from(window.from.0)) % 1_440;
            let path = Path::of("campaign.window");
            self.in_range(&path, "it is open for", minutes(open), quotas.window);
        }
        if let Some(retry) = campaign.retry {
            let path = Path::of("campaign.retry");
            if let Some((counts, source)) = quotas.retries
                && !counts.contains(&retry.count)
            {
                let rule = format!("must be one of {counts:?} under this profile");
                self.refuse(&path.key("count"), &rule, source);
            }
            if let Some((choices, source)) = quotas.retry_minutes
                && !choices.iter().any(|choice| minutes(*choice) == retry.interval)
            {
                let rule = format!("must be one of {choices:?} min under this profile");
                self.refuse(&path.key("interval"), &rule, source);
            }
        }
        self.counted(&quotas);
        for (index, cohort) in scenario.fleet.cohort.iter().enumerate() {
            if let Some(poll) = cohort.poll {
                let path = Path::of("fleet.cohort").index(index).key("poll").key("every");
                self.in_range(&path, "devices poll every", poll.every, quotas.poll);
            }
        }
    }

    fn size(&mut self, path: &Path, package: &Package, quotas: &Quotas) {
        if let (Some(size), Some((most, source))) = (package.size, quotas.size)
            && size > most
        {
            let rule = format!("must be at most {most} under this profile");
            self.refuse(&path.key("size"), &rule, source);
        }
    }

    fn counted(&mut self, quotas: &Quotas) {
        let campaign = &self.scenario.campaign;
        if let Some((most, source)) = quotas.source_versions
            && campaign.source_versions.len() > most
        {
            let rule = format!("must name at most {most} versions under this profile");
            self.refuse(&Path::of("campaign.source_versions"), &rule, source);
        }
        if let (Some((most, source)), Select::List(ids)) = (quotas.listed, &campaign.select)
            && ids.len() > most
        {
            let rule = format!("must name at most {most} devices under this profile");
            self.refuse(&Path::of("campaign.select.list"), &rule, source);
        }
    }

    /// A span that the platform takes only from a least to a greatest one.
    pub fn in_range(&mut self, path: &Path, what: &str, span: Span, range: Range) {
        if let Some((least, most, source)) = range
            && (span < least || span > most)
        {
            let rule = format!("{what} {span}; from {least} to {most} under this profile");
            self.refuse(path, &rule, source);
        }
    }

    /// Groups of more devices than the platform takes, if there are so many targets at least.
    pub fn groups_too_great(&mut self, targets: u64) {
        let campaign = &self.scenario.campaign;
        let (Some((most, source)), Stages::Groups(_)) = (self.quotas().group, &campaign.stages)
        else {
            return;
        };
        let path = Path::of("campaign.stages.groups.group");
        for (at, size) in campaign.stage_sizes(targets).iter().enumerate() {
            if *size > most {
                let rule = format!("takes {size} devices; at most {most} under this profile");
                self.refuse(&path.index(at).key("percent"), &rule, source);
            }
        }
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
