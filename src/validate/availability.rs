//! When devices can be reached: whole scenarios, in which offers wait for devices.

use super::runs::{hours, load, run, scenario, share, simulate, total};
use super::{Effort, Observed, observed};
use crate::fleet::Presence;
use crate::model::{CohortId, DeviceId, Span, Time};
use crate::sim::outcome::{LatencyKind, Tally};
use crate::sim::{World, world_of};

/// Skype hosts of 2006, the fleet of A01, A02 and A09.
pub const SKYPE: &str = "online.renewal.on.weibull = { shape = 0.64, scale = '10.86 h' }
online.renewal.off.weibull = { shape = 0.63, scale = '9.48 h' }
download.takes = '0 s'
";

/// Offers to the whole fleet at once, which wait for devices that are offline.
pub const AT_ONCE: &str = "rate = 'unlimited'\noffline = 'store-and-forward'";

fn devices(effort: Effort) -> u32 {
    effort.of(100_000, 500_000)
}

/// Devices that were offline at their turn.
fn offline(tally: &Tally) -> u64 {
    tally.turns - tally.online_at_turn
}

/// Runs the cohort in the three ways that must agree: lazily, with every flip, and with every
/// flip and offers that come one by one over five days, when most devices have changed often.
fn in_every_mode(
    cohort: &str,
    effort: Effort,
    see: impl Fn(&Tally) -> Vec<Observed>,
) -> Vec<Observed> {
    let devices = devices(effort);
    let over_days =
        format!("rate.constant.rate = '{} /d'\noffline = 'store-and-forward'", devices / 5);
    let modes = [(AT_ONCE, false), (&over_days, false), (&over_days, true)];
    let run = |(campaign, flips): (&str, bool)| {
        let flips = format!("every_flip = {flips}\nuntil = '2000 d'");
        see(&total(&scenario(devices, campaign, cohort, &flips)))
    };
    modes.into_iter().flat_map(run).collect()
}

/// Alternating renewal: the share of the fleet that is online at a device's turn.
pub fn a01(effort: Effort) -> Vec<Observed> {
    in_every_mode(SKYPE, effort, |tally| {
        let online = share(tally.online_at_turn, tally.turns);
        vec![observed("fraction_online", online, tally.turns as f64)]
    })
}

/// How long an offer waits for a device of the fleet of [`a01`], and who is reached by when.
pub fn a02(effort: Effort) -> Vec<Observed> {
    in_every_mode(SKYPE, effort, |tally| {
        let wait = tally.latency(LatencyKind::PushedToUpdated);
        let (n, offline) = (wait.count() as f64, offline(tally) as f64);
        let hours_in_all = wait.sum_us() as f64 / 3.6e9;
        let reached = |h| wait.share_at_most(hours(h));
        vec![
            observed("mean_wait_all_devices", hours_in_all / n, n),
            observed("mean_wait_given_offline", hours_in_all / offline, offline),
            observed("reached_by_1h", reached(1), n),
            observed("reached_by_6h", reached(6), n),
            observed("reached_by_24h", reached(24), n),
            observed("reached_by_168h", reached(168), n),
        ]
    })
}

fn residual(off: &str, effort: Effort, has_tail: bool) -> Vec<Observed> {
    let cohort = format!(
        "online.renewal.on.exponential.mean = '10 h'\nonline.renewal.off{off}\n\
         download.takes = '0 s'"
    );
    in_every_mode(&cohort, effort, |tally| {
        let wait = tally.latency(LatencyKind::PushedToUpdated);
        let n = offline(tally) as f64;
        let mean = observed("mean_residual", wait.sum_us() as f64 / n / 3.6e9, n);
        let later = (1.0 - wait.share_at_most(hours(24))) * wait.count() as f64;
        let max = wait.max().map_or(f64::NAN, Span::as_secs_f64) / 3600.0;
        match has_tail {
            true => vec![mean, observed("P_residual_gt_24h", later / n, n)],
            false => vec![mean, observed("max_residual", max, n)],
        }
    })
}

/// The rest of an off period at a random instant: exponential.
pub fn a03a(effort: Effort) -> Vec<Observed> {
    residual(".exponential.mean = '10 h'", effort, true)
}

/// As [`a03a`], off periods constant: what is left is uniform.
pub fn a03b(effort: Effort) -> Vec<Observed> {
    residual(" = '10 h'", effort, false)
}

/// As [`a03a`], off periods Weibull with a heavy tail.
pub fn a03c(effort: Effort) -> Vec<Observed> {
    residual(".weibull = { shape = 0.5, scale = '5 h' }", effort, true)
}

/// As [`a03a`], off periods lognormal.
pub fn a03d(effort: Effort) -> Vec<Observed> {
    residual(".lognormal-mean = { mean = '10 h', scv = 4.0 }", effort, true)
}

/// As [`a03a`], off periods hyper-exponential: most short, some of a day.
pub fn a03e(effort: Effort) -> Vec<Observed> {
    let branches = "{ share = 0.8, mean = '1 h' }, { share = 0.2, mean = '24 h' }";
    residual(&format!(".hyper-exponential = [{branches}]"), effort, true)
}

/// Exponential on and off periods after a start at which all are offline.
pub fn a04(effort: Effort) -> Vec<Observed> {
    let cohort = "online.renewal = { on.exponential.mean = '8 h', off.exponential.mean = '16 h', \
                  start = 'offline' }\ndownload.takes = '0 s'";
    let online_at = |start: &str| {
        let campaign = format!("{AT_ONCE}\nstart = '{start}'");
        let tally = total(&scenario(devices(effort), &campaign, cohort, ""));
        (share(tally.online_at_turn, tally.turns), tally.turns as f64)
    };
    let (early, late) = (online_at("4 h"), online_at("20 d"));
    vec![observed("online_at_4h", early.0, early.1), observed("online_limit", late.0, late.1)]
}

/// Polls at a fixed interval and a random phase: when devices hear of the offer.
pub fn a05(effort: Effort) -> Vec<Observed> {
    let cohort = "poll.every = '24 h'\ndownload.takes = '0 s'";
    let campaign = "delivery = 'poll'\nrate = 'unlimited'";
    let mut all = Vec::new();
    for flips in [false, true] {
        let flips = format!("every_flip = {flips}");
        let devices = effort.of(200_000, 1_000_000);
        let tally = total(&scenario(devices, campaign, cohort, &flips));
        let contact = tally.latency(LatencyKind::ActivationToUpdated);
        let n = contact.count() as f64;
        let max = contact.max().map_or(f64::NAN, Span::as_secs_f64);
        all.extend([
            observed("contacted_by_6h", contact.share_at_most(hours(6)), n),
            observed("mean_contact", contact.mean_s().unwrap_or(f64::NAN) / 3600.0, n),
            observed("max_contact", max / 3600.0, n),
        ]);
    }
    all
}

/// Power saving: devices listen for 16 s a day.
pub fn a06(effort: Effort) -> Vec<Observed> {
    let cohort = "online.cycle = { every = '86400 s', active = '16 s' }\ndownload.takes = '0 s'";
    let campaign = format!("{AT_ONCE}\nstart = '100 h'");
    let tally = total(&scenario(effort.of(200_000, 2_000_000), &campaign, cohort, ""));
    let wait = tally.latency(LatencyKind::PushedToUpdated);
    let n = wait.count() as f64;
    let p90 = wait.quantile(0.9).map_or(f64::NAN, Span::as_secs_f64);
    vec![
        observed("mean_wait_for_downlink", wait.mean_s().unwrap_or(f64::NAN), n),
        observed("reachable_now", share(tally.online_at_turn, tally.turns), n),
        observed("wait_p90", p90, n),
    ]
}

/// The share of the devices that are online at an instant.
fn online_at(world: &World, at: Time) -> u64 {
    let is_online = |device: &u32| {
        let device = DeviceId(*device);
        let id = world.cohort_of(device);
        Presence::first_online(device, id, at, world.cohort(id), &world.streams)
    };
    (0..world.devices.count()).filter(is_online).count() as u64
}

/// Four time zones with a daily profile: who is online at which hour UTC.
pub fn a08(effort: Effort) -> Vec<Observed> {
    // Zones in POSIX notation count westwards.
    let zones = [("Etc/GMT+8", 0.2), ("Etc/GMT+5", 0.3), ("Etc/GMT-1", 0.3), ("Etc/GMT-8", 0.2)];
    let cohort = |(zone, share): (&str, f64)| {
        format!(
            "[[fleet.cohort]]\nname = '{zone}'\nshare = {share}\ntimezone = '{zone}'\n\
             online.daily = {{ mean = 0.6, amplitude = 0.5, peak = '20:00' }}\n\
             download.takes = '0 s'\n"
        )
    };
    let cohorts = zones.map(cohort).concat();
    let devices = effort.of(50_000, 400_000);
    let text = |hour: u32| {
        format!(
            "format = 1\npackage.version = '2'\n[campaign]\nname = 'zones'\n{AT_ONCE}\n\
             start = '{hour} h'\n[fleet]\ndevices = {devices}\nversions = {{ 1 = 1.0 }}\n{cohorts}"
        )
    };
    let mut all = Vec::new();
    for (name, hour) in [
        ("online_at_00:00_UTC", 24),
        ("online_at_06:00_UTC", 6),
        ("online_at_12:00_UTC", 12),
        ("online_at_18:00_UTC", 18),
    ] {
        let tally = total(&text(hour));
        all.push(observed(name, share(tally.online_at_turn, tally.turns), tally.turns as f64));
    }
    // The daily wave through a point each half hour, by its first harmonic.
    let world = world_of(&load(&text(0)));
    const POINTS: u64 = 48;
    let (mut mean, mut cosine, mut sine) = (0.0, 0.0, 0.0);
    for point in 0..POINTS {
        let online = online_at(&world, Time(point * 1_800_000_000)) as f64 / f64::from(devices);
        let angle = point as f64 / POINTS as f64 * std::f64::consts::TAU;
        mean += online / POINTS as f64;
        cosine += 2.0 * online * libm::cos(angle) / POINTS as f64;
        sine += 2.0 * online * libm::sin(angle) / POINTS as f64;
    }
    let peak = libm::atan2(sine, cosine) / std::f64::consts::TAU * 24.0;
    all.push(observed("daily_max", mean + libm::hypot(cosine, sine), devices));
    all.push(observed("time_of_max_UTC", peak.rem_euclid(24.0), 1.0));
    all
}

/// The fleet of [`a01`] with 2 % that never return: the curve ends below 1.
pub fn a09(effort: Effort) -> Vec<Observed> {
    let cohort = format!("{SKYPE}never_returns = 0.02");
    let outcome = run(&scenario(2 * devices(effort), AT_ONCE, &cohort, "until = '2000 d'"));
    let tally = outcome.total();
    let updated = tally.latency(LatencyKind::ActivationToUpdated);
    let reached = |h| updated.share_at_most(hours(h)) * share(updated.count(), tally.targeted);
    let n = tally.targeted as f64;
    vec![
        observed("reached_at_0", share(tally.online_at_turn, tally.turns), n),
        observed("reached_24h", reached(24), n),
        observed("reached_168h", reached(168), n),
        observed("plateau", tally.success_rate_of_targeted().unwrap_or(f64::NAN), n),
    ]
}

/// Ten regions with outages of their own: how many devices are online together.
pub fn a10(effort: Effort) -> Vec<Observed> {
    let region = |name: u32| {
        format!(
            "[[fleet.cohort]]\nname = 'r{name}'\nshare = 0.1\ndownload.takes = '0 s'\n\
             online.renewal = {{ on.exponential.mean = '9 h', off.exponential.mean = '1 h' }}\n"
        )
    };
    let regions: String = (0..10).map(region).collect();
    let text = format!(
        "format = 1\npackage.version = '2'\n[campaign]\nname = 'regions'\nrate = 'unlimited'\n\
         [fleet]\ndevices = 100_000\nversions = {{ 1 = 1.0 }}\n{regions}\
         [[outage]]\nname = 'region'\neach = true\n\
         when.random = {{ up.exponential.mean = '99 d', down.exponential.mean = '1 d' }}\n\
         [run]\nuntil = '1 h'"
    );
    let mut loaded = load(&text);
    let snapshots = effort.of(200, 3_000);
    let (mut online, mut all_up) = (Vec::new(), 0);
    for seed in 0..snapshots {
        loaded.scenario.run.seed = seed;
        let world = world_of(&loaded);
        online.push(online_at(&world, Time::ZERO) as f64);
        // A region that is down has nobody online.
        let has_anybody = |region: u16| {
            let cohort = world.cohort(CohortId(region));
            let outages = &cohort.reach.as_ref().expect("it has outages").outages;
            outages.iter().all(|outage| outage.spans.first().is_none_or(|s| s.0 > Time::ZERO))
        };
        all_up += u32::from((0..10).all(has_anybody));
    }
    let n = snapshots as f64;
    let (mean, variance) = crate::stats::interval::mean_and_variance(&online);
    vec![
        observed("mean_online", mean, n),
        observed("sd_online", variance.sqrt(), n),
        observed("P_all_regions_up", f64::from(all_up) / n, n),
    ]
}

/// Devices come back at gamma-distributed rates: contacts follow a Lomax law.
pub fn a11(effort: Effort) -> Vec<Observed> {
    let cohort = "online.renewal = { on = '3000 d', off.exponential.mean = '2 d', \
                  start = 'offline' }\npace.gamma.shape = 1.5\ndownload.takes = '0 s'";
    let text = scenario(2 * devices(effort), AT_ONCE, cohort, "until = '3000 d'");
    let tally = simulate(&load(&text), 1).total();
    let contact = tally.latency(LatencyKind::PushedToUpdated);
    let n = tally.targeted as f64;
    let by = |days: u64| {
        contact.share_at_most(hours(24 * days)) * share(contact.count(), tally.targeted)
    };
    let median = contact.at_rank(tally.targeted / 2).map_or(f64::NAN, Span::as_secs_f64);
    vec![
        observed("by_1d", by(1), n),
        observed("by_7d", by(7), n),
        observed("by_30d", by(30), n),
        observed("median", median / 86_400.0, n),
    ]
}
