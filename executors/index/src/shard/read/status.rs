//! The result of the endpoint `/status`.

use flowrun_sdk::Value;
use serde_json::json;

use super::transaction::ReadTransaction;
use crate::storage::StorageKind;

impl ReadTransaction<'_> {
    /// Sizes and settings of the shard, by the name of the result.
    pub(crate) fn status(&self) -> Vec<(&'static str, Value)> {
        let (state, view, settings) = (&self.state, &self.view, &self.shard.settings);
        let mut status = vec![("documents", json!(view.counters.documents))];
        if settings.schema.kind == StorageKind::Documents {
            return status;
        }
        let vectors = state.vectors.as_ref();
        status.push(("vectors", json!(self.vector_count())));
        status.push(("deleted", json!(vectors.map_or(0, |_| view.tombstones.len()))));
        status.push(("dimension", json!(state.manifest.dimension)));
        status.push(("metric", json!(settings.schema.metric.name())));
        let index = vectors.map(|vectors| vectors.served.read().index.index_type().text().to_owned());
        status.push(("index", json!(index.unwrap_or_else(|| settings.index.text().to_owned()))));
        status.push(("trained", json!(vectors.is_some_and(|vectors| vectors.is_trained()))));
        if self.shard.cache.is_some() {
            status.push(("resident", json!(vectors.is_some_and(|vectors| !vectors.is_evicted()))));
        }
        status
    }

    /// Number of stored vectors.
    pub(crate) fn vector_count(&self) -> u64 {
        self.state.vectors.as_ref().map_or(0, |_| self.view.live_rows())
    }
}
