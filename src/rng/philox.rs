//! Philox counter-based generators: a bijection of the counter for every key.
//!
//! # Source
//! Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).

const WEYL_64: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const WEYL_32: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds on two 64-bit words.
#[inline(always)]
pub fn philox2x64(counter: [u64; 2], key: u64) -> [u64; 2] {
    const MULTIPLIER: u64 = 0xD2B7_4407_B1CE_6E93;
    let [mut a, mut b] = counter;
    let mut k = key;
    for _ in 0..10 {
        let (hi, lo) = wide(MULTIPLIER, a);
        (a, b) = (hi ^ k ^ b, lo);
        k = k.wrapping_add(WEYL_64[0]);
    }
    [a, b]
}

/// Ten rounds on four 64-bit words.
pub fn philox4x64(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let (hi0, lo0) = wide(MULTIPLIERS[0], c[0]);
        let (hi1, lo1) = wide(MULTIPLIERS[1], c[2]);
        c = [hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0];
        k = [k[0].wrapping_add(WEYL_64[0]), k[1].wrapping_add(WEYL_64[1])];
    }
    c
}

/// Ten rounds on four 32-bit words.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let p0 = MULTIPLIERS[0] * u64::from(c[0]);
        let p1 = MULTIPLIERS[1] * u64::from(c[2]);
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ k[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ k[1],
            p0 as u32,
        ];
        k = [k[0].wrapping_add(WEYL_32[0]), k[1].wrapping_add(WEYL_32[1])];
    }
    c
}

/// The 128-bit product as its high and low half.
#[inline(always)]
fn wide(x: u64, y: u64) -> (u64, u64) {
    let product = u128::from(x) * u128::from(y);
    ((product >> 64) as u64, product as u64)
}
