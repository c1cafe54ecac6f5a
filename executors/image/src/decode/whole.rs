//! Whether a file is all there, by what its format says of its own length. Decoders stumble over the end of a file
//! in many ways, and the JPEG decoder not at all.

use super::{Format, jpeg};

/// Whether nothing is missing at the end, as far as the format tells.
pub(super) fn is_whole(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => jpeg::is_whole(bytes),
        Format::Png => png(bytes),
        Format::WebP => riff(bytes),
        // A GIF does not say how long it is, and the length in a BMP is often wrong.
        Format::Gif | Format::Bmp => true,
    }
}

/// Walks from chunk to chunk (length, name, data, checksum) to the last one (PNG, 5.3).
fn png(bytes: &[u8]) -> bool {
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

/// The length that the head of a RIFF file says.
fn riff(bytes: &[u8]) -> bool {
    const HEAD_BYTES: usize = 8;
    let length = bytes.get(4..HEAD_BYTES).and_then(|length| length.first_chunk());
    length
        .is_some_and(|length| bytes.len() >= HEAD_BYTES.saturating_add(u32::from_le_bytes(*length) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_is_whole_with_its_last_chunk_and_not_before() {
        let file = b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXtIEcrc4\0\0\0\0IENDcrc4";
        for length in 0..file.len() {
            assert!(!is_whole(&file[..length], Format::Png), "{length}");
        }
        assert!(is_whole(file, Format::Png));
    }

    #[test]
    fn a_webp_is_whole_when_it_is_as_long_as_it_says() {
        let file = b"RIFF\x06\0\0\0WEBP12";
        for length in 0..file.len() {
            assert!(!is_whole(&file[..length], Format::WebP), "{length}");
        }
        assert!(is_whole(file, Format::WebP));
    }
}
