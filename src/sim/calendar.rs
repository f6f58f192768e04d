//! The future event list: for each tick, whose next timer falls into it.
//!
//! An [`Entry`] is four bytes: a number and what kind of timer is due; the exact time stays in
//! the record. A record may be entered again under an earlier tick; whoever drains a bucket
//! passes over entries of which nothing is due, so nothing is ever searched for or removed.

use std::collections::BTreeMap;

use super::memory::ask_for_large_pages;
use super::prefetch::prefetch;

/// # Shape
/// `near` is a ring of one bucket per tick for the next [`NEAR_TICKS`] ticks; `far` holds one
/// list per era of as many ticks, for what was further away when it was entered; `beyond` is for
/// eras so late that a list for each before them would cost more than all that is in them.
///
/// # Invariants
/// No entry lies before `now`. Entries of the current era are all in `near`.
#[derive(Debug)]
pub struct Calendar {
    /// Where the next entry of each bucket goes.
    near: Box<[u32; NEAR]>,
    /// One bit per bucket of `near`.
    occupied: Box<[u64; NEAR / 64]>,
    far: Vec<Vec<FarEntry>>,
    beyond: BTreeMap<u64, Vec<FarEntry>>,
    /// The tick drained last.
    now: u64,
    pool: Pool,
}

const NEAR_BITS: u32 = 14;
/// Ticks in an era: few enough that the buckets' heads stay in the second-level cache.
pub const NEAR_TICKS: u64 = 1 << NEAR_BITS;
const NEAR: usize = NEAR_TICKS as usize;
/// Eras with a list of their own, used or not.
const FAR_ERAS: u64 = 1 << 10;

/// What is due, as the calendar tells it apart: entries of one kind are handled in one loop,
/// whose branches the processor can foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A device comes online or goes offline; the number is its slot.
    Network,
    /// A download ends; the number is the flight's.
    Download,
    /// An installation ends; the number is the flight's.
    Install,
    /// Any other timer of a flight.
    Other,
}

/// How many kinds there are.
pub const KINDS: usize = Kind::Other as usize + 1;

/// Entries of one tick by [`Kind`].
pub type Due = [Vec<u32>; KINDS];

/// A number of 30 bits and a [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u32);

/// Numbers lie below this.
pub const NUMBERS: u32 = 1 << 30;

impl Entry {
    /// An entry for what has this number among those of its kind; numbers lie below [`NUMBERS`].
    #[inline(always)]
    pub fn new(kind: Kind, number: u32) -> Entry {
        debug_assert!(number < NUMBERS);
        Entry((kind as u32) << 30 | number)
    }
}

/// An entry with its place in the ring, so that it can be sorted without its record.
#[derive(Clone, Copy, Debug)]
struct FarEntry {
    at: u32,
    entry: u32,
}

impl Calendar {
    /// An empty calendar at tick 0.
    pub fn new() -> Calendar {
        Calendar {
            near: boxed(0),
            occupied: boxed(0),
            far: Vec::new(),
            beyond: BTreeMap::new(),
            now: 0,
            pool: Pool::new(),
        }
    }

    /// Enters under `tick`, which must not lie before the tick drained last.
    #[inline(always)]
    pub fn insert(&mut self, tick: u64, entry: Entry) {
        if tick.wrapping_sub(self.now) < NEAR_TICKS {
            self.insert_near(ring(tick), entry.0);
        } else {
            self.insert_far(tick, entry);
        }
    }

    #[inline(always)]
    fn insert_near(&mut self, at: usize, entry: u32) {
        let mut next = self.near[at];
        if next.is_multiple_of(CHUNK) {
            self.occupied[at / 64] |= 1 << (at % 64);
            next = self.pool.grow(next);
        }
        self.pool.entries[next as usize] = entry;
        self.near[at] = next + 1;
    }

    /// Fetches the line that the next entry under `tick` goes to.
    #[inline(always)]
    fn prefetch_entry(&self, tick: u64) {
        prefetch(&self.pool.entries, self.near[ring(tick)] as usize);
    }

    /// Fetches the beginning of what [`Calendar::drain`] will read.
    pub fn prefetch_chain(&self, tick: u64) {
        let last = (self.near[ring(tick)] as usize).saturating_sub(1);
        let chunk = last / CHUNK as usize * CHUNK as usize;
        (chunk..=last).step_by(16).for_each(|at| prefetch(&self.pool.entries, at));
    }

    #[inline(always)]
    fn insert_far(&mut self, tick: u64, entry: Entry) {
        assert!(tick > self.now, "an event in the past");
        let entry = FarEntry { at: ring(tick) as u32, entry: entry.0 };
        match self.far.get_mut(era(tick) as usize) {
            Some(list) => list.push(entry),
            None => self.list_of(era(tick)).push(entry),
        }
    }

    #[cold]
    fn list_of(&mut self, era: u64) -> &mut Vec<FarEntry> {
        if era >= FAR_ERAS {
            return self.beyond.entry(era).or_default();
        }
        self.far.resize(era as usize + 1, Vec::new());
        &mut self.far[era as usize]
    }

    /// Goes on to `tick` and moves its entries to the ends of `out`.
    #[inline]
    pub fn drain(&mut self, tick: u64, out: &mut Due) {
        let mut chain = self.unlink(tick);
        while let Some(entries) = self.pool.next_chunk(&mut chain) {
            for entry in entries {
                out[(entry >> 30) as usize].push(entry & (NUMBERS - 1));
            }
        }
    }

    /// Goes on to `tick` and empties its bucket; the chain of what was in it.
    fn unlink(&mut self, tick: u64) -> u32 {
        debug_assert!(tick >= self.now);
        if era(tick) != era(self.now) {
            self.enter_era(era(tick));
        }
        self.now = tick;
        let at = ring(tick);
        self.occupied[at / 64] &= !(1 << (at % 64));
        std::mem::take(&mut self.near[at])
    }

    /// About how many entries [`Calendar::drain`] of `tick` will look at; of many, only that
    /// there are.
    pub fn load_at(&self, tick: u64) -> usize {
        if era(tick) != era(self.now) {
            let list = self.far.get(era(tick) as usize).or_else(|| self.beyond.get(&era(tick)));
            return list.map_or(0, Vec::len);
        }
        let next = self.near[ring(tick)];
        match next {
            0 => 0,
            next if self.pool.older(next) != 0 => CHUNK as usize,
            next => ((next - 1) % CHUNK) as usize,
        }
    }

    /// The first tick after the one drained last that has entries; of a later era its first
    /// tick, whether it has entries or not.
    pub fn next_tick(&self) -> Option<u64> {
        let from = self.now + 1;
        if era(from) == era(self.now)
            && let Some(at) = self.first_occupied(ring(from))
        {
            return Some((from & !(NEAR_TICKS - 1)) + at as u64);
        }
        // What lies before the current tick in the ring belongs to the era to come.
        if self.first_occupied(0).is_some_and(|at| at < ring(self.now)) {
            return Some((era(self.now) + 1) << NEAR_BITS);
        }
        let after = era(self.now) + 1;
        let ahead = self.far.get(after as usize..).unwrap_or_default();
        let far = ahead.iter().position(|list| !list.is_empty()).map(|at| after + at as u64);
        let next = far.or_else(|| self.beyond.range(after..).next().map(|(era, _)| *era))?;
        Some(next << NEAR_BITS)
    }

    /// Goes on to the first tick of a later era, and sorts the entries made from afar.
    #[inline(never)]
    fn enter_era(&mut self, to: u64) {
        self.now = to << NEAR_BITS;
        let list = self.far.get_mut(to as usize).map(std::mem::take);
        let Some(list) = list.or_else(|| self.beyond.remove(&to)) else { return };
        const AHEAD: usize = 16;
        for (at, far) in list.iter().enumerate() {
            if let Some(ahead) = list.get(at + AHEAD) {
                self.prefetch_entry(u64::from(ahead.at));
            }
            self.insert_near(far.at as usize, far.entry);
        }
    }

    fn first_occupied(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.occupied.get(word)? & (!0 << (from % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = *self.occupied.get(word)?;
        }
    }
}

/// Entries on their way into a calendar: gathered, so that all the lines they go to are
/// fetched before the first is written.
#[derive(Debug)]
pub struct Entering {
    list: [(u64, Entry); GATHERED],
    count: usize,
}

const GATHERED: usize = 32;

impl Entering {
    /// Nothing is gathered.
    pub fn new() -> Entering {
        Entering { list: [(0, Entry(0)); GATHERED], count: 0 }
    }

    /// Gathers an entry for `tick`; a full list goes into the calendar.
    #[inline(always)]
    pub fn push(&mut self, calendar: &mut Calendar, tick: u64, entry: Entry) {
        self.list[self.count % GATHERED] = (tick, entry);
        self.count += 1;
        if self.count == GATHERED {
            self.flush(calendar);
        }
    }

    /// Enters what is still on its way.
    #[inline(never)]
    pub fn flush(&mut self, calendar: &mut Calendar) {
        let list = &self.list[..self.count.min(GATHERED)];
        list.iter().for_each(|(tick, _)| calendar.prefetch_entry(*tick));
        list.iter().for_each(|(tick, entry)| calendar.insert(*tick, *entry));
        self.count = 0;
    }
}

/// An array that never was on the stack.
fn boxed<T: Clone, const N: usize>(item: T) -> Box<[T; N]> {
    let list: Box<[T]> = vec![item; N].into();
    list.try_into().ok().expect("the length is N")
}

/// The era that `tick` lies in.
fn era(tick: u64) -> u64 {
    tick >> NEAR_BITS
}

#[inline(always)]
fn ring(tick: u64) -> usize {
    (tick & (NEAR_TICKS - 1)) as usize
}

/// Words per chunk: the first links to the next older chunk, the others are entries.
const CHUNK: u32 = 64;

/// Chunks of entries, linked into chains from the newest to the oldest.
///
/// # Invariants
/// A chain is known by the position after its newest entry, which is a multiple of [`CHUNK`]
/// if the newest chunk is full, and 0 if there is none. The first chunk is never used.
#[derive(Debug)]
struct Pool {
    entries: Vec<u32>,
    /// The first word of a free chunk, which holds that of the next; 0: none.
    free: u32,
}

impl Pool {
    fn new() -> Pool {
        Pool { entries: vec![0; CHUNK as usize], free: 0 }
    }

    /// The end of the chain behind the chunk in which `next` is the end.
    fn older(&self, next: u32) -> u32 {
        self.entries[((next - 1) / CHUNK * CHUNK) as usize]
    }

    /// Adds a chunk to the chain that ends at `next`; returns its new end.
    #[inline(never)]
    fn grow(&mut self, next: u32) -> u32 {
        let chunk = match self.free {
            0 => self.add_chunk(),
            chunk => {
                self.free = self.entries[chunk as usize];
                chunk
            }
        };
        self.entries[chunk as usize] = next;
        chunk + 1
    }

    #[cold]
    fn add_chunk(&mut self) -> u32 {
        let (len, capacity) = (self.entries.len(), self.entries.capacity());
        assert!(len < u32::MAX as usize - CHUNK as usize, "more than 2^32 pending events");
        self.entries.resize(len + CHUNK as usize, 0);
        if self.entries.capacity() != capacity {
            ask_for_large_pages(self.entries.spare_capacity_mut());
        }
        len as u32
    }

    /// Takes the newest chunk off a chain; what it held is valid until the next chunk is added.
    #[inline(always)]
    fn next_chunk(&mut self, chain: &mut u32) -> Option<&[u32]> {
        let next = *chain;
        if next == 0 {
            return None;
        }
        let chunk = (next - 1) / CHUNK * CHUNK;
        *chain = self.entries[chunk as usize];
        prefetch(&self.entries, (chain.saturating_sub(1) / CHUNK * CHUNK) as usize);
        self.entries[chunk as usize] = std::mem::replace(&mut self.free, chunk);
        Some(&self.entries[chunk as usize + 1..next as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of all kinds.
    fn entry(number: usize) -> Entry {
        let kinds = [Kind::Network, Kind::Download, Kind::Install, Kind::Other];
        Entry::new(kinds[number % KINDS], number as u32)
    }

    proptest! {
        /// The calendar against a sorted list; slot i was entered under `ticks[i]`.
        #[test]
        fn drains_what_was_entered_in_order_of_ticks(
            first in prop::collection::vec(
                prop_oneof![9 => 0u64..5 * NEAR_TICKS, 1 => 0u64..1 << 38],
                0..400,
            ),
            later in prop::collection::vec(0u64..3 * NEAR_TICKS, 0..200),
        ) {
            let mut calendar = Calendar::new();
            let mut ticks = first;
            for (slot, tick) in ticks.iter().enumerate() {
                calendar.insert(*tick, entry(slot));
            }
            let mut later = later.into_iter();
            let (mut tick, mut out, mut found) = (0, Due::default(), Vec::new());
            loop {
                let count = calendar.load_at(tick);
                let exact = era(tick) == era(calendar.now);
                calendar.drain(tick, &mut out);
                let drained: usize = out.iter().map(Vec::len).sum();
                prop_assert!(!exact || drained.min(CHUNK as usize) == count);
                for (kind, list) in out.iter_mut().enumerate() {
                    prop_assert!(list.iter().all(|number| *number as usize % KINDS == kind));
                    found.extend(list.drain(..).map(|number| (tick, number)));
                }
                // An entry made on the way, as devices do.
                if let Some(ahead) = later.next() {
                    calendar.insert(tick + 1 + ahead, entry(ticks.len()));
                    ticks.push(tick + 1 + ahead);
                }
                let Some(next) = calendar.next_tick() else { break };
                tick = next;
            }
            prop_assert!(found.is_sorted_by_key(|(tick, _)| *tick));
            found.sort_unstable();
            let mut expected: Vec<(u64, u32)> =
                ticks.iter().enumerate().map(|(slot, tick)| (*tick, slot as u32)).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
