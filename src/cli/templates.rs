//! The scenario library: every file of `scenarios/` that needs no other file, built in.

/// Name and text of each template; the first comment line of a text describes it.
///
/// `inventory-example` is left out: it needs the CSV files of `scenarios/data/`.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("smoke", include_str!("../../scenarios/smoke.toml")),
    ("constant-1m", include_str!("../../scenarios/constant-1m.toml")),
    ("city-10m", include_str!("../../scenarios/city-10m.toml")),
    ("flaky-fleet", include_str!("../../scenarios/flaky-fleet.toml")),
    ("percentage", include_str!("../../scenarios/percentage.toml")),
    ("store-and-forward", include_str!("../../scenarios/store-and-forward.toml")),
    ("hotfix", include_str!("../../scenarios/hotfix.toml")),
    ("two-modules", include_str!("../../scenarios/two-modules.toml")),
    ("capacity", include_str!("../../scenarios/capacity.toml")),
    ("nb-iot", include_str!("../../scenarios/nb-iot.toml")),
    ("storm-outage", include_str!("../../scenarios/storms/outage.toml")),
    (
        "storm-outage-without-jitter",
        include_str!("../../scenarios/storms/outage-without-jitter.toml"),
    ),
    ("storm-wall-clock", include_str!("../../scenarios/storms/wall-clock.toml")),
    (
        "storm-wall-clock-without-jitter",
        include_str!("../../scenarios/storms/wall-clock-without-jitter.toml"),
    ),
    ("storm-daylight-saving", include_str!("../../scenarios/storms/daylight-saving.toml")),
    ("storm-retry-echo", include_str!("../../scenarios/storms/retry-echo.toml")),
    (
        "storm-retry-echo-without-jitter",
        include_str!("../../scenarios/storms/retry-echo-without-jitter.toml"),
    ),
    ("adoption-ios-7", include_str!("../../scenarios/adoption/ios-7.toml")),
    ("adoption-ios-9", include_str!("../../scenarios/adoption/ios-9.toml")),
    ("adoption-ios-10", include_str!("../../scenarios/adoption/ios-10.toml")),
    ("adoption-windows-10-1803", include_str!("../../scenarios/adoption/windows-10-1803.toml")),
    ("adoption-heartbleed", include_str!("../../scenarios/adoption/heartbleed.toml")),
    ("platform-alibaba", include_str!("../../scenarios/platforms/alibaba.toml")),
    ("platform-alibaba-dynamic", include_str!("../../scenarios/platforms/alibaba-dynamic.toml")),
    ("platform-quectel", include_str!("../../scenarios/platforms/quectel.toml")),
    ("platform-aws-iot-jobs", include_str!("../../scenarios/platforms/aws-iot-jobs.toml")),
    ("platform-hawkbit", include_str!("../../scenarios/platforms/hawkbit.toml")),
    ("platform-mender", include_str!("../../scenarios/platforms/mender.toml")),
    (
        "platform-azure-device-update",
        include_str!("../../scenarios/platforms/azure-device-update.toml"),
    ),
    ("flip-model", include_str!("../../scenarios/flip-model.toml")),
    ("population-skype06", include_str!("../../scenarios/population-skype06.toml")),
    ("population-overnet03", include_str!("../../scenarios/population-overnet03.toml")),
    ("population-microsoft99", include_str!("../../scenarios/population-microsoft99.toml")),
    ("population-nd07cpu", include_str!("../../scenarios/population-nd07cpu.toml")),
    ("population-pl05", include_str!("../../scenarios/population-pl05.toml")),
    ("population-ldns04", include_str!("../../scenarios/population-ldns04.toml")),
    ("population-websites02", include_str!("../../scenarios/population-websites02.toml")),
    ("population-g5k06", include_str!("../../scenarios/population-g5k06.toml")),
    ("population-lanl05", include_str!("../../scenarios/population-lanl05.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_complete() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let folders =
            [("", ""), ("platforms", "platform-"), ("storms", "storm-"), ("adoption", "adoption-")];
        for (below, prefix) in folders {
            for entry in std::fs::read_dir(folder.join(below)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
                if path.extension().is_some_and(|e| e == "toml") && name != "inventory-example" {
                    assert!(TEMPLATES.iter().any(|(known, _)| *known == name), "{name}");
                }
            }
        }
    }
}
