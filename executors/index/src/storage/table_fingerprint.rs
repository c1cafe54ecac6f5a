//! Fingerprints of the files of a table, which show whether it was written to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Extension of fjall's journals.
pub(super) const JOURNAL: &str = "jnl";
/// File of fjall that names the current SST list of a keyspace.
const CURRENT: &str = "current";

/// Largest size in bytes of a `current` file, the name and checksum of an SST list; fjall writes 25 bytes.
const CURRENT_BYTES_MAX: u64 = 1 << 10;
/// Resolution of file times: a file modified more recently may be modified again without a new time.
const CLOCK_RESOLUTION: Duration = Duration::from_millis(50);

/// Fingerprint of the files of a table. Equal fingerprints mean equal contents, if the earlier one
/// [detects later writes](TableFingerprint::detects_later_writes).
#[derive(Clone, Debug)]
pub(crate) struct TableFingerprint {
    /// Current SST list of each keyspace.
    current: BTreeMap<PathBuf, Vec<u8>>,
    /// Modification time of each journal.
    journals: BTreeMap<PathBuf, SystemTime>,
    /// Time at which this was read.
    read_at: SystemTime,
}

impl PartialEq for TableFingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.current == other.current && self.journals == other.journals
    }
}

impl TableFingerprint {
    /// Reads the fingerprint of the table in this directory.
    pub(crate) fn read(table: &Path) -> io::Result<Self> {
        let mut fingerprint =
            Self { current: BTreeMap::new(), journals: BTreeMap::new(), read_at: SystemTime::now() };
        for path in entries(table)? {
            if path.extension().is_some_and(|extension| extension == JOURNAL) {
                let written = fs::metadata(&path)?.modified()?;
                fingerprint.journals.insert(path, written);
            }
        }
        for keyspace in entries(&table.join("keyspaces"))? {
            let path = keyspace.join(CURRENT);
            let mut current = Vec::new();
            File::open(&path)?.take(CURRENT_BYTES_MAX).read_to_end(&mut current)?;
            fingerprint.current.insert(path, current);
        }
        Ok(fingerprint)
    }

    /// True if no data was moved between files before `later` was read.
    pub(super) fn has_same_files(&self, later: &Self) -> bool {
        self.current == later.current && self.journals.keys().eq(later.journals.keys())
    }

    /// True if any later write is certain to change the fingerprint.
    pub(crate) fn detects_later_writes(&self) -> bool {
        let is_earlier = |written: &SystemTime| {
            self.read_at.duration_since(*written).is_ok_and(|since| since > CLOCK_RESOLUTION)
        };
        self.journals.values().all(is_earlier)
    }
}

/// Paths in a directory, in no order.
pub(super) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}
