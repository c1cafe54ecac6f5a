//! The decoder of animated pictures, as supplied by the program.

use flowrun_sdk::ExecutorError;

use crate::frame::VideoFrame;

/// Decoder of GIF, WebP and PNG, animated or still, within bounds of its own.
pub trait Animations {
    /// Returns the media type of a picture that [`decode`](Self::decode) accepts; `None` for other content.
    fn mime_type(content: &[u8]) -> Option<&'static str>;

    /// Decodes a picture frame by frame and calls `visit` for each, scaled to the width and height that `scaled_size` returns for those
    /// of the picture. Returns the time in seconds at which the last frame ends.
    ///
    /// # Errors
    /// If no frame can be decoded, if the picture exceeds a bound, and the first error of `visit`.
    fn decode(
        content: &[u8],
        scaled_size: &dyn Fn(u32, u32) -> (u32, u32),
        visit: &mut dyn FnMut(VideoFrame) -> Result<(), ExecutorError>,
    ) -> Result<f64, ExecutorError>;
}
