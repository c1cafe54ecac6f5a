//! `GifSegmenter` splits every clip into its frames.

use std::time::{Duration, Instant};

use flowrun_image::decode::FRAMES_MAX;
use flowrun_sdk::{Cancellation, Document, ErrorKind, Value, guard};
use serde_json::json;

use crate::fixtures::{bench, blank, bytes, image, run, try_bench};

fn segment(name: &str, with: &Value) -> Result<Document, String> {
    run("GifSegmenter", with, Document::new("clip").with_blob(bytes(name)))
}

fn offsets(document: &Document) -> Vec<f32> {
    document.chunks.iter().map(|chunk| chunk.offset.unwrap()).collect()
}

/// The mean colour of each quadrant of a frame of 96 × 96 pixels: the encoder of the recorded run. Sums are sequential
/// in single precision as in numpy, because their rounding is visible in the fifth digit.
fn quadrants(frame: &[f32]) -> [f32; 12] {
    let mut sums = [0.0; 12];
    for (position, &element) in frame.iter().enumerate() {
        let (y, x, channel) = (position / (96 * 3), position / 3 % 96, position % 3);
        sums[(y / 48 * 2 + x / 48) * 3 + channel] += element;
    }
    sums.map(|sum| sum / (48.0 * 48.0))
}

#[test]
fn frames_equal_those_recorded_with_jina() {
    let oracles = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracles");
    let recorded =
        guard::read_text(format!("{oracles}/tumblr_e2e_jina0.1.14.json").as_ref(), 1 << 20).unwrap();
    let recorded: Value = recorded.parse().unwrap();
    let mut bench = bench("GifPreprocessor", &json!({"every_k_frame": 2, "from_bytes": true}));
    for (name, expected) in recorded["docs"].as_object().unwrap() {
        let document = Document::new("clip").with_uri(format!("{oracles}/gifs/{name}"));
        let answer = bench.call("/index", vec![document], &Value::Null).unwrap();
        let clip = &answer.documents[0];
        assert_eq!(
            json!(offsets(clip)),
            json!(
                expected["offsets"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|o| o.as_f64().unwrap() as f32)
                    .collect::<Vec<_>>()
            ),
            "{name}"
        );
        for (chunk, embedding) in clip.chunks.iter().zip(expected["emb"].as_array().unwrap()) {
            let tensor = chunk.tensor.as_ref().unwrap();
            assert_eq!(tensor.shape(), [96, 96, 3]);
            let means = quadrants(&tensor.to_f32().unwrap());
            for (mean, expected) in means.iter().zip(embedding.as_array().unwrap()) {
                let difference = (f64::from(*mean) - expected.as_f64().unwrap()).abs();
                assert!(difference < 1e-5, "{name}, {}: {difference}", chunk.id);
            }
        }
    }
}

#[test]
fn chunks_have_frame_numbers_and_sibling_counts() {
    let clip = segment("keep.gif", &json!({"every_k_frame": 3})).unwrap();
    let ids: Vec<&str> = clip.chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    assert_eq!((ids, offsets(&clip)), (vec!["clip#0", "clip#3"], vec![0.0, 3.0]));
    for chunk in &clip.chunks {
        assert_eq!((chunk.parent_id.as_str(), chunk.weight), ("clip", Some(1.0)));
        assert_eq!(chunk.tags["siblings"], 2);
    }
    assert_eq!(clip.mime_type, "image/gif");
    assert!(!clip.tags.contains_key("damaged_frames"));
}

#[test]
fn without_img_shape_frames_keep_the_size_of_the_clip() {
    let clip = segment("keep.gif", &json!({"img_shape": null})).unwrap();
    let frames = image("keep.gif.expected.png");
    for (chunk, frame) in clip.chunks.iter().zip(frames.chunks_exact(24 * 16 * 3)) {
        let tensor = chunk.tensor.as_ref().unwrap();
        assert_eq!(tensor.shape(), [16, 24, 3]);
        let elements = tensor.to_f32().unwrap();
        assert!(
            elements.iter().zip(frame).all(|(&element, &byte)| element == (f64::from(byte) / 255.0) as f32)
        );
    }
}

#[test]
fn max_frame_bounds_the_decoded_frames() {
    assert_eq!(
        offsets(&segment("background.gif", &json!({"max_frame": 3, "every_k_frame": 2})).unwrap()),
        [0.0, 2.0]
    );
    assert_eq!(segment("background.gif", &json!({"max_frame": 99})).unwrap().chunks.len(), 5);
}

#[test]
fn a_damaged_frame_is_skipped_and_counted() {
    let clip = segment("damaged.gif", &Value::Null).unwrap();
    assert_eq!((offsets(&clip), &clip.tags["damaged_frames"]), (vec![0.0, 2.0, 4.0], &json!(2)));
    assert!(clip.chunks.iter().all(|chunk| chunk.tags["siblings"] == 3));
}

#[test]
fn a_clip_without_a_good_frame_fails_alone() {
    // Only half of the first frame is left.
    let truncated = bytes("keep.gif")[..150].to_vec();
    let documents = vec![
        Document::new("a").with_blob(bytes("keep.gif")),
        Document::new("b").with_uri("b.gif").with_blob(truncated),
        Document::new("c").with_blob(&b"GIF89a\x01\0\x01\0\0\0\0;"[..]),
        Document::new("d").with_blob(bytes("damaged.gif")),
    ];
    let answer = bench("GifSegmenter", &Value::Null).call("/index", documents, &Value::Null).unwrap();
    assert_eq!(answer.documents.iter().map(|document| &document.id[..]).collect::<Vec<_>>(), ["a", "d"]);
    let failures: Vec<String> =
        answer.failures.iter().map(|failure| format!("{}: {}", failure.label, failure.error)).collect();
    assert_eq!(failures, ["b.gif: the GIF image is truncated", "c: the clip has no frame"]);
}

#[test]
fn still_images_have_one_frame_and_animated_webp_several() {
    assert_eq!(offsets(&segment("rgb.jpg", &Value::Null).unwrap()), [0.0]);
    assert_eq!(offsets(&segment("animated.webp", &Value::Null).unwrap()), [0.0, 1.0, 2.0, 3.0]);
}

/// Size of a frame of 96 × 96 pixels as floats.
const FRAME_BYTES: usize = 96 * 96 * 3 * 4;

#[test]
fn clips_that_exceed_the_memory_budget_fail_alone() {
    let clip = |id: &str, frames| Document::new(id).with_blob(blank(1, 1, frames));
    let documents = vec![clip("a", 2), clip("b", 500), clip("c", 3), clip("d", 500), clip("e", 3)];
    let bytes_max = 10 * FRAME_BYTES;
    let mut bench = bench("GifSegmenter", &Value::Null).with_bytes_max(bytes_max);
    let answer = bench.call("/index", documents, &Value::Null).unwrap();
    let kept: Vec<usize> = answer.documents.iter().map(|document| document.chunks.len()).collect();
    assert_eq!(kept, [2, 3, 3]);
    assert!(answer.documents.memory_bytes() <= bytes_max);
    let failed: Vec<&str> = answer.failures.iter().map(|failure| failure.id.as_str()).collect();
    assert_eq!(failed, ["b", "d"]);
    let error = &answer.failures[0].error;
    assert_eq!(error.kind(), ErrorKind::Resource);
    assert_eq!(
        error.to_string(),
        "the documents of the request would hold more than the 1105920 bytes allowed; send fewer documents in a \
         request (`request_size`), or keep fewer frames (`every_k_frame`, `max_frame`) or smaller ones (`img_shape`)"
    );
}

#[test]
fn frames_over_the_memory_budget_are_not_scaled() {
    let mut bench = bench("GifSegmenter", &json!({"img_shape": 65_535})).with_bytes_max(1 << 20);
    let document = Document::new("a").with_blob(bytes("keep.gif"));
    let answer = bench.call("/index", vec![document], &Value::Null).unwrap();
    assert_eq!(answer.failures[0].error.kind(), ErrorKind::Resource);
}

#[test]
fn the_deadline_is_checked_between_frames() {
    let soon = Instant::now() + Duration::from_millis(1);
    let bench = bench("GifSegmenter", &json!({"every_k_frame": FRAMES_MAX}));
    let document = Document::new("a").with_blob(blank(400, 400, FRAMES_MAX));
    let answer =
        bench.with_deadline(Some(soon), Cancellation::default()).call("/x", vec![document], &Value::Null);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Expired);
}

#[test]
fn parameters_that_keep_no_frame_are_rejected() {
    for (with, message) in [
        (json!({"every_k_frame": 0}), "`every_k_frame`: must be at least 1"),
        (json!({"max_frame": 0}), "`max_frame`: must be at least 1, or null for all"),
        (json!({"img_shape": 0}), "`img_shape`: must be from 1 to 65535, or null"),
    ] {
        assert_eq!(try_bench("GifSegmenter", &with).err().unwrap(), message);
    }
}
