//! From the checked scenario to the world a run reads, and who is targeted in it.

use std::collections::BTreeMap;

use crate::dist::{Empirical, Law};
use crate::fleet::{
    Cohort, DownloadLaw, Downloads, Failures, Mix, Polling, Presence, Start, Verdict,
};
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Streams};
use crate::scenario::availability::{self, Online};
use crate::scenario::file::{self, Download, Interrupted, Scenario, Select};
use crate::scenario::law;
use crate::scenario::rules::{self, Act};
use crate::scenario::{Loaded, Measured};
use crate::scheduler::{DeviceList, OfflineTurn, Retry, TaskPolicy, TimeoutFrom};

use super::network::Network;
use super::plan;
use super::reach;
use super::ticks::Ticks;
use super::world::{Devices, Shares, Versions, World};

/// Whether several packages or moments at which tasks are made meet on the fleet.
pub fn is_shared(loaded: &Loaded) -> bool {
    let scenario = &loaded.scenario;
    let joins = |cohort: &file::Cohort| cohort.joins.is_some();
    !loaded.rollouts.is_empty()
        || !loaded.modules.is_empty()
        || scenario.campaign.dynamic.is_some()
        || scenario.fleet.cohort.iter().any(joins)
}

/// Compiles one package's part of the scenario `root`: `package` of its campaign, the
/// `position`th of all.
///
/// # Panics
/// If the scenario was not checked.
pub fn world(root: &Loaded, loaded: &Loaded, package: usize, position: usize) -> World {
    let scenario = &loaded.scenario;
    assert!(scenario.fleet.cohort.len() <= Presence::COHORTS_MAX, "too many cohorts");
    let ticks = Ticks::new(scenario.run.tick);
    let module = &scenario.package.module;
    let versions = versions(root, module, &scenario.package.version);
    let module_id = module_id(scenario, module);
    let streams = Streams::new(scenario.run.seed);
    let polls = scenario.campaign.delivery == file::Delivery::Poll;
    let until = whole_ticks(ticks, scenario.run.until);
    let reaches = reach::reaches(root, &streams, until);
    let network = Network::new(root);
    let asks = network.as_ref().is_some_and(|network| network.backend.is_some());
    World {
        streams: match position {
            0 => streams,
            position => streams.for_package(scenario.run.seed, position as u64),
        },
        devices: devices(loaded, &versions.names, module_id, &streams),
        cohorts: scenario
            .fleet
            .cohort
            .iter()
            .zip(&loaded.measured)
            .zip(reaches)
            .map(|((cohort, measured), reach)| Cohort {
                reach,
                asks,
                ..compile_cohort(cohort, measured.as_ref(), polls)
            })
            .collect(),
        cohort_names: scenario.fleet.cohort.iter().map(|c| c.name.clone()).collect(),
        downloads: downloads(loaded, &versions),
        policy: policy(&scenario.campaign),
        offline: match scenario.campaign.offline {
            file::OfflineTurn::WhenOnline => OfflineTurn::WhenOnline,
            file::OfflineTurn::StoreAndForward => OfflineTurn::StoreAndForward,
        },
        is_source: is_source(&scenario.campaign, &versions.names),
        versions,
        lanes: plan::device_lanes(loaded),
        every_flip: scenario.run.every_flip,
        caps_flights: scenario.campaign.in_flight.is_some(),
        keeps_open: ends_tasks(scenario),
        keeps_offers: ends_tasks(scenario)
            || scenario.campaign.in_flight.is_some()
            || scenario.campaign.timeout_from == rules::TimeoutFrom::Notification,
        keeps_failed: scenario.operator.iter().any(|step| retries(&step.action)),
        is_gated: is_gated(scenario) || polls,
        confirms: scenario.campaign.confirm,
        by_eligibility: scenario.campaign.order == rules::Order::Eligible,
        polls,
        ticks,
        network,
        until,
        module: package as u8,
        module_id,
    }
}

/// 0 for the default module.
fn module_id(scenario: &Scenario, module: &str) -> usize {
    scenario.fleet.modules.keys().position(|name| name == module).map_or(0, |at| at + 1)
}

/// The run ends at a boundary: the first one not before the scenario's `until`.
fn whole_ticks(ticks: Ticks, until: Span) -> Time {
    let tick = ticks.of(Time(until.0.saturating_sub(1)));
    ticks.start(tick + 1)
}

/// By version: whether the campaign takes devices that run it.
fn is_source(campaign: &file::Campaign, names: &[String]) -> Vec<bool> {
    let sources = &campaign.source_versions;
    names.iter().map(|name| sources.is_empty() || sources.contains(name)).collect()
}

/// Whether tasks may be ended by others than their device.
fn ends_tasks(scenario: &Scenario) -> bool {
    let campaign = &scenario.campaign;
    let cancels = |rule: &rules::AbortRule| rule.action != rules::AbortAction::Suspend;
    campaign.finish.is_some() || campaign.abort.iter().any(cancels) || !scenario.operator.is_empty()
}

fn retries(act: &Act) -> bool {
    matches!(act, Act::RetryFailed | Act::RetryDevices(_))
}

/// Whether there are times at which nothing may be pushed.
fn is_gated(scenario: &Scenario) -> bool {
    let campaign = &scenario.campaign;
    campaign.window.is_some()
        || campaign.marks.is_some()
        || !campaign.abort.is_empty()
        || matches!(campaign.stages, rules::Stages::Groups(_))
        || !scenario.operator.is_empty()
}

fn policy(campaign: &file::Campaign) -> TaskPolicy {
    let has_sources = !campaign.source_versions.is_empty();
    TaskPolicy {
        timeout: campaign.timeout,
        timeout_from: match campaign.timeout_from {
            rules::TimeoutFrom::Progress => TimeoutFrom::FirstProgress,
            rules::TimeoutFrom::Notification => TimeoutFrom::Notification,
        },
        step: campaign.step_timeout,
        asks_to_stop: campaign.cancel == rules::Cancel::AsksDevice,
        retry: campaign.retry.filter(|retry| has_sources || !retry.needs_source_version).map(
            |retry| Retry {
                count: retry.count,
                interval: retry.interval,
                needs_permit: retry.needs_permit,
            },
        ),
    }
}

/// All versions that occur, the target, and a last one for what should not occur.
fn versions(root: &Loaded, module: &str, target: &str) -> Versions {
    let fleet = &root.scenario.fleet;
    let mut names: Vec<String> = match (fleet.modules.get(module), &root.inventory) {
        (Some(versions), _) => versions.keys().cloned().collect(),
        (None, Some(inventory)) => inventory.version_names.clone(),
        (None, None) => {
            let cohorts = fleet.cohort.iter().flat_map(|c| c.versions.keys());
            fleet.versions.keys().chain(cohorts).cloned().collect()
        }
    };
    let packages = root.parts().into_iter().map(|part| &part.scenario.package);
    names.extend(packages.filter(|p| p.module == module).map(|package| package.version.clone()));
    names.sort_unstable();
    names.dedup();
    let target = position(&names, target);
    names.push("(other)".to_owned());
    Versions { target, other: names.len() as u16 - 1, names }
}

fn downloads(loaded: &Loaded, versions: &Versions) -> Downloads {
    let package = &loaded.scenario.package;
    let bits = |name: &String| {
        let bytes = package.delta.get(name).copied().or(package.size);
        bytes.map_or(0.0, |bytes| bytes.0 as f64 * 8.0)
    };
    Downloads {
        image_bits: versions.names.iter().map(bits).collect(),
        link_bps: loaded.inventory.as_ref().map_or(vec![], |inventory| inventory.link_bps.clone()),
    }
}

fn position(names: &[String], name: &str) -> u16 {
    names.iter().position(|n| n == name).expect("a version that was listed") as u16
}

fn devices(loaded: &Loaded, names: &[String], module_id: usize, streams: &Streams) -> Devices {
    let fleet = &loaded.scenario.fleet;
    let shares_of = |versions: &BTreeMap<String, f64>| {
        Shares::new(versions.iter().map(|(name, share)| (*share, position(names, name))))
    };
    let of_module = fleet.modules.values().nth(module_id.wrapping_sub(1)).map(shares_of);
    if let Some(inventory) = &loaded.inventory {
        let index = |v: &String| names.iter().position(|n| n == v).map_or(0, |at| at as u16);
        let index: Vec<u16> = inventory.version_names.iter().map(index).collect();
        let drawn = |device: u32, shares: &Shares| {
            let mut stream = streams.stream(DeviceId(device), Purpose::Version, module_id as u32);
            shares.at(stream.next_u64())
        };
        let versions = inventory.versions.iter().zip(0..);
        let version = |(listed, device): (&u16, u32)| match &of_module {
            Some(shares) => drawn(device, shares),
            None => index[usize::from(*listed)],
        };
        return Devices::Listed {
            cohorts: inventory.cohorts.clone(),
            versions: versions.map(version).collect(),
        };
    }
    let versions = fleet.cohort.iter().map(|cohort| match &of_module {
        Some(shares) => shares.clone(),
        None if cohort.versions.is_empty() => shares_of(&fleet.versions),
        None => shares_of(&cohort.versions),
    });
    Devices::Generated {
        count: fleet.devices.expect("checked: devices or inventory"),
        cohorts: Mix::new(&fleet.shares(), &loaded.cohort_sizes()),
        versions: versions.collect(),
    }
}

fn compile_cohort(cohort: &file::Cohort, measured: Option<&Measured>, polls: bool) -> Cohort {
    let start = |start: &availability::Start| match start {
        availability::Start::Equilibrium => Start::Equilibrium,
        availability::Start::Online => Start::Online,
        availability::Start::Offline => Start::Offline,
    };
    let joins = cohort.joins.as_ref().map(law::Law::compiled);
    let (start, on, off) = match &cohort.online {
        // Once it has joined, it stays.
        Online::Always if joins.is_some() => {
            (Start::Always, Law::Constant(Time::NEVER.0 as f64), Law::Constant(0.0))
        }
        Online::Always => (Start::Always, Law::Constant(0.0), Law::Constant(0.0)),
        Online::Renewal { on, off, start: from } => (start(from), on.compiled(), off.compiled()),
        Online::Measured { start: from, .. } => {
            let measured = measured.expect("checked: the file was read");
            let empirical = |us: &[u64]| {
                Law::Empirical(Empirical::new(us.iter().map(|us| *us as f64).collect()))
            };
            (start(from), empirical(&measured.on_us), empirical(&measured.off_us))
        }
        pattern => {
            let [on, off] = reach::usual_periods(pattern).map(Law::Constant);
            (Start::Always, on, off)
        }
    };
    let (never_returns, online_below) =
        Cohort::presence_thresholds(start, &on, &off, cohort.never_returns);
    Cohort {
        start,
        joins,
        periods: [off, on],
        never_returns,
        online_below,
        reach: None,
        polling: polls
            .then_some(cohort.poll)
            .flatten()
            .map(|poll| Polling { every: poll.every, jitter: poll.jitter }),
        consent: cohort.confirms.after.compiled(),
        refuses: crate::rng::threshold(cohort.confirms.refuses),
        reaction: cohort.reacts.compiled(),
        download: match &cohort.download {
            Download::Takes(takes) => DownloadLaw::Takes(takes.compiled()),
            Download::Link(rate) => DownloadLaw::Link(rate.compiled()),
        },
        asks: false,
        restarts: cohort.interrupted == Interrupted::Restart,
        verify: cohort.verify.compiled(),
        install: cohort.install.compiled(),
        failures: Failures::new([
            (cohort.fails.upgrade, Verdict::Upgrade),
            (cohort.fails.download, Verdict::Download),
            (cohort.fails.verify, Verdict::Verify),
            (cohort.fails.flash, Verdict::Flash),
            (cohort.fails.wrong_version, Verdict::WrongVersion),
            (cohort.fails.bricks, Verdict::Brick),
            (cohort.fails.rejects, Verdict::Reject),
        ]),
    }
}

/// Who is targeted, and how the fleet looks before the campaign.
#[derive(Debug)]
pub struct Targets {
    pub list: DeviceList,
    /// One bit per position of the list; none: every one is targeted.
    pub targeted: Option<Box<[u64]>>,
    /// By cohort.
    pub devices: Vec<u64>,
    pub not_required: Vec<u64>,
    /// By version.
    pub versions: Vec<u64>,
    /// By shard, then by cohort.
    pub targeted_in: Vec<Vec<u64>>,
}

impl Targets {
    /// The devices to choose from, and nobody chosen.
    pub fn none(loaded: &Loaded, world: &World, shards: u32) -> Targets {
        Targets {
            list: match &loaded.select_list {
                Some(devices) => DeviceList::Listed(devices.clone()),
                None => DeviceList::All(world.devices.count()),
            },
            targeted: None,
            devices: vec![0; world.cohorts.len()],
            not_required: vec![0; world.cohorts.len()],
            versions: vec![0; world.versions.names.len()],
            targeted_in: vec![vec![0; world.cohorts.len()]; shards as usize],
        }
    }

    /// Before the campaign has started, where its tasks are made only then.
    pub fn later(loaded: &Loaded, world: &World, shards: u32) -> Targets {
        let mut targets = Targets::none(loaded, world, shards);
        targets.count_fleet(world);
        targets.targeted = Some(vec![0; targets.list.len().div_ceil(64) as usize].into());
        targets
    }

    fn count_fleet(&mut self, world: &World) {
        for device in (0..world.devices.count()).map(DeviceId) {
            let id = world.cohort_of(device);
            self.devices[usize::from(id.0)] += 1;
            if world.joined(device, world.cohort(id)) == Time::ZERO {
                self.versions[usize::from(world.version_of(device, id))] += 1;
            }
        }
    }

    /// Devices with a task, in push order.
    pub fn in_order(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.positions().map(|position| self.list.at(position))
    }

    /// Their positions in the list.
    pub fn positions(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match &self.targeted {
            Some(bits) => Box::new(positions(bits)),
            None => Box::new(0..self.list.len()),
        }
    }
}

/// Selects the targets (R11, R13) and puts them into push order (R17).
pub fn targets(loaded: &Loaded, world: &World, shards: u32) -> Targets {
    let mut targets = selected(loaded, world, shards);
    if loaded.scenario.campaign.order == rules::Order::Random {
        targets.list = plan::shuffled(world, targets.in_order());
        targets.targeted = None;
    }
    targets
}

fn selected(loaded: &Loaded, world: &World, shards: u32) -> Targets {
    let count = world.devices.count();
    let campaign = &loaded.scenario.campaign;
    let mut targets = Targets::none(loaded, world, shards);
    if let Some(version) = uniform_version(loaded, world) {
        // A billion devices that are all alike need not be looked at one by one.
        targets.devices[0] = u64::from(count);
        targets.versions[usize::from(version)] = u64::from(count);
        for (shard, in_shard) in (0u32..).zip(&mut targets.targeted_in) {
            in_shard[0] = (u64::from(count) + u64::from(shards - 1 - shard)) / u64::from(shards);
        }
        return targets;
    }
    targets.count_fleet(world);
    let runs = |device| Some(world.version_of(device, world.cohort_of(device)));
    let not_required = &mut targets.not_required;
    let at_target = |device| not_required[usize::from(world.cohort_of(device).0)] += 1;
    let mut bits = matching(loaded, world, &targets.list, runs, at_target);
    cut_to_percentage(world, &targets.list, &campaign.select, &mut bits);
    for position in positions(&bits) {
        let device = targets.list.at(position);
        let cohort = world.cohort_of(device);
        targets.targeted_in[(device.0 % shards) as usize][usize::from(cohort.0)] += 1;
    }
    targets.targeted = Some(bits);
    targets
}

/// The version of every device, if all are targeted and nothing tells them apart.
fn uniform_version(loaded: &Loaded, world: &World) -> Option<u16> {
    let campaign = &loaded.scenario.campaign;
    let Devices::Generated { versions, .. } = &world.devices else { return None };
    let version = versions[0].only()?;
    let source_fits = campaign.source_versions.is_empty()
        || campaign.source_versions.contains(&world.versions.names[usize::from(version)]);
    let all = campaign.select == Select::All
        && world.cohorts.len() == 1
        && loaded.blacklist.is_empty()
        && loaded.whitelist.is_none()
        && source_fits
        && version != world.versions.target;
    all.then_some(version)
}

/// The listed devices that match, given what version `runs` on those that are there; those
/// already at the target are handed to `at_target`.
pub fn matching(
    loaded: &Loaded,
    world: &World,
    list: &DeviceList,
    runs: impl Fn(DeviceId) -> Option<u16>,
    mut at_target: impl FnMut(DeviceId),
) -> Box<[u64]> {
    let mut bits = vec![0u64; list.len().div_ceil(64) as usize];
    for position in 0..list.len() {
        let device = list.at(position);
        if !may_be_targeted(loaded, device) {
            continue;
        }
        match runs(device) {
            Some(version) if version == world.versions.target => at_target(device),
            Some(version) if world.is_source[usize::from(version)] => set_bit(&mut bits, position),
            _ => {}
        }
    }
    bits.into()
}

/// R13: the black list wins.
pub fn may_be_targeted(loaded: &Loaded, device: DeviceId) -> bool {
    loaded.blacklist.binary_search(&device).is_err()
        && loaded.whitelist.as_ref().is_none_or(|white| white.binary_search(&device).is_ok())
}

/// Sets one bit; 64 to a word, the lowest first.
pub fn set_bit(bits: &mut [u64], position: u64) {
    bits[(position / 64) as usize] |= 1 << (position % 64);
}

/// Positions of the set bits.
pub fn positions(bits: &[u64]) -> impl Iterator<Item = u64> + '_ {
    (0u64..).zip(bits).flat_map(|(word, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = u64::from(left.trailing_zeros());
            left &= left.wrapping_sub(1);
            (bit < 64).then_some(word * 64 + bit)
        })
    })
}

/// Keeps a random share, if the campaign wants no more: those with the smallest words for the purpose of selection, so that
/// a greater percentage always takes the devices of a smaller one.
pub fn cut_to_percentage(world: &World, list: &DeviceList, select: &Select, bits: &mut Box<[u64]>) {
    let Select::Percent(percent) = select else { return };
    let thousandths = (percent * 1000.0).round() as u32;
    let word =
        |position: u64| world.streams.stream(list.at(position), Purpose::Selection, 0).next_u64();
    // A histogram of the leading bits finds the cut without sorting a billion words.
    const LEADING: u32 = 16;
    let leading = |position: u64| (word(position) >> (64 - LEADING)) as usize;
    let mut histogram = vec![0u64; 1 << LEADING];
    let mut count = 0;
    for position in positions(bits) {
        histogram[leading(position)] += 1;
        count += 1;
    }
    let mut left = crate::scheduler::percentage_cut(thousandths, count);
    let Some(cut) = histogram.iter().position(|n| {
        let within = *n <= left && left > 0;
        left -= if within { *n } else { 0 };
        !within
    }) else {
        return;
    };
    let mut edge: Vec<(u64, u64)> =
        positions(bits).filter(|at| leading(*at) == cut).map(|at| (word(at), at)).collect();
    edge.sort_unstable();
    let mut kept = vec![0u64; bits.len()];
    let inside = positions(bits).filter(|at| leading(*at) < cut);
    let edge = edge.into_iter().take(left as usize).map(|(_, at)| at);
    for position in inside.chain(edge) {
        set_bit(&mut kept, position);
    }
    *bits = kept.into();
}
