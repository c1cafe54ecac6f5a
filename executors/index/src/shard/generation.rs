//! Opening the documents of the current generation.

use std::path::Path;

use super::{RowSet, Settings};
use crate::storage::{
    Counters, Layout, Manifest, StorageError, Table, open_with_journal_recovery, recover_unsynced_rows,
};

/// The current generation.
pub(super) struct Generation {
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    pub(super) counters: Counters,
    pub(super) dead: RowSet,
}

impl Generation {
    /// Opens the generation that the manifest names; what is only read, as it is at this moment.
    pub(super) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let read_only = settings.read_only;
        let path = layout.documents(manifest.generation);
        let were_made = manifest.has_documents || layout.vectors(manifest.generation).exists();
        let table = match is_missing_or_empty(&path) {
            true if were_made => return Err(StorageError::damaged(&path, "it is missing")),
            true if read_only => return Err(StorageError::NoIndex(layout.directory().to_owned())),
            _ if read_only => Table::open_checkpoint(&path, &layout.checkpoints())?,
            _ => open_with_journal_recovery(&path, &layout.checkpoints(), settings.fsync)?,
        };
        if !read_only {
            recover_unsynced_rows(&table, layout, &manifest)?;
        }
        let counters = table.counters()?;
        let mut dead = RowSet::default();
        let rows = table.tombstones()?;
        // What takes memory for a row must be one.
        if let Some(row) = rows.iter().find(|row| **row >= counters.rows) {
            let reason = format_args!("row {row} is dead of {} rows", counters.rows);
            return Err(StorageError::damaged(&path, reason));
        }
        dead.extend(rows);
        Ok(Self { manifest: manifest.with_documents(), table, counters, dead })
    }
}

/// Whether there is nothing in a directory. Opened, it would be taken for a new one.
fn is_missing_or_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}
