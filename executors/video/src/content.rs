//! The video of a document, opened without reading it into memory.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
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
pub(crate) struct VideoFile {
    pub(crate) file: File,
    pub(crate) container: Container,
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
                OpenedUri::File(file, path) => {
                    let unreadable =
                        |error| ExecutorError::input(format_args!("cannot read {}: {error}", path.display()));
                    let head = head(&file).map_err(unreadable)?;
                    match A::mime_type(&head) {
                        Some(mime_type) => {
                            let content = guard::read_uri_within_budget(uri, CONTENT_BYTES_MAX, budget)?;
                            Ok(Self::Picture { content, mime_type })
                        }
                        None => Ok(Self::Video(VideoFile { container: Container::detect(&head)?, file })),
                    }
                }
            },
        }
    }

    fn from_bytes<A: Animations>(content: &Bytes) -> Result<Self, ExecutorError> {
        if let Some(mime_type) = A::mime_type(content) {
            return Ok(Self::Picture { content: content.clone(), mime_type });
        }
        let container = Container::detect(content)?;
        let file = unnamed_file(content).map_err(|error| {
            ExecutorError::resource(format_args!("cannot write the video to a temporary file: {error}"))
        })?;
        Ok(Self::Video(VideoFile { file, container }))
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

/// A file without a name that holds `content`: ffmpeg must be able to seek, which a pipe cannot. It is gone when it is closed.
fn unnamed_file(content: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
