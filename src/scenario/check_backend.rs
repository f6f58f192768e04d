//! Rules for servers and shared links.

use super::backend::Link;
use super::check::{Checker, LONGEST};
use super::check_law::{self, Demand, FASTEST};
use super::file::{Cohort, Download};
use super::path::Path;
use crate::model::{BitRate, Span};

/// Combinations of cells; more would make every tick slow.
const PATHS_MOST: u64 = 1_000;
const LINKS_MOST: usize = 4;

impl Checker<'_> {
    /// What `[backend]` must keep to.
    pub fn backend(&mut self) {
        let Some(backend) = &self.scenario.backend else { return };
        let path = Path::of("backend");
        check_law::spans(self, &path.key("service"), &backend.service, Demand::None);
        let spans = [
            ("retry_after", Some(backend.retry_after), Span::ZERO),
            ("link_expires", backend.link_expires, Span::secs(1)),
            ("patience", backend.patience, Span(1_000)),
        ];
        for (key, span, least) in spans {
            if let Some(span) = span {
                self.between(&path.key(key), span, least, LONGEST);
            }
        }
        let backoff = path.key("backoff");
        self.between(&backoff.key("base"), backend.backoff.base, Span(1_000), LONGEST);
        let base = match self.knows_at(&backoff.key("base")) {
            true => backend.backoff.base,
            false => Span(1_000),
        };
        self.between(&backoff.key("cap"), backend.backoff.cap, base, LONGEST);
        let of_workers =
            [("queue", backend.queue.is_some()), ("patience", backend.patience.is_some())];
        for (key, given) in of_workers {
            if given && backend.workers.is_none() && self.knows(&["backend.workers"]) {
                let help = "give backend.workers = 8, say, or leave it out";
                self.refuse(&path.key(key), "means nothing where requests never wait", help);
            }
        }
        if let Some(egress) = backend.egress {
            self.capacity(&path.key("egress"), egress);
            self.over_links(&path.key("egress"), |_| true);
        }
    }

    /// Links that downloads share.
    pub fn links(&mut self) {
        let links = &self.scenario.link;
        for (index, link) in links.iter().enumerate() {
            self.link(&Path::of("link").index(index), link);
        }
        let over = |cohort: &Cohort| {
            links
                .iter()
                .filter(|link| link.carries(&cohort.name))
                .map(|link| u64::from(link.cells))
                .collect::<Vec<_>>()
        };
        let mut paths: u64 = 0;
        for cohort in &self.scenario.fleet.cohort {
            let cells = over(cohort);
            if cells.len() > LINKS_MOST {
                let rule = format!("makes {} links for cohort {:?}", cells.len(), cohort.name);
                let help = format!("at most {LINKS_MOST} beside the backend's egress");
                return self.refuse(&Path::of("link"), &rule, &help);
            }
            paths = paths.saturating_add(cells.iter().fold(1, |n, c| n.saturating_mul(*c)));
        }
        if !links.is_empty() && self.knows(&["link"]) && paths > PATHS_MOST {
            let rule = format!("makes {paths} combinations of cells, more than {PATHS_MOST}");
            self.refuse(&Path::of("link"), &rule, "take fewer cells, each with more devices");
        }
    }

    fn link(&mut self, path: &Path, link: &Link) {
        self.capacity(&path.key("capacity"), link.capacity);
        self.cohorts(&path.key("cohorts"), &link.cohorts);
        self.over_links(path, |cohort| link.carries(&cohort.name));
    }

    fn capacity(&mut self, path: &Path, capacity: BitRate) {
        if capacity.0 == 0 || capacity.0 > 1_000 * FASTEST {
            self.refuse(path, "must be above zero and at most 1 Pbit/s", "");
        }
    }

    /// Who shares a link has to say how fast it would load alone.
    fn over_links(&mut self, path: &Path, concerns: impl Fn(&Cohort) -> bool) {
        let takes =
            |cohort: &&Cohort| concerns(cohort) && matches!(cohort.download, Download::Takes(_));
        let cohorts = self.scenario.fleet.cohort.iter().enumerate();
        let downloads = |index: usize| Path::of("fleet.cohort").index(index).key("download");
        // A stand-in says nothing of how it loads.
        let mut found = cohorts.filter(|(index, _)| self.knows_at(&downloads(*index)));
        if let Some((_, cohort)) = found.find(|(_, cohort)| takes(cohort)) {
            let rule = format!("needs the link rates of cohort {:?}", cohort.name);
            let help = "give it download.link = \"8 Mbit/s\", say, instead of download.takes";
            self.refuse(path, &rule, help);
        }
    }
}
