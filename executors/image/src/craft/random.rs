//! Parts of each image at places that look random and are the same every time.

use flowrun_sdk::{AccessPaths, Build, BuildError, CallBudget, ExecutorType, Instance, parse_parameters};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::beside::Yield;
use super::{Beside, PIECES_MAX, Piece, image};
use crate::axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::size::Size;

flowrun_sdk::parameters! {
    /// How much to cut, and how often.
    struct RandomImageCropperParameters {
        /// The side of a square, or [height, width], in pixels.
        target_size: Size,
        /// How many parts of each image.
        num_patches: usize = 1,
        /// Other seeds give other places. The places of a document depend on the seed and its id alone, so that
        /// indexing it again gives the same parts.
        seed: u64 = 0,
        /// Whether the images stay beside their pieces.
        keep_original: bool = true,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `RandomImageCropper`.
pub(crate) const RANDOM_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<RandomImageCropperParameters>(
    "RandomImageCropper",
    "Cuts parts out of every image at random places, the same ones for the same document.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: RandomImageCropperParameters = parse_parameters(build)?;
    if !(1..=PIECES_MAX).contains(&with.num_patches) {
        return Err(BuildError::parameter("num_patches", format_args!("must be from 1 to {PIECES_MAX}")));
    }
    let pieces = if with.num_patches == 1 { Yield::One } else { Yield::Many };
    let (height, width) = with.target_size.to_cut();
    let (height, width) = (height as usize, width as usize);
    let craft = move |document: &flowrun_sdk::Document, budget: &CallBudget| {
        let image = image(document, with.channel_axis, budget)?;
        let raster = Raster::of(&image, with.channel_axis)?;
        let place = |axis: &str, number: usize, side: usize, part: usize| {
            let key = format!("{axis}{number} {}", document.id);
            below(xxh3_64_with_seed(key.as_bytes(), with.seed), side.saturating_sub(part) + 1)
        };
        let cut = |number| {
            let x = place("x", number, raster.width(), width);
            let y = place("y", number, raster.height(), height);
            Piece::cut(&raster, Area { x, y, width, height }, budget)
        };
        (0..with.num_patches).map(cut).collect()
    };
    Beside::new(with.access_paths, with.keep_original, pieces, craft).map(Instance::new)
}

/// A number from 0 to `bound` - 1, each as often as the others: the upper half of the product (Lemire 2019).
fn below(hash: u64, bound: usize) -> usize {
    ((u128::from(hash) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_reach_it() {
        assert_eq!([0, u64::MAX / 2, u64::MAX].map(|hash| below(hash, 10)), [0, 4, 9]);
        assert_eq!(below(u64::MAX, 1), 0);
    }
}
