//! The scenario library: every file of `scenarios/`, built in.

/// Name and text of each template; the first comment line of a text describes it.
pub const TEMPLATES: &[(&str, &str)] = &[("smoke", include_str!("../../scenarios/smoke.toml"))];
