//! Undoes the multiplication of colours by alpha.

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageResult};

/// A decoder of an image whose colours are multiplied by alpha. It divides them by alpha, as Pillow does: in eight bits, and
/// to 0 where alpha is 0.
pub(super) struct StraightAlpha<D>(pub(super) D);

impl<D: ImageDecoder> ImageDecoder for StraightAlpha<D> {
    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.0.color_type()
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        self.0.orientation()
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let color = self.color_type();
        self.0.read_image(buffer)?;
        if color.has_alpha() {
            divide_by_alpha(buffer, color);
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

/// Divides the upper byte of each colour by that of alpha, the last channel.
fn divide_by_alpha(pixels: &mut [u8], color: ColorType) {
    let bytes = usize::from(color.bytes_per_pixel());
    let channel_bytes = bytes / usize::from(color.channel_count()).max(1);
    let upper = if cfg!(target_endian = "little") { channel_bytes.saturating_sub(1) } else { 0 };
    for pixel in pixels.chunks_exact_mut(bytes.max(1)) {
        let Some((colours, alpha)) = pixel.split_at_mut_checked(bytes - channel_bytes) else { continue };
        let alpha = alpha.get(upper).copied().map_or(0, u16::from);
        for colour in colours.iter_mut().skip(upper).step_by(channel_bytes.max(1)) {
            let divided = (u16::from(*colour) * 255).checked_div(alpha).unwrap_or(0);
            *colour = u8::try_from(divided).unwrap_or(u8::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_divided_by_alpha_in_eight_bits() {
        let mut pixels = [10, 20, 200, 100, 5, 6, 7, 0, 1, 2, 3, 255];
        divide_by_alpha(&mut pixels, ColorType::Rgba8);
        assert_eq!(pixels, [25, 51, 255, 100, 0, 0, 0, 0, 1, 2, 3, 255]);
        let wide = |values: [u16; 2]| values.map(u16::to_ne_bytes).concat();
        let mut pixel = wide([0x1000, 0x8000]);
        divide_by_alpha(&mut pixel, ColorType::La16);
        assert_eq!(pixel, wide([0x1f00, 0x8000]));
    }
}
