//! Removing all documents from a shard: an empty generation replaces the current one. Backups stay.

use super::maintenance_lock::Maintenance;
use crate::shard::shard_core::Shard;
use crate::shard::state::GenerationState;
use crate::storage::{Manifest, StorageError};

impl Shard {
    /// Removes all documents, durably.
    ///
    /// # Errors
    /// When writes are rejected, or the empty generation cannot be created.
    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        self.urgent_maintenance().clear()
    }
}

impl Maintenance<'_> {
    fn clear(&self) -> Result<(), StorageError> {
        let shard = self.shard;
        let writer = shard.writer();
        let manifest = Manifest::new(&shard.settings.schema, shard.replaceable_generation()? + 1);
        // Files of a failed attempt must not become part of the new generation.
        shard.layout.remove_other_generations(manifest.generation - 1)?;
        // The new generation is complete before its manifest is written, which makes it the current one.
        let empty = GenerationState::open(&shard.layout, manifest, &shard.settings)?;
        writer.switch_generation(shard.with_tag_stats(empty)?)
    }
}
