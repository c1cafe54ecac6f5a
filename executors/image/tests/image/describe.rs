//! Embeddings without a model: their values and their distances.

use flowrun_sdk::{Document, Tensor, Value};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::fixtures::{self, bench, bytes, run, try_bench, with_chunk};

fn embedding(document: &Document) -> Vec<f32> {
    document.embedding.as_ref().unwrap().to_f32().unwrap().into_owned()
}

/// The embedding of an image, sent as a tensor of bytes of height × width × 3.
fn embed(with: &Value, image: &RgbImage) -> Vec<f32> {
    let shape = vec![image.height() as usize, image.width() as usize, 3];
    let tensor = Tensor::from_u8(shape, image.as_raw().clone()).unwrap();
    embedding(&run("ImageDescriptorEncoder", with, with_chunk(tensor)).unwrap().chunks[0])
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|number| number * number).sum::<f32>().sqrt()
}

fn distance(left: &[f32], right: &[f32]) -> f32 {
    length(&left.iter().zip(right).map(|(left, right)| left - right).collect::<Vec<_>>())
}

/// A scene of a background, boxes and discs in random colours.
fn scene(random: &mut ChaCha8Rng) -> RgbImage {
    let colour = |random: &mut ChaCha8Rng| Rgb(random.random::<[u8; 3]>());
    let mut image = RgbImage::from_pixel(96, 96, colour(random));
    for _ in 0..4 {
        let (x, y, side) =
            (random.random_range(0..80), random.random_range(0..80), random.random_range(10..40_i32));
        let (round, paint) = (random.random::<bool>(), colour(random));
        for (at_x, at_y, pixel) in image.enumerate_pixels_mut() {
            let (dx, dy) = (at_x as i32 - x, at_y as i32 - y);
            let inside = if round {
                dx * dx + dy * dy < side * side / 2
            } else {
                (0..side).contains(&dx) && (0..side).contains(&dy)
            };
            if inside {
                *pixel = paint;
            }
        }
    }
    image
}

/// The scene shifted by a few pixels, with other brightness, noise and size.
fn view(scene: &RgbImage, random: &mut ChaCha8Rng) -> RgbImage {
    let (x, y) = (random.random_range(0..6), random.random_range(0..6));
    let light = random.random_range(-25..25);
    let mut view = image::imageops::crop_imm(scene, x, y, 90, 90).to_image();
    for channel in view.iter_mut() {
        *channel = (i32::from(*channel) + light + random.random_range(-12..12)).clamp(0, 255) as u8;
    }
    let side = random.random_range(40..200);
    image::imageops::thumbnail(&view, side, side)
}

#[test]
fn another_view_of_a_scene_is_nearer_than_another_scene() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let scenes: Vec<RgbImage> = (0..40).map(|_| scene(&mut random)).collect();
    for with in [json!({}), json!({"dimension": 1024}), json!({"dimension": 128})] {
        let indexed: Vec<Vec<f32>> = scenes.iter().map(|scene| embed(&with, scene)).collect();
        let found = scenes.iter().enumerate().filter(|(number, scene)| {
            let query = embed(&with, &view(scene, &mut random));
            let distances = indexed.iter().map(|indexed| distance(&query, indexed));
            let nearest = distances.enumerate().min_by(|left, right| left.1.total_cmp(&right.1)).unwrap();
            nearest.0 == *number
        });
        assert!(found.count() >= 38, "{with}");
    }
}

#[test]
fn embeddings_hardly_depend_on_the_image_size() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..10 {
        let scene = scene(&mut random);
        let expected = embed(&Value::Null, &scene);
        for side in [48, 192, 250] {
            let scaled = image::imageops::resize(&scene, side, side, image::imageops::FilterType::Triangle);
            let difference = distance(&embed(&Value::Null, &scaled), &expected);
            assert!(difference < 0.3, "{side}: {difference}");
        }
    }
}

#[test]
fn colour_and_shape_both_count() {
    let draw = |background: [u8; 3], figure: [u8; 3], round: bool| {
        let with = RgbImage::from_fn(96, 96, |x, y| {
            let (dx, dy) = (x as i32 - 48, y as i32 - 48);
            let inside = if round { dx * dx + dy * dy < 700 } else { dx.abs() < 24 && dy.abs() < 24 };
            Rgb(if inside { figure } else { background })
        });
        embed(&Value::Null, &with)
    };
    let (grey, red, blue) = ([128; 3], [200, 30, 30], [30, 30, 200]);
    let disc = draw(grey, red, true);
    assert!(distance(&disc, &draw(grey, blue, true)) > 0.1);
    assert!(distance(&disc, &draw(grey, red, false)) > 0.1);
    assert!(distance(&disc, &draw(grey, [190, 40, 35], true)) < 0.1);
}

#[test]
fn embeddings_never_change() {
    let document = Document::new("a").with_blob(bytes("rgb.png"));
    let with = |dimension: usize| json!({"access_paths": "@r", "dimension": dimension});
    let raw = embedding(&run("ImageDescriptorEncoder", &with(1024), document.clone()).unwrap());
    let projected = embedding(&run("ImageDescriptorEncoder", &with(512), document).unwrap());
    assert_eq!(raw[..4], [-0.012031895, -0.09943664, -0.17562556, -0.00030666435]);
    assert_eq!(raw[1020..], [0.00994807, 0.0057222154, 0.013906593, 0.03160063]);
    assert_eq!(projected[..4], [-0.041975014, 0.0491095, -0.09866757, -0.04044909]);
    assert_eq!(projected[508..], [-0.0054943557, -0.020095224, -0.025986083, -0.033834383]);
}

#[test]
fn the_embedding_depends_on_the_pixels_and_not_on_their_encoding() {
    let root = Document::new("doc").with_blob(bytes("rgb.png"));
    let read = run("ImageReader", &json!({"channel_axis": 0}), root.clone()).unwrap();
    let chunk = |name: &str, with: Value| embedding(&run(name, &with, read.clone()).unwrap().chunks[0]);
    let expected = chunk("ImageDescriptorEncoder", json!({"channel_axis": 0}));
    assert_eq!(expected.len(), 512);
    assert_eq!(chunk("ImageTorchEncoder", json!({"stand_in": true})), expected);
    assert_eq!(
        chunk("KerasImageEncoder", json!({"stand_in": true, "channel_axis": 1, "pool_strategy": "max"})),
        expected
    );
    let decoded = run("ImageDescriptorEncoder", &json!({"access_paths": "@r"}), root.clone()).unwrap();
    assert_eq!(embedding(&decoded), expected);
    let mut keras = read;
    keras.chunks = run("GifSegmenter", &json!({"img_shape": null}), root).unwrap().chunks;
    assert_eq!(
        embedding(&run("KerasImageEncoder", &json!({"stand_in": true}), keras).unwrap().chunks[0]),
        expected
    );
}

#[test]
fn normalised_images_keep_nearly_the_same_embedding() {
    let root = Document::new("doc").with_blob(bytes("rgb.png"));
    let read = run("ImageReader", &Value::Null, root).unwrap();
    let with = json!({"target_size": [48, 64], "resize_dim": [48, 64], "img_mean": [0.485, 0.456, 0.406], "img_std": [0.229, 0.224, 0.225]});
    let normalized = run("ImageNormalizer", &with, read.clone()).unwrap();
    let embed = |document: Document| {
        embedding(&run("ImageDescriptorEncoder", &Value::Null, document).unwrap().chunks[0])
    };
    let difference = distance(&embed(read), &embed(normalized));
    assert!(difference < 0.2, "{difference}");
}

#[test]
fn a_bad_image_fails_alone_and_names_its_chunk() {
    let good = with_chunk(Tensor::from_u8(vec![1, 1, 3], vec![1, 2, 3]).unwrap());
    let mut bad = with_chunk(Tensor::from_f32(vec![1, 1, 3], vec![f32::NAN; 3]).unwrap());
    bad.uri = "bad.png".to_owned();
    let answer =
        bench("ImageDescriptorEncoder", &Value::Null).call("/x", vec![bad, good], &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.failures.len()), (1, 1));
    assert_eq!(answer.failures[0].label, "bad.png");
    assert_eq!(
        answer.failures[0].error.to_string(),
        "`doc#0`: the image holds numbers that are infinite or not a number"
    );
}

#[test]
fn a_network_is_passed_to_the_model_encoder_with_its_preset() {
    let path = fixtures::path("rgb.png");
    let received = |name| {
        let with = json!({"model_path": path, "pool_strategy": null, "img_shape": 96});
        serde_json::from_str::<Value>(&try_bench(name, &with).err().unwrap()).unwrap()
    };
    let mut expected = json!({
        "model_path": path, "preset": "keras", "pooling": "flatten", "dimension": null, "tensors": "by_type",
        "tensors_channels_first": false, "exif": false, "access_paths": "@c",
    });
    assert_eq!(received("KerasImageEncoder"), expected);
    expected["preset"] = json!("mobilenet_v2");
    expected["tensors_channels_first"] = json!(true);
    assert_eq!(received("ImageTorchEncoder"), expected);
}

#[test]
fn invalid_dimensions_are_rejected() {
    for dimension in [0, 8193] {
        let error = try_bench("ImageDescriptorEncoder", &json!({"dimension": dimension})).err().unwrap();
        assert_eq!(error, "`dimension`: must be from 1 to 8192");
    }
}

proptest! {
    #[test]
    fn every_embedding_is_finite_and_of_length_1(
        (height, width, colours) in (1_usize..70, 1_usize..70, 1_usize..5),
        (dimension, seed) in (prop_oneof![Just(1), Just(2), Just(512), Just(1024), Just(2000)], any::<u64>()),
        range in prop_oneof![Just("auto"), Just("stretch")],
        (least, most) in (-1e3_f32..1e3, -1e3_f32..1e3),
    ) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let palette: Vec<f32> = (0..colours).map(|_| least + (most - least) * random.random::<f32>()).collect();
        let elements = (0..height * width * 3).map(|_| palette[random.random_range(0..colours)]);
        let image = Tensor::from_f32(vec![height, width, 3], elements.collect()).unwrap();
        let with = json!({"dimension": dimension, "value_range": range});
        let document = run("ImageDescriptorEncoder", &with, with_chunk(image)).unwrap();
        let vector = embedding(&document.chunks[0]);
        prop_assert_eq!(vector.len(), dimension);
        prop_assert!((length(&vector) - 1.0).abs() < 1e-5, "{}", length(&vector));
    }
}

#[test]
fn uniform_images_have_embeddings_of_length_1() {
    for grey in [0, 127, 128, 255] {
        for dimension in [1, 512, 1024] {
            let vector = embed(&json!({"dimension": dimension}), &RgbImage::from_pixel(1, 1, Rgb([grey; 3])));
            assert!((length(&vector) - 1.0).abs() < 1e-5, "{grey}, {dimension}");
        }
    }
}
