//! Errors of opening, reading and writing stored data.

use std::io;
use std::path::{Path, PathBuf};

use flowrun_sdk::{BuildError, ExecutorError};

/// An error of opening, reading or writing stored data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// An I/O operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The database of documents failed.
    #[error("the documents in {} cannot be used: {source}", path.display())]
    Documents { path: PathBuf, source: fjall::Error },
    /// Stored data is damaged.
    #[error(
        "{} is damaged: {reason}; restore it, or remove {} and index again",
        path.display(), directory_of(path).display()
    )]
    Damaged { path: PathBuf, reason: String },
    /// The data has a format of another version of flowrun.
    #[error(
        "{} was written by {} version of flowrun: it has format {format}, and this version reads format {known}; use that \
         version, or export with it (`flowrun index export`) and import here",
        path.display(), if *format > u64::from(*known) { "a later" } else { "an earlier" }
    )]
    Format { path: PathBuf, format: u64, known: u32 },
    /// Another process or pod has the workspace open for writing.
    #[error(
        "another process or pod writes to {}, and only one writer is allowed: stop it, give this executor its own workspace, \
         or set `read_only: true` to read while the other writes",
        .0.display()
    )]
    Locked(PathBuf),
    /// A read-only executor found no index.
    #[error("there is no index in {}: run the flow that writes it first, or leave out `read_only`", .0.display())]
    NoIndex(PathBuf),
    /// The data was written by an executor that stores other data.
    #[error(
        "{}: written by another kind of executor ({written}): give this executor its own workspace",
        directory.display()
    )]
    WrongKind { directory: PathBuf, written: &'static str },
    /// The index has another number of shards.
    #[error(
        "the index in {} was written with {written} shards, not {expected}: write `shards: {written}`, or index again \
         into an empty workspace", base.display()
    )]
    Shards { base: PathBuf, written: usize, expected: usize },
    /// A parameter contradicts the stored data.
    #[error("{reason}")]
    Mismatch { parameter: &'static str, reason: String },
    /// The index type is invalid or cannot be built.
    #[error("{reason}")]
    IndexType { parameter: &'static str, reason: String },
    /// Writes are rejected after a failed write or sync.
    #[error("an earlier write to {} failed ({reason}): restart the flow", path.display())]
    WriteFailed { path: PathBuf, reason: String },
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

impl StorageError {
    /// An I/O error with the failed action and its path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// True if stored data is damaged; false if the request or the configuration is at fault.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Documents { .. })
    }

    /// Damage of the file or directory at `path`.
    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl From<StorageError> for ExecutorError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::IndexType { parameter, reason } => Self::parameter(parameter, reason),
            error => Self::resource(error),
        }
    }
}

impl From<StorageError> for BuildError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Mismatch { parameter, reason } | StorageError::IndexType { parameter, reason } => {
                Self::parameter(parameter, reason)
            }
            error => Self::failed(error),
        }
    }
}
