//! Where a JPEG ends.

/// The second byte of a marker; the first is 0xFF.
mod marker {
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    /// 0xFF itself among the coded data is followed by this.
    pub(super) const STUFFING: u8 = 0x00;
    /// May be repeated before a marker.
    pub(super) const FILL: u8 = 0xff;
    pub(super) const RESTART_0: u8 = 0xd0;
    pub(super) const RESTART_7: u8 = 0xd7;
}

/// Whether the image reaches its end marker (ITU-T T.81, B.1.1). Bytes behind it do not matter.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    // Nearly every file ends with the marker; walking through is for those that carry something behind it.
    bytes.ends_with(&[marker::FILL, marker::END_OF_IMAGE]) || reaches_end(bytes)
}

/// Walks from marker to marker, over segments by their length and over coded data byte by byte, so that the end
/// marker of a thumbnail inside a segment is not taken for the image's own.
fn reaches_end(mut bytes: &[u8]) -> bool {
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
            // These stand alone; all others begin a segment with its length.
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

    /// Start, a segment that holds an end marker, a scan with stuffing and a restart, a second segment and scan.
    const WHOLE: &[u8] = b"\xff\xd8\xff\xe1\0\x04\xff\xd9\xff\xda\0\x03\x01ab\xff\0c\xff\xd3d\xff\xc4\0\x04\xff\xd9\xff\xda\0\x02e\xff\xff\xd9";

    #[test]
    fn an_image_is_whole_up_to_its_own_end_marker_and_not_before() {
        for length in 0..WHOLE.len() {
            assert!(!reaches_end(&WHOLE[..length]), "{length}");
        }
        assert!(reaches_end(WHOLE));
    }

    #[test]
    fn bytes_behind_the_end_do_not_matter() {
        assert!(is_whole(&[WHOLE, b"\0\0trailer"].concat()));
    }
}
