//! Read transactions: several reads of the same committed contents.

use std::sync::Arc;

use flowrun_sdk::Document;

use crate::shard::lock_order::OrderedReadGuard;
use crate::shard::shard_core::Shard;
use crate::shard::state::{GenerationState, View};
use crate::storage::StorageError;

/// A read transaction: all reads see the contents that were committed when it began. While it exists, no other generation
/// replaces the current one.
pub(crate) struct ReadTransaction<'a> {
    pub(super) shard: &'a Shard,
    /// The current generation, locked against replacement.
    pub(super) state: OrderedReadGuard<'a, GenerationState>,
    /// The contents that all reads see.
    pub(super) view: Arc<View>,
}

impl Shard {
    /// Begins a read transaction.
    pub(crate) fn read_transaction(&self) -> ReadTransaction<'_> {
        self.use_threads();
        let state = self.state();
        let view = state.view();
        ReadTransaction { shard: self, state, view }
    }
}

impl ReadTransaction<'_> {
    /// The stored document of this id; `None` when there is none.
    pub(crate) fn document(&self, id: &str) -> Result<Option<Document>, StorageError> {
        self.view.table.document(id)
    }

    /// The stored vector of a document, rounded to the element type; `None` when the document is not stored or has none.
    pub(crate) fn vector(&self, id: &str) -> Result<Option<Vec<f32>>, StorageError> {
        let Some((vectors, row)) = self.state.vectors.as_ref().zip(self.view.table.row_of_id(id)?) else {
            return Ok(None);
        };
        vectors.file.vector(row).map(Some)
    }

    /// Number of stored documents.
    pub(crate) fn document_count(&self) -> u64 {
        self.view.counters.documents
    }
}
