//! Reading a table: as it is, or as it was when a view of it was taken.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use fjall::{Guard, Iter, Keyspace, Readable as _, Snapshot, UserKey, UserValue};
use flowrun_sdk::{Document, Tags, wire};

use super::beside::Copy;
use super::keys::{self, Entry};
use super::{Counters, StorageError};

/// A stored document that has a vector.
pub(crate) struct LiveDocument {
    /// That of its vector.
    pub(crate) row: u64,
    pub(crate) id: String,
    /// Its protobuf bytes.
    pub(super) document: UserValue,
}

/// The tags of a stored document.
pub(crate) struct DocumentTags {
    pub(crate) id: String,
    /// The row of its vector, if it has one.
    pub(crate) row: Option<u64>,
    pub(crate) tags: Tags,
}

/// What is stored, to be read. Clones read the same.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(super) entries: Keyspace,
    pub(super) documents: Keyspace,
    /// `None` where what is written meanwhile is seen at once.
    as_of: Option<Snapshot>,
    path: Arc<Path>,
    /// The files, if they are a copy: there as long as somebody reads them.
    _copy: Option<Arc<Copy>>,
}

impl Reader {
    pub(super) fn new(entries: Keyspace, documents: Keyspace, path: &Path, copy: Option<Arc<Copy>>) -> Self {
        Self { entries, documents, as_of: None, path: path.into(), _copy: copy }
    }

    /// The same as of that moment.
    pub(super) fn as_of(&self, snapshot: Snapshot) -> Self {
        Self { as_of: Some(snapshot), ..self.clone() }
    }

    pub(super) fn failed(&self, source: fjall::Error) -> StorageError {
        StorageError::Documents { path: self.path.to_path_buf(), source }
    }

    pub(super) fn damaged(&self, reason: impl std::fmt::Display) -> StorageError {
        StorageError::damaged(&self.path, reason)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// That a document is not there which has to be.
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
        match &self.as_of {
            Some(snapshot) => snapshot.prefix(keyspace, prefix),
            None => keyspace.prefix(prefix),
        }
    }

    fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<UserValue>, StorageError> {
        let value = match &self.as_of {
            Some(snapshot) => snapshot.get(keyspace, key),
            None => keyspace.get(key),
        };
        value.map_err(|source| self.failed(source))
    }

    /// The stored document of that id.
    pub(crate) fn document(&self, id: &str) -> Result<Option<Document>, StorageError> {
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let document = wire::decode(&self.stored(id, &entry)?);
        document.map(Some).map_err(|error| self.damaged(format_args!("document `{id}`: {error}")))
    }

    /// The document whose vector that row is.
    pub(crate) fn document_of_row(&self, row: u64) -> Result<Document, StorageError> {
        let bytes = self.get(&self.documents, &keys::row_key(row))?.ok_or_else(|| self.nobody_has(row))?;
        wire::decode(&bytes).map_err(|error| self.damaged(format_args!("the document of row {row}: {error}")))
    }

    fn nobody_has(&self, row: u64) -> StorageError {
        self.damaged(format_args!("nobody knows whose vector row {row} is"))
    }

    /// Whether these bytes are what is stored under that id.
    pub(super) fn holds(&self, id: &str, entry: &Entry, document: &[u8]) -> Result<bool, StorageError> {
        Ok(*self.stored(id, entry)? == *document)
    }

    /// What is known of the stored document of that id.
    pub(super) fn entry(&self, id: &str) -> Result<Option<Entry>, StorageError> {
        if !is_storable(id) {
            return Ok(None);
        }
        let Some(value) = self.get(&self.entries, &keys::id_key(id))? else { return Ok(None) };
        Entry::decode(&value).map(Some).ok_or_else(|| self.malformed(id))
    }

    /// Whose vector a row is.
    pub(crate) fn id_of_row(&self, row: u64) -> Result<String, StorageError> {
        let id = self.get(&self.entries, &keys::row_key(row))?;
        let id = id.and_then(|id| String::from_utf8(id.to_vec()).ok());
        id.ok_or_else(|| self.nobody_has(row))
    }

    /// Whose vector a row is; `None` for one that nobody finds.
    pub(super) fn live_id_of_row(&self, row: u64) -> Result<Option<String>, StorageError> {
        let is_living = self.get(&self.entries, &keys::row_key(row))?.is_some();
        is_living.then(|| self.id_of_row(row)).transpose()
    }

    /// The stored chunks of a document.
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

    /// Whether a document of that id is stored.
    pub(crate) fn holds_id(&self, id: &str) -> Result<bool, StorageError> {
        Ok(is_storable(id) && self.get(&self.entries, &keys::id_key(id))?.is_some())
    }

    /// Whether a chunk of that document is stored.
    pub(crate) fn holds_children(&self, id: &str) -> Result<bool, StorageError> {
        if !is_storable(id) {
            return Ok(false);
        }
        let chunk = self.prefix(&keys::children_prefix(id)).next();
        chunk.map_or(Ok(false), |guard| guard.key().map(|_| true).map_err(|error| self.failed(error)))
    }

    /// The rows that nobody finds any more.
    pub(crate) fn tombstones(&self) -> Result<Vec<u64>, StorageError> {
        let keys = self.prefix(keys::DEAD).map(|guard| guard.key().map_err(|error| self.failed(error)));
        let row =
            |key: UserValue| keys::dead_row(&key).ok_or_else(|| self.damaged("a dead row is malformed"));
        keys.map(|key| row(key?)).collect()
    }

    /// The documents that have vectors, in the order of their rows.
    pub(crate) fn live_documents(&self) -> impl Iterator<Item = Result<LiveDocument, StorageError>> {
        let read = |guard: Guard| guard.into_inner().map_err(|error| self.failed(error));
        let mut documents = self.prefix_of(&self.documents, keys::LIVING).map(read).peekable();
        // Both are in the order of rows, and are of the same rows unless something was lost.
        self.prefix(keys::LIVING).map(move |guard| {
            let (key, id) = read(guard)?;
            let living = keys::living_row(&key).zip(String::from_utf8(id.to_vec()).ok());
            let (row, id) = living.ok_or_else(|| self.damaged("the entry of a row is malformed"))?;
            let is_not_behind = |found: &Result<(UserKey, UserValue), _>| {
                found.as_ref().map_or(true, |(place, _)| *place <= key)
            };
            while let Some(found) = documents.next_if(is_not_behind) {
                let (place, document) = found?;
                if place == key {
                    return Ok(LiveDocument { row, id, document });
                }
            }
            Err(self.missing(&id))
        })
    }

    /// The documents that have no vectors, in the order of their ids, and their bytes.
    fn rowless(&self) -> impl Iterator<Item = Result<(String, UserValue), StorageError>> {
        self.prefix_of(&self.documents, keys::NAMED).map(|guard| {
            let (key, document) = guard.into_inner().map_err(|error| self.failed(error))?;
            Ok((keys::named_id(&key).ok_or_else(|| self.damaged("an id is malformed"))?, document))
        })
    }

    /// The tags of every stored document, in the order in which they are stored.
    pub(crate) fn tags(&self) -> impl Iterator<Item = Result<DocumentTags, StorageError>> {
        let living = self.live_documents().map(|living| {
            living.and_then(|living| {
                let LiveDocument { row, id, document } = living;
                Ok(DocumentTags { tags: self.tags_in(&id, &document)?, id, row: Some(row) })
            })
        });
        living.chain(self.rowless().map(|rowless| {
            let (id, document) = rowless?;
            Ok(DocumentTags { tags: self.tags_in(&id, &document)?, id, row: None })
        }))
    }

    /// The tags of every stored document whose id is behind that one, in the order of ids.
    pub(crate) fn tags_after(&self, id: &str) -> impl Iterator<Item = Result<DocumentTags, StorageError>> {
        self.ids_after(id).map(|named| {
            let (id, entry) = named?;
            let tags = self.tags_in(&id, &self.stored(&id, &entry)?)?;
            Ok(DocumentTags { id, row: entry.row, tags })
        })
    }

    fn tags_in(&self, id: &str, document: &[u8]) -> Result<Tags, StorageError> {
        let tags = wire::decode_tags(document);
        tags.map_err(|error| self.damaged(format_args!("document `{id}`: {error}")))
    }

    /// What is known of every stored document whose id is behind that one, in the order of ids.
    pub(super) fn ids_after(&self, id: &str) -> impl Iterator<Item = Result<(String, Entry), StorageError>> {
        // No document has an empty id.
        let behind = (Bound::Excluded(keys::id_key(id)), Bound::Excluded(keys::NAMED_END.to_vec()));
        let entries = match &self.as_of {
            Some(snapshot) => snapshot.range::<Vec<u8>, _>(&self.entries, behind),
            None => self.entries.range::<Vec<u8>, _>(behind),
        };
        entries.map(|guard| {
            let (key, entry) = guard.into_inner().map_err(|error| self.failed(error))?;
            let id = keys::named_id(&key).ok_or_else(|| self.damaged("an id is malformed"))?;
            let entry = Entry::decode(&entry).ok_or_else(|| self.malformed(&id))?;
            Ok((id, entry))
        })
    }

    /// The row of a stored document's vector.
    pub(crate) fn row_of_id(&self, id: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.entry(id)?.and_then(|entry| entry.row))
    }

    /// What is known of a stored document, and its protobuf bytes.
    pub(crate) fn whole(&self, id: &str) -> Result<Option<(Entry, Vec<u8>)>, StorageError> {
        let Some(entry) = self.entry(id)? else { return Ok(None) };
        let document = self.stored(id, &entry)?.to_vec();
        Ok(Some((entry, document)))
    }

    /// The protobuf bytes of a document that must be there.
    pub(super) fn stored(&self, id: &str, entry: &Entry) -> Result<UserValue, StorageError> {
        let document = self.get(&self.documents, &keys::document_key(id, entry.row))?;
        document.ok_or_else(|| self.missing(id))
    }

    /// So many of the first rows are known to be on disk, whatever happened since; `None` where nobody kept account of that.
    pub(crate) fn synced_rows(&self) -> Result<Option<u64>, StorageError> {
        let Some(value) = self.get(&self.entries, keys::SYNCED)? else { return Ok(None) };
        let rows = value.as_array().copied().map(u64::from_be_bytes);
        rows.map(Some).ok_or_else(|| self.damaged("how many rows are on disk is malformed"))
    }

    pub(crate) fn counters(&self) -> Result<Counters, StorageError> {
        let Some(value) = self.get(&self.entries, keys::COUNTERS)? else { return Ok(Counters::default()) };
        let ([rows, documents], []) = value.as_chunks() else {
            return Err(self.damaged("the counters are malformed"));
        };
        Ok(Counters { rows: u64::from_be_bytes(*rows), documents: u64::from_be_bytes(*documents) })
    }
}

/// Whether a document may have been stored under that id. Keys have bounds, and requests may name anything.
fn is_storable(id: &str) -> bool {
    (1..=keys::ID_BYTES_MAX).contains(&id.len())
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({})", self.path.display())
    }
}
