//! Where a shard keeps its devices.

use crate::fleet::{Attempt, Presence, Stage};
use crate::model::DeviceId;
use crate::scheduler::Task;

use super::calendar::NUMBERS;
use super::flights::Active;
use super::memory::reserve;
use super::prefetch::prefetch;

/// A task under way: the device's side of it and the scheduler's.
#[derive(Clone, Debug)]
pub struct Flight {
    pub attempt: Attempt,
    pub task: Task,
    /// Where the device's presence lies; [`Flight::NO_DEVICE`] once the flight is over.
    pub slot: u32,
}

impl Flight {
    /// The slot of a flight that is over.
    pub const NO_DEVICE: u32 = u32::MAX;
}

// A device is at most one cache line.
const _: () = assert!(size_of::<Presence>() + size_of::<Flight>() <= 64);

/// The quotient and the remainder of a device number by the number of shards.
///
/// Powers of two do without the division, which would cost more than all else a look-up does.
#[inline(always)]
pub fn split(device: DeviceId, shards: u32) -> (u32, u32) {
    match shards.is_power_of_two() {
        true => (device.0 >> shards.trailing_zeros(), device.0 & (shards - 1)),
        false => (device.0 / shards, device.0 % shards),
    }
}

/// Records of the devices of one shard: device `d` belongs to shard `d mod shards`.
///
/// # Model
/// With a record for every device, the slot follows from the device. Otherwise a record
/// exists from a device's first touch to the end of its task, and slots are used again.
#[derive(Debug)]
pub struct Records {
    shard: u32,
    shards: u32,
    presences: Vec<Presence>,
    /// Device of each slot made so far; empty if there is a record for every device.
    devices: Vec<DeviceId>,
    free: Vec<u32>,
    every_device: bool,
    flights: Vec<Flight>,
    free_flights: Vec<u32>,
}

impl Records {
    /// # Errors
    /// If the system refuses the address space.
    pub fn new(
        shard: u32,
        shards: u32,
        devices: u32,
        every_device: bool,
    ) -> std::io::Result<Records> {
        let own =
            (u64::from(devices) + u64::from(shards) - 1 - u64::from(shard)) / u64::from(shards);
        if every_device && own > u64::from(NUMBERS) {
            let message = "more than 2^30 devices per thread with run.every_flip";
            return Err(std::io::Error::new(std::io::ErrorKind::OutOfMemory, message));
        }
        Ok(Records {
            shard,
            shards,
            presences: if every_device { reserve(own as usize)? } else { vec![] },
            devices: Vec::new(),
            free: Vec::new(),
            every_device,
            flights: Vec::new(),
            free_flights: Vec::new(),
        })
    }

    /// Whether there is a record for every device, and the slot follows from the device.
    pub fn every_device(&self) -> bool {
        self.every_device
    }

    /// Slots there are.
    pub fn len(&self) -> usize {
        self.presences.len()
    }

    /// All presences, by slot.
    #[inline(always)]
    pub fn presences(&mut self) -> &mut [Presence] {
        &mut self.presences
    }

    /// Fetches what [`Records::presence`] and [`Records::device`] will read.
    #[inline(always)]
    pub fn prefetch(&self, slot: usize) {
        prefetch(&self.presences, slot);
        if !self.every_device {
            prefetch(&self.devices, slot);
        }
    }

    /// The presence in a slot.
    ///
    /// # Panics
    /// If there is no such slot.
    #[inline(always)]
    pub fn presence(&mut self, slot: u32) -> &mut Presence {
        &mut self.presences[slot as usize]
    }

    /// The device whose record lies in the slot.
    #[inline(always)]
    pub fn device(&self, slot: u32) -> DeviceId {
        match self.every_device {
            true => DeviceId(slot * self.shards + self.shard),
            false => self.devices[slot as usize],
        }
    }

    /// The slot of a device that has a record by right.
    #[inline(always)]
    pub fn slot_of(&self, device: DeviceId) -> u32 {
        debug_assert!(self.every_device);
        split(device, self.shards).0
    }

    /// The device whose record lies at `slot`; none where the record was given back.
    pub fn device_in_use(&self, slot: u32) -> Option<DeviceId> {
        let is_in_use = self.every_device || self.presences[slot as usize] != Presence::nobody();
        is_in_use.then(|| self.device(slot))
    }

    /// Gives back the record of a device that has no flight and nothing to wait for.
    pub fn release(&mut self, slot: u32) {
        let every_device = self.every_device;
        let presence = self.presence(slot);
        if every_device {
            presence.set_stage(Stage::Idle);
        } else {
            *presence = Presence::nobody();
            self.free.push(slot);
        }
    }

    /// Makes a record at a device's first touch.
    #[inline(always)]
    pub fn make(&mut self, device: DeviceId, presence: Presence) -> u32 {
        debug_assert!(!self.every_device);
        let slot = self.free.pop().unwrap_or(self.devices.len() as u32);
        match self.devices.get_mut(slot as usize) {
            Some(place) => {
                *place = device;
                self.presences[slot as usize] = presence;
            }
            None => {
                assert!(slot < NUMBERS, "more than 2^30 devices per thread with something to do");
                self.devices.push(device);
                self.presences.push(presence);
            }
        }
        slot
    }

    /// Begins a flight of the device at `slot`.
    #[inline(always)]
    pub fn add_flight(&mut self, slot: u32, version: u16) -> u32 {
        let flight = Flight { attempt: Attempt::none(version), task: Task::default(), slot };
        let index = match self.free_flights.pop() {
            Some(index) => {
                self.flights[index as usize] = flight;
                index
            }
            None => self.lengthen_flights(flight),
        };
        self.presence(slot).flight = index;
        index
    }

    #[inline(never)]
    fn lengthen_flights(&mut self, flight: Flight) -> u32 {
        let index = self.flights.len() as u32;
        assert!(index < NUMBERS, "more than 2^30 tasks per thread under way");
        self.flights.push(flight);
        index
    }

    /// A flight with its device; none if it is over, or never was.
    #[inline(always)]
    pub fn active(&mut self, index: u32) -> Option<Active<'_>> {
        let slot = self.flights.get(index as usize)?.slot;
        if slot == Flight::NO_DEVICE {
            return None;
        }
        let device = self.device(slot);
        let presence = &mut self.presences[slot as usize];
        Some(Active { device, index, presence, flight: &mut self.flights[index as usize] })
    }

    /// All flights by index, those that are over among them.
    #[inline(always)]
    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// Ends a flight, and gives back the device's record unless every device keeps its own.
    /// Calendar entries that are left find nobody.
    #[inline(always)]
    pub fn end_flight(&mut self, index: u32) -> u32 {
        let slot = std::mem::replace(&mut self.flights[index as usize].slot, Flight::NO_DEVICE);
        self.free_flights.push(index);
        self.presence(slot).flight = Presence::NO_FLIGHT;
        self.release(slot);
        slot
    }
}
