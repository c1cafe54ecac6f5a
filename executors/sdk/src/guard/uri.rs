//! Content of a document's URI: a file, or bytes in the URI itself.

use std::fs::File;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;

use super::confine::open_allowed;
use super::error::GuardError;
use super::file;
use crate::{CallBudget, ExecutorError};

/// Location of the content of a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriContent {
    /// Path of a local file, which may be relative and may not exist.
    File(PathBuf),
    /// Decoded bytes in the URI itself.
    Inline(Bytes),
}

/// Resolves a path, a `file:` URI or a `data:` URI, without reading the file.
///
/// # Errors
/// [`GuardError::Scheme`] for other schemes, [`GuardError::Data`] for a malformed `data:` URI.
pub fn resolve_uri(uri: &str) -> Result<UriContent, GuardError> {
    if let Some(data) = uri.strip_prefix("data:") {
        return decode_data_uri(data).map(|bytes| UriContent::Inline(bytes.into()));
    }
    if let Some(rest) = uri.strip_prefix("file:") {
        // `file:///a/b`, `file://localhost/a/b`, `file:/a/b`; files of other hosts are rejected.
        let path = match rest.strip_prefix("//") {
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        };
        let decoded = String::from_utf8(percent_decoded(path.as_bytes()));
        return match decoded {
            Ok(path) if path.starts_with('/') => Ok(UriContent::File(path.into())),
            _ => Err(GuardError::Scheme(uri.to_owned())),
        };
    }
    if has_scheme(uri) {
        return Err(GuardError::Scheme(uri.to_owned()));
    }
    Ok(UriContent::File(uri.into()))
}

/// Opened content of a URI.
#[derive(Debug)]
pub enum OpenedUri {
    /// A regular file, open for reading at its beginning, and its path.
    File(File, PathBuf),
    /// Bytes in the URI itself.
    Inline(Bytes),
}

impl OpenedUri {
    /// Reads the content, of at most `bytes_max` bytes, from the beginning.
    ///
    /// # Errors
    /// Those of [`read_file`](super::read_file).
    pub fn read(&self, bytes_max: u64) -> Result<Bytes, GuardError> {
        match self {
            Self::File(file, path) => {
                file::read_reserving(file, path, bytes_max, |_| Ok::<(), GuardError>(())).map(Bytes::from)
            }
            Self::Inline(bytes) => Ok(bytes.clone()),
        }
    }
}

/// Opens the content of a URI of at most `bytes_max` bytes without reading it: for files that are too large for memory, and for
/// other programs that read them.
///
/// # Errors
/// Those of [`read_uri`].
pub fn open_uri(uri: &str, bytes_max: u64) -> Result<OpenedUri, GuardError> {
    match resolve_uri(uri)? {
        UriContent::File(path) => {
            let file = open_allowed(&path)?;
            file::check_regular(&file, &path, bytes_max)?;
            Ok(OpenedUri::File(file, path))
        }
        UriContent::Inline(bytes) if bytes.len() as u64 > bytes_max => {
            let what = "the `data:` URI".to_owned();
            Err(GuardError::TooLarge { what, bytes: bytes.len() as u64, bytes_max })
        }
        UriContent::Inline(bytes) => Ok(OpenedUri::Inline(bytes)),
    }
}

/// Reads the content of a URI of at most `bytes_max` bytes.
///
/// # Errors
/// Those of [`resolve_uri`] and [`read_file`](super::read_file), and [`GuardError::Outside`] for a file that documents may
/// not refer to.
pub fn read_uri(uri: &str, bytes_max: u64) -> Result<Bytes, GuardError> {
    read_reserving(uri, bytes_max, |_| Ok(()))
}

/// Reads the content of a URI for a document, like [`read_uri`], and reserves the bytes in `budget` first.
///
/// # Errors
/// Those of [`read_uri`] and [`CallBudget::reserve`].
pub fn read_uri_within_budget(
    uri: &str,
    bytes_max: u64,
    budget: &CallBudget,
) -> Result<Bytes, ExecutorError> {
    read_reserving(uri, bytes_max, |bytes| budget.reserve(bytes))
}

fn read_reserving<E: From<GuardError>>(
    uri: &str,
    bytes_max: u64,
    reserve: impl Fn(usize) -> Result<(), E>,
) -> Result<Bytes, E> {
    match open_uri(uri, bytes_max)? {
        OpenedUri::File(file, path) => {
            file::read_reserving(&file, &path, bytes_max, reserve).map(Bytes::from)
        }
        OpenedUri::Inline(bytes) => reserve(bytes.len()).map(|()| bytes),
    }
}

/// Returns `true` if `uri` begins with `scheme://`; paths in practice do not.
fn has_scheme(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Decodes the rest of a `data:` URI (RFC 2397): `[<media type>][;base64],<data>`.
fn decode_data_uri(data: &str) -> Result<Vec<u8>, GuardError> {
    let malformed = |reason: &str| GuardError::Data(reason.to_owned());
    let (head, payload) = data.split_once(',').ok_or_else(|| malformed("it has no comma before the data"))?;
    let payload = percent_decoded(payload.as_bytes());
    if !head.ends_with(";base64") {
        return Ok(payload);
    }
    let padded = STANDARD.decode(&payload);
    padded.or_else(|_| STANDARD_NO_PAD.decode(&payload)).map_err(|error| malformed(&error.to_string()))
}

/// Decodes percent-encoded bytes, such as `%41` to `A`. A percent sign without two hexadecimal digits is kept.
fn percent_decoded(mut text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        let digits = rest.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) if byte == b'%' => {
                decoded.push(escaped);
                text = rest.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(byte);
                text = rest;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn paths_and_file_uris_are_files() {
        for (uri, path) in [
            ("clips/a.gif", "clips/a.gif"),
            ("/a b", "/a b"),
            ("file:///a%20b", "/a b"),
            ("file://localhost/a", "/a"),
            ("file:/a%", "/a%"),
            ("file:/a%+1", "/a%+1"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(resolve_uri(uri).unwrap(), UriContent::File(path.into()), "{uri}");
        }
    }

    #[test]
    fn data_uris_contain_their_bytes() {
        for uri in ["data:,a%20b", "data:text/plain;base64,YSBi", "data:;base64,YSBi%0D"] {
            let read = read_uri(uri, 100);
            match uri.ends_with("%0D") {
                true => assert!(matches!(read, Err(GuardError::Data(_)))),
                false => assert_eq!(read.unwrap(), "a b"),
            }
        }
        assert!(matches!(read_uri("data:,12345", 4), Err(GuardError::TooLarge { bytes: 5, .. })));
    }

    #[test]
    fn files_are_opened_within_the_bound_without_being_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        // A sparse file of 8 GiB.
        File::create(&path).unwrap().set_len(8 << 30).unwrap();
        let path = path.to_str().unwrap();
        let OpenedUri::File(file, opened) = open_uri(path, 8 << 30).unwrap() else { panic!("not a file") };
        assert_eq!((file.metadata().unwrap().len(), opened.to_str()), (8 << 30, Some(path)));
        assert!(matches!(open_uri(path, (8 << 30) - 1), Err(GuardError::TooLarge { .. })));
        assert!(matches!(open_uri("/dev/null", 9), Err(GuardError::NotAFile(_))));
        assert!(matches!(open_uri("data:,a", 9), Ok(OpenedUri::Inline(bytes)) if bytes == "a"));
    }

    #[test]
    fn content_of_a_document_is_reserved_in_its_budget() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, [7; 10]).unwrap();
        let path = path.to_str().unwrap();
        let budget = CallBudget::unbounded().with_bytes(15, 0);
        assert_eq!(read_uri_within_budget(path, 20, &budget).unwrap().len(), 10);
        for uri in [path, "data:,123456"] {
            assert_eq!(
                read_uri_within_budget(uri, 20, &budget).unwrap_err().kind(),
                ErrorKind::Resource,
                "{uri}"
            );
        }
        assert_eq!(read_uri_within_budget("data:,12345", 20, &budget).unwrap(), "12345");
        // This file reports a size of zero.
        let large = read_uri_within_budget("/proc/self/status", 1 << 20, &budget);
        assert_eq!(large.unwrap_err().kind(), ErrorKind::Resource);
    }

    #[test]
    fn other_schemes_and_hosts_are_rejected() {
        for uri in ["http://a/b", "s3://a/b", "file://server/a", "data:none"] {
            assert!(resolve_uri(uri).is_err(), "{uri}");
        }
    }
}
