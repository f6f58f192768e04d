//! Counts that never fall below zero.

use std::ops::Sub;

/// Takes `n` from a count.
///
/// # Panics
/// If it does not hold so many, in release builds too: what wraps would be reported as a number.
#[inline(always)]
#[track_caller]
pub fn take<T: Copy + PartialOrd + Sub<Output = T>>(count: &mut T, n: T) {
    *count = left(*count, n);
}

/// What is left of a count without `n`.
///
/// # Panics
/// As [`take`].
#[inline(always)]
#[track_caller]
pub fn left<T: Copy + PartialOrd + Sub<Output = T>>(count: T, n: T) -> T {
    if count < n {
        below_zero();
    }
    count - n
}

#[cold]
#[inline(never)]
#[track_caller]
fn below_zero() -> ! {
    panic!("a count would fall below zero: something was lost or counted twice")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_can_be_taken() {
        let mut count = 3u64;
        take(&mut count, 1);
        take(&mut count, 2);
        assert_eq!((count, left(7u32, 3)), (0, 4));
    }

    #[test]
    #[should_panic(expected = "below zero")]
    fn what_is_not_there_cannot() {
        take(&mut 1u8, 2);
    }
}
