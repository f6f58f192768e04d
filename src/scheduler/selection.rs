//! Which devices a campaign targets, and in which order (R11, R13, R17).

use crate::model::DeviceId;

/// The target list of a static campaign, one device after the other.
#[derive(Debug)]
pub struct Selection {
    list: DeviceList,
    next: u64,
    /// Which listed devices are targeted; none: all of them.
    targeted: Option<Vec<u64>>,
    /// Which of them are to be passed over; none: nobody.
    withdrawn: Option<Vec<u64>>,
}

/// Devices in push order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceList {
    /// 0, 1, … up to this count.
    All(u32),
    Listed(Vec<DeviceId>),
}

impl DeviceList {
    /// How many devices there are in the list.
    #[inline(always)]
    pub fn len(&self) -> u64 {
        match self {
            DeviceList::All(count) => u64::from(*count),
            DeviceList::Listed(devices) => devices.len() as u64,
        }
    }

    /// Whether there is no device in the list.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// # Panics
    /// If `position` is not below [`DeviceList::len`].
    #[inline(always)]
    pub fn at(&self, position: u64) -> DeviceId {
        match self {
            DeviceList::All(_) => DeviceId(position as u32),
            DeviceList::Listed(devices) => devices[position as usize],
        }
    }
}

impl Selection {
    /// `targeted` holds one bit per position of the list, lowest bit first; none: every one.
    pub fn new(list: DeviceList, targeted: Option<Box<[u64]>>) -> Selection {
        Selection { list, next: 0, targeted: targeted.map(Vec::from), withdrawn: None }
    }

    /// Whether the end of the list is reached.
    #[inline(always)]
    pub fn is_exhausted(&self) -> bool {
        self.next >= self.list.len()
    }

    /// The device so many positions further on in the list, targeted or not.
    #[inline(always)]
    pub fn ahead(&self, positions: usize) -> Option<DeviceId> {
        let position = self.next + positions as u64;
        (position < self.list.len()).then(|| self.list.at(position))
    }

    /// The next targeted device, and whether it was withdrawn.
    #[inline(always)]
    pub fn next_device(&mut self) -> Option<(DeviceId, bool)> {
        while !self.is_exhausted() {
            let position = self.next;
            self.next += 1;
            if self.is_targeted(position) {
                return Some((self.list.at(position), self.is_withdrawn(position)));
            }
        }
        None
    }

    /// Puts a device at the end of the list, where it may stand a second time (R12); it is
    /// targeted, whoever else is.
    pub fn append(&mut self, device: DeviceId) {
        if let Some(bits) = &mut self.targeted {
            set(bits, self.list.len());
        }
        match &mut self.list {
            DeviceList::Listed(devices) => devices.push(device),
            DeviceList::All(count) => {
                self.list = DeviceList::Listed((0..*count).map(DeviceId).chain([device]).collect());
            }
        }
    }

    /// Takes a device off the list if its turn has not come; whether it was there.
    pub fn withdraw(&mut self, device: DeviceId) -> bool {
        let length = self.list.len();
        let position = match &self.list {
            DeviceList::All(count) => u64::from(device.0.min(*count)),
            // Where it stands a second time, its first place may be untargeted or past.
            DeviceList::Listed(devices) => (self.next..length)
                .find(|at| {
                    let is_there = devices[*at as usize] == device && self.is_targeted(*at);
                    is_there && !self.is_withdrawn(*at)
                })
                .unwrap_or(length),
        };
        if position < self.next
            || position >= length
            || !self.is_targeted(position)
            || self.is_withdrawn(position)
        {
            return false;
        }
        set(self.withdrawn.get_or_insert_default(), position);
        true
    }

    #[inline(always)]
    fn is_withdrawn(&self, position: u64) -> bool {
        let is_within = |bits: &Vec<u64>| position / 64 < bits.len() as u64;
        self.withdrawn.as_ref().is_some_and(|bits| is_within(bits) && is_set(bits, position))
    }

    #[inline(always)]
    fn is_targeted(&self, position: u64) -> bool {
        self.targeted.as_ref().is_none_or(|bits| is_set(bits, position))
    }
}

/// Sets a bit, beyond the end as well.
fn set(bits: &mut Vec<u64>, position: u64) {
    let word = (position / 64) as usize;
    if word >= bits.len() {
        bits.resize(word + 1, 0);
    }
    bits[word] |= 1 << (position % 64);
}

#[inline(always)]
fn is_set(bits: &[u64], position: u64) -> bool {
    bits[(position / 64) as usize] >> (position % 64) & 1 == 1
}

/// How many of `matching` devices a percentage takes: floor(p % × matching), at least one.
///
/// `thousandths` is the percentage in units of 0.001 %.
pub fn percentage_cut(thousandths: u32, matching: u64) -> u64 {
    let share = u128::from(matching) * u128::from(thousandths) / 100_000;
    (share as u64).max(1).min(matching)
}
