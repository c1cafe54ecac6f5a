//! Errors of reading files and URIs.

use std::io;
use std::path::PathBuf;

use crate::ExecutorError;

/// Reason why a file or URI could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The operating system reported an error.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The path is a directory, a pipe, a device, …
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The content is larger than allowed.
    #[error("{what} has {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// The file or URI.
        what: String,
        /// Its size in bytes.
        bytes: u64,
        /// The bound in bytes.
        bytes_max: u64,
    },
    /// The file is not UTF-8 text.
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// The file is outside the directories that documents may refer to. Its existence is not disclosed.
    #[error(
        "{} is outside the directories that this flow serves: name its directory under the flow's `with:`, as in \
         `files: [DIRECTORY]`, or send the content itself",
        .0.display()
    )]
    Outside(PathBuf),
    /// The scheme of the URI is not supported, or the `file:` URI names another host or a relative path.
    #[error("cannot read `{0}`: only paths, `file:` and `data:` URIs are read")]
    Scheme(String),
    /// The `data:` URI is malformed, for this reason.
    #[error("the `data:` URI is malformed: {0}")]
    Data(String),
}

impl From<GuardError> for ExecutorError {
    fn from(error: GuardError) -> Self {
        Self::input(error)
    }
}
