//! How many devices a campaign can have, at most and at least.

use std::collections::BTreeMap;

use super::Loaded;
use super::file::{DEFAULT_MODULE, Fleet, Select};
use crate::model::{DeviceId, apportion};

/// Devices of one cohort and version that match a campaign, before any selection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matching<'l> {
    /// Position in `fleet.cohort`.
    pub cohort: usize,
    pub version: &'l str,
    /// Expected number; exact where nothing is drawn.
    pub mean: f64,
    /// Devices each of which draws whether it is one of these; 0 where nothing is drawn.
    pub drawn: f64,
}

/// Mean and variance of a sum over the matching devices of one cohort, each of which counts by its
/// version.
///
/// # Model
/// Of `n` devices each draws version `v` with probability `p_v`, for which it counts `s_v`:
/// variance `n (Σ p s² - (Σ p s)²)`.
pub fn sum_over(
    groups: &[Matching<'_>],
    cohort: usize,
    counts: impl Fn(&str) -> f64,
) -> (f64, f64) {
    let own = || groups.iter().filter(|group| group.cohort == cohort);
    let mean = own().map(|group| group.mean * counts(group.version)).sum();
    let drawn = own().map(|group| group.drawn).fold(0.0, f64::max);
    if drawn <= 0.0 {
        return (mean, 0.0);
    }
    let moment = |power: i32| -> f64 {
        own().map(|group| group.mean / drawn * counts(group.version).powi(power)).sum()
    };
    (mean, drawn * (moment(2) - moment(1).powi(2)).max(0.0))
}

impl Loaded {
    /// Devices of each cohort.
    pub fn cohort_sizes(&self) -> Vec<u64> {
        let fleet = &self.scenario.fleet;
        match &self.inventory {
            Some(inventory) => {
                let mut sizes = vec![0; fleet.cohort.len()];
                inventory.cohorts.iter().for_each(|cohort| sizes[usize::from(*cohort)] += 1);
                sizes
            }
            // Shares of nothing are refused elsewhere.
            None => match fleet.shares() {
                shares if shares.iter().sum::<f64>() > 0.0 => {
                    apportion(&shares, u64::from(self.device_count()))
                }
                shares => vec![0; shares.len()],
            },
        }
    }

    /// Targets if every device matches: an upper bound.
    pub fn targets_at_most(&self) -> u64 {
        let devices = u64::from(self.device_count());
        let matching = match &self.whitelist {
            Some(list) => (list.len() as u64).min(devices),
            None => devices.saturating_sub(self.blacklist.len() as u64),
        };
        self.selected(matching)
    }

    /// Targets of which there are at least so many when the campaign starts.
    pub fn targets_at_least(&self) -> u64 {
        if let Some(exact) = self.matching_listed() {
            return self.selected(exact);
        }
        let groups = self.matching();
        let sums = (0..self.scenario.fleet.cohort.len()).map(|at| sum_over(&groups, at, |_| 1.0));
        let (mean, variance) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let devices = u64::from(self.device_count());
        let all = certain_count(mean, variance);
        let left_out = |kept: usize| devices.saturating_sub(kept as u64);
        // Those that are left out may all be among those that match.
        let lists = [self.whitelist.as_ref(), self.select_list.as_ref()];
        let left_out = lists.into_iter().flatten().map(|list| left_out(list.len())).sum::<u64>();
        let matching = all.saturating_sub(left_out + self.blacklist.len() as u64);
        self.selected(matching)
    }

    /// Whether the devices of the campaign are listed one by one.
    pub fn is_listed(&self) -> bool {
        self.whitelist.is_some() || self.select_list.is_some()
    }

    fn selected(&self, matching: u64) -> u64 {
        match (&self.scenario.campaign.select, &self.select_list) {
            (Select::Percent(p), _) if matching > 0 => {
                // In thousandths of a percent, the finest that R11 allows.
                // What is above 100 % is refused elsewhere.
                let share = (p.clamp(0.0, 100.0) * 1000.0).round() as u128;
                ((share * u128::from(matching) / 100_000) as u64).clamp(1, matching)
            }
            (Select::All | Select::Percent(_), _) => matching,
            (Select::List(_) | Select::ListFile(_), Some(list)) => {
                (list.len() as u64).min(matching)
            }
            (Select::List(_) | Select::ListFile(_), None) => matching,
        }
    }

    /// Whether devices that run this version match.
    fn is_source(&self, version: &str) -> bool {
        let sources = &self.scenario.campaign.source_versions;
        let listed = sources.is_empty() || sources.iter().any(|source| source == version);
        listed && version != self.scenario.package.version
    }

    /// How many of the listed devices match, where an inventory says what each of them runs.
    fn matching_listed(&self) -> Option<u64> {
        let inventory = self.inventory.as_ref()?;
        if self.scenario.package.module != DEFAULT_MODULE {
            return None;
        }
        let is_source: Vec<bool> =
            inventory.version_names.iter().map(|version| self.is_source(version)).collect();
        let matches = |device: &DeviceId| {
            let at = device.0 as usize;
            is_source[usize::from(inventory.versions[at])]
                && self.blacklist.binary_search(device).is_err()
                && self.whitelist.as_ref().is_none_or(|list| list.binary_search(device).is_ok())
        };
        let count = match &self.select_list {
            Some(list) => list.iter().filter(|device| matches(device)).count(),
            None => (0..self.device_count()).map(DeviceId).filter(matches).count(),
        };
        Some(count as u64)
    }

    /// Devices that match, by cohort and version.
    pub fn matching(&self) -> Vec<Matching<'_>> {
        let fleet = &self.scenario.fleet;
        let module = &self.scenario.package.module;
        let mut found = Vec::new();
        if let (Some(inventory), DEFAULT_MODULE) = (&self.inventory, module.as_str()) {
            let mut counts: BTreeMap<(u16, u16), u64> = BTreeMap::new();
            for pair in inventory.cohorts.iter().zip(&inventory.versions) {
                *counts.entry((*pair.0, *pair.1)).or_default() += 1;
            }
            let group = |((cohort, version), count): ((u16, u16), u64)| Matching {
                cohort: usize::from(cohort),
                version: &inventory.version_names[usize::from(version)],
                mean: count as f64,
                drawn: 0.0,
            };
            found.extend(counts.into_iter().map(group));
        } else {
            for ((cohort, own), devices) in fleet.cohort.iter().enumerate().zip(self.cohort_sizes())
            {
                let devices = devices as f64;
                let versions = match fleet.modules.get(module) {
                    Some(versions) => versions,
                    None if own.versions.is_empty() => &fleet.versions,
                    None => &own.versions,
                };
                found.extend(versions.iter().map(|(version, share)| Matching {
                    cohort,
                    version,
                    mean: devices * share,
                    drawn: devices,
                }));
            }
        }
        found.retain(|group| self.is_source(group.version));
        found
    }

    /// Devices that match at least, by cohort.
    pub fn matching_by_cohort(&self) -> Vec<u64> {
        let groups = self.matching();
        let certain = |cohort| {
            let (mean, variance) = sum_over(&groups, cohort, |_| 1.0);
            certain_count(mean, variance)
        };
        (0..self.scenario.fleet.cohort.len()).map(certain).collect()
    }
}

/// What a sum of independent draws from 0 to `most` is at least, but for one case in 6 x 10^7.
///
/// # Source
/// Bernstein's inequality, which holds for few and rare ones as well, where the normal law does
/// not.
pub fn certainly(mean: f64, variance: f64, most: f64) -> f64 {
    const LOG_ODDS: f64 = 18.0;
    // Nothing is drawn, but for what shares that add up to 1 are off by rounding.
    if variance <= 1e-9 * most * most {
        return mean;
    }
    let third = most * LOG_ODDS / 3.0;
    let off = third + libm::sqrt(third * third + 2.0 * LOG_ODDS * variance);
    (mean - off).max(0.0)
}

/// [`certainly`] of draws of 0 or 1, in whole ones.
fn certain_count(mean: f64, variance: f64) -> u64 {
    // A sum of shares may lie a hair below the whole number that it is.
    (certainly(mean, variance, 1.0) + 1e-6) as u64
}

impl Fleet {
    /// Shares of the cohorts of a generated fleet; one alone has all of it.
    pub fn shares(&self) -> Vec<f64> {
        self.cohort.iter().map(|cohort| cohort.share.unwrap_or(1.0)).collect()
    }
}
