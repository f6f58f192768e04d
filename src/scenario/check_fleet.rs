//! Rules for campaigns with several packages, and for several campaigns on one fleet.

use std::collections::BTreeSet;

use super::check::{Checker, VERSIONS_MAX, packages};
use super::file::{DEFAULT_MODULE, Delivery, Download, Select};
use super::findings::suggestion;
use super::path::Path;
use super::problem::Level;
use super::rules::Stages;

impl Checker<'_> {
    /// The modules that packages are for.
    pub fn modules(&mut self) {
        let fleet = &self.scenario.fleet;
        let mut seen: Vec<&str> = Vec::new();
        for (path, package) in packages(self.scenario) {
            let path = path.key("module");
            if seen.contains(&package.module.as_str()) {
                let help = "a campaign has one package for each module";
                self.refuse(&path, "has a package already", help);
            }
            seen.push(&package.module);
            let known = self.knows(&["fleet.modules"]);
            if package.module != DEFAULT_MODULE
                && !fleet.modules.contains_key(&package.module)
                && known
            {
                let help = format!(
                    "say what is installed: fleet.modules.{} = {{ \"1.0\" = 1.0 }}",
                    package.module
                );
                self.refuse(&path, "is a module that no device has", &help);
            }
        }
        if self.root != Path::root() {
            return;
        }
        for (module, versions) in &fleet.modules {
            let path = Path::of("fleet.modules").key(module);
            if module == DEFAULT_MODULE {
                self.refuse(&path, "is what fleet.versions is for", "");
            } else if versions.is_empty() {
                let help = "give for example { \"1.0\" = 1.0 }";
                self.refuse(&path, "has no version", help);
            }
            self.version_shares(&path, versions);
        }
        for (path, package) in packages(self.scenario).skip(1) {
            self.has_size(&path, package.size.is_some());
        }
    }

    /// What cohorts say must fit a further campaign as well.
    pub fn carries(&mut self) {
        for (path, package) in packages(self.scenario) {
            self.has_size(&path, package.size.is_some());
        }
        let campaign = &self.scenario.campaign;
        let silent = self.scenario.fleet.cohort.iter().find(|cohort| cohort.poll.is_none());
        let known = self.knows(&["campaign.delivery", "campaign.profile", "fleet.cohort"]);
        if let (Delivery::Poll, Some(cohort), true) = (campaign.delivery, silent, known) {
            let rule = format!("needs `poll` in cohort {:?}", cohort.name);
            let help = "give it for example poll = { every = \"1 h\", jitter = 0.1 }";
            self.refuse(&Path::of("campaign.delivery"), &rule, help);
        }
    }

    fn has_size(&mut self, package: &Path, has: bool) {
        let links = |download: &Download| matches!(download, Download::Link(_));
        let linked = self.scenario.fleet.cohort.iter().find(|cohort| links(&cohort.download));
        let known = self.knows_at(&package.key("size"));
        if let (false, Some(cohort), true) = (has, linked, known) {
            let rule = format!("needs a size, because cohort {:?} loads over links", cohort.name);
            self.refuse(package, &rule, "give for example size = \"48 MiB\"");
        }
    }

    /// R12: a dynamic campaign takes whatever matches.
    pub fn dynamic(&mut self) {
        let campaign = &self.scenario.campaign;
        if campaign.dynamic.is_none() {
            return;
        }
        let path = Path::of("campaign.dynamic");
        let rule = match () {
            () if !self.knows(&["campaign.select", "campaign.stages", "campaign.verify"]) => return,
            () if campaign.verify => "cannot verify: who matches later is not known",
            () if campaign.select != Select::All => "takes every matching device, no selection",
            () if campaign.stages != Stages::All => "has no stages: its list has no end",
            () => return,
        };
        self.refuse(&path, rule, "leave out one of them");
    }

    /// Versions named by the campaign must be installed somewhere; `of` tells which a module has.
    pub fn known_versions<'v>(&mut self, of: impl Fn(&str) -> BTreeSet<&'v str>) {
        if !self.knows_versions() {
            return;
        }
        let campaign = &self.scenario.campaign;
        for (at, (path, package)) in packages(self.scenario).enumerate() {
            let known = of(&package.module);
            if at == 0 && known.len() > VERSIONS_MAX {
                let rule = format!("has more than {VERSIONS_MAX} different versions");
                self.refuse(&Path::of("fleet"), &rule, "");
            }
            if at == 0 {
                let path = Path::of("campaign.source_versions");
                for (index, version) in campaign.source_versions.iter().enumerate() {
                    self.known_version(&path.index(index), version, &known);
                }
            }
            for version in package.delta.keys() {
                self.known_version(&path.key("delta").key(version), version, &known);
            }
        }
    }

    fn knows_versions(&self) -> bool {
        let cohorts = (0..self.scenario.fleet.cohort.len())
            .map(|index| Path::of("fleet.cohort").index(index).key("versions"));
        let all = ["fleet.versions", "fleet.modules", "fleet.inventory", "package.version"];
        self.knows(&all) && cohorts.into_iter().all(|path| self.knows_at(&path))
    }

    fn known_version(&mut self, path: &Path, version: &str, known: &BTreeSet<&str>) {
        if !known.contains(version) {
            let help = || suggestion(version, known.iter().copied());
            let rule = format!("no device has version {version:?} installed");
            self.refuse_with(Level::Error, path, &rule, help);
        }
    }
}
