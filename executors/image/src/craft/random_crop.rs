//! `RandomImageCropper`: parts of each image at pseudo-random positions, which depend on the document's id alone.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, CallBudget, Document, ExecutorType, Instance, parse_parameters,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::append_pieces::{AppendPieces, PieceCount};
use super::piece::{PIECES_MAX, Piece, document_image};
use crate::channel_axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::target_size::TargetSize;

flowrun_sdk::parameters! {
    /// Parameters of `RandomImageCropper`.
    struct RandomImageCropperParameters {
        /// Size of a crop: side of a square, or [height, width], in pixels.
        target_size: TargetSize,
        /// Number of pieces per image.
        num_patches: usize = 1,
        /// Seed of the positions. They depend on the seed and the document's id alone, so that indexing a document
        /// again gives the same pieces.
        seed: u64 = 0,
        /// Keeps the original images in addition to their pieces.
        keep_original: bool = true,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `RandomImageCropper`.
pub(crate) const RANDOM_IMAGE_CROPPER: ExecutorType = ExecutorType::new::<RandomImageCropperParameters>(
    "RandomImageCropper",
    "Crops parts out of every image at random positions, the same ones for the same document.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: RandomImageCropperParameters = parse_parameters(build)?;
    if !(1..=PIECES_MAX).contains(&with.num_patches) {
        return Err(BuildError::parameter("num_patches", format_args!("must be from 1 to {PIECES_MAX}")));
    }
    let pieces = if with.num_patches == 1 { PieceCount::One } else { PieceCount::Many };
    let (height, width) = with.target_size.crop_size();
    let (height, width) = (height as usize, width as usize);
    let craft = move |document: &Document, budget: &CallBudget| {
        let image = document_image(document, with.channel_axis, budget)?;
        let raster = Raster::new(&image, with.channel_axis)?;
        let position = |axis: &str, number: usize, side: usize, part: usize| {
            let key = format!("{axis}{number} {}", document.id);
            below(xxh3_64_with_seed(key.as_bytes(), with.seed), side.saturating_sub(part) + 1)
        };
        let crop = |number| {
            let x = position("x", number, raster.width(), width);
            let y = position("y", number, raster.height(), height);
            Piece::crop(&raster, Area { x, y, width, height }, budget)
        };
        (0..with.num_patches).map(crop).collect()
    };
    AppendPieces::new(with.access_paths, with.keep_original, pieces, craft).map(Instance::new)
}

/// Maps a hash to a number from 0 to `bound` - 1, uniformly: the upper half of the product (Lemire 2019).
fn below(hash: u64, bound: usize) -> usize {
    ((u128::from(hash) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_reach_every_value_below_their_bound() {
        assert_eq!([0, u64::MAX / 2, u64::MAX].map(|hash| below(hash, 10)), [0, 4, 9]);
        assert_eq!(below(u64::MAX, 1), 0);
    }
}
