//! Opens a table after checking its journals: recovers from a power failure, and reports damage.
//!
//! fjall takes an unreadable change for the end of a journal and truncates the file there, or refuses to open it. Both are
//! wrong for damage, and the second also for a power failure, after which a disk may have the end of the unsynced writes
//! and lack an earlier part. Hence, after an orderly end, the journals are compared with their close record
//! ([`super::close_record`]). After a crash they are scanned ([`super::journal_scan`]), and the number of changes is
//! compared with the acknowledgement mark ([`super::acknowledged`]); a journal is truncated only if nothing acknowledged
//! as synced is after the gap, or the fsync policy permits its loss.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use flowrun_sdk::tracing;

use super::acknowledged::read_mark;
use super::checkpoint::Checkpoint;
use super::close_record::CloseRecord;
use super::error::StorageError;
use super::fsync::Fsync;
use super::journal_check::{Journals, check_changes, check_tail};
use super::table::Table;

/// Opens the table at `path`, or creates an empty one. After an orderly end the journals must be as they were left. After
/// a crash a damaged journal is truncated to its intact part. With [`Fsync::Always`] that may drop the last change only,
/// with the other policies any number of changes. `checkpoints` is a directory on the same disk.
///
/// # Errors
/// Those of [`Table::open`], and [`StorageError::Damaged`] when acknowledged changes are missing; nothing is truncated
/// then.
pub(crate) fn open_with_journal_recovery(
    path: &Path,
    checkpoints: &Path,
    fsync: Fsync,
) -> Result<Table, StorageError> {
    if !path.exists() {
        return Table::open(path);
    }
    let acknowledged = read_mark(path).unwrap_or_else(|error| {
        tracing::warn!(%error, "the acknowledgement mark cannot be read and is replaced; lost changes would not be noticed");
        None
    });
    let closed = CloseRecord::read(path).unwrap_or_else(|error| {
        tracing::warn!(%error, "the close record cannot be read; the journals are opened as after a crash");
        None
    });
    match &closed {
        Some(closed) => closed.check(path, path)?,
        None => truncate_unsynced(path, checkpoints, fsync, acknowledged)?,
    }
    CloseRecord::remove(path)?;
    let table = Table::open(path)?;
    match check_changes(table.path(), table.changes()?, acknowledged) {
        Err(error) if fsync == Fsync::Always || closed.is_some() => return Err(error),
        Err(error) => tracing::warn!(%error, "acknowledged writes are lost; this fsync policy accepts that"),
        Ok(()) => {}
    }
    table.reset_mark()?;
    Ok(table)
}

/// Truncates the newest journal after its intact part, where a crash may have left an incomplete change.
fn truncate_unsynced(
    path: &Path,
    checkpoints: &Path,
    fsync: Fsync,
    acknowledged: Option<u64>,
) -> Result<(), StorageError> {
    let Journals { newest: Some((journal, scan)), changes, .. } = Journals::scan(path, path)? else {
        return Ok(());
    };
    if fsync == Fsync::Always {
        check_tail(&scan, &journal)?;
        // The SSTs may have the missing changes: a flush empties the journals.
        if changes < acknowledged {
            check_copy(path, checkpoints, (&journal, scan.intact), acknowledged)?;
        }
    }
    if scan.has_tail {
        let file = OpenOptions::new().write(true).open(&journal);
        let truncated = file.and_then(|file| file.set_len(scan.intact).and_then(|()| file.sync_all()));
        truncated.map_err(StorageError::io("truncate", &journal))?;
        tracing::warn!(
            path = %path.display(),
            "the last writes were not synced before the machine went down and are lost"
        );
    }
    Ok(())
}

/// Checks the number of changes in a copy with a truncated journal, so that the table stays as it is if some are missing.
fn check_copy(
    path: &Path,
    checkpoints: &Path,
    (journal, intact): (&Path, u64),
    acknowledged: Option<u64>,
) -> Result<(), StorageError> {
    let checkpoint = Arc::new(Checkpoint::create(path, checkpoints)?);
    let copy = checkpoint.directory().join(journal.file_name().unwrap_or_default());
    let truncated = OpenOptions::new().write(true).open(&copy).and_then(|file| file.set_len(intact));
    truncated.map_err(StorageError::io("truncate", &copy))?;
    let table = Table::open_files(checkpoint.directory(), path, Some(&checkpoint))?;
    check_changes(path, table.changes()?, acknowledged)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt as _;
    use std::path::PathBuf;

    use flowrun_sdk::{Document, protobuf};

    use super::super::Counters;
    use super::super::close_record::CLOSED;
    use super::super::journal_scan::{END, JournalScan, journals};
    use super::super::keys::Entry;
    use super::*;

    fn write(table: &Table, number: u64) {
        write_with(table, number, Fsync::Never);
    }

    fn write_with(table: &Table, number: u64, fsync: Fsync) {
        let document = Document::new(number.to_string()).with_text(format!("text of {number}").repeat(20));
        let entry = Entry { row: None, parent_id: String::new() };
        let mut writer = table.writer(fsync);
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
            let journal = journals(&path).unwrap().pop().unwrap();
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
    fn other_damage_is_not_repaired() {
        let directory = tempfile::tempdir().unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let table = Table::open(&path).unwrap();
        write(&table, 0);
        drop(table);
        fs::write(path.join("version"), b"nothing").unwrap();
        assert!(open_with_journal_recovery(&path, &checkpoints, Fsync::Never).is_err());
    }

    /// A table with 40 synced changes whose process was killed after the last, and its journal.
    fn synced_table(path: &Path) -> PathBuf {
        let table = Table::open(path).unwrap();
        (0..40).for_each(|number| write_with(&table, number, Fsync::Always));
        drop(table);
        journals(path).unwrap().pop().unwrap()
    }

    #[test]
    fn any_truncation_of_a_synced_journal_is_reported_and_truncates_nothing_more() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let journal = synced_table(&path);
        let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
        let end = JournalScan::read(&journal, None).unwrap().intact;
        let boundaries: Vec<u64> = bytes
            .windows(END.len())
            .enumerate()
            .filter_map(|(position, bytes)| (bytes == END).then_some((position + END.len()) as u64))
            .collect();
        let lengths = boundaries.iter().rev().skip(1).step_by(7).copied().chain((1..end).step_by(3001));
        for length in lengths.chain([0, end - 1]) {
            fs::write(&journal, &bytes[..length as usize]).unwrap();
            for _ in 0..2 {
                let reading = Table::open_checkpoint(&path, &checkpoints).unwrap_err();
                assert!(reading.is_damage(), "{length} bytes: {reading}");
                let writing = open_with_journal_recovery(&path, &checkpoints, Fsync::Always).unwrap_err();
                assert!(writing.is_damage(), "{length} bytes: {writing}");
                assert_eq!(fs::metadata(&journal).unwrap().len(), length);
            }
        }
        fs::write(&journal, &bytes[..end as usize]).unwrap();
        Table::open_checkpoint(&path, &checkpoints).unwrap();
        let table = open_with_journal_recovery(&path, &checkpoints, Fsync::Always).unwrap();
        assert_eq!(table.counters().unwrap().documents, 40);
    }

    #[test]
    fn every_flipped_byte_of_a_synced_journal_is_reported() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let journal = synced_table(&path);
        let end = JournalScan::read(&journal, None).unwrap().intact;
        let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
        for position in (0..end).step_by(97).chain(end - 20..end) {
            let mut damaged = bytes[..end as usize].to_vec();
            damaged[position as usize] ^= 1 << (position % 8);
            fs::write(&journal, &damaged).unwrap();
            assert!(Table::open_checkpoint(&path, &checkpoints).unwrap_err().is_damage(), "byte {position}");
            let refused = open_with_journal_recovery(&path, &checkpoints, Fsync::Always).unwrap_err();
            assert!(refused.is_damage(), "byte {position}: {refused}");
            assert_eq!(flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap(), damaged);
        }
    }

    #[test]
    fn after_an_orderly_end_any_change_of_a_journal_is_reported_whatever_the_policy() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let table = Table::open(&path).unwrap();
        (0..10).for_each(|number| write(&table, number));
        table.close().unwrap();
        assert!(!path.join(CLOSED).exists(), "recorded while the journals may change");
        drop(table);
        let (journal, closed) = (path.join("0.jnl"), path.join(CLOSED));
        let bytes = flowrun_sdk::guard::read_file(&journal, 1 << 30).unwrap();
        let end = JournalScan::read(&journal, None).unwrap().intact;
        let file = OpenOptions::new().write(true).open(&journal).unwrap();
        for position in (0..end).step_by(199).chain([1, 5, 12, end - 1, end, end + 70_000]) {
            let byte = bytes.get(position as usize).copied().unwrap_or(0);
            file.write_all_at(&[byte ^ 1 << (position % 8)], position).unwrap();
            let reading = Table::open_checkpoint(&path, &checkpoints).unwrap_err();
            assert!(reading.is_damage(), "byte {position}: {reading}");
            for fsync in [Fsync::Always, Fsync::Interval, Fsync::Never] {
                let writing = open_with_journal_recovery(&path, &checkpoints, fsync).unwrap_err();
                assert!(writing.is_damage(), "byte {position}: {writing}");
            }
            file.write_all_at(&[byte], position).unwrap();
        }
        // A damaged record costs the protection, but no data.
        fs::write(&closed, "END1").unwrap();
        let table = open_with_journal_recovery(&path, &checkpoints, Fsync::Never).unwrap();
        assert_eq!((table.counters().unwrap().documents, closed.exists()), (10, false));
    }

    #[test]
    fn a_process_that_was_killed_promises_every_acknowledged_change() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = directory.path().join("t");
        let table = Table::open(&path).unwrap();
        (0..5).for_each(|number| write_with(&table, number, Fsync::Always));
        assert_eq!((table.changes().unwrap(), read_mark(&path).unwrap()), (5, Some(5)));
        (5..9).for_each(|number| write_with(&table, number, Fsync::Never));
        assert_eq!((table.changes().unwrap(), read_mark(&path).unwrap()), (9, Some(5)));
        table.sync().unwrap();
        assert_eq!(read_mark(&path).unwrap(), Some(9));
    }
}
