//! Where a shard keeps its devices.

use crate::fleet::{Attempt, Presence};
use crate::model::DeviceId;
use crate::scheduler::Task;

use super::calendar::NUMBERS;
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
    pub const NO_DEVICE: u32 = u32::MAX;
}

// A device is at most one cache line.
const _: () = assert!(size_of::<Presence>() + size_of::<Flight>() <= 64);

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

    pub fn every_device(&self) -> bool {
        self.every_device
    }

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

    #[inline(always)]
    pub fn presence(&mut self, slot: u32) -> &mut Presence {
        &mut self.presences[slot as usize]
    }

    #[inline(always)]
    pub fn device(&self, slot: u32) -> DeviceId {
        match self.every_device {
            true => DeviceId(slot * self.shards + self.shard),
            false => self.devices[slot as usize],
        }
    }

    /// The slot of a device that has a record by right.
    pub fn slot_of(&self, device: DeviceId) -> u32 {
        debug_assert!(self.every_device);
        device.0 / self.shards
    }

    /// Makes a record at a device's first touch.
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

    /// Gives a record back; does nothing if every device keeps its own.
    pub fn give_back(&mut self, slot: u32) {
        if !self.every_device {
            // Calendar entries that are left must find nothing due.
            *self.presence(slot) = Presence::nobody();
            self.free.push(slot);
        }
    }

    /// A place for a flight, to be filled with [`Records::set_flight`].
    #[inline(always)]
    pub fn reserve_flight(&mut self) -> u32 {
        self.free_flights.pop().unwrap_or(self.flights.len() as u32)
    }

    #[inline(always)]
    pub fn set_flight(&mut self, index: u32, flight: Flight) {
        match self.flights.get_mut(index as usize) {
            Some(place) => *place = flight,
            None => self.add_flight(index, flight),
        }
    }

    #[inline(never)]
    fn add_flight(&mut self, index: u32, flight: Flight) {
        assert!(index as usize == self.flights.len() && index < NUMBERS, "too many flights");
        self.flights.push(flight);
    }

    #[inline(always)]
    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// Ends a flight; calendar entries that are left find nobody in it.
    #[inline(always)]
    pub fn remove_flight(&mut self, index: u32) {
        self.flights[index as usize].slot = Flight::NO_DEVICE;
        self.free_flights.push(index);
    }
}
