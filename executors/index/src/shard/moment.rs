//! What a shard holds at one moment: of several look-ups that belong together none sees less or more than another.

use std::sync::Arc;

use flowrun_sdk::Document;
use parking_lot::RwLockReadGuard;

use super::Shard;
use super::state::State;
use super::view::View;
use crate::storage::StorageError;

/// What is stored at one moment. While it is held no other generation takes the place of this one.
pub(crate) struct ReadTransaction<'a> {
    state: RwLockReadGuard<'a, State>,
    view: Arc<View>,
}

impl Shard {
    /// What is stored now.
    pub(crate) fn read_transaction(&self) -> ReadTransaction<'_> {
        let state = self.read();
        let view = state.view();
        ReadTransaction { state, view }
    }
}

impl ReadTransaction<'_> {
    /// The stored document of that id.
    pub(crate) fn document(&self, id: &str) -> Result<Option<Document>, StorageError> {
        self.view.table.document(id)
    }

    /// The vector of a stored document, as it was stored.
    pub(crate) fn vector(&self, id: &str) -> Result<Option<Vec<f32>>, StorageError> {
        let Some((vectors, row)) = self.state.vectors.as_ref().zip(self.view.table.row_of_id(id)?) else {
            return Ok(None);
        };
        vectors.file.vector(row).map(Some)
    }
}
