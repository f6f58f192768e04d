//! Devices that nobody waits for: no turn yet, or no task any more.
//!
//! What such a device does on the network decides nothing, so it need not keep in step with the
//! others. It runs ahead, a stride of many ticks at a time, each change at its exact time; when
//! its turn comes, it goes back to where it stood ([`Presence::back_to`]).

use crate::fleet::Presence;
use crate::model::{DeviceId, Time};

use super::calendar::{Calendar, Due, Entering, Entry, Kind};
use super::records::Records;
use super::ticks::Ticks;
use super::world::World;

/// The future of idle devices.
///
/// # Invariants
/// Every idle device that has a record stands at the end of the current stride, and is in the
/// calendar under the stride in which its period ends.
#[derive(Debug)]
pub struct Idle {
    /// In strides, not ticks.
    calendar: Calendar,
    entering: Entering,
    /// The stride that was run last.
    stride: Option<u64>,
    /// Changes in each of its ticks.
    flips: Box<[u64; STRIDE as usize]>,
    /// Changes in the strides before.
    flips_before: u64,
    /// Whether some period ends beyond the end of the run.
    pub cut_off: bool,
    due: Due,
}

const STRIDE_BITS: u32 = 6;
/// Ticks in a stride: few strides in all, so that the calendar stays in the nearest cache;
/// most devices change once at most in one.
const STRIDE: u64 = 1 << STRIDE_BITS;

/// How many devices ahead of its use a record is fetched.
const AHEAD: usize = 32;

impl Idle {
    pub fn new() -> Idle {
        Idle {
            calendar: Calendar::new(),
            entering: Entering::new(),
            stride: None,
            flips: Box::new([0; STRIDE as usize]),
            flips_before: 0,
            cut_off: false,
            due: Due::default(),
        }
    }

    /// The next tick in which [`Idle::run`] has something to do.
    pub fn next_tick(&self) -> Option<u64> {
        self.calendar.next_tick().map(|stride| stride << STRIDE_BITS)
    }

    /// About how many devices [`Idle::run`] in `tick` will look at.
    pub fn load_at(&self, tick: u64) -> usize {
        let stride = tick >> STRIDE_BITS;
        if self.stride == Some(stride) { 0 } else { self.calendar.load_at(stride) }
    }

    /// Changes up to the end of `tick`, which lies in the current stride or after it.
    pub fn flips_to(&self, tick: u64) -> u64 {
        let in_stride = match self.stride {
            Some(stride) if stride == tick >> STRIDE_BITS => (tick % STRIDE) as usize + 1,
            _ => STRIDE as usize,
        };
        self.flips_before + self.flips[..in_stride].iter().sum::<u64>()
    }

    /// Runs all idle devices to the end of the stride that `tick` lies in.
    #[inline(always)]
    pub fn run(&mut self, tick: u64, world: &World, records: &mut Records) {
        if self.stride != Some(tick >> STRIDE_BITS) {
            self.run_stride(tick >> STRIDE_BITS, world, records);
        }
    }

    #[inline(never)]
    fn run_stride(&mut self, stride: u64, world: &World, records: &mut Records) {
        self.stride = Some(stride);
        self.flips_before += self.flips.iter().sum::<u64>();
        self.flips.fill(0);
        let mut due = std::mem::take(&mut self.due);
        self.calendar.drain(stride, &mut due);
        let list = &due[Kind::Network as usize];
        list.iter().take(AHEAD).for_each(|slot| records.prefetch(*slot as usize));
        for (at, &slot) in list.iter().enumerate() {
            if let Some(slot) = list.get(at + AHEAD) {
                records.prefetch(*slot as usize);
            }
            let device = records.device(slot);
            let presence = records.presence(slot);
            if presence.is_alone() && presence.until() < self.end(world) {
                self.run_device(slot, device, presence, world);
            }
        }
        due.iter_mut().for_each(Vec::clear);
        self.due = due;
        self.entering.flush(&mut self.calendar);
    }

    /// Takes up a device that has become idle.
    #[inline(always)]
    pub fn add(&mut self, slot: u32, device: DeviceId, presence: &mut Presence, world: &World) {
        self.run_device(slot, device, presence, world);
        self.entering.flush(&mut self.calendar);
    }

    /// Brings an idle device back to how it stood just before `tick`.
    #[inline(always)]
    pub fn bring_back(
        &mut self,
        tick: u64,
        device: DeviceId,
        presence: &mut Presence,
        world: &World,
    ) {
        let cohort = world.cohort(presence.cohort());
        let (ticks, flips) = (world.ticks, &mut self.flips);
        presence.back_to(ticks.start(tick), device, cohort, &world.streams, |at| {
            flips[in_stride(at, ticks)] -= 1;
        });
    }

    #[inline(always)]
    fn run_device(&mut self, slot: u32, device: DeviceId, presence: &mut Presence, world: &World) {
        let end = self.end(world);
        let cohort = world.cohort(presence.cohort());
        while presence.until() < end {
            self.flips[in_stride(presence.until(), world.ticks)] += 1;
            presence.flip(device, cohort, &world.streams);
        }
        let until = presence.until();
        if until < world.until {
            let stride = world.ticks.of(until) >> STRIDE_BITS;
            self.entering.push(&mut self.calendar, stride, Entry::new(Kind::Network, slot));
        } else {
            self.cut_off |= !until.is_never();
        }
    }

    /// The end of the current stride; no device goes beyond the end of the run.
    #[inline(always)]
    fn end(&self, world: &World) -> Time {
        let stride = self.stride.map_or(0, |stride| stride + 1);
        world.ticks.start(stride << STRIDE_BITS).min(world.until)
    }
}

/// The tick of `at` within its stride.
#[inline(always)]
fn in_stride(at: Time, ticks: Ticks) -> usize {
    (ticks.of(at) % STRIDE) as usize
}
