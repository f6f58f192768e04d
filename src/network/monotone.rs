//! A priority queue whose keys never go back.

use crate::model::take;

/// Values by key; no key may lie below the last one taken.
///
/// # Model
/// A radix heap: a key lies in the bucket of the highest bit in which it differs from the last
/// key taken. Each value moves to lower buckets only, at most 64 times and in runs that lie
/// together in memory; there is no tree to climb.
///
/// # Source
/// Ahuja, Mehlhorn, Orlin, Tarjan: Faster algorithms for the shortest path problem (1990).
#[derive(Clone, Debug)]
pub struct Monotone<T> {
    /// The first holds keys equal to `last`.
    buckets: [Vec<(u64, T)>; 65],
    last: u64,
    /// The least key there is, where it is known.
    least: Option<u64>,
    len: usize,
}

impl<T: Copy> Default for Monotone<T> {
    fn default() -> Monotone<T> {
        Monotone { buckets: std::array::from_fn(|_| Vec::new()), last: 0, least: None, len: 0 }
    }
}

impl<T: Copy> Monotone<T> {
    /// How many values wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The last key taken.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Takes everything out; any key may follow.
    pub fn clear(&mut self) {
        self.buckets.iter_mut().for_each(Vec::clear);
        (self.last, self.least, self.len) = (0, None, 0);
    }

    /// # Panics
    /// If the key lies below the last one taken.
    #[inline(always)]
    pub fn push(&mut self, key: u64, value: T) {
        assert!(key >= self.last, "keys never go back");
        if self.len == 0 || self.least.is_some_and(|least| key < least) {
            self.least = Some(key);
        }
        self.len += 1;
        self.buckets[bucket(key, self.last)].push((key, value));
    }

    /// The least key.
    pub fn least(&mut self) -> Option<u64> {
        if self.least.is_none() && self.len > 0 {
            let lowest = self.buckets.iter().find(|bucket| !bucket.is_empty());
            let keys = lowest.into_iter().flatten().map(|(key, _)| *key);
            self.least = keys.min();
        }
        self.least
    }

    /// Takes the value with the least key, if that is at most `most`.
    #[inline(always)]
    pub fn pop_at_most(&mut self, most: u64) -> Option<(u64, T)> {
        let key = self.least().filter(|key| *key <= most)?;
        if self.buckets[0].is_empty() {
            self.advance(key);
        }
        take(&mut self.len, 1);
        let taken = self.buckets[0].pop();
        self.least = (!self.buckets[0].is_empty()).then_some(key);
        taken
    }

    /// Keeps those of which `keeps` says so.
    pub fn retain(&mut self, mut keeps: impl FnMut(u64, T) -> bool) {
        self.buckets
            .iter_mut()
            .for_each(|bucket| bucket.retain(|(key, value)| keeps(*key, *value)));
        (self.least, self.len) = (None, self.buckets.iter().map(Vec::len).sum());
    }

    /// `key`, which is the least, becomes the last.
    fn advance(&mut self, key: u64) {
        let from = bucket(key, self.last);
        self.last = key;
        let (lower, rest) = self.buckets.split_at_mut(from.max(1));
        if from == 0 {
            return;
        }
        for (key, value) in rest[0].drain(..) {
            lower[bucket(key, self.last)].push((key, value));
        }
    }
}

#[inline(always)]
fn bucket(key: u64, last: u64) -> usize {
    64 - (key ^ last).leading_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a sorted list, with pushes and pops as they come.
        #[test]
        fn takes_values_in_order(steps in prop::collection::vec((any::<bool>(), 0u64..5_000), 0..400)) {
            let mut queue = Monotone::default();
            let mut list: Vec<u64> = Vec::new();
            let mut last = 0;
            for (push, by) in steps {
                if by % 97 == 0 {
                    queue.retain(|key, _| key % 3 > 0);
                    list.retain(|key| key % 3 > 0);
                } else if push {
                    queue.push(last + by, by);
                    list.push(last + by);
                    list.sort_unstable();
                } else {
                    let most = last + by;
                    let expected = list.first().copied().filter(|key| *key <= most);
                    let taken = queue.pop_at_most(most).map(|(key, _)| key);
                    prop_assert_eq!(taken, expected);
                    if let Some(key) = taken {
                        list.remove(0);
                        last = key;
                    }
                }
                prop_assert_eq!(queue.least(), list.first().copied());
                prop_assert_eq!(queue.len(), list.len());
            }
        }
    }
}
