//! Cropping images.

use flowrun_sdk::{Document, ErrorKind, Tensor, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::fixtures::{bench, blank, bytes, run, try_bench, with_chunk};

/// An image of height × width × 2 whose elements are their own coordinates: row, column.
fn coordinates(height: usize, width: usize) -> Tensor {
    let elements = (0..height).flat_map(|y| (0..width).flat_map(move |x| [y as f32, x as f32]));
    Tensor::from_f32(vec![height, width, 2], elements.collect()).unwrap()
}

/// The image of [`coordinates`] with the shape 2 × height × width.
fn coordinate_planes(height: usize, width: usize) -> Tensor {
    let rows = (0..height).flat_map(|y| (0..width).map(move |_| y as f32));
    let columns = (0..height).flat_map(|_| (0..width).map(|x| x as f32));
    Tensor::from_f32(vec![2, height, width], rows.chain(columns).collect()).unwrap()
}

/// Location of a piece by its field `location`, and by its first element, as x, y, width, height.
fn locations(chunk: &Document) -> ([f32; 4], [f32; 4]) {
    let tensor = chunk.tensor.as_ref().unwrap();
    let elements = tensor.to_f32().unwrap();
    let &[height, width, 2] = tensor.shape() else { panic!("{tensor:?}") };
    (chunk.location.clone().try_into().unwrap(), [elements[1], elements[0], width as f32, height as f32])
}

fn crop(name: &str, with: &Value, image: Tensor) -> Result<Document, String> {
    run(name, with, with_chunk(image))
}

/// The locations of all pieces of an image of 10 × 20, and the ids of the chunks.
fn pieces(name: &str, with: &Value) -> (Vec<[f32; 4]>, Vec<String>) {
    let document = crop(name, with, coordinates(10, 20)).unwrap();
    let pieces = document.chunks.iter().skip(usize::from(with["keep_original"] != false)).map(|chunk| {
        let (field, actual) = locations(chunk);
        assert_eq!(field, actual);
        field
    });
    let count = document.chunks.len();
    assert!(document.chunks.iter().all(|chunk| chunk.tags["siblings"] == count));
    (pieces.collect(), document.chunks.iter().map(|chunk| chunk.id.clone()).collect())
}

#[test]
fn rows_and_columns_are_not_confused() {
    let with = json!({"top": 2, "left": 5, "height": 3, "width": 7});
    let document = crop("ImageCropper", &with, coordinates(10, 20)).unwrap();
    assert_eq!(locations(&document.chunks[0]), ([5.0, 2.0, 7.0, 3.0], [5.0, 2.0, 7.0, 3.0]));
    assert_eq!((document.chunks.len(), document.chunks[0].id.as_str()), (1, "doc#0"));
}

#[test]
fn a_centre_crop_leaves_the_odd_pixel_on_the_right_and_at_the_bottom() {
    let document = crop("CenterImageCropper", &json!({"target_size": [5, 7]}), coordinates(10, 20)).unwrap();
    assert_eq!(locations(&document.chunks[0]), ([6.0, 2.0, 7.0, 5.0], [6.0, 2.0, 7.0, 5.0]));
}

#[test]
fn five_pieces_are_the_corners_and_the_centre() {
    let (locations, ids) = pieces("FiveImageCropper", &json!({"target_size": 4}));
    let corners = [[0.0, 0.0], [16.0, 0.0], [0.0, 6.0], [16.0, 6.0], [8.0, 3.0]];
    assert_eq!(locations, corners.map(|[x, y]| [x, y, 4.0, 4.0]));
    assert_eq!(ids, ["doc#0", "doc#0#0", "doc#0#1", "doc#0#2", "doc#0#3", "doc#0#4"]);
}

#[test]
fn keep_original_false_drops_the_original() {
    let (locations, ids) = pieces("FiveImageCropper", &json!({"target_size": 4, "keep_original": false}));
    assert_eq!((locations.len(), ids[0].as_str()), (5, "doc#0#0"));
}

#[test]
fn windows_slide_row_by_row() {
    let with = json!({"target_size": [4, 8], "strides": [6, 6]});
    let (locations, _) = pieces("SlidingWindowImageCropper", &with);
    let corners = [[0.0, 0.0], [6.0, 0.0], [12.0, 0.0], [0.0, 6.0], [6.0, 6.0], [12.0, 6.0]];
    assert_eq!(locations, corners.map(|[x, y]| [x, y, 8.0, 4.0]));
}

#[test]
fn windows_beyond_the_edge_are_padded_with_zeros() {
    let with = json!({"target_size": 8, "strides": [8, 16], "padding": "same", "keep_original": false});
    let document = crop("SlidingWindowImageCropper", &with, coordinates(10, 20)).unwrap();
    assert_eq!(document.chunks.len(), 4);
    let last = document.chunks[3].tensor.as_ref().unwrap();
    let elements = last.to_f32().unwrap();
    // Two rows and four columns of the window are inside the image: (8, 16) to (9, 19).
    for (position, pixel) in elements.chunks_exact(2).enumerate() {
        let (y, x) = (position / 8, position % 8);
        let expected = if y < 2 && x < 4 { [8.0 + y as f32, 16.0 + x as f32] } else { [0.0, 0.0] };
        assert_eq!(pixel, expected, "{y} {x}");
    }
}

#[test]
fn random_positions_depend_only_on_document_and_seed() {
    let with = |seed: u64| json!({"target_size": 3, "num_patches": 20, "seed": seed});
    let (first, _) = pieces("RandomImageCropper", &with(1));
    assert_eq!(pieces("RandomImageCropper", &with(1)).0, first);
    assert_ne!(pieces("RandomImageCropper", &with(2)).0, first);
    let mut other = with_chunk(coordinates(10, 20));
    other.chunks.make_mut()[0].id = "other#0".to_owned();
    let other = run("RandomImageCropper", &with(1), other).unwrap();
    let others: Vec<[f32; 4]> = other.chunks.iter().skip(1).map(|chunk| locations(chunk).0).collect();
    assert_ne!(others, first);
    let mut distinct = first.clone();
    distinct.sort_by(|left, right| left.partial_cmp(right).unwrap());
    distinct.dedup();
    assert!(distinct.len() > 10, "{distinct:?}");
}

#[test]
fn pieces_of_pieces_get_unique_ids() {
    let five = json!({"target_size": 4});
    let once = crop("FiveImageCropper", &five, coordinates(10, 20)).unwrap();
    let twice = run("FiveImageCropper", &five, once).unwrap();
    let mut ids: Vec<&str> = twice.chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    assert_eq!((ids.len(), &ids[..2], ids[6]), (36, &["doc#0", "doc#0#0"][..], "doc#0#5"));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 36);
    assert!(twice.chunks.iter().all(|chunk| chunk.parent_id == "doc" && chunk.granularity == 1));
}

#[test]
fn crops_that_do_not_fit_fail_with_the_sizes() {
    for (name, with, message) in [
        (
            "ImageCropper",
            json!({"top": 8, "left": 0, "height": 3, "width": 1}),
            "`doc#0`: an area of 1 × 3 pixels at (0, 8) does not fit into an image of 20 × 10",
        ),
        (
            "CenterImageCropper",
            json!({"target_size": 11}),
            "`doc#0`: an area of 11 × 11 pixels at (4, 0) does not fit into an image of 20 × 10",
        ),
        (
            "SlidingWindowImageCropper",
            json!({"target_size": 11, "strides": [1, 1]}),
            "`doc#0`: no window of 11 × 11 pixels fits into an image of 20 × 10",
        ),
    ] {
        assert_eq!(crop(name, &with, coordinates(10, 20)).unwrap_err(), message);
    }
    let far = json!({"top": u64::MAX, "left": u64::MAX, "height": u64::MAX, "width": 1});
    let error = crop("ImageCropper", &far, coordinates(10, 20)).unwrap_err();
    assert!(error.ends_with("does not fit into an image of 20 × 10"), "{error}");
    let many = json!({"target_size": 1, "strides": [1, 1]});
    let error = crop("SlidingWindowImageCropper", &many, coordinates(101, 100)).unwrap_err();
    assert!(error.contains("would become 10100 pieces"), "{error}");
}

#[test]
fn images_whose_pieces_exceed_the_memory_budget_fail_alone() {
    let image = || Tensor::from_u8(vec![100, 100, 3], vec![0; 30_000]).unwrap();
    for (name, with) in [
        ("ImageReader", json!({})),
        ("ImageFlipper", json!({})),
        ("ImageResizer", json!({"target_size": 65_535})),
        ("ImageNormalizer", json!({"target_size": 1000, "resize_dim": 1000})),
        ("RandomImageCropper", json!({"target_size": 99, "num_patches": 9})),
        ("FiveImageCropper", json!({"target_size": 99})),
        ("SlidingWindowImageCropper", json!({"target_size": 9, "strides": [1, 1]})),
        ("SlidingWindowImageCropper", json!({"target_size": 65_535, "strides": [99, 99], "padding": "SAME"})),
    ] {
        let mut large = with_chunk(image()).with_blob(bytes("rgb.png"));
        large.id = "large".to_owned();
        let small = Document::new("small").with_blob(blank(1, 1, 1));
        let mut bench =
            bench(name, &with).with_bytes_max(large.memory_bytes() + small.memory_bytes() + 2_000);
        let answer = bench.call("/x", vec![large, small], &Value::Null).unwrap();
        let failed: Vec<_> =
            answer.failures.iter().map(|failure| (&failure.id[..], failure.error.kind())).collect();
        assert_eq!(failed, [("large", ErrorKind::Resource)], "{name}: {:?}", answer.failures);
        assert_eq!(answer.documents[0].id, "small");
    }
}

#[test]
fn pieces_of_siblings_with_equal_ids_get_different_ids() {
    let mut document = with_chunk(coordinates(3, 3));
    let twin = document.chunks[0].clone();
    document.chunks = vec![twin.clone(), Document::new("doc#0#1"), twin].into();
    document.chunks.make_mut()[1].tensor = Some(coordinates(3, 3));
    let with = json!({"target_size": 1, "num_patches": 2, "keep_original": false});
    let document = run("RandomImageCropper", &with, document).unwrap();
    let ids: Vec<&str> = document.chunks.iter().map(|chunk| &chunk.id[..]).collect();
    let expected = ["doc#0#0", "doc#0#2", "doc#0#1#0", "doc#0#1#1", "doc#0#3", "doc#0#4"];
    assert_eq!(ids, expected);
}

#[test]
fn invalid_parameters_are_rejected() {
    for (name, with, message) in [
        (
            "ImageCropper",
            json!({"top": 0, "left": 0, "height": 0, "width": 1}),
            "`height`: must be at least 1",
        ),
        (
            "RandomImageCropper",
            json!({"target_size": 1, "num_patches": 0}),
            "`num_patches`: must be from 1 to 10000",
        ),
        (
            "SlidingWindowImageCropper",
            json!({"target_size": 1, "strides": [1, 0]}),
            "`strides`: each must be at least 1",
        ),
    ] {
        assert_eq!(try_bench(name, &with).err().unwrap(), message);
    }
}

proptest! {
    #[test]
    fn adjacent_windows_reconstruct_the_image(
        (height, width) in (1_usize..12, 1_usize..12),
        (rows, columns) in (1_usize..6, 1_usize..6),
        axis in prop_oneof![Just(-1), Just(0)],
    ) {
        let image = if axis == 0 { coordinate_planes(height, width) } else { coordinates(height, width) };
        let with = json!({
            "target_size": [rows, columns], "strides": [rows, columns], "padding": "SAME",
            "keep_original": false, "channel_axis": axis,
        });
        let document = crop("SlidingWindowImageCropper", &with, image).unwrap();
        let across = width.div_ceil(columns);
        prop_assert_eq!(document.chunks.len(), height.div_ceil(rows) * across);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let window = document.chunks[y / rows * across + x / columns].tensor.as_ref().unwrap();
            let elements = window.to_f32().unwrap();
            let position = y % rows * columns + x % columns;
            let found = match axis {
                0 => [elements[position], elements[rows * columns + position]],
                _ => [elements[position * 2], elements[position * 2 + 1]],
            };
            prop_assert_eq!(found, [y as f32, x as f32]);
        }
    }

    #[test]
    fn random_pieces_are_inside_the_image(
        (height, width) in (1_usize..12, 1_usize..12),
        (rows, columns) in (1_usize..6, 1_usize..6),
        (patches, seed) in (1_usize..9, any::<u64>()),
    ) {
        let with = json!({"target_size": [rows, columns], "num_patches": patches, "seed": seed, "keep_original": false});
        match crop("RandomImageCropper", &with, coordinates(height, width)) {
            Err(error) => prop_assert!(rows > height || columns > width, "{}", error),
            Ok(document) => {
                prop_assert_eq!(document.chunks.len(), patches);
                for chunk in &document.chunks {
                    let (field, actual) = locations(chunk);
                    prop_assert_eq!(field, actual);
                    prop_assert!(field[0] + field[2] <= width as f32 && field[1] + field[3] <= height as f32);
                }
            }
        }
    }

    #[test]
    fn every_piece_has_the_pixels_of_its_location(
        (height, width) in (1_usize..14, 1_usize..14),
        (down, right) in (0.0..1.0, 0.0..1.0),
        (rows, columns) in (0.0..1.0, 0.0..1.0),
    ) {
        let share = |part: f64, whole: usize| (part * whole as f64) as usize;
        let (top, left) = (share(down, height), share(right, width));
        let (part_height, part_width) = (1 + share(rows, height - top), 1 + share(columns, width - left));
        prop_assume!(top + part_height <= height && left + part_width <= width);
        let with = json!({"top": top, "left": left, "height": part_height, "width": part_width});
        let document = crop("ImageCropper", &with, coordinates(height, width)).unwrap();
        let (field, actual) = locations(&document.chunks[0]);
        prop_assert_eq!(field, actual);
        prop_assert_eq!(field, [left, top, part_width, part_height].map(|side| side as f32));

        // With `channel_axis: 0` both planes are cropped alike.
        let with = json!({"top": top, "left": left, "height": part_height, "width": part_width, "channel_axis": 0});
        let document = crop("ImageCropper", &with, coordinate_planes(height, width)).unwrap();
        let tensor = document.chunks[0].tensor.clone().unwrap();
        prop_assert_eq!(tensor.shape(), [2, part_height, part_width]);
        let elements = tensor.to_f32().unwrap();
        prop_assert_eq!((elements[0], elements[part_height * part_width]), (top as f32, left as f32));
    }
}
