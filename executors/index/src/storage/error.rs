//! Errors of opening, reading and writing stored data.

use std::io;
use std::path::{Path, PathBuf};

use flowrun_sdk::{BuildError, ExecutorError};

/// An error of opening, reading or writing stored data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// An I/O operation failed; `action` is a verb such as `read`.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The database of documents failed.
    #[error("the documents in {} cannot be used: {}", path.display(), describe(source))]
    Documents { path: PathBuf, source: fjall::Error },
    /// Stored data is damaged.
    #[error(
        "{} is damaged: {reason}; restore a snapshot, or remove all shards of this index and index again", path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    /// The data of a shard is gone, although other shards of its index hold documents.
    #[error(
        "{} is missing or empty, but other shards of this index hold documents: restore a snapshot, or remove {} and \
         index again", directory.display(), base.display()
    )]
    Lost { base: PathBuf, directory: PathBuf },
    /// The manifest has the format of another version of flowrun; `known` is the format of this version.
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
    /// There is no index where one is required, as by a read-only executor.
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
    /// The value of `parameter` contradicts the stored data.
    #[error("{reason}")]
    Mismatch { parameter: &'static str, reason: String },
    /// The index type, the value of `parameter`, is invalid or cannot be built.
    #[error("{reason}")]
    IndexType { parameter: &'static str, reason: String },
    /// Writes are rejected after a failed write or sync, whose error is `reason`.
    #[error(
        "an earlier write to {} failed ({reason}): {}", path.display(),
        if *is_transient { "free some disk space; writes are accepted again within seconds" } else { "restart the flow" }
    )]
    WriteFailed { path: PathBuf, reason: String, is_transient: bool },
    /// The directory of an open shard is gone.
    #[error(
        "{} was removed or replaced while the flow was running, and nothing more is written: restore it and restart the \
         flow, or remove all shards of this index and restart the flow to begin with an empty one", .0.display()
    )]
    Removed(PathBuf),
}

/// The I/O error that caused an error of fjall.
fn io_error(error: &fjall::Error) -> Option<&io::Error> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// Describes an error of fjall, whose own text is its debug form.
fn describe(error: &fjall::Error) -> String {
    match (error, io_error(error)) {
        (_, Some(error)) => error.to_string(),
        (fjall::Error::Poisoned, None) => "an earlier write failed in the background".to_owned(),
        (fjall::Error::Locked, None) => "they are open already".to_owned(),
        (error, None) => error.to_string(),
    }
}

impl StorageError {
    /// An I/O error with the failed action and its path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// True if stored data is damaged, lost or unreadable; false if the request, the configuration or a full disk is at fault.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Lost { .. } => true,
            Self::Documents { .. } => !self.is_storage_full(),
            Self::Io { source, .. } => source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()),
            _ => false,
        }
    }

    /// True if a write failed for lack of space.
    pub(crate) fn is_storage_full(&self) -> bool {
        let source = match self {
            Self::Io { source, .. } => Some(source),
            Self::Documents { source, .. } => io_error(source),
            _ => None,
        };
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        source.is_some_and(|source| kinds.contains(&source.kind()))
    }

    /// True if writes may be accepted later without a restart: space was lacking, in this write or in the background.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::WriteFailed { is_transient, .. } => *is_transient,
            Self::Documents { source: fjall::Error::Poisoned, .. } => true,
            error => error.is_storage_full(),
        }
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
