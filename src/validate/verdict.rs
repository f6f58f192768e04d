//! Observed against expected.

use serde::Serialize;

use super::cases::{Quantity, Tolerance};

/// A value that a run came to.
#[derive(Clone, Debug)]
pub struct Observed {
    pub quantity: &'static str,
    pub value: f64,
    /// How many of the tolerance's units it comes from.
    pub units: f64,
}

/// A value with its quantity's name, and how many of the tolerance's units it comes from.
pub fn observed(quantity: &'static str, value: f64, units: impl Into<f64>) -> Observed {
    Observed { quantity, value, units: units.into() }
}

/// A line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub case: String,
    pub quantity: String,
    pub unit: String,
    /// None: nothing was observed, which is a failure.
    pub observed: Option<f64>,
    pub expected: f64,
    /// Greatest allowed distance from the expected value.
    pub tolerance: f64,
    /// Distance in standard deviations, where that is what is allowed.
    pub z: Option<f64>,
    pub passes: bool,
}

/// Holds an observation against what is expected.
pub fn judge(case: &str, quantity: &Quantity, observed: Option<&Observed>) -> Row {
    let expected = quantity.expected;
    let (tolerance, sd) = match (&quantity.tolerance, observed) {
        (Tolerance::Z { z, sd_per_unit, .. }, Some(observed)) => {
            let sd = sd_per_unit / observed.units.sqrt();
            (z * sd, Some(sd))
        }
        (Tolerance::Z { .. }, None) => (0.0, None),
        // Seconds like 199.998 have no exact binary form.
        (Tolerance::Abs { value }, _) => (value + 1e-9 * expected.abs(), None),
        // Anything above the bound is as good as what is expected.
        (Tolerance::LowerBound { value }, _) => (expected - value, None),
    };
    // From no units nothing follows.
    let observed = observed.filter(|o| o.value.is_finite() && o.units > 0.0);
    let value = observed.map(|observed| observed.value);
    let passes = value.is_some_and(|value| match (&quantity.tolerance, quantity.kind.as_str()) {
        (Tolerance::LowerBound { value: bound }, _) => value >= *bound,
        (_, "bound") => value - expected <= tolerance,
        _ => (value - expected).abs() <= tolerance,
    });
    let z = value.zip(sd).map(|(value, sd)| (value - expected) / sd);
    Row {
        case: case.to_owned(),
        quantity: quantity.name.clone(),
        unit: quantity.unit.clone(),
        observed: value,
        expected,
        tolerance,
        z,
        passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::cases;

    fn quantity(case: &str, name: &str) -> Quantity {
        let case = cases::all().into_iter().find(|c| c.id == case).unwrap();
        case.quantities.into_iter().find(|q| q.name == name).unwrap()
    }

    fn row(case: &str, name: &'static str, value: f64, units: f64) -> Row {
        judge(case, &quantity(case, name), Some(&observed(name, value, units)))
    }

    #[test]
    fn a_value_outside_the_tolerance_fails() {
        // The standard deviation is 10 h, hence 0.1 h for 10,000 devices.
        let far = row("A03a", "mean_residual", 50.0, 1e4);
        assert!(!far.passes && (far.z.unwrap() - 400.0).abs() < 1e-9);
        assert!(row("A03a", "mean_residual", 10.39, 1e4).passes);
        assert!(!row("A03a", "mean_residual", 10.41, 1e4).passes);
    }

    #[test]
    fn bounds_hold_on_one_side() {
        assert!(row("A03b", "max_residual", 9.0, 1.0).passes);
        assert!(!row("A03b", "max_residual", 10.1, 1.0).passes);
        let ratio = "variance_ratio_independent_over_crn";
        assert!(row("T07", ratio, 30.0, 1.0).passes);
        assert!(!row("T07", ratio, 4.9, 1.0).passes);
    }

    #[test]
    fn what_was_not_observed_fails() {
        assert!(!judge("T01", &quantity("T01", "all_match"), None).passes);
        assert!(!row("T01", "all_match", f64::NAN, 1.0).passes);
        assert!(!row("A03a", "mean_residual", 50.0, 0.0).passes);
    }
}
