//! Detects truncated files by the length information of their format. Decoders report a premature end in many ways, and
//! the JPEG decoder not at all.

use super::format::Format;
use super::jpeg;

/// Checks that no bytes are missing at the end of a file, as far as the format allows.
pub(super) fn is_complete(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => jpeg::is_complete(bytes),
        Format::Png => png_is_complete(bytes),
        Format::WebP => riff_is_complete(bytes),
        // A GIF does not contain its length, and the length in a BMP is often wrong.
        Format::Gif | Format::Bmp => true,
    }
}

/// Scans the chunks (length, name, data, checksum) for a complete last chunk `IEND` (PNG, 5.3).
fn png_is_complete(bytes: &[u8]) -> bool {
    const SIGNATURE_BYTES: usize = 8;
    const FRAME_BYTES: usize = 12;
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    while let &[a, b, c, d, ref name @ ..] = rest {
        let chunk_bytes = FRAME_BYTES.saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        if name.starts_with(b"IEND") {
            return rest.len() >= chunk_bytes;
        }
        rest = rest.get(chunk_bytes..).unwrap_or_default();
    }
    false
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
    fn a_png_is_complete_only_with_its_last_chunk() {
        let file = b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXtIEcrc4\0\0\0\0IENDcrc4";
        for length in 0..file.len() {
            assert!(!is_complete(&file[..length], Format::Png), "{length}");
        }
        assert!(is_complete(file, Format::Png));
    }

    #[test]
    fn a_webp_is_complete_only_with_the_length_of_its_header() {
        let file = b"RIFF\x06\0\0\0WEBP12";
        for length in 0..file.len() {
            assert!(!is_complete(&file[..length], Format::WebP), "{length}");
        }
        assert!(is_complete(file, Format::WebP));
    }
}
