//! Max-min fair rates over several links.

use crate::model::take;

/// Downloads over the same links at about the same rate of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Position of their path.
    pub path: u32,
    pub count: u64,
    /// Sum of the rates that they would have alone, in bit/s.
    pub rates: u64,
}

/// Divides links among demands.
///
/// # Model
/// Progressive filling: all downloads get the same rate, which grows until a demand has what it
/// would have alone or a link is full; those stay, the others go on. Within a demand rates are
/// in proportion to what each download would have alone.
///
/// # Source
/// Bertsekas, Gallager: Data Networks (1992), 6.5.2.
#[derive(Clone, Debug)]
pub struct Shares {
    /// By link, in bit/s.
    capacities: Vec<f64>,
    /// Links of each path.
    paths: Vec<Box<[u32]>>,
    /// By demand: the part of what its downloads would have alone, 0 to 1.
    pub speeds: Vec<f64>,
    left: Vec<f64>,
    growing: Vec<u64>,
    order: Vec<u32>,
}

impl Shares {
    /// # Panics
    /// If a capacity is not above zero, or a path names a link that is not there.
    pub fn new(capacities: Vec<f64>, paths: Vec<Box<[u32]>>) -> Shares {
        assert!(capacities.iter().all(|c| *c > 0.0), "a link has a capacity");
        let known = |link: &u32| (*link as usize) < capacities.len();
        assert!(paths.iter().flatten().all(known), "a path over links that are there");
        Shares {
            capacities,
            paths,
            speeds: Vec::new(),
            left: Vec::new(),
            growing: Vec::new(),
            order: Vec::new(),
        }
    }

    /// By link, in bit/s.
    pub fn capacities(&self) -> &[f64] {
        &self.capacities
    }

    /// By link: what it carries, in bit/s.
    pub fn loads(&self) -> impl Iterator<Item = f64> + '_ {
        // Before the first division nothing is carried.
        let left = |at: usize| self.left.get(at).copied().unwrap_or(self.capacities[at]);
        self.capacities.iter().enumerate().map(move |(at, capacity)| capacity - left(at))
    }

    /// Divides anew; [`Shares::speeds`] tells the result.
    pub fn divide(&mut self, demands: &[Demand]) {
        self.left.clone_from(&self.capacities);
        self.growing.clear();
        self.growing.resize(self.capacities.len(), 0);
        self.speeds.clear();
        self.speeds.resize(demands.len(), f64::NAN);
        for demand in demands {
            for link in &self.paths[demand.path as usize] {
                self.growing[*link as usize] += demand.count;
            }
        }
        self.order.clear();
        self.order.extend(0..demands.len() as u32);
        let own = |at: u32| own_rate(&demands[at as usize]);
        self.order.sort_by(|a, b| own(*a).total_cmp(&own(*b)));
        let mut next = 0;
        while next < self.order.len() {
            let at = self.order[next] as usize;
            if !self.speeds[at].is_nan() {
                next += 1;
                continue;
            }
            match self.fullest() {
                Some((link, level)) if level < own_rate(&demands[at]) => {
                    self.fill(link, level, demands);
                }
                _ => self.stop(at, own_rate(&demands[at]), demands),
            }
        }
    }

    /// The link that would be full first, and the rate at which it is.
    fn fullest(&self) -> Option<(u32, f64)> {
        let links = (0..).zip(self.left.iter().zip(&self.growing));
        let levels = links.filter(|(_, (_, growing))| **growing > 0);
        let levels = levels.map(|(link, (left, growing))| (link, left / *growing as f64));
        levels.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The link is full: who goes over it stays at this rate.
    fn fill(&mut self, link: u32, level: f64, demands: &[Demand]) {
        for (at, demand) in demands.iter().enumerate() {
            let over = self.paths[demand.path as usize].contains(&link);
            if over && self.speeds[at].is_nan() {
                self.stop(at, level, demands);
            }
        }
        // What rounding left is nobody's.
        self.left[link as usize] = 0.0;
        self.growing[link as usize] = 0;
    }

    /// The demand stays at this rate per download.
    fn stop(&mut self, at: usize, level: f64, demands: &[Demand]) {
        let demand = &demands[at];
        self.speeds[at] = (level / own_rate(demand)).min(1.0);
        for link in &self.paths[demand.path as usize] {
            let link = *link as usize;
            take(&mut self.growing[link], demand.count);
            self.left[link] = (self.left[link] - level * demand.count as f64).max(0.0);
        }
    }
}

/// What the downloads would have alone, on the average.
fn own_rate(demand: &Demand) -> f64 {
    demand.rates as f64 / demand.count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(path: u32, count: u64, each: u64) -> Demand {
        Demand { path, count, rates: count * each }
    }

    fn rates(shares: &Shares, demands: &[Demand]) -> Vec<f64> {
        demands.iter().zip(&shares.speeds).map(|(d, speed)| own_rate(d) * speed).collect()
    }

    #[test]
    fn slow_downloads_leave_their_share_to_others() {
        // 100 for 10 downloads: two take 2 each, eight share 96.
        let mut shares = Shares::new(vec![100.0], vec![[0].into()]);
        let demands = [demand(0, 2, 2), demand(0, 8, 1_000)];
        shares.divide(&demands);
        assert_eq!(rates(&shares, &demands), [2.0, 12.0]);
        // With few of them the link has room.
        let demands = [demand(0, 2, 2)];
        shares.divide(&demands);
        assert_eq!(rates(&shares, &demands), [2.0]);
        shares.divide(&[]);
    }

    #[test]
    fn a_narrow_cell_leaves_the_rest_of_the_origin_to_others() {
        // Link 0: origin, 90. Links 1 and 2: cells of 20 and 1000.
        let mut shares = Shares::new(vec![90.0, 20.0, 1000.0], vec![[0, 1].into(), [0, 2].into()]);
        let demands = [demand(0, 10, 500), demand(1, 10, 500)];
        shares.divide(&demands);
        assert_eq!(rates(&shares, &demands), [2.0, 7.0]);
    }

    proptest! {
        /// No link carries more than it can, and each demand has its own rate or a full link on
        /// which nobody has more: what max-min fair means.
        #[test]
        fn shares_are_max_min_fair(
            capacities in prop::collection::vec(1.0f64..1e6, 1..5),
            parts in prop::collection::vec((0u32..16, 1u64..1000, 1u64..100_000), 1..12),
        ) {
            let links = capacities.len() as u32;
            let paths: Vec<Box<[u32]>> =
                (0..16u32).map(|p| (0..links).filter(|l| p >> l & 1 == 1).collect()).collect();
            let demands: Vec<Demand> = parts.iter().map(|(p, n, r)| demand(*p, *n, *r)).collect();
            let mut shares = Shares::new(capacities.clone(), paths.clone());
            shares.divide(&demands);
            let rates = rates(&shares, &demands);
            let over = |link: u32| {
                let paths = &paths;
                demands.iter().zip(&rates).filter(move |(d, _)| paths[d.path as usize].contains(&link))
            };
            let load = |link: u32| over(link).map(|(d, rate)| d.count as f64 * rate).sum::<f64>();
            for link in 0..links {
                prop_assert!(load(link) <= capacities[link as usize] * (1.0 + 1e-9));
            }
            for (demand, rate) in demands.iter().zip(&rates) {
                let has_own = *rate >= own_rate(demand) * (1.0 - 1e-9);
                let is_held = paths[demand.path as usize].iter().any(|link| {
                    load(*link) >= capacities[*link as usize] * (1.0 - 1e-9)
                        && over(*link).all(|(_, other)| *other <= rate * (1.0 + 1e-9))
                });
                prop_assert!(has_own || is_held, "{demand:?} at {rate}");
            }
        }
    }
}
