//! Arbitrary input gives a result or an error for its document, and never a panic.

use flowrun_image::decode::{Clip, PIXELS_MAX, decode_image};
use flowrun_sdk::{DataType, Document, Tensor, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::fixtures::{bench, bytes, with_chunk};

const FILES: [&str; 21] = [
    "rgb.jpg",
    "progressive.jpg",
    "cmyk.jpg",
    "rgb.png",
    "palette_transparent.png",
    "grey16.png",
    "bilevel.png",
    "rgb.bmp",
    "palette.bmp",
    "rgb_lzw.tif",
    "bilevel_fax.tif",
    "jpeg.tif",
    "lossless_alpha.webp",
    "lossy.webp",
    "animated.webp",
    "keep.gif",
    "background.gif",
    "previous.gif",
    "local.gif",
    "partial.gif",
    "damaged.gif",
];

/// Distance in bytes between the positions where files are damaged.
const STEP: usize = 7;

/// Decodes an image and a clip. The test is that both return.
fn decode(content: &[u8]) {
    if let Ok(image) = decode_image(content) {
        let pixels = u64::from(image.width()) * u64::from(image.height());
        assert!((1..=PIXELS_MAX).contains(&pixels));
    }
    if let Ok(mut clip) = Clip::open(content) {
        while let Ok(Some(_)) = clip.next_frame() {}
    }
}

#[test]
fn files_truncated_anywhere_do_not_panic() {
    for name in FILES {
        let whole = bytes(name);
        for length in (0..whole.len()).step_by(STEP) {
            decode(&whole[..length]);
        }
    }
}

#[test]
fn files_with_a_byte_changed_anywhere_do_not_panic() {
    for name in FILES {
        let mut content = bytes(name);
        for position in (0..content.len()).step_by(STEP) {
            content[position] ^= 0xff;
            decode(&content);
            content[position] ^= 0xff;
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_after_any_beginning_do_not_panic(
        (file, kept) in (0..FILES.len(), 0_usize..200),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let whole = bytes(FILES[file]);
        decode(&[&whole[..kept.min(whole.len())], &rest].concat());
    }

    #[test]
    fn damage_at_several_positions_does_not_panic(
        file in 0..FILES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut content = bytes(FILES[file]);
        for (index, byte) in damages {
            let position = index.index(content.len());
            content[position] = byte;
        }
        decode(&content);
    }
}

/// Every executor that takes images, with parameters for small images.
fn crafters(axis: i32) -> Vec<(&'static str, Value)> {
    let with = |mut with: Value| {
        with["channel_axis"] = json!(axis);
        with
    };
    vec![
        ("ImageNormalizer", with(json!({"target_size": 2, "resize_dim": 3, "value_range": "auto"}))),
        ("ImageResizer", with(json!({"target_size": [3, 2], "how": "bicubic"}))),
        ("ImageCropper", with(json!({"top": 0, "left": 1, "height": 1, "width": 2}))),
        ("CenterImageCropper", with(json!({"target_size": 2}))),
        ("RandomImageCropper", with(json!({"target_size": 2, "num_patches": 3}))),
        ("FiveImageCropper", with(json!({"target_size": [1, 2]}))),
        ("SlidingWindowImageCropper", with(json!({"target_size": 2, "strides": [1, 2], "padding": "SAME"}))),
        ("ImageFlipper", with(json!({}))),
        ("ImageDescriptorEncoder", with(json!({"dimension": 16}))),
    ]
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let data_type =
        prop::sample::select(vec!["|u1", "|b1", "<i2", "<i8", "<u4", "<f2", "<f4", ">f4", "<f8", "<c8"]);
    let shape = prop_oneof![
        proptest::collection::vec(0_usize..5, 0..5),
        (1_usize..6, 1_usize..6).prop_map(|(height, width)| vec![height, width, 3]),
        (1_usize..6, 1_usize..6).prop_map(|(height, width)| vec![3, height, width]),
    ];
    (data_type, shape, any::<u64>()).prop_map(|(data_type, shape, seed)| {
        let data_type: DataType = data_type.parse().unwrap();
        let length = shape.iter().product::<usize>() * data_type.size();
        let byte = |at: usize| (seed.rotate_left(at as u32 * 5) >> (at % 7)) as u8;
        Tensor::new(data_type, shape, (0..length).map(byte).collect::<Vec<u8>>().into()).unwrap()
    })
}

proptest! {
    #[test]
    fn any_tensor_ends_in_a_result_or_an_error_about_its_document(tensor in tensor(), axis in prop_oneof![Just(-1), Just(0)]) {
        for (name, with) in crafters(axis) {
            let answer = bench(name, &with).call("/x", vec![with_chunk(tensor.clone())], &Value::Null).unwrap();
            prop_assert_eq!(answer.documents.len() + answer.failures.len(), 1, "{}", name);
            for chunk in answer.documents.iter().flat_map(|document| document.chunks.iter()) {
                prop_assert!(chunk.tensor.as_ref().is_some_and(|tensor| !tensor.is_empty()), "{}", name);
            }
        }
    }

    #[test]
    fn any_content_ends_in_chunks_or_an_error_about_its_document(
        file in 0..FILES.len(),
        (index, byte) in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let mut content = bytes(FILES[file]);
        let position = index.index(content.len());
        content[position] = byte;
        for name in ["ImageReader", "GifSegmenter", "GifNameRawSplit"] {
            let document = Document::new("doc").with_blob(content.clone());
            let answer = bench(name, &Value::Null).call("/x", vec![document], &Value::Null).unwrap();
            prop_assert_eq!(answer.documents.len() + answer.failures.len(), 1);
            for document in &answer.documents {
                prop_assert!(name == "GifNameRawSplit" || !document.chunks.is_empty());
            }
        }
    }
}
