//! EXIF orientation: cameras store pixels as the sensor sees them, and the rotation as metadata.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

/// Treatment of the EXIF orientation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExifOrientation {
    /// Rotates and mirrors the image as viewers do.
    #[default]
    Apply,
    /// Keeps the stored pixels, as `PIL.Image.open` in Python does.
    Ignore,
}

impl From<bool> for ExifOrientation {
    /// The treatment for the parameter `exif` of executors.
    fn from(applies: bool) -> Self {
        if applies { Self::Apply } else { Self::Ignore }
    }
}

/// Rotates and mirrors an image by its orientation, unless `exif` ignores it.
pub(super) fn orient(image: RgbImage, orientation: Option<Orientation>, exif: ExifOrientation) -> RgbImage {
    match (orientation, exif) {
        (None | Some(Orientation::NoTransforms), _) | (_, ExifOrientation::Ignore) => image,
        (Some(orientation), ExifOrientation::Apply) => {
            let mut image = DynamicImage::ImageRgb8(image);
            image.apply_orientation(orientation);
            image.into_rgb8()
        }
    }
}
