//! The close record of a table: the contents of its journals after an orderly end.
//!
//! fjall takes damage for the end of a journal, and the checksum of a change covers neither its sequence number nor its
//! position. After an orderly end no change is incomplete, so the journals must be exactly as they were left: the
//! record has their lengths and digests. It is removed before fjall opens them for writing. A table without a record is
//! in use, or its process was killed; then the rules of [`super::journal_check`] apply.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use flowrun_sdk::tracing;
use xxhash_rust::xxh3::Xxh3;

use super::error::StorageError;
use super::journal_scan::{journal_number, journals};
use super::layout::{replace_with_bytes, sync_directory};
use super::table_fingerprint::JOURNAL;

/// File name of the record in the directory of a table.
pub(super) const CLOSED: &str = "closed";

const MAGIC: &[u8; 4] = b"END1";
const CHECKSUM_BYTES: usize = 4;
/// Largest record that is read, in bytes: fjall keeps few journals.
const BYTES_MAX: u64 = 1 << 16;
/// Bytes per read of a journal.
const BLOCK_BYTES: usize = 1 << 16;

/// Checks that the record of a table, if there is one, can be read.
///
/// # Errors
/// [`StorageError::Damaged`] when it fails its checksum.
pub(crate) fn check_close_record(table: &Path) -> Result<(), StorageError> {
    CloseRecord::read(table).map(drop)
}

/// The contents of all journals of a table, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseRecord {
    journals: Vec<JournalContents>,
}

/// The contents of one journal, without the zeros that it was preallocated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct JournalContents {
    number: u64,
    /// Bytes up to the last one that is not zero.
    bytes: u64,
    /// XXH3 of these bytes.
    digest: u64,
}

impl CloseRecord {
    /// Reads the record of a table; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when it fails its checksum.
    pub(super) fn read(table: &Path) -> Result<Option<Self>, StorageError> {
        let path = table.join(CLOSED);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(StorageError::io("read", &path))?,
        };
        let record = Self::decode(&bytes);
        record.map(Some).ok_or_else(|| StorageError::damaged(&path, "it fails its checksum"))
    }

    /// Records the journals in `table`, which no process has open.
    pub(super) fn write(table: &Path) -> Result<(), StorageError> {
        replace_with_bytes(&table.join(CLOSED), &Self::of(table)?.encode())
    }

    /// Removes the record durably, before the journals change.
    pub(super) fn remove(table: &Path) -> Result<(), StorageError> {
        let path = table.join(CLOSED);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => {
                removed.map_err(StorageError::io("remove", &path)).and_then(|()| sync_directory(&path))
            }
        }
    }

    /// Checks that the journals in `directory`, which is the table at `path` or a copy of it, are as recorded.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] with the path of the differing journal in the table.
    pub(super) fn check(&self, directory: &Path, path: &Path) -> Result<(), StorageError> {
        let found = Self::of(directory)?.journals;
        let name = |contents: &JournalContents| path.join(format!("{}.{JOURNAL}", contents.number));
        for recorded in &self.journals {
            let reason = match found.iter().find(|found| found.number == recorded.number) {
                Some(found) if found == recorded => continue,
                Some(found) if found.bytes != recorded.bytes => {
                    format!("it was closed with {} bytes, but has {}", recorded.bytes, found.bytes)
                }
                Some(_) => "its contents have changed since it was closed".to_owned(),
                None => "it is missing".to_owned(),
            };
            return Err(StorageError::damaged(&name(recorded), reason));
        }
        let is_new =
            |found: &&JournalContents| self.journals.iter().all(|known| known.number != found.number);
        match found.iter().find(is_new) {
            Some(new) => Err(StorageError::damaged(&name(new), "it did not exist when the table was closed")),
            None => Ok(()),
        }
    }

    /// The present contents of the journals in a directory.
    fn of(directory: &Path) -> Result<Self, StorageError> {
        let read = |journal: PathBuf| {
            let contents = JournalContents::read(&journal);
            contents.map_err(StorageError::io("read", &journal))
        };
        let journals = journals(directory)?.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { journals })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for JournalContents { number, bytes: length, digest } in &self.journals {
            [number, length, digest].into_iter().for_each(|field| bytes.extend(field.to_le_bytes()));
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (contents, _checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        let (fields, []) = contents.strip_prefix(MAGIC)?.as_chunks::<8>() else { return None };
        let (journals, []) = fields.as_chunks::<3>() else { return None };
        let journal = |[number, bytes, digest]: &[[u8; 8]; 3]| JournalContents {
            number: u64::from_le_bytes(*number),
            bytes: u64::from_le_bytes(*bytes),
            digest: u64::from_le_bytes(*digest),
        };
        let record = Self { journals: journals.iter().map(journal).collect() };
        (record.encode() == bytes).then_some(record)
    }
}

impl JournalContents {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let (mut digest, mut bytes, mut zeros) = (Xxh3::new(), 0, 0);
        loop {
            block.clear();
            if (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block)? == 0 {
                let number = journal_number(path).unwrap_or_default();
                return Ok(Self { number, bytes, digest: digest.digest() });
            }
            let used = block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let (used, rest) = block.split_at(used);
            if !used.is_empty() {
                // Zeros before other bytes are contents.
                update_with_zeros(&mut digest, zeros);
                digest.update(used);
                bytes += zeros + used.len() as u64;
                zeros = 0;
            }
            zeros += rest.len() as u64;
        }
    }
}

/// Writes the record of a table that was closed when this is dropped: after the database, whose threads change the
/// journals.
#[derive(Debug)]
pub(super) struct OrderlyEnd {
    table: PathBuf,
    is_closed: AtomicBool,
}

impl OrderlyEnd {
    pub(super) fn new(table: &Path) -> Self {
        Self { table: table.to_owned(), is_closed: false.into() }
    }

    /// Declares that all writes are synced, and that no further ones follow.
    pub(super) fn set_closed(&self) {
        self.is_closed.store(true, Ordering::Release);
    }
}

impl Drop for OrderlyEnd {
    fn drop(&mut self) {
        if *self.is_closed.get_mut()
            && let Err(error) = CloseRecord::write(&self.table)
        {
            tracing::warn!(%error, "the close record was not written: the next start checks the journals as after a crash");
        }
    }
}

/// Adds this many zeros to a digest.
fn update_with_zeros(digest: &mut Xxh3, mut count: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];
    while let Some(zeros) = usize::try_from(count).ok().filter(|count| *count > 0) {
        let block = ZEROS.get(..zeros).unwrap_or(&ZEROS);
        digest.update(block);
        count -= block.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(journals: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        journals.iter().for_each(|(name, bytes)| fs::write(directory.path().join(name), bytes).unwrap());
        CloseRecord::write(directory.path()).unwrap();
        directory
    }

    fn checked(table: &Path) -> Result<(), StorageError> {
        CloseRecord::read(table).unwrap().unwrap().check(table, table)
    }

    #[test]
    fn preallocated_zeros_are_no_contents() {
        let directory = table(&[("0.jnl", b"abc"), ("2.jnl", b"\0\0d\0\0")]);
        checked(directory.path()).unwrap();
        fs::write(directory.path().join("0.jnl"), b"abc\0\0\0\0").unwrap();
        fs::write(directory.path().join("2.jnl"), b"\0\0d").unwrap();
        checked(directory.path()).unwrap();
        fs::write(directory.path().join("2.jnl"), [&[0; 2][..], b"d", &[0; 3 * BLOCK_BYTES]].concat())
            .unwrap();
        checked(directory.path()).unwrap();
        CloseRecord::remove(directory.path()).unwrap();
        CloseRecord::remove(directory.path()).unwrap();
        assert_eq!(CloseRecord::read(directory.path()).unwrap(), None);
    }

    #[test]
    fn long_runs_of_zeros_before_other_bytes_are_contents() {
        let contents = |zeros: usize| [b"a", vec![0; zeros].as_slice(), b"b"].concat();
        let directory = table(&[("0.jnl", &contents(3 * BLOCK_BYTES))]);
        let digest = |record: CloseRecord| record.journals[0];
        let recorded = digest(CloseRecord::read(directory.path()).unwrap().unwrap());
        assert_eq!(recorded.bytes, 3 * BLOCK_BYTES as u64 + 2);
        assert_eq!(recorded.digest, xxhash_rust::xxh3::xxh3_64(&contents(3 * BLOCK_BYTES)));
        fs::write(directory.path().join("0.jnl"), contents(3 * BLOCK_BYTES + 1)).unwrap();
        assert!(checked(directory.path()).unwrap_err().is_damage());
    }

    #[test]
    fn changed_missing_and_additional_journals_are_named() {
        let refused = |name: &str, bytes: Option<&[u8]>| {
            let directory = table(&[("0.jnl", b"abc"), ("10.jnl", b"def")]);
            let path = directory.path().join(name);
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            checked(directory.path()).unwrap_err().to_string()
        };
        for (name, bytes, expected) in [
            ("0.jnl", Some(&b"abd"[..]), "0.jnl is damaged: its contents have changed since it was closed"),
            ("0.jnl", Some(b"ab"), "0.jnl is damaged: it was closed with 3 bytes, but has 2"),
            ("0.jnl", Some(b"abc\0\0x"), "0.jnl is damaged: it was closed with 3 bytes, but has 6"),
            ("10.jnl", None, "10.jnl is damaged: it is missing"),
            ("11.jnl", Some(b""), "11.jnl is damaged: it did not exist"),
        ] {
            let error = refused(name, bytes);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_record_is_reported() {
        let directory = table(&[("0.jnl", b"abc"), ("1.jnl", b"def")]);
        let path = directory.path().join(CLOSED);
        let bytes = flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap();
        let flipped = (0..bytes.len() * 8).map(|bit| {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            damaged
        });
        let truncated = (0..bytes.len()).map(|length| bytes[..length].to_vec());
        for damaged in flipped.chain(truncated) {
            fs::write(&path, &damaged).unwrap();
            assert!(CloseRecord::read(directory.path()).unwrap_err().is_damage(), "{damaged:?}");
        }
    }
}
