//! An open file of vectors, with fault injection in tests.
//!
//! All reads and writes of vectors use it, so that tests can simulate short writes, a full disk, and errors when
//! reading or syncing.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::Advice;
use rustix::io::ReadWriteFlags;

/// An open file.
#[derive(Debug)]
pub(crate) struct DataFile {
    file: File,
    /// A second descriptor, without read-ahead, to read single rows.
    single: File,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

impl DataFile {
    fn new(file: File, single: File) -> Self {
        // Only a hint: without it reads are slower.
        let _ = rustix::fs::fadvise(&single, 0, None, Advice::Random);
        Self {
            file,
            single,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    /// Creates an empty file; an existing one is truncated.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(File::create(path)?, File::open(path)?))
    }

    /// Opens a file for reading and, if permitted, for writing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let writable = OpenOptions::new().read(true).write(true).open(path);
        let file = match writable {
            Err(error) if is_read_only(&error) => File::open(path)?,
            file => file?,
        };
        Ok(Self::new(file, File::open(path)?))
    }

    /// Returns whether the path refers to this file.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let known = self.file.metadata().map(identity).ok();
        known.is_some() && known == std::fs::metadata(path).map(identity).ok()
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_reading()?;
        self.file.read_exact_at(bytes, offset)
    }

    /// Reads a single row, without read-ahead.
    pub(super) fn read_single_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_reading()?;
        self.single.read_exact_at(bytes, offset)
    }

    /// Reads from the page cache only, without waiting for the disk; returns whether all bytes were there.
    pub(super) fn read_if_cached(&self, bytes: &mut [u8], offset: u64) -> bool {
        #[cfg(test)]
        if self.faults.before_reading().is_err() {
            return false;
        }
        let length = bytes.len();
        let mut buffers = [io::IoSliceMut::new(bytes)];
        let read = rustix::io::preadv2(&self.single, &mut buffers, offset, ReadWriteFlags::NOWAIT);
        read == Ok(length)
    }

    /// Hints to the system that this range is read soon.
    pub(super) fn prefetch(&self, offset: u64, length: usize) {
        // Only a hint: without it reads are slower.
        let _ = rustix::fs::fadvise(
            &self.single,
            offset,
            std::num::NonZeroU64::new(length as u64),
            Advice::WillNeed,
        );
    }

    pub(super) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        let bytes = match self.faults.before_writing(bytes) {
            (written, None) => written,
            (written, Some(error)) => {
                self.file.write_all_at(written, offset)?;
                return Err(error);
            }
        };
        self.file.write_all_at(bytes, offset)
    }

    /// Syncs the data to disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_syncing()?;
        self.file.sync_data()
    }

    /// Drops the file from the page cache, if possible.
    #[cfg(test)]
    pub(super) fn drop_page_cache(&self) {
        self.file.sync_all().unwrap();
        rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed).unwrap();
    }
}

/// True if a file cannot be written for lack of permission, or because its file system is read-only.
pub(super) fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
