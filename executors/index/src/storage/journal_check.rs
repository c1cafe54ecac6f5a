//! Checks of a table's journals: nothing unreadable before their end, and no acknowledged change missing.
//!
//! Nothing is repaired here: [`super::journal_recovery`] truncates a journal where the fsync policy permits it.

use std::path::Path;

use super::error::StorageError;
use super::journal_scan::{JournalScan, journals};

/// Checks the journals in `directory`, a checkpoint of the table at `path`. An incomplete last change is permitted: the
/// writer was interrupted, or was writing during the copy.
///
/// # Errors
/// [`StorageError::Damaged`], for a journal of the table.
pub(super) fn check_journals(directory: &Path, path: &Path) -> Result<(), StorageError> {
    let mut journals = journals(directory)?;
    let newest = journals.pop();
    let in_table = |journal: &Path| path.join(journal.file_name().unwrap_or_default());
    for sealed in &journals {
        check_sealed(sealed, &in_table(sealed))?;
    }
    let Some(journal) = newest else { return Ok(()) };
    let scan = JournalScan::read(&journal).map_err(StorageError::io("read", &journal))?;
    check_tail(&scan, &in_table(&journal))
}

/// Checks that the table at `path`, which has `changes`, has those that were acknowledged as synced.
///
/// # Errors
/// [`StorageError::Damaged`] when some are missing.
pub(super) fn check_changes(
    path: &Path,
    changes: u64,
    acknowledged: Option<u64>,
) -> Result<(), StorageError> {
    match acknowledged {
        Some(acknowledged) if changes < acknowledged => {
            let missing = acknowledged - changes;
            Err(StorageError::damaged(
                path,
                format_args!("its journal has lost the last {missing} of {acknowledged} synced changes"),
            ))
        }
        _ => Ok(()),
    }
}

/// Checks a journal that is not written to any more, and returns the number of its last change. Such a journal was synced
/// as a whole.
pub(super) fn check_sealed(journal: &Path, name: &Path) -> Result<Option<u64>, StorageError> {
    let scan = JournalScan::read(journal).map_err(StorageError::io("read", name))?;
    if scan.has_tail {
        let reason = format_args!("the change at byte {} is unreadable", scan.intact);
        return Err(StorageError::damaged(name, reason));
    }
    Ok(scan.changes)
}

/// Checks that at most one change, which may not have been acknowledged, follows the intact part.
pub(super) fn check_tail(scan: &JournalScan, name: &Path) -> Result<(), StorageError> {
    if scan.has_tail && scan.ends_in_tail > 1 {
        let reason = "a change in it is incomplete, and others follow; if it was written with `fsync: interval` or \
                      `never`, start the flow with that setting once, which drops them";
        return Err(StorageError::damaged(name, reason));
    }
    Ok(())
}
