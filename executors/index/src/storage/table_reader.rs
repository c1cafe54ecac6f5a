//! Reads the document table of a shard ([`super::table`]): its latest contents, or a snapshot.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use fjall::{Guard, Iter, Keyspace, Readable as _, Snapshot, UserKey, UserValue};
use flowrun_sdk::filter::{Filter, StoredDocument};
use flowrun_sdk::{Document, Tags, protobuf};

use super::checkpoint::Checkpoint;
use super::counters::Counters;
use super::error::StorageError;
use super::keys::{self, Entry};

/// A stored document with a vector.
pub(crate) struct LiveDocument {
    /// Row of its vector.
    pub(crate) row: u64,
    pub(crate) id: String,
    /// Protobuf bytes.
    pub(super) document: UserValue,
}

/// Tags of a stored document.
pub(crate) struct DocumentTags {
    pub(crate) id: String,
    /// Row of its vector, if it has one.
    pub(crate) row: Option<u64>,
    pub(crate) tags: Tags,
    /// The whole document, if that was requested.
    whole: Option<Box<Document>>,
}

impl DocumentTags {
    /// The document as a filter sees it.
    pub(crate) fn fields(&self) -> StoredDocument<'_> {
        StoredDocument { id: &self.id, tags: &self.tags, document: self.whole.as_deref() }
    }
}

/// Reads a table. Clones read the same contents.
#[derive(Clone)]
pub(crate) struct TableReader {
    /// Small values: index entries, tombstones, counters; see [`keys`].
    pub(super) entries: Keyspace,
    /// Protobuf bytes of the documents, by row or by id.
    pub(super) documents: Keyspace,
    /// `None` to read the latest contents.
    snapshot: Option<Snapshot>,
    path: Arc<Path>,
    /// The files of a checkpoint, removed with the last reader.
    _checkpoint: Option<Arc<Checkpoint>>,
}

impl TableReader {
    pub(super) fn new(
        entries: Keyspace,
        documents: Keyspace,
        path: &Path,
        checkpoint: Option<Arc<Checkpoint>>,
    ) -> Self {
        Self { entries, documents, snapshot: None, path: path.into(), _checkpoint: checkpoint }
    }

    /// This reader restricted to a snapshot.
    pub(super) fn at_snapshot(&self, snapshot: Snapshot) -> Self {
        Self { snapshot: Some(snapshot), ..self.clone() }
    }

    /// An error of fjall, with the path of the table.
    pub(super) fn failed(&self, source: fjall::Error) -> StorageError {
        StorageError::Documents { path: self.path.to_path_buf(), source }
    }

    /// Damage of the table, with its path.
    pub(super) fn damaged(&self, reason: impl std::fmt::Display) -> StorageError {
        StorageError::damaged(&self.path, reason)
    }

    /// Directory of the table.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error for a document that must exist but does not.
    pub(super) fn missing(&self, id: &str) -> StorageError {
        self.damaged(format_args!("document `{id}` is missing"))
    }

    fn malformed(&self, id: &str) -> StorageError {
        self.damaged(format_args!("the entry of `{id}` is malformed"))
    }

    fn prefix(&self, prefix: &[u8]) -> Iter {
        self.prefix_of(&self.entries, prefix)
    }

    fn prefix_of(&self, keyspace: &Keyspace, prefix: &[u8]) -> Iter {
        match &self.snapshot {
            Some(snapshot) => snapshot.prefix(keyspace, prefix),
            None => keyspace.prefix(prefix),
        }
    }

    fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<UserValue>, StorageError> {
        let value = match &self.snapshot {
            Some(snapshot) => snapshot.get(keyspace, key),
            None => keyspace.get(key),
        };
        value.map_err(|source| self.failed(source))
    }

    /// The stored document of this id; `None` when there is none.
    pub(crate) fn document(&self, id: &str) -> Result<Option<Document>, StorageError> {
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let document = protobuf::decode(&self.stored(id, &entry)?);
        document.map(Some).map_err(|error| self.damaged(format_args!("document `{id}`: {error}")))
    }

    /// The document of a row.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when no document has this row, as for a row with a tombstone.
    pub(crate) fn document_of_row(&self, row: u64) -> Result<Document, StorageError> {
        let bytes =
            self.get(&self.documents, &keys::row_key(row))?.ok_or_else(|| self.unreferenced_row(row))?;
        protobuf::decode(&bytes)
            .map_err(|error| self.damaged(format_args!("the document of row {row}: {error}")))
    }

    fn unreferenced_row(&self, row: u64) -> StorageError {
        self.damaged(format_args!("no document refers to row {row} of the vector file"))
    }

    /// Returns whether the stored document of this id has exactly these bytes.
    pub(super) fn equals_stored(
        &self,
        id: &str,
        entry: &Entry,
        document: &[u8],
    ) -> Result<bool, StorageError> {
        Ok(*self.stored(id, entry)? == *document)
    }

    /// Index entry of a document: the row of its vector, and its parent; `None` when it is not stored.
    pub(super) fn entry(&self, id: &str) -> Result<Option<Entry>, StorageError> {
        if !is_storable(id) {
            return Ok(None);
        }
        let Some(value) = self.get(&self.entries, &keys::id_key(id))? else { return Ok(None) };
        Entry::decode(&value).map(Some).ok_or_else(|| self.malformed(id))
    }

    /// Id of the document of a row.
    ///
    /// # Errors
    /// Those of [`TableReader::document_of_row`].
    pub(crate) fn id_of_row(&self, row: u64) -> Result<String, StorageError> {
        let id = self.get(&self.entries, &keys::row_key(row))?;
        let id = id.and_then(|id| String::from_utf8(id.to_vec()).ok());
        id.ok_or_else(|| self.unreferenced_row(row))
    }

    /// Id of the document of a row; `None` for a row with a tombstone.
    pub(super) fn live_id_of_row(&self, row: u64) -> Result<Option<String>, StorageError> {
        let is_live = self.get(&self.entries, &keys::row_key(row))?.is_some();
        is_live.then(|| self.id_of_row(row)).transpose()
    }

    /// Ids of the stored chunks of a document.
    pub(super) fn children(&self, parent_id: &str) -> Result<Vec<String>, StorageError> {
        if !is_storable(parent_id) {
            return Ok(Vec::new());
        }
        let prefix = keys::children_prefix(parent_id);
        let child = |key: &[u8]| {
            let id = key.strip_prefix(&prefix[..]).and_then(|id| String::from_utf8(id.to_vec()).ok());
            id.ok_or_else(|| self.damaged("the id of a chunk is malformed"))
        };
        let keys = self.prefix(&prefix).map(|guard| guard.key().map_err(|error| self.failed(error)));
        keys.map(|key| child(&key?)).collect()
    }

    /// Returns whether a document of this id is stored.
    pub(crate) fn contains_id(&self, id: &str) -> Result<bool, StorageError> {
        Ok(is_storable(id) && self.get(&self.entries, &keys::id_key(id))?.is_some())
    }

    /// Returns whether a chunk of this document is stored.
    pub(crate) fn has_children(&self, id: &str) -> Result<bool, StorageError> {
        if !is_storable(id) {
            return Ok(false);
        }
        let chunk = self.prefix(&keys::children_prefix(id)).next();
        chunk.map_or(Ok(false), |guard| guard.key().map(|_| true).map_err(|error| self.failed(error)))
    }

    /// Rows with tombstones.
    pub(crate) fn tombstones(&self) -> Result<Vec<u64>, StorageError> {
        let keys = self.prefix(keys::TOMBSTONE).map(|guard| guard.key().map_err(|error| self.failed(error)));
        let row = |key: UserValue| {
            keys::row_of_tombstone_key(&key).ok_or_else(|| self.damaged("a tombstone is malformed"))
        };
        keys.map(|key| row(key?)).collect()
    }

    /// Documents with vectors, in row order.
    pub(crate) fn live_documents(&self) -> impl Iterator<Item = Result<LiveDocument, StorageError>> {
        let read = |guard: Guard| guard.into_inner().map_err(|error| self.failed(error));
        let mut documents = self.prefix_of(&self.documents, keys::ROW).map(read).peekable();
        // Both keyspaces are in row order and have the same rows, unless data was lost.
        self.prefix(keys::ROW).map(move |guard| {
            let (key, id) = read(guard)?;
            let entry = keys::row_of_key(&key).zip(String::from_utf8(id.to_vec()).ok());
            let (row, id) = entry.ok_or_else(|| self.damaged("the entry of a row is malformed"))?;
            let is_not_after = |found: &Result<(UserKey, UserValue), _>| {
                found.as_ref().map_or(true, |(found_key, _)| *found_key <= key)
            };
            while let Some(found) = documents.next_if(is_not_after) {
                let (found_key, document) = found?;
                if found_key == key {
                    return Ok(LiveDocument { row, id, document });
                }
            }
            Err(self.missing(&id))
        })
    }

    /// Documents without vectors, in id order, with their bytes.
    fn documents_without_rows(&self) -> impl Iterator<Item = Result<(String, UserValue), StorageError>> {
        self.prefix_of(&self.documents, keys::ID).map(|guard| {
            let (key, document) = guard.into_inner().map_err(|error| self.failed(error))?;
            Ok((keys::id_of_key(&key).ok_or_else(|| self.damaged("an id is malformed"))?, document))
        })
    }

    /// Tags of all documents, in storage order.
    pub(crate) fn tags(&self) -> impl Iterator<Item = Result<DocumentTags, StorageError>> {
        self.decoded(false)
    }

    /// All documents, in storage order, decoded as far as `filter` needs it: the tags, or everything.
    pub(crate) fn documents_for(
        &self,
        filter: &Filter,
    ) -> impl Iterator<Item = Result<DocumentTags, StorageError>> + use<'_> {
        self.decoded(filter.reads_fields())
    }

    fn decoded(&self, is_whole: bool) -> impl Iterator<Item = Result<DocumentTags, StorageError>> {
        let live = self.live_documents().map(move |live| {
            let LiveDocument { row, id, document } = live?;
            self.tags_in(id, Some(row), &document, is_whole)
        });
        live.chain(self.documents_without_rows().map(move |document| {
            let (id, document) = document?;
            self.tags_in(id, None, &document, is_whole)
        }))
    }

    /// The documents with ids after `id`, in id order, decoded as far as `filter` needs it: the tags, or everything.
    pub(crate) fn documents_after(
        &self,
        id: &str,
        filter: &Filter,
    ) -> impl Iterator<Item = Result<DocumentTags, StorageError>> + use<'_> {
        let is_whole = filter.reads_fields();
        self.ids_after(id).map(move |named| {
            let (id, entry) = named?;
            let document = self.stored(&id, &entry)?;
            self.tags_in(id, entry.row, &document, is_whole)
        })
    }

    /// Decodes the tags of a document, or all of it.
    fn tags_in(
        &self,
        id: String,
        row: Option<u64>,
        document: &[u8],
        is_whole: bool,
    ) -> Result<DocumentTags, StorageError> {
        let damaged = |error| self.damaged(format_args!("document `{id}`: {error}"));
        if is_whole {
            let whole = protobuf::decode(document).map_err(damaged)?;
            return Ok(DocumentTags { tags: (*whole.tags).clone(), id, row, whole: Some(Box::new(whole)) });
        }
        let tags = protobuf::decode_tags(document).map_err(damaged)?;
        Ok(DocumentTags { id, row, tags, whole: None })
    }

    /// Index entries of the documents with larger ids, in id order.
    pub(super) fn ids_after(
        &self,
        id: &str,
    ) -> impl Iterator<Item = Result<(String, Entry), StorageError>> + use<'_> {
        // No document has an empty id.
        let after = (Bound::Excluded(keys::id_key(id)), Bound::Excluded(keys::ID_END.to_vec()));
        let entries = match &self.snapshot {
            Some(snapshot) => snapshot.range::<Vec<u8>, _>(&self.entries, after),
            None => self.entries.range::<Vec<u8>, _>(after),
        };
        entries.map(|guard| {
            let (key, entry) = guard.into_inner().map_err(|error| self.failed(error))?;
            let id = keys::id_of_key(&key).ok_or_else(|| self.damaged("an id is malformed"))?;
            let entry = Entry::decode(&entry).ok_or_else(|| self.malformed(&id))?;
            Ok((id, entry))
        })
    }

    /// Row of the vector of a document; `None` when it is not stored, or has no vector.
    pub(crate) fn row_of_id(&self, id: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.entry(id)?.and_then(|entry| entry.row))
    }

    /// Index entry of a document, and its protobuf bytes; `None` when it is not stored.
    pub(crate) fn entry_and_document(&self, id: &str) -> Result<Option<(Entry, Vec<u8>)>, StorageError> {
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let document = self.stored(id, &entry)?.to_vec();
        Ok(Some((entry, document)))
    }

    /// Protobuf bytes of a document that must exist.
    pub(super) fn stored(&self, id: &str, entry: &Entry) -> Result<UserValue, StorageError> {
        let document = self.get(&self.documents, &keys::document_key(id, entry.row))?;
        document.ok_or_else(|| self.missing(id))
    }

    /// Number of changes since the table was created; 0 for a table of an earlier version.
    pub(crate) fn changes(&self) -> Result<u64, StorageError> {
        let Some(value) = self.get(&self.entries, keys::CHANGES)? else { return Ok(0) };
        let changes = value.as_array().copied().map(u64::from_be_bytes);
        changes.ok_or_else(|| self.damaged("the number of changes is malformed"))
    }

    /// Number of leading rows that are known to be synced; `None` where that was not recorded.
    pub(crate) fn synced_rows(&self) -> Result<Option<u64>, StorageError> {
        let Some(value) = self.get(&self.entries, keys::SYNCED)? else { return Ok(None) };
        let rows = value.as_array().copied().map(u64::from_be_bytes);
        rows.map(Some).ok_or_else(|| self.damaged("the number of synced rows is malformed"))
    }

    /// Numbers of committed rows and of documents.
    pub(crate) fn counters(&self) -> Result<Counters, StorageError> {
        let Some(value) = self.get(&self.entries, keys::COUNTERS)? else { return Ok(Counters::default()) };
        let ([rows, documents], []) = value.as_chunks() else {
            return Err(self.damaged("the counters are malformed"));
        };
        Ok(Counters { rows: u64::from_be_bytes(*rows), documents: u64::from_be_bytes(*documents) })
    }
}

/// Returns whether a document may be stored under this id. Keys are bounded, and requests may name anything.
fn is_storable(id: &str) -> bool {
    (1..=keys::ID_BYTES_MAX).contains(&id.len())
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableReader({})", self.path.display())
    }
}
