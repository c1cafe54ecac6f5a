//! `ImageCropper` and `CenterImageCropper`: one part of each image, at a given position or from its centre.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::piece::{Piece, document_image};
use super::replace_image::ReplaceImage;
use crate::channel_axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::target_size::TargetSize;

flowrun_sdk::parameters! {
    /// Parameters of `ImageCropper`.
    struct ImageCropperParameters {
        /// First row of the part, from 0.
        top: usize,
        /// First column of the part, from 0.
        left: usize,
        /// Height of the part, in pixels.
        height: usize,
        /// Width of the part, in pixels.
        width: usize,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

flowrun_sdk::parameters! {
    /// Parameters of `CenterImageCropper`.
    struct CenterImageCropperParameters {
        /// Size of a crop: side of a square, or [height, width], in pixels.
        target_size: TargetSize,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageCropper`. Jina 0.1.14 confuses rows and columns when it crops; here `top` and `height` count rows.
pub(crate) const IMAGE_CROPPER: ExecutorType = ExecutorType::new::<ImageCropperParameters>(
    "ImageCropper",
    "Crops every image to a part at a given position.",
    create_cropper,
);

/// `CenterImageCropper`.
pub(crate) const CENTER_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<CenterImageCropperParameters>(
    "CenterImageCropper",
    "Crops every image to its centre.",
    create_center_cropper,
);

/// Centred area of the given size in an image of `height` × `width` pixels. If the margin is odd, the additional pixel
/// is on the right or at the bottom. The area may exceed the image; `Piece::crop` checks that.
pub(crate) fn centre_area(height: usize, width: usize, size: TargetSize) -> Area {
    let (rows, columns) = size.crop_size();
    let (rows, columns) = (rows as usize, columns as usize);
    let start = |side: usize, part: usize| side.saturating_sub(part) / 2;
    Area { x: start(width, columns), y: start(height, rows), width: columns, height: rows }
}

fn create_cropper(build: &Build) -> Result<Instance, BuildError> {
    let ImageCropperParameters { top, left, height, width, channel_axis, access_paths } =
        parse_parameters(build)?;
    for (name, side) in [("height", height), ("width", width)] {
        if side == 0 {
            return Err(BuildError::parameter(name, "must be at least 1"));
        }
    }
    let area = Area { x: left, y: top, width, height };
    let craft = move |document: &_, budget: &CallBudget| {
        let image = document_image(document, channel_axis, budget)?;
        Piece::crop(&Raster::new(&image, channel_axis)?, area, budget)
    };
    Ok(Instance::new(ReplaceImage { access_paths, craft }))
}

fn create_center_cropper(build: &Build) -> Result<Instance, BuildError> {
    let CenterImageCropperParameters { target_size, channel_axis, access_paths } = parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = document_image(document, channel_axis, budget)?;
        let raster = Raster::new(&image, channel_axis)?;
        Piece::crop(&raster, centre_area(raster.height(), raster.width(), target_size), budget)
    };
    Ok(Instance::new(ReplaceImage { access_paths, craft }))
}
