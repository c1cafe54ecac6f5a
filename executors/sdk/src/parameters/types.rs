//! Types of parameters, and their conversion from JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::kind::ParameterKind;
use crate::AccessPaths;

/// A type that a parameter can have. Implement it for your own types; [`choice!`](crate::choice!) implements it for enums.
pub trait Parameter: Sized {
    /// Accepted values, for messages and documentation.
    const KIND: ParameterKind;

    /// Converts a JSON value; `None` if it is invalid.
    fn parse(value: &Value) -> Option<Self>;

    /// Converts the value to JSON, to display a default.
    fn to_value(&self) -> Value;
}

impl Parameter for bool {
    const KIND: ParameterKind = ParameterKind::Boolean;

    fn parse(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_value(&self) -> Value {
        Value::from(*self)
    }
}

/// Converts JSON integers, floats without a fraction, and strings of digits, which are common in YAML files.
pub(super) fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let whole = || number.as_f64().filter(|float| float.fract() == 0.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, and callers check the range"
            )]
            let integer = || number.as_i128().or_else(|| whole().map(|float| float as i128));
            integer()
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Parameter for $type {
            const KIND: ParameterKind = ParameterKind::Integer { min: Self::MIN as i64, max: Self::MAX as u64 };

            fn parse(value: &Value) -> Option<Self> {
                integer(value).and_then(|integer| Self::try_from(integer).ok())
            }

            fn to_value(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i32, i64);

impl Parameter for f64 {
    const KIND: ParameterKind = ParameterKind::Number;

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number| number.is_finite())
    }

    fn to_value(&self) -> Value {
        Value::from(*self)
    }
}

impl Parameter for f32 {
    const KIND: ParameterKind = ParameterKind::Number;

    fn parse(value: &Value) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "the parameter has single precision")]
        f64::parse(value).map(|number| number as Self).filter(|number| number.is_finite())
    }

    fn to_value(&self) -> Value {
        // By way of the shortest decimal representation, so that 0.1 is displayed as 0.1.
        self.to_string().parse().map_or(Value::Null, Value::Number)
    }
}

impl Parameter for String {
    const KIND: ParameterKind = ParameterKind::Text;

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Parameter for PathBuf {
    const KIND: ParameterKind = ParameterKind::Path;

    fn parse(value: &Value) -> Option<Self> {
        value.as_str().filter(|text| !text.is_empty()).map(Self::from)
    }

    fn to_value(&self) -> Value {
        Value::from(self.to_string_lossy())
    }
}

impl Parameter for Duration {
    const KIND: ParameterKind = ParameterKind::Seconds;

    fn parse(value: &Value) -> Option<Self> {
        f64::parse(value).and_then(|seconds| Self::try_from_secs_f64(seconds).ok())
    }

    fn to_value(&self) -> Value {
        Value::from(self.as_secs_f64())
    }
}

impl Parameter for AccessPaths {
    const KIND: ParameterKind = ParameterKind::AccessPaths;

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.parse().ok(),
            // Jina 0.7 to 1.x: a list of paths.
            Value::Array(paths) => {
                let paths: Option<Vec<&str>> = paths.iter().map(Value::as_str).collect();
                paths?.join(",").parse().ok()
            }
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl<T: Parameter> Parameter for Option<T> {
    const KIND: ParameterKind = ParameterKind::Optional(&T::KIND);

    fn parse(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::parse(value).map(Some) }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    const KIND: ParameterKind = ParameterKind::List(&T::KIND);

    fn parse(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::parse).collect()
    }

    fn to_value(&self) -> Value {
        self.iter().map(T::to_value).collect()
    }
}

impl<T: Parameter, const N: usize> Parameter for [T; N] {
    const KIND: ParameterKind = ParameterKind::Array(&T::KIND, N);

    fn parse(value: &Value) -> Option<Self> {
        Vec::parse(value)?.try_into().ok()
    }

    fn to_value(&self) -> Value {
        self.iter().map(T::to_value).collect()
    }
}

impl Parameter for Map<String, Value> {
    const KIND: ParameterKind = ParameterKind::Mapping;

    fn parse(value: &Value) -> Option<Self> {
        value.as_object().cloned()
    }

    fn to_value(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl Parameter for Value {
    const KIND: ParameterKind = ParameterKind::Any;

    fn parse(value: &Value) -> Option<Self> {
        Some(value.clone())
    }

    fn to_value(&self) -> Value {
        self.clone()
    }
}
