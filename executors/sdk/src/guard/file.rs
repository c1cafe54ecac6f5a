//! Reading files whole, up to a size.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::ExecutorError;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a pipe, a device, …
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than allowed.
    #[error("{what} has {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// The file or URI.
        what: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The text is not UTF-8.
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// Documents may not name it. Whether it exists is not told.
    #[error(
        "{} is not beneath a directory that this flow serves: name its directory under the flow's `with:`, as in \
         `files: [DIRECTORY]`, or send the content itself",
        .0.display()
    )]
    Outside(PathBuf),
    /// The URI has a scheme that is not read.
    #[error("cannot read `{0}`: only paths, `file:` and `data:` URIs are read")]
    Scheme(String),
    /// The `data:` URI is malformed.
    #[error("the `data:` URI is malformed: {0}")]
    Data(String),
}

impl From<GuardError> for ExecutorError {
    fn from(error: GuardError) -> Self {
        Self::input(error)
    }
}

/// The bytes of a regular file.
///
/// # Errors
/// [`GuardError`] when there is none, it cannot be read, or it has more than `bytes_max` bytes.
pub fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, GuardError> {
    read_admitted(path, bytes_max, |_| Ok(()))
}

/// The same, when `admit` lets so many bytes in; it is asked before memory is taken for them.
///
/// # Errors
/// As [`read_file`], and those of `admit`.
pub(super) fn read_admitted<E: From<GuardError>>(
    path: &Path,
    bytes_max: u64,
    admit: impl Fn(usize) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let failed = |source| GuardError::Io { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(GuardError::NotAFile(path.to_owned()).into());
    }
    let too_large = |bytes| GuardError::TooLarge { what: path.display().to_string(), bytes, bytes_max };
    if metadata.len() > bytes_max {
        return Err(too_large(metadata.len()).into());
    }
    let expected = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    admit(expected)?;
    let mut bytes = Vec::with_capacity(expected);
    // The file may have grown since it was looked at, and those of `/proc` say that they are empty.
    let file = File::open(path).map_err(failed)?;
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length > bytes_max => Err(too_large(length).into()),
        _ => admit(bytes.len().saturating_sub(expected)).map(|()| bytes),
    }
}

/// The text of a regular file.
///
/// # Errors
/// As [`read_file`], and when the text is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, GuardError> {
    String::from_utf8(read_file(path, bytes_max)?).map_err(|_| GuardError::NotText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_bound_and_no_further() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_file(&path, 10).unwrap(), [7; 10]);
        let error = read_file(&path, 9).unwrap_err().to_string();
        assert!(error.ends_with("/a has 10 bytes, more than the 9 allowed"), "{error}");
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read_file(directory.path(), 9), Err(GuardError::NotAFile(_))));
        assert!(matches!(read_file(&directory.path().join("b"), 9), Err(GuardError::Io { .. })));
        assert!(matches!(read_file(Path::new("/dev/zero"), 9), Err(GuardError::NotAFile(_))));
    }
}
