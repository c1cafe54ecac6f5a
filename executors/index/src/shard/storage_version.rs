//! The version of the stored data that a read-only shard sees.

use std::io::ErrorKind;

use crate::storage::{Layout, Manifest, StorageError, TableFingerprint};

/// Version of the stored data. Equal versions mean equal contents, if the earlier one is [reliable](Self::if_reliable).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StorageVersion {
    manifest: Manifest,
    table: TableFingerprint,
}

impl StorageVersion {
    /// The present version; `None` without an index, and while one generation replaces another.
    pub(super) fn read(layout: &Layout) -> Result<Option<Self>, StorageError> {
        let Some(manifest) = Manifest::read(layout)? else { return Ok(None) };
        let documents = layout.documents(manifest.generation);
        match TableFingerprint::read(&documents) {
            Ok(table) => Ok(Some(Self { manifest, table })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", &documents)(error)),
        }
    }

    /// This version; `None` if it was read so soon after a write that a later write may leave it unchanged.
    pub(super) fn if_reliable(self) -> Option<Self> {
        self.table.detects_later_writes().then_some(self)
    }
}
