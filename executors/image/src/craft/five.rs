//! The four corners and the middle of each image.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::beside::Yield;
use super::crop::middle;
use super::{Beside, Piece, image};
use crate::axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::size::Size;

flowrun_sdk::parameters! {
    /// How much to cut.
    struct FiveImageCropperParameters {
        /// The side of a square, or [height, width], in pixels.
        target_size: Size,
        /// Whether the images stay beside their pieces.
        keep_original: bool = true,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `FiveImageCropper`. The pieces come in the order upper left, upper right, lower left, lower right, middle.
pub(crate) const FIVE_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<FiveImageCropperParameters>(
    "FiveImageCropper",
    "Cuts the four corners and the middle out of every image.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let FiveImageCropperParameters { target_size, keep_original, channel_axis, access_paths } =
        parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = image(document, channel_axis, budget)?;
        let raster = Raster::of(&image, channel_axis)?;
        let middle = middle(raster.height(), raster.width(), target_size);
        let right = raster.width().saturating_sub(middle.width);
        let bottom = raster.height().saturating_sub(middle.height);
        let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
        let areas = corners.into_iter().map(|(x, y)| Area { x, y, ..middle }).chain([middle]);
        areas.map(|area| Piece::cut(&raster, area, budget)).collect()
    };
    Beside::new(access_paths, keep_original, Yield::Many, craft).map(Instance::new)
}
