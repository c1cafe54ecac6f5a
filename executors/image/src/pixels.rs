//! Conversion between image tensors and 8-bit RGB pixels, for scaling and normalising.

use flowrun_sdk::{ErrorKind, ExecutorError, Tensor};
use image::RgbImage;

use crate::channel_axis::ChannelAxis;
use crate::decode::PIXELS_MAX;
use crate::raster::{Area, dimensions_of};
use crate::value_range::{ValueRange, WHITE};

/// Largest buffer that is retained for the next image, in bytes: 10 megapixels. Larger ones are freed, so that a single
/// huge image does not occupy memory for ever.
pub(crate) const RETAINED_BUFFER_BYTES_MAX: usize = 30_000_000;

/// Converts an image tensor to RGB pixels; grey is repeated in the three channels. The image takes over `buffer`,
/// usually that of the previous image (see [`reclaim_buffer`]).
///
/// # Errors
/// When the tensor is not an image of one or three channels, has more than [`PIXELS_MAX`] pixels, or has numbers
/// outside of `range`.
pub(crate) fn from_tensor(
    tensor: &Tensor,
    axis: ChannelAxis,
    range: ValueRange,
    mut buffer: Vec<u8>,
) -> Result<RgbImage, ExecutorError> {
    let (height, width, channels) = dimensions_of(tensor, axis)?;
    if height * width > PIXELS_MAX as usize {
        let reason =
            format_args!("the image has {width} × {height} pixels, more than the {PIXELS_MAX} allowed");
        return Err(ExecutorError::input(reason));
    }
    buffer.resize(height * width * 3, 0);
    match tensor.as_u8() {
        Some(bytes) => interleave(bytes, channels, axis, &mut buffer, |byte| byte)?,
        None => {
            let elements = tensor.to_f32()?;
            let scale = range.byte_scale(&elements)?;
            interleave(&elements, channels, axis, &mut buffer, |element| scale.to_byte(element))?;
        }
    }
    // Cannot fail: both sides are below the bound, and the buffer has the size of the image.
    RgbImage::from_raw(width as u32, height as u32, buffer)
        .ok_or_else(|| ExecutorError::new(ErrorKind::Internal, "the pixels do not fill the image"))
}

/// Converts elements with `to_byte` and writes them as red, green, blue, pixel by pixel.
fn interleave<T: Copy>(
    elements: &[T],
    channels: usize,
    axis: ChannelAxis,
    bytes: &mut [u8],
    to_byte: impl Fn(T) -> u8,
) -> Result<(), ExecutorError> {
    let pixels = bytes.as_chunks_mut::<3>().0.iter_mut();
    match (channels, axis) {
        (1, _) => pixels.zip(elements).for_each(|(pixel, &grey)| *pixel = [to_byte(grey); 3]),
        (3, ChannelAxis::Last) => {
            bytes.iter_mut().zip(elements).for_each(|(target, &element)| *target = to_byte(element));
        }
        (3, ChannelAxis::First) => {
            let (red, rest) = elements.split_at(elements.len() / 3);
            let (green, blue) = rest.split_at(rest.len() / 2);
            for (((pixel, &red), &green), &blue) in pixels.zip(red).zip(green).zip(blue) {
                *pixel = [to_byte(red), to_byte(green), to_byte(blue)];
            }
        }
        _ => {
            let reason = format_args!("an image must have 1 or 3 channels, but has {channels}");
            return Err(ExecutorError::input(reason));
        }
    }
    Ok(())
}

/// Takes the buffer of an image for reuse; frees it if it exceeds [`RETAINED_BUFFER_BYTES_MAX`].
pub(crate) fn reclaim_buffer(image: RgbImage) -> Vec<u8> {
    let buffer = image.into_raw();
    if buffer.capacity() > RETAINED_BUFFER_BYTES_MAX { Vec::new() } else { buffer }
}

/// Conversion of bytes to floats: a table of 256 numbers for each channel.
pub(crate) type LookupTables = [[f32; 256]; 3];

/// Lookup tables that convert all channels with `convert`.
pub(crate) fn lookup_tables(convert: impl Fn(u8) -> f32) -> LookupTables {
    [std::array::from_fn(|value| convert(value as u8)); 3]
}

/// Maps 0 to 255 to 0 to 1, divided in double precision as numpy does.
pub(crate) fn to_unit(byte: u8) -> f32 {
    (f64::from(byte) / f64::from(WHITE)) as f32
}

/// A view of decoded or scaled pixels: red, green, blue, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixels<'a> {
    /// Three bytes per pixel; the height follows from their number.
    pub(crate) bytes: &'a [u8],
    /// Width in pixels.
    pub(crate) width: u32,
}

impl<'a> Pixels<'a> {
    pub(crate) fn from_image(image: &'a RgbImage) -> Self {
        Self { bytes: image.as_raw(), width: image.width() }
    }

    /// The area of the whole image.
    pub(crate) fn area(self) -> Area {
        let width = self.width as usize;
        Area { x: 0, y: 0, width, height: self.bytes.len() / (3 * width.max(1)) }
    }

    /// A part of the image as a tensor of floats, converted with `tables`.
    ///
    /// # Errors
    /// When the part does not fit into the image, which is a defect of the caller.
    pub(crate) fn to_tensor(
        self,
        area: Area,
        axis: ChannelAxis,
        tables: &LookupTables,
    ) -> Result<Tensor, ExecutorError> {
        let [reds, greens, blues] = tables;
        let number = |table: &[f32; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        let red = |[red, _, _]: [u8; 3]| number(reds, red);
        let green = |[_, green, _]: [u8; 3]| number(greens, green);
        let blue = |[_, _, blue]: [u8; 3]| number(blues, blue);
        let elements = self.elements(area, axis, red, green, blue);
        Ok(Tensor::from_f32(shape(area, axis), elements)?)
    }

    /// The whole image as a tensor of bytes.
    ///
    /// # Errors
    /// When the last row is not complete, which is a defect of the caller.
    pub(crate) fn to_byte_tensor(self, axis: ChannelAxis) -> Result<Tensor, ExecutorError> {
        let area = self.area();
        let elements =
            self.elements(area, axis, |[red, _, _]| red, |[_, green, _]| green, |[_, _, blue]| blue);
        Ok(Tensor::from_u8(shape(area, axis), elements)?)
    }

    /// The elements of a part of the image in the order of `axis`.
    fn elements<T>(
        self,
        area: Area,
        axis: ChannelAxis,
        red: impl Fn([u8; 3]) -> T,
        green: impl Fn([u8; 3]) -> T,
        blue: impl Fn([u8; 3]) -> T,
    ) -> Vec<T> {
        let rows = self.bytes.as_chunks::<3>().0.chunks_exact((self.width as usize).max(1));
        let rows = rows.skip(area.y).take(area.height);
        let rows = rows.map(|row| row.get(area.x..area.x + area.width).unwrap_or_default());
        let mut elements = Vec::with_capacity(area.width * area.height * 3);
        match axis {
            ChannelAxis::Last => {
                let interleaved = |row: &'a [[u8; 3]]| {
                    row.iter().flat_map(|&pixel| [red(pixel), green(pixel), blue(pixel)])
                };
                rows.for_each(|row| elements.extend(interleaved(row)));
            }
            ChannelAxis::First => {
                rows.clone().for_each(|row| elements.extend(row.iter().map(|&pixel| red(pixel))));
                rows.clone().for_each(|row| elements.extend(row.iter().map(|&pixel| green(pixel))));
                rows.for_each(|row| elements.extend(row.iter().map(|&pixel| blue(pixel))));
            }
        }
        elements
    }
}

fn shape(area: Area, axis: ChannelAxis) -> Vec<usize> {
    match axis {
        ChannelAxis::Last => vec![area.height, area.width, 3],
        ChannelAxis::First => vec![3, area.height, area.width],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_buffers_are_freed() {
        assert_eq!(reclaim_buffer(RgbImage::new(10, 10)).capacity(), 300);
        assert_eq!(reclaim_buffer(RgbImage::new(10_001, 1000)).capacity(), 0);
    }

    fn axis() -> impl Strategy<Value = ChannelAxis> {
        prop_oneof![Just(ChannelAxis::Last), Just(ChannelAxis::First)]
    }

    proptest! {
        #[test]
        fn pixels_survive_conversion_to_a_tensor_and_back(
            (width, height) in (1_u32..9, 1_u32..9),
            (axis, unit_range, seed) in (axis(), any::<bool>(), any::<u8>()),
        ) {
            let bytes = (0..width * height * 3).map(|at| (at * 37) as u8 ^ seed).collect();
            let image = RgbImage::from_raw(width, height, bytes).unwrap();
            let pixels = Pixels::from_image(&image);
            let (range, table) = match unit_range {
                true => (ValueRange::Unit, lookup_tables(to_unit)),
                false => (ValueRange::Bytes, lookup_tables(f32::from)),
            };
            let floats = pixels.to_tensor(pixels.area(), axis, &table).unwrap();
            prop_assert_eq!(&from_tensor(&floats, axis, range, Vec::new()).unwrap(), &image);
            let bytes = pixels.to_byte_tensor(axis).unwrap();
            prop_assert_eq!(&from_tensor(&bytes, axis, ValueRange::Auto, vec![9; 500]).unwrap(), &image);
            prop_assert_eq!(bytes.shape(), floats.shape());
        }
    }
}
