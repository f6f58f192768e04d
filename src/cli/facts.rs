//! What a scenario amounts to, before anything is simulated.

use serde::Serialize;

use super::stages::{self, StageFacts};
use crate::model::{EventRate, Span};
use crate::report::human::{counted, thousands};
use crate::scenario::Loaded;
use crate::scenario::file::{DEFAULT_MODULE, PushRate, Scenario, Select};
use crate::scenario::rules::RateFrom;

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
    /// What it takes at least to push so many targets at that rate, in seconds.
    pub pushes_take_s: f64,
    pub seed: u64,
    pub until_s: f64,
    /// Further packages and campaigns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// One cohort and its size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CohortFacts {
    pub name: String,
    pub devices: u64,
}

impl Facts {
    pub fn of(loaded: &Loaded) -> Facts {
        let scenario = &loaded.scenario;
        let campaign = &scenario.campaign;
        let devices = u64::from(loaded.device_count());
        let targets = loaded.targets_at_most();
        Facts {
            campaign: campaign.name.clone(),
            target_version: scenario.package.version.clone(),
            devices,
            cohorts: cohorts(loaded),
            select: select(loaded),
            targets_at_most: targets,
            stages: stages::facts(loaded),
            rate: rate(&campaign.rate),
            pushes_take_s: pushes_take(&campaign.rate, targets).as_secs_f64(),
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
             rate      {}; all pushes take at least {}\n  run       seed {}, until {}\n{also}",
            self.campaign,
            self.target_version,
            thousands(self.devices),
            counted(self.cohorts.len() as u64, "cohort"),
            cohorts.join(", "),
            self.select,
            counted(self.targets_at_most, "device"),
            stages::text(&self.stages),
            self.rate,
            Span::from_secs_f64(self.pushes_take_s),
            self.seed,
            Span::from_secs_f64(self.until_s),
        )
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

/// From the first push to the last, if nothing but the rate holds them up.
fn pushes_take(rate: &PushRate, targets: u64) -> Span {
    match rate {
        PushRate::Constant { rate, burst } => {
            let waiting = u128::from(targets.saturating_sub(u64::from(*burst)));
            let us = waiting * u128::from(rate.per_us) / u128::from(rate.count.max(1));
            Span(u64::try_from(us).unwrap_or(u64::MAX))
        }
        PushRate::FixedWindow { pushes, window } => {
            let windows = targets.div_ceil(u64::from(*pushes).max(1)).saturating_sub(1);
            Span(window.0.saturating_mul(windows))
        }
        PushRate::Variable { table, .. } => table_takes(table, targets),
        PushRate::Exponential { base, factor, every, max, .. } => {
            let (mut left, mut rate, mut minutes) = (targets as f64, f64::from(*base), 0.0);
            let (every, max) = (f64::from(*every), f64::from(*max));
            while left > every && rate < max {
                minutes += every / rate;
                left -= every;
                rate = (rate * factor).min(max);
            }
            Span::from_secs_f64((minutes + left / rate) * 60.0)
        }
        PushRate::Unlimited => Span::ZERO,
    }
}

fn table_takes(table: &[RateFrom], targets: u64) -> Span {
    let mut left = targets as f64;
    for (at, entry) in table.iter().enumerate() {
        let per_us = entry.rate.map_or(0.0, |rate| rate.count as f64 / rate.per_us as f64);
        let end = table.get(at + 1).map_or(f64::INFINITY, |next| next.at.0 as f64);
        let pushes = if per_us > 0.0 { per_us * (end - entry.at.0 as f64) } else { 0.0 };
        if pushes >= left {
            return Span::from_micros_f64(entry.at.0 as f64 + left / per_us);
        }
        left -= pushes;
    }
    Span(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_take_what_the_rate_allows() {
        let constant = |count, burst| PushRate::Constant {
            rate: EventRate { count, per_us: 60_000_000 },
            burst,
        };
        let window = PushRate::FixedWindow { pushes: 100, window: Span::secs(60) };
        for (rate, targets, seconds) in [
            (&constant(60, 1), 61, 60),
            (&constant(60, 1), 1, 0),
            (&constant(60, 1), 0, 0),
            (&constant(60, 10), 70, 60),
            (&window, 100, 0),
            (&window, 101, 60),
            (&window, 0, 0),
            (&PushRate::Unlimited, 1_000_000, 0),
        ] {
            assert_eq!(pushes_take(rate, targets), Span::secs(seconds), "{rate:?} {targets}");
        }
    }

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
