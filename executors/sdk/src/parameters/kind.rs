//! The kind of a parameter, as data: the host displays it and validates with it, and the note of a plugin contains it.

use std::fmt;

use crate::access_paths::{PATHS_MAX, STEPS_MAX};

/// Kind of values that a parameter accepts. Displayed as the end of “must be …”.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterKind {
    /// A boolean.
    Boolean,
    /// An integer within bounds.
    Integer {
        /// Minimum, inclusive.
        min: i64,
        /// Maximum, inclusive.
        max: u64,
    },
    /// A finite number.
    Number,
    /// A string.
    Text,
    /// A path.
    Path,
    /// A duration in seconds.
    Seconds,
    /// Paths to documents; see [`AccessPaths`](crate::AccessPaths).
    AccessPaths,
    /// One of the listed words, in upper or lower case.
    Choice(&'static [&'static str]),
    /// Null, or a value of this kind.
    Optional(&'static Self),
    /// A list of values of this kind.
    List(&'static Self),
    /// A list of this length, of values of this kind.
    Array(&'static Self, usize),
    /// A mapping with any values.
    Mapping,
    /// Any value.
    Any,
    /// Values that only the executor can validate, described by this phrase.
    Other(&'static str),
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
                "access paths such as `@r`, `@c` or `@r,c`, at most {PATHS_MAX}, each of at most {STEPS_MAX} steps"
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
