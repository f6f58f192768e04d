//! Max-min fair rates over several links.

mod filling;
#[cfg(test)]
mod tests;

use crate::model::Time;

use super::class::RATE_CLASSES;
use super::clock::{Clock, Pace};
use super::downloads::Change;
use super::profile::{Changed, Profile};

/// Divides links among downloads, which are told by class: `path * RATE_CLASSES + rate class`.
///
/// # Model
/// Progressive filling: all downloads get the same rate, which grows until a class has what it
/// would have alone or a link is full; those stay, the others go on. Within a class rates are
/// in proportion to what each download would have alone. So a link that is full has a level:
/// whoever it holds up has that rate.
///
/// Only what a change may reach is divided anew: the paths on which it happened, those that share a
/// full link with them, and so on; what the others have still is what max-min fair means, unless a
/// link is more than full by it, which then is seen to as well.
///
/// # Source
/// Bertsekas, Gallager: Data Networks (1992), 6.5.2.
#[derive(Clone, Debug)]
pub struct Shares {
    links: Vec<Link>,
    paths: Vec<Path>,
    /// The wall clock, then that of each link.
    clocks: Vec<Clock>,
    /// What has changed since the last division.
    changes: Vec<Change>,
    /// What the last division has changed.
    pub news: News,
    /// Links and paths that are being divided.
    open_links: Vec<u32>,
    open_paths: Vec<u32>,
}

/// What has changed in a division.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Positions of clocks.
    pub clocks: Vec<u32>,
    /// How classes go on; none: nobody loads in it any more.
    pub paces: Vec<(u32, Option<Pace>)>,
    /// Links that may carry something else.
    pub loads: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Link {
    /// In bit/s.
    capacity: f64,
    /// Paths over it, in order.
    paths: Vec<u32>,
    /// What goes over it.
    profile: Profile,
    /// What each download has that it holds up, in bit/s; none if it is not full.
    level: Option<f64>,
    /// What it carries; in [`UNIT`]s, so that what is added can be taken away.
    load: u128,
    /// It stands in the news.
    is_news: bool,
    is_open: bool,
    /// While it is divided: what those carry that other links hold up, what the rest is, and
    /// whether that has changed since a level was found.
    held_elsewhere: f64,
    rest: Option<Profile>,
    is_stale: bool,
}

#[derive(Clone, Debug)]
struct Path {
    links: Box<[u32]>,
    profile: Profile,
    /// Of each part of the profile.
    paces: Vec<Pace>,
    /// The link that holds up its classes from `held_from` on.
    held_by: Option<u32>,
    held_from: u32,
    /// What it carries, in [`UNIT`]s.
    load: u128,
    is_open: bool,
    /// While it is divided: the link that holds it up, and from which class on.
    now_held: Option<(u32, u32)>,
}

/// Of a load, in bit/s.
const UNIT: f64 = 1.0 / (1u64 << 20) as f64;

fn in_units(load: f64) -> u128 {
    (load / UNIT).round() as u128
}

impl Shares {
    /// # Panics
    /// If a capacity is not above zero, or a path names a link that is not there.
    pub fn new(capacities: Vec<f64>, paths: Vec<Box<[u32]>>) -> Shares {
        assert!(capacities.iter().all(|c| *c > 0.0), "a link has a capacity");
        let known = |link: &u32| (*link as usize) < capacities.len();
        assert!(paths.iter().flatten().all(known), "a path over links that are there");
        let mut links: Vec<Link> = capacities.into_iter().map(Link::new).collect();
        for (path, over) in (0..).zip(&paths) {
            over.iter().for_each(|link| links[*link as usize].paths.push(path));
        }
        let clocks = (0..=links.len()).map(|at| match at {
            0 => Clock::WALL,
            _ => Clock::new(Time::ZERO, 0.0),
        });
        Shares {
            clocks: clocks.collect(),
            links,
            paths: paths.into_iter().map(Path::new).collect(),
            changes: Vec::new(),
            news: News::default(),
            open_links: Vec::new(),
            open_paths: Vec::new(),
        }
    }

    /// By link, in bit/s.
    pub fn capacities(&self) -> impl Iterator<Item = f64> + '_ {
        self.links.iter().map(|link| link.capacity)
    }

    /// By link: what it carries, in bit/s.
    pub fn loads(&self) -> impl Iterator<Item = f64> + '_ {
        self.links.iter().map(Link::load)
    }

    /// What the link carries, in bit/s.
    pub fn load(&self, link: u32) -> f64 {
        self.links[link as usize].load()
    }

    /// The clock at a position: the wall clock, then one for each link.
    pub fn clock(&self, at: u32) -> Clock {
        self.clocks[at as usize]
    }

    /// The part of what they would have alone that the downloads of a class have, 0 to 1; none if
    /// there are none.
    pub fn speed(&self, class: u32) -> Option<f64> {
        let path = &self.paths[(class / RATE_CLASSES) as usize];
        let at = path.profile.first_from(class % RATE_CLASSES);
        let part = path.profile.parts.get(at)?;
        let pace = &path.paces[at];
        let is_it = part.class == class % RATE_CLASSES;
        is_it.then(|| pace.speed(&self.clocks[pace.clock as usize]))
    }

    /// How many classes there may be.
    pub fn classes(&self) -> usize {
        self.paths.len() * RATE_CLASSES as usize
    }

    /// The number of downloads of a class has changed, and what they would have alone.
    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Divides anew from `now` on what the changes reach; [`Shares::news`] tells the result.
    pub fn divide(&mut self, now: Time) {
        self.news.clear();
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_unstable_by_key(|change| change.class);
        // What several threads tell of a class is one change.
        changes.dedup_by(|change, sum| {
            let same = change.class == sum.class;
            if same {
                sum.count += change.count;
                sum.rates += change.rates;
            }
            same
        });
        changes.retain(|change| change.count != 0 || change.rates != 0);
        changes.iter().for_each(|change| self.apply(change));
        self.fill();
        self.turn_clocks(now);
        let mut paths = std::mem::take(&mut self.open_paths);
        paths.drain(..).for_each(|path| self.move_classes(path, now));
        self.open_paths = paths;
        for Change { class, .. } in &changes {
            let (path, class) = (class / RATE_CLASSES, class % RATE_CLASSES);
            let at = self.paths[path as usize].profile.first_from(class);
            self.move_class(path, at, class, now);
        }
        changes.clear();
        self.changes = changes;
        self.news.loads.iter().for_each(|link| self.links[*link as usize].is_news = false);
    }

    fn apply(&mut self, change: &Change) {
        let Change { class, count, rates } = *change;
        let (path, rate_class) = (class / RATE_CLASSES, class % RATE_CLASSES);
        let own = &mut self.paths[path as usize];
        for link in &own.links {
            self.links[*link as usize].profile.change(rate_class, count, rates);
        }
        match own.profile.change(rate_class, count, rates) {
            Changed::Came(at) => own.paces.insert(at, Pace::STILL),
            Changed::Stays(_) => {}
            Changed::Went(at) => {
                own.paces.remove(at);
                self.news.paces.push((class, None));
            }
        }
        self.open(path);
    }

    /// The path is to be divided.
    fn open(&mut self, path: u32) {
        if !std::mem::replace(&mut self.paths[path as usize].is_open, true) {
            self.open_paths.push(path);
        }
    }

    /// Lets the clocks of links that were divided run at their levels.
    fn turn_clocks(&mut self, now: Time) {
        for link in self.open_links.drain(..) {
            let own = &mut self.links[link as usize];
            own.is_open = false;
            let clock = &mut self.clocks[link as usize + 1];
            let speed = own.level.unwrap_or(0.0);
            if clock.speed() == speed {
                continue;
            }
            match clock.speed() {
                // Nothing goes by it.
                0.0 => *clock = Clock::new(now, speed),
                _ => clock.set_speed(now, speed),
            }
            self.news.clocks.push(link + 1);
        }
    }

    /// The classes of a path that was divided go by the clock of what holds them up.
    fn move_classes(&mut self, path: u32, now: Time) {
        let own = &mut self.paths[path as usize];
        own.is_open = false;
        let (held_by, held_from) = match own.now_held.take() {
            Some((link, from)) => (Some(link), from),
            None => (None, RATE_CLASSES),
        };
        let (was_by, was_from) = (own.held_by, own.held_from);
        (own.held_by, own.held_from) = (held_by, held_from);
        let from = was_from.min(held_from);
        let to = if was_by == held_by { was_from.max(held_from) } else { RATE_CLASSES };
        let mut at = own.profile.first_from(from);
        while let Some(part) = self.paths[path as usize].profile.parts.get(at)
            && part.class < to
        {
            self.move_class(path, at, part.class, now);
            at += 1;
        }
    }

    /// The class at a position of its path, if it is there, goes on as it has to.
    fn move_class(&mut self, path: u32, at: usize, class: u32, now: Time) {
        let own = &mut self.paths[path as usize];
        let Some(part) = own.profile.parts.get(at).filter(|part| part.class == class) else {
            return;
        };
        let (clock, per) = match own.held_by {
            Some(link) if class >= own.held_from => (link + 1, part.own_rate()),
            _ => (0, 1.0),
        };
        let pace = &mut own.paces[at];
        if pace.goes_by(clock, per) {
            return;
        }
        let old = &self.clocks[pace.clock as usize];
        *pace = pace.moved(now, old, (clock, &self.clocks[clock as usize]), per);
        self.news.paces.push((path * RATE_CLASSES + class, Some(*pace)));
    }
}

impl News {
    fn clear(&mut self) {
        self.clocks.clear();
        self.paces.clear();
        self.loads.clear();
    }
}

impl Link {
    fn new(capacity: f64) -> Link {
        Link {
            capacity,
            paths: Vec::new(),
            profile: Profile::default(),
            level: None,
            load: 0,
            is_news: false,
            is_open: false,
            held_elsewhere: 0.0,
            rest: None,
            is_stale: false,
        }
    }

    /// In bit/s.
    fn load(&self) -> f64 {
        match self.level {
            // What rounding left is nobody's.
            Some(_) => self.capacity,
            None => self.load as f64 * UNIT,
        }
    }
}

impl Path {
    fn new(links: Box<[u32]>) -> Path {
        Path {
            links,
            profile: Profile::default(),
            paces: Vec::new(),
            held_by: None,
            held_from: RATE_CLASSES,
            load: 0,
            is_open: false,
            now_held: None,
        }
    }
}
