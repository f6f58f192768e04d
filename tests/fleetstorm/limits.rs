//! Push permits against their bound, and against another implementation.

use std::num::NonZeroU32;
use std::time::Duration;

use fleetstorm::model::{EventRate, Span, Time};
use fleetstorm::scheduler::Limiter;
use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};
use proptest::prelude::*;

fn grants(limiter: &mut Limiter, arrivals: impl Iterator<Item = u64>) -> Vec<u64> {
    arrivals.map(|at| limiter.take(Time(at)).0).collect()
}

/// The most by which any window exceeds `burst + rate * length`, in permits times µs.
fn excess(grants: &[u64], rate: EventRate, burst: u32) -> i128 {
    let allowed = |from: u64, to: u64| {
        i128::from(burst) * i128::from(rate.per_us) + i128::from(to - from) * i128::from(rate.count)
    };
    let windows = (0..grants.len()).flat_map(|i| (i..grants.len()).map(move |j| (i, j)));
    windows
        .map(|(i, j)| (j - i + 1) as i128 * i128::from(rate.per_us) - allowed(grants[i], grants[j]))
        .max()
        .unwrap_or(0)
}

#[test]
fn s08_limiter_alone() {
    let rate = EventRate { count: 10, per_us: 1_000_000 };
    let mut limiter = Limiter::constant(rate, 100);
    let grants = grants(&mut limiter, std::iter::repeat_n(0, 1000));
    let expected = |k: u64| k.saturating_sub(100) * 100_000;
    assert!((1..=1000).zip(&grants).all(|(k, at)| *at == expected(k)));
    assert_eq!(grants.iter().filter(|at| **at == 0).count(), 100);
    assert!(excess(&grants, rate, 100) <= 0);
}

fn arrivals() -> impl Strategy<Value = Vec<u64>> {
    let gaps = prop_oneof![Just(0u64), 0u64..5_000, 0u64..2_000_000];
    prop::collection::vec(gaps, 1..120).prop_map(|gaps| {
        let mut now = 0;
        gaps.into_iter()
            .map(|gap| {
                now += gap;
                now
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r16_no_window_exceeds_burst_plus_rate(
        arrivals in arrivals(), count in 1u64..5_000, per_us in 1u64..100_000_000, burst in 1u32..40,
    ) {
        let rate = EventRate { count, per_us };
        let grants = grants(&mut Limiter::constant(rate, burst), arrivals.iter().copied());
        prop_assert!(grants.windows(2).all(|w| w[0] <= w[1]));
        prop_assert!(grants.iter().zip(&arrivals).all(|(grant, arrival)| grant >= arrival));
        // A permit rounds up to a whole µs, so that a window may seem shorter by less than one.
        prop_assert!(excess(&grants, rate, burst) < i128::from(count));
    }

    #[test]
    fn r16_a_fixed_window_never_exceeds_its_pushes(
        arrivals in arrivals(), pushes in 1u32..20, window in 1u64..3_000_000,
    ) {
        let mut limiter = Limiter::fixed_window(pushes, Span(window));
        let grants = grants(&mut limiter, arrivals.iter().copied());
        prop_assert!(grants.windows(2).all(|w| w[0] <= w[1]));
        let mut start = 0;
        for at in 0..grants.len() {
            while grants[start] / window < grants[at] / window { start += 1; }
            prop_assert!(at - start < pushes as usize);
        }
        // Nobody waits for longer than needed: whoever did found the windows before it full.
        for (arrival, grant) in arrivals.iter().zip(&grants) {
            let full = |w: u64| grants.iter().filter(|g| **g / window == w).count() == pushes as usize;
            prop_assert!(grant == arrival || (arrival / window..grant / window).all(full));
        }
    }

    /// The rates' intervals are whole nanoseconds, which is what the other one counts in.
    #[test]
    fn r16_agrees_with_governor(
        arrivals in arrivals(), interval_us in prop_oneof![1u64..50, 100u64..10_000], burst in 1u32..40,
    ) {
        let rate = EventRate { count: 1, per_us: interval_us };
        let mut ours = Limiter::constant(rate, burst);
        let clock = FakeRelativeClock::default();
        let quota = Quota::with_period(Duration::from_micros(interval_us)).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap());
        let theirs = RateLimiter::direct_with_clock(quota, clock.clone());
        let mut now = 0;
        for arrival in arrivals {
            clock.advance(Duration::from_micros(arrival - now));
            now = arrival;
            let conforms = ours.next(Time(now)) == Time(now);
            prop_assert_eq!(conforms, theirs.check().is_ok(), "at {} us", now);
            if conforms {
                ours.take(Time(now));
            }
        }
    }
}
