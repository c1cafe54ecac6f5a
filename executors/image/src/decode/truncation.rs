//! Detects truncated files by the length information of their format. Decoders report a premature end in many ways, and
//! the JPEG decoder not at all.

use super::format::Format;
use super::jpeg::end_marker;
use super::png;

/// Checks that no bytes are missing at the end of a file, as far as the format allows.
pub(super) fn is_complete(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => end_marker::is_complete(bytes),
        Format::Png => png::is_complete(bytes),
        Format::WebP => riff_is_complete(bytes),
        // A GIF does not contain its length, the length in a BMP is often wrong, and a TIFF has its pixels anywhere.
        Format::Gif | Format::Bmp | Format::Tiff => true,
    }
}

/// Compares the size of a RIFF file with the length in its header.
fn riff_is_complete(bytes: &[u8]) -> bool {
    const HEAD_BYTES: usize = 8;
    let length = bytes.get(4..HEAD_BYTES).and_then(|length| length.first_chunk());
    length
        .is_some_and(|length| bytes.len() >= HEAD_BYTES.saturating_add(u32::from_le_bytes(*length) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webp_is_complete_only_with_the_length_of_its_header() {
        let file = b"RIFF\x06\0\0\0WEBP12";
        for length in 0..file.len() {
            assert!(!is_complete(&file[..length], Format::WebP), "{length}");
        }
        assert!(is_complete(file, Format::WebP));
    }
}
