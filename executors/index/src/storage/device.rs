//! An open file of our own format, and how it may fail.
//!
//! Everything that is read and written of vectors goes through here, so that tests can let the disk refuse: short
//! writes, no space, errors of reading and of syncing.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::Advice;
use rustix::io::ReadWriteFlags;

/// An open file.
#[derive(Debug)]
pub(crate) struct Device {
    file: File,
    /// The same file, of which the system reads no more than it is asked for.
    single: File,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

impl Device {
    fn new(file: File, single: File) -> Self {
        // Without the advice it is only slower.
        let _ = rustix::fs::fadvise(&single, 0, None, Advice::Random);
        Self {
            file,
            single,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(File::create(path)?, File::open(path)?))
    }

    /// Opens a file to read and, where the system allows that, to write.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let writable = OpenOptions::new().read(true).write(true).open(path);
        let file = match writable {
            Err(error) if is_read_only(&error) => File::open(path)?,
            file => file?,
        };
        Ok(Self::new(file, File::open(path)?))
    }

    /// Whether the file of that name is this one.
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

    /// Reads something small that stands alone.
    pub(super) fn read_single_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_reading()?;
        self.single.read_exact_at(bytes, offset)
    }

    /// Reads if all of it is in memory; says whether it did. Never waits for the disk.
    pub(super) fn read_at_once(&self, bytes: &mut [u8], offset: u64) -> bool {
        #[cfg(test)]
        if self.faults.before_reading().is_err() {
            return false;
        }
        let length = bytes.len();
        let mut buffers = [io::IoSliceMut::new(bytes)];
        let read = rustix::io::preadv2(&self.single, &mut buffers, offset, ReadWriteFlags::NOWAIT);
        read == Ok(length)
    }

    /// Says that this will be read soon.
    pub(super) fn announce(&self, offset: u64, length: usize) {
        // Without the advice it is only slower.
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

    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_syncing()?;
        self.file.sync_data()
    }

    /// Lets the system forget what it holds of the file in memory, if it can.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.file.sync_all().unwrap();
        rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed).unwrap();
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
