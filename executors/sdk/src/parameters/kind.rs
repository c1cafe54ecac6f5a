//! What values a parameter takes, as data: people read it, the host checks by it, and a plugin's note carries it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Parameter;
use crate::access::{AccessPaths, PATHS_MAX, STEPS_MAX};

/// What values a parameter takes. Displayed as in “must be …”.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterKind {
    /// True or false.
    Boolean,
    /// An integer between two bounds, both included.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: u64,
    },
    /// A finite number.
    Number,
    /// A text.
    Text,
    /// A path.
    Path,
    /// A length of time.
    Seconds,
    /// Documents of a tree; see [`AccessPaths`].
    AccessPaths,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Null, or something.
    Optional(&'static Self),
    /// Any number of something.
    List(&'static Self),
    /// So many of something.
    Array(&'static Self, usize),
    /// A mapping of anything.
    Mapping,
    /// Anything.
    Any,
    /// What the executor alone can tell, in words.
    Other(&'static str),
}

impl ParameterKind {
    /// Whether `value` is such a one. Of [`ParameterKind::Other`] everything is, as far as anybody can tell from here.
    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Boolean => bool::parse(value).is_some(),
            Self::Integer { min, max } => super::types::integer(value)
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

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { min: 0, .. } => f.write_str("an integer ≥ 0"),
            Self::Integer { .. } => f.write_str("an integer"),
            Self::Number => f.write_str("a number"),
            Self::Text => f.write_str("a text"),
            Self::Path => f.write_str("a path"),
            Self::Seconds => f.write_str("a number of seconds"),
            Self::AccessPaths => write!(
                f,
                "access paths such as `@r`, `@c` or `@r,c`, at max {PATHS_MAX} of at max {STEPS_MAX} steps each"
            ),
            Self::Choice(words) => words.iter().enumerate().try_for_each(|(position, word)| match position {
                0 => write!(f, "`{word}`"),
                last if last + 1 == words.len() => write!(f, " or `{word}`"),
                _ => write!(f, ", `{word}`"),
            }),
            Self::Optional(kind) => write!(f, "{kind} or null"),
            Self::List(kind) => write!(f, "a list, each {kind}"),
            Self::Array(kind, length) => write!(f, "a list of {length}, each {kind}"),
            Self::Mapping => f.write_str("a mapping"),
            Self::Any => f.write_str("any value"),
            Self::Other(words) => f.write_str(words),
        }
    }
}
