//! Rules that go beyond the form of single values; each problem names the key it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::check_law::{self, Demand};
use super::file::{Cohort, Delivery, Download, Package, Scenario, Select};
use super::findings::{Findings, suggestion};
use super::path::{Path, Step};
use super::problem::Level;
use super::tree::Node;
use crate::model::{Bytes, Span};

/// Dates that a run may have, in seconds since 1970: windows look a day beyond both ends.
pub const CALENDAR: std::ops::Range<i64> = 86_400..253_370_678_400;

/// Microseconds of a day.
pub const DAY_US: u64 = 86_400_000_000;
/// Longest span anywhere; keeps every sum far below `Time::NEVER`.
pub const LONGEST: Span = Span(3_000 * DAY_US);
/// Names of versions, target and others included, are numbered in 16 bits.
pub const VERSIONS_MAX: usize = 65_000;
/// Points of a time series; more would be a mistake rather than a wish.
const MOST_POINTS: u64 = 1_000_000;
const SHARE_TOLERANCE: f64 = 1e-9;

/// What the checks need at hand.
pub struct Checker<'a> {
    pub findings: &'a mut Findings,
    pub tree: &'a Node,
    pub scenario: &'a Scenario,
    /// Where the campaign stands in the file: at the root, or in `rollout[i]`.
    pub root: Path,
}

impl Checker<'_> {
    /// Every rule that needs no file but the scenario.
    pub fn all(&mut self) {
        self.package();
        self.campaign();
        self.course();
        self.verification();
        self.retry();
        self.fleet();
        self.modules();
        for (index, cohort) in self.scenario.fleet.cohort.iter().enumerate() {
            self.cohort(&Path::of("fleet.cohort").index(index), cohort);
        }
        self.outages();
        self.references();
        self.backend();
        self.links();
        self.run();
    }

    /// Every rule of a further campaign.
    pub fn rollout(&mut self) {
        self.package();
        self.campaign();
        self.course();
        self.verification();
        self.retry();
        self.modules();
        self.carries();
    }

    /// The value at `path` breaks `rule`, which makes the scenario invalid; `help` says what to do.
    pub fn refuse(&mut self, path: &Path, rule: &str, help: &str) {
        self.say(Level::Error, path, rule, help);
    }

    /// It can be run, but not as whoever wrote it must have meant.
    pub fn moot(&mut self, path: &Path, rule: &str, help: &str) {
        self.say(Level::Moot, path, rule, help);
    }

    /// The value at `path` is odd: `rule` says how, `help` what to do; the scenario stays valid.
    pub fn warn(&mut self, path: &Path, rule: &str, help: &str) {
        self.say(Level::Warning, path, rule, help);
    }

    fn say(&mut self, level: Level, path: &Path, rule: &str, help: &str) {
        self.refuse_with(level, path, rule, || (!help.is_empty()).then(|| help.to_owned()));
    }

    /// As [`Checker::refuse`], with a help that is not made for problems that are only counted.
    pub fn refuse_with(
        &mut self,
        level: Level,
        path: &Path,
        rule: &str,
        help: impl FnOnce() -> Option<String>,
    ) {
        self.findings.value(self.tree, (level, &self.placed(path)), rule, help);
    }

    /// Whether what stands at these keys is what the user meant, and no stand-in for something
    /// that was refused: rules that hold one key against another ask first.
    pub fn knows(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.knows_at(&Path::of(key)))
    }

    /// As [`Checker::knows`], of one path.
    pub fn knows_at(&self, path: &Path) -> bool {
        !self.findings.stands_in(&self.placed(path))
    }

    /// Whether the user wrote the key: it is neither a default nor set by a profile.
    pub fn is_written(&self, path: &Path) -> bool {
        let rollouts = (0..self.scenario.rollout.len()).map(|at| Path::of("rollout").index(at));
        let roots = rollouts.chain([Path::root(), self.root.clone()]);
        let (node, there) = self.tree.find(&self.placed(path));
        let by_profile = |root: Path| {
            let (profile, given) = self.tree.find(&root.key("campaign").key("profile"));
            given && profile.place == node.place
        };
        there && !roots.into_iter().any(by_profile)
    }

    /// Where in the file a path of the campaign's scenario is.
    fn placed(&self, path: &Path) -> Path {
        match path.0.first() {
            Some(Step::Key(key)) if key != "fleet" && key != "run" => {
                Path([self.root.0.as_slice(), &path.0].concat())
            }
            _ => path.clone(),
        }
    }

    /// Refuses a span outside `least` to `most`, both included.
    pub fn between(&mut self, path: &Path, span: Span, least: Span, most: Span) {
        if span < least || span > most {
            let rule = format!("must be from {least} to {most}");
            self.refuse(path, &rule, "");
        }
    }

    /// Names of cohorts that something else refers to.
    pub fn cohorts(&mut self, path: &Path, names: &[String]) {
        let known = self.scenario.fleet.cohort.iter().map(|cohort| cohort.name.as_str());
        let known: BTreeSet<&str> = known.collect();
        if !self.knows_names() {
            return;
        }
        for (index, name) in names.iter().enumerate() {
            if !known.contains(name.as_str()) {
                let help = || suggestion(name, known.iter().copied());
                let rule = "is not the name of a cohort";
                self.refuse_with(Level::Error, &path.index(index), rule, help);
            }
        }
    }

    /// Whether the names of cohorts are what the user meant.
    pub fn knows_names(&self) -> bool {
        let cohorts = Path::of("fleet.cohort");
        // One beyond the last may have been meant.
        let names = 0..=self.scenario.fleet.cohort.len();
        let mut names = names.map(|index| cohorts.index(index).key("name"));
        names.all(|name| self.knows_at(&name))
    }

    fn package(&mut self) {
        for (path, package) in packages(self.scenario) {
            if package.size == Some(Bytes(0)) {
                self.refuse(&path.key("size"), "must be at least 1 B", "");
            }
            for (version, size) in &package.delta {
                if *size == Bytes(0) {
                    let path = path.key("delta").key(version);
                    self.refuse(&path, "must be at least 1 B", "");
                }
            }
        }
    }

    fn campaign(&mut self) {
        let campaign = &self.scenario.campaign;
        if let Some(timeout) = campaign.timeout {
            let path = Path::of("campaign.timeout");
            self.timeout(&path, timeout);
        }
        if let Some(step) = campaign.step_timeout {
            let path = Path::of("campaign.step_timeout");
            match self.quotas().step_timeout {
                Some(_) => {
                    let range = self.quotas().step_timeout;
                    self.in_range(&path, "a step may take", step, range);
                }
                None => self.between(&path, step, Span::secs(60), Span(7 * DAY_US)),
            }
        }
        match &campaign.select {
            Select::Percent(percent) => self.percent(*percent),
            Select::List(ids) if ids.is_empty() => {
                let help = "write select = \"all\" to target every matching device";
                self.refuse(&Path::of("campaign.select.list"), "must not be empty", help);
            }
            Select::All | Select::List(_) | Select::ListFile(_) => {}
        }
    }

    /// R14: a package is rolled out once it is verified, on few devices.
    fn verification(&mut self) {
        /// As Alibaba has it.
        const MOST: usize = 10;
        let Scenario { package, campaign, fleet, .. } = self.scenario;
        let devices = fleet.devices.map(|devices| devices as usize);
        let most = match (&campaign.select, campaign.whitelist.len()) {
            (Select::List(ids), _) => Some(ids.len()),
            (Select::Percent(percent), 0) => {
                devices.map(|devices| (devices as f64 * percent / 100.0) as usize)
            }
            (_, 0) => devices,
            (_, listed) => Some(listed),
        };
        let verify = Path::of("campaign.verify");
        let known = self.knows(&["campaign.select", "campaign.whitelist", "fleet.devices"]);
        if campaign.verify && known && most.is_none_or(|devices| devices > MOST) {
            let help = "give them by name: select.list = [\"1\", \"2\"]";
            let found = most.map_or("any number".to_owned(), |devices| devices.to_string());
            self.refuse(&verify, &format!("takes at most 10 devices, not {found}"), help);
        }
        if package.needs_verification && !campaign.verify && self.knows(&["campaign.verify"]) {
            let path = Path::of("package.needs_verification");
            let help = "verify it first: campaign.verify = true, on at most 10 devices";
            self.refuse(&path, "must be verified before it is rolled out", help);
        }
    }

    fn percent(&mut self, percent: f64) {
        let path = Path::of("campaign.select.percent");
        if !(percent > 0.0 && percent <= 100.0) {
            self.refuse(&path, "must be above 0 and at most 100", "");
        } else if (percent * 1e3 - (percent * 1e3).round()).abs() > 1e-6 {
            self.refuse(&path, "has more than three decimals", "");
        }
    }

    fn retry(&mut self) {
        let Some(retry) = self.scenario.campaign.retry else {
            return;
        };
        let path = Path::of("campaign.retry.interval");
        self.between(&path, retry.interval, Span::ZERO, LONGEST);
        let no_source = self.scenario.campaign.source_versions.is_empty();
        if retry.needs_source_version && no_source && self.knows(&["campaign.source_versions"]) {
            let path = Path::of("campaign.retry.needs_source_version");
            let rule = "retries could never happen, because campaign.source_versions is not given";
            let help = "give campaign.source_versions, or set needs_source_version = false";
            self.refuse(&path, rule, help);
        }
    }

    fn fleet(&mut self) {
        let fleet = &self.scenario.fleet;
        let (devices, inventory) = (Path::of("fleet.devices"), Path::of("fleet.inventory"));
        match (fleet.devices, &fleet.inventory) {
            (Some(_), Some(_)) => {
                let message = "fleet: give either devices or inventory, not both".to_owned();
                let help = Some("the inventory lists its devices by itself".to_owned());
                let paths = [devices, inventory];
                self.findings.values(self.tree, &paths, message, help);
            }
            (None, None) => {
                let help = "give devices = 10_000, or inventory = \"devices.csv\"";
                let rule = "needs either devices or inventory";
                self.refuse(&Path::of("fleet"), rule, help);
            }
            (Some(_), None) => self.generated(),
            (None, Some(_)) => self.listed(),
        }
        let versions = Path::of("fleet.versions");
        self.version_shares(&versions, &fleet.versions);
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, cohort) in fleet.cohort.iter().enumerate() {
            if let Some(first) = names.insert(&cohort.name, index) {
                let at = |index: usize| Path::of("fleet.cohort").index(index).key("name");
                let message = format!("{} = {:?}: is given twice", at(index), cohort.name);
                let paths = [at(index), at(first)];
                let help = Some("give each cohort a name of its own".to_owned());
                self.findings.values(self.tree, &paths, message, help);
            }
        }
    }

    /// Rules of a fleet whose devices are drawn from shares.
    fn generated(&mut self) {
        let fleet = &self.scenario.fleet;
        let cohort = |index: usize| Path::of("fleet.cohort").index(index);
        for (index, one) in fleet.cohort.iter().enumerate() {
            let known =
                self.knows(&["fleet.versions"]) && self.knows_at(&cohort(index).key("versions"));
            if one.versions.is_empty() && fleet.versions.is_empty() && known {
                let help = "give versions = { \"4.1.3\" = 1.0 } under [fleet] or in the cohort";
                let rule = "its devices have no installed version";
                self.refuse(&cohort(index), rule, help);
            }
        }
        let shares: Vec<Option<f64>> = fleet.cohort.iter().map(|cohort| cohort.share).collect();
        // One beyond the last may have been meant.
        let known = (0..=shares.len()).all(|index| self.knows_at(&cohort(index).key("share")));
        if shares.len() == 1 && shares[0].is_none() || !known {
            return;
        }
        for (index, _) in shares.iter().enumerate().filter(|(_, share)| share.is_none()) {
            let help = "with several cohorts each one needs a share; all add up to 1";
            self.refuse(&cohort(index), "share is missing", help);
        }
        let total: f64 = shares.iter().flatten().sum();
        if shares.iter().all(Option::is_some) && (total - 1.0).abs() > SHARE_TOLERANCE {
            let paths: Vec<Path> = (0..shares.len()).map(|i| cohort(i).key("share")).collect();
            let message = format!("fleet.cohort: shares add up to {}, not 1", rounded(total));
            let help = Some(match total < 1.0 {
                true => format!(
                    "add a cohort with the remaining share {}, or raise one",
                    rounded(1.0 - total)
                ),
                false => format!("take {} away from them", rounded(total - 1.0)),
            });
            self.findings.values(self.tree, &paths, message, help);
        }
    }

    /// An inventory says these things for each device; a second answer would be ignored.
    fn listed(&mut self) {
        let fleet = &self.scenario.fleet;
        let rule = "must not be given with an inventory";
        if !fleet.versions.is_empty() {
            let help = "remove it; the inventory's column `version` has it";
            self.refuse(&Path::of("fleet.versions"), rule, help);
        }
        for (index, cohort) in fleet.cohort.iter().enumerate() {
            let path = Path::of("fleet.cohort").index(index);
            if !cohort.versions.is_empty() {
                let help = "remove it; the inventory's column `version` has it";
                self.refuse(&path.key("versions"), rule, help);
            }
            if cohort.share.is_some() {
                let help = "remove it; the inventory's column `cohort` has it";
                self.refuse(&path.key("share"), rule, help);
            }
        }
    }

    /// Refuses shares of versions that are not from 0 to 1 or do not add up to 1.
    pub fn version_shares(&mut self, path: &Path, versions: &BTreeMap<String, f64>) {
        if versions.is_empty() {
            return;
        }
        let paths: Vec<Path> = versions.keys().map(|version| path.key(version)).collect();
        for (version, share) in versions {
            if !(0.0..=1.0).contains(share) {
                self.refuse(&path.key(version), "must be from 0 to 1", "");
            }
        }
        let total: f64 = versions.values().sum();
        if (total - 1.0).abs() > SHARE_TOLERANCE {
            let message = format!("{path}: shares add up to {}, not 1", rounded(total));
            let help = Some("the shares of all versions must add up to 1".to_owned());
            self.findings.values(self.tree, &paths, message, help);
        }
    }

    fn cohort(&mut self, path: &Path, cohort: &Cohort) {
        self.version_shares(&path.key("versions"), &cohort.versions);
        if let Some(joins) = &cohort.joins {
            check_law::spans(self, &path.key("joins"), joins, Demand::None);
        }
        self.online(path, cohort);
        let after = path.key("confirms").key("after");
        check_law::spans(self, &after, &cohort.confirms.after, Demand::None);
        self.poll(path, cohort);
        check_law::spans(self, &path.key("reacts"), &cohort.reacts, Demand::None);
        check_law::spans(self, &path.key("verify"), &cohort.verify, Demand::None);
        check_law::spans(self, &path.key("install"), &cohort.install, Demand::None);
        match &cohort.download {
            Download::Takes(law) => {
                let path = path.key("download").key("takes");
                check_law::spans(self, &path, law, Demand::None);
            }
            Download::Link(law) => {
                let path = path.key("download").key("link");
                check_law::rates(self, &path, law);
                if self.scenario.package.size.is_none() && self.knows(&["package.size"]) {
                    let help = "give for example package.size = \"48 MiB\"";
                    self.refuse(&path, "needs package.size, which is missing", help);
                }
            }
        }
        self.fails(&path.key("fails"), cohort);
    }

    fn poll(&mut self, path: &Path, cohort: &Cohort) {
        let polled = self.scenario.campaign.delivery == Delivery::Poll;
        match cohort.poll {
            Some(poll) => {
                let path = path.key("poll").key("every");
                let tick = self.tick();
                self.between(&path, poll.every, tick, Span(30 * DAY_US));
            }
            None if polled && self.knows(&["campaign.delivery"]) => {
                let help = "give for example poll = { every = \"1 h\", jitter = 0.1 }";
                self.refuse(path, "needs `poll`, because campaign.delivery is \"poll\"", help);
            }
            None => {}
        }
    }

    fn fails(&mut self, path: &Path, cohort: &Cohort) {
        let f = &cohort.fails;
        let parts = [
            ("upgrade", f.upgrade),
            ("download", f.download),
            ("verify", f.verify),
            ("flash", f.flash),
            ("wrong_version", f.wrong_version),
            ("bricks", f.bricks),
            ("rejects", f.rejects),
        ];
        let total: f64 = parts.iter().map(|(_, probability)| probability).sum();
        if total > 1.0 + SHARE_TOLERANCE {
            let given = parts.iter().filter(|(_, probability)| *probability > 0.0);
            let paths: Vec<Path> = given.map(|(key, _)| path.key(key)).collect();
            let rule = "probabilities must add up to at most 1";
            let message = format!("{path}: {rule}, not {}", rounded(total));
            let help = Some("at most one of them can happen to one attempt".to_owned());
            self.findings.values(self.tree, &paths, message, help);
        }
    }

    /// The tick; the least there is, where it is not known.
    pub fn tick(&self) -> Span {
        if self.knows(&["run.tick"]) { self.scenario.run.tick } else { Span(1_000) }
    }

    fn run(&mut self) {
        let run = &self.scenario.run;
        let (tick, path) = (self.tick(), Path::of("run.tick"));
        self.between(&path, run.tick, Span(1_000), Span::secs(3_600));
        let until = Path::of("run.until");
        if run.until == Span::ZERO || run.until > LONGEST {
            self.refuse(&until, "must be above 0 and at most 3000 d", "");
        } else if run.until < tick {
            let rule = format!("must be at least one tick ({tick})");
            self.refuse(&until, &rule, "");
        }
        let ends = run.date.0.saturating_add((run.until.0 / 1_000_000) as i64);
        let beyond = run.date.0 < CALENDAR.start || ends > CALENDAR.end;
        if beyond && self.knows(&["run.until"]) {
            let rule = "must lie, with run.until, from 1970-01-02 to 9998-12-31";
            self.refuse(&Path::of("run.date"), rule, "");
        }
        let Some(every) = run.sample_every else {
            return;
        };
        let path = Path::of("run.sample_every");
        if every < tick || every == Span::ZERO {
            let rule = format!("must be at least one tick ({tick})");
            self.refuse(&path, &rule, "");
        } else if self.knows(&["run.until"]) && run.until.0 / every.0 > MOST_POINTS {
            let least = Span(run.until.0.div_ceil(MOST_POINTS)).exact();
            let rule = format!("makes more than {MOST_POINTS} points up to run.until");
            self.refuse(&path, &rule, &format!("take at least {least}"));
        }
    }
}

/// All packages of the campaign, and where they stand.
pub fn packages(scenario: &Scenario) -> impl Iterator<Item = (Path, &Package)> {
    let further = scenario.packages.iter().enumerate();
    let further = further.map(|(index, package)| (Path::of("packages").index(index), package));
    std::iter::once((Path::of("package"), &scenario.package)).chain(further)
}

/// Without the noise of binary fractions.
pub fn rounded(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}
