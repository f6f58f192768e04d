//! Rules for the campaign's stages, windows, aborts and operators.

use super::check::{Checker, DAY_US, LONGEST, rounded};
use super::file::{OfflineTurn, PushRate};
use super::findings::nearest;
use super::path::Path;
use super::problem::Level;
use super::quotas::Quotas;
use super::rules::{Act, DEVICE_CLOCK, Groups, Order, Phase, RateFrom, Stages, Step, Window};
use crate::model::{EventRate, Span};

/// Pushes that a rate counts at most: sums with them stay within 64 bits.
const COUNT_MOST: u64 = 1_000_000_000_000_000_000;

impl Checker<'_> {
    /// Every rule of the campaign's course.
    pub fn course(&mut self) {
        let campaign = &self.scenario.campaign;
        self.rate(&Path::of("campaign.rate"), &campaign.rate);
        self.validity();
        let stages = Path::of("campaign.stages");
        match &campaign.stages {
            Stages::All => {}
            Stages::Phases(phases) => self.phases(&stages.key("phases"), phases),
            Stages::Groups(groups) => self.groups(&stages.key("groups"), groups),
        }
        if let Some(window) = &campaign.window {
            self.window(window);
        }
        if let Some(marks) = campaign.marks {
            let tick = self.tick().max(Span(1_000_000));
            self.between(&Path::of("campaign.marks"), marks, tick, Span(DAY_US));
        }
        for (index, rule) in campaign.abort.iter().enumerate() {
            let path = Path::of("campaign.abort").index(index).key("percent");
            self.decimals(&path, rule.percent, 2);
            if rule.percent <= 0.0 {
                let help = "every campaign would be stopped; take for example percent = 5";
                self.refuse(&path, "must be above 0", help);
            }
        }
        for (index, step) in self.scenario.operator.iter().enumerate() {
            self.step(&Path::of("operator").index(index), step);
        }
        self.dynamic();
        self.platform();
        if campaign.order == Order::Eligible && campaign.offline == OfflineTurn::StoreAndForward {
            let rule = "means nothing where offers are kept for offline devices";
            let help = "use order = \"list\", or offline = \"when-online\"";
            self.refuse(&Path::of("campaign.order"), rule, help);
        }
        let is_first = self.root == Path::root();
        for (index, cohort) in self.scenario.fleet.cohort.iter().enumerate().filter(|_| is_first) {
            if let Some(zone) = &cohort.timezone {
                self.zone(&Path::of("fleet.cohort").index(index).key("timezone"), zone);
            }
        }
    }

    fn validity(&mut self) {
        let campaign = &self.scenario.campaign;
        let start = Path::of("campaign.start");
        self.between(&start, campaign.start, Span::ZERO, LONGEST);
        let late = campaign.start >= self.scenario.run.until && campaign.start > Span::ZERO;
        if late && self.knows(&["run.until"]) {
            let help = "the run would end before anything happens; raise run.until";
            self.refuse(&start, "must be before run.until", help);
        }
        let activates = |step: &Step| step.action == Act::Activate;
        let known = self.knows(&["operator"]);
        if campaign.draft && known && !self.scenario.operator.iter().any(activates) {
            let help = "add a step to [[operator]]: at = \"1 h\", action = \"activate\"";
            self.refuse(&Path::of("campaign.draft"), "is never activated", help);
        }
        if let Some(finish) = campaign.finish {
            let path = Path::of("campaign.finish");
            self.between(&path, finish, Span::ZERO, LONGEST);
            if finish <= campaign.start && self.knows(&["campaign.start"]) {
                self.refuse(
                    &path,
                    "must be later than campaign.start",
                    "it is counted from the run's beginning",
                );
            }
        }
    }

    fn rate(&mut self, path: &Path, rate: &PushRate) {
        match rate {
            PushRate::Constant { rate, burst: _ } => {
                self.push_rate(&path.key("constant").key("rate"), *rate);
            }
            PushRate::FixedWindow { pushes: _, window } => {
                let path = path.key("fixed-window").key("window");
                let tick = self.tick();
                self.between(&path, *window, tick, Span(30 * DAY_US));
            }
            PushRate::Variable { table, burst: _ } => {
                self.rate_table(&path.key("variable").key("table"), table);
            }
            PushRate::Exponential { base, factor, every: _, of: _, max } => {
                let path = path.key("exponential");
                self.decimals(&path.key("factor"), *factor, 1);
                for (key, rate) in [("base", base), ("max", max)] {
                    let per_min = EventRate { count: u64::from(*rate), per_us: 60_000_000 };
                    if let Some((rule, source)) = self.quotas().refuse_rate(per_min) {
                        self.refuse(&path.key(key), &rule, source);
                    }
                }
                if max < base && self.knows_at(&path.key("base")) {
                    self.refuse(&path.key("max"), "must be at least as great as base", "");
                }
            }
            PushRate::Unlimited => {}
        }
    }

    fn rate_table(&mut self, path: &Path, table: &[RateFrom]) {
        for (index, entry) in table.iter().enumerate() {
            if let Some(rate) = entry.rate {
                self.push_rate(&path.index(index).key("rate"), rate);
            }
        }
        self.in_order(path, table.iter().map(|entry| entry.at));
    }

    /// Times must be later and later.
    fn in_order(&mut self, path: &Path, times: impl Iterator<Item = Span>) {
        let mut last = None;
        for (index, at) in times.enumerate() {
            let path = path.index(index).key("at");
            self.between(&path, at, Span::ZERO, LONGEST);
            if last.is_some_and(|last| at <= last) {
                self.refuse(&path, "must be later than the entry before", "");
            }
            last = self.knows_at(&path).then_some(at).or(last);
        }
    }

    /// What the platform takes, if it is known.
    pub fn quotas(&self) -> Quotas {
        let known = self.knows(&["campaign.profile"]);
        Quotas::of(self.scenario.campaign.profile.filter(|_| known))
    }

    /// As the platform takes it; of no platform, anything up to the end of the run.
    pub fn timeout(&mut self, path: &Path, timeout: Span) {
        match self.quotas().timeout {
            Some((least, most, source)) if timeout < least || timeout > most => {
                let rule = format!("must be from {least} to {most} under this profile");
                self.refuse(path, &rule, source);
            }
            Some(_) => {}
            None => self.between(path, timeout, Span::secs(1), LONGEST),
        }
    }

    fn push_rate(&mut self, path: &Path, rate: EventRate) {
        let (count, per) = (u128::from(rate.count), u128::from(rate.per_us));
        if let Some((rule, source)) = self.quotas().refuse_rate(rate) {
            self.refuse(path, &rule, source);
        }
        if rate.count > COUNT_MOST {
            let rule = format!("counts at most {COUNT_MOST} pushes in its span");
            self.refuse(path, &rule, "take a shorter span");
        } else if count * u128::from(30 * DAY_US) < per {
            let help = "for a campaign that never pushes there is nothing to simulate";
            self.refuse(path, "must be at least 1 push per 30 d", help);
        } else if count * 1_000_000 > per * 1_000_000_000 {
            let help = "to push all at once write campaign.rate = \"unlimited\"";
            self.refuse(path, "must be at most 1000000000 /s", help);
        }
    }

    fn phases(&mut self, path: &Path, phases: &[Phase]) {
        self.in_order(path, phases.iter().map(|phase| phase.at));
        let mut last = 0.0;
        for (index, phase) in phases.iter().enumerate() {
            let path = path.index(index).key("percent");
            self.decimals(&path, phase.percent, 3);
            if phase.percent <= last {
                let help = "percentages are cumulative: 5, 25, 50, 100";
                self.refuse(&path, "must be greater than the one before", help);
            }
            last = if self.knows_at(&path) { phase.percent } else { last };
        }
        if phases.is_empty() {
            let help = "write stages = \"all\" to go for the whole list at once";
            self.refuse(path, "must not be empty", help);
        }
    }

    fn groups(&mut self, path: &Path, groups: &Groups) {
        let path = path.key("group");
        for (index, group) in groups.group.iter().enumerate() {
            self.decimals(&path.index(index).key("percent"), group.percent, 3);
        }
        let total: f64 = groups.group.iter().map(|group| group.percent).sum();
        if (total - 100.0).abs() > 1e-6 {
            let rule = format!("percentages add up to {}, not 100", rounded(total));
            self.refuse(&path, &rule, "let the last group take what is left");
        }
    }

    fn window(&mut self, window: &Window) {
        let path = Path::of("campaign.window");
        if window.clock != DEVICE_CLOCK {
            self.zone(&path.key("clock"), &window.clock);
        }
        if !self.knows(&["campaign.window.from", "campaign.window.to"]) {
            return;
        }
        let open = (window.to.0 + 1_440 - window.from.0) % 1_440;
        let least = self.tick().0.div_ceil(60_000_000) as u16;
        if open == 0 {
            let help = "for a window that is always open leave it out";
            self.refuse(&path.key("to"), "must differ from campaign.window.from", help);
        } else if open < least || 1_440 - open < least {
            self.refuse(&path, "must be open, and closed, for at least one run.tick", "");
        }
    }

    fn zone(&mut self, path: &Path, zone: &str) {
        if jiff::tz::TimeZone::get(zone).is_err() {
            let help = || Some(zone_remedy(zone, "\"Europe/Berlin\" or \"UTC\""));
            self.refuse_with(Level::Error, path, "is not an IANA time zone", help);
        }
    }

    fn step(&mut self, path: &Path, step: &Step) {
        match (step.at, step.when) {
            // One of them may have been refused.
            _ if !self.knows_at(&path.key("at")) || !self.knows_at(&path.key("when")) => {}
            (Some(at), None) => self.between(&path.key("at"), at, Span::ZERO, LONGEST),
            (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                self.refuse(path, "has both `at` and `when`", "keep one of them");
            }
            (None, None) => {
                let help = "give at = \"2 h\", or when = \"failed > 500\"";
                self.refuse(path, "needs either `at` or `when`", help);
            }
        }
        let path = path.key("action");
        match &step.action {
            Act::SetRate(PushRate::Unlimited) => {
                let help = "give values of the campaign's kind of rate";
                self.refuse(&path.key("set-rate"), "has no values to set", help);
            }
            Act::SetRate(rate) => self.rate(&path.key("set-rate"), rate),
            Act::SetTimeout(timeout) => {
                let path = path.key("set-timeout");
                self.timeout(&path, *timeout);
            }
            _ => {}
        }
    }

    /// At most so many decimals.
    fn decimals(&mut self, path: &Path, value: f64, places: i32) {
        let scaled = value * 10f64.powi(places);
        if (scaled - scaled.round()).abs() > 1e-6 {
            let rule =
                format!("has more than {places} decimal{}", if places == 1 { "" } else { "s" });
            self.refuse(path, &rule, "");
        }
    }
}

/// What to write instead of a time zone that there is not.
pub fn zone_remedy(zone: &str, examples: &str) -> String {
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    // People write the city alone.
    let city = |name: &&str| name.rsplit('/').next().is_some_and(|c| c.eq_ignore_ascii_case(zone));
    let names = || known.iter().map(String::as_str);
    let near = names().find(city).or_else(|| nearest(zone, names()));
    let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
    format!("{near}write a name such as {examples}")
}
