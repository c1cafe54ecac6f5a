//! A window that slides over each image, row by row.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, CallBudget, ExecutorError, ExecutorType, Instance, choice,
    parse_parameters,
};

use super::beside::Yield;
use super::{Beside, PIECES_MAX, Piece, image};
use crate::axis::ChannelAxis;
use crate::raster::{Area, Raster};
use crate::size::Size;

choice! {
    /// Which windows count.
    enum Padding {
        /// Those that lie within the image.
        Valid = "VALID",
        /// Those that begin within the image; what lies outside is zero.
        Same = "SAME",
    }
}

flowrun_sdk::parameters! {
    /// The window and its steps.
    struct SlidingWindowImageCropperParameters {
        /// The side of the window, or its [height, width], in pixels.
        target_size: Size,
        /// Steps of the window down and to the right, in pixels.
        strides: [usize; 2],
        /// Whether windows may stand out of the image.
        padding: Padding = Padding::Valid,
        /// Whether the images stay beside their pieces.
        keep_original: bool = true,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `SlidingWindowImageCropper`. Jina 0.1.14 reads memory beside the image unless it is of bytes, and with `SAME` adds a
/// row of empty windows where the steps go up in the image; here the windows are those that its documentation says.
pub(crate) const SLIDING_WINDOW_IMAGE_CROPPER: ExecutorType =
    ExecutorType::new::<SlidingWindowImageCropperParameters>(
        "SlidingWindowImageCropper",
        "Cuts every image into windows, left to right and top to bottom.",
        create,
    );

impl Padding {
    /// How many windows of that length begin within a side, one every `stride` pixels.
    fn windows(self, side: usize, length: usize, stride: usize) -> usize {
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
    let (height, width) = with.target_size.to_cut();
    let (height, width) = (height as usize, width as usize);
    let craft = move |document: &_, budget: &CallBudget| {
        let image = image(document, with.channel_axis, budget)?;
        let raster = Raster::of(&image, with.channel_axis)?;
        let rows = with.padding.windows(raster.height(), height, down);
        let columns = with.padding.windows(raster.width(), width, right);
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
                 make larger `strides`",
                raster.width(),
                raster.height()
            )));
        }
        let corners = (0..rows).flat_map(|row| (0..columns).map(move |column| (column * right, row * down)));
        corners.map(|(x, y)| Piece::cut_padded(&raster, Area { x, y, width, height }, budget)).collect()
    };
    Beside::new(with.access_paths, with.keep_original, Yield::Many, craft).map(Instance::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_windows_lie_within_and_same_windows_begin_within() {
        // Windows of 4 on 10 pixels, every 3: at 0, 3, 6; and at 9 when they may stand out.
        assert_eq!((Padding::Valid.windows(10, 4, 3), Padding::Same.windows(10, 4, 3)), (3, 4));
        // Every 5: at 0, 5; none begins at 10.
        assert_eq!((Padding::Valid.windows(10, 4, 5), Padding::Same.windows(10, 4, 5)), (2, 2));
        assert_eq!((Padding::Valid.windows(3, 4, 1), Padding::Same.windows(3, 4, 1)), (0, 3));
    }
}
