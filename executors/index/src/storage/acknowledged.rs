//! The acknowledgement mark of a document table ([`super::table`]): a lower bound for the number of changes that the table
//! must contain.
//!
//! A journal that was truncated after a complete change looks like one that ends there. The mark reveals the loss: it has
//! the number of a change that was synced, and a table with fewer changes has lost acknowledged ones. It is written after
//! the sync and before the acknowledgement, hence it never exceeds the number of changes on disk, whatever a power failure
//! leaves. The mark itself is synced at the close only, so after a power failure it may lack the last changes. Changes are
//! numbered from 1: a number is also a count.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::error::StorageError;

const MAGIC: &[u8; 4] = b"ACK1";
/// Magic, number of the change, CRC-32 of both.
const BYTES: usize = 4 + 8 + 4;
/// Attempts to read a mark that its writer may be replacing.
const ATTEMPTS: usize = 3;

/// Path of the mark of the table in this directory.
pub(super) fn mark_path(table: &Path) -> PathBuf {
    table.join(MARK)
}

/// File name of the mark in the directory of a table.
pub(super) const MARK: &str = "acknowledged";

/// Reads the mark of a table; `None` when it has none, so that nothing is known about the number of its changes.
///
/// # Errors
/// [`StorageError::Damaged`] when the file is not a valid mark in any of the attempts, or an I/O error.
pub(crate) fn read_mark(table: &Path) -> Result<Option<u64>, StorageError> {
    let path = mark_path(table);
    for _ in 0..ATTEMPTS {
        let mut bytes = Vec::with_capacity(BYTES + 1);
        match File::open(&path).and_then(|file| file.take(BYTES as u64 + 1).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(StorageError::io("read", &path))?,
        };
        if let Some(changes) = decode(&bytes) {
            return Ok(Some(changes));
        }
    }
    Err(StorageError::damaged(
        &path,
        "it is not a valid mark: its length, its first bytes or its checksum is wrong",
    ))
}

fn encode(changes: u64) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &changes.to_le_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let changes = u64::from_le_bytes(*bytes.strip_prefix(MAGIC)?.first_chunk()?);
    (bytes == encode(changes)).then_some(changes)
}

/// Writes the mark of an open table.
#[derive(Debug)]
pub(super) struct MarkWriter {
    path: PathBuf,
    /// The open file, and the number that was written last (0: none); `None` before the first write.
    written: Mutex<Option<(File, u64)>>,
}

impl MarkWriter {
    pub(super) fn new(table: &Path) -> Self {
        Self { path: mark_path(table), written: Mutex::new(None) }
    }

    /// Records that the change with this number and all earlier ones are synced; a number that is not larger than the last
    /// one of this writer is ignored. The mark itself is not synced.
    pub(super) fn write(&self, changes: u64) -> Result<(), StorageError> {
        let failed = |error| StorageError::io("write", &self.path)(error);
        let mut written = self.written.lock();
        if let Some((_, known)) = &*written
            && *known >= changes
        {
            return Ok(());
        }
        let (file, known) = match &mut *written {
            Some(written) => written,
            unwritten @ None => {
                let mut options = OpenOptions::new();
                let file =
                    options.write(true).create(true).truncate(false).open(&self.path).map_err(failed)?;
                unwritten.insert((file, 0))
            }
        };
        file.write_all_at(&encode(changes), 0).map_err(failed)?;
        *known = changes;
        Ok(())
    }

    /// Syncs the mark, if this writer has written one.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        match &*self.written.lock() {
            Some((file, _)) => file.sync_all().map_err(StorageError::io("write", &self.path)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_a_round_trip_and_never_decreases_while_the_table_is_open() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_mark(directory.path()).unwrap(), None);
        let writer = MarkWriter::new(directory.path());
        for (changes, expected) in [(0, 0), (7, 7), (3, 7), (u64::MAX, u64::MAX)] {
            writer.write(changes).unwrap();
            assert_eq!(read_mark(directory.path()).unwrap(), Some(expected));
        }
        writer.sync().unwrap();
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_mark_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = encode(300);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(mark_path(directory.path()), damaged).unwrap();
            assert!(read_mark(directory.path()).unwrap_err().is_damage(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            std::fs::write(mark_path(directory.path()), &bytes[..length]).unwrap();
            assert!(read_mark(directory.path()).unwrap_err().is_damage(), "{length} bytes");
        }
    }
}
