//! Checks of a table's journals: nothing unreadable before their end, and no acknowledged change missing.
//!
//! Nothing is repaired here: [`super::journal_recovery`] truncates a journal where the fsync policy permits it.

use std::path::{Path, PathBuf};

use super::error::StorageError;
use super::journal_scan::{JournalScan, journals};

/// Checks the journals in `directory`, a checkpoint of the table at `path`. An incomplete last change is permitted: the
/// writer was interrupted, or was writing during the copy.
///
/// # Errors
/// [`StorageError::Damaged`] with the path of the damaged journal in the table.
pub(super) fn check_journals(directory: &Path, path: &Path) -> Result<(), StorageError> {
    match Journals::scan(directory, path)?.newest {
        Some((journal, scan)) => check_tail(&scan, &name_in(path, &journal)),
        None => Ok(()),
    }
}

/// The journals of a table; all but the newest are intact.
pub(super) struct Journals {
    /// The journal to which fjall appends, and its state; `None` for a table without journals.
    pub(super) newest: Option<(PathBuf, JournalScan)>,
    /// Number of the last change in the intact part of all journals.
    pub(super) changes: Option<u64>,
    /// Sequence number of that change.
    sequence: Option<u64>,
}

impl Journals {
    /// Scans the journals in `directory`, which is the table at `path` or a copy of it.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when a journal before the newest, which was therefore synced as a whole, is not intact.
    pub(super) fn scan(directory: &Path, path: &Path) -> Result<Self, StorageError> {
        let mut scanned = Self { newest: None, changes: None, sequence: None };
        for journal in journals(directory)? {
            if let Some((sealed, scan)) = scanned.newest.take().filter(|(_, scan)| scan.has_tail) {
                let reason = format_args!("the change at byte {} is unreadable", scan.intact);
                return Err(StorageError::damaged(&name_in(path, &sealed), reason));
            }
            let scan = JournalScan::read(&journal, scanned.sequence);
            let scan = scan.map_err(StorageError::io("read", &name_in(path, &journal)))?;
            scanned.changes = scanned.changes.max(scan.changes);
            scanned.sequence = scan.sequence;
            scanned.newest = Some((journal, scan));
        }
        Ok(scanned)
    }
}

/// The path of a journal in the table at `path`.
fn name_in(path: &Path, journal: &Path) -> PathBuf {
    path.join(journal.file_name().unwrap_or_default())
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

/// Checks that at most one change, which may not have been acknowledged, follows the intact part.
pub(super) fn check_tail(scan: &JournalScan, name: &Path) -> Result<(), StorageError> {
    if scan.has_tail && scan.ends_in_tail > 1 {
        let reason = "a change in it is incomplete, and others follow; if it was written with `fsync: interval` or \
                      `never`, start the flow once with that setting, which drops them";
        return Err(StorageError::damaged(name, reason));
    }
    Ok(())
}
