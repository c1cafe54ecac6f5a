//! The lock of a shard directory: one writing process at a time.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;

use super::error::StorageError;
use super::layout::Layout;

/// The lock of a shard directory; released when dropped, and by the system when the process is killed.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Acquires the lock of a directory, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another process or executor holds it.
    pub(crate) fn acquire(layout: &Layout) -> Result<Self, StorageError> {
        let path = layout.lock();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(StorageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked(layout.directory().to_owned())),
            Err(TryLockError::Error(source)) => Err(StorageError::io("lock", &path)(source)),
        }
    }

    /// Checks that the directory was not removed or replaced since it was locked: writes to removed files would be lost.
    ///
    /// # Errors
    /// [`StorageError::Removed`] if it was.
    pub(crate) fn check_in_place(&self, layout: &Layout) -> Result<(), StorageError> {
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let path = layout.lock();
        let own = self.file.metadata().map_err(StorageError::io("read", &path))?;
        match std::fs::metadata(&path) {
            Ok(found) if identity(&found) == identity(&own) => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("read", &path)(error)),
            _ => Err(StorageError::Removed(layout.directory().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_rejected_with_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let first = DirectoryLock::acquire(&layout).unwrap();
        let error = DirectoryLock::acquire(&layout).unwrap_err().to_string();
        assert!(error.contains(&directory.path().display().to_string()), "{error}");
        assert!(error.contains("its own workspace"), "{error}");
        drop(first);
        DirectoryLock::acquire(&layout).unwrap();
    }
}
