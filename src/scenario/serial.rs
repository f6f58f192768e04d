//! How quantities and laws stand in files: serde and JSON Schema by hand.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::law::Law;
use super::moments::{Condition, Moment, TimeOfDay};
use super::units::Unit;
use crate::model::{BitRate, Bytes, EventRate, Span};

struct UnitVisitor<U>(PhantomData<U>);

impl<U: Unit> Visitor<'_> for UnitVisitor<U> {
    type Value = U;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} such as \"{}\"", U::WHAT, U::EXAMPLE)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<U, E> {
        U::parse(text).map_err(E::custom)
    }
}

fn unit_schema<U: Unit>() -> Schema {
    json_schema!({
        "type": "string",
        "format": U::FORMAT,
        "pattern": U::PATTERN,
        "examples": [U::EXAMPLE],
    })
}

macro_rules! unit_in_files {
    ($($unit:ident),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.print())
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$unit, D::Error> {
                deserializer.deserialize_str(UnitVisitor(PhantomData))
            }
        }

        impl JsonSchema for $unit {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($unit).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                unit_schema::<$unit>()
            }
        }
    )*};
}

unit_in_files!(Span, Bytes, BitRate, EventRate, TimeOfDay, Moment, Condition);

impl<U: Default> Default for Law<U> {
    fn default() -> Law<U> {
        Law::Constant(U::default())
    }
}

impl<U: Serialize> Serialize for Law<U> {
    /// A constant is written as its plain value.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Law::Constant(value) => value.serialize(serializer),
            // The inherent function that `serde(remote = "Self")` derives, not this one.
            law => Law::serialize(law, serializer),
        }
    }
}

impl<'de, U: Deserialize<'de>> Deserialize<'de> for Law<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Law<U>, D::Error> {
        deserializer.deserialize_any(LawVisitor(PhantomData))
    }
}

struct LawVisitor<U>(PhantomData<U>);

impl<'de, U: Deserialize<'de>> Visitor<'de> for LawVisitor<U> {
    type Value = Law<U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a law such as { exponential = { mean = \"90 s\" } }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Law<U>, E> {
        U::deserialize(StrDeserializer::new(text)).map(Law::Constant)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Law<U>, A::Error> {
        Law::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Adds the plain value, as `constant` has it, to the alternatives of a law.
pub(super) fn allow_plain_value(schema: &mut Schema) {
    let plain = schema
        .pointer("/oneOf/0/properties/constant")
        .expect("the first law is `constant`")
        .clone();
    schema
        .get_mut("oneOf")
        .and_then(|alternatives| alternatives.as_array_mut())
        .expect("a law is a choice")
        .insert(0, plain);
}
