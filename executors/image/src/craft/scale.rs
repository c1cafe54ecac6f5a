//! Every image in another size.

use std::mem::take;

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::{InPlace, Piece, image};
use crate::axis::ChannelAxis;
use crate::memory::{image_bytes, take_bytes};
use crate::pixels::{self, Pixels};
use crate::resize::{Filter, Resizer};
use crate::size::Size;
use crate::value_range::ValueRange;

flowrun_sdk::parameters! {
    /// The new size.
    struct ImageResizerParameters {
        /// The length of the shorter side, or [height, width], in pixels.
        target_size: Size,
        /// How pixels between pixels are made up.
        how: Filter = Filter::Bilinear,
        /// What the numbers of the images mean: `bytes` or `unit`. The new image has numbers of the same meaning.
        value_range: ValueRange = ValueRange::Bytes,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageResizer`.
pub(crate) const IMAGE_RESIZER: ExecutorType =
    ExecutorType::new::<ImageResizerParameters>("ImageResizer", "Scales every image.", create);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let ImageResizerParameters { target_size, how, value_range, channel_axis, access_paths } =
        parse_parameters(build)?;
    let tables = match value_range {
        ValueRange::Bytes => pixels::tables(f32::from),
        ValueRange::Unit => pixels::tables(pixels::unit),
        ValueRange::Auto | ValueRange::Stretch => {
            let reason = "must be `bytes` or `unit`: the new image has numbers of the same meaning";
            return Err(BuildError::parameter("value_range", reason));
        }
    };
    let mut resizer = Resizer::default();
    let mut buffer = Vec::new();
    let craft = move |document: &_, budget: &CallBudget| {
        let tensor = image(document, channel_axis, budget)?;
        let source = pixels::from_tensor(&tensor, channel_axis, value_range, take(&mut buffer))?;
        let (height, width) = target_size.to_scale(source.height(), source.width());
        // Bytes stay bytes; everything else becomes floats.
        let stays = tensor.as_u8().is_some();
        let bytes =
            if stays { image_bytes::<u8> } else { image_bytes::<f32> }(height as usize, width as usize);
        take_bytes(budget, bytes, "scale to a smaller `target_size`")?;
        let scaled = resizer.resize(&source, height, width, how)?;
        let scaled = Pixels { bytes: scaled, width };
        let scaled = match stays {
            true => scaled.to_byte_tensor(channel_axis)?,
            false => scaled.to_tensor(scaled.whole(), channel_axis, &tables)?,
        };
        buffer = pixels::recycled(source);
        Ok(Piece::whole(scaled))
    };
    Ok(Instance::new(InPlace { access_paths, craft }))
}
