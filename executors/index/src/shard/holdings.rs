//! What a shard tells the host of the documents that it holds. A shard that was closed is not kept, and knows nothing.

use std::sync::{Arc, Weak};

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{AccessPaths, Document, Parameter as _, RequestParameters, ShardSummary, tracing};

use super::Shard;
use super::centroids::position;
use super::state::State;
use crate::columns::Columns;
use crate::embedding::vector;
use crate::storage::{Reader, StorageError};

/// Where the documents of the request do not matter.
const WHOLE_ENDPOINTS: [&str; 7] = ["/filter", "/list", "/count", "/status", "/clear", "/backup", "/restore"];

/// What a shard knows of its documents.
pub(crate) struct IndexSummary {
    shard: Weak<Shard>,
    /// The tags that filters may name.
    columns: Columns,
    /// Where only documents that pass the request's filter are answered with.
    filtered: &'static [&'static str],
    /// Which documents of a request are searched for when it does not say; `None` where nothing is found by vectors.
    searched: Option<AccessPaths>,
}

impl IndexSummary {
    /// What an open shard knows.
    pub(crate) fn new(
        shard: &super::OpenShard,
        columns: &Columns,
        filtered: &'static [&'static str],
        searched: Option<AccessPaths>,
    ) -> Self {
        Self { shard: Arc::downgrade(shard.shard()), columns: columns.clone(), filtered, searched }
    }

    /// Nobody waits here for who wants to put another generation in the place of this one.
    fn ask<T>(&self, question: impl FnOnce(&State) -> T) -> Option<T> {
        self.shard.upgrade().map(|shard| question(&shard.state.read_recursive()))
    }

    fn finds(&self, found: impl FnOnce(&Reader) -> Result<bool, StorageError>) -> bool {
        let found = self.ask(|state| found(&state.view().table));
        // Whoever reads or writes it there says what is wrong.
        found.is_none_or(|found| found.unwrap_or(true))
    }
}

impl ShardSummary for IndexSummary {
    fn document_count(&self) -> u64 {
        self.ask(|state| state.view().counters.documents).unwrap_or(0)
    }

    fn may_contain(&self, id: &str) -> bool {
        self.finds(|table| table.holds_id(id))
    }

    fn may_contain_chunks(&self, document: &Document) -> bool {
        self.finds(|table| holds_chunks(table, document))
    }

    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let says = |name| parameters.get(name).is_some_and(|value| !value.is_null());
        WHOLE_ENDPOINTS.contains(&endpoint) || (endpoint == "/delete" && (says("ids") || says("filter")))
    }

    fn prepare(&self) {
        let filled = self.shard.upgrade().map(|shard| shard.fill_catalogue());
        if let Some(Err(error)) = filled {
            tracing::warn!(%error, "the shard is asked by every filter: its tags cannot be read");
        }
    }

    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter> {
        let is_filtered = self.filtered.contains(&endpoint);
        is_filtered.then(|| self.columns.filter(parameters).ok().flatten()).flatten()
    }

    fn may_match(&self, filter: &Filter) -> bool {
        let matches = |state: &State| {
            let catalogue = state.catalogue.read();
            catalogue.as_ref().is_none_or(|catalogue| catalogue.may_match(filter))
        };
        self.ask(matches).unwrap_or(true)
    }

    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>> {
        self.searched.as_ref()?;
        let metric = self.shard.upgrade()?.metric();
        let dimension = self.ask(|state| state.manifest.dimension)?;
        vector(document, metric, dimension).ok().map(|vector| position(&vector, metric))
    }

    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        let paths = match parameters.get("access_paths").filter(|value| !value.is_null()) {
            Some(said) => AccessPaths::parse(said)?,
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
        let centroids = |state: &State| {
            let centroids = state.centroids.read();
            centroids.as_ref().map(|known| Arc::clone(&known.centroids))
        };
        self.ask(centroids).flatten().unwrap_or_default()
    }
}

/// Whether a document has children, or one of its chunks is stored or has some.
fn holds_chunks(table: &Reader, document: &Document) -> Result<bool, StorageError> {
    if table.holds_children(&document.id)? {
        return Ok(true);
    }
    for chunk in &document.chunks {
        if table.holds_id(&chunk.id)? || holds_chunks(table, chunk)? {
            return Ok(true);
        }
    }
    Ok(false)
}
