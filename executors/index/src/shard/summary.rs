//! The summary of a shard, by which the host (flowrun's runtime) routes requests to shards. A closed shard has none.

use std::sync::{Arc, Weak};

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{AccessPaths, Document, Parameter as _, RequestParameters, ShardSummary, tracing};

use super::open_shard::OpenShard;
use super::shard_core::Shard;
use super::state::{GenerationState, position};
use crate::columns::Columns;
use crate::document_filter::DocumentFilter;
use crate::embedding::vector;
use crate::storage::{StorageError, TableReader};

/// Endpoint at which documents may have filters of their own.
const SEARCH_ENDPOINT: &str = "/search";

/// Requests that concern documents beyond those that they contain: the endpoint, and parameters, one of them set.
pub(crate) const WHOLE_SHARD_REQUESTS: [(&str, &[&str]); 8] = [
    ("/filter", &[]),
    ("/list", &[]),
    ("/count", &[]),
    ("/status", &[]),
    ("/clear", &[]),
    ("/backup", &[]),
    ("/restore", &[]),
    ("/delete", &["ids", "filter"]),
];

/// Summary of a shard.
pub(crate) struct IndexSummary {
    shard: Weak<Shard>,
    /// Tags that filters may use.
    columns: Columns,
    /// Endpoints that return only documents matching the filter of the request.
    filtered: &'static [&'static str],
    /// Tag of a searched document with a filter of its own.
    filter_tag: Option<String>,
    /// Access paths of the queries if the request does not state them; `None` without vector search.
    searched: Option<AccessPaths>,
}

impl IndexSummary {
    /// The summary of an open shard.
    pub(crate) fn new(
        shard: &OpenShard,
        columns: &Columns,
        filtered: &'static [&'static str],
        searched: Option<AccessPaths>,
    ) -> Self {
        let shard = Arc::downgrade(shard.shard());
        Self { shard, columns: columns.clone(), filtered, filter_tag: None, searched }
    }

    /// Sets the tag of a searched document that has a filter of its own.
    pub(crate) fn with_filter_tag(self, filter_tag: Option<String>) -> Self {
        Self { filter_tag, ..self }
    }

    /// Reads the current generation, without waiting for threads that wait to replace it.
    fn read<T>(&self, read: impl FnOnce(&GenerationState) -> T) -> Option<T> {
        self.shard.upgrade().map(|shard| read(&shard.state_recursive()))
    }

    /// Evaluates a condition on the documents; true for an error, which the request that then reads the shard reports.
    fn is_true_or_unknown(&self, condition: impl FnOnce(&TableReader) -> Result<bool, StorageError>) -> bool {
        let found = self.read(|state| condition(&state.view().table));
        found.is_none_or(|found| found.unwrap_or(true))
    }
}

impl ShardSummary for IndexSummary {
    fn document_count(&self) -> u64 {
        self.read(|state| state.view().counters.documents).unwrap_or(0)
    }

    fn may_contain(&self, id: &str) -> bool {
        self.is_true_or_unknown(|table| table.contains_id(id))
    }

    fn may_contain_chunks(&self, document: &Document) -> bool {
        self.is_true_or_unknown(|table| has_stored_chunks(table, document))
    }

    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let is_set = |name: &&str| parameters.get(*name).is_some_and(|value| !value.is_null());
        WHOLE_SHARD_REQUESTS
            .iter()
            .any(|(whole, names)| *whole == endpoint && (names.is_empty() || names.iter().any(is_set)))
    }

    fn prepare(&self) {
        let filled = self.shard.upgrade().map(|shard| shard.writer().maintain_tag_stats());
        if let Some(Err(error)) = filled {
            tracing::warn!(%error, "tag statistics could not be collected; every filtered request queries this shard");
        }
    }

    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter> {
        let is_filtered = self.filtered.contains(&endpoint);
        is_filtered.then(|| self.columns.filter(parameters).ok().flatten()).flatten()
    }

    fn document_filters(&self, endpoint: &str, document: &Document) -> Vec<Filter> {
        let Some(tag) = self.filter_tag.as_ref().filter(|_| endpoint == SEARCH_ENDPOINT) else {
            return Vec::new();
        };
        let filter = DocumentFilter::of_document(document, tag, &self.columns);
        filter.ok().flatten().map(DocumentFilter::into_filters).unwrap_or_default()
    }

    fn may_match(&self, filter: &Filter) -> bool {
        let matches = |state: &GenerationState| {
            let tag_stats = state.tag_stats.read();
            tag_stats.as_ref().is_none_or(|tag_stats| tag_stats.may_match(filter))
        };
        self.read(matches).unwrap_or(true)
    }

    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>> {
        self.searched.as_ref()?;
        let metric = self.shard.upgrade()?.metric();
        let dimension = self.read(|state| state.manifest.dimension)?;
        vector(document, metric, dimension).ok().map(|vector| position(&vector, metric))
    }

    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        // As in `Call::access_paths`.
        let stated = |name: &str| parameters.get(name).filter(|value| !value.is_null());
        let paths = match stated("access_paths").or_else(|| stated("traversal_paths")) {
            Some(stated) => AccessPaths::parse(stated)?,
            None => self.searched.clone()?,
        };
        let mut positions = Vec::new();
        let visited = paths.visit(document, &mut |document| {
            positions.push(self.placement_vector(document).ok_or(())?);
            Ok::<_, ()>(())
        });
        visited.is_ok().then_some(positions)
    }

    fn centroids(&self) -> Arc<[Vec<f32>]> {
        let centroids = |state: &GenerationState| {
            let centroids = state.centroids.read();
            centroids.as_ref().map(|known| Arc::clone(&known.centroids))
        };
        self.read(centroids).flatten().unwrap_or_default()
    }
}

/// Returns whether a document has stored children, or one of its chunks is stored or has stored children.
fn has_stored_chunks(table: &TableReader, document: &Document) -> Result<bool, StorageError> {
    if table.has_children(&document.id)? {
        return Ok(true);
    }
    for chunk in &document.chunks {
        if table.contains_id(&chunk.id)? || has_stored_chunks(table, chunk)? {
            return Ok(true);
        }
    }
    Ok(false)
}
