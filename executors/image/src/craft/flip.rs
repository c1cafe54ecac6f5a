//! Every image in the mirror.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};

use super::beside::Yield;
use super::{Beside, Piece, image};
use crate::axis::ChannelAxis;
use crate::raster::Raster;

flowrun_sdk::parameters! {
    /// Which mirror.
    struct ImageFlipperParameters {
        /// Exchanges above and below instead of left and right.
        vertical: bool = false,
        /// Whether the images stay beside their mirror images, so that a search finds both.
        keep_original: bool = true,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageFlipper`: the flower search's own, which adds the mirror image; with `keep_original: false` that of
/// Jina 0.4 and later, which puts it in the image's place.
pub(crate) const IMAGE_FLIPPER: ExecutorType = ExecutorType::new::<ImageFlipperParameters>(
    "ImageFlipper",
    "Adds the mirror image of every image.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let ImageFlipperParameters { vertical, keep_original, channel_axis, access_paths } =
        parse_parameters(build)?;
    let craft = move |document: &_, budget: &CallBudget| {
        let image = image(document, channel_axis, budget)?;
        budget.reserve(image.data().len())?;
        Ok(vec![Piece::whole(Raster::of(&image, channel_axis)?.mirrored(vertical)?)])
    };
    Beside::new(access_paths, keep_original, Yield::One, craft).map(Instance::new)
}
