//! Leaving dead rows behind while the shard is searched and written.
//!
//! What lives is copied into a generation of its own, and an index is built for it, as it was at one moment. Who writes
//! meanwhile notes which documents that concerned; these are brought up to date in the copy, the last of them while
//! writers wait. Then the copy becomes current, as an empty generation does when everything is removed. Until then
//! nothing refers to it: if the process ends, the next opening removes it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flowrun_sdk::tracing;
use parking_lot::Mutex;

use super::Shard;
use super::state::State;
use super::vectors::Vectors;
use super::view::View;
use crate::storage::{
    Change, Fsync, Plan, Put, StorageError, StorageKind, copy_live_documents, is_worth_reclaiming,
};

/// So many documents are brought up to date in one change.
const RENEWED_AT_ONCE: usize = 1000;

/// What the shard knows of a compaction.
#[derive(Debug, Default)]
pub(super) struct Compacting {
    /// While one is under way: the documents that were written or removed since its moment.
    touched: Mutex<Option<BTreeSet<String>>>,
    /// The vectors of the generation that is being made, for whom nothing needs to be finished when the shard is closed.
    next: Mutex<Option<Arc<Vectors>>>,
    /// How many are in a hurry: the shard is closed, or something else is to take the place of what it holds.
    hurried: AtomicUsize,
    /// It failed; another attempt would too, until the shard is opened again.
    has_failed: AtomicBool,
}

impl Compacting {
    /// What a plan touches, if a compaction is under way; nobody begins one while somebody writes.
    pub(super) fn touched_by(&self, plan: &Plan) -> Vec<String> {
        let touched = self.touched.lock().as_ref().map(|_| plan.touched_ids().map(str::to_owned).collect());
        touched.unwrap_or_default()
    }

    /// Takes note of it, once it can be seen: who takes the note looks at these documents, and never again.
    pub(super) fn note(&self, ids: Vec<String>) {
        if let Some(touched) = self.touched.lock().as_mut() {
            touched.extend(ids);
        }
    }

    /// Whoever makes a generation stops soon, and nobody begins as long as this is held.
    pub(super) fn hurry(&self) -> Hurry<'_> {
        self.hurried.fetch_add(1, Ordering::AcqRel);
        if let Some(next) = &*self.next.lock() {
            next.is_over.store(true, Ordering::Release);
        }
        Hurry(self)
    }

    fn is_given_up(&self) -> bool {
        self.hurried.load(Ordering::Acquire) > 0
    }

    /// What was touched since the last time, if a compaction is under way.
    fn take_touched(&self) -> BTreeSet<String> {
        self.touched.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Somebody for whom no generation is to be made.
pub(super) struct Hurry<'a>(&'a Compacting);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A compaction under way; whatever ends it, nothing is noted for it any more.
struct UnderWay<'a>(&'a Compacting);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.0.touched.lock() = None;
        *self.0.next.lock() = None;
    }
}

impl Shard {
    /// Whether most rows are dead, and leaving them behind can be tried.
    pub(super) fn is_worth_compacting(&self) -> bool {
        if self.settings.read_only
            || self.settings.schema.kind != StorageKind::Vectors
            || self.compacting.has_failed.load(Ordering::Acquire)
        {
            return false;
        }
        let state = self.state.read();
        let (view, dimension) = (state.view(), state.manifest.dimension);
        dimension.is_some_and(|dimension| is_worth_reclaiming(view.counters.rows, view.dead.len(), dimension))
    }

    /// Leaves the dead rows behind. Where that does not succeed, for want of room or because something cannot be read,
    /// everything stays as it is.
    pub(super) fn compact(&self) {
        // Backups and what takes the place of everything wait, or a generation would be made twice.
        let _alone = self.backups.lock();
        if self.is_closing() || self.compacting.is_given_up() {
            return;
        }
        let compacted = {
            let _under_way = UnderWay(&self.compacting);
            self.begin_compaction().and_then(|next| self.finish_compaction(next))
        };
        let failure = match compacted {
            Ok(true) => {
                return tracing::info!(directory = %self.layout.directory().display(), "dead rows were left behind");
            }
            Ok(false) => None,
            Err(error) => Some(error),
        };
        // Where it is not known which generation is current, none is removed.
        let cleaned = match self.unbroken_generation() {
            Ok(generation) => self.layout.remove_other_generations(generation),
            Err(_) => Ok(()),
        };
        if let Some(error) = failure.or(cleaned.err()) {
            tracing::warn!(%error, "dead rows could not be left behind");
            self.compacting.has_failed.store(true, Ordering::Release);
        }
    }

    /// A generation of what lives at this moment, with its index. From this moment on what is touched is noted.
    fn begin_compaction(&self) -> Result<State, StorageError> {
        let (view, vectors, manifest) = {
            let _writing = self.writing.lock();
            let state = self.state.read();
            state.check_unbroken(&self.layout)?;
            *self.compacting.touched.lock() = Some(BTreeSet::new());
            (state.view(), state.vectors.clone(), state.manifest.clone())
        };
        let generation = manifest.generation + 1;
        self.layout.remove_other_generations(manifest.generation)?;
        if let Some(vectors) = vectors {
            drop(copy_live_documents(&self.layout, &view.table, &vectors.file, generation)?);
        }
        drop(view);
        let next = self.catalogued(State::open(
            &self.layout,
            manifest.with_generation(generation),
            &self.settings,
        )?)?;
        if let Some(vectors) = &next.vectors {
            *self.compacting.next.lock() = Some(Arc::clone(vectors));
            if !self.compacting.is_given_up() {
                vectors.bring()?;
                vectors.work(true)?;
            }
        }
        Ok(next)
    }

    /// Brings a generation up to date and makes it the current one; says whether it did, or somebody else is in a hurry.
    fn finish_compaction(&self, next: State) -> Result<bool, StorageError> {
        loop {
            if self.compacting.is_given_up() {
                return Ok(false);
            }
            let touched = self.compacting.take_touched();
            let is_short = touched.len() < RENEWED_AT_ONCE;
            // Nobody waits for a long list; the last, short one is brought up to date while nobody adds to it.
            let writing = is_short.then(|| self.writing.lock());
            let touched = if is_short { &touched | &self.compacting.take_touched() } else { touched };
            let view = self.state.read().view();
            let (mut removed, mut stored) = (Vec::new(), Vec::new());
            for id in touched {
                let of_its_kind = if view.table.holds_id(&id)? { &mut stored } else { &mut removed };
                of_its_kind.push(id);
            }
            // What is removed takes its chunks with it, and some of these may be stored again.
            for ids in removed.chunks(RENEWED_AT_ONCE).chain(stored.chunks(RENEWED_AT_ONCE)) {
                self.renew(&next, &view, ids)?;
            }
            if writing.is_some() {
                drop(view);
                return self.adopt(next);
            }
        }
    }

    /// Makes a generation that is up to date the current one; says whether it did. Nobody writes meanwhile.
    fn adopt(&self, next: State) -> Result<bool, StorageError> {
        // What is not known to be on disk must not come to be acknowledged by a generation that knows of no failure.
        self.unbroken_generation()?;
        // Somebody may have begun to ask for what tags are on the whole since the generation was begun.
        let is_catalogued = next.catalogue.read().is_some();
        let next = if is_catalogued { next } else { self.catalogued(next)? };
        next.make_earlier_durable()?;
        // Whoever is in a hurry before this is waited for no longer, and whoever is later means the new generation.
        *self.compacting.next.lock() = None;
        if self.compacting.is_given_up() {
            return Ok(false);
        }
        self.switch(next).map(|()| true)
    }

    /// Makes of these documents in `next` what they are in `view`.
    fn renew(&self, next: &State, view: &View, ids: &[String]) -> Result<(), StorageError> {
        let mut change = Change::default();
        let current = self.state.read().vectors.clone();
        for id in ids {
            let Some((entry, document)) = view.table.whole(id)? else {
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
