//! The future event list: for each tick, the devices whose next timer falls into it.
//!
//! An entry is a bare device slot, four bytes; the exact time stays in the device's record.
//! A device may be entered again under an earlier tick; whoever drains a bucket passes over
//! entries whose device is not due, so nothing is ever searched for or removed.

use super::prefetch::prefetch;

/// # Shape
/// `near` is a ring of one bucket per tick for the next [`NEAR_TICKS`] ticks; `far` holds one
/// bucket per era of as many ticks, for what was further away when it was entered.
///
/// # Invariants
/// No entry lies before `now`. Entries of the current era are all in `near`.
#[derive(Debug)]
pub struct Calendar {
    near: Box<[Bucket; NEAR]>,
    /// One bit per bucket of `near`.
    occupied: Box<[u64; NEAR / 64]>,
    far: Vec<Bucket>,
    /// The tick drained last.
    now: u64,
    pool: Pool,
}

const NEAR_BITS: u32 = 14;
/// Ticks in an era: few enough that the buckets' heads stay in the second-level cache.
pub const NEAR_TICKS: u64 = 1 << NEAR_BITS;
const NEAR: usize = NEAR_TICKS as usize;

/// A chain of chunks, newest first.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    chunk: u32,
    /// Entries in the whole chain.
    len: u32,
}

impl Calendar {
    pub fn new() -> Calendar {
        Calendar {
            near: boxed(Bucket::default()),
            occupied: boxed(0),
            far: Vec::new(),
            now: 0,
            pool: Pool::default(),
        }
    }

    /// Enters `slot` under `tick`, which must not lie before the tick drained last.
    #[inline(always)]
    pub fn insert(&mut self, tick: u64, slot: u32) {
        if tick.wrapping_sub(self.now) < NEAR_TICKS {
            let at = ring(tick);
            self.occupied[at / 64] |= 1 << (at % 64);
            self.pool.push(&mut self.near[at], slot);
        } else {
            self.insert_far(tick, slot);
        }
    }

    /// Fetches the head of the bucket of `tick`, which [`Calendar::prefetch_entry`] will read.
    #[inline(always)]
    pub fn prefetch_head(&self, tick: u64) {
        prefetch(self.near.as_slice(), ring(tick));
    }

    /// Fetches the line that the next entry under `tick` goes to.
    #[inline(always)]
    pub fn prefetch_entry(&self, tick: u64) {
        let bucket = self.near[ring(tick)];
        if let Some(chunk) = self.pool.entries.get(bucket.chunk as usize) {
            prefetch(chunk, bucket.len as usize % CHUNK);
        }
    }

    /// Fetches the beginning of what [`Calendar::drain`] will read.
    pub fn prefetch_chain(&self, tick: u64) {
        let bucket = self.near[ring(tick)];
        if let Some(chunk) = self.pool.entries.get(bucket.chunk as usize) {
            (0..CHUNK).step_by(16).for_each(|at| prefetch(chunk, at));
            prefetch(&self.pool.older, bucket.chunk as usize);
        }
    }

    #[inline(never)]
    fn insert_far(&mut self, tick: u64, slot: u32) {
        assert!(tick > self.now, "an event in the past");
        let at = era(tick) as usize;
        if at >= self.far.len() {
            self.far.resize(at + 1, Bucket::default());
        }
        self.pool.push(&mut self.far[at], slot);
    }

    /// Goes on to `tick` of the current era and moves its entries to the end of `out`.
    #[inline]
    pub fn drain(&mut self, tick: u64, out: &mut Vec<u32>) {
        debug_assert!(tick >= self.now && era(tick) == era(self.now));
        self.now = tick;
        let at = ring(tick);
        self.occupied[at / 64] &= !(1 << (at % 64));
        self.pool.drain(&mut self.near[at], out);
    }

    /// Entries under `tick`, which must lie in the current era.
    pub fn len_at(&self, tick: u64) -> u32 {
        self.near[ring(tick)].len
    }

    /// Entries made from afar for the era of `tick`.
    pub fn len_of_era(&self, tick: u64) -> u32 {
        self.far.get(era(tick) as usize).map_or(0, |bucket| bucket.len)
    }

    /// The first tick from `from` on, within the era of `from`, that has entries.
    ///
    /// `from` must lie in the current era.
    pub fn next_in_era(&self, from: u64) -> Option<u64> {
        debug_assert!(era(from) == era(self.now));
        let base = from & !(NEAR_TICKS - 1);
        self.first_occupied(ring(from)).map(|at| base + at as u64)
    }

    /// The first era after the current one that has entries.
    pub fn next_era(&self) -> Option<u64> {
        // What lies before the current tick in the ring belongs to the era to come.
        if self.first_occupied(0).is_some_and(|at| at < ring(self.now)) {
            return Some(era(self.now) + 1);
        }
        let after = era(self.now) as usize + 1;
        let ahead = self.far.get(after..)?;
        ahead.iter().position(|b| b.len > 0).map(|at| (after + at) as u64)
    }

    /// Goes on to the first tick of a later era; entries made from afar are moved to `out`,
    /// to be entered again by exact tick.
    pub fn enter_era(&mut self, to: u64, out: &mut Vec<u32>) {
        assert!(to > era(self.now), "eras only go forward");
        debug_assert!(self.next_era().is_none_or(|next| next >= to), "an era skipped");
        self.now = to << NEAR_BITS;
        if let Some(bucket) = self.far.get_mut(to as usize) {
            self.pool.drain(bucket, out);
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

/// Entries on their way into a calendar: each waits a little, while what it will touch is
/// fetched, first the bucket's head, then the line that the entry goes to.
#[derive(Debug)]
pub struct Entering {
    ring: [(u64, u32); RING],
    count: usize,
}

const RING: usize = 16;
/// Entries between the fetch of a head and that of the line, and from there to the entry.
const AHEAD: usize = 6;

impl Entering {
    pub fn new() -> Entering {
        Entering { ring: [(0, 0); RING], count: 0 }
    }

    #[inline(always)]
    pub fn push(&mut self, calendar: &mut Calendar, tick: u64, slot: u32) {
        let at = self.count;
        self.count += 1;
        calendar.prefetch_head(tick);
        if at >= AHEAD {
            calendar.prefetch_entry(self.ring[(at - AHEAD) % RING].0);
        }
        if at >= 2 * AHEAD {
            let (tick, slot) = self.ring[(at - 2 * AHEAD) % RING];
            calendar.insert(tick, slot);
        }
        self.ring[at % RING] = (tick, slot);
    }

    /// Enters what is still on its way.
    pub fn finish(self, calendar: &mut Calendar) {
        for at in self.count.saturating_sub(2 * AHEAD)..self.count {
            let (tick, slot) = self.ring[at % RING];
            calendar.insert(tick, slot);
        }
    }
}

/// An array that never was on the stack.
fn boxed<T: Clone, const N: usize>(item: T) -> Box<[T; N]> {
    let list: Box<[T]> = vec![item; N].into();
    list.try_into().ok().expect("the length is N")
}

/// The era that `tick` lies in.
pub fn era(tick: u64) -> u64 {
    tick >> NEAR_BITS
}

/// The first tick of an era.
pub fn first_tick(era: u64) -> u64 {
    era << NEAR_BITS
}

#[inline(always)]
fn ring(tick: u64) -> usize {
    (tick & (NEAR_TICKS - 1)) as usize
}

/// Entries per chunk: a chain is followed at one memory latency per chunk.
const CHUNK: usize = 64;

/// Chunks of entries, linked into chains from the newest to the oldest.
#[derive(Debug, Default)]
struct Pool {
    entries: Vec<[u32; CHUNK]>,
    /// The next older chunk of each chunk's chain; of a free chunk, the next free one.
    older: Vec<u32>,
    /// Head of the chain of free chunks, plus one; 0: none.
    free: u32,
}

impl Pool {
    #[inline(always)]
    fn push(&mut self, bucket: &mut Bucket, slot: u32) {
        let at = bucket.len as usize % CHUNK;
        if at == 0 {
            self.grow(bucket);
        }
        self.entries[bucket.chunk as usize][at] = slot;
        bucket.len += 1;
    }

    #[inline(never)]
    fn grow(&mut self, bucket: &mut Bucket) {
        let chunk = match self.free {
            0 => {
                self.entries.push([0; CHUNK]);
                self.older.push(0);
                self.entries.len() as u32 - 1
            }
            head => {
                self.free = self.older[head as usize - 1];
                head - 1
            }
        };
        self.older[chunk as usize] = bucket.chunk;
        bucket.chunk = chunk;
    }

    fn drain(&mut self, bucket: &mut Bucket, out: &mut Vec<u32>) {
        let mut left = bucket.len as usize;
        while left > 0 {
            let used = (left - 1) % CHUNK + 1;
            let chunk = bucket.chunk as usize;
            // Copying whole chunks is cheaper than copying just what is used.
            out.extend_from_slice(&self.entries[chunk]);
            out.truncate(out.len() - (CHUNK - used));
            bucket.chunk = std::mem::replace(&mut self.older[chunk], self.free);
            self.free = chunk as u32 + 1;
            left -= used;
        }
        bucket.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The calendar against a sorted list; slot i was entered under `ticks[i]`.
        #[test]
        fn drains_what_was_entered_in_order_of_ticks(
            first in prop::collection::vec(0u64..5 * NEAR_TICKS, 0..400),
            later in prop::collection::vec(0u64..3 * NEAR_TICKS, 0..200),
        ) {
            let mut calendar = Calendar::new();
            let mut ticks = first;
            for (slot, tick) in ticks.iter().enumerate() {
                calendar.insert(*tick, slot as u32);
            }
            let mut later = later.into_iter();
            let (mut from, mut out, mut found) = (0, Vec::new(), Vec::new());
            loop {
                let Some(tick) = calendar.next_in_era(from) else {
                    let Some(next) = calendar.next_era() else { break };
                    calendar.enter_era(next, &mut out);
                    for slot in out.drain(..) {
                        calendar.insert(ticks[slot as usize], slot);
                    }
                    from = next << NEAR_BITS;
                    continue;
                };
                let count = calendar.len_at(tick) as usize;
                calendar.drain(tick, &mut out);
                prop_assert_eq!(out.len(), count);
                found.extend(out.drain(..).map(|slot| (tick, slot)));
                // An entry made on the way, as devices do.
                if let Some(ahead) = later.next() {
                    calendar.insert(tick + 1 + ahead, ticks.len() as u32);
                    ticks.push(tick + 1 + ahead);
                }
                from = tick + 1;
                if era(from) != era(tick) {
                    from = tick;
                }
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
