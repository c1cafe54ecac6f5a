//! Scaling agrees with Pillow up to rounding.

use flowrun_image::resize::Resizer;
use flowrun_sdk::ResamplingFilter;
use proptest::prelude::*;

use crate::fixtures::{difference, image};

const FILTERS: [ResamplingFilter; 6] = [
    ResamplingFilter::Nearest,
    ResamplingFilter::Box,
    ResamplingFilter::Bilinear,
    ResamplingFilter::Hamming,
    ResamplingFilter::Bicubic,
    ResamplingFilter::Lanczos,
];

#[test]
fn every_filter_agrees_with_pillow_up_to_rounding_and_bicubic_exactly() {
    let scene = image::imageops::crop_imm(&image("rgb.png"), 0, 0, 63, 47).to_image();
    let mut resizer = Resizer::default();
    for filter in FILTERS {
        for (width, height) in [(96, 96), (24, 18), (31, 57)] {
            let expected = image(&format!("{}_{width}x{height}.expected.png", filter.name()));
            let scaled = resizer.resize(&scene, height, width, filter).unwrap();
            let difference = difference(scaled, &expected);
            let tolerance = u8::from(filter != ResamplingFilter::Bicubic);
            assert!(difference <= tolerance, "{} to {width} × {height}: {difference}", filter.name());
        }
    }
}

#[test]
fn scaling_to_the_same_size_changes_nothing() {
    let scene = image("rgb.png");
    for filter in FILTERS {
        assert_eq!(Resizer::default().resize(&scene, 48, 64, filter).unwrap(), scene.as_raw());
    }
}

#[test]
fn empty_and_oversized_results_are_rejected() {
    let scene = image("rgb.png");
    for (height, width) in [(0, 5), (5, 0), (20_000, 20_000), (1, 65_535 * 65_535)] {
        let error =
            Resizer::default().resize(&scene, height, width, ResamplingFilter::Box).unwrap_err().to_string();
        assert!(error.ends_with("1 to 100000000 pixels are allowed"), "{error}");
    }
}

proptest! {
    #[test]
    fn scaling_commutes_with_rotation_by_180_degrees(
        (width, height, seed) in (1_u32..30, 1_u32..30, any::<u32>()),
        (to_width, to_height, filter) in (1_u32..40, 1_u32..40, 2..FILTERS.len()),
    ) {
        let byte = |at: u32| (seed.rotate_left(at % 32) ^ at.wrapping_mul(2_654_435_761)) as u8;
        let bytes = (0..width * height * 3).map(byte).collect();
        let source = image::RgbImage::from_raw(width, height, bytes).unwrap();
        let turned = image::imageops::rotate180(&source);
        let mut resizer = Resizer::default();
        let scaled = resizer.resize(&source, to_height, to_width, FILTERS[filter]).unwrap().to_vec();
        let backwards = resizer.resize(&turned, to_height, to_width, FILTERS[filter]).unwrap();
        let restored: Vec<u8> = backwards.as_chunks::<3>().0.iter().rev().flatten().copied().collect();
        // Rows are rounded before columns are scaled, and ties are rounded up in both orientations.
        prop_assert!(difference(&scaled, &restored) <= 2);
    }

    #[test]
    fn uniform_images_stay_uniform(
        (width, height, colour) in (1_u32..40, 1_u32..40, any::<[u8; 3]>()),
        (to_width, to_height, filter) in (1_u32..60, 1_u32..60, 0..FILTERS.len()),
    ) {
        let source = image::RgbImage::from_pixel(width, height, image::Rgb(colour));
        let mut resizer = Resizer::default();
        let scaled = resizer.resize(&source, to_height, to_width, FILTERS[filter]).unwrap();
        prop_assert_eq!(scaled.len(), (to_width * to_height * 3) as usize);
        prop_assert!(scaled.as_chunks::<3>().0.iter().all(|&pixel| difference(&pixel, &colour) <= 1));
    }
}
