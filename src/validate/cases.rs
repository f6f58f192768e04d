//! The cases: settings, expected values and tolerances, as they ship in `cases.json`.

use serde::Deserialize;

/// All cases, in the order of the file.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
pub fn all() -> Vec<Case> {
    let file: File = serde_json::from_str(include_str!("cases.json")).expect("a sound file");
    file.cases
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// One closed-form result.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub id: String,
    pub group: String,
    pub title: String,
    /// The settings, for people and for table cases.
    pub model: serde_json::Value,
    pub quantities: Vec<Quantity>,
    #[serde(default)]
    pub catches: String,
}

/// One number of a case.
#[derive(Clone, Debug, Deserialize)]
pub struct Quantity {
    pub name: String,
    pub expected: f64,
    pub unit: String,
    pub kind: String,
    pub tolerance: Tolerance,
}

/// How far an observed value may be from the expected one.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Tolerance {
    /// z standard deviations of one unit, divided by the square root of the units observed.
    Z {
        z: f64,
        sd_per_unit: f64,
        /// What counts as one unit.
        unit: String,
    },
    Abs {
        value: f64,
    },
    /// It may not be below this.
    LowerBound {
        value: f64,
    },
}
