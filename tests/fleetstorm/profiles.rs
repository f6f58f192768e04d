//! Platform profiles: what they set, and that the scenario has the last word.

use fleetstorm::scenario::file::{Delivery, OfflineTurn};
use fleetstorm::scenario::{Loaded, Profile, load_text, resolved};

use super::runs::{load, scenario};

fn with_profile(name: &str, campaign: &str) -> Loaded {
    let campaign = format!("profile = '{name}'\nrate = 'unlimited'\n{campaign}");
    load(&scenario(10, &campaign, "download.takes = '1 s'", ""))
}

#[test]
fn each_profile_sets_its_platforms_switches() {
    for (name, profile) in Profile::ALL {
        let loaded = with_profile(name, "");
        let campaign = &loaded.scenario.campaign;
        assert_eq!(campaign.profile, Some(profile));
        let can_suspend = ["quectel", "hawkbit"].contains(&name);
        assert_eq!(campaign.can_suspend, can_suspend, "{name}");
        let polls = ["hawkbit", "mender"].contains(&name);
        let delivery = if polls { Delivery::Poll } else { Delivery::Push };
        assert_eq!(campaign.delivery, delivery, "{name}");
        assert_eq!(loaded.scenario.fleet.cohort[0].poll.is_some(), polls, "{name}");
        let stored = ["aws-iot-jobs", "azure-device-update"].contains(&name);
        let offline = if stored { OfflineTurn::StoreAndForward } else { OfflineTurn::WhenOnline };
        assert_eq!(campaign.offline, offline, "{name}");
        assert_eq!(campaign.marks.is_some(), name == "quectel", "{name}");
        // Without a retry of its own a campaign has none.
        assert_eq!(campaign.retry, None, "{name}");
    }
}

#[test]
fn the_scenario_has_the_last_word() {
    let loaded = with_profile("quectel", "marks = '5 min'\ncan_suspend = false");
    let campaign = &loaded.scenario.campaign;
    assert_eq!(campaign.marks, Some(fleetstorm::model::Span::secs(300)));
    assert!(!campaign.can_suspend);
}

#[test]
fn a_profiles_retry_rules_hold_where_there_is_a_retry() {
    let retry = "retry = { count = 1 }\nsource_versions = ['1']";
    assert!(with_profile("alibaba", retry).scenario.campaign.retry.unwrap().needs_source_version);
    assert!(!with_profile("quectel", retry).scenario.campaign.retry.unwrap().needs_source_version);
}

#[test]
fn what_was_resolved_reads_back_equal() {
    for (name, _) in Profile::ALL {
        let loaded = with_profile(name, "");
        let again = load(&resolved(&loaded.scenario));
        assert_eq!(again.scenario, loaded.scenario, "{name}");
    }
}

#[test]
fn an_unknown_platform_is_refused_with_the_nearest() {
    let campaign = "rate = 'unlimited'\nprofile = 'hawkbitt'";
    let text = scenario(10, campaign, "download.takes = '1 s'", "");
    let message = load_text("t.toml", &text, "".as_ref(), &[]).unwrap_err().to_string();
    assert!(message.contains("hawkbit"), "{message}");
}
