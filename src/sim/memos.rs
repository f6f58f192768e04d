//! Where devices stand in their periods, if those alone do not tell when they can be reached.

use crate::fleet::Memo;

use super::prefetch::prefetch;
use super::world::World;

/// A memo for each slot, where some cohort needs them; nothing follows from what is in them.
#[derive(Debug)]
pub struct Memos {
    /// Without an entry for what was not asked for; the first is for all slots if none is needed.
    memos: Vec<Memo>,
    needed: bool,
}

impl Memos {
    /// One memo for all, unless a cohort needs one for each slot.
    pub fn new(world: &World) -> Memos {
        let needed = world.cohorts.iter().any(|cohort| cohort.reach.is_some());
        Memos { memos: vec![Memo::default()], needed }
    }

    /// Whether any device needs one.
    #[inline(always)]
    pub fn are_needed(&self) -> bool {
        self.needed
    }

    /// The memo of a slot, which is blank where it was not asked for before.
    #[inline(always)]
    pub fn of(&mut self, slot: u32) -> &mut Memo {
        let at = if self.needed { slot as usize } else { 0 };
        if at >= self.memos.len() {
            self.lengthen(at);
        }
        &mut self.memos[at]
    }

    /// Fetches the memo of a slot.
    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.memos, slot as usize);
    }

    /// Another device is at the slot from now on.
    pub fn forget(&mut self, slot: u32) {
        if self.needed {
            *self.of(slot) = Memo::default();
        }
    }

    #[cold]
    fn lengthen(&mut self, at: usize) {
        self.memos.resize(at + 1, Memo::default());
    }
}
