//! Recovery of a document journal that a power failure has damaged.
//!
//! fjall ignores an incomplete end of a journal. But a disk may have the end of the unsynced writes and lack an
//! earlier part: fjall takes that for damage and opens nothing. Data after such a gap was never acknowledged, or
//! never promised to survive a power failure. So the journal is truncated at the gap, whose position is determined by
//! letting fjall open truncated copies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowrun_sdk::tracing;

use super::checkpoint::{Checkpoint, JOURNAL};
use super::error::StorageError;
use super::fsync::Fsync;
use super::table::Table;

/// Bytes that end each change in a journal of fjall.
const END: &[u8] = b"FJL\x03";

/// Opens the table at `path`, or creates an empty one. A damaged journal is truncated to its intact part: any number
/// of changes with a policy that leaves syncing to the system, only the last change with [`Fsync::Always`].
/// `checkpoints` is a directory on the same disk.
///
/// # Errors
/// Those of [`Table::open`], when anything else is damaged.
pub(crate) fn open_with_journal_recovery(
    path: &Path,
    checkpoints: &Path,
    fsync: Fsync,
) -> Result<Table, StorageError> {
    let opened = Table::open(path);
    let Err(StorageError::Documents { source: fjall::Error::JournalRecovery(_), .. }) = &opened else {
        return opened;
    };
    let Some(journal) = newest_journal(path)? else { return opened };
    let failed = |error| StorageError::io("truncate", &journal)(error);
    let length = fs::metadata(&journal).map_err(failed)?.len();
    let Some(intact) = intact_length(path, checkpoints, &journal, length)? else { return opened };
    if fsync == Fsync::Always && !is_last_change(&journal, intact).map_err(failed)? {
        let reason = "a change in it is incomplete, and others follow; if it was written with `fsync: interval` or \
                      `never`, start the flow with that setting once, which drops them";
        return Err(StorageError::damaged(&journal, reason));
    }
    let file = OpenOptions::new().write(true).open(&journal).map_err(failed)?;
    file.set_len(intact).and_then(|()| file.sync_all()).map_err(failed)?;
    tracing::warn!(
        path = %path.display(),
        "the last writes were not synced before the machine went down and are lost"
    );
    Table::open(path)
}

/// Returns whether at most one change ends after a position. Documents may contain the same bytes; then there seem to
/// be more.
fn is_last_change(path: &Path, position: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    Ok(rest.windows(END.len()).filter(|bytes| *bytes == END).count() <= 1)
}

/// The journal with the highest number.
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

/// Length of the longest intact part of a journal; `None` when the damage is elsewhere.
fn intact_length(
    table: &Path,
    checkpoints: &Path,
    journal: &Path,
    length: u64,
) -> Result<Option<u64>, StorageError> {
    let can_be_opened = |length: u64| {
        let checkpoint = Arc::new(Checkpoint::create(table, checkpoints)?);
        let copied = checkpoint.directory().join(journal.file_name().unwrap_or_default());
        let truncated = OpenOptions::new().write(true).open(&copied).and_then(|file| file.set_len(length));
        truncated.map_err(StorageError::io("truncate", &copied))?;
        match Table::open_files(checkpoint.directory(), table, Some(&checkpoint)) {
            Ok(_) => Ok(true),
            Err(StorageError::Documents { source: fjall::Error::JournalRecovery(_), .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    if !can_be_opened(0)? {
        return Ok(None);
    }
    // A journal of length `intact` can be opened, one of length `damaged` cannot.
    let (mut intact, mut damaged) = (0, length);
    while damaged - intact > 1 {
        let middle = intact + (damaged - intact) / 2;
        if can_be_opened(middle)? { intact = middle } else { damaged = middle }
    }
    Ok(Some(intact))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use flowrun_sdk::{Document, protobuf};

    use super::super::Counters;
    use super::super::keys::Entry;
    use super::*;

    fn write(table: &Table, number: u64) {
        let document = Document::new(number.to_string()).with_text(format!("text of {number}").repeat(20));
        let entry = Entry { row: None, parent_id: String::new() };
        let mut writer = table.writer(Fsync::Never);
        writer.put(&number.to_string(), protobuf::encode(&document), &entry, None);
        writer.commit(Counters { rows: 0, documents: number + 1 }).unwrap();
    }

    #[test]
    fn changes_before_a_gap_in_the_journal_are_kept_and_writes_continue() {
        for (torn, is_last) in [(0_u64, false), (1, false), (25, false), (39, true)] {
            let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
            let table = Table::open(&path).unwrap();
            (0..40).for_each(|number| write(&table, number));
            drop(table);
            let journal = newest_journal(&path).unwrap().unwrap();
            let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
            let text = format!("text of {torn}text of {torn}");
            let position = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
            let file = OpenOptions::new().write(true).open(&journal).unwrap();
            file.write_all_at(&[0; 16], position as u64).unwrap();
            let refused = Table::open(&path).unwrap_err();
            assert!(refused.is_damage(), "{refused}");
            if !is_last {
                // Later changes were acknowledged as synced.
                assert!(
                    open_with_journal_recovery(&path, &checkpoints, Fsync::Always).unwrap_err().is_damage()
                );
            }
            for more in 0..2 {
                let fsync = if is_last { Fsync::Always } else { Fsync::Interval };
                let table = open_with_journal_recovery(&path, &checkpoints, fsync).unwrap();
                let found = (0..40).filter(|number| table.contains_id(&number.to_string()).unwrap());
                assert_eq!(found.count() as u64, torn + more);
                assert_eq!(table.counters().unwrap().documents, torn + more);
                write(&table, torn + more);
            }
        }
    }

    #[test]
    fn the_end_of_each_change_is_recognised() {
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
    fn other_damage_is_not_repaired() {
        let directory = tempfile::tempdir().unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let table = Table::open(&path).unwrap();
        write(&table, 0);
        drop(table);
        fs::write(path.join("version"), b"nothing").unwrap();
        assert!(open_with_journal_recovery(&path, &checkpoints, Fsync::Never).is_err());
    }
}
