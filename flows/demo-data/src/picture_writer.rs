//! Encodes a picture as JPEG, PNG, WebP or BMP with the encoders of the `image` crate.

use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageError};

use crate::canvas::Canvas;
use crate::seeded_rng::SeededRng;

/// A format and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    /// JPEG with the given quality, 1 to 100.
    Jpeg(u8),
    Png,
    /// Lossless WebP, the only mode of the encoder.
    WebP,
    Bmp,
}

impl PictureFormat {
    /// Chooses a random format; formats with small files are more frequent.
    pub(crate) fn draw(rng: &mut SeededRng) -> Self {
        match rng.below(100) {
            0..55 => Self::Jpeg(rng.integer(60, 95) as u8),
            55..75 => Self::Png,
            75..92 => Self::WebP,
            _ => Self::Bmp,
        }
    }

    /// File name extension.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg(_) => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
        }
    }
}

/// Encodes a picture.
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
    use crate::flower::draw;
    use crate::flower_class::FLOWER_CLASSES;
    use crate::seeded_rng::Purpose;

    /// Largest difference of a channel between the picture and the decoded file.
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
    fn written_pictures_decode_to_the_original() {
        let picture = draw(FLOWER_CLASSES[11], &mut SeededRng::new(1, Purpose::Picture, 4));
        for format in [PictureFormat::Png, PictureFormat::WebP, PictureFormat::Bmp] {
            assert_eq!(error(&picture, format), 0, "{format:?}");
        }
        let losses = [95, 60].map(|quality| error(&picture, PictureFormat::Jpeg(quality)));
        assert!(losses[0] > 0 && losses[1] > losses[0] && losses[1] < 200, "{losses:?}");
    }

    #[test]
    fn every_format_occurs() {
        let mut rng = SeededRng::new(0, Purpose::Picture, 0);
        let mut extensions: Vec<&str> = (0..100).map(|_| PictureFormat::draw(&mut rng).extension()).collect();
        extensions.sort_unstable();
        extensions.dedup();
        assert_eq!(extensions, ["bmp", "jpg", "png", "webp"]);
    }
}
