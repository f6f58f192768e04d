//! Devices that nobody waits for: no turn yet, or no task any more.
//!
//! What such a device does on the network decides nothing, so it need not keep in step with the
//! others, nor be in the calendar: all of them run ahead, one after the other as they lie in
//! memory, a stride of many ticks at a time, each change at its exact time. When a device's turn
//! comes, it goes back to where it stood ([`Presence::back_to`]).

use std::ops::Range;

use crate::fleet::{Cohort, Memo, Presence};
use crate::model::{DeviceId, Time, take};

use super::memos::Memos;
use super::records::Records;
use super::world::World;

/// How far the idle devices of a shard have run.
///
/// # Invariants
/// Every idle device that has a record stands at the end of the current stride, or at the end
/// of the run if that comes first.
#[derive(Debug)]
pub struct Idle {
    stride_bits: u32,
    /// The stride that was run last.
    stride: Option<u64>,
    /// Changes, up to the end of the stride.
    pub flips: u64,
    /// No idle device changes before this.
    earliest: Time,
    /// Whether some period ends beyond the end of the run.
    pub cut_off: bool,
}

/// Devices run together.
const GROUP: usize = 64;

impl Idle {
    /// Before the first stride.
    pub fn new(world: &World) -> Idle {
        Idle {
            stride_bits: stride_bits(world),
            stride: None,
            flips: 0,
            earliest: Time::NEVER,
            cut_off: false,
        }
    }

    /// The next tick in which [`Idle::run`] has something to do.
    pub fn next_tick(&self, world: &World) -> Option<u64> {
        let tick = world.ticks.of(self.earliest) >> self.stride_bits << self.stride_bits;
        (self.earliest < world.until).then_some(tick)
    }

    /// Whether `tick` lies in another stride than the last.
    pub fn is_due(&self, tick: u64) -> bool {
        self.stride != Some(tick >> self.stride_bits)
    }

    /// Runs all idle devices to the end of the stride that `tick` lies in.
    pub fn run(&mut self, tick: u64, world: &World, records: &mut Records, memos: &mut Memos) {
        if !records.every_device() || !self.is_due(tick) {
            return;
        }
        self.stride = Some(tick >> self.stride_bits);
        self.earliest = Time::NEVER;
        let end = self.end(world);
        let slots = records.presences().len();
        for from in (0..slots).step_by(GROUP) {
            let to = slots.min(from + GROUP);
            self.run_group(from..to, end, world, records, memos);
        }
    }

    /// Runs the devices at these slots, in small loops, of which the processor can
    /// overlap many rounds.
    #[inline(always)]
    fn run_group(
        &mut self,
        slots: Range<usize>,
        end: Time,
        world: &World,
        records: &mut Records,
        memos: &mut Memos,
    ) {
        let mut due = [0; GROUP];
        let mut dues = 0;
        for (slot, presence) in slots.clone().zip(&records.presences()[slots]) {
            due[dues] = slot as u32;
            let changes = presence.until() < end;
            dues += usize::from(presence.is_idle() & changes);
            let stays = presence.is_idle() & !changes;
            self.earliest = self.earliest.min(if stays { presence.until() } else { Time::NEVER });
        }
        let mut words = [0; GROUP];
        for (word, &slot) in words.iter_mut().zip(&due[..dues]) {
            let device = records.device(slot);
            *word = records.presence(slot).next_word(device, &world.streams);
        }
        for (&word, &slot) in words.iter().zip(&due[..dues]) {
            let device = records.device(slot);
            let presence = records.presence(slot);
            let cohort = world.cohort(presence.cohort());
            if memos.are_needed() {
                let memo = memos.of(slot);
                presence.flip_with(word, device, cohort, &world.streams, memo);
                self.flips += 1;
                self.add(device, presence, world, memo);
            } else {
                presence.flip_plain(word, device, cohort, &world.streams);
                self.flips += 1;
                self.add_plain(device, presence, cohort, world);
            }
        }
    }

    /// [`Idle::add`] where nothing but periods decides.
    #[inline(always)]
    fn add_plain(
        &mut self,
        device: DeviceId,
        presence: &mut Presence,
        cohort: &Cohort,
        world: &World,
    ) {
        let end = self.end(world);
        while presence.until() < end {
            let word = presence.next_word(device, &world.streams);
            presence.flip_plain(word, device, cohort, &world.streams);
            self.flips += 1;
        }
        self.note_end(presence.until(), world);
    }

    #[inline(always)]
    fn note_end(&mut self, until: Time, world: &World) {
        self.earliest = self.earliest.min(until);
        self.cut_off |= until >= world.until && !until.is_never();
    }

    /// Takes a device to the end of the stride.
    #[inline(always)]
    pub fn add(
        &mut self,
        device: DeviceId,
        presence: &mut Presence,
        world: &World,
        memo: &mut Memo,
    ) {
        let end = self.end(world);
        let cohort = world.cohort(presence.cohort());
        while presence.until() < end {
            presence.flip(device, cohort, &world.streams, memo);
            self.flips += 1;
        }
        self.note_end(presence.until(), world);
    }

    /// Brings an idle device back to how it stood just before `now`.
    #[inline(always)]
    pub fn bring_back(
        &mut self,
        now: Time,
        device: DeviceId,
        presence: &mut Presence,
        world: &World,
    ) {
        let cohort = world.cohort(presence.cohort());
        take(&mut self.flips, u64::from(presence.back_to(now, device, cohort, &world.streams)));
    }

    /// How many of the changes lie before `now`.
    pub fn flips_before(&self, now: Time, world: &World, records: &mut Records) -> u64 {
        let mut flips = self.flips;
        if now < self.end(world) {
            for slot in 0..records.presences().len() as u32 {
                let device = records.device(slot);
                let mut then = *records.presence(slot);
                if then.is_idle() {
                    let cohort = world.cohort(then.cohort());
                    let back = then.back_to(now, device, cohort, &world.streams);
                    take(&mut flips, u64::from(back));
                }
            }
        }
        flips
    }

    /// The end of the current stride; no device goes beyond the end of the run.
    #[inline(always)]
    fn end(&self, world: &World) -> Time {
        let next = self.stride.map_or(0, |stride| stride + 1);
        world.ticks.start(next << self.stride_bits).min(world.until)
    }
}

/// A stride in which about every third device changes: more would have to be taken back, with
/// fewer most of the pass over the records would be in vain.
fn stride_bits(world: &World) -> u32 {
    const SHARE: f64 = 0.4;
    let between_changes = |cohort: &Cohort| {
        let mean = (cohort.period(false).mean() + cohort.period(true).mean()) / 2.0;
        if mean > 0.0 { mean } else { f64::INFINITY }
    };
    let least = world.cohorts.iter().map(between_changes).fold(f64::INFINITY, f64::min);
    let ticks = world.ticks.of(Time((least * SHARE).min(Time::NEVER.0 as f64) as u64));
    ticks.max(1).ilog2()
}
