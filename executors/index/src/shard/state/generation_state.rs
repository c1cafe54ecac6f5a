//! The current generation of a shard: its files, and the part of them that is committed.

use std::sync::Arc;

use flowrun_sdk::tracing;

use super::centroids::Centroids;
use super::expiry::ExpirySchedule;
use super::open_generation::OpenGeneration;
use super::tag_columns::TagColumns;
use super::tag_stats::TagStats;
use super::view::View;
use crate::ann::set_threads;
use crate::shard::lock_order::{LockRank, OrderedMutex, OrderedRwLock};
use crate::shard::row_set::RowSet;
use crate::shard::settings::Settings;
use crate::shard::vectors::VectorIndex;
use crate::storage::{Fsync, Layout, Manifest, Plan, StorageError, StorageKind, Table};

/// The current generation.
#[derive(Debug)]
pub(in crate::shard) struct GenerationState {
    pub(in crate::shard) manifest: Manifest,
    pub(in crate::shard) table: Table,
    /// `None` for a document store, and before the first vector is written.
    pub(in crate::shard) vectors: Option<Arc<VectorIndex>>,
    /// The committed view, replaced as a whole once a write is durable.
    view: OrderedRwLock<Arc<View>>,
    /// Sync status of the files.
    pub(in crate::shard) durability: OrderedMutex<Durability>,
    /// Tag statistics; `None` until the host (flowrun's runtime) requests them. Widened before a new document becomes visible.
    pub(in crate::shard) tag_stats: OrderedRwLock<Option<TagStats>>,
    /// Centroids of the vectors; `None` until the host requests them.
    pub(in crate::shard) centroids: OrderedRwLock<Option<Centroids>>,
    /// Expiry times of the documents, if the shard has an expiry tag and is not read-only.
    pub(in crate::shard) expiry: Option<ExpirySchedule>,
}

/// A failed write or sync.
#[derive(Clone, Debug)]
pub(in crate::shard) struct WriteFailure {
    reason: String,
    /// Disk space was lacking: writes are accepted again when there is some, see `maintenance::write_recovery`.
    is_transient: bool,
}

impl WriteFailure {
    pub(in crate::shard) fn new(error: &StorageError) -> Self {
        Self { reason: error.to_string(), is_transient: error.is_transient() }
    }
}

/// Sync status of the files.
#[derive(Debug, Default)]
pub(in crate::shard) struct Durability {
    /// Reason why no more writes are accepted: after a failed write or sync the contents of the disk are unknown.
    pub(in crate::shard) write_failure: Option<WriteFailure>,
    /// Everything that was stored before this opening has been synced.
    is_earlier_synced: bool,
    /// Writes were acknowledged that are not synced yet.
    pub(in crate::shard) is_unsynced: bool,
}

impl GenerationState {
    /// Opens the generation that the manifest names.
    pub(in crate::shard) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        Self::open_with(layout, manifest, settings, None)
    }

    /// Opens the generation that the manifest names, but reuses vectors that are already open.
    pub(in crate::shard) fn open_with(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
        vectors: Option<Arc<VectorIndex>>,
    ) -> Result<Self, StorageError> {
        set_threads(settings.threads);
        let OpenGeneration { manifest, table, counters, tombstones } =
            OpenGeneration::open(layout, manifest, settings)?;
        let view = View::new(&table, Arc::new(tombstones))?;
        let expires = settings.expires.as_ref().filter(|_| !settings.read_only);
        let expiry = expires.map(|tag| ExpirySchedule::read(tag, &view.table)).transpose()?;
        let vectors = match manifest.dimension {
            _ if vectors.is_some() => vectors,
            Some(dimension) if settings.schema.kind == StorageKind::Vectors => {
                let opened =
                    VectorIndex::open(layout, &manifest, dimension, counters, view.live_rows(), settings)?;
                Some(Arc::new(opened))
            }
            _ => None,
        };
        tracing::debug!(directory = %layout.directory().display(), documents = counters.documents, "opened");
        Ok(Self {
            manifest,
            table,
            vectors,
            view: OrderedRwLock::new(LockRank::View, Arc::new(view)),
            durability: OrderedMutex::new(LockRank::Durability, Durability::default()),
            tag_stats: OrderedRwLock::new(LockRank::TagStats, None),
            centroids: OrderedRwLock::new(LockRank::Centroids, None),
            expiry,
        })
    }

    /// The committed view.
    pub(in crate::shard) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Loads the values of the named tags into memory, unless tags are loaded already. The caller holds the writer lock.
    pub(in crate::shard) fn load_tag_columns(&self, names: &[String]) -> Result<(), StorageError> {
        let view = self.view();
        if view.tag_columns.is_none() {
            let columns = Some(Arc::new(TagColumns::read(names, &view.table)?));
            *self.view.write() = Arc::new(view.with_tag_columns(columns));
        }
        Ok(())
    }

    /// Releases the tags that are in memory. The caller holds the writer lock.
    pub(in crate::shard) fn release_tag_columns(&self) {
        let view = self.view();
        if view.tag_columns.is_some() {
            *self.view.write() = Arc::new(view.with_tag_columns(None));
        }
    }

    /// Collects tag statistics from all documents. The caller holds the writer lock.
    pub(in crate::shard) fn collect_tag_stats(&self) -> Result<(), StorageError> {
        let mut stats = TagStats::default();
        for stored in self.view().table.tags() {
            stats.widen(&stored?.tags);
        }
        *self.tag_stats.write() = Some(stats);
        Ok(())
    }

    /// Computes the centroids, if there are none or the number of rows has doubled since. The caller holds the writer lock.
    pub(in crate::shard) fn update_centroids(&self) -> Result<(), StorageError> {
        let (view, Some(vectors)) = (self.view(), &self.vectors) else { return Ok(()) };
        let is_due =
            self.centroids.read().as_ref().is_none_or(|known| known.are_outgrown(view.counters.rows));
        if is_due {
            let computed = Centroids::compute(vectors, &view)?;
            *self.centroids.write() = Some(computed);
        }
        Ok(())
    }

    /// Syncs, once per opening, writes that an earlier run with another fsync policy left unsynced. Otherwise this run
    /// would acknowledge an identical document, which is not written again, before it is durable.
    pub(in crate::shard) fn sync_earlier_writes(&self) -> Result<(), StorageError> {
        let mut durability = self.durability.lock();
        if !durability.is_earlier_synced {
            // After a failed fsync the kernel may consider the pages clean: a second attempt would prove nothing.
            self.sync_files()
                .inspect_err(|error| durability.write_failure = Some(WriteFailure::new(error)))?;
            durability.is_earlier_synced = true;
        }
        Ok(())
    }

    /// Syncs acknowledged writes that are not synced yet.
    pub(in crate::shard) fn sync(&self) -> Result<(), StorageError> {
        if !std::mem::take(&mut self.durability.lock().is_unsynced) {
            return Ok(());
        }
        self.sync_files().inspect_err(|error| self.reject_writes(error))
    }

    /// Records at an orderly end that all acknowledged writes are synced, unless a write has failed.
    pub(in crate::shard) fn close(&self) -> Result<(), StorageError> {
        if self.durability.lock().write_failure.is_some() { Ok(()) } else { self.table.close() }
    }

    fn sync_files(&self) -> Result<(), StorageError> {
        // Determined first: rows that are written during the sync are not covered by it.
        let rows = self.view().counters.rows;
        if let Some(vectors) = &self.vectors {
            vectors.file.sync()?;
            self.table.note_synced(rows)?;
        }
        self.table.sync()
    }

    /// Rejects all further writes: after a failure the contents of the disk are unknown, and a later write might
    /// contradict them.
    pub(in crate::shard) fn reject_writes(&self, error: &StorageError) {
        self.durability.lock().write_failure = Some(WriteFailure::new(error));
    }

    /// Checks that no earlier write or sync has failed.
    ///
    /// # Errors
    /// [`StorageError::WriteFailed`] after a failed write or sync.
    pub(in crate::shard) fn check_accepts_writes(&self, layout: &Layout) -> Result<(), StorageError> {
        match &self.durability.lock().write_failure {
            None => Ok(()),
            Some(WriteFailure { reason, is_transient }) => {
                let (path, reason) = (layout.directory().to_owned(), reason.clone());
                Err(StorageError::WriteFailed { path, reason, is_transient: *is_transient })
            }
        }
    }

    /// Makes a plan durable and then visible. The caller holds the writer lock.
    pub(in crate::shard) fn apply(&self, mut plan: Plan, fsync: Fsync) -> Result<(), StorageError> {
        self.write_vectors(&plan, fsync)?;
        let before = self.view();
        let has_tag_stats = self.tag_stats.read().is_some();
        let needs_tags = has_tag_stats || before.tag_columns.is_some() || self.expiry.is_some();
        let tags = if needs_tags { plan.tags() } else { Vec::new() };
        if let Some(stats) = self.tag_stats.write().as_mut() {
            tags.iter().for_each(|(_, tags)| stats.widen(tags));
        }
        plan.commit(&self.table, fsync).inspect_err(|error| self.reject_writes(error))?;
        let mut tombstones = Arc::clone(&before.tombstones);
        let mut rows = plan.new_tombstones().peekable();
        if rows.peek().is_some() {
            Arc::make_mut(&mut tombstones).extend(rows);
        }
        // A write that cannot be read back must not be the base of further writes.
        let mut after = View::new(&self.table, tombstones).inspect_err(|error| self.reject_writes(error))?;
        after.tag_columns = before.tag_columns.clone();
        if let Some(expiry) = &self.expiry {
            plan.ids().zip(&tags).for_each(|(id, (_, tags))| expiry.schedule(id, tags));
            plan.removed_ids().for_each(|id| expiry.cancel(id));
        }
        if let Some(columns) = &mut after.tag_columns {
            let columns = Arc::make_mut(columns);
            let rows = tags.into_iter().filter_map(|(row, tags)| Some((row?, tags)));
            rows.for_each(|(row, tags)| columns.set(row, &tags));
        }
        if let Some(vectors) = &self.vectors {
            vectors.commit(after.counters.rows, after.live_rows());
        }
        *self.view.write() = Arc::new(after);
        // Last: a sync covers the rows that are visible when it begins.
        self.durability.lock().is_unsynced |= fsync != Fsync::Always;
        Ok(())
    }

    /// Appends the vectors of a plan to the file, and syncs it if the policy requires that before the commit.
    fn write_vectors(&self, plan: &Plan, fsync: Fsync) -> Result<(), StorageError> {
        let Some(vectors) = self.vectors.as_ref().filter(|_| plan.vectors().next().is_some()) else {
            return Ok(());
        };
        let file = &vectors.file;
        if let Err(error) = file.write(plan.first_row(), plan.vectors()) {
            // Partly written rows must not be taken for the rows that are written next.
            file.truncate(plan.first_row()).inspect_err(|error| self.reject_writes(error))?;
            return Err(error);
        }
        if fsync == Fsync::Always {
            file.sync().inspect_err(|error| self.reject_writes(error))?;
        }
        Ok(())
    }

    /// True if `vectors` are the vectors of this generation.
    pub(in crate::shard) fn has_vectors(&self, vectors: &Arc<VectorIndex>) -> bool {
        self.vectors.as_ref().is_some_and(|own| Arc::ptr_eq(own, vectors))
    }

    /// Creates the vector file when the first vectors are written.
    pub(in crate::shard) fn create_vectors(
        &mut self,
        dimension: usize,
        layout: &Layout,
        settings: &Settings,
    ) -> Result<(), StorageError> {
        if self.vectors.is_some() {
            return Ok(());
        }
        let manifest = self.manifest.with_dimension(dimension);
        let view = View::new(&self.table, Arc::new(RowSet::default()))?;
        let vectors =
            VectorIndex::open(layout, &manifest, dimension, view.counters, view.live_rows(), settings)?;
        manifest.write(layout)?;
        self.manifest = manifest;
        self.vectors = Some(Arc::new(vectors));
        Ok(())
    }

    /// Returns the common dimension of new vectors; `None` without vectors.
    ///
    /// # Errors
    /// When the dimensions differ from each other or from the dimension of the index.
    pub(in crate::shard) fn check_dimensions(
        &self,
        mut dimensions: impl Iterator<Item = usize>,
        settings: &Settings,
    ) -> Result<Option<usize>, StorageError> {
        let Some(first) = dimensions.next() else { return Ok(None) };
        let expected = self.manifest.dimension.unwrap_or(first);
        match std::iter::once(first).chain(dimensions).find(|dimension| *dimension != expected) {
            Some(wrong) => {
                let reason = format!("the vectors have {wrong} dimensions, the index {expected}");
                Err(StorageError::Mismatch { parameter: settings.schema.names.dimension, reason })
            }
            None => Ok(Some(expected)),
        }
    }
}
