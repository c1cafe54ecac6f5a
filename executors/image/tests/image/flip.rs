//! Mirroring images, and the behaviour of all crafters that append documents.

use flowrun_sdk::{DataType, Document, Tensor, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::fixtures::{bench, bytes, run, try_bench, with_chunk};

fn flip(with: &Value, image: Tensor) -> Tensor {
    let document = run("ImageFlipper", with, with_chunk(image)).unwrap();
    document.chunks.last().unwrap().tensor.clone().unwrap()
}

#[test]
fn images_are_mirrored_left_to_right_or_top_to_bottom() {
    let image = || Tensor::from_u8(vec![2, 2, 3], vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap();
    assert_eq!(flip(&Value::Null, image()).as_u8().unwrap(), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
    assert_eq!(
        flip(&json!({"vertical": true}), image()).as_u8().unwrap(),
        [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]
    );
    let grey = Tensor::from_u8(vec![1, 3], vec![1, 2, 3]).unwrap();
    assert_eq!(flip(&Value::Null, grey).as_u8().unwrap(), [3, 2, 1]);
}

#[test]
fn the_mirror_image_is_appended_and_siblings_are_counted() {
    let mut document = with_chunk(Tensor::from_u8(vec![1, 2, 1], vec![1, 2]).unwrap());
    document.chunks.make_mut()[0].offset = Some(4.0);
    let flipped = run("ImageFlipper", &Value::Null, document).unwrap();
    let [original, mirrored] = &flipped.chunks[..] else { panic!("{}", flipped.chunks.len()) };
    assert_eq!((original.id.as_str(), mirrored.id.as_str()), ("doc#0", "doc#0#0"));
    assert_eq!((&original.tags["siblings"], &mirrored.tags["siblings"]), (&json!(2), &json!(2)));
    assert_eq!((mirrored.parent_id.as_str(), mirrored.granularity), ("doc", 1));
    assert_eq!((mirrored.offset, mirrored.weight), (Some(4.0), Some(1.0)));
}

#[test]
fn sibling_counts_include_frames_and_their_mirror_images() {
    let clip = Document::new("clip").with_blob(bytes("keep.gif"));
    let frames = run("GifSegmenter", &Value::Null, clip).unwrap();
    let flipped = run("ImageFlipper", &Value::Null, frames).unwrap();
    assert_eq!(flipped.chunks.len(), 8);
    assert!(flipped.chunks.iter().all(|chunk| chunk.tags["siblings"] == 8));
}

#[test]
fn access_paths_select_chunks_and_matches() {
    let image = || Tensor::from_u8(vec![1, 2, 1], vec![1, 2]).unwrap();
    let mut document = with_chunk(image());
    let mut found = Document::new("match");
    found.tensor = Some(image());
    document.matches = vec![found].into();
    let with = json!({"access_paths": "@c,m", "keep_original": false});
    let flipped = run("ImageFlipper", &with, document).unwrap();
    for (below, id) in [(&flipped.chunks, "doc#0#0"), (&flipped.matches, "match#0")] {
        assert_eq!((below.len(), below[0].id.as_str()), (1, id));
        assert_eq!(below[0].tensor.as_ref().unwrap().as_u8().unwrap(), [2, 1]);
    }
}

#[test]
fn pieces_inherit_the_metadata_of_their_image() {
    let mut document = with_chunk(Tensor::from_u8(vec![1, 2, 1], vec![1, 2]).unwrap());
    let chunk = &mut document.chunks.make_mut()[0];
    chunk.mime_type = "image/png".to_owned();
    chunk.modality = "picture".to_owned();
    chunk.text = Some("a text".into());
    chunk.tags_mut().insert("owner".to_owned(), json!("me"));
    let flipped = run("ImageFlipper", &Value::Null, document).unwrap();
    let piece = &flipped.chunks[1];
    assert_eq!((piece.mime_type.as_str(), piece.modality.as_str()), ("image/png", "picture"));
    assert_eq!((&piece.tags["owner"], &piece.text), (&json!("me"), &None));
}

#[test]
fn a_document_of_the_request_cannot_become_several() {
    let message = "`@r` is not supported here";
    for (name, with) in [
        ("ImageFlipper", json!({"access_paths": "@r"})),
        ("FiveImageCropper", json!({"target_size": 1, "access_paths": "@r,c", "keep_original": false})),
        ("RandomImageCropper", json!({"target_size": 1, "access_paths": "@r"})),
        ("SlidingWindowImageCropper", json!({"target_size": 1, "strides": [1, 1], "access_paths": "@r"})),
    ] {
        let error = try_bench(name, &with).err().unwrap();
        assert!(error.starts_with("`access_paths`: ") && error.contains(message), "{name}: {error}");
    }
    let error =
        bench("ImageFlipper", &Value::Null).call("/x", vec![], &json!({"access_paths": "@r"})).unwrap_err();
    assert!(error.to_string().starts_with(&format!("parameter `access_paths`: {message}")), "{error}");
}

#[test]
fn a_document_of_the_request_can_be_replaced_by_its_single_piece() {
    let document = Document::new("a").with_blob(bytes("rgb.png"));
    let with = json!({"access_paths": "@r", "keep_original": false});
    let flipped = run("ImageFlipper", &with, document).unwrap();
    assert_eq!(flipped.tensor.unwrap().shape(), [48, 64, 3]);
}

#[test]
fn a_tensor_that_is_not_an_image_fails_with_the_id_of_its_document() {
    for (tensor, message) in [
        (
            Tensor::vector(vec![1.0]),
            "`doc#0`: a tensor of shape [1] is not an image: it must have two or three axes",
        ),
        (
            Tensor::from_u8(vec![0, 2, 3], vec![]).unwrap(),
            "`doc#0`: the image has no pixels: its shape is [0, 2, 3]",
        ),
    ] {
        assert_eq!(run("ImageFlipper", &Value::Null, with_chunk(tensor)).unwrap_err(), message);
    }
    let mut empty = Document::new("doc");
    empty.chunks = vec![empty.new_chunk(0)].into();
    let error = run("ImageFlipper", &Value::Null, empty).unwrap_err();
    assert_eq!(error, "`doc#0`: this flow expects pictures; the document has neither bytes nor a URI");
}

proptest! {
    #[test]
    fn flipping_twice_is_the_same_image(
        shape in prop_oneof![proptest::array::uniform3(1_usize..8).prop_map(Vec::from), proptest::array::uniform2(1_usize..8).prop_map(Vec::from)],
        (vertical, axis) in (any::<bool>(), prop_oneof![Just(-1), Just(0)]),
        (wide, seed) in (any::<bool>(), any::<u8>()),
    ) {
        let data_type = if wide { DataType::FLOAT64 } else { DataType::UINT8 };
        let length = shape.iter().product::<usize>() * data_type.size();
        let bytes: Vec<u8> = (0..length).map(|at| (at * 31) as u8 ^ seed).collect();
        let image = Tensor::new(data_type, shape, bytes.into()).unwrap();
        let with = json!({"vertical": vertical, "channel_axis": axis, "keep_original": false});
        let once = flip(&with, image.clone());
        prop_assert_eq!(once.shape(), image.shape());
        prop_assert_eq!(flip(&with, once), image);
    }
}
