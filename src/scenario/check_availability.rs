//! Rules for when devices can be reached.

use super::availability::{DailyWindow, Online, Outage, Pace, When};
use super::check::{Checker, LONGEST, rounded};
use super::check_law::{self, Demand};
use super::file::Cohort;
use super::path::Path;
use crate::model::Span;

const HOLDS_LEAST: Span = Span::secs(60);
const CYCLE_LEAST: Span = Span::secs(1);

impl Checker<'_> {
    /// When the devices of a cohort are online.
    pub fn online(&mut self, path: &Path, cohort: &Cohort) {
        let online = path.key("online");
        match &cohort.online {
            Online::Always | Online::Measured { .. } | Online::Trace { .. } => {}
            Online::Renewal { on, off, start: _ } => {
                let path = online.key("renewal");
                check_law::spans(self, &path.key("on"), on, Demand::FiniteMean);
                check_law::spans(self, &path.key("off"), off, Demand::FiniteMean);
            }
            Online::Profile { share, holds } => {
                let path = online.key("profile");
                self.profile(&path.key("share"), share);
                self.between(&path.key("holds"), *holds, HOLDS_LEAST, LONGEST);
            }
            Online::Daily { mean, amplitude, holds, peak: _ } => {
                let path = online.key("daily");
                let most = mean * (1.0 + amplitude);
                if most > 1.0 + 1e-9 && self.knows_at(&path.key("mean")) {
                    let rule = format!("makes a share of {} at the peak, above 1", rounded(most));
                    let help = "mean x (1 + amplitude) must not exceed 1";
                    self.refuse(&path.key("amplitude"), &rule, help);
                }
                self.between(&path.key("holds"), *holds, HOLDS_LEAST, LONGEST);
            }
            Online::Nightly(window) => self.daily_window(&online.key("nightly"), window),
            Online::Cycle { every, active, stays_awake: _ } => {
                let path = online.key("cycle");
                self.between(&path.key("every"), *every, CYCLE_LEAST, LONGEST);
                let known = self.knows_at(&path.key("every"));
                if known && (*active == Span::ZERO || active >= every) {
                    let rule = format!("must be above zero and below every ({every})");
                    self.refuse(&path.key("active"), &rule, "");
                }
            }
        }
        if let Some(window) = &cohort.charges {
            self.daily_window(&path.key("charges"), window);
        }
        if let Some(leaves) = &cohort.leaves {
            check_law::spans(self, &path.key("leaves"), leaves, Demand::None);
        }
        self.pace(&path.key("pace"), cohort);
    }

    fn profile(&mut self, path: &Path, share: &[f64]) {
        if ![24, 168].contains(&share.len()) {
            let rule = format!("has {} values, not 24 or 168", share.len());
            self.refuse(path, &rule, "give one for each hour of the day or of the week");
        }
        for (index, share) in share.iter().enumerate() {
            if !(0.0..=1.0).contains(share) {
                self.refuse(&path.index(index), "must be from 0 to 1", "");
            }
        }
    }

    fn daily_window(&mut self, path: &Path, window: &DailyWindow) {
        const DAY_MIN: u64 = 24 * 60;
        let DailyWindow { from, to, jitter, .. } = window;
        if !self.knows_at(&path.key("from")) || !self.knows_at(&path.key("to")) {
            return;
        }
        if from == to {
            let help = "it would never close; leave it out";
            return self.refuse(&path.key("to"), "must differ from `from`", help);
        }
        let length = (DAY_MIN + u64::from(to.0) - u64::from(from.0)) % DAY_MIN;
        let most = Span::secs(length.min(DAY_MIN - length) * 60 / 2);
        // Clocks are put forward by an hour, which makes a window shorter.
        let most = Span(most.0.saturating_sub(Span::secs(1800).0));
        if *jitter > Span::ZERO && *jitter >= most {
            let rule = format!("must be below {most}, or windows would run into each other");
            self.refuse(&path.key("jitter"), &rule, "");
        }
    }

    fn pace(&mut self, path: &Path, cohort: &Cohort) {
        let Some(pace) = cohort.pace else { return };
        let known = self.knows_at(&path.parent().key("online"));
        if known && !matches!(cohort.online, Online::Renewal { .. } | Online::Measured { .. }) {
            let help = "give online.renewal or online.measured, or leave it out";
            self.refuse(path, "needs on and off periods", help);
        }
        let (path, value, most) = match pace {
            Pace::Gamma { shape } => (path.key("gamma").key("shape"), shape, 1000.0),
            Pace::Lognormal { sigma } => (path.key("lognormal").key("sigma"), sigma, 5.0),
        };
        if !(0.05..=most).contains(&value) {
            self.refuse(&path, &format!("must be from 0.05 to {most}"), "");
        }
    }

    /// Measured curves go on in time.
    pub fn references(&mut self) {
        for (index, reference) in self.scenario.reference.iter().enumerate() {
            let path = Path::of("reference").index(index).key("point");
            for (at, pair) in reference.point.windows(2).enumerate() {
                let before = path.index(at).key("at");
                if pair[1].at <= pair[0].at && self.knows_at(&before) {
                    let path = path.index(at + 1).key("at");
                    self.refuse(&path, "must be later than the point before", "");
                }
            }
        }
    }

    /// What takes many devices off the network.
    pub fn outages(&mut self) {
        for (index, outage) in self.scenario.outage.iter().enumerate() {
            self.outage(&Path::of("outage").index(index), outage);
        }
    }

    fn outage(&mut self, path: &Path, outage: &Outage) {
        self.cohorts(&path.key("cohorts"), &outage.cohorts);
        check_law::spans(self, &path.key("reconnect"), &outage.reconnect, Demand::None);
        match &outage.when {
            When::Random { up, down, start: _ } => {
                let path = path.key("when").key("random");
                check_law::spans(self, &path.key("up"), up, Demand::FiniteMean);
                check_law::spans(self, &path.key("down"), down, Demand::FiniteMean);
            }
            When::Scheduled { at, lasts, every } => {
                let path = path.key("when").key("scheduled");
                self.between(&path.key("at"), *at, Span::ZERO, LONGEST);
                self.between(&path.key("lasts"), *lasts, Span(1_000), LONGEST);
                let known = self.knows_at(&path.key("lasts"));
                if let Some(every) = every.filter(|every| every <= lasts && known) {
                    let rule = format!("must be longer than lasts ({lasts}), not {every}");
                    self.refuse(&path.key("every"), &rule, "");
                }
            }
        }
    }
}
