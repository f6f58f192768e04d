//! A run's logs as the platform's own register.

use crate::model::{DeviceId, Time};
use crate::scenario::Loaded;
use crate::scheduler::{
    CampaignInfo, LogEntry, PackageId, PackageInfo, Registry, TaskId, Verification,
};

use super::outcome::{Outcome, TraceEntry};
use super::rollout::Rollout;
use super::trace::CREATED;

/// Makes the register from the logs of all packages, which are taken out of the outcomes.
pub fn registry(loaded: &Loaded, rollouts: &[Rollout], outcomes: &mut [Outcome]) -> Registry {
    let mut registry = Registry::default();
    let devices = rollouts[0].world().devices.count();
    for device in (0..devices).map(DeviceId) {
        registry.add_device(loaded.device_name(device).into_owned());
    }
    let mut logs: Vec<(TraceEntry, Writer)> = Vec::new();
    let mut outcomes = outcomes.iter_mut();
    for rollout in rollouts {
        let own: Vec<&mut Outcome> = outcomes.by_ref().take(rollout.worlds.len()).collect();
        let packages: Vec<PackageId> = rollout
            .parts
            .iter()
            .zip(&own)
            .map(|(part, outcome)| registry.add_package(package(part, outcome)))
            .collect();
        let info = campaign(rollout.parts[0], own[0], packages.clone());
        let campaign = registry.add_campaign(info);
        for ((package, world), outcome) in packages.iter().zip(rollout.worlds).zip(own) {
            let module = &outcome.module;
            for device in (0..devices).map(DeviceId) {
                let cohort = world.cohort_of(device);
                let version = usize::from(world.version_of(device, cohort));
                let joined = world.joined(device, world.cohort(cohort));
                if !joined.is_never() {
                    let version = &world.versions.names[version];
                    registry.report_version(device, module, version, joined);
                }
            }
            let writer = Writer { campaign, package: *package, names: &world.versions.names };
            let taken = std::mem::take(&mut outcome.trace);
            logs.extend(taken.into_iter().map(|entry| (entry, writer)));
        }
    }
    // Stable: what happened to one task at one instant stays in its order.
    logs.sort_by_key(|(entry, _)| (entry.at, entry.device));
    let mut current: Vec<Vec<(PackageId, TaskId)>> = vec![Vec::new(); devices as usize];
    for (entry, writer) in logs {
        let tasks = &mut current[entry.device.0 as usize];
        writer.write(&mut registry, tasks, &entry);
    }
    registry
}

#[derive(Clone, Copy)]
struct Writer<'a> {
    campaign: crate::scheduler::CampaignId,
    package: PackageId,
    /// Of the module's versions.
    names: &'a [String],
}

impl Writer<'_> {
    /// `tasks`: the device's latest task for each package.
    fn write(
        &self,
        registry: &mut Registry,
        tasks: &mut Vec<(PackageId, TaskId)>,
        entry: &TraceEntry,
    ) {
        let TraceEntry { at, event, state, attempt, online, device, version } = *entry;
        let log = LogEntry { at, event, state, attempt, online };
        if let Some(version) = version {
            let module = registry.package(self.package).expect("it was added").module.clone();
            registry.report_version(device, &module, &self.names[usize::from(version)], at);
        }
        let own = tasks.iter_mut().find(|(package, _)| *package == self.package);
        match own {
            Some((_, task)) if event != CREATED => registry.note(*task, log),
            own => {
                let task = registry.add_task(self.campaign, self.package, device, log);
                match own {
                    Some(own) => own.1 = task,
                    None => tasks.push((self.package, task)),
                }
            }
        }
    }
}

fn package(part: &Loaded, outcome: &Outcome) -> PackageInfo {
    let package = &part.scenario.package;
    let tally = outcome.total();
    let verification = match (part.scenario.campaign.verify, package.needs_verification) {
        (true, _) => Verification::Needed.after(tally.targeted, tally.succeeded(), tally.open()),
        (false, true) => Verification::Needed,
        (false, false) => Verification::NotNeeded,
    };
    PackageInfo {
        module: package.module.clone(),
        version: package.version.clone(),
        size: package.size,
        verification,
    }
}

fn campaign(part: &Loaded, outcome: &Outcome, packages: Vec<PackageId>) -> CampaignInfo {
    let campaign = &part.scenario.campaign;
    CampaignInfo {
        name: campaign.name.clone(),
        packages,
        status: outcome.campaign.status,
        dynamic: campaign.dynamic.is_some(),
        verify: campaign.verify,
        source_versions: campaign.source_versions.clone(),
        start: Time(campaign.start.0),
        finish: campaign.finish.map_or(Time::NEVER, |finish| Time(finish.0)),
        tags: outcome.campaign.tags.clone(),
        log: outcome.campaign.log.clone(),
    }
}
