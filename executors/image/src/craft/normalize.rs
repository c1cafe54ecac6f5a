//! `ImageNormalizer`: scales, crops and normalises images for networks that were trained on photographs.

use std::mem::take;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, ResamplingFilter, parse_parameters,
};

use super::crop::centre_area;
use super::piece::{Piece, document_image};
use super::replace_image::ReplaceImage;
use crate::channel_axis::ChannelAxis;
use crate::memory::image_bytes;
use crate::pixels::{self, LookupTables, Pixels};
use crate::resize::Resizer;
use crate::target_size::TargetSize;
use crate::value_range::ValueRange;

flowrun_sdk::parameters! {
    /// Parameters of `ImageNormalizer`.
    struct ImageNormalizerParameters {
        /// Size of the part that is cropped from the centre: side of a square, or [height, width], in pixels.
        target_size: TargetSize = TargetSize::Side(224),
        /// Mean of red, green and blue, from 0 to 1; it is subtracted.
        img_mean: [f64; 3] = [0.0; 3],
        /// Standard deviation of red, green and blue, from 0 to 1; values are divided by it.
        img_std: [f64; 3] = [1.0; 3],
        /// Size before cropping: length of the shorter side, or [height, width], in pixels.
        resize_dim: TargetSize = TargetSize::Side(256),
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Bytes,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageNormalizer`: scales with a Lanczos filter, crops the centre, and computes (value / 255 - mean) / deviation.
pub(crate) const IMAGE_NORMALIZER: ExecutorType = ExecutorType::new::<ImageNormalizerParameters>(
    "ImageNormalizer",
    "Scales every image, crops its centre and normalises its colours.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: ImageNormalizerParameters = parse_parameters(build)?;
    check(&with)?;
    let tables = normalization_tables(with.img_mean, with.img_std);
    let axis = with.channel_axis;
    let mut resizer = Resizer::default();
    let mut buffer = Vec::new();
    let craft = move |document: &_, budget: &CallBudget| {
        let tensor = document_image(document, axis, budget)?;
        let source = pixels::from_tensor(&tensor, axis, with.value_range, take(&mut buffer))?;
        let (height, width) = with.resize_dim.scaled_size(source.height(), source.width());
        let area = centre_area(height as usize, width as usize, with.target_size);
        let bytes = image_bytes::<f32>(area.height, area.width);
        budget.reserve_with_remedy(bytes, "set a smaller `target_size`")?;
        let bytes = resizer.resize(&source, height, width, ResamplingFilter::Lanczos)?;
        let normalized = Pixels { bytes, width }.to_tensor(area, axis, &tables)?;
        buffer = pixels::reclaim_buffer(source);
        Ok(Piece::whole(normalized))
    };
    Ok(Instance::new(ReplaceImage { access_paths: with.access_paths, craft }))
}

/// Rejects deviations of 0, and a crop that is larger than the scaled image.
fn check(with: &ImageNormalizerParameters) -> Result<(), BuildError> {
    if with.img_std.contains(&0.0) {
        return Err(BuildError::parameter("img_std", "must not contain 0"));
    }
    let (height, width) = with.target_size.crop_size();
    let (rows, columns) = with.resize_dim.crop_size();
    if height > rows || width > columns {
        let reason = format_args!(
            "a crop of {width} × {height} pixels does not fit into the {columns} × {rows} pixels of `resize_dim`"
        );
        return Err(BuildError::parameter("target_size", reason));
    }
    Ok(())
}

/// Tables of (byte / 255 - mean) / deviation for every byte and channel, rounded to single precision after every step
/// as numpy does in Jina.
fn normalization_tables(mean: [f64; 3], deviation: [f64; 3]) -> LookupTables {
    let mut tables = pixels::lookup_tables(pixels::to_unit);
    for ((table, mean), deviation) in tables.iter_mut().zip(mean).zip(deviation) {
        for number in table {
            let centred = (f64::from(*number) - mean) as f32;
            *number = (f64::from(centred) / deviation) as f32;
        }
    }
    tables
}
