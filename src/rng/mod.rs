//! Keyed randomness: every number follows from (seed, device, purpose, index) alone.
//!
//! Thread count, event order and policy shift no draw, so two policies compared on one seed
//! differ by the policy alone.

mod philox;
mod squares;

pub use philox::{philox2x64, philox4x32, philox4x64};
pub use squares::squares64;

use crate::model::{DeviceId, Time};

/// What a number is drawn for; one more draw for one purpose shifts no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Whether a device is online at its first touch, and for how long.
    FirstPresence,
    /// Later online and offline periods; indexed by the period's number.
    Period,
    /// The device's link rate.
    Link,
    /// The version installed before the campaign.
    Version,
    /// Whether a percentage selection takes the device.
    Selection,
    /// What comes of an attempt, and its download; indexed by attempt.
    Attempt,
    /// From the offer to the first progress; indexed by attempt.
    Reaction,
    /// Verification; indexed by attempt.
    Verify,
    /// Installation; indexed by attempt.
    Install,
    /// Place in a random push order.
    Order,
    /// Phase of the device's polls, and their intervals; indexed by the poll's number.
    Poll,
    /// Whether and when the user agrees.
    Consent,
    /// Phase of a device's sleep cycle, of its ranks in a profile, or in a recorded trace.
    Phase,
    /// Rank in a profile; indexed by how often it was drawn.
    Rank,
    /// How fast a device goes through its periods.
    Pace,
    /// When the device leaves for good.
    Leaves,
    /// Whether a device keeps a daily window, and its ends; indexed by the window.
    Window,
    /// How long a device takes to come back after an outage; indexed by outage.
    Reconnect,
    /// Up and down periods of an outage, whose number takes the device's place.
    Outage,
    /// How long a device waits before it asks a server again; indexed by attempt and request.
    Backoff,
    /// How long a server takes for a device's request; indexed by attempt and request.
    Service,
    /// Which cell of a shared link the device is in; indexed by the link.
    Cell,
}

const PURPOSES: usize = Purpose::Cell as usize + 1;

/// All random streams of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    /// One key per purpose.
    keys: [u64; PURPOSES],
}

impl Streams {
    /// From the seed of a run.
    pub fn new(seed: u64) -> Streams {
        // Neighbouring seeds and purposes get unrelated keys. Squares wants them odd.
        let key = |purpose: usize| philox4x64([purpose as u64, 0, 0, 0], [seed, 0])[0] | 1;
        Streams { keys: std::array::from_fn(key) }
    }

    /// The same devices with other luck in what they are asked to do: for a second package, so
    /// that who fails at one does not therefore fail at the other.
    pub fn for_package(self, seed: u64, package: u64) -> Streams {
        let mut keys = self.keys;
        let of_the_package = [
            Purpose::Attempt,
            Purpose::Reaction,
            Purpose::Verify,
            Purpose::Install,
            Purpose::Consent,
            Purpose::Backoff,
            Purpose::Service,
        ];
        for purpose in of_the_package {
            keys[purpose as usize] = philox4x64([purpose as u64, package, 0, 0], [seed, 0])[0] | 1;
        }
        Streams { keys }
    }

    /// The stream of one device for one purpose; indices above 2^24 come round again.
    #[inline(always)]
    pub fn stream(&self, device: DeviceId, purpose: Purpose, index: u32) -> Stream {
        let counter = u64::from(index) << (DEVICE_BITS + DRAW_BITS) | u64::from(device.0);
        Stream { key: self.keys[purpose as usize], counter }
    }
}

/// A counter holds, from the bottom: device (32 bits), draw (8), index (24).
const DEVICE_BITS: u32 = 32;
const DRAW_BITS: u32 = 8;

/// A sequence of words; 256 of them before it would touch the stream of the next index.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    key: u64,
    counter: u64,
}

impl Stream {
    /// The next word, uniform over all 64 bits.
    #[inline(always)]
    pub fn next_u64(&mut self) -> u64 {
        let word = squares64(self.counter, self.key);
        self.counter = self.counter.wrapping_add(1 << DEVICE_BITS);
        word
    }

    /// A stream of its own that follows from the next two words; of any length.
    pub fn branch(&mut self) -> Stream {
        Stream { key: self.next_u64() | 1, counter: self.next_u64() }
    }

    /// The stream as it will be after its next word.
    #[inline(always)]
    pub fn stepped_forward(self) -> Stream {
        Stream { counter: self.counter.wrapping_add(1 << DEVICE_BITS), ..self }
    }

    /// The stream as it was before its last word.
    #[inline(always)]
    pub fn stepped_back(self) -> Stream {
        Stream { counter: self.counter.wrapping_sub(1 << DEVICE_BITS), ..self }
    }

    /// Uniform on (0, 1), never 0 or 1, down to 2^-53.
    #[inline(always)]
    pub fn next_unit(&mut self) -> f64 {
        unit(self.next_u64())
    }
}

/// A word as a number in (0, 1), never 0 or 1.
#[inline(always)]
pub fn unit(word: u64) -> f64 {
    // Signed, since that conversion is one instruction.
    ((word >> 12) as i64 as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

/// A word as an integer below `n`, each as likely as the others within n / 2^64.
#[inline(always)]
pub fn below(word: u64, n: u64) -> u64 {
    ((u128::from(word) * u128::from(n)) >> 64) as u64
}

/// The index of a draw that is named by its instant, so that nothing needs to be counted.
pub fn index_of(at: Time) -> u32 {
    // The upper bits of a late instant would come round again.
    (at.0 ^ at.0 >> 24) as u32
}

/// The share of all words that lie below the result is `p` in [0, 1], within 2^-53.
pub fn threshold(p: f64) -> u64 {
    // `as` saturates at the greatest word for p = 1.
    (p * 18_446_744_073_709_551_616.0) as u64
}

/// SplitMix64: a sequence from a seed.
///
/// # Source
/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next word, uniform over all 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of case T01; the Philox ones are Random123's `kat_vectors`.
    #[test]
    fn t01_known_answers() {
        assert_eq!(philox2x64([0, 0], 0), [0xca00_a045_9843_d731, 0x66c2_4222_c9a8_45b5]);
        assert_eq!(
            philox4x64([0; 4], [0; 2]),
            [
                0x1655_4d9e_ca36_314c,
                0xdb20_fe9d_672d_0fdc,
                0xd7e7_72ce_e186_176b,
                0x7e68_b68a_ec7b_a23b
            ]
        );
        for (counter, key, out) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox4x32(counter, key), out);
        }
        let mut s = SplitMix64(1_234_567);
        for word in [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ] {
            assert_eq!(s.next_u64(), word);
        }
        let mut s = SplitMix64(0);
        for word in [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f] {
            assert_eq!(s.next_u64(), word);
        }
    }

    /// The generator that the peers' benchmarks draw from, of the same case.
    #[test]
    fn t01_known_answers_pcg32() {
        use rand_pcg::rand_core::Rng;
        let mut pcg = rand_pcg::Lcg64Xsh32::new(42, 54);
        for word in
            [0xa15c_02b7_u32, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]
        {
            assert_eq!(pcg.next_u32(), word);
        }
    }

    #[test]
    fn streams_of_different_identity_differ() {
        let streams = Streams::new(7);
        let mut words: Vec<u64> = Vec::new();
        for device in 0..50 {
            for purpose in [Purpose::Period, Purpose::Attempt] {
                for index in 0..20 {
                    words.push(streams.stream(DeviceId(device), purpose, index).next_u64());
                }
            }
        }
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }

    /// Words of one device, of neighbouring devices and of neighbouring indices must look
    /// independent: their pairs fill a grid evenly (chi-square, four standard deviations).
    #[test]
    fn neighbouring_streams_are_independent() {
        let streams = Streams::new(11);
        let word = |device: u32, index: u32, draw: usize| {
            let mut stream = streams.stream(DeviceId(device), Purpose::Period, index);
            (0..draw).for_each(|_| _ = stream.next_u64());
            stream.next_u64()
        };
        type Pair<'a> = (&'a str, &'a dyn Fn(u32) -> (u64, u64));
        let pairs: [Pair; 4] = [
            ("device", &|i| (word(i, 0, 0), word(i + 1, 0, 0))),
            ("index", &|i| (word(i % 1000, i / 1000, 0), word(i % 1000, i / 1000 + 1, 0))),
            ("draw", &|i| (word(i, 0, 0), word(i, 0, 1))),
            ("far device", &|i| (word(i, 3, 0), word(i + (1 << 20), 3, 0))),
        ];
        for (name, pair) in pairs {
            for bits in [0, 27, 58] {
                const CELLS: usize = 64 * 64;
                const PAIRS: u32 = 400_000;
                let mut cells = vec![0u32; CELLS];
                for i in 0..PAIRS {
                    let (a, b) = pair(i);
                    cells[((a >> bits & 63) << 6 | (b >> bits & 63)) as usize] += 1;
                }
                let expected = f64::from(PAIRS) / CELLS as f64;
                let chi: f64 =
                    cells.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
                let (mean, sd) = ((CELLS - 1) as f64, (2.0 * (CELLS - 1) as f64).sqrt());
                assert!((chi - mean).abs() < 4.0 * sd, "{name}, bit {bits}: {chi}");
            }
        }
    }

    #[test]
    fn unit_stays_inside_its_interval() {
        assert!(unit(0) > 0.0);
        assert!(unit(u64::MAX) < 1.0);
        assert_eq!(threshold(0.0), 0);
        assert_eq!(threshold(1.0), u64::MAX);
        assert_eq!(threshold(0.5), 1 << 63);
    }
}
