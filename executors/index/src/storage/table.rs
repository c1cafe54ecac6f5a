//! The table of a shard: its documents, and the index entries by which documents and vectors are found.
//!
//! A fjall database with two keyspaces, `documents` and `entries`, see [`super::keys`]. One commit is atomic over
//! both.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::config::PartitioningPolicy;
use fjall::{Database, JournalRecoveryError, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use flowrun_sdk::tracing;

use super::acknowledged::{MarkWriter, read_mark};
use super::checkpoint::Checkpoint;
use super::close_record::{CloseRecord, OrderlyEnd};
use super::counters::Counters;
use super::error::StorageError;
use super::fsync::Fsync;
use super::journal_check::{check_changes, check_journals};
use super::keys::{self, Entry};
use super::layout::sync_directory;
use super::table_fingerprint::TableFingerprint;
use super::table_reader::TableReader;

/// Cache of document blocks, in bytes. A search reads few documents, and the system caches files too.
const CACHE_BYTES: u64 = 8 << 20;
/// Size limit of a memtable, in bytes. Each shard has its own memtables.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Size limit of the journals of all keyspaces, in bytes: the minimum that fjall allows.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Threads for flushes and compactions. One suffices, because a shard has only one writer.
const BACKGROUND_THREADS: usize = 1;
/// Largest number of open files per shard.
const OPEN_FILES: usize = 64;
/// Largest number of checkpoints that are tried while another process writes to the table.
const CHECKPOINT_ATTEMPTS_MAX: usize = 20;
/// Smallest number of checkpoints that are tried before an error is returned.
const CHECKPOINT_ATTEMPTS_MIN: usize = 3;

/// An open table. Reads see the latest writes; [`Table::view`] is a snapshot.
pub(crate) struct Table {
    /// Dropped before the files of a checkpoint.
    database: Database,
    latest: TableReader,
    /// Number of the last committed change.
    committed: AtomicU64,
    /// Number of the last change that is known to be synced.
    synced: AtomicU64,
    /// Writer of the acknowledgement mark; `None` for a checkpoint.
    mark: Option<MarkWriter>,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
    /// Dropped after the database, whose threads change the journals.
    end: OrderlyEnd,
}

impl Deref for Table {
    type Target = TableReader;

    fn deref(&self) -> &TableReader {
        &self.latest
    }
}

impl Table {
    /// Opens the table at `path`, or creates an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        if !path.exists() {
            // Created under a temporary name: a table under its final name is complete.
            let unfinished = path.with_extension("new");
            if unfinished.exists() {
                std::fs::remove_dir_all(&unfinished).map_err(StorageError::io("remove", &unfinished))?;
            }
            let table = Self::open_existing(&unfinished)?;
            table.note_synced(0)?;
            table.sync()?;
            drop(table);
            std::fs::rename(&unfinished, path).map_err(StorageError::io("replace", path))?;
            sync_directory(path)?;
        }
        Self::open_existing(path)
    }

    /// Opens a checkpoint of the table at `path`, see [`super::checkpoint`]. The table is not changed; `checkpoints`
    /// is a directory on the same disk.
    pub(crate) fn open_checkpoint(path: &Path, checkpoints: &Path) -> Result<Self, StorageError> {
        let mut attempts = 0;
        loop {
            let fingerprint = TableFingerprint::read(path).ok();
            // Read before the copy, which then has at least these changes. Damage of these files is reported by `verify`.
            let acknowledged = read_mark(path).ok().flatten();
            let closed = CloseRecord::read(path).ok().flatten();
            let checkpoint = Arc::new(Checkpoint::create(path, checkpoints)?);
            attempts += 1;
            match Self::open_checked(&checkpoint, path, acknowledged, closed) {
                // The checkpoint may lack the beginning of a write made meanwhile; file times are coarse.
                Err(_) if attempts < CHECKPOINT_ATTEMPTS_MIN => {}
                Err(_)
                    if attempts < CHECKPOINT_ATTEMPTS_MAX
                        && fingerprint != TableFingerprint::read(path).ok() => {}
                opened => return opened,
            }
        }
    }

    /// Opens a checkpoint, unless its journals are damaged or acknowledged changes are missing.
    fn open_checked(
        checkpoint: &Arc<Checkpoint>,
        path: &Path,
        acknowledged: Option<u64>,
        closed: Option<CloseRecord>,
    ) -> Result<Self, StorageError> {
        match closed {
            Some(closed) => closed.check(checkpoint.directory(), path)?,
            None => check_journals(checkpoint.directory(), path)?,
        }
        let table = Self::open_files(checkpoint.directory(), path, Some(checkpoint))?;
        check_changes(path, table.changes()?, acknowledged)?;
        Ok(table)
    }

    fn open_existing(path: &Path) -> Result<Self, StorageError> {
        Self::open_files(path, path, None)
    }

    /// Opens the files in `directory`, which belong to the table at `path`.
    pub(super) fn open_files(
        directory: &Path,
        path: &Path,
        checkpoint: Option<&Arc<Checkpoint>>,
    ) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Documents { path: path.to_owned(), source };
        let database = Database::builder(directory)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            // A checkpoint is not written: it needs no flushes or compactions.
            .worker_threads_unchecked(if checkpoint.is_some() { 0 } else { BACKGROUND_THREADS })
            .max_cached_files(Some(OPEN_FILES));
        // fjall rejects most damaged journals, but panics over some.
        let opened = catch_unwind(AssertUnwindSafe(|| database.open()));
        let unreadable = |_| Err(fjall::Error::JournalRecovery(JournalRecoveryError::ChecksumMismatch));
        let database = opened.unwrap_or_else(unreadable).map_err(failed)?;
        // Partitioned, because a look-up must not read the filter and the index of a whole SST, which are megabytes.
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .index_block_partitioning_policy(PartitioningPolicy::all(true))
                .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        };
        let entries = database.keyspace("entries", options).map_err(failed)?;
        // Documents are read only by entries that exist.
        let documents =
            database.keyspace("documents", || options().expect_point_read_hits(true)).map_err(failed)?;
        let latest = TableReader::new(entries, documents, path, checkpoint.cloned());
        let committed = latest.changes()?;
        let mark = checkpoint.is_none().then(|| MarkWriter::new(path));
        let end = OrderlyEnd::new(path);
        Ok(Self {
            database,
            latest,
            committed: committed.into(),
            synced: 0.into(),
            mark,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
            end,
        })
    }

    /// A snapshot of the current contents.
    pub(crate) fn view(&self) -> TableReader {
        self.latest.at_snapshot(self.database.snapshot())
    }

    /// Copies a table whose documents have no vectors to `path`. The copy is synced and closed.
    pub(crate) fn copy_without_vectors(&self, path: &Path) -> Result<(), StorageError> {
        const DOCUMENTS_PER_COMMIT: u64 = 4096;
        let copy = Self::open(path)?;
        let mut counters = Counters::default();
        let mut writer = copy.writer(Fsync::Never);
        for named in self.ids_after("") {
            let (id, entry) = named?;
            writer.put(&id, self.stored(&id, &entry)?.to_vec(), &entry, None);
            counters.documents += 1;
            if counters.documents.is_multiple_of(DOCUMENTS_PER_COMMIT) {
                std::mem::replace(&mut writer, copy.writer(Fsync::Never)).commit(counters)?;
            }
        }
        writer.commit(counters)?;
        copy.close()
    }

    /// Records that the first `rows` rows of the vector file are synced. The record survives the process, but not always a power
    /// failure.
    pub(crate) fn note_synced(&self, rows: u64) -> Result<(), StorageError> {
        let mut writer = self.writer(Fsync::Never);
        writer.note_synced(rows);
        writer.commit_batch()
    }

    /// Syncs all writes, and records that in the acknowledgement mark.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        // Determined first: changes that are committed during the sync are not covered by it.
        let committed = self.committed.load(Ordering::Acquire);
        self.database.persist(PersistMode::SyncAll).map_err(|source| self.failed(source))?;
        self.synced.fetch_max(committed, Ordering::AcqRel);
        self.mark_synced()
    }

    /// Syncs all writes and the acknowledgement mark, at the end of an orderly use. Nothing may be written afterwards: once the
    /// table is dropped, its journals are recorded as complete. Has no effect on a checkpoint.
    pub(crate) fn close(&self) -> Result<(), StorageError> {
        let Some(mark) = &self.mark else { return Ok(()) };
        self.sync()?;
        mark.sync()?;
        self.end.set_closed();
        Ok(())
    }

    /// Syncs all writes and sets the acknowledgement mark to the present number of changes, which may be lower than the old
    /// mark.
    pub(super) fn reset_mark(&self) -> Result<(), StorageError> {
        self.sync()
    }

    /// Records the synced changes in the acknowledgement mark.
    fn mark_synced(&self) -> Result<(), StorageError> {
        self.mark.as_ref().map_or(Ok(()), |mark| mark.write(self.synced.load(Ordering::Acquire)))
    }

    /// Starts an atomic change.
    pub(super) fn writer(&self, fsync: Fsync) -> Writer<'_> {
        let durability = match fsync {
            Fsync::Always => PersistMode::SyncAll,
            // Otherwise a batch stays in the memory of this process.
            Fsync::Interval | Fsync::Never => PersistMode::Buffer,
        };
        Writer { table: self, batch: self.database.batch().durability(Some(durability)), fsync }
    }
}

/// An atomic change of a table.
pub(super) struct Writer<'a> {
    table: &'a Table,
    batch: OwnedWriteBatch,
    fsync: Fsync,
}

impl Writer<'_> {
    /// Stores a document, replacing `earlier`. A key is written at most once per batch: fjall does not define which
    /// of several writes wins.
    pub(super) fn put(&mut self, id: &str, document: Vec<u8>, entry: &Entry, earlier: Option<&Entry>) {
        let reuses_row = earlier.is_some_and(|earlier| earlier.row == entry.row);
        if let Some(earlier) = earlier {
            if !reuses_row {
                self.add_tombstone(id, earlier);
            }
            if earlier.parent_id != entry.parent_id {
                self.remove_from_parent(id, earlier);
            }
        }
        let entries = &self.table.entries;
        self.batch.insert(&self.table.documents, keys::document_key(id, entry.row), document);
        self.batch.insert(entries, keys::id_key(id), entry.encode());
        if let (Some(row), false) = (entry.row, reuses_row) {
            self.batch.insert(entries, keys::row_key(row), id.as_bytes());
        }
        if !entry.parent_id.is_empty() {
            self.batch.insert(entries, keys::child_key(&entry.parent_id, id), []);
        }
    }

    /// Removes a document.
    pub(super) fn remove(&mut self, id: &str, entry: &Entry) {
        self.add_tombstone(id, entry);
        self.remove_from_parent(id, entry);
        self.batch.remove(&self.table.entries, keys::id_key(id));
    }

    /// Removes the stored bytes of a document, and marks its row with a tombstone.
    fn add_tombstone(&mut self, id: &str, entry: &Entry) {
        self.batch.remove(&self.table.documents, keys::document_key(id, entry.row));
        if let Some(row) = entry.row {
            self.batch.remove(&self.table.entries, keys::row_key(row));
            self.batch.insert(&self.table.entries, keys::tombstone_key(row), []);
        }
    }

    /// Removes a document from the chunks of its parent.
    fn remove_from_parent(&mut self, id: &str, entry: &Entry) {
        if !entry.parent_id.is_empty() {
            self.batch.remove(&self.table.entries, keys::child_key(&entry.parent_id, id));
        }
    }

    /// Records that the first `rows` rows of the vector file are synced.
    pub(super) fn note_synced(&mut self, rows: u64) {
        self.batch.insert(&self.table.entries, keys::SYNCED, rows.to_be_bytes());
    }

    /// Commits the change with new counters. Only one thread at a time may call this.
    pub(super) fn commit(mut self, counters: Counters) -> Result<(), StorageError> {
        let value = [counters.rows.to_be_bytes(), counters.documents.to_be_bytes()].concat();
        self.batch.insert(&self.table.entries, keys::COUNTERS, value);
        let table = self.table;
        let number = table.committed.load(Ordering::Acquire) + 1;
        self.batch.insert(&table.entries, keys::CHANGES, number.to_be_bytes());
        let is_synced = self.fsync == Fsync::Always;
        self.commit_batch()?;
        table.committed.store(number, Ordering::Release);
        if is_synced {
            table.synced.fetch_max(number, Ordering::AcqRel);
            if let Err(error) = table.mark_synced() {
                // The change is durable; the next one is marked together with it.
                tracing::warn!(%error, "the acknowledgement mark was not updated: a loss of the last change would not be noticed");
            }
        }
        Ok(())
    }

    fn commit_batch(self) -> Result<(), StorageError> {
        #[cfg(test)]
        self.table.faults.before_committing().map_err(|error| self.table.failed(error.into()))?;
        self.batch.commit().map_err(|source| self.table.failed(source))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({})", self.path().display())
    }
}

#[cfg(test)]
mod tests;
