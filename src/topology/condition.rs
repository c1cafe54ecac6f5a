//! The `when:` of a pod: a document filter that can be compared and serialised.

use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// A parsed filter and the JSON from which it was parsed. Serialised as the JSON.
#[derive(Clone, Debug)]
pub struct DocumentCondition {
    source: Value,
    filter: Arc<Filter>,
}

impl DocumentCondition {
    /// `filter` is the result of parsing `source`.
    pub(super) fn new(source: Value, filter: Filter) -> Self {
        Self { source, filter: Arc::new(filter) }
    }

    /// The filter; documents that match it enter the pod.
    pub fn filter(&self) -> &Arc<Filter> {
        &self.filter
    }
}

impl PartialEq for DocumentCondition {
    fn eq(&self, other: &Self) -> bool {
        self.filter == other.filter
    }
}

impl Serialize for DocumentCondition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DocumentCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = Value::deserialize(deserializer)?;
        let filter = Filter::parse(&source, &|_, _| Ok(())).map_err(de::Error::custom)?;
        Ok(Self::new(source, filter))
    }
}
