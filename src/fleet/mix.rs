//! Which cohort each generated device belongs to.

use crate::rng::threshold;

/// The golden ratio as a part of 2^64: the multiple of a device's number is its word.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Cohorts of generated devices.
///
/// # Model
/// Multiples of the golden ratio fill the unit interval evenly, and a device belongs to the cohort
/// in whose part its own lies: push order by device number mixes cohorts. That leaves some of them
/// a few devices larger or smaller than their shares say; the last devices of those that are too
/// large belong to those that are too small, so that every size is exact.
#[derive(Debug)]
pub struct Mix {
    /// Upper ends of the cohorts' parts, without the last one's.
    ends: Vec<u64>,
    /// Devices that belong elsewhere than their word says, in order, and where.
    moved: Vec<(u32, u16)>,
}

impl Mix {
    /// Devices 0, 1, … by cohort, in proportion to `shares`, exactly `sizes` of each.
    ///
    /// # Panics
    /// If there are no cohorts, or more devices than numbers for them.
    pub fn new(shares: &[f64], sizes: &[u64]) -> Mix {
        assert!(!shares.is_empty() && shares.len() == sizes.len(), "a size for each share");
        let count = u32::try_from(sizes.iter().sum::<u64>()).expect("devices have 32-bit numbers");
        let mut sum = 0.0;
        let mut ends: Vec<u64> = shares
            .iter()
            .map(|share| {
                sum += share;
                threshold(sum)
            })
            .collect();
        ends.pop();
        let mut mix = Mix { ends, moved: Vec::new() };
        mix.make_exact(sizes, count);
        mix
    }

    fn make_exact(&mut self, sizes: &[u64], count: u32) {
        let below = |end: &u64| count_below(*end, count);
        let mut drawn: Vec<u64> = self.ends.iter().map(below).collect();
        drawn.push(u64::from(count));
        for at in (1..drawn.len()).rev() {
            drawn[at] -= drawn[at - 1];
        }
        let missing = sizes.iter().zip(&drawn).map(|(size, drawn)| size.saturating_sub(*drawn));
        let mut homes: Vec<u16> = (0..)
            .zip(missing)
            .flat_map(|(cohort, missing)| std::iter::repeat_n(cohort, missing as usize))
            .collect();
        for device in (0..count).rev() {
            if homes.is_empty() {
                break;
            }
            let cohort = usize::from(self.drawn(device));
            if drawn[cohort] > sizes[cohort] {
                drawn[cohort] -= 1;
                self.moved.extend(homes.pop().map(|home| (device, home)));
            }
        }
        self.moved.reverse();
    }

    /// The cohort of a device.
    #[inline(always)]
    pub fn of(&self, device: u32) -> u16 {
        match self.moved.first() {
            Some((first, _)) if device >= *first => self.late(device),
            _ => self.drawn(device),
        }
    }

    /// The cohort of a device from the first on that was moved.
    fn late(&self, device: u32) -> u16 {
        match self.moved.binary_search_by_key(&device, |(moved, _)| *moved) {
            Ok(at) => self.moved[at].1,
            Err(_) => self.drawn(device),
        }
    }

    #[inline(always)]
    fn drawn(&self, device: u32) -> u16 {
        let word = u64::from(device).wrapping_mul(GOLDEN);
        self.ends.partition_point(|end| *end <= word) as u16
    }
}

/// How many of the devices 0 to `count` - 1 have a word below `end`.
fn count_below(end: u64, count: u32) -> u64 {
    // The quotient by 2^64 goes up by one from word + 2^64 - end to word + 2^64 if the word lies
    // below the end.
    let whole = 1u128 << 64;
    let sum = |offset: u128| floor_sum(u128::from(count), whole, u128::from(GOLDEN), offset);
    (sum(whole) - sum(whole - u128::from(end))) as u64
}

/// Sum of the quotients (`a` i + `b`) / `m`, rounded down, for i from 0 to `n` - 1.
///
/// # Model
/// Lattice points below a line, by Euclid's algorithm: the whole parts of slope and offset count by
/// themselves, and axes are exchanged for the rest.
fn floor_sum(mut n: u128, mut m: u128, mut a: u128, mut b: u128) -> u128 {
    let mut sum = 0;
    loop {
        if n == 0 {
            return sum;
        }
        sum += n * (n - 1) / 2 * (a / m) + n * (b / m);
        (a, b) = (a % m, b % m);
        let top = a * n + b;
        (n, b) = (top / m, top % m);
        (a, m) = (m, a);
        if m == 0 {
            return sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::apportion;
    use proptest::prelude::*;

    fn sizes_of(mix: &Mix, cohorts: usize, count: u32) -> Vec<u64> {
        let mut sizes = vec![0; cohorts];
        (0..count).for_each(|device| sizes[usize::from(mix.of(device))] += 1);
        sizes
    }

    #[test]
    fn sizes_are_those_of_the_shares() {
        let shares = [0.4, 0.4, 0.2];
        let sizes = apportion(&shares, 90_000);
        assert_eq!(sizes, [36_000, 36_000, 18_000]);
        let mix = Mix::new(&shares, &sizes);
        assert_eq!(sizes_of(&mix, 3, 90_000), sizes);
        // Only the last ones are moved, and few of them.
        assert!(mix.moved.len() < 10 && mix.moved[0].0 > 89_900, "{:?}", mix.moved);
    }

    proptest! {
        #[test]
        fn sizes_are_exact_and_mixed(
            weights in prop::collection::vec(0u32..1_000, 1..40),
            count in 0u32..5_000,
        ) {
            let whole: u32 = weights.iter().sum();
            prop_assume!(whole > 0);
            let shares: Vec<f64> =
                weights.iter().map(|w| f64::from(*w) / f64::from(whole)).collect();
            let sizes = apportion(&shares, u64::from(count));
            let mix = Mix::new(&shares, &sizes);
            prop_assert_eq!(&sizes_of(&mix, shares.len(), count), &sizes);
            for end in &mix.ends {
                let word = |device: &u32| u64::from(*device).wrapping_mul(GOLDEN);
                let below = (0..count).filter(|device| word(device) < *end).count();
                prop_assert_eq!(count_below(*end, count), below as u64);
            }
        }
    }
}
