//! A journal of documents that a power failure tore.
//!
//! fjall leaves out the end of a journal that is not whole. But a disk may have the end of what was written since it was told
//! last, and lack something before it: that fjall takes for damage, and opens nothing. What is behind such a hole was never
//! acknowledged, or never promised to outlive the machine. So the journal is cut there: how far it is whole, fjall itself
//! says, of copies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowrun_sdk::tracing;

use super::beside::{Copy, JOURNAL};
use super::{Fsync, StorageError, Table};

/// What the end of a change ends with in a journal of fjall's.
const END: &[u8] = b"FJL\x03";

/// Opens the table at `path`, or makes an empty one; if its journal is torn, as it was before that was written. Where changes
/// were left to the operating system, any of them may be torn and lead those behind along; else it is the last one.
/// `copies` is a directory on the same disk.
///
/// # Errors
/// As for [`Table::open`], when something else is damaged.
pub(crate) fn open_with_journal_recovery(
    path: &Path,
    copies: &Path,
    fsync: Fsync,
) -> Result<Table, StorageError> {
    let opened = Table::open(path);
    let Err(StorageError::Documents { source: fjall::Error::JournalRecovery(_), .. }) = &opened else {
        return opened;
    };
    let Some(journal) = newest_journal(path)? else { return opened };
    let failed = |error| StorageError::io("cut", &journal)(error);
    let length = fs::metadata(&journal).map_err(failed)?.len();
    let Some(whole) = whole_length(path, copies, &journal, length)? else { return opened };
    if fsync == Fsync::Always && !is_last_change(&journal, whole).map_err(failed)? {
        let reason = "a change in it is not whole, and others are behind it; where it was written with `fsync: interval` or \
                      `never`, start the flow with that once, which leaves them out";
        return Err(StorageError::damaged(&journal, reason));
    }
    let file = OpenOptions::new().write(true).open(&journal).map_err(failed)?;
    file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
    tracing::warn!(
        path = %path.display(),
        "the machine ended before the disk had what was written last: it is gone"
    );
    Table::open(path)
}

/// Whether no more than one change ends in a file behind a place. What says so may be part of a document too: then there seem
/// to be more.
fn is_last_change(path: &Path, place: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place))?;
    let mut behind = Vec::new();
    file.read_to_end(&mut behind)?;
    Ok(behind.windows(END.len()).filter(|bytes| *bytes == END).count() <= 1)
}

/// The journal that was written last.
fn newest_journal(table: &Path) -> Result<Option<PathBuf>, StorageError> {
    let failed = |error| StorageError::io("list", table)(error);
    let mut newest = None;
    for entry in fs::read_dir(table).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_journal = path.extension().is_some_and(|extension| extension == JOURNAL);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        newest = newest.max(number.filter(|_| is_journal).map(|number| (number, path)));
    }
    Ok(newest.map(|(_, path)| path))
}

/// How much of a journal of this length can be opened; `None` when it is not what is torn.
fn whole_length(
    table: &Path,
    copies: &Path,
    journal: &Path,
    length: u64,
) -> Result<Option<u64>, StorageError> {
    let can_be_opened = |length: u64| {
        let copy = Arc::new(Copy::of(table, copies)?);
        let copied = copy.directory().join(journal.file_name().unwrap_or_default());
        let cut = OpenOptions::new().write(true).open(&copied).and_then(|file| file.set_len(length));
        cut.map_err(StorageError::io("cut", &copied))?;
        match Table::open_files(copy.directory(), table, Some(&copy)) {
            Ok(_) => Ok(true),
            Err(StorageError::Documents { source: fjall::Error::JournalRecovery(_), .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    if !can_be_opened(0)? {
        return Ok(None);
    }
    // The one can be opened, the other cannot.
    let (mut whole, mut torn) = (0, length);
    while torn - whole > 1 {
        let middle = whole + (torn - whole) / 2;
        if can_be_opened(middle)? { whole = middle } else { torn = middle }
    }
    Ok(Some(whole))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use flowrun_sdk::{Document, wire};

    use super::super::Counters;
    use super::super::keys::Entry;
    use super::*;

    fn write(table: &Table, number: u64) {
        let document = Document::new(number.to_string()).with_text(format!("text of {number}").repeat(20));
        let entry = Entry { row: None, parent_id: String::new() };
        let mut writer = table.writer(Fsync::Never);
        writer.put(&number.to_string(), wire::encode(&document), &entry, None);
        writer.commit(Counters { rows: 0, documents: number + 1 }).unwrap();
    }

    #[test]
    fn what_was_written_before_a_hole_in_the_journal_is_there_and_more_can_be_written() {
        for (torn, is_last) in [(0_u64, false), (1, false), (25, false), (39, true)] {
            let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let (path, copies) = (directory.path().join("t"), directory.path().join("copies"));
            let table = Table::open(&path).unwrap();
            (0..40).for_each(|number| write(&table, number));
            drop(table);
            let journal = newest_journal(&path).unwrap().unwrap();
            let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
            let text = format!("text of {torn}text of {torn}");
            let place = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
            let file = OpenOptions::new().write(true).open(&journal).unwrap();
            file.write_all_at(&[0; 16], place as u64).unwrap();
            let refused = Table::open(&path).unwrap_err();
            assert!(refused.is_damage(), "{refused}");
            if !is_last {
                // Those behind were acknowledged when the disk had them.
                assert!(open_with_journal_recovery(&path, &copies, Fsync::Always).unwrap_err().is_damage());
            }
            for more in 0..2 {
                let fsync = if is_last { Fsync::Always } else { Fsync::Interval };
                let table = open_with_journal_recovery(&path, &copies, fsync).unwrap();
                let found = (0..40).filter(|number| table.holds_id(&number.to_string()).unwrap());
                assert_eq!(found.count() as u64, torn + more);
                assert_eq!(table.counters().unwrap().documents, torn + more);
                write(&table, torn + more);
            }
        }
    }

    #[test]
    fn changes_end_as_it_is_known_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        let table = Table::open(&path).unwrap();
        (0..3).for_each(|number| write(&table, number));
        drop(table);
        let journal = newest_journal(&path).unwrap().unwrap();
        let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
        let ends: Vec<usize> = bytes
            .windows(END.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == END)
            .map(|(at, _)| at)
            .collect();
        let [.., second, third] = ends[..] else { panic!("three changes have three ends") };
        assert!(bytes[third + END.len()..].iter().all(|byte| *byte == 0));
        assert!(is_last_change(&journal, second as u64 + 1).unwrap());
        assert!(!is_last_change(&journal, second as u64).unwrap());
    }

    #[test]
    fn other_damage_stays_damage() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copies) = (directory.path().join("t"), directory.path().join("copies"));
        let table = Table::open(&path).unwrap();
        write(&table, 0);
        drop(table);
        fs::write(path.join("version"), b"nothing").unwrap();
        assert!(open_with_journal_recovery(&path, &copies, Fsync::Never).is_err());
    }
}
