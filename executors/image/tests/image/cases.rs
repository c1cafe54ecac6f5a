//! Unusual files in `tests/fixtures/cases`. `NAME.npy` holds the pixels of Pillow 13.0.0 (libjpeg-turbo 3, libwebp 1.6).

use flowrun_image::decode::{Clip, Frame, decode_image};
use flowrun_image::thumbnail;
use flowrun_sdk::Document;
use image::RgbImage;
use serde_json::json;

use crate::fixtures::{bytes, run};

/// Shape and elements of an array of bytes in NumPy's format.
fn array(name: &str) -> (Vec<usize>, Vec<u8>) {
    let file = bytes(&format!("cases/{name}.npy"));
    let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = std::str::from_utf8(&file[10..start]).unwrap();
    let (_, shape) = header.split_once("'shape': (").unwrap();
    let (shape, _) = shape.split_once(')').unwrap();
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    (sides.map(|side| side.parse().unwrap()).collect(), file[start..].to_vec())
}

/// Checks that pixels are those of Pillow, up to the rounding of lossy decoders.
fn assert_pixels(name: &str, pixels: &[u8], expected: &[u8]) {
    assert_eq!(pixels.len(), expected.len(), "{name}");
    let differences = pixels.iter().zip(expected).map(|(own, expected)| own.abs_diff(*expected));
    let largest = differences.clone().max().unwrap();
    let mean = differences.map(f64::from).sum::<f64>() / pixels.len() as f64;
    let is_lossy = name.contains(".jpg") || name.contains("lossy");
    let (mean_max, largest_max) = if is_lossy { (1.5, 40) } else { (0.0, 0) };
    assert!(mean <= mean_max && largest <= largest_max, "{name}: mean {mean}, largest {largest}");
}

fn assert_image(name: &str) {
    let image =
        decode_image(&bytes(&format!("cases/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (shape, expected) = array(name);
    assert_eq!(shape, [image.height() as usize, image.width() as usize, 3], "{name}");
    assert_pixels(name, &image, &expected);
}

fn assert_clip(name: &str) {
    let file = bytes(&format!("cases/{name}"));
    let mut clip = Clip::open(&file).unwrap();
    let mut frames: Vec<RgbImage> = Vec::new();
    while let Some(frame) = clip.next_frame().unwrap() {
        match frame {
            Frame::Good(picture) => frames.push(picture.clone()),
            Frame::Damaged(error) => panic!("{name}: {error}"),
        }
    }
    let (shape, expected) = array(name);
    assert_eq!(shape[0], frames.len(), "{name}");
    for (number, (frame, expected)) in frames.iter().zip(expected.chunks_exact(frames[0].len())).enumerate() {
        assert_pixels(&format!("{name}, frame {number}"), frame, expected);
    }
}

#[test]
fn components_in_separate_scans_are_decoded_in_any_order_and_sampling() {
    for name in [
        "scan-per-component-420.jpg",
        "scan-per-component-440.jpg",
        "scan-per-component-422-passes.jpg",
        "first-scan-chroma-420.jpg",
    ] {
        assert_image(name);
    }
}

#[test]
fn any_whole_ratio_of_sampling_factors_is_decoded() {
    for name in ["chroma-finer-than-luma.jpg", "uneven-chroma-passes.jpg", "sampling-3x1.jpg"] {
        assert_image(name);
    }
}

#[test]
fn a_jpeg_without_huffman_tables_has_the_standard_ones() {
    assert_image("mjpeg-frame.jpg");
}

#[test]
fn an_unsupported_feature_is_named_and_not_called_damage() {
    let error = decode_image(&bytes("cases/arithmetic.jpg")).unwrap_err();
    assert_eq!(error.to_string(), "the JPEG image uses arithmetic coding, which is not supported");
}

#[test]
fn faults_that_leave_all_pixels_readable_do_not_reject_a_png() {
    for name in ["no-end-marker.png", "wrong-checksum.png"] {
        assert_image(name);
    }
}

#[test]
fn old_headers_are_read() {
    for name in ["os2-header.bmp", "no-palette.gif"] {
        assert_image(name);
    }
}

#[test]
fn frames_of_animated_webp_leave_no_trail() {
    for name in [
        "moving-on-transparent.webp",
        "moving-lossy.webp",
        "vanishing.webp",
        "key-frames-passes.webp",
        "moving-on-white-passes.webp",
    ] {
        assert_clip(name);
    }
}

#[test]
fn animated_png_has_all_frames_and_begins_with_its_default_image() {
    for name in ["apng-three-frames.png", "apng-default-outside.png"] {
        assert_clip(name);
    }
}

#[test]
fn photos_are_turned_by_their_exif_orientation() {
    const NAME: &str = "exif-orientation-6.jpg";
    assert_image(NAME);
    let photo = bytes(&format!("cases/{NAME}"));
    let small = decode_image(&thumbnail(&photo, 20).unwrap()).unwrap();
    assert_eq!(small.dimensions(), (14, 20));
    let read = |with| {
        let document = run("ImageReader", &with, Document::new("a").with_blob(photo.clone())).unwrap();
        document.chunks[0].tensor.as_ref().unwrap().shape().to_vec()
    };
    assert_eq!((read(json!({})), read(json!({"exif": false}))), (vec![40, 28, 3], vec![28, 40, 3]));
    let embedding = |with| {
        let document = Document::new("a").with_blob(photo.clone());
        run("ImageDescriptorEncoder", &with, document)
            .unwrap()
            .embedding
            .unwrap()
            .to_f32()
            .unwrap()
            .into_owned()
    };
    assert_ne!(
        embedding(json!({"access_paths": "@r"})),
        embedding(json!({"access_paths": "@r", "exif": false}))
    );
}
