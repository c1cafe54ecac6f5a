//! Tests of the set's difficulty: mean colours must not be sufficient for retrieval, and descriptors of colour, shape
//! and texture must be. Files are read back with the `image` crate.

mod descriptor;

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder as _, DynamicImage, ImageReader};

use self::descriptor::{Frame, distance, unit};
use crate::arguments::Arguments;
use crate::clip_class::{CLIP_CLASSES, ClipClass};
use crate::file_content;
use crate::file_plan::{FileEntry, Split, file_plan};
use crate::flower_class::{FLOWER_CLASSES, FlowerClass};
use crate::seeded_rng::Purpose;

/// A file of the default set, read back.
struct Sample {
    label: String,
    split: Split,
    frames: Vec<Frame>,
}

/// Every other frame of every clip, because consecutive frames are similar.
fn clips() -> Vec<Sample> {
    let arguments = Arguments::new("unused");
    let read = |bytes: Vec<u8>| {
        let frames = GifDecoder::new(Cursor::new(bytes)).unwrap().into_frames().step_by(2);
        let picture = |frame: image::Frame| DynamicImage::from(frame.into_buffer()).into_rgb8();
        frames.map(|frame| Frame::new(&picture(frame.unwrap()))).collect()
    };
    let sample = |entry: FileEntry<ClipClass>| {
        let frames = read(file_content::clip(arguments.seed, &entry).unwrap());
        Sample { label: entry.class.label(), split: entry.split, frames }
    };
    file_plan(&CLIP_CLASSES, &arguments, Purpose::Clip).into_iter().map(sample).collect()
}

fn pictures() -> Vec<Sample> {
    let arguments = Arguments::new("unused");
    let sample = |entry: FileEntry<FlowerClass>| {
        let (bytes, _) = file_content::picture(arguments.seed, &entry).unwrap();
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
        let frames = vec![Frame::new(&reader.decode().unwrap().into_rgb8())];
        Sample { label: entry.class.label.to_owned(), split: entry.split, frames }
    };
    file_plan(&FLOWER_CLASSES, &arguments, Purpose::Picture).into_iter().map(sample).collect()
}

/// Percentage of held-out files whose nearest indexed file has the same label. `describe` computes the vectors of a
/// file. The distance between files is the mean distance of their vectors from the nearest vector of the other file,
/// both ways.
fn hits(samples: &[Sample], describe: impl Fn(&[Frame]) -> Vec<Vec<f32>>) -> f64 {
    let described: Vec<_> = samples.iter().map(|sample| (sample, describe(&sample.frames))).collect();
    let (queries, indexed): (Vec<_>, Vec<_>) =
        described.into_iter().partition(|(sample, _)| sample.split == Split::Query);
    let right = queries.iter().filter(|(query, query_vectors)| {
        let candidates =
            indexed.iter().map(|(sample, vectors)| (file_distance(query_vectors, vectors), &sample.label));
        candidates.min_by(|(one, _), (other, _)| one.total_cmp(other)).unwrap().1 == &query.label
    });
    100.0 * right.count() as f64 / queries.len() as f64
}

fn file_distance(one: &[Vec<f32>], other: &[Vec<f32>]) -> f32 {
    let table: Vec<Vec<f32>> = one.iter().map(|a| other.iter().map(|b| distance(a, b)).collect()).collect();
    let nearest = |distances: &mut dyn Iterator<Item = f32>| distances.fold(f32::INFINITY, f32::min);
    let forth: f32 = table.iter().map(|row| nearest(&mut row.iter().copied())).sum();
    let back: f32 = (0..other.len()).map(|column| nearest(&mut table.iter().map(|row| row[column]))).sum();
    forth / one.len() as f32 + back / other.len() as f32
}

/// A single vector: the mean colour over all frames.
fn mean_colour(frames: &[Frame]) -> Vec<Vec<f32>> {
    let colours: Vec<Vec<f32>> = frames.iter().map(|frame| frame.colours(1)).collect();
    vec![
        (0..3)
            .map(|channel| colours.iter().map(|c| c[channel]).sum::<f32>() / colours.len() as f32)
            .collect(),
    ]
}

/// A single vector: mean colours of a 4 × 4 grid in the first, middle and last frame.
fn grid(frames: &[Frame]) -> Vec<Vec<f32>> {
    let three = [0, frames.len() / 2, frames.len() - 1];
    vec![three.iter().flat_map(|&number| frames[number].colours(4)).collect()]
}

/// A vector for each frame: gradients and an 8 × 8 grid of colours.
fn gradients_and_colours(frames: &[Frame]) -> Vec<Vec<f32>> {
    let joined = |frame: &Frame| [unit(frame.gradients(12)), unit(frame.colours(8))].concat();
    frames.iter().map(joined).collect()
}

#[test]
fn colours_are_not_sufficient_for_clips_but_shapes_and_textures_are() {
    let clips = clips();
    let (mean, grid) = (hits(&clips, mean_colour), hits(&clips, grid));
    let joined = hits(&clips, gradients_and_colours);
    assert!(mean < 50.0 && grid < 85.0 && joined >= 95.0, "{mean} {grid} {joined}");
}

#[test]
fn colours_are_not_sufficient_for_pictures_but_shapes_are() {
    let pictures = pictures();
    let (mean, grid) = (hits(&pictures, mean_colour), hits(&pictures, grid));
    let joined = hits(&pictures, gradients_and_colours);
    assert!(mean < 75.0 && grid < 90.0 && joined >= 95.0, "{mean} {grid} {joined}");
}
