//! Decodes untrusted bytes into pixels. All image decoders of flowrun are called here.
//!
//! The format is detected from the content, never from a file name. All sizes are checked before memory is allocated,
//! and clips are decoded frame by frame, so that memory holds only the frames that a caller keeps. Pixels are RGB,
//! eight bits per channel, rows from the top, converted as by Pillow's `convert("RGB")`. The EXIF orientation is applied
//! unless a caller ignores it; like Pillow, the decoder ignores colour profiles. Tensors are in the module `pixels`,
//! scaling is in [`crate::resize`].

mod apng;
mod bmp;
mod canvas;
mod clip;
mod codec;
mod content;
mod decode_image;
mod detect;
mod error;
mod exif;
mod format;
mod frame;
#[cfg(test)]
mod fuzz;
mod gif;
mod jpeg;
mod limits;
mod png;
mod rgb;
mod rgba_canvas;
mod still;
mod tiff;
mod truncation;
mod webp;

pub use clip::Clip;
pub use content::content;
pub(crate) use content::set_mime_type;
pub use decode_image::decode_image;
pub(crate) use decode_image::decode_image_checked;
pub use error::DecodeError;
pub use exif::ExifOrientation;
pub use format::Format;
pub use frame::Frame;
pub use limits::{CLIP_PIXELS_MAX, FRAME_PIXELS_MAX, FRAMES_MAX, JPEG_PIXELS_MAX, PIXELS_MAX, SIDE_MAX};
