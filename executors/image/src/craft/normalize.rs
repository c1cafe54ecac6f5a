//! Every image as networks trained on photographs want it: scaled, cut to size, centred and scaled in colour.

use std::mem::take;

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::crop::middle;
use super::{InPlace, Piece, image};
use crate::axis::ChannelAxis;
use crate::memory::{image_bytes, take_bytes};
use crate::pixels::{self, Pixels, Tables};
use crate::resize::{Filter, Resizer};
use crate::size::Size;
use crate::value_range::ValueRange;

flowrun_sdk::parameters! {
    /// Size and colours of the result.
    struct ImageNormalizerParameters {
        /// The side of the square, or [height, width], in pixels, that is cut from the middle.
        target_size: Size = Size::Side(224),
        /// Mean of each colour, red, green, blue, from 0 to 1; subtracted.
        img_mean: [f64; 3] = [0.0; 3],
        /// Standard deviation of each colour, from 0 to 1; divided by.
        img_std: [f64; 3] = [1.0; 3],
        /// What the shorter side is scaled to before cutting, or [height, width], in pixels.
        resize_dim: Size = Size::Side(256),
        /// What the numbers of the images mean.
        value_range: ValueRange = ValueRange::Bytes,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageNormalizer`: scales with a Lanczos filter, cuts the middle, and computes (value / 255 - mean) / deviation.
pub(crate) const IMAGE_NORMALIZER: ExecutorType = ExecutorType::new::<ImageNormalizerParameters>(
    "ImageNormalizer",
    "Scales every image, cuts its middle and normalises its colours.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: ImageNormalizerParameters = parse_parameters(build)?;
    check(&with)?;
    let tables = normalized(with.img_mean, with.img_std);
    let axis = with.channel_axis;
    let mut resizer = Resizer::default();
    let mut buffer = Vec::new();
    let craft = move |document: &_, budget: &CallBudget| {
        let source =
            pixels::from_tensor(&image(document, axis, budget)?, axis, with.value_range, take(&mut buffer))?;
        let (height, width) = with.resize_dim.to_scale(source.height(), source.width());
        let area = middle(height as usize, width as usize, with.target_size);
        let bytes = image_bytes::<f32>(area.height, area.width);
        take_bytes(budget, bytes, "cut a smaller `target_size`")?;
        let bytes = resizer.resize(&source, height, width, Filter::Lanczos)?;
        let normalized = Pixels { bytes, width }.to_tensor(area, axis, &tables)?;
        buffer = pixels::recycled(source);
        Ok(Piece::whole(normalized))
    };
    Ok(Instance::new(InPlace { access_paths: with.access_paths, craft }))
}

/// Refuses deviations that nothing can be divided by, and cutting more than scaling leaves.
fn check(with: &ImageNormalizerParameters) -> Result<(), BuildError> {
    if with.img_std.contains(&0.0) {
        return Err(BuildError::parameter("img_std", "none may be 0"));
    }
    let (height, width) = with.target_size.to_cut();
    let (rows, columns) = with.resize_dim.to_cut();
    if height > rows || width > columns {
        let reason = format_args!(
            "{width} × {height} pixels cannot be cut out of the {columns} × {rows} of `resize_dim`"
        );
        return Err(BuildError::parameter("target_size", reason));
    }
    Ok(())
}

/// (byte / 255 - mean) / deviation, rounded to single precision after every step as numpy does it in Jina.
fn normalized(mean: [f64; 3], deviation: [f64; 3]) -> Tables {
    let mut tables = pixels::tables(pixels::unit);
    for ((table, mean), deviation) in tables.iter_mut().zip(mean).zip(deviation) {
        for number in table {
            let centred = (f64::from(*number) - mean) as f32;
            *number = (f64::from(centred) / deviation) as f32;
        }
    }
    tables
}
