//! Progressive filling of the links that a change may reach.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::class::rates_of;
use super::super::profile::Part;
use super::*;

impl Shares {
    /// Divides what the open paths are on: who is held up by which link, from which class on; links
    /// that matter to that are open afterwards.
    pub(super) fn fill(&mut self) {
        loop {
            self.spread();
            self.fill_open();
            if !self.open_overfull() {
                return;
            }
        }
    }

    /// Opens full links with open paths, and all their paths.
    fn spread(&mut self) {
        let mut next = 0;
        while let Some(&path) = self.open_paths.get(next) {
            for at in 0..self.paths[path as usize].links.len() {
                let link = self.paths[path as usize].links[at];
                if self.links[link as usize].level.is_some() {
                    self.open_link(link);
                }
            }
            next += 1;
        }
    }

    fn open_link(&mut self, link: u32) {
        if !std::mem::replace(&mut self.links[link as usize].is_open, true) {
            self.open_links.push(link);
            for at in 0..self.links[link as usize].paths.len() {
                self.open(self.links[link as usize].paths[at]);
            }
        }
    }

    /// Opens the links that carry more than they can; whether there are any.
    fn open_overfull(&mut self) -> bool {
        let before = self.open_links.len();
        for at in 0..self.news.loads.len() {
            let link = self.news.loads[at];
            let own = &self.links[link as usize];
            if !own.is_open && own.load > in_units(own.capacity) {
                self.open_link(link);
            }
        }
        self.open_links.len() > before
    }

    /// Fills the open links, as if there were no others.
    fn fill_open(&mut self) {
        for link in &self.open_links {
            let own = &mut self.links[*link as usize];
            own.level = None;
            (own.held_elsewhere, own.rest, own.is_stale) = (0.0, None, false);
        }
        self.open_paths.iter().for_each(|path| self.paths[*path as usize].now_held = None);
        // Positive numbers are in the order of their bits.
        let bits = |(link, level): (u32, f64)| Reverse((level.to_bits(), link));
        let levels = self.open_links.iter().filter_map(|link| Some((*link, self.level_of(*link)?)));
        let mut next: BinaryHeap<_> = levels.map(bits).collect();
        let mut last = 0.0;
        while let Some(Reverse((level, link))) = next.pop() {
            if std::mem::take(&mut self.links[link as usize].is_stale) {
                next.extend(self.level_of(link).map(|level| bits((link, level.max(last)))));
                continue;
            }
            last = f64::from_bits(level);
            self.hold_up(link, last);
        }
        for at in 0..self.open_paths.len() {
            let path = &self.paths[self.open_paths[at] as usize];
            if path.now_held.is_none() {
                let load = path.profile.rates as f64;
                self.set_load(self.open_paths[at], load);
            }
        }
    }

    /// The link is full at this level: whoever goes over it and is not held up yet is from now on.
    fn hold_up(&mut self, link: u32, level: f64) {
        self.links[link as usize].level = Some(level);
        for at in 0..self.links[link as usize].paths.len() {
            let path = self.links[link as usize].paths[at];
            let own = &mut self.paths[path as usize];
            if own.now_held.is_some() {
                continue;
            }
            let (free, load) = own.profile.at_level(level);
            let from = own.profile.parts.get(free).map_or(RATE_CLASSES, |part| part.class);
            own.now_held = Some((link, from));
            for other in own.links.iter().filter(|other| **other != link) {
                let other = &mut self.links[*other as usize];
                if other.is_open {
                    other.held_elsewhere += load;
                    other.rest.get_or_insert_with(|| other.profile.clone()).take(&own.profile);
                    other.is_stale = true;
                }
            }
            self.set_load(path, load);
        }
    }

    fn set_load(&mut self, path: u32, load: f64) {
        let own = &mut self.paths[path as usize];
        let now = in_units(load);
        let was = std::mem::replace(&mut own.load, now);
        for link in &own.links {
            let other = &mut self.links[*link as usize];
            other.load = other.load + now - was;
            if !std::mem::replace(&mut other.is_news, true) {
                self.news.loads.push(*link);
            }
        }
    }

    /// The rate that each download has which the link holds up, of those that no other does; none
    /// if it has room for all.
    fn level_of(&self, link: u32) -> Option<f64> {
        let own = &self.links[link as usize];
        let profile = own.rest.as_ref().unwrap_or(&own.profile);
        let mut room = Room {
            capacity: own.capacity - own.held_elsewhere,
            held: profile.count,
            free_rates: 0,
        };
        for part in &profile.parts {
            let level = room.level();
            let (least, most) = rates_of(part.class);
            if level < least {
                return Some(level);
            }
            if level >= most {
                room.let_go(part);
                continue;
            }
            // The class on one path may have all it could, and that on another not.
            for part in self.parts_over(link, part.class) {
                let level = room.level();
                if level < part.own_rate() {
                    return Some(level);
                }
                room.let_go(&part);
            }
        }
        None
    }

    /// Downloads of a class of rates over the link that no other link holds up: path by path, in
    /// order of their own rates.
    fn parts_over(&self, link: u32, rate_class: u32) -> Vec<Part> {
        let paths = self.links[link as usize].paths.iter().map(|path| &self.paths[*path as usize]);
        let paths = paths.filter(|path| path.now_held.is_none());
        let mut parts: Vec<Part> =
            paths.filter_map(|path| path.profile.part(rate_class).copied()).collect();
        parts.sort_by(|a, b| a.own_rate().total_cmp(&b.own_rate()));
        parts
    }
}

/// What a link has for those that it holds up.
struct Room {
    capacity: f64,
    held: u64,
    /// What those have who have all they could have alone, in bit/s.
    free_rates: u64,
}

impl Room {
    fn level(&self) -> f64 {
        (self.capacity - self.free_rates as f64) / self.held as f64
    }

    fn let_go(&mut self, part: &Part) {
        self.held -= part.count;
        self.free_rates += part.rates;
    }
}
