//! Reads the header of a JPEG up to its first scan (ITU-T T.81, B.2), to choose a decoder.

use crate::decode::limits::is_within;

/// The second byte of a marker; the first is 0xFF.
mod marker {
    pub(super) const TEMPORARY: u8 = 0x01;
    pub(super) const HUFFMAN_TABLES: u8 = 0xc4;
    pub(super) const RESERVED_FRAME: u8 = 0xc8;
    pub(super) const ARITHMETIC_CONDITIONING: u8 = 0xcc;
    pub(super) const FRAME_0: u8 = 0xc0;
    pub(super) const FRAME_15: u8 = 0xcf;
    pub(super) const RESTART_0: u8 = 0xd0;
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    pub(super) const APPLICATION_0: u8 = 0xe0;
    pub(super) const APPLICATION_1: u8 = 0xe1;
    pub(super) const APPLICATION_14: u8 = 0xee;
}

/// A colour component: its id, and its sampling factors (blocks per MCU, horizontally and vertically).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    horizontal: u8,
    vertical: u8,
}

/// The header of a JPEG.
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    /// Number of the start-of-frame marker, which is the coding process: 0 baseline, 1 extended, 2 progressive; all other
    /// processes are unsupported.
    process: u8,
    /// Bits per sample.
    precision: u8,
    /// Width in pixels.
    pub(super) width: u16,
    /// Height in pixels; 0 if the file states it after the first scan.
    pub(super) height: u16,
    pub(super) components: Vec<Component>,
    /// Number of components in the first scan.
    scan_components: usize,
    /// A JFIF segment is present.
    pub(super) is_jfif: bool,
    /// Colour transform of the Adobe segment.
    pub(super) adobe_transform: Option<u8>,
    /// The TIFF structure of the EXIF segment.
    pub(super) exif: Option<&'a [u8]>,
    /// The first scan uses a Huffman table that no segment before it defines, as in frames of Motion JPEG.
    pub(super) lacks_huffman_tables: bool,
}

/// Kind of layout, which determines the decoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// For `zune-jpeg`.
    Common,
    /// For `jpeg-decoder`: a sequential file whose components are in separate scans, a component with a larger sampling
    /// factor than the first component, or a sampling factor of 3.
    Uncommon,
    /// A feature that neither decoder has; its name completes the message of
    /// [`DecodeError::Unsupported`](crate::decode::DecodeError::Unsupported).
    Unsupported(String),
}

impl<'a> Header<'a> {
    /// Reads all segments before the first scan. `None` if the file has no frame or no scan, or a segment is damaged.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut header = Header::default();
        // Huffman tables by class and number.
        let mut tables = [[false; 4]; 2];
        let mut rest = bytes;
        loop {
            let (code, after) = next_marker(rest)?;
            if matches!(code, marker::TEMPORARY | marker::RESTART_0..=marker::START_OF_IMAGE) {
                rest = after;
                continue;
            }
            if code == marker::END_OF_IMAGE {
                return None;
            }
            let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
            let segment = after.get(2..length)?;
            rest = after.get(length..)?;
            match code {
                marker::HUFFMAN_TABLES => define_tables(segment, &mut tables),
                marker::ARITHMETIC_CONDITIONING | marker::RESERVED_FRAME => {}
                marker::FRAME_0..=marker::FRAME_15 => header.read_frame(code - marker::FRAME_0, segment)?,
                marker::START_OF_SCAN => {
                    header.read_scan(segment, &tables)?;
                    return Some(header);
                }
                marker::APPLICATION_0 => header.is_jfif |= segment.starts_with(b"JFIF\0"),
                marker::APPLICATION_1 => {
                    header.exif = header.exif.or_else(|| segment.strip_prefix(b"Exif\0\0"));
                }
                marker::APPLICATION_14 if segment.starts_with(b"Adobe") => {
                    header.adobe_transform = segment.get(11).copied();
                }
                _ => {}
            }
        }
    }

    /// True if the image has at most `pixels_max` pixels.
    pub(super) fn is_within(&self, pixels_max: u64) -> bool {
        is_within(self.width.into(), self.height.into(), pixels_max)
    }

    fn read_frame(&mut self, process: u8, segment: &[u8]) -> Option<()> {
        let &[precision, height_high, height_low, width_high, width_low, count, ref components @ ..] =
            segment
        else {
            return None;
        };
        self.process = process;
        self.precision = precision;
        self.height = u16::from_be_bytes([height_high, height_low]);
        self.width = u16::from_be_bytes([width_high, width_low]);
        self.components = components
            .as_chunks()
            .0
            .iter()
            .take(count.into())
            .map(|&[id, factors, _]| Component { id, horizontal: factors >> 4, vertical: factors & 15 })
            .collect();
        let is_valid = |component: &Component| {
            (1..=4).contains(&component.horizontal) && (1..=4).contains(&component.vertical)
        };
        (!self.components.is_empty() && self.components.iter().all(is_valid)).then_some(())
    }

    fn read_scan(&mut self, segment: &[u8], tables: &[[bool; 4]; 2]) -> Option<()> {
        let (&count, components) = segment.split_first()?;
        let components = components.as_chunks::<2>().0.get(..count.into())?;
        self.scan_components = components.len();
        let [direct, alternating] = tables;
        // Progressive files begin with a scan that has no AC coefficients.
        let is_progressive = self.process == 2;
        let is_defined =
            |of: &[bool; 4], number: u8| of.get(usize::from(number)).is_none_or(|defined| *defined);
        self.lacks_huffman_tables = !components.iter().all(|&[_, numbers]| {
            is_defined(direct, numbers >> 4) && (is_progressive || is_defined(alternating, numbers & 15))
        });
        (!self.components.is_empty()).then_some(())
    }

    /// Determines the kind of layout.
    pub(super) fn layout(&self) -> Layout {
        if let Some(feature) = self.unsupported_feature() {
            return Layout::Unsupported(feature);
        }
        let in_separate_scans = self.process < 2 && self.scan_components < self.components.len();
        let [first, others @ ..] = self.components.as_slice() else { return Layout::Common };
        let is_finer = |component: &Component| {
            component.horizontal > first.horizontal || component.vertical > first.vertical
        };
        let has_three =
            self.components.iter().any(|component| component.horizontal == 3 || component.vertical == 3);
        let is_uncommon =
            in_separate_scans || others.iter().any(is_finer) || (has_three && !others.is_empty());
        if !is_uncommon {
            return Layout::Common;
        }
        let [largest_horizontal, largest_vertical] = self.largest_factors();
        // `jpeg-decoder` upsamples by whole factors alone, and misplaces the blocks of separate scans otherwise.
        let is_supported = |factor: u8, largest: u8| match in_separate_scans {
            true => factor == 1 || factor == largest,
            false => largest.is_multiple_of(factor),
        };
        let supported = self.components.iter().all(|component| {
            is_supported(component.horizontal, largest_horizontal)
                && is_supported(component.vertical, largest_vertical)
        });
        if supported { Layout::Uncommon } else { Layout::Unsupported(self.sampling()) }
    }

    fn unsupported_feature(&self) -> Option<String> {
        let process = match self.process {
            0..=2 if self.precision == 8 => return None,
            0..=2 => return Some(format!("{} bits per sample", self.precision)),
            3 => "lossless coding",
            9..=10 => "arithmetic coding",
            11 => "lossless arithmetic coding",
            _ => "hierarchical coding",
        };
        Some(process.to_owned())
    }

    fn largest_factors(&self) -> [u8; 2] {
        let largest = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max().unwrap_or(1);
        [largest(|component| component.horizontal), largest(|component| component.vertical)]
    }

    /// The sampling factors of all components, for a message.
    fn sampling(&self) -> String {
        let factors = self.components.iter();
        let factors: Vec<String> =
            factors.map(|own| format!("{}×{}", own.horizontal, own.vertical)).collect();
        format!("the sampling factors {}", factors.join(", "))
    }
}

/// The code of the next marker, and the bytes after it. Bytes between segments are skipped.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|&byte| byte == 0xff)?;
        let fill = rest.get(start..)?;
        let code = fill.iter().position(|&byte| byte != 0xff)?;
        let (&code, after) = fill.get(code..)?.split_first()?;
        if code != 0 {
            return Some((code, after));
        }
        rest = after;
    }
}

/// Marks the tables that a segment defines: a byte with class and number, 16 counts, and as many values.
fn define_tables(mut segment: &[u8], tables: &mut [[bool; 4]; 2]) {
    while let Some((&key, rest)) = segment.split_first() {
        let table =
            tables.get_mut(usize::from(key >> 4)).and_then(|class| class.get_mut(usize::from(key & 15)));
        if let Some(defined) = table {
            *defined = true;
        }
        let values = rest.iter().take(16).map(|&count| usize::from(count)).sum::<usize>();
        segment = rest.get(16 + values..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a frame of three components, and a first scan of `scan_components`.
    fn file(process: u8, factors: [u8; 3], scan_components: u8) -> Vec<u8> {
        let [first, second, third] = factors;
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xc0 + process, 0, 17, 8, 0, 61, 0, 83, 3];
        bytes.extend([1, first, 0, 2, second, 1, 3, third, 1]);
        bytes.extend([0xff, 0xda, 0, 6 + 2 * scan_components, scan_components]);
        (1..=scan_components).for_each(|id| bytes.extend([id, 0]));
        bytes.extend([0, 63, 0, 0xff, 0xd9]);
        bytes
    }

    fn layout(process: u8, factors: [u8; 3], scan_components: u8) -> Layout {
        Header::parse(&file(process, factors, scan_components)).unwrap().layout()
    }

    #[test]
    fn separate_scans_and_chroma_finer_than_luma_are_uncommon() {
        for factors in [[0x11; 3], [0x22, 0x11, 0x11], [0x21, 0x11, 0x11], [0x41, 0x11, 0x11]] {
            assert_eq!(layout(0, factors, 3), Layout::Common, "{factors:x?}");
            assert_eq!(layout(0, factors, 1), Layout::Uncommon, "{factors:x?}");
            assert_eq!(layout(2, factors, 1), Layout::Common, "{factors:x?}");
        }
        for factors in [[0x11, 0x22, 0x11], [0x21, 0x12, 0x11], [0x22, 0x11, 0x14], [0x31, 0x11, 0x11]] {
            assert_eq!(layout(0, factors, 3), Layout::Uncommon, "{factors:x?}");
        }
    }

    #[test]
    fn unsupported_features_are_named() {
        let named = |feature: &str| Layout::Unsupported(feature.to_owned());
        assert_eq!(layout(9, [0x11; 3], 3), named("arithmetic coding"));
        assert_eq!(layout(0, [0x31, 0x21, 0x11], 3), named("the sampling factors 3×1, 2×1, 1×1"));
        assert_eq!(layout(0, [0x41, 0x21, 0x11], 1), named("the sampling factors 4×1, 2×1, 1×1"));
    }

    #[test]
    fn missing_huffman_tables_are_detected() {
        let without = file(0, [0x11; 3], 3);
        assert!(Header::parse(&without).unwrap().lacks_huffman_tables);
        let tables = [&[0xff, 0xc4, 0, 36, 0][..], &[0; 16], &[0x10], &[0; 16]].concat();
        let with = [&without[..2], &tables, &without[2..]].concat();
        assert!(!Header::parse(&with).unwrap().lacks_huffman_tables);
    }

    #[test]
    fn truncated_headers_are_rejected() {
        let whole = file(0, [0x11; 3], 3);
        for length in 0..whole.len() - 2 {
            assert!(Header::parse(&whole[..length]).is_none(), "{length}");
        }
    }
}
