//! Keys that the user wrote and nothing uses: whoever wrote them expects something of them.

use super::availability::Online;
use super::check::Checker;
use super::file::{Campaign, Cohort, Delivery};
use super::path::Path;
use super::rules::{Act, DEVICE_CLOCK, Stages};

impl Checker<'_> {
    /// Keys that need another one.
    pub fn uses(&mut self) {
        let scenario = self.scenario;
        self.of_campaign(&scenario.campaign, &Path::of("campaign"));
        for (index, rollout) in scenario.rollout.iter().enumerate() {
            let path = Path::of("rollout").index(index).key("campaign");
            self.of_campaign(&rollout.campaign, &path);
        }
        let campaigns = || {
            let further = scenario.rollout.iter().map(|rollout| &rollout.campaign);
            std::iter::once(&scenario.campaign).chain(further)
        };
        let polls = campaigns().any(|campaign| campaign.delivery == Delivery::Poll);
        let asks = campaigns().any(|campaign| campaign.confirm);
        let local = campaigns().any(|campaign| {
            campaign.window.as_ref().is_some_and(|window| window.clock == DEVICE_CLOCK)
        });
        for (index, cohort) in scenario.fleet.cohort.iter().enumerate() {
            let path = Path::of("fleet.cohort").index(index);
            if cohort.poll.is_some() && !polls {
                let help = "set campaign.delivery = \"poll\", or leave it out";
                self.unused(&path.key("poll"), "no campaign is delivered by poll", help);
            }
            if !asks {
                let help = "set campaign.confirm = true, or leave it out";
                self.unused(&path.key("confirms"), "no campaign asks users", help);
            }
            let zone = path.key("timezone");
            let idle = !local && !has_local_times(cohort) && self.is_written(&zone);
            if idle && !self.findings.has_said_of(&[&zone.to_string()]) {
                let rule = "is not used: nothing goes by the clock of its devices";
                let help = "campaign.window with clock = \"device\" does, and online.nightly";
                self.warn(&path.key("timezone"), rule, help);
            }
        }
        for module in scenario.fleet.modules.keys() {
            let further = scenario.rollout.iter();
            let further = further.flat_map(|r| std::iter::once(&r.package).chain(&r.packages));
            let own = std::iter::once(&scenario.package).chain(&scenario.packages);
            if !own.chain(further).any(|package| package.module == *module) {
                let path = Path::of("fleet.modules").key(module);
                self.unused(&path, "no package is for this module", "leave it out");
            }
        }
        self.late_outages();
    }

    fn of_campaign(&mut self, campaign: &Campaign, path: &Path) {
        let steps = &self.scenario.operator;
        let terminates = steps.iter().any(|step| step.action == Act::Terminate)
            || self
                .scenario
                .rollout
                .iter()
                .flat_map(|r| &r.operator)
                .any(|step| step.action == Act::Terminate);
        let is_staged = campaign.stages != Stages::All;
        let set_timeout = |step: &super::rules::Step| matches!(step.action, Act::SetTimeout(_));
        let times_out = campaign.timeout.is_some() || steps.iter().any(set_timeout);
        let rows = [
            ("joiners", campaign.dynamic.is_some(), "campaign.dynamic"),
            ("failed_counts", !campaign.abort.is_empty(), "campaign.abort"),
            ("stage_sizes", is_staged, "campaign.stages"),
            ("stage_of", is_staged, "campaign.stages"),
            ("timeout_from", times_out, "campaign.timeout"),
            ("expiry_fails_started", campaign.finish.is_some(), "campaign.finish"),
            ("not_started", campaign.finish.is_some() || terminates, "campaign.finish"),
        ];
        for (key, used, needed) in rows {
            if !used {
                let help = format!("give {needed}, or leave it out");
                let why = format!("{needed} is not given");
                self.unused(&path.key(key), &why, &help);
            }
        }
    }

    /// What is set by a profile, or refused, is not the user's to mend.
    fn unused(&mut self, path: &Path, why: &str, help: &str) {
        if self.is_written(path) && self.knows_at(path) {
            self.moot(path, &format!("is not used: {why}"), help);
        }
    }

    fn late_outages(&mut self) {
        use super::availability::When;
        let until = self.scenario.run.until;
        for (index, outage) in self.scenario.outage.iter().enumerate() {
            if let When::Scheduled { at, .. } = outage.when
                && at >= until
                && self.knows(&["run.until"])
            {
                let path = Path::of("outage").index(index).key("when").key("scheduled").key("at");
                let rule = format!("comes after the run has ended ({until})");
                self.moot(&path, &rule, "raise run.until, or let it begin earlier");
            }
        }
    }
}

/// Whether the devices go by their own clocks.
fn has_local_times(cohort: &Cohort) -> bool {
    let by_hour = match &cohort.online {
        Online::Profile { .. } | Online::Daily { .. } | Online::Nightly(_) => true,
        Online::Always
        | Online::Renewal { .. }
        | Online::Measured { .. }
        | Online::Cycle { .. }
        | Online::Trace { .. } => false,
    };
    by_hour || cohort.charges.is_some()
}
