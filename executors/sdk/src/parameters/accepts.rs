//! Validation of values by the kind of a parameter, without its type.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::kind::ParameterKind;
use super::types::{Parameter as _, integer};
use crate::AccessPaths;

impl ParameterKind {
    /// Returns `true` if `value` is of this kind. Every value is accepted for [`ParameterKind::Other`].
    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Boolean => bool::parse(value).is_some(),
            Self::Integer { min, max } => integer(value)
                .is_some_and(|integer| i128::from(*min) <= integer && integer <= i128::from(*max)),
            Self::Number => f64::parse(value).is_some(),
            Self::Text => String::parse(value).is_some(),
            Self::Path => PathBuf::parse(value).is_some(),
            Self::Seconds => Duration::parse(value).is_some(),
            Self::AccessPaths => AccessPaths::parse(value).is_some(),
            Self::Choice(words) => {
                value.as_str().is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
            }
            Self::Optional(kind) => value.is_null() || kind.accepts(value),
            Self::List(kind) => {
                value.as_array().is_some_and(|items| items.iter().all(|item| kind.accepts(item)))
            }
            Self::Array(kind, length) => value
                .as_array()
                .is_some_and(|items| items.len() == *length && items.iter().all(|item| kind.accepts(item))),
            Self::Mapping => Map::parse(value).is_some(),
            Self::Any | Self::Other(_) => true,
        }
    }
}
