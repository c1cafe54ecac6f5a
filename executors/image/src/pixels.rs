//! Between image tensors and pixels of eight bits: what scaling, normalising and describing need.

use flowrun_sdk::{ErrorKind, ExecutorError, Tensor};
use image::RgbImage;

use crate::axis::ChannelAxis;
use crate::decode::PIXELS_MAX;
use crate::raster::{Area, sides};
use crate::value_range::{ValueRange, WHITE};

/// The most bytes that are kept from one image for the next: 10 megapixels. One huge image does not stay in memory.
pub(crate) const KEPT_BYTES_MAX: usize = 30_000_000;

/// The pixels of an image tensor; grey ones are repeated in the three channels. `buffer` becomes the image's, so that
/// a caller can use that of the image before.
///
/// # Errors
/// When the tensor is no image of one or three channels, or has numbers outside of `range`.
pub(crate) fn from_tensor(
    tensor: &Tensor,
    axis: ChannelAxis,
    range: ValueRange,
    mut buffer: Vec<u8>,
) -> Result<RgbImage, ExecutorError> {
    let (height, width, channels) = sides(tensor, axis)?;
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
            let scale = range.scale(&elements)?;
            interleave(&elements, channels, axis, &mut buffer, |element| scale.byte(element))?;
        }
    }
    // Both sides are below the bound, and the buffer was made to fit.
    RgbImage::from_raw(width as u32, height as u32, buffer)
        .ok_or_else(|| ExecutorError::new(ErrorKind::Internal, "the pixels do not fill the image"))
}

/// Writes the elements as red, green, blue, pixel by pixel.
fn interleave<T: Copy>(
    elements: &[T],
    channels: usize,
    axis: ChannelAxis,
    bytes: &mut [u8],
    byte: impl Fn(T) -> u8,
) -> Result<(), ExecutorError> {
    let pixels = bytes.as_chunks_mut::<3>().0.iter_mut();
    match (channels, axis) {
        (1, _) => pixels.zip(elements).for_each(|(pixel, &grey)| *pixel = [byte(grey); 3]),
        (3, ChannelAxis::Last) => {
            bytes.iter_mut().zip(elements).for_each(|(target, &element)| *target = byte(element));
        }
        (3, ChannelAxis::First) => {
            let (red, rest) = elements.split_at(elements.len() / 3);
            let (green, blue) = rest.split_at(rest.len() / 2);
            for (((pixel, &red), &green), &blue) in pixels.zip(red).zip(green).zip(blue) {
                *pixel = [byte(red), byte(green), byte(blue)];
            }
        }
        _ => {
            let reason = format_args!("an image must have 1 or 3 channels, but has {channels}");
            return Err(ExecutorError::input(reason));
        }
    }
    Ok(())
}

/// The buffer of an image for the next one, unless it is so large that it is better given back.
pub(crate) fn recycled(image: RgbImage) -> Vec<u8> {
    let buffer = image.into_raw();
    if buffer.capacity() > KEPT_BYTES_MAX { Vec::new() } else { buffer }
}

/// For each channel, the number that stands for each value of a byte.
pub(crate) type Tables = [[f32; 256]; 3];

/// The same number in every channel.
pub(crate) fn tables(number: impl Fn(u8) -> f32) -> Tables {
    [std::array::from_fn(|value| number(value as u8)); 3]
}

/// 0 to 1, divided in double precision as numpy does it.
pub(crate) fn unit(byte: u8) -> f32 {
    (f64::from(byte) / f64::from(WHITE)) as f32
}

/// Decoded or scaled pixels: red, green, blue, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixels<'a> {
    pub(crate) bytes: &'a [u8],
    /// Pixels in a row.
    pub(crate) width: u32,
}

impl<'a> Pixels<'a> {
    pub(crate) fn of(image: &'a RgbImage) -> Self {
        Self { bytes: image.as_raw(), width: image.width() }
    }

    /// All of them.
    pub(crate) fn whole(self) -> Area {
        let width = self.width as usize;
        Area { x: 0, y: 0, width, height: self.bytes.len() / (3 * width.max(1)) }
    }

    /// A part as a tensor of floats, looked up in `tables`.
    ///
    /// # Errors
    /// When the part does not lie within, which is a defect of the caller.
    pub(crate) fn to_tensor(
        self,
        area: Area,
        axis: ChannelAxis,
        tables: &Tables,
    ) -> Result<Tensor, ExecutorError> {
        let [reds, greens, blues] = tables;
        let number = |table: &[f32; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        let red = |[red, _, _]: [u8; 3]| number(reds, red);
        let green = |[_, green, _]: [u8; 3]| number(greens, green);
        let blue = |[_, _, blue]: [u8; 3]| number(blues, blue);
        let elements = self.arranged(area, axis, red, green, blue);
        Ok(Tensor::from_f32(shape(area, axis), elements)?)
    }

    /// All of them as a tensor of bytes.
    ///
    /// # Errors
    /// When the last row is not complete, which is a defect of the caller.
    pub(crate) fn to_byte_tensor(self, axis: ChannelAxis) -> Result<Tensor, ExecutorError> {
        let area = self.whole();
        let elements =
            self.arranged(area, axis, |[red, _, _]| red, |[_, green, _]| green, |[_, _, blue]| blue);
        Ok(Tensor::from_u8(shape(area, axis), elements)?)
    }

    /// The elements of a part in the order of `axis`.
    fn arranged<T>(
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
                let row_of = |row: &'a [[u8; 3]]| {
                    row.iter().flat_map(|&pixel| [red(pixel), green(pixel), blue(pixel)])
                };
                rows.for_each(|row| elements.extend(row_of(row)));
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
    fn large_buffers_are_given_back() {
        assert_eq!(recycled(RgbImage::new(10, 10)).capacity(), 300);
        assert_eq!(recycled(RgbImage::new(10_001, 1000)).capacity(), 0);
    }

    fn axis() -> impl Strategy<Value = ChannelAxis> {
        prop_oneof![Just(ChannelAxis::Last), Just(ChannelAxis::First)]
    }

    proptest! {
        #[test]
        fn pixels_survive_the_way_through_a_tensor(
            (width, height) in (1_u32..9, 1_u32..9),
            (axis, unit_range, seed) in (axis(), any::<bool>(), any::<u8>()),
        ) {
            let bytes = (0..width * height * 3).map(|at| (at * 37) as u8 ^ seed).collect();
            let image = RgbImage::from_raw(width, height, bytes).unwrap();
            let pixels = Pixels::of(&image);
            let (range, table) = match unit_range {
                true => (ValueRange::Unit, tables(unit)),
                false => (ValueRange::Bytes, tables(f32::from)),
            };
            let floats = pixels.to_tensor(pixels.whole(), axis, &table).unwrap();
            prop_assert_eq!(&from_tensor(&floats, axis, range, Vec::new()).unwrap(), &image);
            let bytes = pixels.to_byte_tensor(axis).unwrap();
            prop_assert_eq!(&from_tensor(&bytes, axis, ValueRange::Auto, vec![9; 500]).unwrap(), &image);
            prop_assert_eq!(bytes.shape(), floats.shape());
        }
    }
}
