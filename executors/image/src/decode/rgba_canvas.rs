//! Composes the frames of an animated WebP, like `WebPAnimDecoder` of libwebp.
//!
//! The canvas starts transparent. Colours of transparent pixels matter, because the result drops the alpha channel as
//! Pillow's `convert("RGB")` does.

use image::{RgbImage, Rgba, RgbaImage};

/// A decoded frame and its position on the canvas in pixels.
pub(super) struct PlacedFrame {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) image: RgbaImage,
    /// True if the frame's file has an alpha channel.
    pub(super) has_alpha: bool,
    /// True to blend the frame over the canvas, false to replace the pixels of its area.
    pub(super) blends: bool,
    /// True to make the frame's area transparent before the next frame.
    pub(super) disposes: bool,
}

/// Left, top, width and height in pixels.
type Area = [u32; 4];

fn contains([left, top, width, height]: Area, x: u32, y: u32) -> bool {
    (left..left + width).contains(&x) && (top..top + height).contains(&y)
}

/// The frame that was drawn last.
struct LastFrame {
    area: Area,
    /// True if it covered the whole canvas.
    is_full: bool,
    /// True if it did not depend on the frames before it.
    is_key: bool,
    disposes: bool,
}

/// The composed picture.
pub(super) struct RgbaCanvas {
    image: RgbaImage,
    last: Option<LastFrame>,
}

impl RgbaCanvas {
    /// A transparent picture.
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { image: RgbaImage::new(width, height), last: None }
    }

    /// Disposes of the last frame and draws the next. Pixels outside of the picture are ignored.
    pub(super) fn draw(&mut self, frame: &PlacedFrame) {
        let is_full = frame.image.dimensions() == self.image.dimensions();
        let is_key = self.is_key(frame, is_full);
        let disposed = self.last.as_ref().filter(|last| last.disposes).map(|last| last.area);
        if is_key {
            self.image.fill(0);
        } else if let Some(area) = disposed {
            self.clear(area);
        }
        for (x, y, &source) in frame.image.enumerate_pixels() {
            let (x, y) = (frame.left + x, frame.top + y);
            // Like libwebp, disposed pixels are replaced, so that transparent pixels keep their colour.
            let blends = frame.blends && !is_key && !disposed.is_some_and(|area| contains(area, x, y));
            if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
                *pixel = if blends { blend(source, *pixel) } else { source };
            }
        }
        let (width, height) = frame.image.dimensions();
        self.last = Some(LastFrame {
            area: [frame.left, frame.top, width, height],
            is_full,
            is_key,
            disposes: frame.disposes,
        });
    }

    /// Makes an area transparent.
    fn clear(&mut self, [left, top, width, height]: Area) {
        for (x, y) in (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y))) {
            if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
                *pixel = Rgba([0; 4]);
            }
        }
    }

    /// A key frame does not depend on the frames before it.
    fn is_key(&self, frame: &PlacedFrame, is_full: bool) -> bool {
        let Some(last) = &self.last else { return true };
        (is_full && (!frame.has_alpha || !frame.blends)) || (last.disposes && (last.is_full || last.is_key))
    }

    /// Copies the picture without its alpha channel to `picture`, which has the same size.
    pub(super) fn write_rgb(&self, picture: &mut RgbImage) {
        for (target, source) in picture.pixels_mut().zip(self.image.pixels()) {
            let [red, green, blue, _alpha] = source.0;
            target.0 = [red, green, blue];
        }
    }
}

/// Blends a pixel over another, both without premultiplied alpha, with the integer arithmetic of libwebp.
fn blend(source: Rgba<u8>, below: Rgba<u8>) -> Rgba<u8> {
    let [red, green, blue, alpha] = source.0.map(u32::from);
    let [below_red, below_green, below_blue, below_alpha] = below.0.map(u32::from);
    match alpha {
        0 => below,
        255 => source,
        _ => {
            let below_share = (below_alpha * (256 - alpha)) >> 8;
            let blended_alpha = alpha + below_share;
            let scale = (1 << 24) / blended_alpha;
            let channel = |own: u32, below: u32| (((own * alpha + below * below_share) * scale) >> 24) as u8;
            Rgba([
                channel(red, below_red),
                channel(green, below_green),
                channel(blue, below_blue),
                blended_alpha as u8,
            ])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [200, 0, 0, 255];
    const GREEN: [u8; 4] = [0, 200, 0, 255];
    const CLEAR: [u8; 4] = [9, 9, 9, 0];

    fn frame(left: u32, pixels: &[[u8; 4]], blends: bool, disposes: bool) -> PlacedFrame {
        let image = RgbaImage::from_raw(pixels.len() as u32, 1, pixels.as_flattened().to_vec()).unwrap();
        PlacedFrame { left, top: 0, image, has_alpha: true, blends, disposes }
    }

    /// The pixels of a 3 × 1 picture after each frame.
    fn composed(frames: &[PlacedFrame]) -> Vec<[[u8; 4]; 3]> {
        let mut canvas = RgbaCanvas::new(3, 1);
        frames
            .iter()
            .map(|frame| {
                canvas.draw(frame);
                [0, 1, 2].map(|x| canvas.image.get_pixel(x, 0).0)
            })
            .collect()
    }

    const NONE: [u8; 4] = [0; 4];

    #[test]
    fn a_disposed_frame_leaves_no_trail() {
        let frames =
            [frame(0, &[RED], true, true), frame(1, &[GREEN], true, true), frame(2, &[RED], true, false)];
        assert_eq!(composed(&frames), [[RED, NONE, NONE], [NONE, GREEN, NONE], [NONE, NONE, RED]]);
    }

    #[test]
    fn transparent_pixels_keep_the_canvas_only_if_blended() {
        let frames = [
            frame(0, &[RED, RED, RED], true, false),
            frame(0, &[CLEAR, GREEN], true, false),
            frame(1, &[CLEAR, GREEN], false, false),
        ];
        assert_eq!(composed(&frames), [[RED; 3], [RED, GREEN, RED], [RED, CLEAR, GREEN]]);
    }

    #[test]
    fn a_full_frame_that_replaces_everything_is_a_key_frame() {
        let frames = [
            frame(0, &[RED; 3], true, false),
            frame(0, &[CLEAR, GREEN, CLEAR], false, true),
            frame(0, &[RED], true, false),
        ];
        assert_eq!(composed(&frames), [[RED; 3], [CLEAR, GREEN, CLEAR], [RED, NONE, NONE]]);
    }

    #[test]
    fn half_transparent_pixels_are_mixed_as_in_libwebp() {
        assert_eq!(blend(Rgba([255, 0, 0, 128]), Rgba([0, 0, 255, 255])).0, [127, 0, 126, 255]);
        assert_eq!(blend(Rgba([255, 0, 0, 128]), Rgba([0; 4])).0, [255, 0, 0, 128]);
    }

    #[test]
    fn pixels_outside_of_the_picture_are_ignored() {
        assert_eq!(
            composed(&[frame(2, &[RED, GREEN], true, true), frame(0, &[RED], true, false)])[1],
            [RED, NONE, NONE]
        );
    }
}
