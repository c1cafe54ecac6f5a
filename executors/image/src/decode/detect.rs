//! Detects the format of a file from its first bytes.

use super::error::DecodeError;
use super::format::Format;

/// Signatures of unsupported formats: offset, bytes, and the name for the error message.
const UNSUPPORTED: &[(usize, &[u8], &str)] = &[
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"ftyp", "an MP4 or QuickTime video"),
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

/// Signatures of TIFF and BigTIFF, in both byte orders.
const TIFF: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

impl Format {
    /// Detects the format of an image.
    ///
    /// # Errors
    /// [`DecodeError::Empty`], or [`DecodeError::NotAnImage`] with the name of the unsupported format or, if that is
    /// unknown, the first bytes.
    pub fn detect(bytes: &[u8]) -> Result<Self, DecodeError> {
        let has_signature = |offset: usize, signature: &[u8]| {
            bytes.get(offset..).is_some_and(|rest| rest.starts_with(signature))
        };
        let format = match bytes {
            [] => return Err(DecodeError::Empty),
            _ if has_signature(0, b"\xff\xd8\xff") => Self::Jpeg,
            _ if has_signature(0, b"\x89PNG\r\n\x1a\n") => Self::Png,
            _ if has_signature(0, b"RIFF") && has_signature(8, b"WEBP") => Self::WebP,
            _ if has_signature(0, b"GIF87a") || has_signature(0, b"GIF89a") => Self::Gif,
            _ if has_signature(0, b"BM") => Self::Bmp,
            _ if TIFF.iter().any(|signature| has_signature(0, signature)) => Self::Tiff,
            _ => {
                let known =
                    UNSUPPORTED.iter().find(|(offset, signature, _)| has_signature(*offset, signature));
                let unknown = || format!("not an image: it begins with `{}`", escaped_start(bytes));
                return Err(DecodeError::NotAnImage(
                    known.map_or_else(unknown, |(_, _, name)| (*name).to_owned()),
                ));
            }
        };
        Ok(format)
    }
}

/// The first bytes of a file, escaped for a message.
fn escaped_start(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
