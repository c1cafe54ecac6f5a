//! Errors of decoding.

use std::error::Error as _;
use std::io;

use flowrun_sdk::ExecutorError;
use flowrun_sdk::guard::GuardError;
use image::ImageError;

use super::format::Format;
use super::limits::{CLIP_PIXELS_MAX, FRAMES_MAX, SIDE_MAX, is_within};
use super::truncation::is_complete;

/// An error of decoding an image or a clip.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The document has neither bytes nor a URI, and its text is missing or, in a served flow, not the path of a
    /// readable file.
    #[error("this flow expects pictures; the document has neither bytes nor a URI")]
    NoContent,
    /// The file or URI of the document could not be read.
    #[error(transparent)]
    Content(#[from] GuardError),
    /// The content has no bytes.
    #[error("the content is empty")]
    Empty,
    /// The content is not an image, or an image of an unsupported format. The field completes "the content is …".
    #[error("the content is {0}; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported")]
    NotAnImage(String),
    /// The bytes end before the image does.
    #[error("the {0} image is truncated")]
    Truncated(Format),
    /// The bytes violate their format.
    #[error("the {format} image is damaged: {reason}")]
    Damaged {
        /// Format by the signature of the file.
        format: Format,
        /// Message of the decoder.
        reason: String,
    },
    /// The image uses a feature of its format that the decoder does not have.
    #[error("the {format} image uses {feature}, which is not supported")]
    Unsupported {
        /// Format by the signature of the file.
        format: Format,
        /// Name of the feature.
        feature: String,
    },
    /// The image exceeds the bounds on its size.
    #[error(
        "the image has {width} × {height} pixels, more than the {pixels_max} in all or {SIDE_MAX} per side allowed"
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bound on width × height.
        pixels_max: u64,
    },
    /// The decoder needs more working memory than its bound, apart from the pixels.
    #[error("decoding the {0} image takes more memory than is allowed")]
    TooMuchMemory(Format),
    /// The clip has more than [`FRAMES_MAX`] frames.
    #[error("the clip has more than the {FRAMES_MAX} frames allowed")]
    TooManyFrames,
    /// The frames of the clip add up to more than [`CLIP_PIXELS_MAX`] pixels.
    #[error("the frames of the clip add up to more than the {CLIP_PIXELS_MAX} pixels allowed")]
    TooLong,
    /// The clip has no frame.
    #[error("the clip has no frame")]
    NoFrame,
}

impl DecodeError {
    /// A violation of the format.
    pub(super) fn damaged(format: Format, reason: impl ToString) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    /// Checks the size of an image before memory is allocated for it.
    ///
    /// # Errors
    /// [`Self::TooLarge`] for more than `pixels_max` pixels, or a side longer than [`SIDE_MAX`].
    pub(super) fn check_size(width: u32, height: u32, pixels_max: u64) -> Result<(), Self> {
        if is_within(width, height, pixels_max) {
            return Ok(());
        }
        Err(Self::TooLarge { width, height, pixels_max })
    }

    /// Classifies an error of the `image` crate for `bytes`.
    pub(super) fn from_image(bytes: &[u8], format: Format, error: &ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooMuchMemory(format),
            ImageError::IoError(end) if end.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated(format),
            _ if !is_complete(bytes, format) => Self::Truncated(format),
            // The source has the same message without the name of the format.
            error => {
                Self::damaged(format, error.source().map_or_else(|| error.to_string(), ToString::to_string))
            }
        }
    }

    /// Classifies an error of the `gif` crate.
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
