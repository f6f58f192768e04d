//! Fetching what lies around a device before it is needed: a tick's devices are at random in
//! memory, and so is everything that is kept beside them.

use super::*;

/// How many devices ahead what lies around them is fetched; their presence was before.
const NEAR: usize = 12;

impl Shard<'_> {
    /// Whether more is kept beside devices than their records.
    pub(super) fn keeps_more(&self) -> bool {
        self.books.traffic.is_some() || self.books.memos.are_needed()
    }

    /// Fetches what lies around the first devices of a list, whose presence was fetched.
    pub(super) fn expect_around(&mut self, list: &[u32]) {
        if self.keeps_more() {
            list.iter().take(NEAR).for_each(|slot| self.fetch_around(*slot));
        }
    }

    /// Fetches what lies around the device some places after `at`, if there is one.
    #[inline(always)]
    pub(super) fn fetch_around_next(&mut self, list: &[u32], at: usize) {
        if let Some(slot) = list.get(at + NEAR) {
            self.fetch_around(*slot);
        }
    }

    #[inline(always)]
    fn fetch_around(&mut self, slot: u32) {
        self.books.memos.prefetch(slot);
        let flight = self.records.presence(slot).flight;
        if flight != Presence::NO_FLIGHT {
            self.expect_flight(flight);
        }
    }

    /// Fetches a flight, and what it loads and asks.
    #[inline(always)]
    pub fn expect_flight(&self, flight: u32) {
        prefetch(self.records.flights(), flight as usize);
        if let Some(traffic) = &self.books.traffic {
            traffic.prefetch(flight);
        }
    }

    /// Fetches the presence of the device of a flight that was fetched.
    #[inline(always)]
    pub fn expect_device_of(&self, flight: u32) {
        if let Some(flight) = self.records.flights().get(flight as usize) {
            self.records.prefetch(flight.slot as usize);
        }
    }

    /// Fetches what is kept beside the flights of a group, which were fetched.
    #[inline(always)]
    pub(super) fn expect_beside(&self, group: &[u32]) {
        for index in group {
            if let Some(traffic) = &self.books.traffic {
                traffic.prefetch(*index);
            }
            self.books.memos.prefetch(self.records.flights()[*index as usize].slot);
        }
    }
}
