//! Scans a journal of fjall without changing it: the position up to which it is intact, and the bytes after that.
//!
//! fjall takes the first entry that it cannot read for the end of a journal and truncates the file there, whatever
//! follows. This scan runs before fjall opens a journal, so that damage is reported instead of being cut off. It reads
//! the format of fjall 3 without compression: a change is a start (number of items, sequence number), its items, and an
//! end (XXH3 of the items, and [`END`]). Of the items it interprets one: the number of the change. The checksum does not
//! cover the sequence number, which decides between two values of one key; it must increase.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::error::StorageError;
use super::keys::CHANGES;
use super::table_fingerprint::JOURNAL;

/// Bytes that end each change in a journal of fjall.
pub(super) const END: &[u8] = b"FJL\x03";

/// Bytes per read.
const BLOCK_BYTES: usize = 1 << 16;

const START_TAG: u8 = 1;
const ITEM_TAG: u8 = 2;
const END_TAG: u8 = 3;
const CLEAR_TAG: u8 = 4;
/// Types of values that fjall writes.
const VALUE_TYPES: [u8; 4] = [0, 1, 2, 4];
/// Compression of values; journals are written without.
const NO_COMPRESSION: u8 = 0;

/// Bytes of an item before its key: value type, compression, keyspace, length of the key, length of the value, length of
/// the compressed value.
const ITEM_HEADER_BYTES: usize = 1 + 1 + 8 + 2 + 4 + 4;

/// Bytes of the key and the value of the number of a change.
const NUMBER_BYTES: u64 = 1 + 8;

/// The state of one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JournalScan {
    /// End of the last complete change before the first unreadable one, in bytes.
    pub(super) intact: u64,
    /// Bytes other than zero follow; journals are preallocated with zeros.
    pub(super) has_tail: bool,
    /// Number of changes that seem to end after `intact`. Documents may contain the same bytes; then there seem to be
    /// more.
    pub(super) ends_in_tail: usize,
    /// Number of the last change in the intact part, if one has a number.
    pub(super) changes: Option<u64>,
    /// Sequence number of the last change in the intact part; if there is none, of the last change before this journal.
    pub(super) sequence: Option<u64>,
}

impl JournalScan {
    /// Scans a journal whose changes follow the one with the sequence number `after`; `None` for the first journal.
    pub(super) fn read(path: &Path, after: Option<u64>) -> io::Result<Self> {
        let file = File::open(path)?;
        let reader = BufReader::with_capacity(BLOCK_BYTES, file);
        let mut reader = JournalBytes { reader, position: 0, number: None };
        let (mut intact, mut changes, mut last) = (0, None, after);
        while let Some(sequence) = reader.skip_change()?.filter(|sequence| Some(*sequence) > last) {
            intact = reader.position;
            changes = changes.max(reader.number);
            last = Some(sequence);
        }
        let mut tail = Tail::default();
        tail.read(path, intact)?;
        Ok(Self { intact, has_tail: tail.has_bytes, ends_in_tail: tail.ends, changes, sequence: last })
    }
}

/// Reads the entries of a journal.
struct JournalBytes {
    reader: BufReader<File>,
    position: u64,
    /// Number of the change that was read last, complete or not.
    number: Option<u64>,
}

impl JournalBytes {
    /// Skips a change and returns its sequence number; `None` when there is none, or it is incomplete or damaged.
    fn skip_change(&mut self) -> io::Result<Option<u64>> {
        let (Some([START_TAG]), Some(count), Some(sequence)) =
            (self.array::<1>()?, self.array::<4>()?, self.array::<8>()?)
        else {
            return Ok(None);
        };
        let mut items = Xxh3::new();
        for _ in 0..u32::from_le_bytes(count) {
            if !self.skip_item(&mut items)? {
                return Ok(None);
            }
        }
        let (tag, checksum, end) = (self.array::<1>()?, self.array::<8>()?, self.array::<4>()?);
        let is_complete = tag == Some([END_TAG])
            && checksum == Some(items.digest().to_le_bytes())
            && end.is_some_and(|end| end == END);
        Ok(is_complete.then_some(u64::from_le_bytes(sequence)))
    }

    /// Skips an item and adds its bytes to the checksum; returns `false` when it is unreadable.
    fn skip_item(&mut self, checksum: &mut Xxh3) -> io::Result<bool> {
        match self.array::<1>()? {
            Some([CLEAR_TAG]) => {
                let Some(keyspace) = self.array::<8>()? else { return Ok(false) };
                checksum.update(&[CLEAR_TAG]);
                checksum.update(&keyspace);
                Ok(true)
            }
            Some([ITEM_TAG]) => {
                let Some(header) = self.array::<ITEM_HEADER_BYTES>()? else { return Ok(false) };
                checksum.update(&[ITEM_TAG]);
                checksum.update(&header);
                match payload_bytes(&header) {
                    Some(NUMBER_BYTES) => self.read_number(checksum),
                    Some(length) => self.skip_bytes(length, checksum),
                    None => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    /// Reads a key and a value that may be the number of the change.
    fn read_number(&mut self, checksum: &mut Xxh3) -> io::Result<bool> {
        let Some(payload) = self.array::<{ NUMBER_BYTES as usize }>()? else { return Ok(false) };
        checksum.update(&payload);
        if let Some(number) = payload.strip_prefix(CHANGES).and_then(|value| value.as_array().copied()) {
            self.number = Some(u64::from_be_bytes(number));
        }
        Ok(true)
    }

    /// Skips this many bytes; returns `false` when the file ends before.
    fn skip_bytes(&mut self, length: u64, checksum: &mut Xxh3) -> io::Result<bool> {
        let mut block = [0; 4096];
        let mut remaining = length;
        while remaining > 0 {
            let wanted =
                usize::try_from(remaining).map_or(block.len(), |remaining| remaining.min(block.len()));
            let Some(block) = block.get_mut(..wanted) else { return Ok(false) };
            if !self.fill(block)? {
                return Ok(false);
            }
            checksum.update(block);
            remaining -= wanted as u64;
        }
        Ok(true)
    }

    /// The next bytes; `None` when the file ends before.
    fn array<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok(self.fill(&mut bytes)?.then_some(bytes))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        match self.reader.read_exact(bytes) {
            Ok(()) => {
                self.position += bytes.len() as u64;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Length of the key and the value of an item; `None` when its header is not valid.
fn payload_bytes(header: &[u8; ITEM_HEADER_BYTES]) -> Option<u64> {
    let (&[value_type, compression], rest) = header.split_first_chunk()?;
    let (_keyspace, rest) = rest.split_first_chunk::<8>()?;
    let (key, rest) = rest.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_first_chunk::<4>()?;
    let compressed = rest.first_chunk::<4>()?;
    let is_valid = VALUE_TYPES.contains(&value_type) && compression == NO_COMPRESSION && value == compressed;
    is_valid.then(|| u64::from(u16::from_le_bytes(*key)) + u64::from(u32::from_le_bytes(*value)))
}

/// The bytes after the intact part.
#[derive(Default)]
struct Tail {
    has_bytes: bool,
    ends: usize,
}

impl Tail {
    fn read(&mut self, path: &Path, from: u64) -> io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        // The last bytes of the previous block: an end may span two blocks.
        let mut carried = 0;
        loop {
            block.drain(..block.len() - carried);
            if (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block)? == 0 {
                return Ok(());
            }
            if block.iter().any(|byte| *byte != 0) {
                self.has_bytes = true;
                self.ends += block.windows(END.len()).filter(|bytes| *bytes == END).count();
            }
            carried = block.len().min(END.len() - 1);
        }
    }
}

/// The journals in a directory, in the order of their numbers; fjall appends to the last one.
pub(super) fn journals(directory: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let failed = |error| StorageError::io("list", directory)(error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        found.extend(journal_number(&path).map(|number| (number, path)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The number in the name of a journal; `None` for other files.
pub(super) fn journal_number(path: &Path) -> Option<u64> {
    let is_journal = path.extension().is_some_and(|extension| extension == JOURNAL);
    path.file_stem()?.to_str()?.parse().ok().filter(|_| is_journal)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::OpenOptions;

    use flowrun_sdk::guard::read_file;
    use flowrun_sdk::{Document, protobuf};

    use super::super::keys::Entry;
    use super::super::{Counters, Fsync, Table};
    use super::*;

    /// A table with this many changes, and its journal.
    fn journal_of(directory: &Path, changes: u64) -> PathBuf {
        let path = directory.join("t");
        let table = Table::open(&path).unwrap();
        for number in 0..changes {
            let document = Document::new(number.to_string()).with_text("text ".repeat(3000));
            let mut writer = table.writer(Fsync::Never);
            let entry = Entry { row: None, parent_id: String::new() };
            writer.put(&number.to_string(), protobuf::encode(&document), &entry, None);
            writer.commit(Counters { rows: 0, documents: number + 1 }).unwrap();
        }
        drop(table);
        journals(&path).unwrap().pop().unwrap()
    }

    /// Positions at which changes end.
    fn ends(journal: &[u8]) -> Vec<usize> {
        let windows = journal.windows(END.len()).enumerate();
        windows.filter_map(|(position, bytes)| (bytes == END).then_some(position + END.len())).collect()
    }

    #[test]
    fn an_intact_journal_is_scanned_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let journal = journal_of(directory.path(), 3);
        let scan = JournalScan::read(&journal, None).unwrap();
        assert!(!scan.has_tail && scan.ends_in_tail == 0 && scan.changes == Some(3), "{scan:?}");
        let bytes = read_file(&journal, 1 << 30).unwrap();
        let last = bytes.windows(END.len()).rposition(|bytes| bytes == END).unwrap();
        assert_eq!(scan.intact, (last + END.len()) as u64);
        assert!(bytes[last + END.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn any_flipped_bit_of_a_change_ends_the_intact_part() {
        let directory = tempfile::tempdir().unwrap();
        let journal = journal_of(directory.path(), 4);
        let bytes = read_file(&journal, 1 << 30).unwrap();
        let ends = ends(&bytes);
        let [.., before, start, second, last] = ends[..] else { panic!("four changes have four ends") };
        assert!(before < start);
        fs::remove_file(&journal).unwrap();
        for position in (start..second).step_by(61).chain(start..start + 60).chain(second - 20..second) {
            let mut damaged = bytes[..last].to_vec();
            damaged[position] ^= 0x10;
            fs::write(&journal, damaged).unwrap();
            let scan = JournalScan::read(&journal, None).unwrap();
            // A sequence number that is too large is noticed at the next one.
            let is_sequence_number = (start + 5..start + 13).contains(&position);
            let before = (start as u64, Some(2));
            let after = (second as u64, Some(3));
            let found = (scan.intact, scan.changes);
            assert!(found == before || is_sequence_number && found == after, "byte {position}: {scan:?}");
            assert!(scan.has_tail && scan.ends_in_tail >= 1, "byte {position}: {scan:?}");
        }
    }

    #[test]
    fn a_sequence_number_that_does_not_increase_ends_the_intact_part() {
        let directory = tempfile::tempdir().unwrap();
        let journal = journal_of(directory.path(), 4);
        let scan = JournalScan::read(&journal, None).unwrap();
        let bytes = read_file(&journal, 1 << 30).unwrap();
        let ends = ends(&bytes);
        let third = ends[ends.len() - 3];
        // The sequence number follows the tag and the number of items.
        for (position, is_first_of_rest) in [(third + 5, false), (third + 5 + 7, true)] {
            let mut damaged = bytes[..*ends.last().unwrap()].to_vec();
            damaged[position] = if is_first_of_rest { 0x7f } else { 0 };
            fs::write(&journal, damaged).unwrap();
            let scan = JournalScan::read(&journal, None).unwrap();
            assert!(scan.has_tail && scan.ends_in_tail >= 1, "{scan:?}");
            assert_eq!(scan.changes, Some(if is_first_of_rest { 3 } else { 2 }));
        }
        fs::write(&journal, &bytes).unwrap();
        let after_it = JournalScan::read(&journal, scan.sequence).unwrap();
        assert!(after_it.intact == 0 && after_it.has_tail, "{after_it:?}");
    }

    #[test]
    fn a_truncated_journal_has_a_tail_unless_it_ends_with_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let journal = journal_of(directory.path(), 2);
        let whole = JournalScan::read(&journal, None).unwrap();
        let file = OpenOptions::new().write(true).open(&journal).unwrap();
        file.set_len(whole.intact).unwrap();
        assert_eq!(JournalScan::read(&journal, None).unwrap(), whole);
        file.set_len(whole.intact - 1).unwrap();
        let cut = JournalScan::read(&journal, None).unwrap();
        assert!(cut.has_tail && cut.intact < whole.intact && cut.ends_in_tail == 0, "{cut:?}");
    }
}
