//! `ImageReader` decodes the image of every document.

use flowrun_sdk::{Document, Value};
use serde_json::json;

use crate::fixtures::{bench, bytes, image, path, run};

#[test]
fn a_document_gets_one_chunk_of_floats() {
    let document = Document::new("a").with_blob(bytes("rgb.png")).with_tag("n", 1);
    let read = run("ImageReader", &Value::Null, document.clone()).unwrap();
    let scene = image("rgb.png");
    let chunk = &read.chunks[0];
    assert_eq!((read.chunks.len(), chunk.id.as_str(), chunk.parent_id.as_str()), (1, "a#0", "a"));
    assert_eq!((chunk.offset, chunk.weight, &chunk.tags["siblings"]), (Some(0.0), Some(1.0), &json!(1)));
    let tensor = chunk.tensor.as_ref().unwrap();
    assert_eq!(tensor.shape(), [48, 64, 3]);
    assert!(
        tensor.to_f32().unwrap().iter().eq(scene
            .iter()
            .map(|&byte| f32::from(byte))
            .collect::<Vec<_>>()
            .iter())
    );
    assert_eq!((read.mime_type.as_str(), chunk.mime_type.as_str()), ("image/png", "image/png"));
    assert_eq!((read.blob, read.tags), (document.blob, document.tags));
}

#[test]
fn every_format_gives_a_chunk_with_its_media_type() {
    for (name, mime_type) in [
        ("rgb.jpg", "image/jpeg"),
        ("cmyk.jpg", "image/jpeg"),
        ("palette.png", "image/png"),
        ("grey16.png", "image/png"),
        ("lossy.webp", "image/webp"),
        ("still.gif", "image/gif"),
        ("rgb.bmp", "image/bmp"),
    ] {
        let read = run("ImageReader", &Value::Null, Document::new("a").with_blob(bytes(name))).unwrap();
        let tensor = read.chunks[0].tensor.as_ref().unwrap();
        assert_eq!((tensor.shape(), read.mime_type.as_str()), (&[48, 64, 3][..], mime_type), "{name}");
        assert!(tensor.to_f32().unwrap().iter().all(|element| (0.0..=255.0).contains(element)), "{name}");
    }
}

#[test]
fn the_first_good_frame_of_a_clip_is_read() {
    for name in ["keep.gif", "animated.webp"] {
        let read = run("ImageReader", &Value::Null, Document::new("a").with_blob(bytes(name))).unwrap();
        let tensor = read.chunks[0].tensor.as_ref().unwrap();
        let frames = image(&format!("{name}.expected.png"));
        assert_eq!(tensor.shape(), [16, 24, 3]);
        let same =
            tensor.to_f32().unwrap().iter().zip(frames.iter()).all(|(&ours, &byte)| ours == f32::from(byte));
        assert!(same, "{name}");
    }
}

#[test]
fn channel_axis_0_puts_the_channels_first() {
    let document = Document::new("a").with_blob(bytes("rgb.png"));
    let read = run("ImageReader", &json!({"channel_axis": "0", "from_bytes": true}), document).unwrap();
    let tensor = read.chunks[0].tensor.as_ref().unwrap();
    assert_eq!(tensor.shape(), [3, 48, 64]);
    let scene = image("rgb.png");
    let elements = tensor.to_f32().unwrap();
    for (channel, plane) in elements.chunks_exact(48 * 64).enumerate() {
        assert!(
            plane.iter().zip(scene.pixels()).all(|(&element, pixel)| element == f32::from(pixel.0[channel]))
        );
    }
}

#[test]
fn the_image_is_read_from_bytes_uri_or_path() {
    let file = path("rgb.png").display().to_string();
    let documents = [
        Document::new("a").with_blob(bytes("rgb.png")),
        Document::new("a").with_uri(file.clone()),
        Document::new("a").with_uri(format!("file://{file}")),
        Document::new("a").with_text(file),
    ];
    let tensors = documents.map(|document| {
        let read = run("ImageReader", &Value::Null, document.clone()).unwrap();
        assert_eq!((read.uri, read.text), (document.uri, document.text));
        read.chunks[0].tensor.clone().unwrap()
    });
    assert!(tensors.iter().all(|tensor| *tensor == tensors[0]));
}

#[test]
fn an_existing_media_type_is_kept() {
    let mut document = Document::new("a").with_blob(bytes("rgb.png"));
    document.mime_type = "image/x-mine".to_owned();
    let read = run("ImageReader", &Value::Null, document).unwrap();
    assert_eq!(
        (read.mime_type.as_str(), read.chunks[0].mime_type.as_str()),
        ("image/x-mine", "image/x-mine")
    );
}

#[test]
fn reading_twice_changes_nothing() {
    let once = run("ImageReader", &Value::Null, Document::new("a").with_blob(bytes("rgb.jpg"))).unwrap();
    assert_eq!(run("ImageReader", &Value::Null, once.clone()).unwrap(), once);
}

#[test]
fn a_bad_document_fails_alone_and_is_named_by_its_uri() {
    let good = |id: &str| Document::new(id).with_blob(bytes("rgb.jpg"));
    let bad = Document::new("b").with_uri("pictures/missing.jpg");
    let empty = Document::new("c").with_blob(Vec::new());
    let truncated = Document::new("d").with_blob(bytes("rgb.jpg")[..900].to_vec());
    let documents = vec![good("a"), bad, empty, truncated, good("e")];
    let answer = bench("ImageReader", &Value::Null).call("/index", documents, &Value::Null).unwrap();
    let ids: Vec<&str> = answer.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["a", "e"]);
    let failures: Vec<(&str, String)> =
        answer.failures.iter().map(|failure| (failure.label.as_str(), failure.error.to_string())).collect();
    assert!(failures[0].1.starts_with("cannot read pictures/missing.jpg: "), "{failures:?}");
    assert_eq!(failures[0].0, "pictures/missing.jpg");
    assert_eq!(failures[1], ("c", "the content is empty".to_owned()));
    assert_eq!(failures[2], ("d", "the JPEG image is truncated".to_owned()));
}

#[test]
fn the_request_can_override_access_paths() {
    let mut document = Document::new("a");
    let chunk = document.new_chunk("picture").with_blob(bytes("rgb.png"));
    document.chunks = vec![chunk].into();
    let answer = bench("ImageReader", &Value::Null)
        .call("/x", vec![document], &json!({"access_paths": "@c"}))
        .unwrap();
    let grandchild = &answer.documents[0].chunks[0].chunks[0];
    assert_eq!((grandchild.id.as_str(), grandchild.granularity), ("a#picture#0", 2));
}
