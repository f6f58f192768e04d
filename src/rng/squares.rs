//! The generator that devices draw from: a word per (counter, key), at a few nanoseconds.

/// Five rounds of squaring on a counter; the key must be odd and irregular.
///
/// # Source
/// Widynski: Squares: a fast counter-based RNG (2020), the variant with 64 bits.
#[inline(always)]
pub fn squares64(counter: u64, key: u64) -> u64 {
    let y = counter.wrapping_mul(key);
    let z = y.wrapping_add(key);
    let mut x = y;
    x = x.wrapping_mul(x).wrapping_add(y).rotate_left(32);
    x = x.wrapping_mul(x).wrapping_add(z).rotate_left(32);
    x = x.wrapping_mul(x).wrapping_add(y).rotate_left(32);
    let t = x.wrapping_mul(x).wrapping_add(z);
    x = t.rotate_left(32);
    t ^ (x.wrapping_mul(x).wrapping_add(y) >> 32)
}
