//! The result of a crafter: a changed image or a part of one.

use flowrun_sdk::{CallBudget, Document, ExecutorError, Tensor};

use crate::channel_axis::ChannelAxis;
use crate::decode::{self, ExifOrientation};
use crate::pixels::Pixels;
use crate::raster::{Area, Raster};

/// Maximum number of pieces of one image: as many as adjacent windows of 100 × 100 pixels in an image of
/// 10,000 × 10,000.
pub(crate) const PIECES_MAX: usize = 10_000;

/// An image that a crafter computed from another.
pub(crate) struct Piece {
    image: Tensor,
    /// Position in the original image; `None` if the piece is the whole image.
    area: Option<Area>,
}

impl Piece {
    /// The whole image, changed.
    pub(crate) fn whole(image: Tensor) -> Self {
        Self { image, area: None }
    }

    /// A part of an image. Its memory is taken from `budget`.
    ///
    /// # Errors
    /// When the area does not fit into the image, the part exceeds the memory of `budget`, or the call has expired.
    pub(crate) fn crop(raster: &Raster<'_>, area: Area, budget: &CallBudget) -> Result<Self, ExecutorError> {
        let (right, bottom) = (area.x.saturating_add(area.width), area.y.saturating_add(area.height));
        if right > raster.width() || bottom > raster.height() {
            let Area { x, y, width, height } = area;
            return Err(ExecutorError::input(format_args!(
                "an area of {width} × {height} pixels at ({x}, {y}) does not fit into an image of {} × {}",
                raster.width(),
                raster.height()
            )));
        }
        Self::crop_padded(raster, area, budget)
    }

    /// A part of an image; pixels right of or below the image are zero.
    ///
    /// # Errors
    /// When the part exceeds the memory of `budget`, or the call has expired.
    pub(crate) fn crop_padded(
        raster: &Raster<'_>,
        area: Area,
        budget: &CallBudget,
    ) -> Result<Self, ExecutorError> {
        budget.check()?;
        let bytes = raster.crop_bytes(area.height, area.width);
        budget.reserve_with_remedy(bytes, "cut fewer or smaller pieces (`target_size`)")?;
        Ok(Self { image: raster.crop(area)?, area: Some(area) })
    }

    /// Sets the tensor of `document` to the piece, and its location to [x, y, width, height] in pixels of the original
    /// image if the piece is a part of that.
    pub(super) fn write_to(self, document: &mut Document) {
        document.tensor = Some(self.image);
        if let Some(Area { x, y, width, height }) = self.area {
            document.location = [x, y, width, height].map(|side| side as f32).to_vec();
        }
    }
}

/// The image of a document: its tensor, else its decoded bytes, URI or path as a tensor of bytes.
///
/// # Errors
/// When the document has no image, the image cannot be decoded, or the call has expired or been cancelled.
pub(crate) fn document_image(
    document: &Document,
    axis: ChannelAxis,
    budget: &CallBudget,
) -> Result<Tensor, ExecutorError> {
    match &document.tensor {
        Some(tensor) => Ok(tensor.clone()),
        None => {
            let content = decode::content(document)?;
            let image = decode::decode_image_checked(&content, ExifOrientation::Apply, || budget.check())?;
            Pixels::from_image(&image).to_byte_tensor(axis)
        }
    }
}
