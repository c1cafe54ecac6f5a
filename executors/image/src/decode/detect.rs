//! Detects the format of a file from its first bytes.

use super::error::DecodeError;
use super::foreign::Foreign;
use super::format::Format;

/// Signatures of TIFF and BigTIFF, in both byte orders.
const TIFF: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

impl Format {
    /// Detects the format of an image.
    ///
    /// # Errors
    /// [`DecodeError::Empty`], or one of the errors that name the detected format.
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
            _ => return Err(not_decoded(bytes)),
        };
        Ok(format)
    }
}

/// The error for content of no supported format.
fn not_decoded(bytes: &[u8]) -> DecodeError {
    match Foreign::detect(bytes) {
        Some(Foreign::Image(name, extension)) => DecodeError::UnsupportedFormat { name, extension },
        Some(Foreign::Drawing) => DecodeError::Drawing,
        Some(Foreign::Other(name)) => DecodeError::NotAnImage(name.to_owned()),
        None => DecodeError::NotAnImage(format!("not an image: it begins with `{}`", escaped_start(bytes))),
    }
}

/// The first bytes of a file, escaped for a message.
fn escaped_start(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    bytes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
