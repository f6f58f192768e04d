//! Where a shard keeps its devices.

use crate::fleet::{Attempt, Presence};
use crate::model::DeviceId;
use crate::scheduler::Task;

use super::memory::reserve;

/// A task under way: the device's side of it and the scheduler's.
#[derive(Clone, Debug)]
pub struct Flight {
    pub attempt: Attempt,
    pub task: Task,
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

/// Whose record lies in which slot.
#[derive(Clone, Copy)]
pub enum Names<'a> {
    Strided { shard: u32, shards: u32 },
    Listed(&'a [DeviceId]),
}

impl Names<'_> {
    #[inline(always)]
    pub fn device(&self, slot: u32) -> DeviceId {
        match self {
            Names::Strided { shard, shards } => DeviceId(slot * shards + shard),
            Names::Listed(devices) => devices[slot as usize],
        }
    }
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
        let own = u64::from(devices) + u64::from(shards) - 1 - u64::from(shard);
        Ok(Records {
            shard,
            shards,
            presences: if every_device {
                reserve((own / u64::from(shards)) as usize)?
            } else {
                vec![]
            },
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

    /// All presences, whose they are, and all flights; for loops that use one after another.
    #[inline(always)]
    pub fn parts(&mut self) -> (&mut [Presence], Names<'_>, &[Flight]) {
        let names = match self.every_device {
            true => Names::Strided { shard: self.shard, shards: self.shards },
            false => Names::Listed(&self.devices),
        };
        (&mut self.presences, names, &self.flights)
    }

    #[inline(always)]
    pub fn presences(&mut self) -> &mut [Presence] {
        &mut self.presences
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

    pub fn add_flight(&mut self, flight: Flight) -> u32 {
        match self.free_flights.pop() {
            Some(index) => {
                self.flights[index as usize] = flight;
                index
            }
            None => {
                self.flights.push(flight);
                self.flights.len() as u32 - 1
            }
        }
    }

    #[inline(always)]
    pub fn flight(&mut self, index: u32) -> &mut Flight {
        &mut self.flights[index as usize]
    }

    pub fn remove_flight(&mut self, index: u32) {
        self.free_flights.push(index);
    }
}
