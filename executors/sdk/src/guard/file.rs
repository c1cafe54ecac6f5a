//! Reading of whole files, up to a size. Does not confine paths: see [`confine`](super::confine).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::GuardError;

/// Flags that open a file for reading. A named pipe is opened without waiting for a writer, and then rejected.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// [`GuardError`] if the file does not exist, is not a regular file, cannot be read, or is larger.
pub fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, GuardError> {
    read_reserving(&open_path(path)?, path, bytes_max, |_| Ok(()))
}

/// Opens the file at `path`.
pub(super) fn open_path(path: &Path) -> Result<File, GuardError> {
    let opened = rustix::fs::open(path, READ, Mode::empty());
    opened.map(File::from).map_err(|error| GuardError::Io { path: path.to_owned(), source: error.into() })
}

/// Reads an open file if it is a regular one of at most `bytes_max` bytes, and calls `reserve` with the number of bytes
/// before it allocates them. Errors name the file `name`: the path that a client sent, not the target of its links.
///
/// # Errors
/// Those of [`read_file`] and of `reserve`.
pub(super) fn read_reserving<E: From<GuardError>>(
    file: &File,
    name: &Path,
    bytes_max: u64,
    reserve: impl Fn(usize) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let expected = usize::try_from(check_regular(file, name, bytes_max)?).unwrap_or(usize::MAX);
    reserve(expected)?;
    let failed = |source| GuardError::Io { path: name.to_owned(), source };
    let mut bytes = Vec::with_capacity(expected);
    // The file may have grown meanwhile, and files in `/proc` report a size of zero.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length > bytes_max => Err(too_large(name, length, bytes_max).into()),
        _ => reserve(bytes.len().saturating_sub(expected)).map(|()| bytes),
    }
}

/// Returns the size of a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// [`GuardError::NotAFile`], [`GuardError::TooLarge`], and those of the operating system.
pub(super) fn check_regular(file: &File, name: &Path, bytes_max: u64) -> Result<u64, GuardError> {
    let metadata = file.metadata().map_err(|source| GuardError::Io { path: name.to_owned(), source })?;
    match metadata.len() {
        _ if !metadata.is_file() => Err(GuardError::NotAFile(name.to_owned())),
        bytes if bytes > bytes_max => Err(too_large(name, bytes, bytes_max)),
        bytes => Ok(bytes),
    }
}

fn too_large(name: &Path, bytes: u64, bytes_max: u64) -> GuardError {
    GuardError::TooLarge { what: name.display().to_string(), bytes, bytes_max }
}

/// Reads a regular file of at most `bytes_max` bytes as UTF-8 text, without the byte order mark that it may begin with.
///
/// # Errors
/// Those of [`read_file`], and [`GuardError::NotText`] if it is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, GuardError> {
    let mut bytes = read_file(path, bytes_max)?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|_| GuardError::NotText(path.to_owned()))
}

/// UTF-8's byte order mark, with which editors of Windows begin a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text in `bytes`, which is UTF-8, without the byte order mark that it may begin with.
#[must_use]
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beyond_the_bound_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_file(&path, 10).unwrap(), [7; 10]);
        let error = read_file(&path, 9).unwrap_err().to_string();
        assert!(error.ends_with("/a has 10 bytes, more than the 9 allowed"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_at_the_beginning_of_a_text_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "\u{feff}a\u{feff}").unwrap();
        assert_eq!(read_text(&path, 99).unwrap(), "a\u{feff}");
        assert_eq!(without_byte_order_mark("\u{feff}{}".as_bytes()), b"{}");
        assert_eq!(without_byte_order_mark(b"{}"), b"{}");
    }

    #[test]
    fn errors_name_the_path_that_was_sent() {
        let directory = tempfile::tempdir().unwrap();
        let read = |bytes_max| {
            let file = open_path(directory.path()).unwrap();
            read_reserving::<GuardError>(&file, Path::new("sent"), bytes_max, |_| Ok(()))
        };
        assert_eq!(read(9).unwrap_err().to_string(), "sent is not a regular file");
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read_file(directory.path(), 9), Err(GuardError::NotAFile(_))));
        assert!(matches!(read_file(&directory.path().join("b"), 9), Err(GuardError::Io { .. })));
        assert!(matches!(read_file(Path::new("/dev/zero"), 9), Err(GuardError::NotAFile(_))));
    }

    #[test]
    fn a_named_pipe_is_rejected_without_waiting_for_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(matches!(read_file(&pipe, 9), Err(GuardError::NotAFile(_))));
    }
}
