//! Pictures made ready for a network: decoded, scaled, cut, and written as numbers where the network will read them.
//!
//! The steps are those of Pillow and torchvision, and their results too: `convert("RGB")`, `resize`, `center_crop`. As
//! there, a picture is not turned by what its EXIF data say. What is deliberately not here: networks.

use std::mem::take;

use flowrun_sdk::{CallBudget, Document, ExecutorError};
use image::RgbImage;

use crate::axis::ChannelAxis;
use crate::decode;
use crate::named::named;
use crate::pixels;
use crate::resize::{Filter, Resizer};
use crate::value_range::ValueRange;

/// What a network wants of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// The pixels that it looks at: height and width.
    pub size: [u32; 2],
    /// The shorter side that a picture is scaled to before its middle is cut out. `None`: it is stretched to the size.
    pub shorter_side: Option<u32>,
    /// How it is scaled.
    pub filter: Filter,
    /// Whether the numbers are channels × height × width rather than height × width × channels.
    pub channels_first: bool,
    /// Whether the tensors of documents are channels × height × width.
    pub tensors_channels_first: bool,
}

/// Makes pictures ready, one after the other; its buffers are kept from one to the next.
pub struct Preparer {
    wanted: Preparation,
    resizer: Resizer,
    buffer: Vec<u8>,
}

impl Preparer {
    /// One that makes what is wanted.
    #[must_use]
    pub fn new(wanted: Preparation) -> Self {
        Self { wanted, resizer: Resizer::default(), buffer: Vec::new() }
    }

    /// Writes the picture of a document to `place`, which has room for the pixels that are wanted. What is written for a
    /// byte of red, green or blue is looked up in `tables`.
    ///
    /// # Errors
    /// When the document has no picture, or one that cannot be read or scaled.
    pub fn prepare<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &[[T; 256]; 3],
        place: &mut [T],
    ) -> Result<(), ExecutorError> {
        let image = self.picture(document, budget).map_err(|error| named(document, error))?;
        let written = self.write(&image, tables, place);
        self.buffer = pixels::recycled(image);
        written.map_err(|error| named(document, error))
    }

    fn picture(&mut self, document: &Document, budget: &CallBudget) -> Result<RgbImage, ExecutorError> {
        let Some(tensor) = &document.tensor else {
            return decode::still_while(&decode::content(document)?, || budget.check());
        };
        let axis = if self.wanted.tensors_channels_first { ChannelAxis::First } else { ChannelAxis::Last };
        pixels::from_tensor(tensor, axis, ValueRange::Auto, take(&mut self.buffer))
    }

    fn write<T: Copy + Default>(
        &mut self,
        image: &RgbImage,
        [reds, greens, blues]: &[[T; 256]; 3],
        place: &mut [T],
    ) -> Result<(), ExecutorError> {
        let [height, width] = self.wanted.size;
        let [scaled_height, scaled_width] = scaled_size(image.dimensions(), self.wanted);
        let pixels = self.resizer.resize(image, scaled_height, scaled_width, self.wanted.filter)?;
        let (top, left) = (offset(scaled_height, height), offset(scaled_width, width));
        let rows = pixels.as_chunks::<3>().0.chunks_exact((scaled_width as usize).max(1)).skip(top);
        let rows = rows.map(|row| row.get(left..left + width as usize).unwrap_or_default());
        let pixels = rows.take(height as usize).flatten();
        let number = |table: &[T; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        if !self.wanted.channels_first {
            for (numbers, [red, green, blue]) in place.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                *numbers = [number(reds, *red), number(greens, *green), number(blues, *blue)];
            }
            return Ok(());
        }
        let plane = (height as usize * width as usize).min(place.len());
        let (red_plane, rest) = place.split_at_mut(plane);
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

/// Height and width of a picture before it is cut, as torchvision's `resize` has them.
fn scaled_size((width, height): (u32, u32), wanted: Preparation) -> [u32; 2] {
    let Some(side) = wanted.shorter_side else { return wanted.size };
    let [height, width] = [height, width].map(|side| u64::from(side.max(1)));
    let longer = u64::from(side) * width.max(height) / width.min(height);
    let longer = u32::try_from(longer).unwrap_or(u32::MAX);
    if width <= height { [longer, side] } else { [side, longer] }
}

/// Where the middle begins, as torchvision's `center_crop` has it: halves go to the even number.
fn offset(side: u32, cut: u32) -> usize {
    let rest = side.saturating_sub(cut) as usize;
    match rest % 4 {
        3 => rest / 2 + 1,
        _ => rest / 2,
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{RequestParameters, Tensor};

    use super::*;

    const WANTED: Preparation = Preparation {
        size: [2, 2],
        shorter_side: Some(2),
        filter: Filter::Bilinear,
        channels_first: true,
        tensors_channels_first: false,
    };

    /// Bytes as they are, shifted by the channel.
    fn tables() -> [[u16; 256]; 3] {
        [0, 1000, 2000].map(|shift| std::array::from_fn(|byte| byte as u16 + shift))
    }

    fn prepared(wanted: Preparation, tensor: Tensor) -> Vec<u16> {
        let none = RequestParameters::new();
        let call = flowrun_sdk::Call::new("/", Vec::new().into(), &none);
        let document = Document { tensor: Some(tensor), ..Document::new("a") };
        let mut place = vec![7; 12];
        Preparer::new(wanted).prepare(&document, &call.budget(), &tables(), &mut place).unwrap();
        place
    }

    #[test]
    fn the_middle_is_cut_out_and_written_in_the_order_of_the_network() {
        // Two rows of five pixels, numbered by their bytes.
        let tensor = Tensor::from_u8(vec![2, 5, 3], (0..30).collect()).unwrap();
        let first = prepared(WANTED, tensor.clone());
        // Three columns are left: halves go to the even number, so two of them are on the left.
        assert_eq!(first, [6, 9, 21, 24, 1007, 1010, 1022, 1025, 2008, 2011, 2023, 2026]);
        let last = prepared(Preparation { channels_first: false, ..WANTED }, tensor);
        assert_eq!(last, [6, 1007, 2008, 9, 1010, 2011, 21, 1022, 2023, 24, 1025, 2026]);
    }

    #[test]
    fn sizes_are_those_of_torchvision() {
        let side = |side| Preparation { shorter_side: Some(side), ..WANTED };
        assert_eq!(scaled_size((640, 480), side(256)), [256, 341]);
        assert_eq!(scaled_size((480, 640), side(256)), [341, 256]);
        assert_eq!(scaled_size((1, 1), side(224)), [224, 224]);
        assert_eq!(scaled_size((3, 9), Preparation { shorter_side: None, ..WANTED }), [2, 2]);
        assert_eq!([0, 1, 2, 3, 5, 7].map(|rest| offset(10 + rest, 10)), [0, 0, 1, 2, 2, 4]);
        assert_eq!(offset(1, 10), 0);
    }
}
