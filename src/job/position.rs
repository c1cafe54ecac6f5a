//! Places of documents in the input of a job, by which checkpoints name them.

use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Size and modification time of a file. A file with another version is another document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileVersion {
    bytes: u64,
    /// Nanoseconds since 1970, zero if the time is not known.
    modified: u64,
}

impl FileVersion {
    /// The version of the file at `path`; `None` if it cannot be determined.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        Some(Self { bytes: metadata.len(), modified })
    }
}

/// Position of a document in the input.
#[derive(Clone, Debug)]
pub(super) enum Position {
    /// A whole file.
    File {
        /// Absolute path.
        path: String,
        version: FileVersion,
    },
    /// A line of a file, or of standard input.
    Line {
        /// Absolute path; `-` for standard input.
        path: Arc<str>,
        /// From 1.
        line: u64,
        /// Hash of the text of the line.
        hash: u64,
    },
}
