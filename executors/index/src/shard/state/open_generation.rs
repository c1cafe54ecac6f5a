//! Opening the documents of the current generation.

use std::path::Path;

use crate::shard::row_set::RowSet;
use crate::shard::settings::Settings;
use crate::storage::{
    Counters, Layout, Manifest, StorageError, Table, open_with_journal_recovery, recover_unsynced_rows,
};

/// The opened documents of a generation.
pub(super) struct OpenGeneration {
    /// The manifest, which states that the documents were created.
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    pub(super) counters: Counters,
    /// Rows with tombstones.
    pub(super) tombstones: RowSet,
}

impl OpenGeneration {
    /// Opens the generation that the manifest names; a read-only shard opens a checkpoint of it.
    pub(super) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let read_only = settings.read_only;
        let path = layout.documents(manifest.generation);
        let were_created = manifest.has_documents || layout.vectors(manifest.generation).exists();
        let table = match is_missing_or_empty(&path) {
            true if were_created => return Err(StorageError::damaged(&path, "it is missing")),
            true if read_only => return Err(StorageError::NoIndex(layout.directory().to_owned())),
            _ if read_only => Table::open_checkpoint(&path, &layout.checkpoints())?,
            _ => open_with_journal_recovery(&path, &layout.checkpoints(), settings.fsync)?,
        };
        if !read_only {
            recover_unsynced_rows(&table, layout, &manifest)?;
        }
        let counters = table.counters()?;
        let mut tombstones = RowSet::default();
        let rows = table.tombstones()?;
        // Memory is allocated by row number, so a damaged number must not get through.
        if let Some(row) = rows.iter().find(|row| **row >= counters.rows) {
            let reason = format_args!("row {row} has a tombstone, but only {} rows exist", counters.rows);
            return Err(StorageError::damaged(&path, reason));
        }
        tombstones.extend(rows);
        Ok(Self { manifest: manifest.with_documents(), table, counters, tombstones })
    }
}

/// Returns whether a directory is missing or empty. The store would initialise it as a new database.
fn is_missing_or_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}
