//! Looks up closed-form cases and holds observed values against them.

use serde_json::Value;

/// One case of `tests/data/cases.json`.
pub struct Case {
    id: &'static str,
    case: Value,
}

/// # Panics
/// If there is no such case.
pub fn case(id: &'static str) -> Case {
    let cases: Value = serde_json::from_str(include_str!("../data/cases.json")).unwrap();
    let found = cases["cases"].as_array().unwrap().iter().find(|case| case["id"] == id);
    Case { id, case: found.unwrap_or_else(|| panic!("no case {id}")).clone() }
}

impl Case {
    /// Holds the observed value of a quantity against the expected one, with the tolerance
    /// that `units` of observation allow.
    ///
    /// # Panics
    /// If it is outside.
    pub fn check(&self, name: &str, observed: f64, units: u64) {
        let quantity = self.quantity(name);
        let expected = quantity["expected"].as_f64().unwrap();
        let tolerance = &quantity["tolerance"];
        let number = |key: &str| tolerance[key].as_f64().unwrap();
        let (allowed, sd) = match tolerance["type"].as_str().unwrap() {
            "z" => {
                let sd = number("sd_per_unit") / (units as f64).sqrt();
                (number("z") * sd, Some(sd))
            }
            // Seconds like 199.998 have no exact binary form.
            "abs" => (number("value") + 1e-9 * expected.abs(), None),
            "lower_bound" => return self.at_least(name, observed, number("value")),
            other => panic!("{}.{name}: tolerance of type {other}", self.id),
        };
        let deviation = match quantity["kind"].as_str().unwrap() {
            "bound" => (observed - expected).max(0.0),
            _ => (observed - expected).abs(),
        };
        let z = sd.map_or(String::new(), |sd| format!(", z {:+.2}", (observed - expected) / sd));
        let line = format!(
            "{}.{name}: observed {observed}, expected {expected}, tolerance {allowed:.3e}{z}",
            self.id
        );
        println!("{line}");
        assert!(deviation <= allowed, "{line}");
    }

    fn at_least(&self, name: &str, observed: f64, bound: f64) {
        println!("{}.{name}: observed {observed}, at least {bound}", self.id);
        assert!(observed >= bound, "{}.{name}: observed {observed}, at least {bound}", self.id);
    }

    fn quantity(&self, name: &str) -> &Value {
        let quantities = self.case["quantities"].as_array().unwrap();
        let found = quantities.iter().find(|quantity| quantity["name"] == name);
        found.unwrap_or_else(|| panic!("{}: no quantity {name}", self.id))
    }
}

#[test]
#[should_panic(expected = "z +400.00")]
fn a_value_outside_the_tolerance_fails() {
    // The standard deviation is 10 h, hence 0.1 h for 10,000 devices.
    case("A03a").check("mean_residual", 50.0, 10_000);
}

#[test]
#[should_panic(expected = "A03b.max_residual: observed 10.1")]
fn a_value_above_a_bound_fails() {
    case("A03b").check("max_residual", 9.0, 1);
    case("A03b").check("max_residual", 10.1, 1);
}
