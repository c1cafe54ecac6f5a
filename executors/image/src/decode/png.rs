//! Repairs two faults of PNG files that leave all pixels readable: a missing end chunk, and wrong checksums of pixel data.
//! Also detects truncated and animated files.

/// Bytes of a chunk apart from its data: length, name and checksum.
const FRAME_BYTES: usize = 12;

const SIGNATURE_BYTES: usize = 8;

/// Checks that the file has a complete last chunk `IEND` (PNG, 5.3).
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    chunks(bytes).any(|chunk| chunk.name == *b"IEND" && chunk.is_complete)
}

/// `Some(true)` for an animated PNG whose default image is the first frame of the animation, `Some(false)` for another
/// animated PNG, and `None` for a still image.
pub(super) fn animation(bytes: &[u8]) -> Option<bool> {
    let mut is_animated = false;
    let mut default_is_frame = false;
    for chunk in chunks(bytes) {
        match &chunk.name {
            b"acTL" => is_animated = true,
            b"fcTL" => default_is_frame = true,
            b"IDAT" => break,
            _ => {}
        }
    }
    is_animated.then_some(default_is_frame)
}

/// A repaired file.
pub(super) struct Repaired {
    pub(super) bytes: Vec<u8>,
    /// The faults as a clause for a log message: "decoded although …".
    pub(super) faults: &'static str,
}

/// Corrects the checksums of pixel data, and appends a missing end chunk. `None` if the file has neither fault.
///
/// The decoder still rejects files whose pixels are incomplete or cannot be decompressed. Other checksums are left as
/// they are: damaged headers and palettes change the whole image.
pub(super) fn repair(bytes: &[u8]) -> Option<Repaired> {
    let mut repaired = bytes.get(..SIGNATURE_BYTES)?.to_vec();
    let (mut has_wrong_checksum, mut has_pixels, mut has_end) = (false, false, false);
    for chunk in chunks(bytes).filter(|chunk| chunk.is_complete) {
        has_pixels |= chunk.name == *b"IDAT";
        has_end |= chunk.name == *b"IEND";
        if matches!(&chunk.name, b"IDAT" | b"fdAT") {
            let (content, checksum) = chunk.bytes.split_at_checked(chunk.bytes.len().checked_sub(4)?)?;
            let actual = crc32fast::hash(content.get(4..)?).to_be_bytes();
            has_wrong_checksum |= checksum != actual;
            repaired.extend_from_slice(content);
            repaired.extend_from_slice(&actual);
        } else {
            repaired.extend_from_slice(chunk.bytes);
        }
    }
    if !has_end {
        repaired.extend_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
    }
    let faults = match (has_wrong_checksum, has_end) {
        _ if !has_pixels => return None,
        (false, true) => return None,
        (true, true) => "a checksum of its pixel data is wrong",
        (false, false) => "its end marker is missing",
        (true, false) => "a checksum of its pixel data is wrong and its end marker is missing",
    };
    Some(Repaired { bytes: repaired, faults })
}

struct Chunk<'a> {
    name: [u8; 4],
    /// The chunk with length and checksum.
    bytes: &'a [u8],
    /// False for a chunk that is cut off by the end of the file.
    is_complete: bool,
}

/// The chunks of a file up to `IEND`, or up to one that is cut off.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let &[a, b, c, d, e, f, g, h, ..] = rest else { return None };
        let name = [e, f, g, h];
        let length = FRAME_BYTES.saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        let whole = rest.split_at_checked(length);
        let (chunk, after) = whole.unwrap_or((rest, &[]));
        rest = if name == *b"IEND" { &[] } else { after };
        Some(Chunk { name, bytes: chunk, is_complete: whole.is_some() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] =
        b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXtIEcrc4\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";

    #[test]
    fn a_file_is_complete_only_with_its_last_chunk() {
        for length in 0..FILE.len() {
            assert!(!is_complete(&FILE[..length]), "{length}");
        }
        assert!(is_complete(FILE));
        assert!(is_complete(&[FILE, b"trailer"].concat()));
    }

    #[test]
    fn a_missing_end_and_wrong_checksums_of_pixels_are_repaired() {
        assert!(repair(FILE).is_none());
        for length in FILE.len() - 12..FILE.len() {
            assert_eq!(repair(&FILE[..length]).unwrap().bytes, FILE, "{length}");
        }
        let mut wrong = FILE.to_vec();
        wrong[30] ^= 1;
        let repaired = repair(&wrong).unwrap();
        assert_eq!(
            (repaired.bytes.as_slice(), repaired.faults),
            (FILE, "a checksum of its pixel data is wrong")
        );
    }

    #[test]
    fn a_file_without_pixels_is_not_repaired() {
        for length in 0..FILE.len() - 12 {
            assert!(repair(&FILE[..length]).is_none(), "{length}");
        }
    }
}
