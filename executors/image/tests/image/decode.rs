//! Every format is decoded to the same pixels as by Pillow.

use flowrun_image::decode::{DecodeError, Format, decode_image};

use crate::fixtures::{bytes, difference, image};

#[test]
fn lossless_formats_preserve_every_pixel() {
    let scene = image("rgb.png");
    for name in ["rgb.bmp", "lossless.webp", "rgba.png", "lossless_alpha.webp"] {
        assert_eq!(image(name), scene, "{name}");
    }
}

#[test]
fn palette_images_keep_the_colours_of_transparent_pixels() {
    let expected = image("palette.png.expected.png");
    for name in ["palette.png", "palette_transparent.png", "palette.bmp", "palette.tif", "still.gif"] {
        assert_eq!(image(name), expected, "{name}");
    }
    assert_eq!(image("bilevel.png"), image("bilevel.png.expected.png"));
}

#[test]
fn grey_is_the_same_in_eight_and_sixteen_bits_and_with_alpha() {
    let grey = image("grey.png");
    assert!(grey.pixels().all(|pixel| pixel.0 == [pixel.0[0]; 3]));
    assert_eq!(image("grey16.png"), grey);
    assert_eq!(image("grey_alpha.png"), grey);
}

#[test]
fn tiff_is_decoded_in_its_common_modes_and_compressions() {
    let scene = image("rgb.png");
    for name in ["rgb.tif", "rgb_lzw.tif", "rgb_deflate.tif", "rgb_packbits.tif", "rgba.tif", "cmyk.tif"] {
        assert_eq!(image(name), scene, "{name}");
    }
    for (name, expected) in [
        ("grey.tif", "grey.png"),
        ("grey16.tif", "grey.png"),
        ("bilevel.tif", "bilevel.png.expected.png"),
        ("bilevel_fax.tif", "bilevel.png.expected.png"),
    ] {
        assert_eq!(image(name), image(expected), "{name}");
    }
    let difference = difference(&image("jpeg.tif"), &scene);
    assert!(difference <= 20, "{difference}");
    // Pillow applies the orientation of a TIFF by itself.
    assert_eq!(image("oriented.tif"), image::imageops::rotate90(&scene));
}

#[test]
fn unsupported_kinds_of_tiff_are_named() {
    let preview = decode_image(&bytes("preview.tif")).unwrap_err().to_string();
    assert_eq!(preview, "the TIFF image uses the raw pixels of a camera, which is not supported");
    let mut file = std::io::Cursor::new(Vec::new());
    image::Rgb32FImage::new(2, 2)
        .write_with_encoder(image::codecs::tiff::TiffEncoder::new(&mut file))
        .unwrap();
    let error = decode_image(file.get_ref()).unwrap_err().to_string();
    assert_eq!(error, "the TIFF image uses numbers in floating point, which is not supported");
}

#[test]
fn a_jpeg_beyond_the_bound_of_other_images_is_decoded_at_half_its_size() {
    let mut file = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut file);
    image::GrayImage::from_pixel(12_000, 9_001, image::Luma([200])).write_with_encoder(encoder).unwrap();
    let decoded = decode_image(&file).unwrap();
    assert_eq!((decoded.dimensions(), decoded.get_pixel(5_000, 4_000).0), ((6_000, 4_501), [200; 3]));
    let mut huge = file;
    // The height, in the frame header.
    let frame = huge.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    huge[frame + 5..frame + 7].copy_from_slice(&20_000_u16.to_be_bytes());
    let error = decode_image(&huge).unwrap_err().to_string();
    assert!(error.contains("12000 × 20000 pixels, more than the 200000000"), "{error}");
}

#[test]
fn lossy_formats_agree_with_pillow_up_to_rounding() {
    for (name, largest) in
        [("rgb.jpg", 4), ("grey.jpg", 2), ("progressive.jpg", 4), ("cmyk.jpg", 4), ("lossy.webp", 2)]
    {
        let (ours, expected) = (image(name), image(&format!("{name}.expected.png")));
        let difference = difference(&ours, &expected);
        assert!(difference <= largest, "{name}: {difference}");
    }
}

#[test]
fn decode_image_returns_the_first_frame_of_a_clip() {
    for name in ["keep.gif", "animated.webp"] {
        let first = image(name);
        let frames = image(&format!("{name}.expected.png"));
        assert_eq!(first.as_raw()[..], frames.as_raw()[..first.len()], "{name}");
    }
}

#[test]
fn formats_are_detected_from_content() {
    for (name, format) in [
        ("rgb.jpg", Format::Jpeg),
        ("rgb.png", Format::Png),
        ("lossy.webp", Format::WebP),
        ("still.gif", Format::Gif),
        ("rgb.bmp", Format::Bmp),
        ("rgb.tif", Format::Tiff),
    ] {
        assert_eq!(Format::detect(&bytes(name)).unwrap(), format);
    }
    assert_eq!(Format::WebP.mime_type(), "image/webp");
}

#[test]
fn errors_name_the_format_of_unsupported_content() {
    for (content, message) in [
        (&b""[..], "the content is empty"),
        (
            b"%PDF-1.7 ...",
            "the content is a PDF document; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported",
        ),
        (
            b"\0\0\0\x18ftypmp42",
            "the content is an MP4 or QuickTime video; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported",
        ),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "the content is a HEIC image; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported: convert it, for example by `magick IN.heic OUT.jpg`",
        ),
        (
            b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif",
            "the content is an AVIF image; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported: convert it, for example by `magick IN.avif OUT.jpg`",
        ),
        (
            b"<?xml version=\"1.0\"?>\n<svg/>",
            "the content is an SVG drawing; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported: draw it, for example by `rsvg-convert IN.svg -o OUT.png`",
        ),
        (
            b"h\xe9llo",
            "the content is not an image: it begins with `h\\xe9llo`; JPEG, PNG, WebP, GIF, BMP and TIFF images are supported",
        ),
    ] {
        assert_eq!(decode_image(content).unwrap_err().to_string(), message);
    }
}

#[test]
fn truncated_images_are_reported_as_truncated() {
    for name in
        ["rgb.jpg", "progressive.jpg", "rgb.png", "lossless.webp", "lossy.webp", "rgb.bmp", "still.gif"]
    {
        let whole = bytes(name);
        for length in [whole.len() / 2, whole.len() * 9 / 10] {
            let error = decode_image(&whole[..length]).unwrap_err();
            assert!(matches!(error, DecodeError::Truncated(_)), "{name} at {length}: {error}");
        }
    }
}

/// The header of a PNG of the given size, with its checksum, and the beginning of the pixel data.
fn png_head(width: u32, height: u32) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [b"IHDR", &sides[..], b"\x08\x02\0\0\0"].concat();
    let checksum = crc(&header).to_be_bytes();
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &header[..], &checksum, b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat()
}

#[test]
fn oversized_images_are_rejected_by_their_header() {
    let gif = b"GIF89a\xff\xff\xff\xff\0\0\0;".to_vec();
    for (content, message) in [
        (png_head(60_000, 60_000), "60000 × 60000 pixels, more than the 100000000 in all or 65535 per side"),
        (png_head(70_000, 2), "70000 × 2 pixels, more than the 100000000 in all or 65535 per side"),
        (gif, "65535 × 65535 pixels, more than the 33177600 in all or 65535 per side"),
    ] {
        let error = decode_image(&content).unwrap_err().to_string();
        assert_eq!(error, format!("the image has {message} allowed"));
    }
    assert!(matches!(decode_image(&png_head(2, 2)), Err(DecodeError::Truncated(Format::Png))));
}

/// The checksum of a PNG chunk (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
