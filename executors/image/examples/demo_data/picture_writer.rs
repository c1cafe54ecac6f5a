//! Writes a picture as JPEG, PNG, WebP or BMP. The encoders are those of the `image` crate.

use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageError};

use crate::canvas::Canvas;
use crate::dice::Dice;

/// A format and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    /// With that quality, 1 to 100.
    Jpeg(u8),
    Png,
    /// Lossless: the encoder knows no other.
    WebP,
    Bmp,
}

impl PictureFormat {
    /// Any format, those that make small files more often.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..55 => Self::Jpeg(dice.integer(60, 95) as u8),
            55..75 => Self::Png,
            75..92 => Self::WebP,
            _ => Self::Bmp,
        }
    }

    /// The extension of its files.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg(_) => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
        }
    }
}

/// The picture in that format.
pub(crate) fn write(picture: &Canvas, format: PictureFormat) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let pixels = picture.to_rgb();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let rgb = ExtendedColorType::Rgb8;
    match format {
        PictureFormat::Jpeg(quality) => {
            JpegEncoder::new_with_quality(&mut bytes, quality).write_image(&pixels, width, height, rgb)?;
        }
        PictureFormat::Png => PngEncoder::new(&mut bytes).write_image(&pixels, width, height, rgb)?,
        PictureFormat::WebP => {
            WebPEncoder::new_lossless(&mut bytes).write_image(&pixels, width, height, rgb)?;
        }
        PictureFormat::Bmp => BmpEncoder::new(&mut bytes).write_image(&pixels, width, height, rgb)?,
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::dice::Purpose;
    use crate::flower::draw;
    use crate::flower_class::FLOWER_CLASSES;

    /// The greatest difference of a channel between the picture and what is read back.
    fn error(picture: &Canvas, format: PictureFormat) -> u8 {
        let bytes = write(picture, format).unwrap();
        let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
        assert_eq!(reader.format().unwrap().extensions_str()[0], format.extension());
        let read = reader.decode().unwrap().into_rgb8();
        assert_eq!((read.width() as usize, read.height() as usize), (picture.width(), picture.height()));
        let pairs = read.as_raw().iter().zip(picture.to_rgb());
        pairs.map(|(read, drawn)| read.abs_diff(drawn)).max().unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let picture = draw(FLOWER_CLASSES[11], &mut Dice::new(1, Purpose::Picture, 4));
        for format in [PictureFormat::Png, PictureFormat::WebP, PictureFormat::Bmp] {
            assert_eq!(error(&picture, format), 0, "{format:?}");
        }
        let losses = [95, 60].map(|quality| error(&picture, PictureFormat::Jpeg(quality)));
        assert!(losses[0] > 0 && losses[1] > losses[0] && losses[1] < 200, "{losses:?}");
    }

    #[test]
    fn every_format_occurs() {
        let mut dice = Dice::new(0, Purpose::Picture, 0);
        let mut extensions: Vec<&str> =
            (0..100).map(|_| PictureFormat::draw(&mut dice).extension()).collect();
        extensions.sort_unstable();
        extensions.dedup();
        assert_eq!(extensions, ["bmp", "jpg", "png", "webp"]);
    }
}
