//! Image preprocessing for neural networks: decodes, scales, crops, and writes numbers into the network's input tensor.
//!
//! Steps and results are those of Pillow and torchvision: `convert("RGB")`, `resize`, `center_crop`. Unlike there, the
//! EXIF orientation is applied unless [`PreprocessingSpec::exif`] ignores it. The networks themselves live in the ONNX
//! crate.

use std::mem::take;

use flowrun_sdk::{CallBudget, Document, ExecutorError, ResamplingFilter, with_part_id};
use image::RgbImage;

use crate::channel_axis::ChannelAxis;
use crate::decode::{self, ExifOrientation};
use crate::pixels;
use crate::resize::Resizer;
use crate::value_range::ValueRange;

/// Image input that a network expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreprocessingSpec {
    /// Height and width of the input, in pixels.
    pub size: [u32; 2],
    /// Length in pixels that the shorter side of an image is scaled to before the centre is cropped; must be at least both
    /// numbers of `size`. `None`: the image is scaled to `size` without keeping its aspect ratio.
    pub shorter_side: Option<u32>,
    /// Resampling filter.
    pub filter: ResamplingFilter,
    /// True if the input has the shape channels × height × width, false for height × width × channels.
    pub channels_first: bool,
    /// True if the tensors of documents have the shape channels × height × width.
    pub tensors_channels_first: bool,
    /// Treatment of the EXIF orientation of encoded images.
    pub exif: ExifOrientation,
}

/// Preprocesses images one after the other and reuses its buffers.
pub struct ImagePreprocessor {
    spec: PreprocessingSpec,
    resizer: Resizer,
    buffer: Vec<u8>,
}

impl ImagePreprocessor {
    /// A preprocessor for one network.
    #[must_use]
    pub fn new(spec: PreprocessingSpec) -> Self {
        Self { spec, resizer: Resizer::default(), buffer: Vec::new() }
    }

    /// Writes the image of a document to `output`, which holds 3 × height × width elements. Each byte of red, green and
    /// blue is converted by its own table in `tables`.
    ///
    /// # Errors
    /// When the document has no image, the image cannot be decoded or scaled, or the call has expired or been cancelled.
    pub fn preprocess<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &[[T; 256]; 3],
        output: &mut [T],
    ) -> Result<(), ExecutorError> {
        let image = self.load_image(document, budget).map_err(|error| with_part_id(document, error))?;
        let written = self.write(&image, tables, output);
        self.buffer = pixels::reclaim_buffer(image);
        written.map_err(|error| with_part_id(document, error))
    }

    fn load_image(&mut self, document: &Document, budget: &CallBudget) -> Result<RgbImage, ExecutorError> {
        let Some(tensor) = &document.tensor else {
            let content = decode::content(document)?;
            return decode::decode_image_checked(&content, self.spec.exif, || budget.check());
        };
        let axis = if self.spec.tensors_channels_first { ChannelAxis::First } else { ChannelAxis::Last };
        pixels::from_tensor(tensor, axis, ValueRange::Auto, take(&mut self.buffer))
    }

    fn write<T: Copy + Default>(
        &mut self,
        image: &RgbImage,
        [reds, greens, blues]: &[[T; 256]; 3],
        output: &mut [T],
    ) -> Result<(), ExecutorError> {
        let [height, width] = self.spec.size;
        let [scaled_height, scaled_width] = scaled_size(image.dimensions(), self.spec);
        let pixels = self.resizer.resize(image, scaled_height, scaled_width, self.spec.filter)?;
        let (top, left) = (crop_offset(scaled_height, height), crop_offset(scaled_width, width));
        let rows = pixels.as_chunks::<3>().0.chunks_exact((scaled_width as usize).max(1)).skip(top);
        let rows = rows.map(|row| row.get(left..left + width as usize).unwrap_or_default());
        let pixels = rows.take(height as usize).flatten();
        let number = |table: &[T; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        if !self.spec.channels_first {
            for (numbers, [red, green, blue]) in output.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                *numbers = [number(reds, *red), number(greens, *green), number(blues, *blue)];
            }
            return Ok(());
        }
        let plane = (height as usize * width as usize).min(output.len());
        let (red_plane, rest) = output.split_at_mut(plane);
        let (green_plane, blue_plane) = rest.split_at_mut(plane.min(rest.len()));
        for (((to_red, to_green), to_blue), [red, green, blue]) in
            red_plane.iter_mut().zip(green_plane).zip(blue_plane).zip(pixels)
        {
            (*to_red, *to_green, *to_blue) =
                (number(reds, *red), number(greens, *green), number(blues, *blue));
        }
        Ok(())
    }
}

/// Height and width of an image before it is cropped, computed as in torchvision's `resize`.
fn scaled_size((width, height): (u32, u32), spec: PreprocessingSpec) -> [u32; 2] {
    let Some(side) = spec.shorter_side else { return spec.size };
    let [height, width] = [height, width].map(|side| u64::from(side.max(1)));
    let longer = u64::from(side) * width.max(height) / width.min(height);
    let longer = u32::try_from(longer).unwrap_or(u32::MAX);
    if width <= height { [longer, side] } else { [side, longer] }
}

/// First row or column of a centre crop, computed as in torchvision's `center_crop`: halves are rounded to even.
fn crop_offset(side: u32, crop: u32) -> usize {
    let rest = side.saturating_sub(crop) as usize;
    match rest % 4 {
        3 => rest / 2 + 1,
        _ => rest / 2,
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{RequestParameters, Tensor};

    use super::*;

    const SPEC: PreprocessingSpec = PreprocessingSpec {
        size: [2, 2],
        shorter_side: Some(2),
        filter: ResamplingFilter::Bilinear,
        channels_first: true,
        tensors_channels_first: false,
        exif: ExifOrientation::Apply,
    };

    /// Maps a byte to itself plus 0, 1000 or 2000 by channel.
    fn tables() -> [[u16; 256]; 3] {
        [0, 1000, 2000].map(|shift| std::array::from_fn(|byte| byte as u16 + shift))
    }

    fn preprocessed(spec: PreprocessingSpec, tensor: Tensor) -> Vec<u16> {
        let none = RequestParameters::new();
        let call = flowrun_sdk::Call::new("/", Vec::new().into(), &none);
        let document = Document { tensor: Some(tensor), ..Document::new("a") };
        let mut output = vec![7; 12];
        ImagePreprocessor::new(spec).preprocess(&document, &call.budget(), &tables(), &mut output).unwrap();
        output
    }

    #[test]
    fn the_centre_is_cropped_and_written_in_the_axis_order_of_the_network() {
        // Two rows of five pixels, numbered by their bytes.
        let tensor = Tensor::from_u8(vec![2, 5, 3], (0..30).collect()).unwrap();
        let first = preprocessed(SPEC, tensor.clone());
        // The margin is three columns; its half is rounded to even, so two of them are on the left.
        assert_eq!(first, [6, 9, 21, 24, 1007, 1010, 1022, 1025, 2008, 2011, 2023, 2026]);
        let last = preprocessed(PreprocessingSpec { channels_first: false, ..SPEC }, tensor);
        assert_eq!(last, [6, 1007, 2008, 9, 1010, 2011, 21, 1022, 2023, 24, 1025, 2026]);
    }

    #[test]
    fn sizes_and_offsets_equal_those_of_torchvision() {
        let side = |side| PreprocessingSpec { shorter_side: Some(side), ..SPEC };
        assert_eq!(scaled_size((640, 480), side(256)), [256, 341]);
        assert_eq!(scaled_size((480, 640), side(256)), [341, 256]);
        assert_eq!(scaled_size((1, 1), side(224)), [224, 224]);
        assert_eq!(scaled_size((3, 9), PreprocessingSpec { shorter_side: None, ..SPEC }), [2, 2]);
        assert_eq!([0, 1, 2, 3, 5, 7].map(|rest| crop_offset(10 + rest, 10)), [0, 0, 1, 2, 2, 4]);
        assert_eq!(crop_offset(1, 10), 0);
    }
}
