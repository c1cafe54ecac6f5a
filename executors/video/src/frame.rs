//! One decoded frame of a video.

/// A frame: its position in the video, and its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFrame {
    /// Number of the frame in the video, from 0.
    pub number: u64,
    /// Time at which the frame is shown first, in seconds from the beginning of the video.
    pub timestamp: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue, row by row.
    pub pixels: Vec<u8>,
}
