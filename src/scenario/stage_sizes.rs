//! What the percentages of stages come to (R16).

use super::file::Campaign;
use super::rules::{Phase, StageSizes, Stages};

/// All of a list, in thousandths of a percent.
const WHOLE: u64 = 100_000;

impl Campaign {
    /// How many of `total` devices each stage takes, in order; none, if there are no stages.
    ///
    /// # Source
    /// Eclipse hawkBit, sizes of rollout groups (`round`); Mender, phased rollouts
    /// (`floor-each`).
    pub fn stage_sizes(&self, total: u64) -> Vec<u64> {
        let shares = shares(&self.stages);
        let (mut share_before, mut before) = (0, 0);
        let last = shares.len().saturating_sub(1);
        let size = |(at, share): (usize, &u64)| {
            let left = total - before;
            let size = match self.stage_sizes {
                StageSizes::Floor => part(total, share_before + share, WHOLE) - before,
                StageSizes::Round => rounded(left, *share, WHOLE.saturating_sub(share_before)),
                StageSizes::FloorEach if at == last => left,
                StageSizes::FloorEach => part(total, *share, WHOLE),
            };
            // Percentages that add up to more have been refused.
            let size = size.min(left);
            (share_before, before) = (share_before + share, before + size);
            size
        };
        shares.iter().enumerate().map(size).collect()
    }

    /// Stages of these sizes that the platform refuses, since they take nobody; counted from 0.
    pub fn stages_of_nobody(&self, sizes: &[u64]) -> Vec<usize> {
        let refuses = self.stage_sizes == StageSizes::FloorEach;
        let empty = sizes.iter().enumerate().filter(|(_, size)| refuses && **size == 0);
        empty.map(|(at, _)| at).collect()
    }
}

/// Each stage's own share, in thousandths of a percent.
fn shares(stages: &Stages) -> Vec<u64> {
    let thousandths = |percent: f64| (percent * 1000.0).round() as u64;
    match stages {
        Stages::All => Vec::new(),
        Stages::Phases(phases) => {
            let mut before = 0;
            let own = |phase: &Phase| {
                let up_to = thousandths(phase.percent);
                up_to.saturating_sub(std::mem::replace(&mut before, up_to))
            };
            phases.iter().map(own).collect()
        }
        Stages::Groups(groups) => {
            groups.group.iter().map(|group| thousandths(group.percent)).collect()
        }
    }
}

fn part(devices: u64, share: u64, whole: u64) -> u64 {
    (u128::from(devices) * u128::from(share) / u128::from(whole)) as u64
}

/// Halves are rounded up.
fn rounded(devices: u64, share: u64, whole: u64) -> u64 {
    if share == 0 || whole == 0 {
        return 0;
    }
    let (devices, share, whole) = (u128::from(devices), u128::from(share), u128::from(whole));
    ((2 * devices * share + whole) / (2 * whole)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(lines: &str) -> Campaign {
        toml::from_str(&format!("name = 'x'\nrate = 'unlimited'\n{lines}")).unwrap()
    }

    fn groups(percents: &[f64]) -> String {
        let group = |percent: &f64| format!("{{ percent = {percent} }}");
        let groups: Vec<String> = percents.iter().map(group).collect();
        format!("stages.groups.group = [{}]", groups.join(", "))
    }

    fn phases(percents: &[f64]) -> String {
        let phase =
            |(at, percent): (usize, &f64)| format!("{{ at = '{at} h', percent = {percent} }}");
        let phases: Vec<String> = percents.iter().enumerate().map(phase).collect();
        format!("stages.phases = [{}]", phases.join(", "))
    }

    #[test]
    fn each_platform_sizes_its_stages() {
        let thirds = [33.333, 33.333, 33.334];
        for (stages, sizes, total, expected) in [
            (groups(&[1.0, 99.0]), "floor", 50, vec![0, 50]),
            (groups(&[1.0, 99.0]), "round", 50, vec![1, 49]),
            // Half a device is one; 20 % of 7 is 1, 25 % of the 6 left 2, a third of 4 is 1.
            (groups(&[50.0, 50.0]), "round", 1, vec![1, 0]),
            (groups(&[20.0; 5]), "round", 7, vec![1, 2, 1, 2, 1]),
            (groups(&thirds), "floor", 4, vec![1, 1, 2]),
            (groups(&thirds), "floor-each", 5, vec![1, 1, 3]),
            (groups(&[100.0, 0.0]), "round", 7, vec![7, 0]),
            (phases(&[10.0, 50.0, 100.0]), "floor", 19, vec![1, 8, 10]),
            // 10 % and 40 % of 19, each rounded down.
            (phases(&[10.0, 50.0, 100.0]), "floor-each", 19, vec![1, 7, 11]),
            (phases(&[10.0, 50.0, 100.0]), "round", 19, vec![2, 8, 9]),
            (phases(&[10.0, 50.0]), "floor", 100, vec![10, 40]),
            (phases(&[10.0, 50.0]), "round", 100, vec![10, 40]),
            // The last one takes the rest, whatever it says.
            (phases(&[10.0, 50.0]), "floor-each", 100, vec![10, 90]),
            (phases(&[50.0, 100.0]), "round", 0, vec![0, 0]),
            ("stages = 'all'".to_owned(), "round", 7, vec![]),
        ] {
            let campaign = campaign(&format!("{stages}\nstage_sizes = '{sizes}'"));
            assert_eq!(campaign.stage_sizes(total), expected, "{sizes} of {total}: {stages}");
        }
    }

    #[test]
    fn a_great_fleet_is_not_too_great() {
        let campaign = campaign(&format!("{}\nstage_sizes = 'round'", groups(&[0.001, 99.999])));
        let total = u64::from(u32::MAX);
        assert_eq!(campaign.stage_sizes(total), [42_950, total - 42_950]);
    }

    #[test]
    fn nobody_in_a_stage_is_refused_by_one_platform_only() {
        for (sizes, empty) in [("floor", vec![]), ("round", vec![]), ("floor-each", vec![0])] {
            let campaign = campaign(&format!("{}\nstage_sizes = '{sizes}'", phases(&[5.0, 100.0])));
            let of = |total| campaign.stages_of_nobody(&campaign.stage_sizes(total));
            assert_eq!(of(9), empty, "{sizes}");
            assert!(of(20).is_empty());
        }
    }
}
