//! The lock of a shard directory: one writing process at a time.

use std::fs::{File, OpenOptions, TryLockError};

use super::error::StorageError;
use super::layout::Layout;

/// An acquired directory; released when dropped, and by the system when the process is killed.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Acquires a directory.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another process holds it.
    pub(crate) fn acquire(layout: &Layout) -> Result<Self, StorageError> {
        let path = layout.lock();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(StorageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked(layout.directory().to_owned())),
            Err(TryLockError::Error(source)) => Err(StorageError::io("lock", &path)(source)),
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
