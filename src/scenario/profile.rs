//! Platform profiles: what the campaign leaves out is set as the platform does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use super::tree::{Entry, Node, Place, Value};

/// A platform whose documented behaviour fills in what the scenario does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Alibaba Cloud IoT Platform.
    Alibaba,
    /// Quectel Developer Center.
    Quectel,
    /// AWS IoT Jobs.
    AwsIotJobs,
    /// Eclipse hawkBit.
    Hawkbit,
    /// Mender.
    Mender,
    /// Azure Device Update for IoT Hub.
    AzureDeviceUpdate,
}

impl Profile {
    /// Every profile with its name in files.
    pub const ALL: [(&'static str, Profile); 6] = [
        ("alibaba", Profile::Alibaba),
        ("quectel", Profile::Quectel),
        ("aws-iot-jobs", Profile::AwsIotJobs),
        ("hawkbit", Profile::Hawkbit),
        ("mender", Profile::Mender),
        ("azure-device-update", Profile::AzureDeviceUpdate),
    ];

    /// The switches it sets, as TOML with their sources: `[campaign]`, `[retry]` for what
    /// holds if the campaign retries, `[cohort]` for every cohort.
    pub fn text(self) -> &'static str {
        match self {
            Profile::Alibaba => include_str!("profiles/alibaba.toml"),
            Profile::Quectel => include_str!("profiles/quectel.toml"),
            Profile::AwsIotJobs => include_str!("profiles/aws-iot-jobs.toml"),
            Profile::Hawkbit => include_str!("profiles/hawkbit.toml"),
            Profile::Mender => include_str!("profiles/mender.toml"),
            Profile::AzureDeviceUpdate => include_str!("profiles/azure-device-update.toml"),
        }
    }
}

/// Adds to the tree what the `campaign.profile`s in it set and it does not say itself.
///
/// A profile that is unknown, or no text, is left to the walk over the tree.
pub fn apply(tree: &mut Node) {
    let mut profiles: Vec<Node> = fill_campaign(tree).into_iter().collect();
    if let Some(Value::List(rollouts)) = child(tree, "rollout").map(|node| &mut node.value) {
        profiles.extend(rollouts.iter_mut().filter_map(fill_campaign));
    }
    let Some(cohorts) = child(tree, "fleet").and_then(|fleet| child(fleet, "cohort")) else {
        return;
    };
    if let Value::List(cohorts) = &mut cohorts.value {
        for profile in profiles {
            cohorts.iter_mut().for_each(|cohort| fill(cohort, profile.entry("cohort")));
        }
    }
}

/// Fills in the campaign in `tree`; its profile, if it names one.
fn fill_campaign(tree: &mut Node) -> Option<Node> {
    let entry = tree.entry("campaign")?.node.entry("profile")?;
    let Value::Text(name) = &entry.node.value else { return None };
    let (_, profile) = Profile::ALL.iter().find(|(known, _)| known == name)?;
    let place = entry.node.place.clone();
    let table = DeTable::parse(profile.text()).expect("a profile is TOML");
    let mut profile = Node::of_table(&table, 0, 0);
    relocate(&mut profile, &place);
    let campaign = child(tree, "campaign")?;
    fill(campaign, profile.entry("campaign"));
    if let Some(retry) = child(campaign, "retry") {
        fill(retry, profile.entry("retry"));
    }
    Some(profile)
}

fn child<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Table(entries) => {
            entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
        }
        _ => None,
    }
}

/// Adds the entries of `from` that are not there.
fn fill(node: &mut Node, from: Option<&Entry>) {
    let Some(Value::Table(from)) = from.map(|entry| &entry.node.value) else { return };
    if let Value::Table(entries) = &mut node.value {
        for entry in from {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry.clone());
            }
        }
    }
}

/// What a profile says is, for messages, where the profile was named.
fn relocate(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Value::Table(entries) => {
            for entry in entries {
                entry.key_place = place.clone();
                relocate(&mut entry.node, place);
            }
        }
        _ => {}
    }
}
