//! Online compaction: a generation without tombstones replaces the current one during searches and writes.
//!
//! The live documents of one view are copied into a new generation, and an index is built for it. Writers record the
//! ids that they change meanwhile (see [`CompactionControl`](crate::shard::compaction_control::CompactionControl));
//! these documents are copied again, the last of them while writers wait. Then the new generation becomes the current
//! one. Until then no manifest names it: if the process ends, the next opening removes it.

use std::sync::Arc;

use flowrun_sdk::tracing;

use super::maintenance_lock::Maintenance;
use crate::shard::shard_core::Shard;
use crate::shard::state::{GenerationState, View};
use crate::shard::write::Writer;
use crate::storage::{
    Change, Fsync, Plan, Put, StorageError, StorageKind, copy_live_documents, is_compaction_due,
};

/// Largest number of documents that are copied again in one change.
const RECOPIED_AT_ONCE: usize = 1000;

impl Shard {
    /// Returns whether enough rows have tombstones, and a compaction can be tried.
    pub(in crate::shard) fn is_compaction_due(&self) -> bool {
        if self.settings.read_only
            || self.settings.schema.kind != StorageKind::Vectors
            || self.compaction.has_failed()
        {
            return false;
        }
        let state = self.state();
        let (view, dimension) = (state.view(), state.manifest.dimension);
        dimension
            .is_some_and(|dimension| is_compaction_due(view.counters.rows, view.tombstones.len(), dimension))
    }

    /// Compacts the shard, see [`Maintenance::compact`].
    pub(in crate::shard) fn compact(&self) {
        self.maintenance().compact();
    }
}

impl Maintenance<'_> {
    /// Compacts the shard. If that fails, for lack of disk space or because data cannot be read, the current generation
    /// stays.
    fn compact(&self) {
        if self.shard.is_closing() || self.shard.compaction.is_interrupted() {
            return;
        }
        let compacted = {
            let _running = self.shard.compaction.end_on_drop();
            self.begin_compaction().and_then(|next| self.finish_compaction(next))
        };
        let failure = match compacted {
            Ok(true) => {
                return tracing::info!(directory = %self.shard.layout.directory().display(), "compacted");
            }
            Ok(false) => None,
            Err(error) => Some(error),
        };
        // If it is unknown which generation is current, none is removed.
        let cleaned = match self.shard.replaceable_generation() {
            Ok(generation) => self.shard.layout.remove_other_generations(generation),
            Err(_) => Ok(()),
        };
        if let Some(error) = failure.or(cleaned.err()) {
            tracing::warn!(%error, "compaction failed; tombstones keep using disk space until the shard is reopened");
            self.shard.compaction.fail();
        }
    }

    /// Copies the live documents into a new generation and builds its index. Changed ids are recorded from here on.
    fn begin_compaction(&self) -> Result<GenerationState, StorageError> {
        let (view, vectors, manifest) = {
            let _writer = self.shard.writer();
            let state = self.shard.state();
            self.shard.check_accepts_writes(&state)?;
            self.shard.compaction.begin_recording();
            (state.view(), state.vectors.clone(), state.manifest.clone())
        };
        let generation = manifest.generation + 1;
        self.shard.layout.remove_other_generations(manifest.generation)?;
        if let Some(vectors) = vectors {
            copy_live_documents(&self.shard.layout, &view.table, &vectors.file, generation)?;
        }
        drop(view);
        let next = self.shard.with_tag_stats(GenerationState::open(
            &self.shard.layout,
            manifest.with_generation(generation),
            &self.shard.settings,
        )?)?;
        if let Some(vectors) = &next.vectors {
            self.shard.compaction.set_target(Some(Arc::clone(vectors)));
            if !self.shard.compaction.is_interrupted() {
                vectors.load()?;
                vectors.work(true)?;
            }
        }
        Ok(next)
    }

    /// Copies changed documents and makes the generation the current one; returns false when interrupted.
    fn finish_compaction(&self, next: GenerationState) -> Result<bool, StorageError> {
        loop {
            if self.shard.compaction.is_interrupted() {
                return Ok(false);
            }
            let changed = self.shard.compaction.take_changed();
            let is_short = changed.len() < RECOPIED_AT_ONCE;
            // Writers do not wait while a long list is copied; the last, short one is copied under the writer lock.
            let writer = is_short.then(|| self.shard.writer());
            let changed = if is_short { &changed | &self.shard.compaction.take_changed() } else { changed };
            let view = self.shard.state().view();
            let (mut removed, mut stored) = (Vec::new(), Vec::new());
            for id in changed {
                let ids = if view.table.contains_id(&id)? { &mut stored } else { &mut removed };
                ids.push(id);
            }
            // Removed ids first: a removal includes the chunks, and chunks may have been stored again.
            for ids in removed.chunks(RECOPIED_AT_ONCE).chain(stored.chunks(RECOPIED_AT_ONCE)) {
                self.recopy(&next, &view, ids)?;
            }
            if let Some(writer) = writer {
                drop(view);
                return self.adopt(&writer, next);
            }
        }
    }

    /// Makes an up-to-date generation the current one; returns false when interrupted.
    fn adopt(&self, writer: &Writer<'_>, next: GenerationState) -> Result<bool, StorageError> {
        // Writes of unknown durability must not be acknowledged by a generation without a recorded failure.
        self.shard.replaceable_generation()?;
        // The host may have requested tag statistics since the generation was begun.
        let has_tag_stats = next.tag_stats.read().is_some();
        let next = if has_tag_stats { next } else { self.shard.with_tag_stats(next)? };
        next.sync_earlier_writes()?;
        // An interruption before this point is obeyed; a later one waits and then acts on the new generation.
        self.shard.compaction.set_target(None);
        if self.shard.compaction.is_interrupted() {
            return Ok(false);
        }
        writer.switch_generation(next).map(|()| true)
    }

    /// Copies these documents from `view` to `next`, or removes them there.
    fn recopy(&self, next: &GenerationState, view: &View, ids: &[String]) -> Result<(), StorageError> {
        let mut change = Change::default();
        let current = self.shard.vectors();
        for id in ids {
            let Some((entry, document)) = view.table.entry_and_document(id)? else {
                change.remove(id.clone());
                continue;
            };
            let mut vector = None;
            if let Some((vectors, row)) = current.as_ref().zip(entry.row) {
                vector = Some(vectors.file.vector(row)?);
            }
            change.put(Put { id: id.clone(), parent_id: entry.parent_id, document, vector });
        }
        let plan = Plan::new(&next.table, next.vectors.as_ref().map(|vectors| &vectors.file), change)?;
        if !plan.is_empty() {
            next.apply(plan, Fsync::Never)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
