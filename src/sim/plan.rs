//! From the checked scenario to the campaign that the coordinator runs.

use jiff::tz::TimeZone;

use crate::model::{DeviceId, Span, Time};
use crate::rng::Purpose;
use crate::scenario::Loaded;
use crate::scenario::file::{self, PushRate, Scenario};
use crate::scenario::moments::{Counted, Moment};
use crate::scenario::rules::{self, Act, DEVICE_CLOCK};
use crate::scenario::windows::first_mark;
pub use crate::scenario::windows::windows;
use crate::scheduler::{
    AbortAction, AbortMetric, AbortRule, Action, Campaign, CampaignPolicy, Count, Denominator,
    DeviceList, Dispatcher, Exponential, Group, GroupDenominator, Groups, Lane, Limiter, Marks,
    NotStarted, Openings, Phases, RateChange, Reached, Selection, StageOf, Stages, StateSet,
    Timeline, Trigger, Variable,
};

use super::setup::{Targets, set_bit};
use super::staging::Staging;
use super::world::{Lanes, World};

/// The campaign on these targets, divided into these stages.
pub fn campaign(
    loaded: &Loaded,
    world: &World,
    targets: &Targets,
    staging: Option<&Staging>,
) -> Campaign {
    let Scenario { campaign, run, .. } = &loaded.scenario;
    let needs_permit = world.policy.retry.is_none_or(|retry| retry.needs_permit);
    let limiter = match campaign.marks {
        None => limiter(&campaign.rate),
        Some(every) => limiter(&campaign.rate).at_marks(marks(every, run.date)),
    };
    let lanes = lanes(loaded, world, targets, staging);
    let mut dispatcher = Dispatcher::new(limiter, world.offline, needs_permit, lanes);
    if world.confirms || world.polls || world.by_eligibility {
        dispatcher = dispatcher.enrolling(world.polls);
    }
    let total: u64 = targets.targeted_in.iter().flatten().sum();
    Campaign::new(policy(campaign, world), dispatcher, stages(campaign, staging), total)
}

fn policy(campaign: &file::Campaign, world: &World) -> CampaignPolicy {
    CampaignPolicy {
        draft: campaign.draft,
        start: Time(campaign.start.0),
        finish: campaign.finish.map_or(Time::NEVER, |finish| Time(finish.0)),
        in_flight: campaign.in_flight.map(u64::from),
        not_started: match campaign.not_started {
            rules::NotStarted::Failed => NotStarted::Failed,
            rules::NotStarted::Canceled => NotStarted::Canceled,
        },
        fails_started: campaign.expiry_fails_started,
        can_suspend: campaign.can_suspend,
        confirms: world.confirms,
        dynamic: campaign.dynamic.is_some(),
        joins_at_once: campaign.joiners == rules::Joiners::AtOnce,
        abort: campaign.abort.iter().map(|rule| abort_rule(rule, campaign.failed_counts)).collect(),
        task: world.policy,
    }
}

fn abort_rule(rule: &rules::AbortRule, failed: rules::FailedCounts) -> AbortRule {
    AbortRule {
        metric: match (rule.metric, failed) {
            (rules::AbortMetric::Failed, rules::FailedCounts::Reported) => AbortMetric::Reported,
            (rules::AbortMetric::Failed | rules::AbortMetric::All, _) => AbortMetric::Failed,
            (rules::AbortMetric::Rejected, _) => AbortMetric::Rejected,
            (rules::AbortMetric::TimedOut, _) => AbortMetric::TimedOut,
        },
        hundredths: (rule.percent * 100.0).round() as u32,
        min_executed: u64::from(rule.min_executed),
        denominator: match rule.of {
            rules::AbortOf::Finished => Denominator::Finished,
            rules::AbortOf::Notified => Denominator::Notified,
            rules::AbortOf::Total => Denominator::Total,
        },
        action: match rule.action {
            rules::AbortAction::CancelQueued => AbortAction::CancelQueued,
            rules::AbortAction::Suspend => AbortAction::Suspend,
            rules::AbortAction::CancelAll => AbortAction::CancelAll,
        },
    }
}

/// The limiter that the campaign's rate describes.
pub fn limiter(rate: &PushRate) -> Limiter {
    match rate {
        PushRate::Unlimited => Limiter::Unlimited,
        PushRate::Constant { rate, burst } => Limiter::constant(*rate, *burst),
        PushRate::FixedWindow { pushes, window } => Limiter::fixed_window(*pushes, *window),
        PushRate::Variable { table, burst } => {
            Limiter::Variable(Variable::new(rate_table(table), *burst))
        }
        PushRate::Exponential { base, factor, every, of, max } => {
            let of = match of {
                rules::Reached::Notified => Reached::Notified,
                rules::Reached::Succeeded => Reached::Succeeded,
            };
            let tenths = (factor * 10.0).round() as u32;
            Limiter::Exponential(Exponential::new(*base, *max, tenths, u64::from(*every), of))
        }
    }
}

fn rate_table(table: &[rules::RateFrom]) -> Vec<(Time, Option<crate::model::EventRate>)> {
    table.iter().map(|entry| (Time(entry.at.0), entry.rate)).collect()
}

/// When stages open; nobody is in them yet if they are not known.
pub fn stages(campaign: &file::Campaign, staging: Option<&Staging>) -> Stages {
    match &campaign.stages {
        rules::Stages::All => Stages::One,
        rules::Stages::Phases(phases) => Stages::Phases(Phases {
            at: phases.iter().map(|phase| Time(phase.at.0)).collect(),
            whole: staging.is_some_and(|staging| staging.rest == 0),
        }),
        rules::Stages::Groups(groups) => {
            let size = |at: usize| staging.map_or(0, |staging| staging.sizes[at]);
            let group = |(at, group): (usize, &rules::Group)| Group {
                size: size(at),
                success: group.success,
                error: group.error,
                ..Group::default()
            };
            let sized = groups.group.iter().enumerate().map(group).collect();
            let of = match groups.of {
                rules::GroupOf::Total => GroupDenominator::Total,
                rules::GroupOf::Finished => GroupDenominator::Finished,
            };
            let stage_of = staging.map_or(StageOf::Starts(Vec::new()), |s| s.of.clone());
            Stages::Groups(Groups::new(sized, stage_of, of))
        }
    }
}

/// The target list divided by priority and clock, each part with where its stages end.
pub fn lanes(
    loaded: &Loaded,
    world: &World,
    targets: &Targets,
    staging: Option<&Staging>,
) -> Vec<Lane> {
    let lanes = unstaged(loaded, world, targets);
    match staging {
        None => lanes,
        Some(staging) => {
            let ends = staging.lane_ends(world, targets);
            lanes.into_iter().zip(ends).map(|(lane, ends)| lane.staged(ends)).collect()
        }
    }
}

fn unstaged(loaded: &Loaded, world: &World, targets: &Targets) -> Vec<Lane> {
    let list = targets.list.clone();
    if world.lanes.count() == 1 {
        let openings = openings(loaded, &world.lanes.zones[0]);
        return vec![Lane::new(Selection::new(list, targets.targeted.clone()), openings)];
    }
    let words = list.len().div_ceil(64) as usize;
    let mut bits = vec![vec![0u64; words]; world.lanes.count()];
    for position in targets.positions() {
        let device = list.at(position);
        let lane = world.lanes.of(device, world.cohort_of(device));
        set_bit(&mut bits[usize::from(lane)], position);
    }
    let lane = |(bits, zone): (Vec<u64>, &String)| {
        Lane::new(Selection::new(list.clone(), Some(bits.into())), openings(loaded, zone))
    };
    bits.into_iter().zip(&world.lanes.zones).map(lane).collect()
}

/// Which lane each device is in: by priority, then by time zone.
pub fn device_lanes(loaded: &Loaded) -> Lanes {
    let Scenario { campaign, fleet, .. } = &loaded.scenario;
    let by_cohort = campaign.order == rules::Order::Cohort;
    let by_zone = campaign.window.as_ref().is_some_and(|window| window.clock == DEVICE_CLOCK);
    // Where the device's own clock does not count, or is not known.
    let clock = match &campaign.window {
        Some(window) if !by_zone => &window.clock,
        _ => "UTC",
    };
    if !by_cohort && !by_zone {
        return Lanes::one(clock.to_owned());
    }
    let key = |cohort: usize, zone: Option<&String>| {
        let zone = zone.or(fleet.cohort[cohort].timezone.as_ref()).filter(|_| by_zone);
        (if by_cohort { cohort } else { 0 }, zone.cloned().unwrap_or_else(|| clock.to_owned()))
    };
    let inventory = loaded.inventory.as_ref().filter(|i| by_zone && !i.zones.is_empty());
    let per_device = inventory.is_some();
    let keys: Vec<(usize, String)> = match inventory {
        Some(inventory) => {
            let devices = inventory.cohorts.iter().zip(&inventory.zones);
            let zone = |zone: u16| inventory.zone_names.get(usize::from(zone));
            devices.map(|(c, z)| key(usize::from(*c), zone(*z))).collect()
        }
        None => (0..fleet.cohort.len()).map(|cohort| key(cohort, None)).collect(),
    };
    let mut sorted: Vec<(usize, String)> = keys.clone();
    sorted.sort();
    sorted.dedup();
    let lane = |key: &(usize, String)| sorted.binary_search(key).expect("it was listed") as u16;
    let of: Vec<u16> = keys.iter().map(lane).collect();
    let zones = sorted.into_iter().map(|(_, zone)| zone).collect();
    Lanes { zones, of, per_device }
}

/// When pushes to devices with this clock may leave.
fn openings(loaded: &Loaded, zone: &str) -> Openings {
    let Scenario { campaign, run, .. } = &loaded.scenario;
    let windows = campaign.window.as_ref().map(|window| {
        let zone = TimeZone::get(zone).expect("checked: a known time zone");
        windows(window.from, window.to, &zone, run.date, run.until)
    });
    Openings::new(windows, campaign.marks.map(|every| marks(every, run.date)))
}

/// Counted from midnight of the run's first day in UTC.
fn marks(every: Span, date: Moment) -> Marks {
    Marks { first: first_mark(every, date), every }
}

/// What operators do, and when.
pub fn timeline(loaded: &Loaded) -> Timeline {
    let steps = loaded.scenario.operator.iter().zip(&loaded.operator_devices);
    let compile = |(step, devices): (&rules::Step, &Vec<DeviceId>)| {
        let trigger = match (step.at, step.when) {
            (Some(at), _) => Trigger::At(Time(at.0)),
            (None, Some(when)) => Trigger::When { count: count(when.count), above: when.above },
            (None, None) => unreachable!("checked: at or when"),
        };
        (trigger, action(&step.action, devices))
    };
    Timeline::new(steps.map(compile).collect())
}

fn count(counted: Counted) -> Count {
    match counted {
        Counted::Notified => Count::Notified,
        Counted::Succeeded => Count::Succeeded,
        Counted::Finished => Count::Finished,
        Counted::Failed => Count::Failed(AbortMetric::Failed),
        Counted::Rejected => Count::Failed(AbortMetric::Rejected),
        Counted::TimedOut => Count::Failed(AbortMetric::TimedOut),
    }
}

fn action(act: &Act, devices: &[DeviceId]) -> Action {
    match act {
        Act::Activate => Action::Activate,
        Act::Delete => Action::Delete,
        Act::Suspend => Action::Suspend,
        Act::Resume => Action::Resume,
        Act::Terminate => Action::Terminate,
        Act::Cancel { in_progress, tasks } => {
            Action::Cancel { in_progress: *in_progress, tasks: *tasks }
        }
        Act::CancelStates(groups) => {
            let has = |group| groups.contains(&group);
            Action::CancelStates(StateSet {
                scheduled: has(rules::TaskGroup::Scheduled),
                unconfirmed: has(rules::TaskGroup::Unconfirmed),
                queued: has(rules::TaskGroup::Queued),
                notified: has(rules::TaskGroup::Notified),
                in_progress: has(rules::TaskGroup::InProgress),
            })
        }
        Act::CancelDevices(_) => Action::CancelDevices(devices.to_vec()),
        Act::ConfirmDevices(_) => Action::Confirm(devices.to_vec()),
        Act::RetryFailed => Action::RetryFailed(None),
        Act::RetryDevices(_) => Action::RetryFailed(Some(devices.to_vec())),
        Act::SetRate(rate) => Action::SetRate(match rate {
            PushRate::Constant { rate, .. } => RateChange::Constant(*rate),
            PushRate::FixedWindow { pushes, .. } => RateChange::FixedWindow { pushes: *pushes },
            PushRate::Variable { table, .. } => RateChange::Variable(rate_table(table)),
            PushRate::Exponential { base, max, .. } => {
                RateChange::Exponential { base: *base, max: *max }
            }
            PushRate::Unlimited => unreachable!("checked: it has no values"),
        }),
        Act::SetTags(tags) => {
            Action::SetTags(tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        }
        Act::SetTimeout(timeout) => Action::SetTimeout(Some(*timeout)),
    }
}

/// The list in a random order, the same for every run with the seed.
pub fn shuffled(world: &World, devices: impl Iterator<Item = DeviceId>) -> DeviceList {
    let word = |device: &DeviceId| world.streams.stream(*device, Purpose::Order, 0).next_u64();
    let mut devices: Vec<DeviceId> = devices.collect();
    devices.sort_by_cached_key(|device| (word(device), *device));
    DeviceList::Listed(devices)
}
