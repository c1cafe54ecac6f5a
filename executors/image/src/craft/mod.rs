//! Executors that make images of images: scaled, cut, mirrored.
//!
//! A crafter is a function from the image of a document to *pieces*. Where it makes one piece of each image, the
//! piece takes the image's place ([`InPlace`]); where it makes several, they become documents beside the original,
//! which stays or goes ([`Beside`]). What is deliberately not here: decoding ([`crate::decode`]) and cutting
//! documents into their first chunks ([`crate::reader`], [`crate::segment`]).

mod beside;
mod crop;
mod five;
mod flip;
mod in_place;
mod normalize;
mod random;
mod scale;
mod sliding;

use flowrun_sdk::{CallBudget, Document, ExecutorError, Tensor};

use crate::axis::ChannelAxis;
use crate::decode;
use crate::memory::take_bytes;
use crate::pixels::Pixels;
use crate::raster::{Area, Raster};

pub(crate) use beside::Beside;
pub(crate) use in_place::InPlace;

pub(crate) use crop::{CENTER_IMAGE_CROPPER, IMAGE_CROPPER};
pub(crate) use five::FIVE_IMAGE_CROPPER;
pub(crate) use flip::IMAGE_FLIPPER;
pub(crate) use normalize::IMAGE_NORMALIZER;
pub(crate) use random::RANDOM_IMAGE_CROPPER;
pub(crate) use scale::IMAGE_RESIZER;
pub(crate) use sliding::SLIDING_WINDOW_IMAGE_CROPPER;

/// The most pieces of one image: a window of 100 pixels over an image of 10 000 × 10 000.
pub(crate) const PIECES_MAX: usize = 10_000;

/// What a crafter makes of an image.
pub(crate) struct Piece {
    image: Tensor,
    /// Where in the image it was, when it is a part.
    area: Option<Area>,
}

impl Piece {
    /// The whole image, changed.
    pub(crate) fn whole(image: Tensor) -> Self {
        Self { image, area: None }
    }

    /// A part of an image.
    ///
    /// # Errors
    /// When the area is larger than the image, and as [`Piece::cut_padded`].
    pub(crate) fn cut(raster: &Raster<'_>, area: Area, budget: &CallBudget) -> Result<Self, ExecutorError> {
        let (right, bottom) = (area.x.saturating_add(area.width), area.y.saturating_add(area.height));
        if right > raster.width() || bottom > raster.height() {
            let Area { x, y, width, height } = area;
            return Err(ExecutorError::input(format_args!(
                "an area of {width} × {height} pixels at ({x}, {y}) does not fit into an image of {} × {}",
                raster.width(),
                raster.height()
            )));
        }
        Self::cut_padded(raster, area, budget)
    }

    /// A part of an image; what of the area lies right of or below the image is zero.
    ///
    /// # Errors
    /// When the budget does not suffice.
    pub(crate) fn cut_padded(
        raster: &Raster<'_>,
        area: Area,
        budget: &CallBudget,
    ) -> Result<Self, ExecutorError> {
        budget.check()?;
        let bytes = raster.cut_bytes(area.height, area.width);
        take_bytes(budget, bytes, "cut fewer or smaller pieces (`target_size`)")?;
        Ok(Self { image: raster.cut(area)?, area: Some(area) })
    }

    /// Makes the piece the image of `document`; the location becomes [x, y, width, height] in pixels of the image
    /// that was cut.
    fn place(self, document: &mut Document) {
        document.tensor = Some(self.image);
        if let Some(Area { x, y, width, height }) = self.area {
            document.location = [x, y, width, height].map(|side| side as f32).to_vec();
        }
    }
}

/// The image of a document as a tensor: its own, or else what its bytes, URI or path lead to, decoded.
pub(crate) fn image(
    document: &Document,
    axis: ChannelAxis,
    budget: &CallBudget,
) -> Result<Tensor, ExecutorError> {
    match &document.tensor {
        Some(tensor) => Ok(tensor.clone()),
        None => {
            let image = decode::still_while(&decode::content(document)?, || budget.check())?;
            Pixels::of(&image).to_byte_tensor(axis)
        }
    }
}
