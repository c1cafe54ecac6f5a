//! `SlidingWindowImageCropper`: a window that slides over each image, row by row.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, CallBudget, ExecutorError, ExecutorType, Instance, choice,
    parse_parameters,
};

use super::append_pieces::{AppendPieces, PieceCount};
use super::piece::{PIECES_MAX, Piece, document_image};
use crate::channel_axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::target_size::TargetSize;

choice! {
    /// Padding of windows at the right and bottom edge, named as in TensorFlow.
    enum Padding {
        /// No padding: only windows inside the image.
        Valid = "VALID",
        /// Zero padding: every window that begins inside the image.
        Same = "SAME",
    }
}

flowrun_sdk::parameters! {
    /// Parameters of `SlidingWindowImageCropper`.
    struct SlidingWindowImageCropperParameters {
        /// Side of the window, or its [height, width], in pixels.
        target_size: TargetSize,
        /// Vertical and horizontal stride of the window, in pixels.
        strides: [usize; 2],
        /// `VALID`: only windows inside the image; `SAME`: all windows that begin inside, padded with zeros.
        padding: Padding = Padding::Valid,
        /// Keeps the original images in addition to their pieces.
        keep_original: bool = true,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `SlidingWindowImageCropper`, with the windows that Jina documents. Jina 0.1.14 itself reads memory outside of the
/// image unless its elements are bytes, and with `SAME` adds a row of empty windows if the strides divide the image
/// evenly.
pub(crate) const SLIDING_WINDOW_IMAGE_CROPPER: ExecutorType =
    ExecutorType::new::<SlidingWindowImageCropperParameters>(
        "SlidingWindowImageCropper",
        "Crops every image into windows, left to right and top to bottom.",
        create,
    );

impl Padding {
    /// Number of windows of `length` pixels along a side of `side` pixels, one every `stride` pixels.
    fn window_count(self, side: usize, length: usize, stride: usize) -> usize {
        match self {
            Self::Valid => side.checked_sub(length).map_or(0, |rest| 1 + rest / stride),
            Self::Same => side.div_ceil(stride),
        }
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: SlidingWindowImageCropperParameters = parse_parameters(build)?;
    let [down, right] = with.strides;
    if down == 0 || right == 0 {
        return Err(BuildError::parameter("strides", "each must be at least 1"));
    }
    let (height, width) = with.target_size.crop_size();
    let (height, width) = (height as usize, width as usize);
    let craft = move |document: &_, budget: &CallBudget| {
        let image = document_image(document, with.channel_axis, budget)?;
        let raster = Raster::new(&image, with.channel_axis)?;
        let rows = with.padding.window_count(raster.height(), height, down);
        let columns = with.padding.window_count(raster.width(), width, right);
        if rows.min(columns) == 0 {
            return Err(ExecutorError::input(format_args!(
                "no window of {width} × {height} pixels fits into an image of {} × {}",
                raster.width(),
                raster.height()
            )));
        }
        let pieces = rows.saturating_mul(columns);
        if pieces > PIECES_MAX {
            return Err(ExecutorError::input(format_args!(
                "the image of {} × {} pixels would become {pieces} pieces, more than the {PIECES_MAX} allowed; \
                 set larger `strides`",
                raster.width(),
                raster.height()
            )));
        }
        let corners = (0..rows).flat_map(|row| (0..columns).map(move |column| (column * right, row * down)));
        corners.map(|(x, y)| Piece::crop_padded(&raster, Area { x, y, width, height }, budget)).collect()
    };
    AppendPieces::new(with.access_paths, with.keep_original, PieceCount::Many, craft).map(Instance::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_windows_end_inside_the_image_and_same_windows_begin_inside() {
        // Windows of 4 over 10 pixels, stride 3: at 0, 3, 6; with padding also at 9.
        assert_eq!((Padding::Valid.window_count(10, 4, 3), Padding::Same.window_count(10, 4, 3)), (3, 4));
        // Stride 5: at 0 and 5; none begins at 10.
        assert_eq!((Padding::Valid.window_count(10, 4, 5), Padding::Same.window_count(10, 4, 5)), (2, 2));
        assert_eq!((Padding::Valid.window_count(3, 4, 1), Padding::Same.window_count(3, 4, 1)), (0, 3));
    }
}
