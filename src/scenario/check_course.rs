//! What cannot come about, or not before the run ends: it can be run, but not as it was meant.

use super::check::Checker;
use super::file::{Campaign, PushRate};
use super::path::Path;
use super::rules::{AbortAction, Act, Stages, Step};
use super::windows::{mark_from, of_campaign};
use super::{Loaded, bounds};
use crate::model::{Span, Time};

impl Checker<'_> {
    /// Every rule of a campaign that needs the fleet to be counted.
    pub fn course_of(&mut self, loaded: &Loaded) {
        let versions = ["fleet", "package", "packages", "campaign.source_versions"];
        if self.knows(&versions) {
            self.nobody(loaded);
        }
        let lists =
            ["campaign.select", "campaign.whitelist", "campaign.blacklist", "fleet.devices"];
        if self.knows(&lists) {
            self.stage_of_nobody(loaded);
            self.executed(loaded);
            if self.knows(&["fleet", "campaign"]) {
                self.groups_too_great(loaded.targets_at_least());
            }
        }
        self.phases_end();
        if self.knows(&["campaign.window", "campaign.marks", "run", "campaign.start", "fleet"]) {
            self.openings(loaded);
        }
        for (index, step) in self.scenario.operator.iter().enumerate() {
            let path = Path::of("operator").index(index);
            if self.knows_at(&path) {
                self.legal(&path, step);
            }
        }
    }

    /// Whether any device matches.
    fn nobody(&mut self, loaded: &Loaded) {
        let scenario = self.scenario;
        let later = scenario.campaign.dynamic.is_some()
            || !scenario.rollout.is_empty()
            || self.root != Path::root();
        let matching: f64 = loaded.matching().iter().map(|group| group.mean).sum();
        if later {
            return;
        }
        if matching == 0.0 {
            let target = &scenario.package.version;
            let (path, rule) = match scenario.campaign.source_versions.is_empty() {
                true => (Path::of("package.version"), "is what every device runs already"),
                false => (
                    Path::of("campaign.source_versions"),
                    "names no version that a device would be updated from",
                ),
            };
            let help = format!(
                "nobody would be targeted; fleet.versions has to name a version other than {target}"
            );
            self.moot(&path, rule, &help);
        } else if loaded.targets_at_most() == 0 {
            let help = "look at campaign.whitelist, campaign.blacklist and campaign.select";
            self.moot(&Path::of("campaign"), "targets no device", help);
        }
    }

    /// Where the platform refuses a stage of nobody, so does the check, as far as the size of the
    /// fleet tells.
    fn stage_of_nobody(&mut self, loaded: &Loaded) {
        let total = loaded.targets_at_most();
        let campaign = &self.scenario.campaign;
        let sizes = campaign.stage_sizes(total);
        let Some(at) = campaign.stages_of_nobody(&sizes).first().copied() else { return };
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

    /// An abort rule that waits for more devices than there are.
    fn executed(&mut self, loaded: &Loaded) {
        let most = loaded.targets_at_most();
        for (index, rule) in self.scenario.campaign.abort.iter().enumerate() {
            if most > 0 && u64::from(rule.min_executed) > most {
                let path = Path::of("campaign.abort").index(index).key("min_executed");
                let rule = format!("is never reached: the campaign has at most {most} devices");
                self.moot(&path, &rule, &format!("take at most {most}, or leave the rule out"));
            }
        }
    }

    fn phases_end(&mut self) {
        let Campaign { stages: Stages::Phases(phases), stage_sizes, .. } = &self.scenario.campaign
        else {
            return;
        };
        let path = Path::of("campaign.stages.phases");
        let Some(last) = phases.last() else { return };
        let at = path.index(phases.len() - 1);
        let takes_rest = *stage_sizes == super::rules::StageSizes::FloorEach;
        if last.percent < 100.0 && !takes_rest {
            let help = "end with a phase of percent = 100, or select so many percent of the fleet";
            let rule = "is the last phase, and the rest is never pushed";
            self.moot(&at.key("percent"), rule, help);
        }
        let ends = self.ends();
        if let Some(late) = phases.iter().position(|phase| phase.at >= ends)
            && self.knows(&["run.until", "campaign.finish", "campaign.stages"])
        {
            let help = "raise run.until (and campaign.finish, if there is one), or open it earlier";
            let rule = format!("opens when it is over, at {ends}");
            self.moot(&path.index(late).key("at"), &rule, help);
        }
    }

    /// When nothing is pushed any more, since the run began.
    fn ends(&self) -> Span {
        let until = self.scenario.run.until;
        self.scenario.campaign.finish.map_or(until, |finish| finish.min(until))
    }

    /// Whether there is an instant at which a push may leave.
    fn openings(&mut self, loaded: &Loaded) {
        let campaign = &self.scenario.campaign;
        // What is refused elsewhere has no windows.
        if self.findings.has_errors() {
            return;
        }
        let (start, ends) = (Time(campaign.start.0), Time(self.ends().0));
        let windows = match &campaign.window {
            Some(_) => of_campaign(loaded),
            None => vec![(Time::ZERO, Time::NEVER)],
        };
        let open = windows.into_iter().filter(|(_, close)| *close > start);
        let open: Vec<(Time, Time)> = open.take_while(|(open, _)| *open < ends).collect();
        let until = Time::ZERO + Span(ends.0);
        if campaign.window.is_some() && open.is_empty() {
            let rule = format!("does not open before it is over, at {}", until - Time::ZERO);
            self.moot(
                &Path::of("campaign.window"),
                &rule,
                "raise run.until, or take another window",
            );
            return;
        }
        let Some(every) = campaign.marks else { return };
        let mut marks = open.iter().map(|(open, close)| {
            (mark_from(every, self.scenario.run.date, (*open).max(start)), (*close).min(ends))
        });
        if !marks.any(|(mark, close)| mark < close) {
            let rule = match campaign.window {
                Some(_) => "never falls into campaign.window: nothing is ever pushed",
                None => "has no mark between campaign.start and run.until: nothing is pushed",
            };
            let help = "marks are counted from midnight (UTC) of the run's first day; take for \
                        example \"10 min\", or a longer window or run";
            self.moot(&Path::of("campaign.marks"), rule, help);
        }
    }

    /// Whether the platform would ever do what a step asks for, as far as the scenario tells.
    fn legal(&mut self, path: &Path, step: &Step) {
        let campaign = &self.scenario.campaign;
        if let Some(at) = step.at
            && at >= self.scenario.run.until
            && self.knows(&["run.until"])
        {
            let rule = format!("comes after the run has ended ({})", self.scenario.run.until);
            return self.moot(&path.key("at"), &rule, "raise run.until, or do it earlier");
        }
        if let Some((rule, help)) = self.illegal(campaign, step) {
            let help = format!("{help}; the run goes on without it, and says that it was refused");
            self.moot(&path.key("action"), rule, &help);
        }
    }

    /// Why the platform refuses a step at any time, and what to do about it.
    fn illegal(&self, campaign: &Campaign, step: &Step) -> Option<(&'static str, &'static str)> {
        let steps = &self.scenario.operator;
        let act = &step.action;
        let suspends = || {
            let by_rule = |rule: &super::rules::AbortRule| rule.action == AbortAction::Suspend;
            steps.iter().any(|step| step.action == Act::Suspend)
                || campaign.abort.iter().any(by_rule)
                || matches!(campaign.stages, Stages::Groups(_))
        };
        let pauses = matches!(act, Act::Suspend | Act::Resume | Act::Terminate);
        let early = step.at.is_some_and(|at| at < campaign.start) && !campaign.draft;
        let after_finish = campaign.finish.zip(step.at).is_some_and(|(finish, at)| at > finish);
        let lasts = matches!(act, Act::CancelDevices(_) | Act::CancelStates(_));
        match act {
            _ if pauses && !campaign.can_suspend => Some((
                "is something that the platform does not have",
                "leave it out, or set campaign.can_suspend = true",
            )),
            Act::Activate | Act::Delete if !campaign.draft => {
                Some(("is for drafts only", "leave it out, or set campaign.draft = true"))
            }
            Act::Resume if !suspends() => {
                Some(("follows no suspension", "leave it out, or suspend the campaign before"))
            }
            Act::Suspend if early => {
                Some(("comes before the campaign has started", "do it after campaign.start"))
            }
            Act::SetTimeout(_) if campaign.dynamic.is_none() && !campaign.draft => {
                Some(("is taken by dynamic campaigns only", "give campaign.timeout the new value"))
            }
            Act::SetRate(rate) if kind(rate) != kind(&campaign.rate) => Some((
                "is of another kind than campaign.rate, which stays what it is",
                "give values of the campaign's own kind of rate",
            )),
            Act::ConfirmDevices(_) if !campaign.confirm => Some((
                "asks for what no user is asked",
                "leave it out, or set campaign.confirm = true",
            )),
            Act::ConfirmDevices(devices) if !(1..=10).contains(&devices.len()) => {
                Some(("takes 1 to 10 devices", "divide it into several steps"))
            }
            Act::CancelDevices(devices) if !(1..=200).contains(&devices.len()) => {
                Some(("takes 1 to 200 devices", "divide it into several steps"))
            }
            Act::CancelStates(groups) if groups.is_empty() => {
                Some(("cancels nothing", "name states, such as [\"queued\"]"))
            }
            _ if after_finish && !lasts => Some((
                "comes after campaign.finish, when the campaign is over",
                "do it earlier, or raise campaign.finish",
            )),
            _ => None,
        }
    }

    /// Whether the campaign can be through before the run ends, as far as its bounds tell.
    ///
    /// Two things that the user wrote contradict each other; that the default of `run.until` is
    /// too short for a campaign is odd only.
    pub fn bounded(&mut self, loaded: &Loaded) {
        // What keeps it from coming to an end has been said.
        let said = ["campaign.marks", "campaign.window", "campaign.stages.phases"];
        let sound = !self.findings.has_errors()
            && !self.findings.has_said_of(&said)
            && self.knows(&["run", "campaign", "fleet"]);
        let Some(bound) = sound.then(|| bounds::all(loaded)).into_iter().flatten().next() else {
            return;
        };
        let until = self.scenario.run.until;
        if bound.at <= Time(until.0) {
            return;
        }
        let takes = match bound.at.is_never() {
            true => "never comes to an end".to_owned(),
            false => format!("takes at least {}", bound.at - Time::ZERO),
        };
        let path = Path::of("run.until");
        let what = format!("{takes} by {}, if every target is updated", bound.by);
        let help = "raise run.until, or what holds the campaign up";
        match self.is_written(&path) {
            true => {
                let rule = format!("is over before the campaign can be: it {what}");
                self.moot(&path, &rule, help);
            }
            false => {
                let rule = format!("is {until} by default, but the campaign {what}");
                self.warn(&path, &rule, help);
            }
        }
    }
}

/// A rate's kind, which an edit cannot change.
fn kind(rate: &PushRate) -> std::mem::Discriminant<PushRate> {
    std::mem::discriminant(rate)
}
