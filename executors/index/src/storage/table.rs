//! The documents of a shard, and the small entries that lead to them and to their vectors.
//!
//! A fjall database of two keyspaces, `documents` and `entries`, see [`super::keys`]. One commit is atomic over both.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use fjall::config::PartitioningPolicy;
use fjall::{Database, JournalRecoveryError, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::beside::{Copy, Progress};
use super::keys::{self, Entry};
use super::layout::sync_directory;
use super::{Fsync, Reader, StorageError};

/// Blocks of documents kept in memory, in bytes. A search reads few documents, and the system caches files too.
const CACHE_BYTES: u64 = 8 << 20;
/// Documents that are not yet in a sorted file, in bytes. A flow of eight shards holds that much eight times.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// The journals of all keyspaces, in bytes: the least that fjall allows.
const JOURNAL_BYTES: u64 = 64 << 20;
/// One thread to sort files in the background: a shard has no more than one writer either.
const BACKGROUND_THREADS: usize = 1;
/// Open files of one shard.
const OPEN_FILES: usize = 64;
/// How often a table is copied that cannot be opened while somebody writes to it.
const BESIDE_ATTEMPTS: usize = 20;
/// And how often at least.
const SURE_ATTEMPTS: usize = 3;

/// How much is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Committed rows of the vector file, dead ones among them.
    pub(crate) rows: u64,
    /// Stored documents.
    pub(crate) documents: u64,
}

/// An open table. What it is asked is answered as things are now, see [`Table::view`] for as they were.
pub(crate) struct Table {
    /// Gone before the files, if they are a copy.
    database: Database,
    now: Reader,
}

impl Deref for Table {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.now
    }
}

impl Table {
    /// Opens the table at `path`, or makes an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        if !path.exists() {
            // Made under another name first: what is there under its own name is whole.
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

    /// Opens the table at `path` as it is at this moment, beside whoever writes to it. Nothing of it is changed; `copies` is a
    /// directory on the same disk for what has to be copied.
    pub(crate) fn open_checkpoint(path: &Path, copies: &Path) -> Result<Self, StorageError> {
        let mut attempts = 0;
        loop {
            let progress = Progress::of(path).ok();
            let copy = Arc::new(Copy::of(path, copies)?);
            attempts += 1;
            match Self::open_files(copy.directory(), path, Some(&copy)) {
                // What was written while it was copied may lack its beginning. Clocks of files are coarse.
                Err(_) if attempts < SURE_ATTEMPTS => {}
                Err(_) if attempts < BESIDE_ATTEMPTS && progress != Progress::of(path).ok() => {}
                opened => return opened,
            }
        }
    }

    fn open_existing(path: &Path) -> Result<Self, StorageError> {
        Self::open_files(path, path, None)
    }

    /// Opens the files in a directory, which are those of the table at `path`.
    pub(super) fn open_files(
        directory: &Path,
        path: &Path,
        copy: Option<&Arc<Copy>>,
    ) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Documents { path: path.to_owned(), source };
        let database = Database::builder(directory)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            // In a copy there is nothing to sort: nobody writes to it.
            .worker_threads_unchecked(if copy.is_some() { 0 } else { BACKGROUND_THREADS })
            .max_cached_files(Some(OPEN_FILES));
        // Some of what a journal cannot be it does not refuse, but panics over.
        let opened = catch_unwind(AssertUnwindSafe(|| database.open()));
        let unreadable = |_| Err(fjall::Error::JournalRecovery(JournalRecoveryError::ChecksumMismatch));
        let database = opened.unwrap_or_else(unreadable).map_err(failed)?;
        // A look-up must not read the filter and the index of a whole file, which is megabytes each time: they are divided
        // into blocks like what they lead to.
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .index_block_partitioning_policy(PartitioningPolicy::all(true))
                .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        };
        let entries = database.keyspace("entries", options).map_err(failed)?;
        // Who asks for a document knows that it is there.
        let documents =
            database.keyspace("documents", || options().expect_point_read_hits(true)).map_err(failed)?;
        Ok(Self { database, now: Reader::new(entries, documents, path, copy.cloned()) })
    }

    /// What is stored at this moment; what is written later does not change it.
    pub(crate) fn view(&self) -> Reader {
        self.now.as_of(self.database.snapshot())
    }

    /// Copies every document into a table of its own, which is then on disk; for documents without vectors.
    pub(crate) fn copy_without_vectors(&self, path: &Path) -> Result<Self, StorageError> {
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
        copy.sync()?;
        Ok(copy)
    }

    /// Takes note that so many of the first rows are on disk. It is found after this process ends, and may be lost when the
    /// power is.
    pub(crate) fn note_synced(&self, rows: u64) -> Result<(), StorageError> {
        let mut writer = self.writer(Fsync::Never);
        writer.note_synced(rows);
        writer.write()
    }

    /// Makes durable what was left to the operating system.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.database.persist(PersistMode::SyncAll).map_err(|source| self.failed(source))
    }

    /// Starts a change.
    pub(super) fn writer(&self, fsync: Fsync) -> Writer<'_> {
        let durability = match fsync {
            Fsync::Always => PersistMode::SyncAll,
            // Without it a batch stays in the memory of this process, and is lost with it.
            Fsync::Interval | Fsync::Never => PersistMode::Buffer,
        };
        Writer { table: self, batch: self.database.batch().durability(Some(durability)) }
    }
}

/// A change on its way into a table: all of it or nothing.
pub(super) struct Writer<'a> {
    table: &'a Table,
    batch: OwnedWriteBatch,
}

impl Writer<'_> {
    /// Stores a document under its id, in the place of `earlier`. A key is written once in a batch at most: which of
    /// two writes would win is not defined.
    pub(super) fn put(&mut self, id: &str, document: Vec<u8>, entry: &Entry, earlier: Option<&Entry>) {
        let keeps_row = earlier.is_some_and(|earlier| earlier.row == entry.row);
        if let Some(earlier) = earlier {
            if !keeps_row {
                self.bury(id, earlier);
            }
            if earlier.parent_id != entry.parent_id {
                self.orphan(id, earlier);
            }
        }
        let entries = &self.table.entries;
        self.batch.insert(&self.table.documents, keys::document_key(id, entry.row), document);
        self.batch.insert(entries, keys::id_key(id), entry.encode());
        if let (Some(row), false) = (entry.row, keeps_row) {
            self.batch.insert(entries, keys::row_key(row), id.as_bytes());
        }
        if !entry.parent_id.is_empty() {
            self.batch.insert(entries, keys::child_key(&entry.parent_id, id), []);
        }
    }

    /// Removes a document.
    pub(super) fn remove(&mut self, id: &str, entry: &Entry) {
        self.bury(id, entry);
        self.orphan(id, entry);
        self.batch.remove(&self.table.entries, keys::id_key(id));
    }

    /// Removes the document from where it is, and marks the row as dead.
    fn bury(&mut self, id: &str, entry: &Entry) {
        self.batch.remove(&self.table.documents, keys::document_key(id, entry.row));
        if let Some(row) = entry.row {
            self.batch.remove(&self.table.entries, keys::row_key(row));
            self.batch.insert(&self.table.entries, keys::dead_key(row), []);
        }
    }

    /// Takes the document from its parent.
    fn orphan(&mut self, id: &str, entry: &Entry) {
        if !entry.parent_id.is_empty() {
            self.batch.remove(&self.table.entries, keys::child_key(&entry.parent_id, id));
        }
    }

    /// Takes note that so many of the first rows are on disk.
    pub(super) fn note_synced(&mut self, rows: u64) {
        self.batch.insert(&self.table.entries, keys::SYNCED, rows.to_be_bytes());
    }

    /// Makes it so.
    pub(super) fn commit(mut self, counters: Counters) -> Result<(), StorageError> {
        let value = [counters.rows.to_be_bytes(), counters.documents.to_be_bytes()].concat();
        self.batch.insert(&self.table.entries, keys::COUNTERS, value);
        self.write()
    }

    fn write(self) -> Result<(), StorageError> {
        self.batch.commit().map_err(|source| self.table.failed(source))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({})", self.path().display())
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Document, wire};

    use super::*;

    fn entry(row: u64, parent_id: &str) -> Entry {
        Entry { row: Some(row), parent_id: parent_id.to_owned() }
    }

    fn put(table: &Table, id: &str, entry: &Entry, counters: Counters) {
        let mut writer = table.writer(Fsync::Never);
        writer.put(id, wire::encode(&Document::new(id)), entry, None);
        writer.commit(counters).unwrap();
    }

    #[test]
    fn ids_that_cannot_be_keys_are_simply_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        for id in ["", &"x".repeat(keys::ID_BYTES_MAX + 1), &"x".repeat(100_000)] {
            assert!(table.document(id).unwrap().is_none() && table.entry(id).unwrap().is_none());
            assert!(table.children(id).unwrap().is_empty());
        }
    }

    #[test]
    fn the_longest_ids_are_stored_under_the_longest_parents() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        let [id, parent_id] = ["é", "p"].map(|text| text.repeat(keys::ID_BYTES_MAX / text.len()));
        put(&table, &id, &entry(0, &parent_id), Counters { rows: 1, documents: 1 });
        assert_eq!(table.children(&parent_id).unwrap(), [id.as_str()]);
        assert_eq!(table.id_of_row(0).unwrap(), id);
        assert_eq!(table.document(&id).unwrap(), Some(Document::new(id)));
    }

    #[test]
    fn malformed_entries_are_named_and_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        table.documents.insert(keys::row_key(3), b"\xff\xff").unwrap();
        table.entries.insert(keys::id_key("a"), b"short").unwrap();
        table.entries.insert(keys::id_key("b"), entry(3, "").encode()).unwrap();
        table.entries.insert(keys::id_key("c"), entry(4, "").encode()).unwrap();
        table.entries.insert(keys::row_key(1), b"\xff").unwrap();
        table.entries.insert(keys::child_key("a", ""), b"").unwrap();
        table.entries.insert([keys::DEAD, b"12"].concat(), b"").unwrap();
        table.entries.insert([keys::LIVING, b"12"].concat(), b"").unwrap();
        table.entries.insert(keys::COUNTERS, b"123").unwrap();
        table.entries.insert(keys::SYNCED, b"123456789").unwrap();
        let refused = [
            (table.document("a").map(|_| ()), "the entry of `a`"),
            (table.document("b").map(|_| ()), "document `b`"),
            (table.document("c").map(|_| ()), "document `c` is missing"),
            (table.document_of_row(3).map(|_| ()), "the document of row 3"),
            (table.document_of_row(4).map(|_| ()), "nobody knows whose vector row 4 is"),
            (table.entry("a").map(|_| ()), "the entry of `a`"),
            (table.ids_after("").try_for_each(|named| named.map(drop)), "the entry of `a`"),
            (table.id_of_row(1).map(|_| ()), "whose vector row 1 is"),
            (table.id_of_row(2).map(|_| ()), "whose vector row 2 is"),
            (table.tombstones().map(|_| ()), "a dead row"),
            (table.live_documents().try_for_each(|living| living.map(drop)), "the entry of a row"),
            (table.counters().map(|_| ()), "the counters"),
            (table.synced_rows().map(|_| ()), "how many rows are on disk"),
        ];
        for (result, expected) in refused {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("t is damaged") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn of_documents_that_were_lost_these_alone_are_missed() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        for (row, id) in (0..).zip(["a", "b", "c", "d"]) {
            put(&table, id, &entry(row, ""), Counters { rows: row + 1, documents: row + 1 });
        }
        table.documents.remove(keys::row_key(1)).unwrap();
        table.entries.remove(keys::row_key(2)).unwrap();
        let found: Vec<String> = table
            .live_documents()
            .map(|living| living.map_or_else(|error| error.to_string(), |living| living.id))
            .collect();
        assert!(found[1].contains("document `b` is missing"), "{found:?}");
        assert_eq!((found[0].as_str(), found[2].as_str(), found.len()), ("a", "d", 3));
    }

    #[test]
    fn a_change_that_is_not_committed_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        let table = Table::open(&path).unwrap();
        put(&table, "a", &entry(0, "p"), Counters { rows: 1, documents: 1 });
        let mut writer = table.writer(Fsync::Always);
        writer.remove("a", &entry(0, "p"));
        writer.put("b", Vec::new(), &entry(1, "p"), None);
        drop(writer);
        drop(table);
        let table = Table::open(&path).unwrap();
        assert_eq!(
            (table.children("p").unwrap(), table.tombstones().unwrap()),
            (vec!["a".to_owned()], vec![])
        );
        assert_eq!(table.counters().unwrap(), Counters { rows: 1, documents: 1 });
    }

    #[test]
    fn a_view_stays_as_it_was_whatever_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        put(&table, "a", &entry(0, "p"), Counters { rows: 1, documents: 1 });
        let view = table.view();
        let mut writer = table.writer(Fsync::Never);
        writer.remove("a", &entry(0, "p"));
        writer.put("b", wire::encode(&Document::new("b")), &entry(1, "p"), None);
        writer.commit(Counters { rows: 2, documents: 1 }).unwrap();
        assert_eq!((view.id_of_row(0).unwrap().as_str(), view.id_of_row(1).is_err()), ("a", true));
        assert!(view.document("a").unwrap().is_some() && view.document("b").unwrap().is_none());
        assert_eq!((view.children("p").unwrap(), view.tombstones().unwrap()), (vec!["a".to_owned()], vec![]));
        assert_eq!(view.tags().map(|tagged| tagged.unwrap().id).collect::<Vec<_>>(), ["a"]);
        assert_eq!(view.counters().unwrap(), Counters { rows: 1, documents: 1 });
        assert_eq!((table.id_of_row(1).unwrap().as_str(), table.tombstones().unwrap()), ("b", vec![0]));
    }
}
