//! Whether the set is worth measuring on: mean colours must not solve it, and descriptors of colour, shape and texture
//! must. Files are read back with the `image` crate as anybody would.

mod descriptor;

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder as _, DynamicImage, ImageReader};

use self::descriptor::{Frame, distance, unit};
use crate::arguments::Arguments;
use crate::clip_class::{CLIP_CLASSES, ClipClass};
use crate::content;
use crate::dice::Purpose;
use crate::flower_class::{FLOWER_CLASSES, FlowerClass};
use crate::roster::{Entry, Split, roster};

/// A file of the default set, read back.
struct Sample {
    label: String,
    split: Split,
    frames: Vec<Frame>,
}

/// Every other frame of every clip: consecutive ones are much alike.
fn clips() -> Vec<Sample> {
    let arguments = Arguments::new("unused");
    let read = |bytes: Vec<u8>| {
        let frames = GifDecoder::new(Cursor::new(bytes)).unwrap().into_frames().step_by(2);
        let picture = |frame: image::Frame| DynamicImage::from(frame.into_buffer()).into_rgb8();
        frames.map(|frame| Frame::new(&picture(frame.unwrap()))).collect()
    };
    let sample = |entry: Entry<ClipClass>| {
        let frames = read(content::clip(arguments.seed, &entry).unwrap());
        Sample { label: entry.class.label(), split: entry.split, frames }
    };
    roster(&CLIP_CLASSES, &arguments, Purpose::Clip).into_iter().map(sample).collect()
}

fn pictures() -> Vec<Sample> {
    let arguments = Arguments::new("unused");
    let sample = |entry: Entry<FlowerClass>| {
        let (bytes, _) = content::picture(arguments.seed, &entry).unwrap();
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
        let frames = vec![Frame::new(&reader.decode().unwrap().into_rgb8())];
        Sample { label: entry.class.label.to_owned(), split: entry.split, frames }
    };
    roster(&FLOWER_CLASSES, &arguments, Purpose::Picture).into_iter().map(sample).collect()
}

/// In how many cases of a hundred the nearest indexed file of a held-out one has the same label. `describe` makes the
/// vectors of a file; two files are as far apart as their vectors are from the nearest one of the other, on average.
fn hits(samples: &[Sample], describe: impl Fn(&[Frame]) -> Vec<Vec<f32>>) -> f64 {
    let described: Vec<_> = samples.iter().map(|sample| (sample, describe(&sample.frames))).collect();
    let (queries, indexed): (Vec<_>, Vec<_>) =
        described.into_iter().partition(|(sample, _)| sample.split == Split::Query);
    let right = queries.iter().filter(|(query, wanted)| {
        let near = indexed.iter().map(|(sample, found)| (apart(wanted, found), &sample.label));
        near.min_by(|(one, _), (other, _)| one.total_cmp(other)).unwrap().1 == &query.label
    });
    100.0 * right.count() as f64 / queries.len() as f64
}

fn apart(one: &[Vec<f32>], other: &[Vec<f32>]) -> f32 {
    let table: Vec<Vec<f32>> = one.iter().map(|a| other.iter().map(|b| distance(a, b)).collect()).collect();
    let nearest = |distances: &mut dyn Iterator<Item = f32>| distances.fold(f32::INFINITY, f32::min);
    let forth: f32 = table.iter().map(|row| nearest(&mut row.iter().copied())).sum();
    let back: f32 = (0..other.len()).map(|column| nearest(&mut table.iter().map(|row| row[column]))).sum();
    forth / one.len() as f32 + back / other.len() as f32
}

/// One vector of the mean colour over all frames.
fn mean_colour(frames: &[Frame]) -> Vec<Vec<f32>> {
    let colours: Vec<Vec<f32>> = frames.iter().map(|frame| frame.colours(1)).collect();
    vec![
        (0..3)
            .map(|channel| colours.iter().map(|c| c[channel]).sum::<f32>() / colours.len() as f32)
            .collect(),
    ]
}

/// One vector of mean colours in a 4 × 4 grid over the first, middle and last frame.
fn grid(frames: &[Frame]) -> Vec<Vec<f32>> {
    let three = [0, frames.len() / 2, frames.len() - 1];
    vec![three.iter().flat_map(|&number| frames[number].colours(4)).collect()]
}

/// Gradients and an 8 × 8 grid of colours for every frame.
fn gradients_and_colours(frames: &[Frame]) -> Vec<Vec<f32>> {
    let joined = |frame: &Frame| [unit(frame.gradients(12)), unit(frame.colours(8))].concat();
    frames.iter().map(joined).collect()
}

#[test]
fn colours_do_not_solve_the_clips_but_shapes_and_textures_do() {
    let clips = clips();
    let (mean, grid) = (hits(&clips, mean_colour), hits(&clips, grid));
    let joined = hits(&clips, gradients_and_colours);
    assert!(mean < 50.0 && grid < 85.0 && joined >= 95.0, "{mean} {grid} {joined}");
}

#[test]
fn colours_do_not_solve_the_pictures_but_shapes_do() {
    let pictures = pictures();
    let (mean, grid) = (hits(&pictures, mean_colour), hits(&pictures, grid));
    let joined = hits(&pictures, gradients_and_colours);
    assert!(mean < 75.0 && grid < 90.0 && joined >= 95.0, "{mean} {grid} {joined}");
}
