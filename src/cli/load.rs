//! Reading a scenario, the same way for whoever checks and whoever runs it.

use std::path::Path;

use super::stages;
use crate::scenario::{self, Loaded, Problems};

/// The scenario with its remarks, or everything for which it cannot be run.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(file: &Path, sets: &[String]) -> Result<Loaded, Problems> {
    scenario::load(file, sets).and_then(|loaded| stages::checked(file, loaded))
}

/// Whether the file can be opened: one that cannot is the world's fault, not the scenario's.
///
/// # Errors
/// Which file, and why.
pub fn readable(file: &Path) -> anyhow::Result<()> {
    use anyhow::Context;
    std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(())
}
