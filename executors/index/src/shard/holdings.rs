//! What a shard tells the host of the documents that it holds. A shard that was closed is not kept, and knows nothing.

use std::sync::{Arc, Weak};

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{Document, Holdings, RequestParameters, tracing};

use super::Shard;
use super::centroids::position;
use crate::columns::Columns;
use crate::embedding::vector;
use crate::storage::{Reader, StorageError};

/// What a shard knows of its documents.
pub(crate) struct ShardHoldings {
    shard: Weak<Shard>,
    /// The tags that filters may name.
    columns: Columns,
}

impl ShardHoldings {
    /// What an open shard knows.
    pub(crate) fn new(shard: &super::OpenShard, columns: &Columns) -> Self {
        Self { shard: Arc::downgrade(shard.shard()), columns: columns.clone() }
    }

    fn ask<T>(&self, question: impl FnOnce(&Shard) -> T) -> Option<T> {
        self.shard.upgrade().map(|shard| question(&shard))
    }
}

impl Holdings for ShardHoldings {
    fn documents(&self) -> u64 {
        self.ask(|shard| shard.state.read().view().counters.documents).unwrap_or(0)
    }

    fn may_hold(&self, document: &Document) -> bool {
        let held = self.ask(|shard| holds(&shard.state.read().view().table, document));
        // Whoever reads or writes it there says what is wrong.
        held.is_none_or(|held| held.unwrap_or(true))
    }

    fn prepare(&self) {
        if let Some(Err(error)) = self.ask(Shard::fill_catalogue) {
            tracing::warn!(%error, "the shard is asked by every filter: its tags cannot be read");
        }
    }

    fn filter(&self, parameters: &RequestParameters) -> Option<Filter> {
        self.columns.filter(parameters).ok().flatten()
    }

    fn may_match(&self, filter: &Filter) -> bool {
        let matches = |shard: &Shard| {
            let state = shard.state.read();
            let catalogue = state.catalogue.read();
            catalogue.as_ref().is_none_or(|catalogue| catalogue.may_match(filter))
        };
        self.ask(matches).unwrap_or(true)
    }

    fn position(&self, document: &Document) -> Option<Vec<f32>> {
        let compared = |shard: &Shard| (shard.metric(), shard.dimension());
        let (metric, dimension) = self.ask(compared)?;
        vector(document, metric, dimension).ok().map(|vector| position(&vector, metric))
    }

    fn centroids(&self) -> Arc<[Vec<f32>]> {
        let centroids = |shard: &Shard| {
            let state = shard.state.read();
            let centroids = state.centroids.read();
            centroids.as_ref().map(|known| Arc::clone(&known.centroids))
        };
        self.ask(centroids).flatten().unwrap_or_default()
    }
}

/// Whether a document is stored, or one of its chunks, whoever they were stored by.
fn holds(table: &Reader, document: &Document) -> Result<bool, StorageError> {
    if table.holds_any_of(&document.id)? {
        return Ok(true);
    }
    for chunk in &document.chunks {
        if holds(table, chunk)? {
            return Ok(true);
        }
    }
    Ok(false)
}
