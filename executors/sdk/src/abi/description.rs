//! What a library offers, as the host reads it.

use serde::{Deserialize, Serialize};

/// What a library offers.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Description {
    /// The version of the SDK that it was made with, or what it was made with instead.
    pub sdk: String,
    /// Its own name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub library: String,
    /// Its own version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its executors.
    pub executors: Vec<DescribedExecutor>,
}

/// An executor of a library.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct DescribedExecutor {
    /// The name that a flow writes.
    pub name: String,
    /// What it does, in a sentence.
    #[serde(default)]
    pub summary: String,
    /// Other names for the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether it keeps what it stores in its workspace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stores: bool,
    /// What it can be told.
    #[serde(default)]
    pub parameters: Vec<DescribedParameter>,
}

/// Something that an executor can be told.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct DescribedParameter {
    /// The key under `with:`.
    pub name: String,
    /// What values it takes.
    #[serde(flatten)]
    pub form: DescribedKind,
    /// Whether a value must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The value used when the key is absent: JSON, or words for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default: String,
    /// What it does.
    #[serde(default)]
    pub doc: String,
}

/// What values a parameter takes.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DescribedKind {
    /// True or false.
    Boolean,
    /// An integer between two bounds, both included.
    Integer {
        /// The smallest.
        #[serde(rename = "least", default = "min")]
        min: i64,
        /// The largest.
        #[serde(rename = "most", default = "max")]
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
    /// Documents of a tree.
    AccessPaths,
    /// One of a few words.
    Choice {
        /// The words.
        words: Vec<String>,
    },
    /// Null, or something.
    Optional {
        /// What.
        of: Box<Self>,
    },
    /// Any number of something.
    List {
        /// What.
        of: Box<Self>,
    },
    /// So many of something.
    Array {
        /// What.
        of: Box<Self>,
        /// How many.
        length: usize,
    },
    /// A mapping of anything.
    Mapping,
    /// Anything.
    Any,
    /// What the executor alone can tell.
    Other {
        /// In words.
        #[serde(default)]
        meant: String,
    },
}

const fn min() -> i64 {
    i64::MIN
}

const fn max() -> u64 {
    u64::MAX
}
