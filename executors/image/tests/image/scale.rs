//! `ImageResizer` and `ImageNormalizer`.

use flowrun_sdk::{Document, Tensor, Value};
use serde_json::json;

use crate::fixtures::{bytes, difference, image, run, try_bench, with_chunk};

/// The scene as read by `ImageReader`: floats from 0 to 255.
fn scene(with: &Value) -> Document {
    run("ImageReader", with, Document::new("doc").with_blob(bytes("rgb.png"))).unwrap()
}

fn tensor(document: &Document) -> &Tensor {
    document.chunks[0].tensor.as_ref().unwrap()
}

#[test]
fn normalised_images_equal_those_of_jina() {
    let with = json!({
        "target_size": 24, "resize_dim": 32, "channel_axis": 0,
        "img_mean": [0.485, 0.456, 0.406], "img_std": [0.229, 0.224, 0.225],
    });
    let document = run("ImageNormalizer", &with, scene(&json!({"channel_axis": 0}))).unwrap();
    assert_eq!(tensor(&document).shape(), [3, 24, 24]);
    let expected = Tensor::new(
        flowrun_sdk::DataType::FLOAT32,
        vec![3, 24, 24],
        bytes("normalized_3x24x24.expected.f32").into(),
    );
    let (ours, expected) = (tensor(&document).to_f32().unwrap(), expected.unwrap());
    // A difference of 1 of 255, divided by the smallest deviation.
    let step = 1.0 / 255.0 / 0.224 + 1e-6;
    let differences = ours
        .iter()
        .zip(expected.to_f32().unwrap().iter())
        .map(|(ours, expected)| (ours - expected).abs())
        .collect::<Vec<_>>();
    assert!(differences.iter().all(|&difference| difference < step));
    let same = differences.iter().filter(|&&difference| difference == 0.0).count();
    assert!(same * 100 > differences.len() * 98, "{same} of {}", differences.len());
}

#[test]
fn the_default_is_a_crop_of_224_from_a_shorter_side_of_256() {
    let document = run("ImageNormalizer", &Value::Null, scene(&Value::Null)).unwrap();
    assert_eq!(tensor(&document).shape(), [224, 224, 3]);
    assert!(tensor(&document).to_f32().unwrap().iter().all(|element| (0.0..=1.0).contains(element)));
}

#[test]
fn a_single_target_size_is_that_of_the_shorter_side() {
    let document =
        run("ImageResizer", &json!({"target_size": 18, "how": "BICUBIC"}), scene(&Value::Null)).unwrap();
    assert_eq!(tensor(&document).shape(), [18, 24, 3]);
    assert_eq!(tensor(&document).data_type(), flowrun_sdk::DataType::FLOAT32);
    let document = run("ImageResizer", &json!({"target_size": [5, 7]}), scene(&Value::Null)).unwrap();
    assert_eq!(tensor(&document).shape(), [5, 7, 3]);
}

#[test]
fn scaled_images_keep_element_type_and_range() {
    let with = |range: &str| json!({"target_size": [48, 64], "value_range": range});
    let scene = image("rgb.png");
    let as_bytes = Tensor::from_u8(vec![48, 64, 3], scene.as_raw().clone()).unwrap();
    let kept = run("ImageResizer", &with("bytes"), with_chunk(as_bytes.clone())).unwrap();
    assert_eq!(*tensor(&kept), as_bytes);
    let unit: Vec<f32> = scene.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let as_unit = Tensor::from_f32(vec![48, 64, 3], unit.clone()).unwrap();
    let kept = run("ImageResizer", &with("unit"), with_chunk(as_unit)).unwrap();
    assert_eq!(*tensor(&kept).to_f32().unwrap(), unit);
}

#[test]
fn both_orders_of_axes_give_the_same_pixels() {
    let with = |axis: i32| json!({"target_size": [9, 11], "channel_axis": axis});
    let last = run("ImageResizer", &with(-1), scene(&json!({"channel_axis": -1}))).unwrap();
    let first = run("ImageResizer", &with(0), scene(&json!({"channel_axis": 0}))).unwrap();
    let (last, first) = (tensor(&last).to_f32().unwrap(), tensor(&first).to_f32().unwrap());
    for (pixel, colours) in last.chunks_exact(3).enumerate() {
        assert_eq!(colours, [first[pixel], first[99 + pixel], first[198 + pixel]]);
    }
}

#[test]
fn fractions_are_truncated_as_in_jina() {
    let image = Tensor::from_f32(vec![1, 1, 3], vec![1.99, 254.999, 255.0]).unwrap();
    let scaled = run("ImageResizer", &json!({"target_size": 1}), with_chunk(image)).unwrap();
    assert_eq!(*tensor(&scaled).to_f32().unwrap(), [1.0, 254.0, 255.0]);
}

#[test]
fn an_image_of_one_channel_is_grey() {
    let grey = Tensor::from_u8(vec![1, 2], vec![3, 200]).unwrap();
    let scaled = run("ImageResizer", &json!({"target_size": [1, 2]}), with_chunk(grey)).unwrap();
    assert!(difference(tensor(&scaled).as_u8().unwrap(), &[3, 3, 3, 200, 200, 200]) == 0);
}

#[test]
fn numbers_outside_of_the_value_range_fail() {
    for (elements, range, message) in [
        (
            [-0.5, 0.0, 1.0],
            "bytes",
            "`doc#0`: the image holds numbers from -0.5 to 1, but `value_range: bytes` requires numbers from 0 to 255",
        ),
        (
            [0.0, 0.5, 1.5],
            "unit",
            "`doc#0`: the image holds numbers from 0 to 1.5, but `value_range: unit` requires numbers from 0 to 1",
        ),
        ([0.0, f32::NAN, 1.0], "bytes", "`doc#0`: the image holds numbers that are infinite or not a number"),
        (
            [0.0, f32::INFINITY, 1.0],
            "bytes",
            "`doc#0`: the image holds numbers that are infinite or not a number",
        ),
    ] {
        let image = Tensor::from_f32(vec![1, 1, 3], elements.to_vec()).unwrap();
        let with = json!({"target_size": 1, "value_range": range});
        assert_eq!(run("ImageResizer", &with, with_chunk(image)).unwrap_err(), message);
    }
    let colours = Tensor::from_u8(vec![1, 1, 4], vec![0; 4]).unwrap();
    let error = run("ImageResizer", &json!({"target_size": 1}), with_chunk(colours)).unwrap_err();
    assert_eq!(error, "`doc#0`: an image must have 1 or 3 channels, but has 4");
}

#[test]
fn invalid_parameters_are_rejected() {
    for (name, with, message) in [
        (
            "ImageResizer",
            json!({"target_size": 9, "value_range": "auto"}),
            "`value_range`: must be `bytes` or `unit`",
        ),
        ("ImageNormalizer", json!({"img_std": [1, 0, 1]}), "`img_std`: must not contain 0"),
        (
            "ImageNormalizer",
            json!({"target_size": 300}),
            "`target_size`: a crop of 300 × 300 pixels does not fit into the 256 × 256 pixels of `resize_dim`",
        ),
        (
            "ImageResizer",
            json!({"target_size": 9, "how": "cubic"}),
            "parameter `how` must be `nearest`, `box`, `bilinear`, ",
        ),
    ] {
        let error = try_bench(name, &with).err().unwrap();
        assert!(error.starts_with(message), "{error}");
    }
}
