//! R2, R11, R13, R15 to R18: who is targeted.

use std::collections::BTreeSet;

use fleetstorm::model::DeviceId;
use fleetstorm::scenario::load_text;
use fleetstorm::scheduler::state::TaskState;
use fleetstorm::scheduler::{DeviceList, Selection, percentage_cut};

use super::super::runs::{load, run, scenario, simulate, total};

const QUICK: &str = "download.takes = '1 s'";
const UNLIMITED: &str = "rate = 'unlimited'";

/// A fleet of two versions, of which `select` takes some.
fn two_versions(devices: u32, campaign: &str) -> String {
    scenario(devices, campaign, QUICK, "")
        .replace(r#"{ "1" = 1.0 }"#, r#"{ "1" = 0.5, "1.5" = 0.5 }"#)
}

#[test]
fn r14_a_package_is_verified_when_all_of_a_few_devices_succeed() {
    use fleetstorm::report::Summary;
    use fleetstorm::scheduler::Verification;
    let text = |package: &str, campaign: &str, fails: &str| {
        let campaign = format!("rate = 'unlimited'\n{campaign}");
        let cohort = format!("download.takes = '1 s'\nfails.flash = {fails}");
        let text = scenario(100, &campaign, &cohort, "");
        text.replace("version = \"2\"", &format!("version = \"2\"\n{package}"))
    };
    let verified = |fails: &str| {
        let select = "verify = true\nselect.list = ['1', '2', '3']";
        let loaded = load(&text("needs_verification = true", select, fails));
        let outcome = simulate(&loaded, 1);
        Summary::of(&loaded.scenario, &outcome).verification
    };
    assert_eq!(verified("0.0").as_deref(), Some("verified"));
    assert_eq!(verified("1.0").as_deref(), Some("failed"));
    assert!(!Verification::Needed.allows_rollout() && Verification::Verified.allows_rollout());
    assert!(!Verification::Failed.allows_rollout() && Verification::NotNeeded.allows_rollout());
    assert_eq!(Verification::Needed.after(3, 2, 1), Verification::Needed);
    let refused = |package: &str, campaign: &str| {
        let text = text(package, campaign, "0.0");
        load_text("t.toml", &text, "".as_ref(), &[]).unwrap_err().to_string()
    };
    assert!(refused("needs_verification = true", "").contains("must be verified before"));
    assert!(refused("", "verify = true").contains("at most 10 devices"));
}

#[test]
fn r11_all() {
    let tally = total(&two_versions(1000, UNLIMITED));
    assert_eq!((tally.targeted, tally.succeeded()), (1000, 1000));
}

#[test]
fn r11_list_order() {
    let ids = [7, 3, 5].map(DeviceId).to_vec();
    let mut selection = Selection::new(DeviceList::Listed(ids.clone()), None);
    let order: Vec<_> = std::iter::from_fn(|| Some(selection.next_device()?.0)).collect();
    assert_eq!(order[..], ids[..]);
    let mut some = Selection::new(DeviceList::Listed(ids), Some([0b101].into()));
    assert_eq!(some.next_device(), Some((DeviceId(7), false)));
    assert_eq!(some.next_device(), Some((DeviceId(5), false)));
    assert_eq!((some.next_device(), some.is_exhausted()), (None, true));
    let campaign = "rate = 'unlimited'\nselect.list = ['7', '3', '5']";
    assert_eq!(
        load(&scenario(10, campaign, QUICK, "")).select_list.unwrap(),
        [7, 3, 5].map(DeviceId)
    );
    let tally = total(&scenario(10, campaign, QUICK, ""));
    assert_eq!((tally.targeted, tally.succeeded()), (3, 3));
}

#[test]
fn r11_percentage_is_the_floor_and_at_least_one() {
    for (percent, devices, targeted) in [
        ("50", 1001, 500),
        ("33.3", 1000, 333),
        ("100", 777, 777),
        ("12.345", 100_000, 12_345),
        ("0.001", 100_000, 1),
        ("0.001", 99_999, 1),
        ("0.002", 99_999, 1),
        ("0.001", 3, 1),
        ("99.999", 1000, 999),
        ("28", 100, 28),
        ("7", 100, 7),
        ("0.07", 10_000, 7),
    ] {
        let thousandths = (percent.parse::<f64>().unwrap() * 1000.0).round() as u32;
        assert_eq!(percentage_cut(thousandths, devices), targeted, "{percent} % of {devices}");
        let campaign = format!("{UNLIMITED}\nselect.percent = {percent}");
        let tally = total(&scenario(devices as u32, &campaign, QUICK, ""));
        assert_eq!(tally.targeted, targeted, "{percent} % of {devices}");
    }
    assert_eq!(percentage_cut(50_000, 0), 0);
    assert_eq!(percentage_cut(100_000, u64::from(u32::MAX)), u64::from(u32::MAX));
}

/// The devices that a campaign updates, one by one: each as the only one not blacklisted.
fn targeted(devices: u32, percent: &str, ids: std::ops::Range<u32>) -> BTreeSet<u32> {
    // The share is random but the same for all campaigns, so a cohort per device shows it.
    let cohort = |id: u32| format!("[[fleet.cohort]]\nname = 'c{id}'\n{QUICK}\n");
    let cohorts: String = ids.clone().map(cohort).collect();
    let rows: String = ids.map(|id| format!("d{id},1,c{id}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fleet.csv"), format!("device,version,cohort\n{rows}"))
        .unwrap();
    let text = format!(
        "format = 1\npackage.version = '2'\n[campaign]\nname = 'c'\n{UNLIMITED}
         select.percent = {percent}\n[fleet]\ninventory = 'fleet.csv'\n{cohorts}"
    );
    let loaded = fleetstorm::scenario::load_text("t.toml", &text, folder.path(), &[])
        .unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = simulate(&loaded, 1);
    assert_eq!(outcome.cohorts.len(), devices as usize);
    (0..devices).filter(|id| outcome.cohorts[*id as usize].tally.targeted == 1).collect()
}

#[test]
fn r11_a_greater_percentage_takes_the_devices_of_a_smaller() {
    let mut smaller = BTreeSet::new();
    for percent in ["0.5", "5", "20.5", "50", "99", "100"] {
        let chosen = targeted(400, percent, 0..400);
        assert!(chosen.is_superset(&smaller), "{percent} %");
        assert!(chosen.len() > smaller.len(), "{percent} %");
        smaller = chosen;
    }
    // It is a random share, not the first ones.
    assert_ne!(targeted(400, "50", 0..400), (0..200).collect());
}

#[test]
fn r11_source_versions() {
    let campaign = format!("{UNLIMITED}\nsource_versions = ['1.5']");
    let outcome = run(&two_versions(10_000, &campaign));
    let tally = outcome.total();
    let sigma = (10_000.0 * 0.25_f64).sqrt();
    assert!((tally.targeted as f64 - 5000.0).abs() < 4.0 * sigma, "{}", tally.targeted);
    assert_eq!(tally.count(TaskState::NotRequired), 0);
    let left: Vec<_> = outcome.versions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["1", "2"], "the other source version stays, this one is gone");
}

#[test]
fn r11_devices_at_the_target_are_not_required() {
    let text = two_versions(10_000, UNLIMITED).replace("version = \"2\"", "version = \"1.5\"");
    let outcome = run(&text);
    let tally = outcome.total();
    let not_required = tally.count(TaskState::NotRequired);
    assert_eq!(not_required + tally.targeted, 10_000);
    assert!((not_required as f64 - 5000.0).abs() < 4.0 * 50.0);
    assert_eq!((tally.turns, tally.succeeded()), (tally.targeted, tally.targeted));
    assert_eq!(outcome.versions, [("1.5".to_owned(), 10_000)]);
}

#[test]
fn r11_the_percentage_is_of_the_matching() {
    let campaign = format!("{UNLIMITED}\nsource_versions = ['1']\nselect.percent = 10");
    let all = total(&two_versions(20_000, &campaign.replace("select.percent = 10", ""))).targeted;
    assert_eq!(total(&two_versions(20_000, &campaign)).targeted, all / 10);
}

#[test]
fn r13_the_blacklist_wins_over_the_whitelist() {
    for (lists, targeted) in [
        ("", 10),
        ("blacklist = ['3', '4']", 8),
        ("whitelist = ['3', '4', '5']", 3),
        ("whitelist = ['3', '4', '5']\nblacklist = ['4', '9']", 2),
        ("select.list = ['1', '3', '4']\nwhitelist = ['3', '4', '5']\nblacklist = ['4']", 1),
    ] {
        let campaign = format!("{UNLIMITED}\n{lists}");
        let tally = total(&scenario(10, &campaign, QUICK, ""));
        assert_eq!((tally.targeted, tally.succeeded()), (targeted, targeted), "{lists}");
        assert_eq!(tally.count(TaskState::NotRequired), 0, "{lists}");
    }
}
