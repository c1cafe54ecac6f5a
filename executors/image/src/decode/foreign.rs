//! Names content that is not decoded, from its first bytes, for error messages.

/// Signatures of content that is not a picture: offset and bytes, and the name for messages.
const NOT_IMAGES: [(usize, &[u8], &str); 9] = [
    (4, b"ftyp", "an MP4 or QuickTime video"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"<?xml", "an XML document"),
    (0, b"<!DOCTYPE", "an HTML page"),
    (0, b"<!doctype", "an HTML page"),
    (0, b"<html", "an HTML page"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "compressed by gzip"),
];

/// Signatures of image formats that are not supported: bytes at the beginning, name and extension.
const IMAGES: [(&[u8], &str, &str); 7] = [
    (b"\xff\x0a", "a JPEG XL image", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", "jp2"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image", "j2k"),
    (b"8BPS", "a Photoshop image", "psd"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image", "exr"),
    (b"\0\0\x01\0", "a Windows icon", "ico"),
];

/// Brands of files in the ISO base media file format, which HEIC and AVIF share with MP4: name and extension of the image.
const BRANDS: [(&[u8], &str, &str); 13] = [
    (b"avif", "an AVIF image", "avif"),
    (b"avis", "an AVIF image", "avif"),
    (b"heic", "a HEIC image", "heic"),
    (b"heix", "a HEIC image", "heic"),
    (b"heim", "a HEIC image", "heic"),
    (b"heis", "a HEIC image", "heic"),
    (b"hevc", "a HEIC image", "heic"),
    (b"hevx", "a HEIC image", "heic"),
    (b"hevm", "a HEIC image", "heic"),
    (b"hevs", "a HEIC image", "heic"),
    // General brands of HEIF come last: a file that has one of those above, too, is named by that.
    (b"mif1", "a HEIF image", "heif"),
    (b"msf1", "a HEIF image", "heif"),
    (b"crx ", "a raw image of a camera", "cr3"),
];

/// Bytes in which the root element of an SVG drawing is searched, after declarations and comments.
const SVG_HEAD_BYTES: usize = 1024;

/// Content that is recognised but not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A picture in a format that is not supported; its name and the usual extension.
    Image(&'static str, &'static str),
    /// A drawing in SVG, which has no pixels.
    Drawing,
    /// Anything else, by its name.
    Other(&'static str),
}

impl Foreign {
    /// Recognises content; `None` if it has no known signature.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        if let Some((_, name, extension)) = IMAGES.iter().find(|(start, ..)| bytes.starts_with(start)) {
            return Some(Self::Image(name, extension));
        }
        let brands = brands(bytes);
        if let Some((_, name, extension)) = BRANDS.iter().find(|(brand, ..)| brands.contains(brand)) {
            return Some(Self::Image(name, extension));
        }
        if is_svg(bytes) {
            return Some(Self::Drawing);
        }
        let has =
            |offset: usize, start: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(start));
        let other = NOT_IMAGES.iter().find(|(offset, start, _)| has(*offset, start));
        let other = other.map(|(.., name)| *name).or_else(|| has(0, b"{").then_some("JSON or other text"));
        other.map(Self::Other)
    }
}

/// The brands that the first box of an ISO base media file lists: the major one and the compatible ones.
fn brands(bytes: &[u8]) -> Vec<&[u8]> {
    let Some((size, rest)) = bytes.split_first_chunk() else { return Vec::new() };
    let Some(brands) = rest.strip_prefix(b"ftyp") else { return Vec::new() };
    let length = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX).saturating_sub(8);
    let brands = brands.get(..length).unwrap_or(brands);
    // A version is between the major brand and the others.
    let compatible = brands.get(8..).unwrap_or_default().chunks_exact(4);
    brands.get(..4).into_iter().chain(compatible).take(BRANDS_MAX).collect()
}

/// Maximum number of brands that are read; files have fewer than ten.
const BRANDS_MAX: usize = 64;

fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let head = text.get(..SVG_HEAD_BYTES).unwrap_or(text);
    let has_root = || head.windows(4).any(|window| window == b"<svg");
    text.starts_with(b"<svg")
        || ([&b"<?xml"[..], b"<!--", b"<!DOCTYPE svg"].iter().any(|start| text.starts_with(start))
            && has_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let size = u32::try_from(16 + 4 * compatible.len()).unwrap().to_be_bytes();
        let compatible: Vec<&[u8]> = compatible.iter().map(|brand| &brand[..]).collect();
        [&size[..], b"ftyp", major, &[0; 4], &compatible.concat(), b"\0\0\0\x08heic"].concat()
    }

    #[test]
    fn images_in_boxes_are_named_by_their_brands() {
        for (major, compatible, expected) in [
            (b"avif", &[b"avif", b"mif1", b"miaf"][..], Some(Foreign::Image("an AVIF image", "avif"))),
            (b"heic", &[b"mif1", b"heic"], Some(Foreign::Image("a HEIC image", "heic"))),
            (b"mif1", &[b"mif1", b"heix"], Some(Foreign::Image("a HEIC image", "heic"))),
            (b"mif1", &[b"avif", b"mif1"], Some(Foreign::Image("an AVIF image", "avif"))),
            (b"mif1", &[b"mif1"], Some(Foreign::Image("a HEIF image", "heif"))),
            (b"crx ", &[b"isom"], Some(Foreign::Image("a raw image of a camera", "cr3"))),
            (b"isom", &[b"avc1"], Some(Foreign::Other("an MP4 or QuickTime video"))),
        ] {
            assert_eq!(Foreign::detect(&file(major, compatible)), expected, "{compatible:?}");
        }
        let whole = file(b"heic", &[b"mif1"]);
        assert!((0..8).all(|length| Foreign::detect(&whole[..length]).is_none()));
        assert!((8..whole.len()).all(|length| Foreign::detect(&whole[..length]).is_some()));
    }

    #[test]
    fn a_drawing_is_recognised_after_declarations_and_comments() {
        for text in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- by hand -->\n<svg/>",
            " \n<!-- by hand --><svg/>",
            "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"\"><svg/>",
        ] {
            assert_eq!(Foreign::detect(text.as_bytes()), Some(Foreign::Drawing), "{text}");
        }
        let page = b"<!DOCTYPE html><html><body><svg/></body></html>";
        assert_eq!(Foreign::detect(page), Some(Foreign::Other("an HTML page")));
        assert_eq!(Foreign::detect(b"<?xml version='1.0'?><a/>"), Some(Foreign::Other("an XML document")));
        assert_eq!(Foreign::detect(b"hello"), None);
    }
}
