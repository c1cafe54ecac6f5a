//! One part of each image: at a place that the parameters say, or from the middle.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::{InPlace, Piece, image};
use crate::axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::size::Size;

flowrun_sdk::parameters! {
    /// Where to cut.
    struct ImageCropperParameters {
        /// Rows above the part.
        top: usize,
        /// Pixels left of the part.
        left: usize,
        /// Rows of the part.
        height: usize,
        /// Pixels in a row of the part.
        width: usize,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

flowrun_sdk::parameters! {
    /// How much to cut.
    struct CenterImageCropperParameters {
        /// The side of a square, or [height, width], in pixels.
        target_size: Size,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageCropper`. Jina 0.1.14 confuses rows and columns when it cuts; here `top` and `height` count rows.
pub(crate) const IMAGE_CROPPER: ExecutorType = ExecutorType::new::<ImageCropperParameters>(
    "ImageCropper",
    "Cuts a part out of every image, at a given place.",
    create_cropper,
);

/// `CenterImageCropper`.
pub(crate) const CENTER_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<CenterImageCropperParameters>(
    "CenterImageCropper",
    "Cuts the middle out of every image.",
    create_center_cropper,
);

/// Where to cut an image of that height and width so that as much stays on one side as on the other; an odd pixel
/// stays right or below.
pub(crate) fn middle(height: usize, width: usize, size: Size) -> Area {
    let (rows, columns) = size.to_cut();
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
        Piece::cut(&Raster::of(&image(document, channel_axis, budget)?, channel_axis)?, area, budget)
    };
    Ok(Instance::new(InPlace { access_paths, craft }))
}

fn create_center_cropper(build: &Build) -> Result<Instance, BuildError> {
    let CenterImageCropperParameters { target_size, channel_axis, access_paths } = parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = image(document, channel_axis, budget)?;
        let raster = Raster::of(&image, channel_axis)?;
        Piece::cut(&raster, middle(raster.height(), raster.width(), target_size), budget)
    };
    Ok(Instance::new(InPlace { access_paths, craft }))
}
