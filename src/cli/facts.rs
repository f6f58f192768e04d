//! What a scenario amounts to, before anything is simulated.

use serde::Serialize;

use super::stages::{self, StageFacts};
use crate::model::{EventRate, Span, Time};
use crate::report::human::{counted, thousands};
use crate::scenario::file::{DEFAULT_MODULE, PushRate, Scenario, Select};
use crate::scenario::{Loaded, bounds};

/// A few resolved facts about a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    pub campaign: String,
    pub target_version: String,
    pub devices: u64,
    pub cohorts: Vec<CohortFacts>,
    /// Which devices are targeted, in words.
    pub select: String,
    /// Targets if every device matches: an upper bound.
    pub targets_at_most: u64,
    /// Sizes of stages, if there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageFacts>,
    pub rate: String,
    /// When it can be through at the earliest, if every target is updated, in seconds since the
    /// run began: the greatest of `bounds`.
    pub at_least_s: f64,
    /// What holds it up so long; null if nothing does.
    pub bound_by: Option<String>,
    /// All bounds, the greatest first.
    pub bounds: Vec<BoundFacts>,
    pub seed: u64,
    pub until_s: f64,
    /// Further packages and campaigns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// The earliest instant at which one thing allows the campaign to be through.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoundFacts {
    /// rate, marks, windows, phases, polls, workers, egress, or link "NAME".
    pub by: String,
    /// Since the run began.
    pub at_least_s: f64,
}

/// One cohort and its size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CohortFacts {
    pub name: String,
    pub devices: u64,
}

impl Facts {
    /// What a valid scenario amounts to.
    pub fn of(loaded: &Loaded) -> Facts {
        let scenario = &loaded.scenario;
        let campaign = &scenario.campaign;
        let devices = u64::from(loaded.device_count());
        let targets = loaded.targets_at_most();
        let bounds = bounds::all(loaded).into_iter();
        let bounds = bounds.map(|b| BoundFacts { by: b.by, at_least_s: b.at.as_secs_f64() });
        let bounds: Vec<BoundFacts> = bounds.collect();
        Facts {
            campaign: campaign.name.clone(),
            target_version: scenario.package.version.clone(),
            devices,
            cohorts: cohorts(loaded),
            select: select(loaded),
            targets_at_most: targets,
            stages: stages::facts(loaded),
            rate: rate(&campaign.rate),
            at_least_s: bounds.first().map_or(0.0, |greatest| greatest.at_least_s),
            bound_by: bounds.first().map(|greatest| greatest.by.clone()),
            bounds,
            seed: scenario.run.seed,
            until_s: scenario.run.until.as_secs_f64(),
            also: loaded.parts()[1..].iter().map(|part| also(part)).collect(),
        }
    }

    /// Indented lines for people.
    pub fn text(&self) -> String {
        let cohorts: Vec<_> =
            self.cohorts.iter().map(|c| format!("{} {}", c.name, thousands(c.devices))).collect();
        let also: String = self.also.iter().map(|one| format!("  also      {one}\n")).collect();
        format!(
            "  campaign  {} -> {}\n  devices   {} in {}: {}\n  targets   {}, at most {}\n{}  \
             rate      {}\n{}  run       seed {}, until {}\n{also}",
            self.campaign,
            self.target_version,
            thousands(self.devices),
            counted(self.cohorts.len() as u64, "cohort"),
            cohorts.join(", "),
            self.select,
            counted(self.targets_at_most, "device"),
            stages::text(&self.stages),
            self.rate,
            self.takes(),
            self.seed,
            Span::from_secs_f64(self.until_s),
        )
    }
}

impl Facts {
    /// `at least  2 h 59 min by egress, if every target is updated; 1 h 40 min by rate`.
    fn takes(&self) -> String {
        let bound = |bound: &BoundFacts| {
            let at = Span::from_secs_f64(bound.at_least_s);
            let at = if at.0 >= Time::NEVER.0 { "for ever".to_owned() } else { at.to_string() };
            format!("{at} by {}", bound.by)
        };
        let telling: Vec<&BoundFacts> =
            self.bounds.iter().filter(|bound| bound.at_least_s > 0.0).collect();
        match telling.split_first() {
            None => String::new(),
            Some((first, rest)) => {
                let rest: String = rest.iter().map(|b| format!("; {}", bound(b))).collect();
                format!("  at least  {}, if every target is updated{rest}\n", bound(first))
            }
        }
    }
}

fn also(part: &Loaded) -> String {
    let Scenario { campaign, package, .. } = &part.scenario;
    match package.module.as_str() {
        DEFAULT_MODULE => format!("{} -> {}", campaign.name, package.version),
        module => format!("{} -> {module} {}", campaign.name, package.version),
    }
}

fn cohorts(loaded: &Loaded) -> Vec<CohortFacts> {
    let cohorts = loaded.scenario.fleet.cohort.iter().zip(loaded.cohort_sizes());
    cohorts.map(|(c, devices)| CohortFacts { name: c.name.clone(), devices }).collect()
}

fn select(loaded: &Loaded) -> String {
    match (&loaded.scenario.campaign.select, &loaded.select_list) {
        (Select::All, _) => "every matching device".to_owned(),
        (Select::Percent(p), _) => format!("{p} % of the matching devices"),
        (Select::List(list), _) => format!("a list of {}", counted(list.len() as u64, "device")),
        (Select::ListFile(path), list) => {
            let n = list.as_ref().map_or(0, Vec::len) as u64;
            format!("{} listed in {}", counted(n, "device"), path.display())
        }
    }
}

fn rate(rate: &PushRate) -> String {
    match rate {
        PushRate::Constant { rate, burst: 1 } => per(rate),
        PushRate::Constant { rate, burst } => format!("{}, bursts of {burst}", per(rate)),
        PushRate::FixedWindow { pushes, window } => {
            format!("{} in each window of {window}", counted_pushes(*pushes))
        }
        PushRate::Variable { table, .. } => {
            format!("a table of {}", counted(table.len() as u64, "rate"))
        }
        PushRate::Exponential { base, factor, every, max, .. } => format!(
            "{} /min, times {factor} for every {}, up to {} /min",
            thousands(u64::from(*base)),
            counted(u64::from(*every), "device"),
            thousands(u64::from(*max)),
        ),
        PushRate::Unlimited => "unlimited".to_owned(),
    }
}

fn counted_pushes(n: u32) -> String {
    match n {
        1 => "1 push".to_owned(),
        n => format!("{} pushes", thousands(u64::from(n))),
    }
}

fn per(rate: &EventRate) -> String {
    let unit = match rate.per_us {
        1_000_000 => "s".to_owned(),
        60_000_000 => "min".to_owned(),
        3_600_000_000 => "h".to_owned(),
        86_400_000_000 => "d".to_owned(),
        us => Span(us).to_string(),
    };
    format!("{} /{unit}", thousands(rate.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_written() {
        let rate_of =
            |count, per_us, burst| PushRate::Constant { rate: EventRate { count, per_us }, burst };
        assert_eq!(rate(&rate_of(1000, 60_000_000, 1)), "1,000 /min");
        assert_eq!(rate(&rate_of(5, 1_000_000, 9)), "5 /s, bursts of 9");
        assert_eq!(rate(&rate_of(5, 600_000_000, 1)), "5 /10 min");
        assert_eq!(rate(&PushRate::Unlimited), "unlimited");
    }
}
