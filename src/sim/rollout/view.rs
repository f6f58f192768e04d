//! What the scheduler sees of the fleet at a boundary.

use super::*;

/// The shards between two ticks, when the coordinator has them to itself.
pub struct View<'a, 'b, 'w> {
    pub shards: &'b mut [MutexGuard<'a, Shard<'w>>],
    pub threads: usize,
    pub tick: u64,
    /// Its devices may have to be done with another campaign's task first.
    pub queues: bool,
}

impl<'w> View<'_, '_, 'w> {
    #[inline(always)]
    fn shard(&mut self, device: DeviceId, module: u8) -> &mut Shard<'w> {
        let (_, at) = split(device, self.threads as u32);
        &mut self.shards[usize::from(module) * self.threads + at as usize]
    }

    /// The shard in which the device has its turn: that of the first package it waits for.
    #[inline(always)]
    fn lead(&mut self, device: DeviceId) -> &mut Shard<'w> {
        if self.shards.len() == self.threads {
            return self.shard(device, 0);
        }
        let (slot, _) = split(device, self.threads as u32);
        let packages = (self.shards.len() / self.threads) as u8;
        let waits = |package: &u8| self.shard(device, *package).status(slot) == Status::Open;
        let lead = (0..packages).find(waits).unwrap_or(0);
        self.shard(device, lead)
    }
}

impl View<'_, '_, '_> {
    /// Remembers the turn of a device that must first be done with another campaign's task;
    /// whether it must.
    #[cold]
    fn hold(&mut self, device: DeviceId) -> bool {
        let waits = self.is_occupied(device);
        if waits {
            let (slot, at) = split(device, self.threads as u32);
            let (tick, threads) = (self.tick, self.threads);
            for shard in self.shards.iter_mut().skip(at as usize).step_by(threads) {
                let now = shard.books.world.ticks.start(tick);
                shard.hold(slot, now);
            }
        }
        waits
    }
}

impl FleetView for View<'_, '_, '_> {
    #[inline(always)]
    fn is_online(&mut self, device: DeviceId) -> bool {
        let tick = self.tick;
        self.lead(device).is_online(device, tick)
    }

    #[inline(always)]
    fn is_occupied(&mut self, device: DeviceId) -> bool {
        self.queues && {
            let (slot, at) = split(device, self.threads as u32);
            let mut own = self.shards.iter().skip(at as usize).step_by(self.threads);
            own.any(|shard| shard.is_behind(slot))
        }
    }

    #[inline(always)]
    fn is_still_ready(&mut self, ready: &Ready) -> bool {
        self.shard(ready.device, ready.module).is_still_ready(ready)
    }

    #[inline(always)]
    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Aside { device } | Turn::Enrol { device } if self.queues && self.hold(device) => {
            }
            Turn::List { device, at, online } => {
                self.lead(device).inbox.listed.push(Listed { device, at, online });
            }
            Turn::Aside { device } => self.lead(device).inbox.aside.push(device),
            Turn::Enrol { device } => self.lead(device).inbox.enrolled.push(device),
            Turn::NotNow { ready } => {
                self.shard(ready.device, ready.module).inbox.refused.push(ready);
            }
            Turn::Ready { ready, at } => {
                self.shard(ready.device, ready.module).inbox.ready.push((ready, at));
            }
        }
    }

    #[inline(always)]
    fn expect(&mut self, ready: &Ready) {
        self.shard(ready.device, ready.module).expect(ready);
    }

    #[inline(always)]
    fn expect_listed(&mut self, device: DeviceId) {
        self.shard(device, 0).expect_listed(device);
    }
}
