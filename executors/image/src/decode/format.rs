//! Supported image formats. [`detect`](super::detect) finds the format of a file.

use std::fmt;

use image::ImageFormat;

/// A supported image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG in JFIF or EXIF.
    Jpeg,
    /// Portable Network Graphics.
    Png,
    /// WebP, still or animated.
    WebP,
    /// Graphics Interchange Format, still or animated.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// Tagged Image File Format; the first image.
    Tiff,
}

impl Format {
    /// The media type, for example `image/jpeg`.
    #[must_use]
    pub fn mime_type(self) -> &'static str {
        self.codec().to_mime_type()
    }

    /// The format in the `image` crate.
    pub(super) fn codec(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Bmp => ImageFormat::Bmp,
            Self::Tiff => ImageFormat::Tiff,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
        })
    }
}
