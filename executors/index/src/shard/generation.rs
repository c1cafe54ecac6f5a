//! Opening the documents of the current generation; if most of its rows are dead, of one that takes its place.

use std::path::Path;

use flowrun_sdk::tracing;

use super::{RowSet, Settings};
use crate::storage::{
    Counters, Layout, Manifest, StorageError, Table, VectorFile, is_worth_reclaiming, write_living,
};

/// The current generation.
pub(super) struct Generation {
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    pub(super) counters: Counters,
    pub(super) dead: RowSet,
}

impl Generation {
    /// Opens the generation that the manifest names, or one that takes its place; then the manifest on disk names that.
    pub(super) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let path = layout.documents(manifest.generation);
        let were_made = manifest.has_documents || layout.vectors(manifest.generation).exists();
        if were_made && is_missing_or_empty(&path) {
            return Err(StorageError::damaged(&path, "it is missing"));
        }
        let opened = Self::read(manifest.with_documents(), Table::open(&path)?)?;
        let Some(dimension) = opened.manifest.dimension else { return Ok(opened) };
        if settings.read_only || !is_worth_reclaiming(opened.counters.rows, opened.dead.len(), dimension) {
            return Ok(opened);
        }
        opened.reclaim(layout, dimension)
    }

    fn read(manifest: Manifest, table: Table) -> Result<Self, StorageError> {
        let counters = table.counters()?;
        let mut dead = RowSet::default();
        dead.extend(table.dead_rows()?);
        Ok(Self { manifest, table, counters, dead })
    }

    /// Leaves the dead rows behind. Where that does not succeed, for want of room or because something cannot be read,
    /// the generation stays as it is.
    fn reclaim(self, layout: &Layout, dimension: usize) -> Result<Self, StorageError> {
        let current = self.manifest.generation;
        let next = self.manifest.with_generation(current + 1);
        let vectors = VectorFile::open_to_read(
            &layout.vectors(current),
            dimension,
            self.manifest.elements(),
            self.counters.rows,
        );
        let written =
            vectors.and_then(|vectors| write_living(layout, &self.table, &vectors, next.generation));
        let directory = layout.directory().display();
        match written {
            Ok(table) => {
                // If this fails, which generation is current is for the next opening to find out.
                next.write(layout)?;
                tracing::info!(%directory, rows = self.dead.len(), "left dead rows behind");
                drop(self);
                layout.remove_other_generations(next.generation)?;
                Self::read(next, table)
            }
            Err(error) => {
                tracing::warn!(%directory, %error, "dead rows cannot be left behind");
                layout.remove_other_generations(current)?;
                Ok(self)
            }
        }
    }
}

/// Whether there is nothing in a directory. Opened, it would be taken for a new one.
fn is_missing_or_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}
