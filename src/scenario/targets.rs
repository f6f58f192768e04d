//! How many devices a campaign can have.

use crate::model::apportion;

use super::Loaded;
use super::check::Checker;
use super::file::{Fleet, Select};
use super::path::Path;
use super::rules::Stages;

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
            None => apportion(&fleet.shares(), u64::from(self.device_count())),
        }
    }

    /// Targets if every device matches: an upper bound.
    pub fn targets_at_most(&self) -> u64 {
        let devices = u64::from(self.device_count());
        let matching = match &self.whitelist {
            Some(list) => (list.len() as u64).min(devices),
            None => devices.saturating_sub(self.blacklist.len() as u64),
        };
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
}

impl Fleet {
    /// Shares of the cohorts of a generated fleet; one alone has all of it.
    pub fn shares(&self) -> Vec<f64> {
        self.cohort.iter().map(|cohort| cohort.share.unwrap_or(1.0)).collect()
    }
}

impl Checker<'_> {
    /// Where the platform refuses a stage of nobody, so does the check, as far as the size of the
    /// fleet tells.
    pub fn stage_of_nobody(&mut self, loaded: &Loaded) {
        let total = loaded.targets_at_most();
        let campaign = &self.scenario.campaign;
        let Some(at) = campaign.stage_of_nobody(total) else { return };
        let stages = Path::of("campaign.stages");
        let path = match &campaign.stages {
            Stages::All => return,
            Stages::Phases(_) => stages.key("phases").index(at),
            Stages::Groups(_) => stages.key("groups").key("group").index(at),
        };
        let rule = format!("takes none of {total} devices, and is refused by the platform");
        let help = "raise it; campaign.stage_sizes = \"floor-each\" rounds each stage down";
        self.refuse(&path.key("percent"), &rule, help);
    }
}
