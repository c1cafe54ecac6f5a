//! Image tensors as rows of pixels, for cropping and mirroring in any element type and axis order.

use flowrun_sdk::{Bytes, ExecutorError, Tensor};

use crate::channel_axis::ChannelAxis;

/// A view of an image tensor as one or more planes of pixel rows.
///
/// A tensor of channels × height × width has one plane per channel, with pixels of one element; a tensor of
/// height × width × channels has one plane, with pixels of `channels` elements; a tensor of height × width is grey.
/// Elements are copied bit by bit and keep their type.
#[derive(Debug)]
pub(crate) struct Raster<'a> {
    tensor: &'a Tensor,
    height: usize,
    width: usize,
    /// Bytes of a pixel within a plane.
    pixel_bytes: usize,
    /// Position of the height axis; the width axis follows it.
    height_axis: usize,
}

/// A rectangle of an image, in pixels from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Height, width and number of channels of an image tensor.
///
/// # Errors
/// When the tensor does not have two or three axes, or is empty.
pub(crate) fn dimensions_of(
    tensor: &Tensor,
    axis: ChannelAxis,
) -> Result<(usize, usize, usize), ExecutorError> {
    let shape = tensor.shape();
    let (height, width, channels) = match (shape, axis) {
        (&[height, width, channels], ChannelAxis::Last) => (height, width, channels),
        (&[channels, height, width], ChannelAxis::First) => (height, width, channels),
        (&[height, width], _) => (height, width, 1),
        _ => {
            let reason =
                format_args!("a tensor of shape {shape:?} is not an image: it must have two or three axes");
            return Err(ExecutorError::input(reason));
        }
    };
    if tensor.is_empty() {
        return Err(ExecutorError::input(format_args!("the image has no pixels: its shape is {shape:?}")));
    }
    Ok((height, width, channels))
}

impl<'a> Raster<'a> {
    /// A view of an image tensor whose channel axis, if it has one, is at `axis`.
    ///
    /// # Errors
    /// Those of [`dimensions_of`].
    pub(crate) fn new(tensor: &'a Tensor, axis: ChannelAxis) -> Result<Self, ExecutorError> {
        let (height, width, channels) = dimensions_of(tensor, axis)?;
        let (elements, height_axis) = match axis {
            ChannelAxis::First if tensor.shape().len() > 2 => (1, 1),
            ChannelAxis::First | ChannelAxis::Last => (channels, 0),
        };
        let pixel_bytes = elements * tensor.data_type().size();
        Ok(Self { tensor, height, width, pixel_bytes, height_axis })
    }

    pub(crate) fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Size in bytes of a crop of `height` × `width` pixels; saturates on overflow.
    pub(crate) fn crop_bytes(&self, height: usize, width: usize) -> usize {
        let planes = self.tensor.data().len() / (self.height * self.width * self.pixel_bytes);
        planes.saturating_mul(self.pixel_bytes).saturating_mul(height).saturating_mul(width)
    }

    /// A part of the image; pixels right of or below the image are zero. Errors are defects: the result always has the
    /// size of its shape. The same holds for [`mirrored`](Self::mirrored).
    pub(crate) fn crop(&self, area: Area) -> Result<Tensor, ExecutorError> {
        let row_bytes = self.width * self.pixel_bytes;
        let (from, length) = (area.x * self.pixel_bytes, area.width * self.pixel_bytes);
        let mut data = Vec::with_capacity(self.crop_bytes(area.height, area.width));
        for plane in self.tensor.data().chunks_exact(self.height * row_bytes) {
            let mut rows = plane.chunks_exact(row_bytes).skip(area.y);
            for _ in 0..area.height {
                let filled = data.len() + length;
                let row = rows.next().and_then(|row| row.get(from..)).unwrap_or_default();
                data.extend_from_slice(row.get(..length).unwrap_or(row));
                data.resize(filled, 0);
            }
        }
        self.tensor_like(area.height, area.width, data)
    }

    /// The image mirrored left to right, or top to bottom if `vertically`.
    pub(crate) fn mirrored(&self, vertically: bool) -> Result<Tensor, ExecutorError> {
        let row_bytes = self.width * self.pixel_bytes;
        let mut data = Vec::with_capacity(self.tensor.data().len());
        for plane in self.tensor.data().chunks_exact(self.height * row_bytes) {
            let rows = plane.chunks_exact(row_bytes);
            match vertically {
                true => rows.rev().for_each(|row| data.extend_from_slice(row)),
                false => rows.for_each(|row| {
                    row.chunks_exact(self.pixel_bytes).rev().for_each(|pixel| data.extend_from_slice(pixel));
                }),
            }
        }
        self.tensor_like(self.height, self.width, data)
    }

    /// A tensor of `data` with the element type and axis order of this one, but other sides.
    fn tensor_like(&self, height: usize, width: usize, data: Vec<u8>) -> Result<Tensor, ExecutorError> {
        let mut shape = self.tensor.shape().to_vec();
        shape.iter_mut().skip(self.height_axis).zip([height, width]).for_each(|(side, new)| *side = new);
        Ok(Tensor::new(self.tensor.data_type(), shape, Bytes::from(data))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor of bytes that count up from 0 in memory order.
    fn tensor(shape: &[usize]) -> Tensor {
        let length = shape.iter().product::<usize>() as u8;
        Tensor::from_u8(shape.to_vec(), (0..length).collect()).unwrap()
    }

    #[test]
    fn dimensions_follow_the_channel_axis() {
        assert_eq!(dimensions_of(&tensor(&[2, 3, 4]), ChannelAxis::Last).unwrap(), (2, 3, 4));
        assert_eq!(dimensions_of(&tensor(&[2, 3, 4]), ChannelAxis::First).unwrap(), (3, 4, 2));
        assert_eq!(dimensions_of(&tensor(&[2, 3]), ChannelAxis::First).unwrap(), (2, 3, 1));
        assert!(dimensions_of(&tensor(&[2, 3, 4, 1]), ChannelAxis::Last).is_err());
        assert!(dimensions_of(&tensor(&[2, 0, 4]), ChannelAxis::Last).is_err());
    }

    #[test]
    fn a_crop_keeps_the_axes_and_the_type() {
        let area = Area { x: 1, y: 0, width: 1, height: 2 };
        for (shape, axis, expected, elements) in [
            (vec![2, 2, 3], ChannelAxis::Last, vec![2, 1, 3], vec![3, 4, 5, 9, 10, 11]),
            (vec![3, 2, 2], ChannelAxis::First, vec![3, 2, 1], vec![1, 3, 5, 7, 9, 11]),
            (vec![2, 2], ChannelAxis::First, vec![2, 1], vec![1, 3]),
            (vec![2, 2, 1], ChannelAxis::Last, vec![2, 1, 1], vec![1, 3]),
        ] {
            let image = tensor(&shape);
            let crop = Raster::new(&image, axis).unwrap().crop(area).unwrap();
            assert_eq!((crop.shape(), crop.as_u8().unwrap()), (&expected[..], &elements[..]));
        }
    }

    #[test]
    fn pixels_outside_of_the_image_are_zero() {
        let image = tensor(&[1, 2, 2]);
        let raster = Raster::new(&image, ChannelAxis::Last).unwrap();
        let crop = raster.crop(Area { x: 1, y: 0, width: 2, height: 2 }).unwrap();
        assert_eq!(crop.as_u8().unwrap(), [2, 3, 0, 0, 0, 0, 0, 0]);
        let beyond = raster.crop(Area { x: 5, y: 5, width: 1, height: 1 }).unwrap();
        assert_eq!(beyond.as_u8().unwrap(), [0, 0]);
    }

    #[test]
    fn crop_bytes_is_the_size_of_the_crop() {
        for (shape, axis) in [(vec![3, 4, 2], ChannelAxis::First), (vec![4, 2, 3], ChannelAxis::Last)] {
            let image = tensor(&shape);
            let raster = Raster::new(&image, axis).unwrap();
            let crop = raster.crop(Area { x: 0, y: 1, width: 2, height: 3 }).unwrap();
            assert_eq!(raster.crop_bytes(3, 2), crop.data().len());
        }
    }
}
