//! The video of a document, opened without reading it into memory.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use flowrun_sdk::guard::{self, CONTENT_BYTES_MAX, OpenedUri};
use flowrun_sdk::{Bytes, CallBudget, Document, ExecutorError};

use crate::animation::Animations;
use crate::container::Container;
use crate::limits::{HEAD_BYTES, VIDEO_BYTES_MAX};

/// Content of a document.
pub(crate) enum VideoContent {
    /// A picture, animated or still.
    Picture { content: Bytes, mime_type: &'static str },
    /// A video, for ffmpeg.
    Video(VideoFile),
}

/// An open video file.
#[derive(Debug)]
pub struct VideoFile {
    pub(crate) file: File,
    pub(crate) container: Container,
}

impl VideoFile {
    /// Detects the format of opened content; `None` for pictures, which `is_picture` detects from the first bytes.
    ///
    /// # Errors
    /// If it cannot be read, or is not a video of a supported format.
    pub fn open(
        content: &OpenedUri,
        is_picture: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Self>, ExecutorError> {
        match content {
            OpenedUri::Inline(bytes) if is_picture(bytes) => Ok(None),
            OpenedUri::Inline(bytes) => Self::from_bytes(bytes).map(Some),
            OpenedUri::File(file, path) => {
                let unreadable =
                    |error| ExecutorError::input(format_args!("cannot read {}: {error}", path.display()));
                let head = head(file).map_err(unreadable)?;
                if is_picture(&head) {
                    return Ok(None);
                }
                let container = Container::detect(&head)?;
                Ok(Some(Self { container, file: file.try_clone().map_err(unreadable)? }))
            }
        }
    }

    /// A video in memory, which is written to an unnamed file.
    ///
    /// # Errors
    /// If it is not a video of a supported format, or the file cannot be written.
    fn from_bytes(content: &[u8]) -> Result<Self, ExecutorError> {
        let container = Container::detect(content)?;
        let mut file = temporary_file()?;
        file.write_all(content).map_err(write_error)?;
        Ok(Self { container, file })
    }
}

impl VideoContent {
    /// Opens the content of a document: its bytes, else its URI.
    ///
    /// # Errors
    /// If the document has no content, the content cannot be read, or its format is not supported.
    pub(crate) fn open<A: Animations>(
        document: &Document,
        budget: &CallBudget,
    ) -> Result<Self, ExecutorError> {
        match (&document.blob, document.uri.as_str()) {
            (Some(blob), _) => Self::from_bytes::<A>(blob),
            (None, "") => Err(ExecutorError::input(
                "this flow expects videos; the document has neither bytes nor a URI",
            )),
            (None, uri) => match guard::open_uri(uri, VIDEO_BYTES_MAX)? {
                OpenedUri::Inline(bytes) => {
                    budget.reserve(bytes.len())?;
                    Self::from_bytes::<A>(&bytes)
                }
                opened @ OpenedUri::File(..) => {
                    let is_picture = |head: &[u8]| A::mime_type(head).is_some();
                    if let Some(video) = VideoFile::open(&opened, is_picture)? {
                        return Ok(Self::Video(video));
                    }
                    let content = guard::read_uri_within_budget(uri, CONTENT_BYTES_MAX, budget)?;
                    let mime_type = A::mime_type(&content).unwrap_or_default();
                    Ok(Self::Picture { content, mime_type })
                }
            },
        }
    }

    fn from_bytes<A: Animations>(content: &Bytes) -> Result<Self, ExecutorError> {
        if let Some(mime_type) = A::mime_type(content) {
            return Ok(Self::Picture { content: content.clone(), mime_type });
        }
        VideoFile::from_bytes(content).map(Self::Video)
    }

    /// The media type.
    pub(crate) fn mime_type(&self) -> &'static str {
        match self {
            Self::Picture { mime_type, .. } => mime_type,
            Self::Video(video) => video.container.mime_type(),
        }
    }
}

/// The first [`HEAD_BYTES`] of a file.
fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// An empty file without a name: ffmpeg must be able to seek, which a pipe cannot. It is gone when it is closed.
///
/// # Errors
/// If the file cannot be created.
pub(crate) fn temporary_file() -> Result<File, ExecutorError> {
    tempfile::tempfile().map_err(write_error)
}

/// The error of a temporary file.
#[expect(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
pub(crate) fn write_error(error: io::Error) -> ExecutorError {
    ExecutorError::resource(format_args!("cannot write the video to a temporary file: {error}"))
}
