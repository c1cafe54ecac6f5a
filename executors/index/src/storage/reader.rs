//! Reading a table: as it is, or as it was when a view of it was taken.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use fjall::{Iter, Keyspace, Readable as _, Snapshot, UserValue};
use flowrun_sdk::{Document, Tags, wire};

use super::keys::{self, Entry};
use super::{Counters, StorageError};

/// What is stored, to be read. Clones read the same.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(super) entries: Keyspace,
    pub(super) documents: Keyspace,
    /// `None` where what is written meanwhile is seen at once.
    as_of: Option<Snapshot>,
    path: Arc<Path>,
}

impl Reader {
    pub(super) fn new(entries: Keyspace, documents: Keyspace, path: &Path) -> Self {
        Self { entries, documents, as_of: None, path: path.into() }
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

    fn prefix(&self, prefix: &[u8]) -> Iter {
        match &self.as_of {
            Some(snapshot) => snapshot.prefix(&self.entries, prefix),
            None => self.entries.prefix(prefix),
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
        if !is_storable(id) {
            return Ok(None);
        }
        let Some(bytes) = self.get(&self.documents, id.as_bytes())? else { return Ok(None) };
        let document = wire::decode(&bytes);
        document.map(Some).map_err(|error| self.damaged(format_args!("document `{id}`: {error}")))
    }

    /// Whether these bytes are what is stored under that id.
    pub(super) fn holds(&self, id: &str, document: &[u8]) -> Result<bool, StorageError> {
        Ok(is_storable(id)
            && self.get(&self.documents, id.as_bytes())?.is_some_and(|stored| *stored == *document))
    }

    /// What is known of the stored document of that id.
    pub(super) fn entry(&self, id: &str) -> Result<Option<Entry>, StorageError> {
        if !is_storable(id) {
            return Ok(None);
        }
        let Some(value) = self.get(&self.entries, &keys::id_key(id))? else { return Ok(None) };
        let entry = Entry::decode(&value);
        entry.map(Some).ok_or_else(|| self.damaged(format_args!("the entry of `{id}` is malformed")))
    }

    /// Whose vector a row is.
    pub(crate) fn id_of(&self, row: u64) -> Result<String, StorageError> {
        let id = self.get(&self.entries, &keys::row_key(row))?;
        let id = id.and_then(|id| String::from_utf8(id.to_vec()).ok());
        id.ok_or_else(|| self.damaged(format_args!("nobody knows whose vector row {row} is")))
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
    pub(crate) fn dead_rows(&self) -> Result<Vec<u64>, StorageError> {
        let keys = self.prefix(keys::DEAD).map(|guard| guard.key().map_err(|error| self.failed(error)));
        let row =
            |key: UserValue| keys::dead_row(&key).ok_or_else(|| self.damaged("a dead row is malformed"));
        keys.map(|key| row(key?)).collect()
    }

    /// The rows that are found, in order, and whose they are.
    pub(crate) fn living_rows(&self) -> impl Iterator<Item = Result<(u64, String), StorageError>> {
        self.prefix(keys::LIVING).map(|guard| {
            let (key, id) = guard.into_inner().map_err(|error| self.failed(error))?;
            let living = keys::living_row(&key).zip(String::from_utf8(id.to_vec()).ok());
            living.ok_or_else(|| self.damaged("the entry of a row is malformed"))
        })
    }

    /// The tags of every stored document, in the order of ids.
    pub(crate) fn tags(&self) -> impl Iterator<Item = Result<(String, Tags), StorageError>> {
        self.tags_after("")
    }

    /// The tags of every stored document whose id is behind that one, in the order of ids.
    pub(crate) fn tags_after(&self, id: &str) -> impl Iterator<Item = Result<(String, Tags), StorageError>> {
        // No document has an empty id.
        let behind = (Bound::Excluded(id.as_bytes().to_vec()), Bound::Unbounded);
        let documents = match &self.as_of {
            Some(snapshot) => snapshot.range::<Vec<u8>, _>(&self.documents, behind),
            None => self.documents.range::<Vec<u8>, _>(behind),
        };
        documents.map(|guard| {
            let (id, document) = guard.into_inner().map_err(|error| self.failed(error))?;
            let id = String::from_utf8(id.to_vec()).map_err(|_| self.damaged("an id is malformed"))?;
            match wire::decode_tags(&document) {
                Ok(tags) => Ok((id, tags)),
                Err(error) => Err(self.damaged(format_args!("document `{id}`: {error}"))),
            }
        })
    }

    /// The row of a stored document's vector.
    pub(crate) fn row_of(&self, id: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.entry(id)?.and_then(|entry| entry.row))
    }

    /// What is known of a document that must be there, and its protobuf bytes.
    pub(super) fn stored(&self, id: &str) -> Result<(Entry, Vec<u8>), StorageError> {
        let document = self.get(&self.documents, id.as_bytes())?.map(|document| document.to_vec());
        self.entry(id)?.zip(document).ok_or_else(|| self.damaged(format_args!("document `{id}` is missing")))
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
