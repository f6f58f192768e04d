//! Parts of a whole: as people read them, and rounded so that they add up.

/// `part` of `whole` in percent, rounded half to even, with one decimal or as many more as it
/// takes: 100.0 % is said of the whole only, and 0.0 % of nothing only. `-` of nothing at all.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    for decimals in 1..=20u32 {
        let unit = 10u128.pow(decimals);
        let Some(scaled) = part.checked_mul(100 * unit) else { break };
        let rounded = half_to_even(scaled, whole);
        let misleads = rounded == 0 && part > 0 || rounded == 100 * unit && part != whole;
        if !misleads {
            let (integer, fraction) = (rounded / unit, rounded % unit);
            return format!("{integer}.{fraction:0width$} %", width = decimals as usize);
        }
    }
    // More digits than numbers of 128 bits hold.
    if part < whole / 2 { "above 0 %".to_owned() } else { "below 100 %".to_owned() }
}

fn half_to_even(part: u128, whole: u128) -> u128 {
    let (quotient, rest) = (part / whole, part % whole);
    let up = match (rest * 2).cmp(&whole) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    quotient + u128::from(up)
}

/// Whole numbers in proportion to `shares` that add up to `whole`: each share rounded down, what
/// is left over to those with the largest remainders, the first of equal ones first.
///
/// # Panics
/// If there are no shares, or they add up to nothing.
pub fn apportion(shares: &[f64], whole: u64) -> Vec<u64> {
    let sum: f64 = shares.iter().sum();
    assert!(sum > 0.0, "shares of something");
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * whole as f64).collect();
    // A share such as 0.4 is not exact in binary: what is a hair below a whole number is one.
    let floor = |exact: &f64| libm::floor(exact + 1e-12 * exact.max(1.0));
    let mut parts: Vec<u64> = exact.iter().map(|exact| floor(exact) as u64).collect();
    let mut by_rest: Vec<usize> = (0..shares.len()).collect();
    let rest = |at: usize| exact[at] - floor(&exact[at]);
    by_rest.sort_by(|a, b| rest(*b).total_cmp(&rest(*a)).then(a.cmp(b)));
    let given: u64 = parts.iter().sum();
    for at in by_rest.iter().cycle().take(whole.saturating_sub(given) as usize) {
        parts[*at] += 1;
    }
    // Rounding up a hair too often is taken back from the last.
    let mut excess = given.saturating_sub(whole);
    for part in parts.iter_mut().rev() {
        let taken = excess.min(*part);
        *part -= taken;
        excess -= taken;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_percentage_never_misleads() {
        for (part, whole, text) in [
            (0, 0, "-"),
            (0, 7, "0.0 %"),
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (1, 2000, "0.05 %"),
            (1, 1000, "0.1 %"),
            (25, 10_000, "0.2 %"),
            (35, 10_000, "0.4 %"),
            (1, 1_000_000, "0.0001 %"),
            (999_999, 1_000_000, "99.9999 %"),
            (9_995, 10_000, "99.95 %"),
            (1_000_000, 1_000_000, "100.0 %"),
            (u64::MAX, u64::MAX, "100.0 %"),
            (1, u64::MAX, "0.00000000000000001 %"),
            (u64::MAX - 1, u64::MAX, "99.99999999999999999 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn shares_are_met_exactly() {
        assert_eq!(apportion(&[0.4, 0.4, 0.2], 90_000), [36_000, 36_000, 18_000]);
        assert_eq!(apportion(&[1.0, 1.0, 1.0], 100), [34, 33, 33]);
        assert_eq!(apportion(&[0.7, 0.3], 1), [1, 0]);
        assert_eq!(apportion(&[0.1; 10], 10), [1; 10]);
        assert_eq!(apportion(&[1.0], 0), [0]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_close(
            shares in prop::collection::vec(0.0001f64..1.0, 1..50),
            whole in 0u64..5_000_000_000,
        ) {
            let parts = apportion(&shares, whole);
            prop_assert_eq!(parts.iter().sum::<u64>(), whole);
            let sum: f64 = shares.iter().sum();
            for (part, share) in parts.iter().zip(&shares) {
                prop_assert!((*part as f64 - share / sum * whole as f64).abs() <= 1.1);
            }
        }
    }
}
