//! Description of a library, as the host reads it from the note.

use serde::{Deserialize, Serialize};

/// Description of a library.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Description {
    /// Version of the SDK that the library was built with, or the name of another tool.
    pub sdk: String,
    /// Name of the library.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub library: String,
    /// Version of the library.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Executors of the library.
    pub executors: Vec<DescribedExecutor>,
}

/// Description of an executor.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct DescribedExecutor {
    /// Name that a flow writes after `uses:`.
    pub name: String,
    /// Description in one sentence.
    #[serde(default)]
    pub summary: String,
    /// Other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `true` if it stores data in its workspace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stores: bool,
    /// Parameters under `with:`.
    #[serde(default)]
    pub parameters: Vec<DescribedParameter>,
}

/// Description of a parameter.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct DescribedParameter {
    /// Key under `with:`.
    pub name: String,
    /// Accepted values.
    #[serde(flatten)]
    pub kind: DescribedKind,
    /// `true` if the key is required.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Value of an absent key: JSON, or a text for people such as a Rust expression. Empty if the key is required.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default: String,
    /// Documentation.
    #[serde(default)]
    pub doc: String,
}

/// Accepted values of a parameter; the serialized form of [`ParameterKind`](crate::ParameterKind).
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DescribedKind {
    /// A boolean.
    Boolean,
    /// An integer within bounds.
    Integer {
        /// Minimum, inclusive.
        #[serde(rename = "least", default = "min")]
        min: i64,
        /// Maximum, inclusive.
        #[serde(rename = "most", default = "max")]
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
    /// Paths to documents.
    AccessPaths,
    /// One of the listed words.
    Choice {
        /// The words.
        words: Vec<String>,
    },
    /// Null, or a value of another kind.
    Optional {
        /// Kind of the values.
        #[serde(rename = "of")]
        inner: Box<Self>,
    },
    /// A list.
    List {
        /// Kind of the values.
        #[serde(rename = "of")]
        inner: Box<Self>,
    },
    /// A list of fixed length.
    Array {
        /// Kind of the values.
        #[serde(rename = "of")]
        inner: Box<Self>,
        /// Length of the list.
        length: usize,
    },
    /// A mapping with any values.
    Mapping,
    /// Any value.
    Any,
    /// Values that only the executor can validate.
    Other {
        /// Description of the values.
        #[serde(rename = "meant", default)]
        phrase: String,
    },
}

const fn min() -> i64 {
    i64::MIN
}

const fn max() -> u64 {
    u64::MAX
}
