//! Finds the end marker of a JPEG, to detect truncated files.

/// The second byte of a marker; the first is 0xFF.
mod marker {
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    /// Follows a byte 0xFF of entropy-coded data.
    pub(super) const STUFFING: u8 = 0x00;
    /// Padding before a marker, may be repeated.
    pub(super) const FILL: u8 = 0xff;
    pub(super) const RESTART_0: u8 = 0xd0;
    pub(super) const RESTART_7: u8 = 0xd7;
}

/// Checks that the image has its end marker (ITU-T T.81, B.1.1). Bytes after the marker are ignored.
pub(in crate::decode) fn is_complete(bytes: &[u8]) -> bool {
    // Nearly every file ends with the marker; only files with trailing bytes need the scan.
    bytes.ends_with(&[marker::FILL, marker::END_OF_IMAGE]) || has_end_marker(bytes)
}

/// Scans from marker to marker: skips segments by their length and entropy-coded data byte by byte, so that the end
/// marker of a thumbnail inside a segment is not mistaken for that of the image.
fn has_end_marker(mut bytes: &[u8]) -> bool {
    let mut in_scan = false;
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = rest;
        let code = match rest.first() {
            Some(&code) if byte == marker::FILL => code,
            _ if in_scan => continue,
            _ => return false,
        };
        match code {
            marker::END_OF_IMAGE => return true,
            marker::FILL => continue,
            marker::STUFFING if in_scan => continue,
            // Markers without a segment; every other marker is followed by the length of its segment.
            marker::START_OF_IMAGE | marker::RESTART_0..=marker::RESTART_7 => {
                bytes = rest.get(1..).unwrap_or_default();
            }
            code => {
                in_scan = code == marker::START_OF_SCAN;
                let length = rest.get(1..3).map_or(2, |length| {
                    length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte))
                });
                bytes = rest.get(1 + length..).unwrap_or_default();
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that contains an end marker, a scan with stuffing and a restart, a second segment and scan.
    const COMPLETE: &[u8] = b"\xff\xd8\xff\xe1\0\x04\xff\xd9\xff\xda\0\x03\x01ab\xff\0c\xff\xd3d\xff\xc4\0\x04\xff\xd9\xff\xda\0\x02e\xff\xff\xd9";

    #[test]
    fn an_image_is_complete_only_with_its_own_end_marker() {
        for length in 0..COMPLETE.len() {
            assert!(!has_end_marker(&COMPLETE[..length]), "{length}");
        }
        assert!(has_end_marker(COMPLETE));
    }

    #[test]
    fn trailing_bytes_are_ignored() {
        assert!(is_complete(&[COMPLETE, b"\0\0trailer"].concat()));
    }
}
