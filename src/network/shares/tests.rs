//! Shares against what max-min fair means, and against the plain division of all there is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::class::rate_class;
use super::*;
use crate::model::Span;

/// By class: number of downloads and the sum of their rates.
type Demands = BTreeMap<u32, (u64, u64)>;

fn class(path: u32, rate: u64) -> u32 {
    path * RATE_CLASSES + rate_class(rate)
}

fn own_rate((count, rates): (u64, u64)) -> f64 {
    rates as f64 / count as f64
}

/// Adds downloads at a rate, or takes some away.
fn join(shares: &mut Shares, demands: &mut Demands, path: u32, count: i64, rate: u64) {
    let class = class(path, rate);
    let rates = count * rate as i64;
    shares.change(Change { class, count, rates });
    let sum = demands.entry(class).or_default();
    *sum = (sum.0.strict_add_signed(count), sum.1.strict_add_signed(rates));
    if sum.0 == 0 {
        demands.remove(&class);
    }
}

fn divided(capacities: &[f64], paths: &[Box<[u32]>], demands: &[(u32, u64, u64)]) -> Vec<f64> {
    let mut shares = Shares::new(capacities.to_vec(), paths.to_vec());
    for (path, count, rate) in demands {
        join(&mut shares, &mut Demands::new(), *path, *count as i64, *rate);
    }
    shares.divide(Time::ZERO);
    let rate = |(path, _, rate): &(u32, u64, u64)| {
        shares.speed(class(*path, *rate)).unwrap() * *rate as f64
    };
    demands.iter().map(rate).collect()
}

#[test]
fn slow_downloads_leave_their_share_to_others() {
    // 10 downloads at 1, and 10 that could have 8 each, of 50.
    let paths = [[0].into()];
    assert_eq!(divided(&[50.0], &paths, &[(0, 10, 1), (0, 10, 8)]), [1.0, 4.0]);
    // With few of them the link has room.
    assert_eq!(divided(&[50.0], &paths, &[(0, 2, 2)]), [2.0]);
    assert!(divided(&[50.0], &paths, &[]).is_empty());
}

#[test]
fn a_narrow_cell_leaves_the_rest_of_the_origin_to_others() {
    // Link 0: origin, 90. Links 1 and 2: cells of 20 and 1000.
    let paths = [[0, 1].into(), [0, 2].into()];
    let rates = divided(&[90.0, 20.0, 1000.0], &paths, &[(0, 10, 500), (1, 10, 500)]);
    assert_eq!(rates, [2.0, 7.0]);
}

/// All of it at once, as the textbook says: by class the rate of its downloads.
fn plain(capacities: &[f64], paths: &[Box<[u32]>], demands: &Demands) -> BTreeMap<u32, f64> {
    let over =
        |class: u32, link: usize| paths[(class / RATE_CLASSES) as usize].contains(&(link as u32));
    let mut rates = BTreeMap::new();
    while rates.len() < demands.len() {
        let growing = |class: &u32| !rates.contains_key(class);
        let level = |link: usize| {
            let load = |(class, demand): (&u32, &(u64, u64))| {
                let rate = rates.get(class).filter(|_| over(*class, link));
                rate.map_or(0.0, |rate| rate * demand.0 as f64)
            };
            let left = capacities[link] - demands.iter().map(load).sum::<f64>();
            let count = demands.iter().filter(|(c, _)| growing(c) && over(**c, link));
            left.max(0.0) / count.map(|(_, demand)| demand.0 as f64).sum::<f64>()
        };
        let levels = (0..capacities.len()).map(|link| (level(link), link));
        let fullest =
            levels.filter(|(level, _)| level.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
        let slowest = demands.iter().filter(|(class, _)| growing(class));
        let slowest = slowest.map(|(class, demand)| (own_rate(*demand), *class));
        let (own, slow) = slowest.min_by(|a, b| a.0.total_cmp(&b.0)).expect("some are growing");
        match fullest {
            Some((level, link)) if level < own => {
                let held = demands.keys().filter(|class| growing(class) && over(**class, link));
                let held: Vec<u32> = held.copied().collect();
                rates.extend(held.into_iter().map(|class| (class, level)));
            }
            _ => {
                rates.insert(slow, own);
            }
        }
    }
    rates
}

/// All paths over so many links.
fn all_paths(links: u32) -> Vec<Box<[u32]>> {
    (0..16u32).map(|path| (0..links).filter(|link| path >> link & 1 == 1).collect()).collect()
}

fn rates(shares: &Shares, demands: &Demands) -> BTreeMap<u32, f64> {
    let rate = |(class, demand): (&u32, &(u64, u64))| {
        (*class, own_rate(*demand) * shares.speed(*class).expect("somebody loads"))
    };
    demands.iter().map(rate).collect()
}

proptest! {
    /// No link carries more than it can, and each class has its own rate or a full link on
    /// which nobody has more: what max-min fair means.
    #[test]
    fn shares_are_max_min_fair(
        capacities in prop::collection::vec(1.0f64..1e6, 1..5),
        parts in prop::collection::vec((0u32..16, 1i64..1000, 1u64..100_000), 1..12),
    ) {
        let links = capacities.len() as u32;
        let paths = all_paths(links);
        let mut shares = Shares::new(capacities.clone(), paths.clone());
        let mut demands = Demands::new();
        for (path, count, rate) in parts {
            join(&mut shares, &mut demands, path, count, rate);
        }
        shares.divide(Time::ZERO);
        let rates = rates(&shares, &demands);
        let path = |class: u32| &paths[(class / RATE_CLASSES) as usize];
        let over = |link: u32| demands.iter().filter(move |(class, _)| path(**class).contains(&link));
        let load = |link: u32| over(link).map(|(c, d)| d.0 as f64 * rates[c]).sum::<f64>();
        for link in 0..links {
            let told = shares.load(link);
            prop_assert!(load(link) <= capacities[link as usize] * (1.0 + 1e-9));
            prop_assert!((load(link) - told).abs() <= 1e-9 * told + 1e-4, "{told}");
        }
        for (class, demand) in &demands {
            let rate = rates[class];
            let has_own = rate >= own_rate(*demand) * (1.0 - 1e-9);
            let is_held = path(*class).iter().any(|link| {
                load(*link) >= capacities[*link as usize] * (1.0 - 1e-9)
                    && over(*link).all(|(other, _)| rates[other] <= rate * (1.0 + 1e-9))
            });
            prop_assert!(has_own || is_held, "{class} at {rate}");
        }
    }

    /// Downloads that come and go a few at a time: what was divided bit by bit is what is divided
    /// at once, which is what the textbook says.
    #[test]
    fn dividing_what_changed_is_dividing_all(
        capacities in prop::collection::vec(1_000u32..1_000_000, 4),
        steps in prop::collection::vec(
            (1usize..4, prop::collection::vec((0u32..16, 1i64..50, 0u32..6, 0u32..3), 1..4)),
            1..40,
        ),
    ) {
        let capacities: Vec<f64> = capacities.into_iter().map(f64::from).collect();
        let paths = all_paths(4);
        let mut shares = Shares::new(capacities.clone(), paths.clone());
        let (mut demands, mut there) = (Demands::new(), Vec::<(u32, i64, u64)>::new());
        let mut now = Time::ZERO;
        for (goes, comes) in steps {
            for _ in 0..goes.min(there.len()) {
                let (path, count, rate) = there.swap_remove(goes * 7 % there.len());
                join(&mut shares, &mut demands, path, -count, rate);
            }
            for (path, count, octave, odd) in comes {
                let rate = 1_000 * 5u64.pow(octave) + u64::from(odd) * 13;
                join(&mut shares, &mut demands, path, count, rate);
                there.push((path, count, rate));
            }
            now = now + Span::secs(1);
            shares.divide(now);
            let mut at_once = Shares::new(capacities.clone(), paths.clone());
            for (class, (count, rates)) in &demands {
                let (count, rates) = (*count as i64, *rates as i64);
                at_once.change(Change { class: *class, count, rates });
            }
            at_once.divide(now);
            let plain = plain(&capacities, &paths, &demands);
            for (class, rate) in rates(&shares, &demands) {
                let others = [rates(&at_once, &demands)[&class], plain[&class]];
                for other in others {
                    prop_assert!((rate / other - 1.0).abs() < 1e-9, "{class}: {rate}, {other}");
                }
            }
        }
    }
}
