//! Why bytes did not become pixels.

use std::error::Error as _;
use std::io;

use flowrun_sdk::ExecutorError;
use flowrun_sdk::guard::GuardError;
use image::ImageError;

use super::whole::is_whole;
use super::{CLIP_PIXELS_MAX, FRAMES_MAX, Format, SIDE_MAX};

/// Why bytes did not become pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The document says nowhere where its image is.
    #[error("the document has neither bytes nor a URI nor the path of an image")]
    NoContent,
    /// What the document names could not be read.
    #[error(transparent)]
    Content(#[from] GuardError),
    /// There are no bytes.
    #[error("the content is empty")]
    Empty,
    /// The bytes are something else, or an image of a kind that is not read.
    #[error("the content is {0}; JPEG, PNG, WebP, GIF and BMP images are read")]
    NotAnImage(String),
    /// The bytes end before the image does.
    #[error("the {0} image is truncated")]
    Truncated(Format),
    /// The bytes break the rules of their format.
    #[error("the {format} image is damaged: {reason}")]
    Damaged {
        /// What the bytes claim to be.
        format: Format,
        /// What the decoder stumbled over.
        reason: String,
    },
    /// The image has more pixels than are decoded.
    #[error(
        "the image has {width} × {height} pixels, more than the {pixels_max} in all or {SIDE_MAX} to a side allowed"
    )]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The bound on their product.
        pixels_max: u64,
    },
    /// The decoder needs more memory than it is given, beside that of the pixels.
    #[error("decoding the {0} image takes more memory than is allowed")]
    TooMuchMemory(Format),
    /// The clip has more frames than are decoded.
    #[error("the clip has more than the {FRAMES_MAX} frames allowed")]
    TooManyFrames,
    /// The frames of the clip add up to more pixels than are decoded.
    #[error("the frames of the clip add up to more than the {CLIP_PIXELS_MAX} pixels allowed")]
    TooLong,
    /// The clip has no frame.
    #[error("the clip has no frame")]
    NoFrame,
}

impl DecodeError {
    /// The format's rules are broken.
    pub(super) fn damaged(format: Format, reason: impl ToString) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    /// What the decoder of these bytes says, told apart by what can be done about it.
    pub(super) fn from_image(bytes: &[u8], format: Format, error: &ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooMuchMemory(format),
            ImageError::IoError(end) if end.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated(format),
            _ if !is_whole(bytes, format) => Self::Truncated(format),
            // What lies below says the same without the name of the format.
            error => {
                Self::damaged(format, error.source().map_or_else(|| error.to_string(), ToString::to_string))
            }
        }
    }

    /// What the decoder of a GIF says.
    pub(super) fn from_gif(error: &gif::DecodingError) -> Self {
        match error {
            gif::DecodingError::UnexpectedEof => Self::Truncated(Format::Gif),
            error => Self::damaged(Format::Gif, error),
        }
    }
}

impl From<DecodeError> for ExecutorError {
    fn from(error: DecodeError) -> Self {
        Self::input(error)
    }
}
