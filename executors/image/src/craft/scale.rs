//! `ImageResizer`: scales each image.

use std::mem::take;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, ResamplingFilter, parse_parameters,
};

use super::piece::{Piece, document_image};
use super::replace_image::ReplaceImage;
use crate::channel_axis::ChannelAxis;
use crate::memory::image_bytes;
use crate::pixels::{self, Pixels};
use crate::resize::Resizer;
use crate::target_size::TargetSize;
use crate::value_range::ValueRange;

flowrun_sdk::parameters! {
    /// Parameters of `ImageResizer`.
    struct ImageResizerParameters {
        /// Length of the shorter side, or [height, width], in pixels.
        target_size: TargetSize,
        /// Resampling filter.
        how: ResamplingFilter = ResamplingFilter::Bilinear,
        /// Range of the pixel values of the images, `bytes` or `unit`. Scaled images have the same range.
        value_range: ValueRange = ValueRange::Bytes,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
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
        ValueRange::Bytes => pixels::lookup_tables(f32::from),
        ValueRange::Unit => pixels::lookup_tables(pixels::to_unit),
        ValueRange::Auto | ValueRange::Stretch => {
            let reason = "must be `bytes` or `unit`: scaled images have the same range as their originals";
            return Err(BuildError::parameter("value_range", reason));
        }
    };
    let mut resizer = Resizer::default();
    let mut buffer = Vec::new();
    let craft = move |document: &_, budget: &CallBudget| {
        let tensor = document_image(document, channel_axis, budget)?;
        let source = pixels::from_tensor(&tensor, channel_axis, value_range, take(&mut buffer))?;
        let (height, width) = target_size.scaled_size(source.height(), source.width());
        // Tensors of bytes stay bytes; all other types become floats.
        let is_byte_tensor = tensor.as_u8().is_some();
        let size_in_bytes = if is_byte_tensor { image_bytes::<u8> } else { image_bytes::<f32> };
        let bytes = size_in_bytes(height as usize, width as usize);
        budget.reserve_with_remedy(bytes, "scale to a smaller `target_size`")?;
        let scaled = resizer.resize(&source, height, width, how)?;
        let scaled = Pixels { bytes: scaled, width };
        let scaled = match is_byte_tensor {
            true => scaled.to_byte_tensor(channel_axis)?,
            false => scaled.to_tensor(scaled.area(), channel_axis, &tables)?,
        };
        buffer = pixels::reclaim_buffer(source);
        Ok(Piece::whole(scaled))
    };
    Ok(Instance::new(ReplaceImage { access_paths, craft }))
}
