//! Numbers by name, with a schema made from the tables that define them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::metric;
use crate::sim::outcome::{COUNTERS, Outcome, Tally};

/// Counters of a [`Tally`] by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Every counter of [`COUNTERS`], read from a tally.
    pub fn of(tally: &Tally) -> Counters {
        let counters = COUNTERS.iter();
        Counters(counters.map(|counter| (counter.name.to_owned(), (counter.of)(tally))).collect())
    }

    /// # Panics
    /// If there is no such counter.
    pub fn get(&self, name: &str) -> u64 {
        self.0[name]
    }
}

impl JsonSchema for Counters {
    fn schema_name() -> Cow<'static, str> {
        "Counters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let property = |counter: &crate::sim::outcome::Counter| {
            let schema = serde_json::json!({
                "type": "integer",
                "minimum": 0,
                "description": counter.definition(),
                "x-unit": counter.unit,
                "x-better": counter.better.name(),
            });
            (counter.name.to_owned(), schema)
        };
        object(COUNTERS.iter().map(property).collect())
    }
}

/// Metrics of a run by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics(BTreeMap<String, Option<f64>>);

impl Metrics {
    /// Every standard metric of a run; null where it has no value.
    pub fn of(run: &Outcome) -> Metrics {
        let (all, measured) = (metric::standard(), metric::Measured::new(run));
        let number = |query: &metric::Query| measured.value(query).number();
        Metrics(all.iter().map(|query| (query.to_string(), number(query))).collect())
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let property = |query: &metric::Query| {
            let schema = serde_json::json!({
                "type": ["number", "null"],
                "description": query.metric.definition,
                "x-unit": query.metric.unit,
                "x-better": query.metric.better.name(),
                "x-kind": query.metric.kind.name(),
            });
            (query.to_string(), schema)
        };
        object(metric::standard().iter().map(property).collect())
    }
}

/// An object with exactly these properties.
fn object(properties: serde_json::Map<String, serde_json::Value>) -> Schema {
    let required: Vec<&String> = properties.keys().collect();
    json_schema!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}
