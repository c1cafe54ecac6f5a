//! Opening the documents of the current generation.

use std::path::Path;

use super::RowSet;
use crate::storage::{Counters, Layout, Manifest, StorageError, Table};

/// The current generation.
pub(super) struct Generation {
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    pub(super) counters: Counters,
    pub(super) dead: RowSet,
}

impl Generation {
    /// Opens the generation that the manifest names.
    pub(super) fn open(layout: &Layout, manifest: Manifest) -> Result<Self, StorageError> {
        let path = layout.documents(manifest.generation);
        let were_made = manifest.has_documents || layout.vectors(manifest.generation).exists();
        if were_made && is_missing_or_empty(&path) {
            return Err(StorageError::damaged(&path, "it is missing"));
        }
        let table = Table::open(&path)?;
        let counters = table.counters()?;
        let mut dead = RowSet::default();
        dead.extend(table.dead_rows()?);
        Ok(Self { manifest: manifest.with_documents(), table, counters, dead })
    }
}

/// Whether there is nothing in a directory. Opened, it would be taken for a new one.
fn is_missing_or_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}
