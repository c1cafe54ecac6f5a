//! The writer of a shard: changes documents, and replaces the current generation.

use std::sync::atomic::Ordering;

use flowrun_sdk::tracing;

use crate::shard::lock_order::OrderedMutexGuard;
use crate::shard::read::ReadTransaction;
use crate::shard::shard_core::Shard;
use crate::shard::state::GenerationState;
use crate::storage::{Change, Fsync, Outcome, Plan, StorageError};

/// Largest number of rows that the index may lack before a writer adds them itself.
const MISSING_ROWS_MAX: u64 = 8192;

/// The right to write: at most one exists per shard.
pub(in crate::shard) struct Writer<'a> {
    shard: &'a Shard,
    _lock: OrderedMutexGuard<'a, ()>,
}

impl Shard {
    /// Waits for the right to write.
    pub(in crate::shard) fn writer(&self) -> Writer<'_> {
        Writer { shard: self, _lock: self.lock_writer() }
    }

    /// Makes a change durable and then visible. The change may depend on the stored documents: no other thread writes
    /// meanwhile.
    pub(in crate::shard) fn write<E: From<StorageError>>(
        &self,
        change: impl FnOnce(&ReadTransaction<'_>) -> Result<Change, E>,
    ) -> Result<Outcome, E> {
        let writer = self.writer();
        let change = change(&self.read_transaction())?;
        let outcome = writer.store(change)?;
        if let Err(error) = writer.update_index() {
            // The write is durable, and searches find it without the index.
            tracing::warn!(%error, "the index could not be updated: new vectors cannot be read back");
        }
        Ok(outcome)
    }

    /// Makes a change durable and visible without updating the index. After the last bulk load,
    /// [`wait_until_indexed`](super::super::OpenShard::wait_until_indexed) builds one index of all vectors.
    ///
    /// # Errors
    /// When the change could not be made durable.
    pub(crate) fn bulk_load(&self, change: Change) -> Result<Outcome, StorageError> {
        self.writer().store(change)
    }
}

impl Writer<'_> {
    /// Makes a change durable and then visible. On a full disk, further changes are rejected until it has space.
    pub(in crate::shard) fn store(&self, change: Change) -> Result<Outcome, StorageError> {
        self.try_store(change).inspect_err(|error| {
            if error.is_storage_full() {
                self.shard.state().reject_writes(error);
            }
        })
    }

    fn try_store(&self, change: Change) -> Result<Outcome, StorageError> {
        let shard = self.shard;
        shard.use_threads();
        let mut state = shard.state();
        shard.check_accepts_writes(&state)?;
        if shard.settings.fsync == Fsync::Always {
            state.sync_earlier_writes()?;
        }
        let file = state.vectors.as_ref().map(|vectors| &vectors.file);
        let plan = Plan::new(&state.table, file, change)?;
        let outcome = plan.outcome;
        let dimension = state.check_dimensions(plan.vectors().map(<[f32]>::len), &shard.settings)?;
        if let Some(dimension) = dimension.filter(|_| state.vectors.is_none()) {
            drop(state);
            shard.state_mut().create_vectors(dimension, &shard.layout, &shard.settings)?;
            state = shard.state();
        }
        if !plan.is_empty() {
            let changed = shard.compaction.ids_changed_by(&plan);
            state.apply(plan, shard.settings.fsync)?;
            shard.compaction.record(changed);
            if shard.maintains_tag_stats.load(Ordering::Acquire)
                && let Err(error) = state.update_centroids()
            {
                // The write is durable; requests are routed by the centroids of earlier vectors.
                tracing::warn!(%error, "centroids could not be updated");
            }
        }
        Ok(outcome)
    }

    /// Adds new rows to the index, unless it is evicted.
    fn update_index(&self) -> Result<(), StorageError> {
        let Some(vectors) = self.shard.vectors() else { return Ok(()) };
        let cache = self.shard.cache.as_ref();
        let pin = cache.map(|cache| cache.pin_if_loaded(self.shard));
        if matches!(pin, Some(None)) {
            return Ok(());
        }
        vectors.update(MISSING_ROWS_MAX)
    }

    /// Loads the tags of the configured columns into memory.
    pub(in crate::shard) fn load_tag_columns(&self) -> Result<(), StorageError> {
        self.shard.state().load_tag_columns(&self.shard.settings.columns)
    }

    /// Collects tag statistics and centroids, and maintains them from now on.
    pub(in crate::shard) fn maintain_tag_stats(&self) -> Result<(), StorageError> {
        let state = self.shard.state();
        self.shard.maintains_tag_stats.store(true, Ordering::Release);
        if state.tag_stats.read().is_none() {
            state.collect_tag_stats()?;
        }
        state.update_centroids()
    }

    /// Makes a state the visible one, after updating the row counts of its vector index; returns the old one like
    /// [`Writer::replace_state`].
    pub(in crate::shard) fn replace_with_committed(&self, next: GenerationState) -> GenerationState {
        if let Some(vectors) = &next.vectors {
            let view = next.view();
            vectors.commit(view.counters.rows, view.live_rows());
        }
        self.replace_state(next)
    }

    /// Makes a complete generation the current one: durably, by its manifest, and then visibly.
    pub(in crate::shard) fn switch_generation(&self, next: GenerationState) -> Result<(), StorageError> {
        let shard = self.shard;
        let written = next.manifest.write(&shard.layout);
        // If it is unknown which generation is current, writes to this one may be lost.
        written.inspect_err(|error| shard.state().reject_writes(error))?;
        let generation = next.manifest.generation;
        drop(self.replace_state(next));
        if let Err(error) = shard.layout.remove_other_generations(generation) {
            // No manifest refers to it; it is removed at the next opening.
            tracing::warn!(%error, "old generation could not be deleted and still uses disk space");
        }
        Ok(())
    }

    /// Replaces the visible state once no thread reads it, and returns the old one.
    pub(in crate::shard) fn replace_state(&self, next: GenerationState) -> GenerationState {
        let mut state = self.shard.state_for_replacement();
        if let Some(old) = state.vectors.as_ref().filter(|old| !next.has_vectors(old)) {
            // A shard that is being closed closes the new generation too.
            let is_closing = old.retire();
            if let Some(new) = next.vectors.as_ref().filter(|_| is_closing) {
                new.retire();
            }
        }
        std::mem::replace(&mut *state, next)
    }
}
