//! `ImageFlipper`: the mirror image of each image.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::append_pieces::{AppendPieces, PieceCount};
use super::piece::{Piece, document_image};
use crate::channel_axis::ChannelAxis;
use crate::raster::Raster;

flowrun_sdk::parameters! {
    /// Parameters of `ImageFlipper`.
    struct ImageFlipperParameters {
        /// Mirrors top to bottom instead of left to right.
        vertical: bool = false,
        /// Keeps the original images in addition to their mirror images, so that a search finds both.
        keep_original: bool = true,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageFlipper` of Jina's flower search example, which appends the mirror image. With `keep_original: false`
/// it is that of Jina 0.4 and later, which replaces the image.
pub(crate) const IMAGE_FLIPPER: ExecutorType = ExecutorType::new::<ImageFlipperParameters>(
    "ImageFlipper",
    "Adds the mirror image of every image.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let ImageFlipperParameters { vertical, keep_original, channel_axis, access_paths } =
        parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = document_image(document, channel_axis, budget)?;
        budget.reserve(image.data().len())?;
        Ok(vec![Piece::whole(Raster::new(&image, channel_axis)?.mirrored(vertical)?)])
    };
    AppendPieces::new(access_paths, keep_original, PieceCount::One, craft).map(Instance::new)
}
