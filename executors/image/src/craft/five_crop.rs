//! `FiveImageCropper`: the four corners and the centre of each image.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::append_pieces::{AppendPieces, PieceCount};
use super::crop::centre_area;
use super::piece::{Piece, document_image};
use crate::channel_axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::target_size::TargetSize;

flowrun_sdk::parameters! {
    /// Parameters of `FiveImageCropper`.
    struct FiveImageCropperParameters {
        /// Size of a crop: side of a square, or [height, width], in pixels.
        target_size: TargetSize,
        /// Keeps the original images in addition to their pieces.
        keep_original: bool = true,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `FiveImageCropper`. Pieces are in the order upper left, upper right, lower left, lower right, centre.
pub(crate) const FIVE_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<FiveImageCropperParameters>(
    "FiveImageCropper",
    "Crops the four corners and the centre out of every image.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let FiveImageCropperParameters { target_size, keep_original, channel_axis, access_paths } =
        parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = document_image(document, channel_axis, budget)?;
        let raster = Raster::new(&image, channel_axis)?;
        let centre = centre_area(raster.height(), raster.width(), target_size);
        let right = raster.width().saturating_sub(centre.width);
        let bottom = raster.height().saturating_sub(centre.height);
        let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
        let areas = corners.into_iter().map(|(x, y)| Area { x, y, ..centre }).chain([centre]);
        areas.map(|area| Piece::crop(&raster, area, budget)).collect()
    };
    AppendPieces::new(access_paths, keep_original, PieceCount::Many, craft).map(Instance::new)
}
