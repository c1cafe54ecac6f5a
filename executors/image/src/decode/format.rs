//! What bytes are, by what they begin with.

use std::fmt;

use image::ImageFormat;

use super::DecodeError;

/// The image formats that are read.
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
}

/// What files of other kinds begin with, at which byte, and what to call them: a client learns what it sent.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"ftyp", "an MP4 or QuickTime video"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML document"),
    (0, b"<!DOCTYPE", "an HTML page"),
    (0, b"<!doctype", "an HTML page"),
    (0, b"<html", "an HTML page"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "compressed by gzip"),
    (0, b"{", "JSON or other text"),
];

impl Format {
    /// The format of an image.
    ///
    /// # Errors
    /// [`DecodeError::Empty`] or [`DecodeError::NotAnImage`].
    pub fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        let starts = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let format = match bytes {
            [] => return Err(DecodeError::Empty),
            _ if starts(0, b"\xff\xd8\xff") => Self::Jpeg,
            _ if starts(0, b"\x89PNG\r\n\x1a\n") => Self::Png,
            _ if starts(0, b"RIFF") && starts(8, b"WEBP") => Self::WebP,
            _ if starts(0, b"GIF87a") || starts(0, b"GIF89a") => Self::Gif,
            _ if starts(0, b"BM") => Self::Bmp,
            _ => {
                let known = OTHERS.iter().find(|(at, magic, _)| starts(*at, magic));
                let unknown = || format!("not an image: it begins with `{}`", beginning(bytes));
                return Err(DecodeError::NotAnImage(
                    known.map_or_else(unknown, |(_, _, name)| (*name).to_owned()),
                ));
            }
        };
        Ok(format)
    }

    /// The media type, for example `image/jpeg`.
    #[must_use]
    pub fn mime_type(self) -> &'static str {
        self.codec().to_mime_type()
    }

    /// What the `image` crate calls it.
    pub(super) fn codec(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Bmp => ImageFormat::Bmp,
        }
    }
}

/// The first bytes as a message can show them.
fn beginning(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        })
    }
}
